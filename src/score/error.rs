//! Why a score could not be made.

use crate::error::{Empty, Mismatch, NotFinite, OutOfRange};

/// Why a score could not be made.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// A parameter is NaN or outside its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// A list is empty.
    #[error(transparent)]
    Empty(#[from] Empty),
    /// Two counts or dimensions that must be equal are not.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// An entry of a table is NaN or infinite.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    /// A direction is empty, zero, or has an entry that is not finite.
    #[error("the direction has norm {norm:?}: it must be positive and finite")]
    Direction {
        /// Its norm.
        norm: f64,
    },
}
