//! A schedule given by a function, of whichever quantity is natural.

use crate::level::NoiseLevel;
use crate::schedule::{Grid, ScheduleError, VarianceSchedule, check_steps};
use std::fmt;

/// What the function of a [`ScheduleFn`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Beta,
    AlphaBar,
    Sigma,
    Angle,
}

/// The schedule given by β_t, ᾱ_t, σ_t or θ_t as a function of t = 1, …, T, whichever is natural; no digit is lost on the way.
///
/// # Example
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::schedule::ScheduleFn;
/// // ᾱ falls linearly.
/// let grid = ScheduleFn::from_alpha_bars(9, |t| 1.0 - 0.1 * t as f64).grid()?;
/// assert!((grid.level(4).alpha_bar() - 0.6).abs() < 1e-15 && (grid.beta(4) - 1.0 / 7.0).abs() < 1e-15);
/// // σ = t².
/// let schedule = ScheduleFn::from_sigmas(5, |t| (t * t) as f64);
/// assert!((schedule.grid()?.level(3).sigma() - 9.0).abs() < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Clone)]
pub struct ScheduleFn<C> {
    steps: usize,
    quantity: Quantity,
    value: C,
}

impl<C> fmt::Debug for ScheduleFn<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduleFn").field("steps", &self.steps).field("quantity", &self.quantity).finish_non_exhaustive()
    }
}

impl<C: Fn(usize) -> f64 + Send + Sync> ScheduleFn<C> {
    /// From β_t in (0, 1).
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::schedule::ScheduleFn;
    /// assert_eq!(ScheduleFn::from_betas(5, |t| 0.1 * t as f64).beta(2), 0.2);
    /// ```
    pub fn from_betas(steps: usize, beta: C) -> Self {
        Self { steps, quantity: Quantity::Beta, value: beta }
    }

    /// From ᾱ_t in (0, 1), decreasing.
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::schedule::ScheduleFn;
    /// assert_eq!(ScheduleFn::from_alpha_bars(5, |t| 0.5_f64.powi(t as i32)).beta(3), 0.5);
    /// ```
    pub fn from_alpha_bars(steps: usize, alpha_bar: C) -> Self {
        Self { steps, quantity: Quantity::AlphaBar, value: alpha_bar }
    }

    /// From the variance-exploding standard deviations σ_t, increasing.
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::schedule::ScheduleFn;
    /// let schedule = ScheduleFn::from_sigmas(5, |t| t as f64);
    /// assert!((schedule.beta(1) - 0.5).abs() < 1e-15); // σ = 1 is ᾱ = 1/2
    /// ```
    pub fn from_sigmas(steps: usize, sigma: C) -> Self {
        Self { steps, quantity: Quantity::Sigma, value: sigma }
    }

    /// From the angles θ_t in (0, π/2], increasing.
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::schedule::ScheduleFn;
    /// let schedule = ScheduleFn::from_angles(3, |t| 0.5 * t as f64);
    /// assert!((schedule.grid()?.delta(3) - 0.5).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_angles(steps: usize, angle: C) -> Self {
        Self { steps, quantity: Quantity::Angle, value: angle }
    }

    /// ᾱ_t/ᾱ_{t−1} is one minus this, from the values before and at t; NaN for values that make no level.
    fn beta_between(&self, before: Option<f64>, now: f64) -> f64 {
        let level = |v: f64| match self.quantity {
            Quantity::Sigma => NoiseLevel::from_sigma(v),
            _ => NoiseLevel::from_angle(v),
        };
        match (self.quantity, before) {
            (Quantity::Beta, _) => now,
            (Quantity::AlphaBar, None) => 1.0 - now,
            (Quantity::AlphaBar, Some(before)) => (before - now) / before,
            (_, None) => level(now).map_or(f64::NAN, NoiseLevel::one_minus_alpha_bar),
            (_, Some(before)) => match (level(before), level(now)) {
                (Ok(a), Ok(b)) => {
                    let sin_delta =
                        if self.quantity == Quantity::Sigma { (now - before) * a.cos() * b.cos() } else { (now - before).sin() };
                    super::beta_between(a, b, sin_delta)
                }
                _ => f64::NAN,
            },
        }
    }
}

impl<C: Fn(usize) -> f64 + Send + Sync> VarianceSchedule for ScheduleFn<C> {
    fn steps(&self) -> usize {
        self.steps
    }

    fn beta(&self, t: usize) -> f64 {
        self.beta_between((t > 1).then(|| (self.value)(t - 1)), (self.value)(t))
    }

    fn grid(&self) -> Result<Grid, ScheduleError> {
        check_steps(self.steps)?;
        let values: Vec<f64> = (1..=self.steps).map(&self.value).collect();
        match self.quantity {
            Quantity::Beta => Grid::from_betas(values),
            Quantity::AlphaBar => Grid::from_alpha_bars(&values),
            Quantity::Sigma => Grid::from_sigmas(&values),
            Quantity::Angle => Grid::from_angles(&values),
        }
    }
}
