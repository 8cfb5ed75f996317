//! Why a law could not be made.

use crate::error::{Empty, EntryOutOfRange, Mismatch, OutOfRange, WeightSum};

/// Why a law could not be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LawError {
    /// A list is empty, or the dimension is 0.
    #[error(transparent)]
    Empty(#[from] Empty),
    /// Two things that must have the same length or dimension have not.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// A parameter is NaN or outside its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// An entry of a list is NaN or outside its range.
    #[error(transparent)]
    EntryOutOfRange(#[from] EntryOutOfRange),
    /// Weights must sum to one.
    #[error(transparent)]
    WeightSum(#[from] WeightSum),
    /// A matrix that must be symmetric positive semi-definite is not.
    #[error("{name} is not positive semi-definite: its smallest eigenvalue is {eigenvalue:e} (largest {largest:e})")]
    NotPositive {
        /// The matrix.
        name: &'static str,
        /// The smallest eigenvalue.
        eigenvalue: f64,
        /// The largest eigenvalue.
        largest: f64,
    },
    /// A matrix that must be symmetric is not.
    #[error("{name} is not symmetric: entries differ by {gap:e}")]
    NotSymmetric {
        /// The matrix.
        name: &'static str,
        /// The largest difference between an entry and its mirror.
        gap: f64,
    },
    /// A matrix that must be orthogonal is not.
    #[error("{name} is not orthogonal: an entry of QᵀQ − I is {gap:e}")]
    NotOrthogonal {
        /// The matrix.
        name: &'static str,
        /// The largest entry of |QᵀQ − I|.
        gap: f64,
    },
}
