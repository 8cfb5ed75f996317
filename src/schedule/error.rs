//! Why a schedule or a grid could not be made.

use crate::error::{EntryOutOfRange, Mismatch, OutOfRange, Value};
use crate::level::LevelError;

/// Why a schedule or a grid could not be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// A parameter is NaN or outside its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// An entry of a list is NaN or outside its range.
    #[error(transparent)]
    EntryOutOfRange(#[from] EntryOutOfRange),
    /// Two lists that must have the same length have not.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// A list must be strictly monotone (the noise grows with t).
    #[error("{name}[{index}] = {value} does not {verb} after {previous}")]
    NotMonotone {
        /// The list.
        name: &'static str,
        /// Position of the offending entry, from 1.
        index: usize,
        /// The value there.
        value: Value,
        /// The value before it.
        previous: Value,
        /// What it should do: `increase` or `decrease`.
        verb: &'static str,
    },
    /// The rate r = c₁ log T / T of the Li–Huang–Wei schedule must be below one.
    #[error("r = c1 ln T / T = {rate} is not below 1 (c1 = {c1}, T = {steps}): take more steps or a smaller c1")]
    RateTooLarge {
        /// r.
        rate: f64,
        /// c₁.
        c1: f64,
        /// T.
        steps: usize,
    },
    /// The lists of a grid that was read do not belong together, or its noise does not grow.
    #[error("the levels, betas and increments do not make a grid: the noise must grow, and the three lists must agree")]
    Inconsistent,
    /// A level could not be made.
    #[error(transparent)]
    Level(#[from] LevelError),
}
