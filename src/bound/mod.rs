//! Bounds on the one-step error: what theory promises, and what nothing can beat.

mod check;
mod explicit;
mod lower;
mod rivals;
mod theorem;

pub use check::{Comparison, Verdict, check};
pub use explicit::{LipschitzBound, LipschitzMaps, LogConcave, LogConcaveBound, LogConcaveRate, SufficientSteps};
pub use lower::{ConvexLowerBound, convex_lower_bound, gaussian_lower_bound, mean_norm, second_moment_lower_bound};
pub use rivals::{Provenance, RateInputs, Rival, rivals};
pub use theorem::{AccumulatedError, Bound, StepCount, Theorem1};

/// Why a bound could not be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BoundError {
    /// TEMP
    #[error(transparent)]
    A(#[from] crate::error::OutOfRange),
    /// TEMP
    #[error(transparent)]
    B(#[from] crate::error::EntryOutOfRange),
    /// TEMP
    #[error(transparent)]
    C(#[from] crate::error::Empty),
    /// There must be at least two levels.
    #[error("steps = {steps} is outside [2, inf)")]
    TooFewSteps {
        /// The number of levels given.
        steps: usize,
    },
    /// The dimension is 0.
    #[error("dim = 0 is outside [1, inf)")]
    ZeroDimension,
    /// A list is empty.
    #[error("{name} is empty: at least one is needed")]
    Empty {
        /// The list.
        name: &'static str,
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
    /// Weights must sum to one.
    #[error("{name} sum to {sum}, not to 1 (within 1e-9)")]
    WeightSum {
        /// The list of weights.
        name: &'static str,
        /// Their sum.
        sum: f64,
    },
}

/// Checks that a parameter is finite and at least 0.
fn nonnegative(name: &'static str, value: f64) -> Result<f64, BoundError> {
    if value >= 0.0 && value.is_finite() { Ok(value) } else { Err(BoundError::OutOfRange { name, value, range: "[0, inf)" }) }
}

/// Checks that a parameter is finite and above 0.
fn positive(name: &'static str, value: f64) -> Result<f64, BoundError> {
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err(BoundError::OutOfRange { name, value, range: "(0, inf)" }) }
}

/// Checks the number of levels.
fn check_steps(steps: usize) -> Result<usize, BoundError> {
    if steps >= 2 { Ok(steps) } else { Err(BoundError::TooFewSteps { steps }) }
}

/// Checks the dimension.
fn check_dim(dim: usize) -> Result<usize, BoundError> {
    if dim >= 1 { Ok(dim) } else { Err(BoundError::ZeroDimension) }
}
