//! The schedules practitioners start from: linear and cosine.

use crate::error::check_range;
use crate::schedule::angle::AngleRange;
use crate::schedule::{ScheduleError, VarianceSchedule, beta_between, check_steps};

/// Number of steps at which the usual β range 1e−4 … 0.02 is meant.
const DDPM_STEPS: f64 = 1000.0;

/// The linear schedule: β_t runs evenly from β_1 = `beta_min` to β_T = `beta_max`.
///
/// Two forms are in use. [`new`](Self::new) takes β_1 and β_T literally. [`ddpm`](Self::ddpm) takes the usual range 1e−4 … 0.02, meant for
/// T = 1000, and multiplies it by 1000/T, so that ᾱ_T ≈ e^{−10} whatever T is: the same path, cut into T pieces.
///
/// # Example
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::schedule::LinearSchedule;
/// let grid = LinearSchedule::ddpm(1000)?.grid()?;
/// assert!((grid.beta(1) - 1e-4).abs() < 1e-18 && (grid.beta(1000) - 0.02).abs() < 1e-16);
/// // The same path at any T: Σ β_t is 10.05.
/// let coarse = LinearSchedule::ddpm(100)?.grid()?;
/// let total: f64 = (1..=100).map(|t| coarse.beta(t)).sum();
/// assert!((total - 10.05).abs() < 1e-12);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", 2020, §4, arXiv 2006.11239; the factor 1000/T as in
/// Nichol and Dhariwal, 2021, arXiv 2102.09672.
#[doc(alias = "VP")]
#[doc(alias = "DDPM")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearSchedule {
    steps: usize,
    first: f64,
    last: f64,
}

impl LinearSchedule {
    /// β_t evenly spaced from `beta_min` to `beta_max`, taken literally.
    ///
    /// # Errors
    /// T < 2, or 0 < `beta_min` ≤ `beta_max` < 1 does not hold.
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::schedule::LinearSchedule;
    /// assert_eq!(LinearSchedule::new(3, 0.1, 0.3)?.beta(2), 0.2);
    /// assert!(LinearSchedule::new(3, 0.3, 0.1).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(steps: usize, beta_min: f64, beta_max: f64) -> Result<Self, ScheduleError> {
        check_steps(steps)?;
        check_range("beta_min", beta_min, beta_min > 0.0 && beta_min < 1.0, "(0, 1)")?;
        check_range("beta_max", beta_max, beta_max >= beta_min && beta_max < 1.0, "[beta_min, 1)")?;
        Ok(Self { steps, first: beta_min, last: beta_max })
    }

    /// The usual range 1e−4 … 0.02 scaled by 1000/T.
    ///
    /// # Errors
    /// T < 21: the last β would not be below 1.
    ///
    /// ```
    /// assert!(onestep::schedule::LinearSchedule::ddpm(21).is_ok());
    /// assert!(onestep::schedule::LinearSchedule::ddpm(20).is_err());
    /// ```
    pub fn ddpm(steps: usize) -> Result<Self, ScheduleError> {
        check_steps(steps)?;
        check_range("steps", steps, steps >= 21, "[21, inf): with fewer the last beta reaches 1")?;
        let scale = DDPM_STEPS / steps as f64;
        Self::new(steps, 1e-4 * scale, 0.02 * scale)
    }
}

impl VarianceSchedule for LinearSchedule {
    fn steps(&self) -> usize {
        self.steps
    }

    fn beta(&self, t: usize) -> f64 {
        let s = (t - 1) as f64 / (self.steps - 1) as f64;
        (1.0 - s) * self.first + s * self.last
    }
}

/// The cosine schedule: √ᾱ_t = cos φ_t / cos φ_0 with φ_t = (π/2)(t/T + s)/(1 + s), and β_t capped.
///
/// β_t = min{1 − ᾱ_t/ᾱ_{t−1}, cap}. Without the cap β_T would be exactly 1. β is computed as
/// sin(φ_t − φ_{t−1}) sin(φ_t + φ_{t−1})/cos²φ_{t−1}, where nothing cancels.
///
/// # Units
/// The offset s is a fraction of the path, usually 0.008; the cap is a variance, usually 0.999.
///
/// # Example
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::schedule::CosineSchedule;
/// let grid = CosineSchedule::new(1000)?.grid()?;
/// let phi = |t: f64| std::f64::consts::FRAC_PI_2 * (t / 1000.0 + 0.008) / 1.008;
/// let exact = (phi(500.0).cos() / phi(0.0).cos()).powi(2);
/// assert!((grid.level(500).alpha_bar() / exact - 1.0).abs() < 1e-12);
/// assert_eq!(grid.beta(1000), 0.999);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Nichol and Dhariwal, "Improved denoising diffusion probabilistic models", 2021, eq. (17), arXiv 2102.09672.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CosineSchedule {
    steps: usize,
    cap: f64,
    path: AngleRange,
}

impl CosineSchedule {
    /// The published constants: offset 0.008, cap 0.999.
    ///
    /// # Errors
    /// T < 2.
    ///
    /// ```
    /// assert!(onestep::schedule::CosineSchedule::new(1).is_err());
    /// ```
    pub fn new(steps: usize) -> Result<Self, ScheduleError> {
        Self::with_constants(steps, 0.008, 0.999)
    }

    /// With offset s and cap of one's own.
    ///
    /// # Errors
    /// T < 2, `offset` not in [0, ∞), or `cap` outside (0, 1).
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::schedule::CosineSchedule;
    /// // Without offset the angle θ_t itself is (π/2) t/T: a uniform-angle grid but for the cap.
    /// let grid = CosineSchedule::with_constants(4, 0.0, 0.999)?.grid()?;
    /// assert!((grid.level(2).angle() - std::f64::consts::FRAC_PI_4).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn with_constants(steps: usize, offset: f64, cap: f64) -> Result<Self, ScheduleError> {
        check_steps(steps)?;
        check_range("offset", offset, offset >= 0.0 && offset.is_finite(), "[0, inf)")?;
        check_range("cap", cap, cap > 0.0 && cap < 1.0, "(0, 1)")?;
        let span = std::f64::consts::FRAC_PI_2 / (1.0 + offset);
        Ok(Self { steps, cap, path: AngleRange::new(offset * span, span, 0.0, steps) })
    }
}

impl VarianceSchedule for CosineSchedule {
    fn steps(&self) -> usize {
        self.steps
    }

    fn beta(&self, t: usize) -> f64 {
        let (before, now) = (self.path.level(t - 1), self.path.level(t));
        beta_between(before, now, self.path.delta().sin()).min(self.cap)
    }
}
