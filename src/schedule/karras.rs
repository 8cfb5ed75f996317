//! The σ-grid of EDM, mapped to the variance-preserving path.

use crate::error::check_range;
use crate::level::NoiseLevel;
use crate::schedule::{Grid, ScheduleError, VarianceSchedule, beta_between, check_steps};

/// The EDM grid: σ_t = y_t^ρ with y_t evenly spaced from σ_min^{1/ρ} to σ_max^{1/ρ}, mapped to angles by σ = tan θ.
///
/// Consistency models are usually trained on it in the variance-exploding form X_0 + σZ; dividing by √(1 + σ²) gives the
/// variance-preserving level with tan θ = σ, which is the same path. The published order runs from σ_max down; steps here count up.
///
/// # Units
/// σ is a standard deviation relative to the data's own units.
///
/// # Accuracy
/// σ_t − σ_{t−1} = σ_{t−1} expm1(ρ ln(1 + h/y_{t−1})): the increments keep their digits at any T, and both end points are exact.
///
/// # Example
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::schedule::Karras;
/// let grid = Karras::new(18)?.grid()?;
/// assert!((grid.level(1).sigma() / 0.002 - 1.0).abs() < 1e-15);
/// assert!((grid.last().sigma() / 80.0 - 1.0).abs() < 1e-15);
/// // The seventh roots are evenly spaced.
/// let root = |t| grid.level(t).sigma().powf(1.0 / 7.0);
/// assert!((root(3) - 2.0 * root(2) + root(1)).abs() < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Karras, Aittala, Aila and Laine, "Elucidating the design space of diffusion-based generative models", 2022, eq. (5),
/// arXiv 2206.00364.
#[doc(alias = "EDM")]
#[doc(alias = "VE")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Karras {
    steps: usize,
    sigma_min: f64,
    sigma_max: f64,
    rho: f64,
    /// y_1 and the spacing of the y.
    first: f64,
    spacing: f64,
}

impl Karras {
    /// The published constants: σ_min = 0.002, σ_max = 80, ρ = 7.
    ///
    /// # Errors
    /// T < 2.
    ///
    /// ```
    /// assert!(onestep::schedule::Karras::new(1).is_err());
    /// ```
    pub fn new(steps: usize) -> Result<Self, ScheduleError> {
        Self::with_constants(steps, 0.002, 80.0, 7.0)
    }

    /// With constants of one's own.
    ///
    /// # Errors
    /// T < 2, 0 < `sigma_min` < `sigma_max` < ∞ does not hold, or ρ is not in (0, ∞).
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::schedule::Karras;
    /// // ρ = 1 spaces σ itself evenly.
    /// let grid = Karras::with_constants(5, 1.0, 5.0, 1.0)?.grid()?;
    /// assert!((grid.level(3).sigma() - 3.0).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn with_constants(steps: usize, sigma_min: f64, sigma_max: f64, rho: f64) -> Result<Self, ScheduleError> {
        check_steps(steps)?;
        check_range("sigma_min", sigma_min, sigma_min > 0.0 && sigma_min.is_finite(), "(0, inf)")?;
        check_range("sigma_max", sigma_max, sigma_max > sigma_min && sigma_max.is_finite(), "(sigma_min, inf)")?;
        check_range("rho", rho, rho > 0.0 && rho.is_finite(), "(0, inf)")?;
        let (first, last) = (sigma_min.powf(1.0 / rho), sigma_max.powf(1.0 / rho));
        let spacing = (last - first) / (steps - 1) as f64;
        // The powers 1/ρ must be representable and apart.
        let apart = first.is_normal() && last.is_normal() && first + spacing > first && spacing / first < f64::MAX;
        check_range("rho", rho, apart, "values for which sigma^(1/rho) is representable")?;
        Ok(Self { steps, sigma_min, sigma_max, rho, first, spacing })
    }

    /// y_t.
    fn root(&self, t: usize) -> f64 {
        self.first + (t - 1) as f64 * self.spacing
    }

    /// σ_t, increasing in t.
    ///
    /// ```
    /// assert_eq!(onestep::schedule::Karras::new(18).unwrap().sigma(18), 80.0);
    /// ```
    ///
    /// # Panics
    /// `t` = 0, in debug builds.
    #[must_use]
    pub fn sigma(&self, t: usize) -> f64 {
        match t {
            1 => self.sigma_min,
            t if t == self.steps => self.sigma_max,
            t => self.root(t).powf(self.rho),
        }
    }

    fn level(&self, t: usize) -> NoiseLevel {
        let sigma = self.sigma(t);
        let norm = 1.0_f64.hypot(sigma);
        NoiseLevel::from_cos_sin(1.0 / norm, sigma / norm)
    }

    /// sin Δθ_t = (σ_t − σ_{t−1}) cos θ_t cos θ_{t−1}.
    fn sin_delta(&self, t: usize, before: NoiseLevel, now: NoiseLevel) -> f64 {
        if t == 1 {
            return now.sin();
        }
        let growth = (self.rho * (self.spacing / self.root(t - 1)).ln_1p()).exp_m1();
        before.sin() * growth * now.cos()
    }
}

impl VarianceSchedule for Karras {
    fn steps(&self) -> usize {
        self.steps
    }

    fn beta(&self, t: usize) -> f64 {
        let before = if t == 1 { NoiseLevel::DATA } else { self.level(t - 1) };
        let now = self.level(t);
        beta_between(before, now, self.sin_delta(t, before, now))
    }

    fn grid(&self) -> Result<Grid, ScheduleError> {
        let levels: Vec<NoiseLevel> = (1..=self.steps).map(|t| self.level(t)).collect();
        let before = std::iter::once(NoiseLevel::DATA).chain(levels.iter().copied());
        let sin_deltas = before.zip(&levels).enumerate().map(|(i, (before, &now))| self.sin_delta(i + 1, before, now)).collect();
        Grid::with_increments(levels, sin_deltas).checked()
    }
}
