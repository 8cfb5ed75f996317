//! Sliced W_p: averages of W_p on the line over directions, and the lower bounds on W_p they give.

mod frame;
mod max;

pub use max::{MaxSliced, MaxSlicedDistance};

use crate::error::{check_equal, check_range};
use crate::estimate::Estimate;
use crate::float::Float;
use crate::numeric::dense::panels::Panels;
use crate::numeric::parallel;
use crate::transport::check::{self, CLOUDS};
use crate::transport::line::Sorted;
use crate::transport::order::{Order, finite, scaled, widened};
use crate::transport::sliced::frame::Frame;
use crate::transport::{Line, Measure, TransportError};
use ndarray::{Array2, ArrayRef2, ArrayViewMut2, Axis};
use rand::RngCore;
use std::fmt;

/// Sliced W_p by Monte Carlo over a fixed set of directions.
///
/// ```math
/// SW_p^p(\mu, \nu) = \int_{S^{d-1}} W_p^p(\theta_\# \mu, \theta_\# \nu) \, d\sigma(\theta)
/// ```
///
/// The directions are drawn once, when the value is made: two distances measured with the same `Sliced` use the same directions, so
/// their difference carries no noise of the directions.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::transport::Sliced;
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let sliced = Sliced::new(2.0, 2, 64, &mut rng)?;
/// // A translation by z: SW_2² = E(θ·z)² = ‖z‖²/d, and every orthogonal pair of directions gives it exactly.
/// let d = sliced.measure(&array![[0.0, 0.0], [1.0, 0.0]], &array![[3.0, 4.0], [4.0, 4.0]])?;
/// assert!((d.distance.value - 5.0 / 2f64.sqrt()).abs() < 1e-12);
/// assert!((d.lower_bound.value - 5.0).abs() < 1e-12);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Rabin, Peyré, Delon and Bernot, "Wasserstein barycenter and its application to texture mixing", SSVM 2011; Bonneel, Rabin, Peyré and
/// Pfister, J. Math. Imaging Vision 51 (2015).
#[doc(alias = "sliced Wasserstein distance")]
#[derive(Debug, Clone, PartialEq)]
pub struct Sliced {
    order: Order,
    directions: Array2<f64>,
}

/// A sliced distance and the lower bound on W_p that it gives.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SlicedDistance {
    /// SW_p^p: the mean over directions; 0 or ∞ where the p-th power leaves the range of `f64`.
    pub cost: Estimate,
    /// SW_p.
    pub distance: Estimate,
    /// SW_p / (E|θ_1|^p)^{1/p} ≤ W_p. The factor 1/(E|θ_1|^p)^{1/p} is √d for p = 2 and √π Γ((d+1)/2)/Γ(d/2) for p = 1.
    pub lower_bound: Estimate,
}

impl fmt::Display for SlicedDistance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SW_p = {}, hence W_p ≥ {} (95 % over {} directions)", self.distance, self.lower_bound, self.distance.evaluations)
    }
}

/// Most coordinates of all directions together: 2 GiB.
const MOST_NUMBERS: usize = 1 << 28;
/// Directions of one matrix product: enough that reading the cloud costs little beside the product, few enough to share among threads.
const BLOCK: usize = 24;

impl Sliced {
    /// SW_p of `order` p on ℝ^`dim` with `count` directions in orthogonal blocks: every `dim` successive directions are an orthonormal
    /// basis drawn from the Haar measure (the last block may be part of one). Each direction is uniform on the sphere.
    ///
    /// # Errors
    /// p < 1, `dim` = 0 or `count` = 0, more than 2²⁸ numbers `dim` · `count`.
    ///
    /// ```
    /// use onestep::transport::Sliced;
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let sliced = Sliced::new(1.0, 3, 7, &mut rng)?;
    /// let d = sliced.directions();
    /// assert_eq!(d.dim(), (7, 3));
    /// assert!(d.row(0).dot(&d.row(2)).abs() < 1e-15 && (d.row(6).dot(&d.row(6)) - 1.0).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(order: f64, dim: usize, count: usize, rng: &mut dyn RngCore) -> Result<Self, TransportError> {
        let mut sliced = Self::independent(order, dim, count, rng)?;
        for mut block in sliced.directions.axis_chunks_iter_mut(Axis(0), dim) {
            orthonormalise(&mut block);
        }
        Ok(sliced)
    }

    /// The same with independent directions.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// ```
    /// use onestep::transport::Sliced;
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!(Sliced::independent(1.0, 3, 0, &mut rng).is_err());
    /// assert!(Sliced::independent(0.0, 3, 1, &mut rng).is_err());
    /// ```
    pub fn independent(order: f64, dim: usize, count: usize, rng: &mut dyn RngCore) -> Result<Self, TransportError> {
        let order = Order::new(order)?;
        for (name, value) in [("dim", dim), ("directions", count)] {
            check_range(name, value, (1..=MOST_NUMBERS).contains(&value), "[1, 268435456]")?;
        }
        check_range("dim times directions", dim.saturating_mul(count), dim.saturating_mul(count) <= MOST_NUMBERS, "[1, 268435456]")?;
        let mut directions = Array2::zeros((count, dim));
        for mut row in directions.rows_mut() {
            unit_into(row.as_slice_mut().unwrap_or(&mut []), rng);
        }
        Ok(Self { order, directions })
    }

    /// The directions, one unit vector a row.
    ///
    /// ```
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let sliced = onestep::transport::Sliced::new(1.0, 1, 5, &mut rng).unwrap();
    /// assert!(sliced.directions().iter().all(|c| c.abs() == 1.0));
    /// ```
    #[must_use]
    pub fn directions(&self) -> &ArrayRef2<f64> {
        &self.directions
    }

    /// The order p.
    ///
    /// ```
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert_eq!(onestep::transport::Sliced::new(2.0, 1, 5, &mut rng).unwrap().order(), 2.0);
    /// ```
    #[must_use]
    pub fn order(&self) -> f64 {
        self.order.value()
    }

    /// SW_p between two clouds of any sizes, weighted or not.
    ///
    /// # Errors
    /// A cloud is empty or holds NaN or ∞; its columns are not the `dim` of the directions; weights that are not one a row, nonnegative, finite
    /// and of sum one (within [`weight_tolerance`](crate::error::weight_tolerance)).
    ///
    /// # Accuracy
    /// Exact along each direction, projections in the precision of `F` of clouds centred together. The standard error is that of independent
    /// directions; orthogonal blocks do better than it says. Intervals are of 95 %, by Student's quantile, and wider by a bound on the rounding
    /// error of everything, projections included; `value` is not corrected for it. They cover the choice of directions, not the sampling of the
    /// clouds: `lower_bound.lower` is a lower confidence limit on W_p between the clouds at 97.5 %.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::transport::{Measure, Sliced};
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let x = array![[1.0_f32, 2.0], [0.0, 1.0], [5.0, 0.0]];
    /// let sliced = Sliced::new(2.0, 2, 8, &mut rng)?;
    /// let d = sliced.measure(&x, &x)?;
    /// assert_eq!((d.cost.value, d.cost.std_error), (0.0, 0.0));
    /// let (x, y) = (array![[0.0, 0.0], [9.0, 9.0]], array![[0.0, 2.0]]);
    /// let d = sliced.measure(Measure::weighted(&x, &[1.0, 0.0]), &y)?;
    /// assert!((d.lower_bound.value - 2.0).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn measure<'a, 'b, F: Float>(
        &self,
        x: impl Into<Measure<'a, F>>,
        y: impl Into<Measure<'b, F>>,
    ) -> Result<SlicedDistance, TransportError> {
        let (x, y) = (x.into(), y.into());
        let line = Line { order: self.order };
        let (px, py) = (x.points(), y.points());
        if x.weights().is_none() && y.weights().is_none() {
            return self.average(&px, &py, |[left, right]: &mut [Sorted; 2], x, y| {
                left.read(CLOUDS[0].cloud, x)?;
                right.read(CLOUDS[1].cloud, y)?;
                Ok(line.between(left, right))
            });
        }
        let [a, b] = check::measures(x, y)?;
        self.average(&px, &py, |(): &mut (), x, y| line.weighted(x, &a, y, &b))
    }

    /// The mean of `on_line`^p over all directions.
    fn average<F: Float, W: Default>(
        &self,
        x: &ArrayRef2<F>,
        y: &ArrayRef2<F>,
        on_line: impl Fn(&mut W, &[F], &[F]) -> Result<f64, TransportError> + Send + Sync,
    ) -> Result<SlicedDistance, TransportError> {
        check::clouds(x, y)?;
        let dim = self.directions.ncols();
        check_equal(CLOUDS[0].columns, x.ncols(), "the dimension of the directions", dim)?;
        let directions: Vec<F> = self.directions.iter().map(|&c| F::of(c)).collect();
        let blocks: Vec<&[F]> = directions.chunks(BLOCK * dim).collect();
        let Frame { x, y, unit, radius } = Frame::new(x, y);
        let (left, right) = parallel::join(|| transposed(&x), || transposed(&y));
        let (n, m) = (x.nrows(), y.nrows());
        let workspace = || (vec![F::zero(); BLOCK * n], vec![F::zero(); BLOCK * m], W::default());
        let distances = parallel::map_with(blocks.len(), workspace, |(px, py, work), k| {
            let count = blocks[k].len() / dim;
            let (px, py) = (&mut px[..count * n], &mut py[..count * m]);
            left.multiply(blocks[k], px, |_, _| ());
            right.multiply(blocks[k], py, |_, _| ());
            px.chunks_exact(n).zip(py.chunks_exact(m)).map(|(px, py)| on_line(work, px, py)).collect::<Result<Vec<_>, _>>()
        });
        let distances = distances.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        self.summarise(&distances, unit, frame::projection_error::<F>(dim, radius))
    }

    /// From distances in units of `frame` with errors of `error`.
    fn summarise(&self, distances: &[f64], frame: f64, error: f64) -> Result<SlicedDistance, TransportError> {
        // In units of the largest distance, so that powers do not overflow.
        let largest = distances.iter().fold(0.0_f64, |m, &d| if d > m || d.is_nan() { d } else { m });
        let unit = if largest > 0.0 { largest } else { 1.0 };
        let costs: Vec<f64> = distances.iter().map(|d| self.order.power(d / unit)).collect();
        let cost = Estimate::from_samples(&costs);
        let p = self.order.value();
        // Two clouds, a line, and a mean over directions.
        let slack = 2.0 * error + f64::EPSILON * (64 + distances.len()) as f64 * largest;
        let distance = finite("SW_p", scaled(widened(scaled(self.order.root_of(cost), unit), slack), frame))?;
        let factor = self.order.root(mean_abs_power(self.directions.ncols(), p));
        let lower_bound = scaled(distance, 1.0 / factor);
        let slack = lower_bound.upper * mean_abs_power_error(self.directions.ncols(), p);
        let unit = self.order.power(unit * frame);
        Ok(SlicedDistance { cost: scaled(cost, unit), distance, lower_bound: widened(lower_bound, slack) })
    }
}

/// The transposed cloud, packed once for the products with all directions.
fn transposed<F: Float>(cloud: &ArrayRef2<F>) -> Panels<F> {
    let mut panels = Panels::default();
    let rows = cloud.as_standard_layout();
    panels.pack_transposed(rows.as_slice().unwrap_or(&[]), cloud.ncols(), cloud.nrows());
    panels
}

/// E|θ_1|^p for θ uniform on the sphere of ℝ^d: Γ(d/2) Γ((p+1)/2) / (√π Γ((d+p)/2)).
fn mean_abs_power(dim: usize, p: f64) -> f64 {
    let d = dim as f64;
    match p {
        2.0 => 1.0 / d,
        _ => (libm::lgamma(0.5 * d) - libm::lgamma(0.5 * (d + p)) + libm::lgamma(0.5 * (p + 1.0))).exp() / std::f64::consts::PI.sqrt(),
    }
}

/// Relative error of the p-th root of [`mean_abs_power`]: that of its logarithms, a few roundings each.
fn mean_abs_power_error(dim: usize, p: f64) -> f64 {
    let d = dim as f64;
    let logarithms = [0.5 * d, 0.5 * (d + p), 0.5 * (p + 1.0)].map(|z| libm::lgamma(z).abs()).iter().sum::<f64>();
    f64::EPSILON * (8.0 + if p == 2.0 { 0.0 } else { 4.0 * (logarithms + 1.0) / p })
}

/// A uniform draw from the unit sphere.
fn unit_into(row: &mut [f64], rng: &mut dyn RngCore) {
    // The norm of a normal vector is 0 with probability below 1e−300: the cap only bounds the loop for a broken generator.
    for _ in 0..100 {
        row.fill_with(|| f64::standard_normal(rng));
        let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm > 0.0 {
            for v in row {
                *v /= norm;
            }
            return;
        }
    }
    row[0] = 1.0;
}

/// Gram–Schmidt on the rows, twice, which makes the basis orthogonal to rounding.
fn orthonormalise(block: &mut ArrayViewMut2<'_, f64>) {
    for i in 0..block.nrows() {
        for _ in 0..2 {
            let (done, mut rest) = block.view_mut().split_at(Axis(0), i);
            let mut row = rest.row_mut(0);
            let along = done.dot(&row);
            row -= &done.t().dot(&along);
            let norm = row.dot(&row).sqrt();
            row /= norm;
        }
    }
}
