//! Exponent fits: how fast an error falls with the number of steps.

use crate::estimate::Estimate;
use crate::numeric::special::student::two_sided_quantile;

/// Why a rate could not be fitted.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RateError {
    /// Too few points for an interval: one more than the number of parameters is needed.
    #[error("{points} points were given, at least {needed} are needed to fit {parameters} parameters with an interval")]
    TooFew {
        /// Points given.
        points: usize,
        /// Points needed.
        needed: usize,
        /// Parameters of the model.
        parameters: usize,
    },
    /// Two lists that must have the same length have not.
    #[error("{left_name} has length {left}, {right_name} has length {right}: they must be equal")]
    Lengths {
        /// The first list.
        left_name: &'static str,
        /// Its length.
        left: usize,
        /// The second list.
        right_name: &'static str,
        /// Its length.
        right: usize,
    },
    /// An entry of a list is NaN or outside its range.
    #[error("{name}[{index}] = {value:?} is outside {range}")]
    Entry {
        /// The list.
        name: &'static str,
        /// Position in the list, from 0.
        index: usize,
        /// The value there.
        value: f64,
        /// The valid range.
        range: &'static str,
    },
    /// A parameter is NaN or outside its range.
    #[error("{name} = {value:?} is outside {range}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The valid range.
        range: &'static str,
    },
    /// The sizes do not tell the parameters apart.
    #[error("the sizes span too little to tell the parameters apart: take at least {needed} different sizes, further apart")]
    Degenerate {
        /// Different sizes needed.
        needed: usize,
    },
}

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
/// For **computed** errors the residuals are not random but the curvature of the true law (lower-order terms): the interval then says how
/// well one power describes the data, not how well the limit exponent is known. Fit the largest sizes alone to see the drift.
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

/// A fitted rate.
#[derive(Debug, Clone, PartialEq)]
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
    /// use onestep::audit::{RateError, RateModel};
    /// assert!(matches!(RateModel::new().fit(&[1.0, 2.0], &[1.0, 2.0]), Err(RateError::TooFew { .. })));
    /// assert!(matches!(RateModel::new().fit(&[1.0, 2.0, 3.0], &[1.0, 0.0, 2.0]), Err(RateError::Entry { index: 1, .. })));
    /// ```
    pub fn fit(&self, x: &[f64], y: &[f64]) -> Result<RateFit, RateError> {
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
    pub fn fit_weighted(&self, x: &[f64], y: &[f64], std_error: &[f64]) -> Result<RateFit, RateError> {
        check_lengths("x", x, "std_error", std_error)?;
        check_lengths("x", x, "y", y)?;
        check_entries("std_error", std_error, |s| s > 0.0 && s.is_finite(), "(0, inf)")?;
        check_entries("y", y, |v| v > 0.0 && v.is_finite(), "(0, inf)")?;
        let weights: Vec<f64> = y.iter().zip(std_error).map(|(y, s)| (y / s).powi(2)).collect();
        check_entries("weight", &weights, |w| w > 0.0 && w.is_finite(), "(0, inf)")?;
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        self.fit_with(x, y, &weights.iter().map(|w| w / mean).collect::<Vec<_>>())
    }

    fn fit_with(&self, x: &[f64], y: &[f64], weights: &[f64]) -> Result<RateFit, RateError> {
        check_lengths("x", x, "y", y)?;
        let fitted = self.log_power == LogPower::Fitted;
        let parameters = if fitted { 3 } else { 2 };
        if x.len() <= parameters {
            return Err(RateError::TooFew { points: x.len(), needed: parameters + 1, parameters });
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(RateError::OutOfRange { name: "confidence", value: self.confidence, range: "(0, 1)" });
        }
        let removed = match self.log_power {
            LogPower::Fixed(q) if !q.is_finite() => {
                return Err(RateError::OutOfRange { name: "log_power", value: q, range: "(-inf, inf)" });
            }
            LogPower::Fixed(q) => q,
            LogPower::Fitted => 0.0,
        };
        if fitted || removed != 0.0 {
            check_entries("x", x, |v| v > 1.0 && v.is_finite(), "(1, inf)")?;
        } else {
            check_entries("x", x, |v| v > 0.0 && v.is_finite(), "(0, inf)")?;
        }
        check_entries("y", y, |v| v > 0.0 && v.is_finite(), "(0, inf)")?;

        let ln_x: Vec<f64> = x.iter().map(|v| v.ln()).collect();
        let ln_ln_x = |v: &f64| v.ln();
        let response: Vec<f64> =
            y.iter().zip(&ln_x).map(|(y, l)| if removed == 0.0 { y.ln() } else { y.ln() - removed * ln_ln_x(l) }).collect();
        let mut columns = vec![ln_x.clone()];
        if fitted {
            columns.push(ln_x.iter().map(ln_ln_x).collect());
        }
        let ls = least_squares(&columns, &response, weights).ok_or(RateError::Degenerate { needed: parameters })?;

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

fn check_lengths(left_name: &'static str, left: &[f64], right_name: &'static str, right: &[f64]) -> Result<(), RateError> {
    let (left, right) = (left.len(), right.len());
    if left == right { Ok(()) } else { Err(RateError::Lengths { left_name, left, right_name, right }) }
}

fn check_entries(name: &'static str, values: &[f64], ok: impl Fn(f64) -> bool, range: &'static str) -> Result<(), RateError> {
    match values.iter().position(|&v| !ok(v)) {
        Some(index) => Err(RateError::Entry { name, index, value: values[index], range }),
        None => Ok(()),
    }
}

struct LeastSquares {
    slopes: Vec<f64>,
    slope_errors: Vec<f64>,
    intercept: f64,
    intercept_error: f64,
    residuals: Vec<f64>,
    residual_std: f64,
    r_squared: f64,
    degrees_of_freedom: usize,
}

/// What is left of a column after projection, relative to the column, must exceed this for its slope to mean anything.
const INDEPENDENCE: f64 = 1e-10;

/// Weighted least squares on an intercept and one or two columns, by Gram–Schmidt on centred columns (centring removes the intercept, the
/// one large correlation). `None` if the columns are dependent.
fn least_squares(columns: &[Vec<f64>], response: &[f64], weights: &[f64]) -> Option<LeastSquares> {
    let total: f64 = weights.iter().sum();
    let mean = |v: &[f64]| v.iter().zip(weights).map(|(v, w)| v * w).sum::<f64>() / total;
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).zip(weights).map(|((a, b), w)| a * b * w).sum::<f64>();
    let centred = |v: &[f64]| {
        let m = mean(v);
        v.iter().map(|x| x - m).collect::<Vec<_>>()
    };
    let subtract = |v: &mut [f64], c: f64, u: &[f64]| v.iter_mut().zip(u).for_each(|(v, u)| *v -= c * u);

    let first = centred(&columns[0]);
    let square = dot(&first, &first);
    let scale = columns[0].iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    if !(square.sqrt() > INDEPENDENCE * scale * total.sqrt()) {
        return None;
    }
    let response_centred = centred(response);
    let mut residuals = response_centred.clone();
    // Inverse of the normal matrix of the centred columns, from the triangular factor [1 r; 0 1].
    let (mut slopes, mut inverse) = (vec![0.0; columns.len()], [[1.0 / square, 0.0], [0.0, 0.0]]);
    slopes[0] = dot(&first, &residuals) / square;
    subtract(&mut residuals, slopes[0], &first);
    if let Some(column) = columns.get(1) {
        let mut second = centred(column);
        let size = dot(&second, &second);
        let mut r = dot(&first, &second) / square;
        subtract(&mut second, r, &first);
        // Once more: what the first projection left by rounding.
        let again = dot(&first, &second) / square;
        subtract(&mut second, again, &first);
        r += again;
        let rest = dot(&second, &second);
        if !(rest.sqrt() > INDEPENDENCE * size.sqrt()) {
            return None;
        }
        slopes[1] = dot(&second, &residuals) / rest;
        subtract(&mut residuals, slopes[1], &second);
        slopes[0] -= r * slopes[1];
        inverse = [[1.0 / square + r * r / rest, -r / rest], [-r / rest, 1.0 / rest]];
    }
    let degrees_of_freedom = response.len() - columns.len() - 1;
    let residual_square = dot(&residuals, &residuals);
    let variance = residual_square / degrees_of_freedom as f64;
    let spread = dot(&response_centred, &response_centred);
    let means: Vec<f64> = columns.iter().map(|c| mean(c)).collect();
    let intercept = mean(response) - means.iter().zip(&slopes).map(|(m, s)| m * s).sum::<f64>();
    let leverage: f64 =
        means.iter().enumerate().map(|(i, a)| means.iter().enumerate().map(|(j, b)| a * b * inverse[i][j]).sum::<f64>()).sum();
    Some(LeastSquares {
        slope_errors: (0..columns.len()).map(|i| (variance * inverse[i][i]).sqrt()).collect(),
        slopes,
        intercept,
        intercept_error: (variance * (1.0 / total + leverage)).sqrt(),
        residuals,
        residual_std: variance.sqrt(),
        r_squared: if spread > 0.0 { 1.0 - residual_square / spread } else { 1.0 },
        degrees_of_freedom,
    })
}
