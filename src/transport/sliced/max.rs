//! Max-sliced W_p: the direction along which two clouds differ most.

use crate::error::check_range;
use crate::float::Float;
use crate::numeric::parallel;
use crate::transport::line::pairing;
use crate::transport::order::Order;
use crate::transport::sliced::frame::{Frame, projection_error};
use crate::transport::sliced::unit_into;
use crate::transport::{TransportError, check};
use ndarray::{Array1, Array2, ArrayRef2, Axis};
use rand::RngCore;
use std::fmt;

/// Max-sliced W_p by projected gradient ascent on the sphere from several starts.
///
/// ```math
/// \max_{\lVert\theta\rVert = 1} W_p(\theta_\# \mu, \theta_\# \nu) \le W_p(\mu, \nu)
/// ```
///
/// The gradient of W_p^p(θ) is p E[|g|^{p−1} sign(g) (x − y)] over the sorted pairing, g = θ·(x − y). The maximum found is a local one;
/// every direction, optimal or not, gives a lower bound on W_p between the two empirical measures, [`MaxSlicedDistance::lower`]. As an estimate for the laws behind
/// the samples it is biased upwards, by order √(d/n) when they agree.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::transport::MaxSliced;
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let (x, y) = (array![[0.0, 0.0], [1.0, 0.0]], array![[3.0, 4.0], [4.0, 4.0]]);
/// // A translation is found exactly: W_1 = 5 along (3, 4)/5.
/// let best = MaxSliced::new(1.0)?.measure(&x, &y, &mut rng)?;
/// assert!((best.distance - 5.0).abs() < 1e-9);
/// assert!((best.direction[0].abs() - 0.6).abs() < 1e-4);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Deshpande et al., "Max-sliced Wasserstein distance and its use for GANs", CVPR 2019, arXiv 1904.05877.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaxSliced {
    order: Order,
    starts: usize,
    iterations: usize,
}

/// A direction and the distance of the two clouds along it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct MaxSlicedDistance {
    /// W_p along `direction`.
    pub distance: f64,
    /// `distance` less a bound on its rounding error: a lower bound on W_p between the two empirical measures.
    pub lower: f64,
    /// The unit vector θ.
    pub direction: Array1<f64>,
    /// Gradient steps of all starts together.
    pub iterations: usize,
}

impl fmt::Display for MaxSlicedDistance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "W_p ≥ {:.6e} along {:.3}", self.lower, self.direction)
    }
}

impl MaxSliced {
    /// For `order` p ≥ 1, from 8 starts of at most 100 steps each. The first start is the difference of the means.
    ///
    /// # Errors
    /// p is NaN, infinite or below 1.
    ///
    /// ```
    /// assert!(onestep::transport::MaxSliced::new(0.0).is_err());
    /// ```
    pub fn new(order: f64) -> Result<Self, TransportError> {
        Ok(Self { order: Order::new(order)?, starts: 8, iterations: 100 })
    }

    /// The number of starts, at least 1.
    ///
    /// ```
    /// use ndarray::array;
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let one = onestep::transport::MaxSliced::new(2.0).unwrap().starts(1);
    /// let d = one.measure(&array![[0.0]], &array![[2.0]], &mut rng).unwrap();
    /// assert_eq!(d.distance, 2.0);
    /// ```
    #[must_use]
    pub fn starts(self, starts: usize) -> Self {
        Self { starts, ..self }
    }

    /// The largest number of gradient steps of each start.
    ///
    /// ```
    /// use ndarray::array;
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let none = onestep::transport::MaxSliced::new(2.0).unwrap().iterations(0);
    /// assert_eq!(none.measure(&array![[0.0]], &array![[2.0]], &mut rng).unwrap().iterations, 0);
    /// ```
    #[must_use]
    pub fn iterations(self, iterations: usize) -> Self {
        Self { iterations, ..self }
    }

    /// The best direction found between two clouds with equal weights, of any sizes.
    ///
    /// # Errors
    /// No starts; a cloud is empty or holds NaN or ∞, or the clouds differ in dimension.
    ///
    /// ```
    /// use ndarray::array;
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let x = array![[1.0, 2.0], [0.0, 1.0]];
    /// assert_eq!(onestep::transport::MaxSliced::new(1.0).unwrap().measure(&x, &x, &mut rng).unwrap().distance, 0.0);
    /// ```
    pub fn measure<F: Float>(
        &self,
        x: &ArrayRef2<F>,
        y: &ArrayRef2<F>,
        rng: &mut dyn RngCore,
    ) -> Result<MaxSlicedDistance, TransportError> {
        check_range("starts", self.starts, self.starts > 0, "[1, inf)")?;
        check::clouds(x, y)?;
        let Frame { x, y, unit, radius } = Frame::new(&x.mapv(Float::as_f64), &y.mapv(Float::as_f64));
        let ascent = Ascent { order: self.order, x, y };
        let starts = self.draw_starts(&ascent, rng);
        let ends = parallel::map(starts.len(), |k| ascent.climb(starts[k].clone(), self.iterations));
        let iterations = ends.iter().map(|e| e.2).sum();
        let best = ends.into_iter().reduce(|best, end| if end.1 > best.1 { end } else { best });
        let Some((direction, distance, _)) = best else { unreachable!("at least one start is made") };
        let error = 2.0 * projection_error::<f64>(direction.len(), radius)
            + f64::EPSILON * (64 + ascent.x.nrows() + ascent.y.nrows()) as f64 * distance;
        let lower = if distance > error { (distance - error) * unit } else { 0.0 };
        let distance = distance * unit;
        check_range("the distance", distance, distance.is_finite(), "the range of f64")?;
        Ok(MaxSlicedDistance { distance, lower, direction, iterations })
    }

    fn draw_starts(&self, ascent: &Ascent, rng: &mut dyn RngCore) -> Vec<Array1<f64>> {
        let dim = ascent.x.ncols();
        let mean = |c: &Array2<f64>| c.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(dim));
        let shift = mean(&ascent.x) - mean(&ascent.y);
        let mut starts: Vec<_> = normalised(shift).into_iter().collect();
        while starts.len() < self.starts {
            let mut direction = vec![0.0; dim];
            unit_into(&mut direction, rng);
            starts.push(direction.into());
        }
        starts
    }
}

fn normalised(v: Array1<f64>) -> Option<Array1<f64>> {
    let norm = v.dot(&v).sqrt();
    (norm > 0.0).then(|| v / norm)
}

#[derive(Debug)]
struct Ascent {
    order: Order,
    x: Array2<f64>,
    y: Array2<f64>,
}

/// A step that gains less than this part of W_p^p ends the ascent.
const GAIN: f64 = 1e-10;

impl Ascent {
    /// W_p along `direction`, and a positive multiple of its gradient. Powers are taken in units of the largest gap.
    fn distance_and_gradient(&self, direction: &Array1<f64>) -> (f64, Array1<f64>) {
        let (px, py) = (self.x.dot(direction), self.y.dot(direction));
        let (mut row_weight, mut column_weight) = (Array1::zeros(px.len()), Array1::zeros(py.len()));
        let (sx, sy) = (px.as_slice().unwrap_or(&[]), py.as_slice().unwrap_or(&[]));
        let (mut cost, mut largest) = (0.0, 0.0_f64);
        pairing(sx, sy, &mut |i, j, _| largest = largest.max((px[i] - py[j]).abs()));
        let unit = if largest > 0.0 { largest } else { 1.0 };
        pairing(sx, sy, &mut |i, j, mass| {
            let gap = (px[i] - py[j]) / unit;
            let power = mass * self.order.power(gap);
            cost += power;
            if gap != 0.0 {
                row_weight[i] += power / gap;
                column_weight[j] += power / gap;
            }
        });
        (unit * self.order.root(cost), row_weight.dot(&self.x) - column_weight.dot(&self.y))
    }

    /// Ascends from `direction`; the result is the best direction, its distance and the number of steps.
    fn climb(&self, direction: Array1<f64>, iterations: usize) -> (Array1<f64>, f64, usize) {
        let mut at = direction;
        let (mut distance, mut gradient) = self.distance_and_gradient(&at);
        let gain = 1.0 + GAIN / self.order.value();
        for step in 0..iterations {
            let Some(ahead) = normalised(gradient.clone()) else { return (at, distance, step) };
            let mut blend = 1.0;
            let mut found = None;
            // The full step goes to the gradient's own direction, the maximiser for the present pairing linearised.
            for _ in 0..20 {
                let Some(trial) = normalised(&at * (1.0 - blend) + &ahead * blend) else { break };
                let (value, slope) = self.distance_and_gradient(&trial);
                if value > distance * gain {
                    found = Some((trial, value, slope));
                    break;
                }
                blend *= 0.5;
            }
            match found {
                Some(next) => (at, distance, gradient) = next,
                None => return (at, distance, step),
            }
        }
        (at, distance, iterations)
    }
}
