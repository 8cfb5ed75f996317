//! The step-count check: was T enough?

use crate::bound::error::nonnegative;
use crate::bound::{AccumulatedError, Bound, BoundError, StepCount, Theorem1};
use crate::error::check_range;
use crate::estimate::Estimate;

/// How a measured distance compares with a bound, its interval taken into account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Comparison {
    /// The whole interval lies at or below the bound.
    Within,
    /// The bound lies inside the interval: the measurement does not decide.
    Undecided,
    /// The whole interval lies above the bound.
    Exceeds,
}

/// The answer of [`check`], with every number that went into it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Verdict {
    /// The measured W_1(f_T(X_T), X_1) with its interval.
    pub w1: Estimate,
    /// The bound (24) at the T that was used.
    pub bound: Bound,
    /// How `w1` compares with `bound.total()`.
    pub comparison: Comparison,
    /// The least C_1 for which (24) holds at `w1.value`.
    pub fitted_constant: f64,
    /// The step count (25) for the ε + ε_F (as sums) that was reached.
    pub required: StepCount,
    /// Whether the T that was used meets `required`.
    pub enough_steps: bool,
    /// 2(ε + ε_F): what (25) promises for W_1 when T is enough.
    pub promised: f64,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let relation = match self.comparison {
            Comparison::Within => "within",
            Comparison::Undecided => "not distinguishable from",
            Comparison::Exceeds => "above",
        };
        write!(f, "W1 = {:.4e} is {relation} the bound {:.4e} (C1 = {})", self.w1.value, self.bound.total(), self.bound.constant)?;
        match self.required {
            StepCount::Every => write!(f, "; any T meets the step count"),
            StepCount::Never => write!(f, "; no training error was given, so no step count"),
            StepCount::AtLeast { ln_steps } => {
                let enough = if self.enough_steps { "enough" } else { "too few" };
                write!(f, "; T = {} is {enough}: the step count is exp({ln_steps:.2})", self.bound.steps)
            }
        }
    }
}

/// Checks a measured one-step error against Theorem 1 and the step count.
///
/// `w1` is the measured distance between f_T(X_T) and X_1; ε and ε_F are the training errors that were reached
/// ([`AccumulatedError::ZERO`] for a population optimum).
///
/// # Errors
/// T < 2, or the value or an end of the interval of `w1` NaN, or the value negative or infinite.
///
/// # Example
/// ```
/// use onestep::Estimate;
/// use onestep::bound::{AccumulatedError, Comparison, StepCount, Theorem1, check};
/// let theorem = Theorem1::new(2, 1.5, 1.0)?;
/// let epsilon = AccumulatedError::even("estimation", 0.05)?;
/// let verdict = check(&theorem, 1 << 20, Estimate::normal(0.04, 0.001, 5000), epsilon, AccumulatedError::ZERO)?;
/// assert_eq!(verdict.comparison, Comparison::Within);
/// assert_eq!(verdict.fitted_constant, 0.0); // ε alone covers the distance
/// assert_eq!(verdict.promised, 0.1);
/// assert_eq!(verdict.enough_steps, verdict.required.is_met_by(1 << 20));
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn check(
    theorem: &Theorem1,
    steps: usize,
    w1: Estimate,
    estimation: AccumulatedError,
    approximation: AccumulatedError,
) -> Result<Verdict, BoundError> {
    nonnegative("w1", w1.value)?;
    for (name, value) in [("lower end of w1", w1.lower), ("upper end of w1", w1.upper)] {
        check_range(name, value, !value.is_nan(), "[-inf, inf]")?;
    }
    let bound = theorem.bound(steps, estimation, approximation)?;
    let error = estimation.sum + approximation.sum;
    let required = theorem.required_steps(error)?;
    let comparison = if w1.upper <= bound.total() {
        Comparison::Within
    } else if w1.lower > bound.total() {
        Comparison::Exceeds
    } else {
        Comparison::Undecided
    };
    Ok(Verdict {
        w1,
        bound,
        comparison,
        fitted_constant: theorem.fitted_constant(steps, w1.value, estimation, approximation)?,
        required,
        enough_steps: required.is_met_by(steps),
        promised: 2.0 * error,
    })
}
