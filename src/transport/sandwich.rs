//! The best of several bounds.

use crate::estimate::Estimate;
use std::fmt;

/// The best lower and upper bound on one distance among those given.
///
/// Of two lower bounds the one with the larger lower confidence limit is kept, of two upper bounds the one with the smaller upper limit.
/// A bound on W_1 from below is one on every W_p; a bound on W_p from above is one on every W_q, q ≤ p.
///
/// Each 95 % interval misses on its outer side with probability 2.5 %: a sandwich of k bounds holds with probability at least 1 − 0.025 k.
///
/// # Example
/// ```
/// use onestep::Estimate;
/// use onestep::transport::Sandwich;
/// let s = Sandwich::default()
///     .with_lower(Estimate::computed(1.0, 0.0, 1))
///     .with_lower(Estimate::computed(1.5, 0.1, 1))
///     .with_upper(Estimate::computed(2.0, 0.0, 1));
/// assert_eq!((s.lower.value, s.upper.value), (1.5, 2.0));
/// assert!(s.is_consistent() && (s.ratio() - 4.0 / 3.0).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sandwich {
    /// The best lower bound; 0 at first.
    pub lower: Estimate,
    /// The best upper bound; ∞ at first.
    pub upper: Estimate,
}

impl Default for Sandwich {
    /// What is known of a distance beforehand: \[0, ∞\].
    fn default() -> Self {
        let infinite = Estimate { value: f64::INFINITY, std_error: 0.0, lower: f64::INFINITY, upper: f64::INFINITY, evaluations: 0 };
        Self { lower: Estimate::computed(0.0, 0.0, 0), upper: infinite }
    }
}

impl fmt::Display for Sandwich {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at least {}, at most {}", self.lower, self.upper)?;
        if self.is_consistent() { Ok(()) } else { write!(f, ": they exclude each other") }
    }
}

impl Sandwich {
    /// Takes a lower bound into account; one that is NaN is ignored.
    ///
    /// ```
    /// use onestep::Estimate;
    /// use onestep::transport::Sandwich;
    /// let s = Sandwich::default().with_lower(Estimate::normal(1.0, 10.0, 3));
    /// assert_eq!(s.lower.value, 0.0); // a limit of 1 − 19.6 is worse than 0
    /// ```
    #[must_use]
    pub fn with_lower(self, bound: Estimate) -> Self {
        if bound.lower > self.lower.lower { Self { lower: bound, ..self } } else { self }
    }

    /// Takes an upper bound into account; one that is NaN is ignored.
    ///
    /// ```
    /// use onestep::Estimate;
    /// use onestep::transport::Sandwich;
    /// let s = Sandwich::default().with_upper(Estimate::normal(f64::NAN, 1.0, 3));
    /// assert_eq!(s.upper.value, f64::INFINITY);
    /// ```
    #[must_use]
    pub fn with_upper(self, bound: Estimate) -> Self {
        if bound.upper < self.upper.upper { Self { upper: bound, ..self } } else { self }
    }

    /// Upper over lower bound, values; 1 is a tight sandwich, and NaN says that both are 0.
    ///
    /// ```
    /// assert_eq!(onestep::transport::Sandwich::default().ratio(), f64::INFINITY);
    /// ```
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.upper.value / self.lower.value
    }

    /// Whether some distance lies within both confidence limits. Where this fails an assumption does: the function was not 1-Lipschitz, or
    /// the pairs were not a coupling of the two laws.
    ///
    /// ```
    /// use onestep::Estimate;
    /// use onestep::transport::Sandwich;
    /// let s = Sandwich::default().with_lower(Estimate::computed(2.0, 0.0, 1)).with_upper(Estimate::computed(1.0, 0.0, 1));
    /// assert!(!s.is_consistent());
    /// ```
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.lower.lower <= self.upper.upper
    }
}
