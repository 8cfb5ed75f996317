//! Why a distance could not be computed.

use crate::error::{Empty, EntryOutOfRange, Mismatch, NotFinite, OutOfRange, WeightSum};

/// Why a distance could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// A parameter is NaN or outside its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// An entry of a list, such as a weight, is NaN or outside its range.
    #[error(transparent)]
    EntryOutOfRange(#[from] EntryOutOfRange),
    /// A cloud has no rows or no columns, or a list no entries.
    #[error(transparent)]
    Empty(#[from] Empty),
    /// Columns, rows or weights that do not belong together.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// A coordinate is NaN or infinite.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    /// Weights must sum to one.
    #[error(transparent)]
    WeightSum(#[from] WeightSum),
    /// The method asks for equal weights.
    #[error("{name} has weights: this method is for equal weights only, NetworkSimplex takes any")]
    Weighted {
        /// The cloud.
        name: &'static str,
    },
    /// A distance on the line was asked of clouds in more dimensions.
    #[error("{name} has {columns} columns: distances on the line are for one, Assignment, NetworkSimplex and Sliced for any number")]
    NotOnALine {
        /// The cloud.
        name: &'static str,
        /// Its columns.
        columns: usize,
    },
    /// A covariance is not symmetric positive semi-definite.
    #[error("{name} is not symmetric positive semi-definite: {reason}")]
    Covariance {
        /// The matrix.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// An iteration reached its cap. The bounds hold all the same.
    #[error("not converged after {iterations} iterations: the value lies in [{lower}, {upper}], residual {residual:e}")]
    NotConverged {
        /// Iterations used.
        iterations: usize,
        /// Certified lower bound (or best estimate) reached.
        lower: f64,
        /// Certified upper bound (or best estimate) reached.
        upper: f64,
        /// What the method measures its convergence by.
        residual: f64,
    },
}
