//! Rotation-invariant targets.

mod posterior;

pub(crate) use posterior::Shell;

use crate::error::{check_entries, check_equal, check_range};
use crate::float::Float;
use crate::law::{LARGEST, LawError, LogDensity, Moments, Posterior, SMALLEST, Sample, normalised};
use crate::level::NoiseLevel;
use crate::numeric::batch::for_blocks;
use crate::numeric::shapes::assert_shapes;
use crate::numeric::special::direction::DirectionTable;
use crate::numeric::special::jacobi::{half_chi_square, legendre, power_law};
use crate::numeric::special::normal::LN_SQRT_2PI;
use crate::score::ScoreFunction;
use crate::space::Space;
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, Axis};
use rand::{Rng, RngCore};

/// The law of ρU on ℝ^d, U uniform on the unit sphere and ρ independent of it: concentric spherical shells, with weights w_j on the radii
/// ρ_j, or the uniform law on a ball.
///
/// Given ‖X_0‖ = ρ_j, X_0 | X_θ = x is von Mises–Fisher around x with concentration κ_j = cos θ ρ_j ‖x‖/sin²θ, so the denoiser is
///
/// ```math
/// D(x) = \sum_j \pi_j(\|x\|)\, \rho_j\, A_d(\kappa_j)\, \frac{x}{\|x\|}, \qquad A_d(\kappa) = \frac{I_{d/2}(\kappa)}{I_{d/2-1}(\kappa)} .
/// ```
///
/// [`ball`](Self::ball) averages over the posterior of the radius, with density ∝ ρ^{d−1} times that of x given ρ, by a
/// Gauss rule on the window where it lives. Any other continuous law of the radius is held as the shells of a Gauss rule. The shells
/// are then the target: they are told from the continuous law only at noise levels below their spacing.
///
/// At θ = 0 shells have no density: the log-density is ±∞, the denoiser the nearest point of the shells, and the score is reported as 0.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{NoiseLevel, Posterior};
/// use onestep::law::Radial;
/// // On the line the sphere is the pair ±ρ, with the denoiser ρ tanh κ.
/// let target = Radial::sphere(1, 2.0)?;
/// let level = NoiseLevel::from_angle(0.8)?;
/// let kappa = level.cos() * 2.0 * 0.3 / level.one_minus_alpha_bar();
/// assert!((target.denoise(level, &array![[0.3]])[[0, 0]] - 2.0 * kappa.tanh()).abs() < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Radial {
    dim: usize,
    law: Law,
    radii: Vec<f64>,
    weights: Vec<f64>,
    direction: DirectionTable,
}

/// What `radii` and `weights` stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Law {
    Shells,
    /// The density d ρ^{d−1}/R^d on [0, R], R the only radius.
    Ball,
}

/// The largest dimension, and the most shells of a rule (whose points are eigenvalues of a matrix of that size).
const MOST_DIM: usize = 100_000_000;
const MOST_SHELLS: usize = 1000;
/// A point counts as lying on a shell when its radius agrees to this, relatively.
const ON_SHELL: f64 = 1e-12;

impl Radial {
    /// Shells of radii ρ_j ≥ 0 with weights w_j (nonnegative, summing to one within [`weight_tolerance`](crate::error::weight_tolerance); then normalised). Shells of weight 0 are dropped.
    ///
    /// # Errors
    /// `dim` is 0, empty lists, unequal lengths, radii that are neither 0 nor in [1e−75, 1e75], weights that are negative or do not sum to one.
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::Radial;
    /// assert_eq!(Radial::shells(3, &[0.5, 0.5], &[1.0, 3.0])?.second_moment(), 5.0);
    /// assert!(Radial::shells(3, &[1.0], &[-1.0]).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn shells(dim: usize, weights: &[f64], radii: &[f64]) -> Result<Self, LawError> {
        check_range("dim", dim, (1..=MOST_DIM).contains(&dim), "[1, 100000000]")?;
        let weights = normalised(weights)?;
        check_equal("weights", weights.len(), "radii", radii.len())?;
        check_entries("radii", radii, |r| r == 0.0 || (SMALLEST..=LARGEST).contains(&r), "{0} or [1e-75, 1e75]")?;
        let (weights, radii) = weights.iter().zip(radii).filter(|(w, _)| **w > 0.0).unzip();
        Ok(Self { dim, law: Law::Shells, radii, weights, direction: DirectionTable::new(dim) })
    }

    /// Uniform on the sphere of radius ρ.
    ///
    /// # Errors
    /// As [`shells`](Self::shells).
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::Radial;
    /// assert_eq!(Radial::sphere(1000, 2.0)?.second_moment(), 4.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn sphere(dim: usize, radius: f64) -> Result<Self, LawError> {
        Self::shells(dim, &[1.0], &[radius])
    }

    /// Uniform on the ball of radius R.
    ///
    /// # Errors
    /// `dim` is 0, a radius that is not positive and finite.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{Moments, NoiseLevel, Posterior};
    /// use onestep::law::Radial;
    /// let target = Radial::ball(3, 2.0)?;
    /// // E‖X‖² = d R²/(d + 2).
    /// assert!((target.second_moment() - 2.4).abs() < 1e-15);
    /// // Deep inside, small noise does not see the boundary: D(x) = x/cos θ.
    /// let level = NoiseLevel::from_angle(0.05)?;
    /// let x = array![[0.3, 0.0, 0.4]];
    /// let gap = target.denoise(level, &x) - &x / level.cos();
    /// assert!(gap.iter().all(|g| g.abs() < 1e-12));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn ball(dim: usize, radius: f64) -> Result<Self, LawError> {
        let sphere = Self::sphere(dim, radius)?;
        check_range("radius", radius, radius > 0.0, "(0, inf)")?;
        Ok(Self { law: Law::Ball, ..sphere })
    }

    /// Uniform on the ball of radius R, as the Gauss–Jacobi rule of `shells` shells for the density d r^{d−1}/R^d.
    ///
    /// # Errors
    /// As [`shells`](Self::shells); `shells` is 0.
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::Radial;
    /// // E‖X‖² = d R²/(d + 2).
    /// assert!((Radial::ball_shells(3, 2.0, 16)?.second_moment() - 2.4).abs() < 1e-13);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn ball_shells(dim: usize, radius: f64, shells: usize) -> Result<Self, LawError> {
        check_shells(dim, shells)?;
        let (nodes, weights) = power_law(shells, dim as f64);
        Self::shells(dim, &weights, &nodes.iter().map(|r| radius * r.clamp(0.0, 1.0)).collect::<Vec<_>>())
    }

    /// The radial law of N(0, `std`² I), as the Gauss–Laguerre rule of `shells` shells in the squared radius.
    ///
    /// # Errors
    /// As [`shells`](Self::shells); `shells` is 0.
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::Radial;
    /// assert!((Radial::gaussian(5, 2.0, 16)?.second_moment() - 20.0).abs() < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn gaussian(dim: usize, std: f64, shells: usize) -> Result<Self, LawError> {
        check_shells(dim, shells)?;
        let (nodes, weights) = half_chi_square(shells, dim);
        Self::shells(dim, &weights, &nodes.iter().map(|y| std * (2.0 * y.max(0.0)).sqrt()).collect::<Vec<_>>())
    }

    /// The law whose radius has the quantile function `quantile` on (0, 1), as the Gauss–Legendre rule of `shells` shells in the
    /// probability.
    ///
    /// # Errors
    /// As [`shells`](Self::shells); `shells` is 0; a quantile that is negative or not finite at a node.
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::Radial;
    /// // Uniform radius on [1, 2]: E ρ² = 7/3.
    /// assert!((Radial::from_quantile(4, 8, |u| 1.0 + u)?.second_moment() - 7.0 / 3.0).abs() < 1e-13);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_quantile(dim: usize, shells: usize, quantile: impl Fn(f64) -> f64) -> Result<Self, LawError> {
        check_shells(dim, shells)?;
        let (nodes, weights) = legendre(shells);
        Self::shells(dim, &weights, &nodes.iter().map(|x| quantile(0.5 * (1.0 + x))).collect::<Vec<_>>())
    }

    /// The dimension d.
    ///
    /// ```
    /// assert_eq!(onestep::law::Radial::sphere(7, 1.0).unwrap().dim(), 7);
    /// ```
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The radii ρ_j; for [`ball`](Self::ball) that of the ball.
    ///
    /// ```
    /// assert_eq!(onestep::law::Radial::sphere(7, 1.5).unwrap().radii(), [1.5]);
    /// ```
    #[must_use]
    pub fn radii(&self) -> &[f64] {
        &self.radii
    }

    /// The weights w_j.
    ///
    /// ```
    /// assert_eq!(onestep::law::Radial::sphere(7, 1.5).unwrap().weights(), [1.0]);
    /// ```
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
}

fn check_shells(dim: usize, shells: usize) -> Result<(), LawError> {
    check_range("dim", dim, (1..=MOST_DIM).contains(&dim), "[1, 100000000]")?;
    check_range("shells", shells, (1..=MOST_SHELLS).contains(&shells), "[1, 1000]")?;
    Ok(())
}

/// ‖x‖ without overflow; NaN stays NaN.
pub(crate) fn norm<'a, F: Float>(x: impl IntoIterator<Item = &'a F> + Clone) -> f64 {
    let square: f64 = x.clone().into_iter().map(|x| x.as_f64() * x.as_f64()).sum();
    if (1e-200..1e300).contains(&square) || square.is_nan() {
        return square.sqrt();
    }
    let largest = x.clone().into_iter().fold(0.0, |a: f64, x| if x.as_f64().abs() <= a { a } else { x.as_f64().abs() });
    if !(largest > 0.0) || largest == f64::INFINITY {
        return largest;
    }
    let length = largest * x.into_iter().map(|x| (x.as_f64() / largest).powi(2)).sum::<f64>().sqrt();
    if length > f64::MAX { f64::MAX } else { length }
}

impl Space for Radial {
    fn dim(&self) -> usize {
        Self::dim(self)
    }
}

impl Sample for Radial {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        assert_eq!(out.ncols(), self.dim, "sample: out has {} columns, the target dimension {}", out.ncols(), self.dim);
        for mut row in out.rows_mut() {
            let mut u: f64 = rng.random();
            let radius = match self.law {
                Law::Ball => self.radii[0] * u.powf(1.0 / self.dim as f64),
                Law::Shells => {
                    let shell = self.weights.iter().position(|w| {
                        u -= w;
                        u < 0.0
                    });
                    self.radii[shell.unwrap_or(self.radii.len() - 1)]
                }
            };
            row.mapv_inplace(|_| f64::standard_normal(rng));
            let length = norm(&row);
            row.mapv_inplace(|x| x * (radius / length));
        }
    }
}

impl LogDensity for Radial {
    fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>) {
        assert_eq!(x.dim(), (out.len(), self.dim), "log_density: x has shape {:?}, out length {}", x.dim(), out.len());
        let constant = self.dim as f64 * (LN_SQRT_2PI + level.sin().ln());
        let on_shell = |r: f64| self.radii.iter().any(|rho| (r - rho).abs() <= ON_SHELL * rho);
        // Without noise the ball has its density Γ(d/2 + 1)/(√π R)^d.
        let ball = (self.law == Law::Ball).then(|| {
            let d = self.dim as f64;
            (self.radii[0], libm::lgamma(0.5 * d + 1.0) - d * (std::f64::consts::PI.sqrt() * self.radii[0]).ln())
        });
        let mut column = out.view_mut().insert_axis(Axis(1));
        for_blocks(x, &mut column, |x, mut out| {
            for (x, o) in x.rows().into_iter().zip(&mut out) {
                let r = norm(x);
                *o = match (level.is_data(), ball) {
                    (false, _) => self.ln_mass(level.cos(), level.sin(), r) - constant,
                    (true, Some((radius, ln_density))) if r <= radius => ln_density,
                    (true, None) if on_shell(r) => f64::INFINITY,
                    (true, _) => f64::NEG_INFINITY,
                };
            }
        });
    }
}

impl Posterior for Radial {
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        assert_shapes("denoise", self.dim, x, out);
        for_blocks(x, out, |x, mut out| {
            for (x, mut o) in x.rows().into_iter().zip(out.rows_mut()) {
                let factor = self.denoiser_factor(level, norm(x));
                o.zip_mut_with(&x, |o, x| *o = factor * x);
            }
        });
    }

    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
        assert_eq!(x.len(), self.dim, "posterior_covariance: x has length {}, the target dimension {}", x.len(), self.dim);
        let r = norm(x);
        let m = self.moments(level.cos(), level.sin(), r);
        let along = m.along_squared - m.along * m.along;
        let across = if self.dim > 1 { (m.squared - m.along_squared) / (self.dim as f64 - 1.0) } else { along };
        let unit = |i: usize| if r > 0.0 { x[i] / r } else { 0.0 };
        Array2::from_shape_fn((self.dim, self.dim), |(i, j)| (along - across) * unit(i) * unit(j) + if i == j { across } else { 0.0 })
    }
}

impl Moments for Radial {
    fn mean(&self) -> Array1<f64> {
        Array1::zeros(self.dim)
    }

    fn second_moment(&self) -> f64 {
        let shells: f64 = self.weights.iter().zip(&self.radii).map(|(w, r)| w * r * r).sum();
        match self.law {
            Law::Shells => shells,
            Law::Ball => shells * self.dim as f64 / (self.dim as f64 + 2.0),
        }
    }
}

impl<F: Float> ScoreFunction<F> for Radial {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score", self.dim, x, out);
        if level.is_data() {
            out.fill(F::zero());
            return;
        }
        for_blocks(x, out, |x, mut out| {
            for (x, mut o) in x.rows().into_iter().zip(out.rows_mut()) {
                // Tweedie: s = (cos θ D − x)/sin²θ.
                let factor = F::of((level.cos() * self.denoiser_factor(level, norm(x)) - 1.0) / level.one_minus_alpha_bar());
                o.zip_mut_with(&x, |o, &x| *o = factor * x);
            }
        });
    }
}
