//! A fitted rate.

use crate::estimate::Estimate;
use std::fmt;

/// A fitted rate.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RateFit {
    /// The exponent of x with standard error and Student-t interval; `evaluations` is the number of points.
    pub slope: Estimate,
    /// ln c, likewise.
    pub intercept: Estimate,
    /// The power of ln x: an interval if it was fitted, the exact number if it was fixed.
    pub log_power: Estimate,
    /// 1 − (residual sum of squares)/(total sum of squares), after removal of a fixed power of ln x, weighted; 1 when all y are equal.
    pub r_squared: f64,
    /// ln y minus the fit, point by point.
    pub residuals: Vec<f64>,
    /// √(weighted residual sum of squares/degrees of freedom); the weights average to one.
    pub residual_std: f64,
    /// Points minus parameters.
    pub degrees_of_freedom: usize,
    /// Level of the intervals.
    pub confidence: f64,
}

impl RateFit {
    /// c = exp(intercept).
    ///
    /// ```
    /// use onestep::audit::RateModel;
    /// let fit = RateModel::new().fit(&[1.0, 2.0, 4.0], &[5.0, 2.5, 1.25]).unwrap();
    /// assert!((fit.constant() - 5.0).abs() < 1e-14);
    /// ```
    #[must_use]
    pub fn constant(&self) -> f64 {
        self.intercept.value.exp()
    }

    /// The fitted value c · x^slope · (ln x)^q.
    ///
    /// ```
    /// use onestep::audit::RateModel;
    /// let fit = RateModel::new().fit(&[1.0, 2.0, 4.0], &[5.0, 2.5, 1.25]).unwrap();
    /// assert!((fit.predict(8.0) - 0.625).abs() < 1e-14);
    /// ```
    #[must_use]
    pub fn predict(&self, x: f64) -> f64 {
        let log = if self.log_power.value == 0.0 { 0.0 } else { self.log_power.value * x.ln().ln() };
        (self.intercept.value + self.slope.value * x.ln() + log).exp()
    }
}

/// One line, such as `y = 3.0000 x^-1.0000, slope in [-1.01, -0.99] (95 %)`.
impl fmt::Display for RateFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "y = {:.4e} x^{:.4}", self.constant(), self.slope.value)?;
        if self.log_power.value != 0.0 {
            write!(f, " (ln x)^{:.3}", self.log_power.value)?;
        }
        write!(f, ", slope in [{:.4}, {:.4}] ({} %)", self.slope.lower, self.slope.upper, 100.0 * self.confidence)
    }
}
