//! Plane curves blurred by noise: bananas, moons, arcs.

mod panels;
mod shape;

use crate::error::check_range;
use crate::float::Float;
use crate::law::{FITS, LARGEST, LawError, LogDensity, Moments, Posterior, SMALLEST, Sample, fits};
use crate::level::NoiseLevel;
use crate::numeric::batch::for_blocks;
use crate::numeric::shapes::assert_shapes;
use crate::numeric::special::jacobi::legendre;
use crate::score::{ScoreFunction, ScoreJacobian};
use crate::space::{Space, inherent_dim};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, Axis, array};
use panels::{Local, NODES, Part, Quadrature};
use rand::{Rng, RngCore};
use shape::{Point, Shape};
use std::f64::consts::{PI, TAU};

/// Panels a curve may be cut into.
const MOST_PANELS: f64 = 1e5;

/// A law on the plane concentrated along curves: X_0 = c(U) + noise · N, U a latent variable on the line, N ~ N(0, I).
///
/// At noise angle θ, p_θ is an average over U alone of Gaussians of variance v = cos²θ noise² + sin²θ around cos θ c(U), so with the
/// posterior mean m(x) and covariance C(x) of c(U) given X_θ = x, both integrals over the line,
///
/// ```text
/// s = (cos θ m − x)/v,   ∂s = −I/v + cos²θ C/v²,   E[X_0 | x] = (sin²θ m + cos θ noise² x)/v,
/// Cov(X_0 | x) = (sin²θ/v)² C + (noise² sin²θ/v) I .
/// ```
///
/// These are the test pictures of the trade, [`two_moons`](Self::two_moons) and [`banana`](Self::banana), as targets with a known score:
/// neither a product nor a mixture, dimension two, curved.
///
/// # Accuracy
/// The integrals are composite Gauss–Legendre sums on panels adapted to v and to the distance of x: score, denoiser and density
/// are exact to about 1e−12 (relative to 1/√v for the score) up to 100 √v from the curve; farther away the panels that hold the posterior are halved
/// until they resolve it.
///
/// # Cost
/// About length/(2√v) panels a point, of which those within 9 √v are summed: microseconds at noise 0.05. Batches are spread over threads.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{Moments, NoiseLevel, ScoreFunction};
/// use onestep::law::NoisyCurve;
/// let moons = NoisyCurve::two_moons(0.1)?;
/// assert!((moons.mean() - array![0.5, 0.25]).iter().all(|gap: &f64| gap.abs() < 1e-15));
/// // The moons are each other's image under x ↦ (1, 1/2) − x: at the centre of this symmetry the score vanishes.
/// let score = moons.score(NoiseLevel::DATA, &array![[0.5, 0.25]]);
/// assert!(score.iter().all(|s: &f64| s.abs() < 1e-9));
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NoisyCurve {
    parts: Vec<Part>,
    noise: f64,
    rule: (Vec<f64>, Vec<f64>),
    mean: Point,
    /// E‖c(U)‖².
    square: f64,
}

fn positive(name: &'static str, value: f64) -> Result<f64, LawError> {
    Ok(check_range(name, value, (SMALLEST..=LARGEST).contains(&value), "[1e-75, 1e75]")?)
}

impl NoisyCurve {
    /// Two interleaving half circles of radius 1, with equal weights: (cos φ, sin φ) and (1 − cos φ, 1/2 − sin φ), φ uniform on [0, π].
    ///
    /// # Units
    /// `noise` is a standard deviation.
    ///
    /// # Errors
    /// Noise that is not positive and finite, or below 1e−5 of the curve's length.
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::NoisyCurve;
    /// let moons = NoisyCurve::two_moons(0.1)?;
    /// // ½(1 + 9/4 − 2/π) for the circles, and 2 · 0.1² for the noise.
    /// let exact = 0.5 * (3.25 - 2.0 / std::f64::consts::PI) + 0.02;
    /// assert!((moons.second_moment() - exact).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn two_moons(noise: f64) -> Result<Self, LawError> {
        let upper = Shape::Arc { centre: [0.0, 0.0], radius: 1.0, from: 0.0, sweep: PI };
        let lower = Shape::Arc { centre: [1.0, 0.5], radius: 1.0, from: PI, sweep: PI };
        Self::new(vec![(0.5, upper), (0.5, lower)], noise)
    }

    /// The parabola (`width` · z, `height` · (z² − 1)), z ~ N(0, 1), blurred: a Gaussian bent into a banana. Its mean is 0.
    ///
    /// z is cut at ±10, beyond which it lies with probability 1.5e−23.
    ///
    /// # Units
    /// `noise` is a standard deviation, as `width` is; the second coordinate has the variance 2 height² + noise².
    ///
    /// # Errors
    /// A width or noise that is not positive and finite, a height that is not finite, noise below 1e−5 of the curve's length (cut at ±10).
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::NoisyCurve;
    /// let banana = NoisyCurve::banana(1.0, 0.5, 0.2)?;
    /// assert!((banana.second_moment() - (1.0 + 2.0 * 0.25 + 2.0 * 0.04)).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    ///
    /// # References
    /// Haario, Saksman and Tamminen, "Adaptive proposal distribution for random walk Metropolis algorithm", 1999 (the twisted normal law).
    pub fn banana(width: f64, height: f64, noise: f64) -> Result<Self, LawError> {
        let width = positive("width", width)?;
        check_range("height", height, fits(height), FITS)?;
        Self::new(vec![(1.0, Shape::Parabola { width, height })], noise)
    }

    /// The arc `radius` · (cos φ, sin φ), φ uniform on \[−`sweep`/2, `sweep`/2\], blurred; a ring where the sweep is 2π.
    ///
    /// # Units
    /// `sweep` is in radians, `noise` a standard deviation.
    ///
    /// # Errors
    /// A radius or noise that is not positive and finite, a sweep outside (0, 2π], noise below 1e−5 of the curve's length.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{NoiseLevel, Posterior};
    /// use onestep::law::NoisyCurve;
    /// let ring = NoisyCurve::arc(2.0, std::f64::consts::TAU, 0.1)?;
    /// let level = NoiseLevel::from_angle(0.6)?;
    /// // Rotation invariance.
    /// let (a, b) = (ring.denoise(level, &array![[1.0, 0.0]]), ring.denoise(level, &array![[0.6, 0.8]]));
    /// assert!((b - array![[0.6, 0.8]] * a[[0, 0]]).iter().all(|gap| gap.abs() < 1e-13));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn arc(radius: f64, sweep: f64, noise: f64) -> Result<Self, LawError> {
        let radius = positive("radius", radius)?;
        check_range("sweep", sweep, sweep > 0.0 && sweep <= TAU, "(0, 2π]")?;
        Self::new(vec![(1.0, Shape::Arc { centre: [0.0, 0.0], radius, from: -0.5 * sweep, sweep })], noise)
    }

    fn new(parts: Vec<Part>, noise: f64) -> Result<Self, LawError> {
        let noise = positive("noise", noise)?;
        let longest = parts.iter().map(|(_, shape)| {
            let (low, high) = shape.range();
            (high - low) * shape.speed(low, high)
        });
        check_range("noise", noise, longest.sum::<f64>() <= MOST_PANELS * noise, "[1e-5 of the length of the curve, inf)")?;
        let (mut mean, mut square) = ([0.0, 0.0], 0.0);
        for (weight, shape) in &parts {
            let (own, own_square) = shape.moments();
            mean = [mean[0] + weight * own[0], mean[1] + weight * own[1]];
            square += weight * own_square;
        }
        Ok(Self { parts, noise, rule: legendre(NODES), mean, square })
    }

    /// The standard deviation of the noise around the curve.
    ///
    /// ```
    /// assert_eq!(onestep::law::NoisyCurve::two_moons(0.1).unwrap().noise(), 0.1);
    /// ```
    #[must_use]
    pub fn noise(&self) -> f64 {
        self.noise
    }

    /// c(u) on one of the curves.
    pub(crate) fn point(&self, part: usize, latent: f64) -> Point {
        self.parts[part].1.at(latent)
    }

    /// The posterior of the latent variable at `x`, for every curve that has a part of it: the curve, nodes, and their probabilities, which
    /// sum to one over all curves.
    pub(crate) fn latent_posterior(&self, level: NoiseLevel, x: Point) -> Vec<(usize, Vec<f64>, Vec<f64>)> {
        self.quadrature(level).latent_posterior(x)
    }

    fn quadrature(&self, level: NoiseLevel) -> Quadrature<'_> {
        Quadrature::new(&self.parts, self.noise, &self.rule, level)
    }

    /// Calls `work(integrals at the row of x, row of out)` for every row.
    fn for_rows<F: Float>(
        &self,
        level: NoiseLevel,
        x: &ArrayRef2<F>,
        out: &mut ArrayRef2<F>,
        work: impl Fn(f64, Local, Point, &mut [f64; 2]) + Sync + Send,
    ) {
        let quadrature = self.quadrature(level);
        for_blocks(x, out, |x, mut out| {
            for (x, mut o) in x.rows().into_iter().zip(out.rows_mut()) {
                let x = [x[0].as_f64(), x[1].as_f64()];
                let mut value = [0.0; 2];
                work(quadrature.variance(), quadrature.at(x), x, &mut value);
                o.iter_mut().zip(value).for_each(|(o, v)| *o = F::of(v));
            }
        });
    }
}

impl Space for NoisyCurve {
    fn dim(&self) -> usize {
        2
    }
}

inherent_dim!([] NoisyCurve);

impl Sample for NoisyCurve {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        assert_eq!(out.ncols(), 2, "sample: out has {} columns, the target dimension 2", out.ncols());
        for mut row in out.rows_mut() {
            let mut left: f64 = rng.random();
            let last = self.parts.len() - 1;
            let part = self.parts.iter().position(|(weight, _)| {
                left -= weight;
                left < 0.0
            });
            let shape = &self.parts[part.unwrap_or(last)].1;
            let point = shape.at(shape.draw(rng));
            row.iter_mut().zip(point).for_each(|(o, c)| *o = c + self.noise * f64::standard_normal(rng));
        }
    }
}

impl LogDensity for NoisyCurve {
    fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>) {
        assert_eq!(x.dim(), (out.len(), 2), "log_density: x has shape {:?}, out length {}", x.dim(), out.len());
        let quadrature = self.quadrature(level);
        for_blocks(x, &mut out.view_mut().insert_axis(Axis(1)), |x, mut out| {
            for (x, mut o) in x.rows().into_iter().zip(out.rows_mut()) {
                o[0] = quadrature.at([x[0], x[1]]).ln_density;
            }
        });
    }
}

impl Posterior for NoisyCurve {
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        assert_shapes("denoise", 2, x, out);
        let (of_curve, of_noise) = (level.one_minus_alpha_bar(), level.cos() * self.noise * self.noise);
        self.for_rows(level, x, out, |v, local, x, out| {
            for j in 0..2 {
                out[j] = (of_curve * local.mean[j] + of_noise * x[j]) / v;
            }
        });
    }

    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
        assert_eq!(x.len(), 2, "posterior_covariance: x has length {}, the target dimension 2", x.len());
        let quadrature = self.quadrature(level);
        let share = level.one_minus_alpha_bar() / quadrature.variance();
        let [a, b, c] = quadrature.at([x[0], x[1]]).covariance.map(|c| share * share * c);
        let own = self.noise * self.noise * share;
        array![[a + own, b], [b, c + own]]
    }
}

impl Moments for NoisyCurve {
    fn mean(&self) -> Array1<f64> {
        array![self.mean[0], self.mean[1]]
    }

    fn second_moment(&self) -> f64 {
        self.square + 2.0 * self.noise * self.noise
    }
}

impl<F: Float> ScoreFunction<F> for NoisyCurve {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score", 2, x, out);
        self.for_rows(level, x, out, |v, local, x, out| {
            for j in 0..2 {
                out[j] = (level.cos() * local.mean[j] - x[j]) / v;
            }
        });
    }
}

impl<F: Float> ScoreJacobian<F> for NoisyCurve {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", 2, x, out);
        assert_shapes("score_jvp", 2, v, out);
        let quadrature = self.quadrature(level);
        let variance = quadrature.variance();
        let gain = (level.cos() / variance).powi(2);
        out.assign(v);
        for_blocks(x, out, |x, mut out| {
            for (x, mut o) in x.rows().into_iter().zip(out.rows_mut()) {
                let [a, b, c] = quadrature.at([x[0].as_f64(), x[1].as_f64()]).covariance;
                let w = [o[0].as_f64(), o[1].as_f64()];
                o[0] = F::of(gain * (a * w[0] + b * w[1]) - w[0] / variance);
                o[1] = F::of(gain * (b * w[0] + c * w[1]) - w[1] / variance);
            }
        });
    }
}
