//! Rotation-invariant targets.

use super::{LogDensity, Moments, Posterior, Sample, TargetError, check_entries, check_lengths, normalised};
use crate::batch::for_blocks;
use crate::special::bessel::{VonMisesFisher, mean_ratio};
use crate::special::jacobi::{half_chi_square, legendre, power_law};
use crate::special::normal::LN_SQRT_2PI;
use crate::{Float, NoiseLevel, ScoreFunction, score::assert_shapes};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, Axis};
use rand::{Rng, RngCore};

/// The law of ρU on ℝ^d, U uniform on the unit sphere and ρ independent with weights w_j on the radii ρ_j: concentric spherical shells.
///
/// Given ‖X_0‖ = ρ_j, X_0 | X_θ = x is von Mises–Fisher around x with concentration κ_j = cos θ ρ_j ‖x‖/sin²θ, so the denoiser is
///
/// ```math
/// D(x) = \sum_j \pi_j(\|x\|)\, \rho_j\, A_d(\kappa_j)\, \frac{x}{\|x\|}, \qquad A_d(\kappa) = \frac{I_{d/2}(\kappa)}{I_{d/2-1}(\kappa)} .
/// ```
///
/// A continuous law of the radius is held as the shells of a Gauss rule. The shells are then the target: they are told from the
/// continuous law only at noise levels below their spacing.
///
/// At θ = 0 there is no density: the log-density is ±∞, the denoiser the nearest point of the shells, and the score is reported as 0.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{NoiseLevel, Posterior, Radial};
/// // On the line the sphere is the pair ±ρ, with the denoiser ρ tanh κ.
/// let target = Radial::sphere(1, 2.0)?;
/// let level = NoiseLevel::from_angle(0.8)?;
/// let kappa = level.cos() * 2.0 * 0.3 / level.one_minus_alpha_bar();
/// assert!((target.denoise(level, &array![[0.3]])[[0, 0]] - 2.0 * kappa.tanh()).abs() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Radial {
    dim: usize,
    radii: Vec<f64>,
    weights: Vec<f64>,
    direction: VonMisesFisher,
}

/// Squared noise is floored here, where the posterior is the limit of small noise.
const TINY_NOISE: f64 = 1e-200;
/// A point counts as lying on a shell when its radius agrees to this, relatively.
const ON_SHELL: f64 = 1e-12;

/// Moments of the length and direction of X_0 given a point at radius r.
#[derive(Debug, Clone, Copy, Default)]
struct Moment {
    /// E⟨X_0, x⟩/‖x‖.
    along: f64,
    /// E⟨X_0, x⟩²/‖x‖².
    along_squared: f64,
    /// E‖X_0‖².
    squared: f64,
}

impl Radial {
    /// Shells of radii ρ_j ≥ 0 with weights w_j (nonnegative, summing to one within 1e−9; then normalised). Shells of weight 0 are dropped.
    ///
    /// # Errors
    /// `dim` is 0, empty lists, unequal lengths, radii that are negative or not finite, weights that are negative or do not sum to one.
    ///
    /// ```
    /// use onestep::{Moments, Radial};
    /// assert_eq!(Radial::shells(3, &[0.5, 0.5], &[1.0, 3.0])?.second_moment(), 5.0);
    /// assert!(Radial::shells(3, &[1.0], &[-1.0]).is_err());
    /// # Ok::<(), onestep::TargetError>(())
    /// ```
    pub fn shells(dim: usize, weights: &[f64], radii: &[f64]) -> Result<Self, TargetError> {
        if dim == 0 {
            return Err(TargetError::Empty { name: "dim" });
        }
        let weights = normalised(weights)?;
        check_lengths("weights", weights.len(), "radii", radii.len())?;
        check_entries("radii", radii, |r| r >= 0.0 && r.is_finite(), "[0, inf)")?;
        let (weights, radii) = weights.iter().zip(radii).filter(|(w, _)| **w > 0.0).unzip();
        Ok(Self { dim, radii, weights, direction: VonMisesFisher::new(dim) })
    }

    /// Uniform on the sphere of radius ρ.
    ///
    /// # Errors
    /// As [`shells`](Self::shells).
    ///
    /// ```
    /// use onestep::{Moments, Radial};
    /// assert_eq!(Radial::sphere(1000, 2.0)?.second_moment(), 4.0);
    /// # Ok::<(), onestep::TargetError>(())
    /// ```
    pub fn sphere(dim: usize, radius: f64) -> Result<Self, TargetError> {
        Self::shells(dim, &[1.0], &[radius])
    }

    /// Uniform on the ball of radius R, as the Gauss–Jacobi rule of `shells` shells for the density d r^{d−1}/R^d.
    ///
    /// # Errors
    /// As [`shells`](Self::shells); `shells` is 0.
    ///
    /// ```
    /// use onestep::{Moments, Radial};
    /// // E‖X‖² = d R²/(d + 2).
    /// assert!((Radial::ball(3, 2.0, 16)?.second_moment() - 2.4).abs() < 1e-13);
    /// # Ok::<(), onestep::TargetError>(())
    /// ```
    pub fn ball(dim: usize, radius: f64, shells: usize) -> Result<Self, TargetError> {
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
    /// use onestep::{Moments, Radial};
    /// assert!((Radial::gaussian(5, 2.0, 16)?.second_moment() - 20.0).abs() < 1e-12);
    /// # Ok::<(), onestep::TargetError>(())
    /// ```
    pub fn gaussian(dim: usize, std: f64, shells: usize) -> Result<Self, TargetError> {
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
    /// use onestep::{Moments, Radial};
    /// // Uniform radius on [1, 2]: E ρ² = 7/3.
    /// assert!((Radial::from_quantile(4, 8, |u| 1.0 + u)?.second_moment() - 7.0 / 3.0).abs() < 1e-13);
    /// # Ok::<(), onestep::TargetError>(())
    /// ```
    pub fn from_quantile(dim: usize, shells: usize, quantile: impl Fn(f64) -> f64) -> Result<Self, TargetError> {
        check_shells(dim, shells)?;
        let (nodes, weights) = legendre(shells);
        Self::shells(dim, &weights, &nodes.iter().map(|x| quantile(0.5 * (1.0 + x))).collect::<Vec<_>>())
    }

    /// The dimension d.
    ///
    /// ```
    /// assert_eq!(onestep::Radial::sphere(7, 1.0).unwrap().dim(), 7);
    /// ```
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The radii ρ_j.
    ///
    /// ```
    /// assert_eq!(onestep::Radial::sphere(7, 1.5).unwrap().radii(), [1.5]);
    /// ```
    #[must_use]
    pub fn radii(&self) -> &[f64] {
        &self.radii
    }

    /// The weights w_j.
    ///
    /// ```
    /// assert_eq!(onestep::Radial::sphere(7, 1.5).unwrap().weights(), [1.0]);
    /// ```
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The concentration κ_j = cos θ ρ_j r/sin²θ.
    pub(crate) fn concentration(&self, shell: usize, cos: f64, sin: f64, r: f64) -> f64 {
        cos * self.radii[shell] * r / (sin * sin).max(TINY_NOISE)
    }

    /// For every shell the mean ratio A_d(κ_j) and the logit of its posterior probability,
    /// ln w_j − (r − cos θ ρ_j)²/(2 sin²θ) + ln Λ(κ_j) − κ_j.
    fn shells_at(&self, cos: f64, sin: f64, r: f64) -> impl Iterator<Item = (f64, f64)> + '_ {
        (0..self.radii.len()).map(move |j| {
            let gap = r - cos * self.radii[j];
            let (ratio, ln) = self.direction.at(self.concentration(j, cos, sin, r));
            (ratio, self.weights[j].ln() - 0.5 * gap * gap / (sin * sin).max(TINY_NOISE) + ln)
        })
    }

    /// ln Σ_j of the exponentials of the logits, which is ln p_θ + d ln(√(2π) sin θ).
    pub(crate) fn ln_mass(&self, cos: f64, sin: f64, r: f64) -> f64 {
        let logits: Vec<f64> = self.shells_at(cos, sin, r).map(|s| s.1).collect();
        let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        top + logits.iter().map(|l| (l - top).exp()).sum::<f64>().ln()
    }

    /// Calls `visit(j, P(‖X_0‖ = ρ_j | x), A_d(κ_j))` for every shell, x at radius r.
    pub(crate) fn for_posterior(&self, cos: f64, sin: f64, r: f64, mut visit: impl FnMut(usize, f64, f64)) {
        if self.radii.len() == 1 {
            visit(0, 1.0, mean_ratio(self.dim, self.concentration(0, cos, sin, r)));
            return;
        }
        let mut shells: Vec<(f64, f64)> = self.shells_at(cos, sin, r).collect();
        let top = shells.iter().map(|s| s.1).fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        for (_, logit) in &mut shells {
            *logit = (*logit - top).exp();
            sum += *logit;
        }
        for (j, (ratio, weight)) in shells.into_iter().enumerate() {
            visit(j, weight / sum, ratio);
        }
    }

    /// The radius of the denoiser, ‖D(x)‖ at ‖x‖ = r.
    pub(crate) fn denoised_radius(&self, cos: f64, sin: f64, r: f64) -> f64 {
        let mut sum = 0.0;
        self.for_posterior(cos, sin, r, |j, p, a| sum += p * self.radii[j] * a);
        sum
    }

    fn moments(&self, cos: f64, sin: f64, r: f64) -> Moment {
        let mut m = Moment::default();
        let d = self.dim as f64;
        self.for_posterior(cos, sin, r, |j, p, a| {
            let (rho, kappa) = (self.radii[j], self.concentration(j, cos, sin, r));
            let per_kappa = if kappa > 0.0 { a / kappa } else { 1.0 / d };
            m.along += p * rho * a;
            m.along_squared += p * rho * rho * (1.0 - (d - 1.0) * per_kappa);
            m.squared += p * rho * rho;
        });
        m
    }

    /// ‖D(x)‖/‖x‖, finite at the origin.
    pub(crate) fn denoiser_factor(&self, level: NoiseLevel, r: f64) -> f64 {
        let r = r.max(f64::MIN_POSITIVE.sqrt());
        self.denoised_radius(level.cos(), level.sin(), r) / r
    }
}

fn check_shells(dim: usize, shells: usize) -> Result<(), TargetError> {
    match (dim, shells) {
        (0, _) => Err(TargetError::Empty { name: "dim" }),
        (_, 0) => Err(TargetError::Empty { name: "shells" }),
        _ => Ok(()),
    }
}

/// ‖x‖ without overflow.
pub(crate) fn norm<'a, F: Float>(x: impl IntoIterator<Item = &'a F>) -> f64 {
    x.into_iter().map(|x| x.as_f64() * x.as_f64()).sum::<f64>().sqrt()
}

impl Sample for Radial {
    fn dim(&self) -> usize {
        self.dim
    }

    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        assert_eq!(out.ncols(), self.dim, "sample: out has {} columns, the target dimension {}", out.ncols(), self.dim);
        for mut row in out.rows_mut() {
            let mut u: f64 = rng.random();
            let shell = self.weights.iter().position(|w| {
                u -= w;
                u < 0.0
            });
            let radius = self.radii[shell.unwrap_or(self.radii.len() - 1)];
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
        let mut column = out.view_mut().insert_axis(Axis(1));
        for_blocks(x, &mut column, |x, mut out| {
            for (x, o) in x.rows().into_iter().zip(&mut out) {
                let r = norm(x);
                *o = match level.is_data() {
                    false => self.ln_mass(level.cos(), level.sin(), r) - constant,
                    true if on_shell(r) => f64::INFINITY,
                    true => f64::NEG_INFINITY,
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
        let scale = if r > 0.0 { 1.0 / (r * r) } else { 0.0 };
        Array2::from_shape_fn((self.dim, self.dim), |(i, j)| (along - across) * x[i] * x[j] * scale + if i == j { across } else { 0.0 })
    }
}

impl Moments for Radial {
    fn mean(&self) -> Array1<f64> {
        Array1::zeros(self.dim)
    }

    fn second_moment(&self) -> f64 {
        self.weights.iter().zip(&self.radii).map(|(w, r)| w * r * r).sum()
    }
}

impl<F: Float> ScoreFunction<F> for Radial {
    fn dim(&self) -> usize {
        self.dim
    }

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
