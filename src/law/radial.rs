//! Rotation-invariant targets.

use crate::error::{check_entries, check_equal, check_range};
use crate::float::Float;
use crate::law::{LawError, LogDensity, Moments, Posterior, Sample, normalised};
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
use std::sync::OnceLock;

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

/// One radius of X_0 given x: ρ, A_d(κ) at it, and its posterior probability (its logit while that is being computed).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shell {
    pub(crate) radius: f64,
    pub(crate) ratio: f64,
    pub(crate) probability: f64,
}

/// Posteriors of up to this many radii live on the stack.
const STACK: usize = 48;
/// Points of the Gauss rule over the posterior of a continuous radius.
const RADIUS_POINTS: usize = 44;
/// The window of that rule ends where the density has fallen by this, as a logarithm; it is reached from this many standard deviations by
/// growing, and the mode is found by Newton's method.
const DROP: f64 = 38.0;
const REACH: f64 = 8.8;
const GROWTH: f64 = 1.3;
const WIDENINGS: usize = 60;
const NEWTON: usize = 60;

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
    /// Shells of radii ρ_j ≥ 0 with weights w_j (nonnegative, summing to one within [`weight_tolerance`](crate::error::weight_tolerance); then normalised). Shells of weight 0 are dropped.
    ///
    /// # Errors
    /// `dim` is 0, empty lists, unequal lengths, radii that are negative or not finite, weights that are negative or do not sum to one.
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::Radial;
    /// assert_eq!(Radial::shells(3, &[0.5, 0.5], &[1.0, 3.0])?.second_moment(), 5.0);
    /// assert!(Radial::shells(3, &[1.0], &[-1.0]).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn shells(dim: usize, weights: &[f64], radii: &[f64]) -> Result<Self, LawError> {
        check_range("dim", dim, dim > 0, "[1, inf)")?;
        let weights = normalised(weights)?;
        check_equal("weights", weights.len(), "radii", radii.len())?;
        check_entries("radii", radii, |r| r >= 0.0 && r.is_finite(), "[0, inf)")?;
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

    /// The concentration κ = cos θ ρ r/sin²θ.
    #[inline]
    pub(crate) fn concentration(rho: f64, cos: f64, sin: f64, r: f64) -> f64 {
        cos * rho * r / (sin * sin).max(TINY_NOISE)
    }

    /// A_d(κ) and the logit ln w − (r − cos θ ρ)²/(2 sin²θ) + ln Λ(κ) − κ of the radius ρ.
    fn shell(&self, rho: f64, ln_weight: f64, cos: f64, sin: f64, r: f64) -> Shell {
        let gap = r - cos * rho;
        let (ratio, ln) = self.direction.at(Self::concentration(rho, cos, sin, r));
        Shell { radius: rho, ratio, probability: ln_weight - 0.5 * gap * gap / (sin * sin).max(TINY_NOISE) + ln }
    }

    /// Calls `visit` with the radii that X_0 may have, their probabilities given ‖x‖ = r, and the ln of the sum of the exponentials of the
    /// logits.
    fn with_posterior<T>(&self, cos: f64, sin: f64, r: f64, visit: impl FnOnce(&[Shell], f64) -> T) -> T {
        let count = if self.law == Law::Ball { RADIUS_POINTS } else { self.radii.len() };
        let mut stack = [Shell::default(); STACK];
        let mut heap = if count > STACK { vec![Shell::default(); count] } else { Vec::new() };
        let shells = if count > STACK { &mut heap[..] } else { &mut stack[..count] };
        match self.law {
            Law::Shells => {
                for (shell, (&rho, w)) in shells.iter_mut().zip(self.radii.iter().zip(&self.weights)) {
                    *shell = self.shell(rho, w.ln(), cos, sin, r);
                }
            }
            Law::Ball => self.ball_posterior(cos, sin, r, shells),
        }
        let top = shells.iter().map(|s| s.probability).fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        for shell in shells.iter_mut() {
            shell.probability = (shell.probability - top).exp();
            sum += shell.probability;
        }
        shells.iter_mut().for_each(|s| s.probability /= sum);
        visit(shells, top + sum.ln())
    }

    /// The Gauss rule on the window of [0, R] that holds the posterior of ρ, whose log-density in ρ is concave.
    fn ball_posterior(&self, cos: f64, sin: f64, r: f64, shells: &mut [Shell]) {
        static RULE: OnceLock<(Vec<f64>, Vec<f64>)> = OnceLock::new();
        let (nodes, weights) = RULE.get_or_init(|| legendre(RADIUS_POINTS));
        let (most, d, noise) = (self.radii[0], self.dim as f64, (sin * sin).max(TINY_NOISE));
        let ln_density = |rho: f64| self.shell(rho, (d - 1.0) * (rho / most).ln(), cos, sin, r).probability;
        // (ln density)' and −(ln density)'' in ρ, with A' = 1 − A² − (d−1)A/κ.
        let slopes = |rho: f64| {
            let kappa = Self::concentration(rho, cos, sin, r);
            let a = self.direction.ratio(kappa);
            let per_kappa = if kappa > 0.0 { a / kappa } else { 1.0 / d };
            let pull = cos * r / noise;
            let bend = pull * pull * (1.0 - a * a - (d - 1.0) * per_kappa).max(0.0);
            ((d - 1.0) / rho - cos * cos * rho / noise + pull * a, (d - 1.0) / (rho * rho) + cos * cos / noise - bend)
        };
        let (mut low, mut high) = (0.0, most);
        let mut mode = most.min((r / cos.max(f64::MIN_POSITIVE)).max(0.5 * most * sin));
        for _ in 0..NEWTON {
            let (slope, curvature) = slopes(mode);
            if slope > 0.0 {
                low = mode;
            } else {
                high = mode;
            }
            let step = slope / curvature;
            let next = if curvature > 0.0 && mode + step < high && mode + step > low { mode + step } else { 0.5 * (low + high) };
            let moved = (next - mode).abs();
            // At the edge, or placed to a small part of the width.
            if low >= most || moved * moved * curvature.abs() < 1e-4 {
                break;
            }
            mode = next;
        }
        let (slope, curvature) = slopes(mode);
        let floor = ln_density(mode) - DROP;
        // From the mode a Gaussian falls by DROP within REACH deviations; from an edge with a slope it falls sooner.
        let width = (REACH / curvature.max(f64::MIN_POSITIVE).sqrt()).min(if slope > 0.0 { DROP / slope } else { f64::INFINITY });
        let end = |sign: f64| {
            let mut reach = width;
            for _ in 0..WIDENINGS {
                let rho = mode + sign * reach;
                if !(rho > 0.0 && rho < most) {
                    return if sign < 0.0 { 0.0 } else { most };
                }
                if ln_density(rho) < floor {
                    return rho;
                }
                reach *= GROWTH;
            }
            mode + sign * reach
        };
        let (from, to) = (end(-1.0), end(1.0));
        let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
        for (shell, (x, w)) in shells.iter_mut().zip(nodes.iter().zip(weights)) {
            let rho = middle + half * x;
            // The mass of the rule is d ρ^{d−1}/R^d times twice the half-width (the weights sum to one).
            let ln_weight = (d - 1.0) * (rho / most).ln() + (2.0 * half * w * d / most).ln();
            *shell = self.shell(rho, ln_weight, cos, sin, r);
        }
    }

    /// ln Σ_j of the exponentials of the logits, which is ln p_θ + d ln(√(2π) sin θ).
    pub(crate) fn ln_mass(&self, cos: f64, sin: f64, r: f64) -> f64 {
        self.with_posterior(cos, sin, r, |_, ln_mass| ln_mass)
    }

    /// Calls `visit` for every radius that X_0 may have given x at radius r.
    #[inline]
    pub(crate) fn for_posterior(&self, cos: f64, sin: f64, r: f64, mut visit: impl FnMut(Shell)) {
        if self.radii.len() == 1 && self.law == Law::Shells {
            let radius = self.radii[0];
            visit(Shell { radius, ratio: self.direction.ratio(Self::concentration(radius, cos, sin, r)), probability: 1.0 });
            return;
        }
        self.with_posterior(cos, sin, r, |shells, _| shells.iter().copied().for_each(visit));
    }

    /// The radius of the denoiser, ‖D(x)‖ at ‖x‖ = r.
    pub(crate) fn denoised_radius(&self, cos: f64, sin: f64, r: f64) -> f64 {
        let mut sum = 0.0;
        self.for_posterior(cos, sin, r, |s| sum += s.probability * s.radius * s.ratio);
        sum
    }

    /// Var(⟨X_0, x⟩/‖x‖) given x at radius r.
    pub(crate) fn variance_along(&self, cos: f64, sin: f64, r: f64) -> f64 {
        let m = self.moments(cos, sin, r);
        (m.along_squared - m.along * m.along).max(0.0)
    }

    fn moments(&self, cos: f64, sin: f64, r: f64) -> Moment {
        let mut m = Moment::default();
        let d = self.dim as f64;
        self.for_posterior(cos, sin, r, |Shell { radius: rho, ratio: a, probability: p }| {
            let kappa = Self::concentration(rho, cos, sin, r);
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

fn check_shells(dim: usize, shells: usize) -> Result<(), LawError> {
    check_range("dim", dim, dim > 0, "[1, inf)")?;
    check_range("shells", shells, shells > 0, "[1, inf)")?;
    Ok(())
}

/// ‖x‖ without overflow.
pub(crate) fn norm<'a, F: Float>(x: impl IntoIterator<Item = &'a F>) -> f64 {
    x.into_iter().map(|x| x.as_f64() * x.as_f64()).sum::<f64>().sqrt()
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
        let scale = if r > 0.0 { 1.0 / (r * r) } else { 0.0 };
        Array2::from_shape_fn((self.dim, self.dim), |(i, j)| (along - across) * x[i] * x[j] * scale + if i == j { across } else { 0.0 })
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
