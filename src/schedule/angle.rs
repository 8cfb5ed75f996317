//! Uniform angles.

use crate::error::check_range;
use crate::level::NoiseLevel;
use crate::schedule::{Grid, ScheduleError, VarianceSchedule, beta_between, check_steps};
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

/// π/2 − fl(π/2): what the float nearest to π/2 lacks.
const FRAC_PI_2_TAIL: f64 = 6.123_233_995_736_766e-17;

/// Evenly spaced angles from `start` (counted from the data) over `span` to `co_end` (counted from the noise), in `intervals` pieces.
/// Each angle is counted from its nearer end, so that neither sine nor cosine loses a digit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AngleRange {
    start: f64,
    span: f64,
    co_end: f64,
    intervals: usize,
}

impl AngleRange {
    pub(crate) fn new(start: f64, span: f64, co_end: f64, intervals: usize) -> Self {
        Self { start, span, co_end, intervals }
    }

    /// The spacing.
    pub(crate) fn delta(&self) -> f64 {
        self.span / self.intervals as f64
    }

    /// The level after `i` of the intervals.
    pub(crate) fn level(&self, i: usize) -> NoiseLevel {
        let angle = self.start + i as f64 * self.delta();
        if angle <= FRAC_PI_4 {
            return NoiseLevel::from_cos_sin(angle.cos(), angle.sin());
        }
        let co_angle = self.co_end + (self.intervals - i) as f64 * self.delta();
        NoiseLevel::from_cos_sin(co_angle.sin(), co_angle.cos())
    }
}

/// Uniform angles: θ_t = θ_min + (t − 1) Δ, Δ = (θ_max − θ_min)/(T − 1).
///
/// For N(0, I) these angles give the smallest one-step error of all grids on the same range (1 − ∏ cos Δθ_t is smallest when the
/// increments are equal); they are the natural grid for convergence studies, because the path is cut in the same way at every T.
///
/// # Units
/// Radians, 0 = data, π/2 = noise.
///
/// # Accuracy
/// Angles beyond π/4 are counted from the noise end: cos θ_t keeps its digits however close θ_max is to π/2. Every increment is Δ to
/// rounding, at any T. θ_max = π/2 itself is allowed; then β_T = 1.
///
/// # Example
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::schedule::UniformAngle;
/// let grid = UniformAngle::new(101, 0.01, 1.51)?.grid()?;
/// assert!((grid.level(51).angle() - 0.76).abs() < 1e-15);
/// assert!((2..=101).all(|t| (grid.delta(t) / 0.015 - 1.0).abs() < 1e-14));
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UniformAngle {
    steps: usize,
    range: AngleRange,
}

impl UniformAngle {
    /// T = `steps` angles from `angle_min` to `angle_max`, in radians.
    ///
    /// # Errors
    /// T < 2, or 0 < `angle_min` < `angle_max` ≤ π/2 does not hold.
    ///
    /// ```
    /// use onestep::schedule::UniformAngle;
    /// assert!(UniformAngle::new(10, 0.0, 1.0).is_err());
    /// assert!(UniformAngle::new(10, 0.1, std::f64::consts::FRAC_PI_2).is_ok());
    /// ```
    pub fn new(steps: usize, angle_min: f64, angle_max: f64) -> Result<Self, ScheduleError> {
        check_range("angle_max", angle_max, angle_max > 0.0 && angle_max <= FRAC_PI_2, "(0, π/2]")?;
        // The float nearest to π/2 stands for the noise end itself.
        let co_end = if angle_max == FRAC_PI_2 { 0.0 } else { FRAC_PI_2 - angle_max + FRAC_PI_2_TAIL };
        check_range("angle_min", angle_min, angle_min > 0.0 && angle_min < angle_max, "(0, angle_max)")?;
        check_steps(steps)?;
        Ok(Self { steps, range: AngleRange::new(angle_min, angle_max - angle_min, co_end, steps - 1) })
    }

    /// The same with the last angle given by its distance to the noise end, π/2 − θ_max: for levels closer to it than 1e−8.
    ///
    /// # Errors
    /// T < 2, `angle_min` outside (0, π/2), or `co_angle_max` outside [0, π/2 − `angle_min`).
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::schedule::UniformAngle;
    /// let grid = UniformAngle::to_co_angle(50, 1e-3, 1e-20)?.grid()?;
    /// assert!((grid.last().cos() / 1e-20 - 1.0).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn to_co_angle(steps: usize, angle_min: f64, co_angle_max: f64) -> Result<Self, ScheduleError> {
        check_steps(steps)?;
        check_range("angle_min", angle_min, angle_min > 0.0 && angle_min < FRAC_PI_2, "(0, π/2)")?;
        check_range("co_angle_max", co_angle_max, co_angle_max >= 0.0 && co_angle_max < FRAC_PI_2 - angle_min, "[0, π/2 - angle_min)")?;
        let span = FRAC_PI_2 - angle_min - co_angle_max;
        Ok(Self { steps, range: AngleRange::new(angle_min, span, co_angle_max, steps - 1) })
    }

    fn sin_delta(&self, t: usize) -> f64 {
        if t == 1 { self.range.level(0).sin() } else { self.range.delta().sin() }
    }
}

impl VarianceSchedule for UniformAngle {
    fn steps(&self) -> usize {
        self.steps
    }

    fn beta(&self, t: usize) -> f64 {
        let before = if t == 1 { NoiseLevel::DATA } else { self.range.level(t - 2) };
        beta_between(before, self.range.level(t - 1), self.sin_delta(t))
    }

    fn grid(&self) -> Result<Grid, ScheduleError> {
        let levels = (0..self.steps).map(|i| self.range.level(i)).collect();
        Grid::with_increments(levels, (1..=self.steps).map(|t| self.sin_delta(t)).collect()).checked()
    }
}
