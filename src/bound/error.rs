//! Why a bound could not be evaluated.

use crate::error::{Empty, EntryOutOfRange, Mismatch, OutOfRange, WeightSum, check_range};

/// Why a bound could not be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BoundError {
    /// A parameter is NaN or outside its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// An entry of a list is NaN or outside its range.
    #[error(transparent)]
    EntryOutOfRange(#[from] EntryOutOfRange),
    /// A list is empty.
    #[error(transparent)]
    Empty(#[from] Empty),
    /// Two lists that must have the same length have not.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// A number is too large or too small for double precision; its logarithm is not.
    #[error("{name} = exp({ln_value:.2}) is not representable in double precision")]
    NotRepresentable {
        /// The number.
        name: &'static str,
        /// Its natural logarithm.
        ln_value: f64,
    },
    /// Weights must sum to one.
    #[error(transparent)]
    WeightSum(#[from] WeightSum),
}

/// Whether a number is finite and at least 0.
pub(super) fn is_nonnegative(value: f64) -> bool {
    value >= 0.0 && value.is_finite()
}

/// Checks that a parameter is finite and at least 0.
pub(super) fn nonnegative(name: &'static str, value: f64) -> Result<f64, OutOfRange> {
    check_range(name, value, is_nonnegative(value), "[0, inf)")
}

/// Checks that a parameter is finite and above 0.
pub(super) fn positive(name: &'static str, value: f64) -> Result<f64, OutOfRange> {
    check_range(name, value, value > 0.0 && value.is_finite(), "(0, inf)")
}

/// Checks the number of levels.
pub(super) fn check_steps(steps: usize) -> Result<usize, OutOfRange> {
    check_range("steps", steps, steps >= 2, "[2, inf)")
}

/// Checks the dimension.
pub(super) fn check_dim(dim: usize) -> Result<usize, OutOfRange> {
    check_range("dim", dim, dim >= 1, "[1, inf)")
}
