//! The rate of numbers without noise: local slopes and their trend.

use crate::audit::AuditError;
use crate::audit::rates::RateModel;
use crate::error::check_range;
use std::fmt;

/// The exponent between two neighbouring sizes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LocalSlope {
    /// The smaller size.
    pub from: f64,
    /// The larger size.
    pub to: f64,
    /// (ln y(to) − ln y(from))/(ln to − ln from), after removal of the power of ln x.
    pub slope: f64,
}

/// How **computed** numbers fall with x: the slopes between neighbouring sizes. There is no interval, since there is no noise: what the slopes
/// differ by is the curvature of the law itself, and the limit exponent lies beyond the last of them, in the direction of their drift.
///
/// # Example
/// ```
/// use onestep::audit::RateModel;
/// let steps = [64.0, 256.0, 1024.0, 4096.0];
/// // 3/T + 40/T²: the limit is −1, and no slope reaches it.
/// let trend = RateModel::new().trend(&steps, &steps.map(|t: f64| 3.0 / t + 40.0 / (t * t)))?;
/// assert_eq!(trend.slopes.len(), 3);
/// assert!(trend.last() < -1.0 && trend.last() > -1.01 && trend.drift().unwrap() > 0.0);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RateTrend {
    /// The slopes between neighbours, in increasing order of size; at least one.
    pub slopes: Vec<LocalSlope>,
    /// The power of ln x that was removed.
    pub log_power: f64,
}

impl RateTrend {
    /// The slope between the two largest sizes.
    ///
    /// ```
    /// use onestep::audit::RateModel;
    /// let last = RateModel::new().trend(&[2.0, 4.0, 8.0], &[3.0, 2.0, 1.0])?.last();
    /// assert!((last + 1.0).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn last(&self) -> f64 {
        self.slopes[self.slopes.len() - 1].slope
    }

    /// The last slope minus the one before; `None` for a single one.
    ///
    /// ```
    /// use onestep::audit::RateModel;
    /// let trend = RateModel::new().trend(&[1.0, 2.0, 4.0], &[8.0, 4.0, 1.0])?;
    /// assert_eq!(trend.drift(), Some(-1.0)); // −1, then −2
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn drift(&self) -> Option<f64> {
        let [.., before, last] = &self.slopes[..] else { return None };
        Some(last.slope - before.slope)
    }
}

/// One line, such as `slopes -1.0870 → -1.0062 (x from 64 to 4096), still rising by 0.0240`.
impl fmt::Display for RateTrend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (&self.slopes[0], &self.slopes[self.slopes.len() - 1]);
        match self.drift() {
            None => write!(f, "slope {:.4} (x from {} to {})", first.slope, first.from, first.to),
            Some(drift) => {
                let direction = if drift < 0.0 { "falling" } else { "rising" };
                write!(
                    f,
                    "slopes {:.4} → {:.4} (x from {} to {}), still {direction} by {:.4}",
                    first.slope,
                    last.slope,
                    first.from,
                    last.to,
                    drift.abs()
                )
            }
        }
    }
}

impl RateModel {
    /// The slopes between neighbouring sizes, in any order, for numbers without noise. A fixed [`log_power`](Self::log_power) is removed first;
    /// a fitted one is that of the least-squares fit.
    ///
    /// # Errors
    /// Fewer than two points; otherwise as [`fit`](Self::fit), and two equal sizes.
    ///
    /// ```
    /// use onestep::audit::RateModel;
    /// let x = [10.0, 100.0, 1000.0];
    /// let trend = RateModel::new().log_power(2.0).trend(&x, &x.map(|t: f64| t.ln().powi(2) / t))?;
    /// assert!(trend.slopes.iter().all(|s| (s.slope + 1.0).abs() < 1e-13));
    /// assert!(RateModel::new().trend(&[1.0, 1.0], &[1.0, 2.0]).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn trend(&self, x: &[f64], y: &[f64]) -> Result<RateTrend, AuditError> {
        let log_power = match self.fixed_power(x, y)? {
            Some(power) => power,
            None => self.fit(x, y)?.log_power.value,
        };
        check_range("points", x.len(), x.len() >= 2, "[2, inf)")?;
        let mut order: Vec<usize> = (0..x.len()).collect();
        order.sort_by(|&i, &j| x[i].total_cmp(&x[j]));
        let ln_y = |i: usize| if log_power == 0.0 { y[i].ln() } else { y[i].ln() - log_power * x[i].ln().ln() };
        let slopes: Vec<LocalSlope> = order
            .windows(2)
            .map(|pair| {
                let (i, j) = (pair[0], pair[1]);
                LocalSlope { from: x[i], to: x[j], slope: (ln_y(j) - ln_y(i)) / (x[j].ln() - x[i].ln()) }
            })
            .collect();
        if slopes.iter().all(|s| s.slope.is_finite()) {
            Ok(RateTrend { slopes, log_power })
        } else {
            Err(AuditError::Degenerate { needed: x.len() })
        }
    }
}
