//! Why samples could not be drawn.

use crate::error::{Mismatch, OutOfRange};
use crate::path::PathError;

/// Why samples could not be drawn.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsistencyError {
    /// A parameter is outside its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// A level to return to is not strictly inside the grid.
    #[error("renoise[{index}] = {level} is outside 2..{steps}: levels to return to lie strictly between the first and the last")]
    NoSuchLevel {
        /// Position in the list, from 1.
        index: usize,
        /// The level asked for.
        level: usize,
        /// T.
        steps: usize,
    },
    /// A path does not reach a level of the grid.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The levels to return to do not decrease.
    #[error("renoise[{index}] = {level} follows {before}: levels must decrease strictly")]
    NotDecreasing {
        /// Position in the list, from 1.
        index: usize,
        /// The level there.
        level: usize,
        /// The level before it.
        before: usize,
    },
    /// The family of functions belongs to another grid.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The family does not hold a level that is visited.
    #[error("f_{level} is needed and not held by the consistency function")]
    NotHeld {
        /// The level.
        level: usize,
    },
    /// A sample became NaN or infinite.
    #[error("row {row} of f_{level} is not finite")]
    NotFinite {
        /// The row, from 1.
        row: usize,
        /// The level of the function that returned it.
        level: usize,
    },
}
