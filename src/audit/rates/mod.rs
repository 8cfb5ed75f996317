//! Exponent fits: how fast an error falls with the number of steps.

mod fit;
mod least_squares;
mod trend;

pub use fit::RateFit;
pub use trend::{LocalSlope, RateTrend};

use crate::audit::AuditError;
use crate::error::{check_entries, check_equal, check_range};
use crate::estimate::Estimate;
use crate::numeric::special::student::two_sided_quantile;
use least_squares::least_squares;

/// What is done about powers of log x.
#[derive(Debug, Clone, Copy, PartialEq)]
enum LogPower {
    Fixed(f64),
    Fitted,
}

/// The model y ≈ c · x^slope · (ln x)^q, fitted by least squares of ln y on ln x (and ln ln x).
///
/// By default q = 0; [`log_power`](Self::log_power) removes a known power first, [`fit_log_power`](Self::fit_log_power) estimates it.
/// The interval is Student's t on the residuals, for independent errors of equal size in ln y (after weighting).
/// **Computed** errors have no noise: their residuals are the curvature of the true law (lower-order terms), the interval would say how well one
/// power describes the data and would rarely hold the limit exponent. For them take [`trend`](Self::trend), which has none.
///
/// # Example
/// ```
/// use onestep::audit::RateModel;
/// let steps = [64.0, 256.0, 1024.0, 4096.0];
/// // An exact log T / T law looks like a slope above −1 …
/// let errors = steps.map(|t: f64| 3.0 * t.ln() / t);
/// let plain = RateModel::new().fit(&steps, &errors)?;
/// assert!(plain.slope.value > -0.9);
/// // … until the logarithm is removed.
/// let fit = RateModel::new().log_power(1.0).fit(&steps, &errors)?;
/// assert!((fit.slope.value + 1.0).abs() < 1e-13 && (fit.constant() - 3.0).abs() < 1e-12);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateModel {
    log_power: LogPower,
    confidence: f64,
}

impl Default for RateModel {
    fn default() -> Self {
        Self::new()
    }
}

impl RateModel {
    /// A pure power with a 95 % interval.
    ///
    /// ```
    /// use onestep::audit::RateModel;
    /// let fit = RateModel::new().fit(&[1.0, 2.0, 4.0], &[3.0, 3.0, 3.0]).unwrap();
    /// assert_eq!((fit.slope.value, fit.confidence), (0.0, 0.95));
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { log_power: LogPower::Fixed(0.0), confidence: 0.95 }
    }

    /// Removes the factor (ln x)^`power` before fitting.
    ///
    /// ```
    /// use onestep::audit::RateModel;
    /// let x = [10.0, 100.0, 1000.0];
    /// let fit = RateModel::new().log_power(5.0).fit(&x, &x.map(|t: f64| t.ln().powi(5) / t)).unwrap();
    /// assert!((fit.slope.value + 1.0).abs() < 1e-13);
    /// ```
    #[must_use]
    pub fn log_power(mut self, power: f64) -> Self {
        self.log_power = LogPower::Fixed(power);
        self
    }

    /// Fits the power of ln x as a second exponent. ln x and ln ln x are nearly collinear: expect wide intervals unless the sizes span
    /// several decades.
    ///
    /// ```
    /// use onestep::audit::RateModel;
    /// let x = [10.0, 100.0, 1e4, 1e6];
    /// let fit = RateModel::new().fit_log_power().fit(&x, &x.map(|t: f64| t.ln().powi(2) / t)).unwrap();
    /// assert!((fit.slope.value + 1.0).abs() < 1e-12 && (fit.log_power.value - 2.0).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn fit_log_power(mut self) -> Self {
        self.log_power = LogPower::Fitted;
        self
    }

    /// Sets the level of the intervals, in (0, 1).
    ///
    /// ```
    /// use onestep::audit::RateModel;
    /// let (x, y) = ([1.0, 2.0, 4.0, 8.0], [1.0, 0.6, 0.2, 0.1]);
    /// let wide = RateModel::new().confidence(0.99).fit(&x, &y).unwrap().slope;
    /// let narrow = RateModel::new().confidence(0.5).fit(&x, &y).unwrap().slope;
    /// assert!(wide.lower < narrow.lower && wide.upper > narrow.upper);
    /// ```
    #[must_use]
    pub fn confidence(mut self, confidence: f64) -> Self {
        self.confidence = confidence;
        self
    }

    /// Ordinary least squares of ln y on ln x.
    ///
    /// # Errors
    /// Unequal lengths; fewer than three points (four with a fitted log power); x or y not in (0, ∞), or x not above 1 where ln x is raised
    /// to a power; too few different x; a confidence outside (0, 1) or a log power that is not finite.
    ///
    /// ```
    /// use onestep::audit::{AuditError, RateModel};
    /// assert!(matches!(RateModel::new().fit(&[1.0, 2.0], &[1.0, 2.0]), Err(AuditError::TooFewPoints { .. })));
    /// assert!(matches!(RateModel::new().fit(&[1.0, 2.0, 3.0], &[1.0, 0.0, 2.0]), Err(AuditError::EntryOutOfRange(entry)) if entry.index == 2));
    /// ```
    pub fn fit(&self, x: &[f64], y: &[f64]) -> Result<RateFit, AuditError> {
        self.fit_with(x, y, &vec![1.0; x.len()])
    }

    /// Weighted least squares, for y with standard errors: ln y has standard error `std_error`/y, so its weight is (y/`std_error`)².
    /// Only the ratios of the standard errors matter; the scale comes from the residuals.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); a standard error not in (0, ∞).
    ///
    /// ```
    /// use onestep::audit::RateModel;
    /// // The third point is almost worthless: the slope is that of the other three.
    /// let (x, y) = ([1.0, 2.0, 4.0, 8.0], [1.0, 0.5, 9.0, 0.125]);
    /// let fit = RateModel::new().fit_weighted(&x, &y, &[1e-6, 1e-6, 1e6, 1e-6]).unwrap();
    /// assert!((fit.slope.value + 1.0).abs() < 1e-6);
    /// ```
    pub fn fit_weighted(&self, x: &[f64], y: &[f64], std_error: &[f64]) -> Result<RateFit, AuditError> {
        check_equal("length of x", x.len(), "length of std_error", std_error.len())?;
        check_equal("length of x", x.len(), "length of y", y.len())?;
        check_entries("std_error", std_error, |s| s > 0.0 && s.is_finite(), "(0, inf)")?;
        check_entries("y", y, |v| v > 0.0 && v.is_finite(), "(0, inf)")?;
        let weights: Vec<f64> = y.iter().zip(std_error).map(|(y, s)| (y / s).powi(2)).collect();
        check_entries("weight", &weights, |w| w > 0.0 && w.is_finite(), "(0, inf)")?;
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        self.fit_with(x, y, &weights.iter().map(|w| w / mean).collect::<Vec<_>>())
    }

    /// The power of ln x to remove, for valid x and y; `None` for one to be fitted.
    fn fixed_power(&self, x: &[f64], y: &[f64]) -> Result<Option<f64>, AuditError> {
        check_equal("length of x", x.len(), "length of y", y.len())?;
        let power = match self.log_power {
            LogPower::Fixed(q) => Some(check_range("log_power", q, q.is_finite(), "(-inf, inf)")?),
            LogPower::Fitted => None,
        };
        if power == Some(0.0) {
            check_entries("x", x, |v| v > 0.0 && v.is_finite(), "(0, inf)")?;
        } else {
            check_entries("x", x, |v| v > 1.0 && v.is_finite(), "(1, inf)")?;
        }
        check_entries("y", y, |v| v > 0.0 && v.is_finite(), "(0, inf)")?;
        Ok(power)
    }

    fn fit_with(&self, x: &[f64], y: &[f64], weights: &[f64]) -> Result<RateFit, AuditError> {
        check_equal("length of x", x.len(), "length of y", y.len())?;
        let fitted = self.log_power == LogPower::Fitted;
        let parameters = if fitted { 3 } else { 2 };
        if x.len() <= parameters {
            return Err(AuditError::TooFewPoints { points: x.len(), needed: parameters + 1, parameters });
        }
        check_range("confidence", self.confidence, self.confidence > 0.0 && self.confidence < 1.0, "(0, 1)")?;
        let removed = self.fixed_power(x, y)?.unwrap_or(0.0);
        let ln_x: Vec<f64> = x.iter().map(|v| v.ln()).collect();
        let ln_ln_x = |v: &f64| v.ln();
        let response: Vec<f64> =
            y.iter().zip(&ln_x).map(|(y, l)| if removed == 0.0 { y.ln() } else { y.ln() - removed * ln_ln_x(l) }).collect();
        let mut columns = vec![ln_x.clone()];
        if fitted {
            columns.push(ln_x.iter().map(ln_ln_x).collect());
        }
        let ls = least_squares(&columns, &response, weights).ok_or(AuditError::Degenerate { needed: parameters })?;

        let t = two_sided_quantile(self.confidence, ls.degrees_of_freedom as f64);
        let estimate = |value: f64, std_error: f64| Estimate {
            value,
            std_error,
            lower: value - t * std_error,
            upper: value + t * std_error,
            evaluations: x.len(),
        };
        let log_power = if fitted { estimate(ls.slopes[1], ls.slope_errors[1]) } else { Estimate::computed(removed, 0.0, x.len()) };
        Ok(RateFit {
            slope: estimate(ls.slopes[0], ls.slope_errors[0]),
            intercept: estimate(ls.intercept, ls.intercept_error),
            log_power,
            r_squared: ls.r_squared,
            residuals: ls.residuals,
            residual_std: ls.residual_std,
            degrees_of_freedom: ls.degrees_of_freedom,
            confidence: self.confidence,
        })
    }
}
