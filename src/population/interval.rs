//! Numbers enclosed by computation.

use std::fmt;

/// A number known exactly, up to the rounding of its computation, or between two bounds.
///
/// An interval says what was *computed*: both ends come from inequalities, and no chance is involved. An
/// [`Estimate`](crate::Estimate) is a number that was *sampled*: it has a standard error, and its interval holds the truth with some
/// probability.
///
/// ```
/// use onestep::population::Interval;
/// assert_eq!(Interval::exact(0.25).to_string(), "0.25");
/// assert_eq!(Interval::new(1.0, 1.5).to_string(), "[1, 1.5]");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end; equal to `lower` where the number is exact.
    pub upper: f64,
}

impl Interval {
    /// A number between two bounds.
    ///
    /// ```
    /// assert!(!onestep::population::Interval::new(1.0, 2.0).is_exact());
    /// ```
    #[must_use]
    pub fn new(lower: f64, upper: f64) -> Self {
        Self { lower, upper }
    }

    /// An exact number.
    ///
    /// ```
    /// assert!(onestep::population::Interval::exact(2.0).is_exact());
    /// ```
    #[must_use]
    pub fn exact(value: f64) -> Self {
        Self { lower: value, upper: value }
    }

    /// Whether both ends agree.
    ///
    /// ```
    /// assert!(!onestep::population::Interval::new(1.0, 2.0).is_exact());
    /// ```
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.lower == self.upper
    }

    /// The number itself where it is exact.
    ///
    /// ```
    /// assert_eq!(onestep::population::Interval::new(1.0, 2.0).value(), None);
    /// ```
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.is_exact().then_some(self.lower)
    }
}

impl fmt::Display for Interval {
    /// One number where it is exact, `[lower, upper]` otherwise; a precision holds for both ends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_exact() {
            return fmt::Display::fmt(&self.lower, f);
        }
        f.write_str("[")?;
        fmt::Display::fmt(&self.lower, f)?;
        f.write_str(", ")?;
        fmt::Display::fmt(&self.upper, f)?;
        f.write_str("]")
    }
}

impl fmt::LowerExp for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_exact() {
            return fmt::LowerExp::fmt(&self.lower, f);
        }
        f.write_str("[")?;
        fmt::LowerExp::fmt(&self.lower, f)?;
        f.write_str(", ")?;
        fmt::LowerExp::fmt(&self.upper, f)?;
        f.write_str("]")
    }
}
