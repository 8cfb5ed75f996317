//! Wasserstein distances between clouds, laws and maps.
//!
//! W_p(μ, ν) = (inf E‖X − Y‖^p)^{1/p} over all couplings of X ~ μ and Y ~ ν, with the Euclidean norm and p ≥ 1.

mod assignment;
mod bounds;
mod certificate;
pub(crate) mod check;
mod cost;
mod distance;
mod effort;
pub mod gaussian;
pub mod inference;
mod line;
mod lists;
mod network;
pub(crate) mod order;
mod screen;
mod sinkhorn;
mod sliced;

pub use assignment::{Assignment, Matching};
pub use bounds::{CTransform, Sandwich, coupling_upper, lipschitz_lower};
pub use distance::{Bures, Distance, DistanceFn};
pub use effort::Effort;
pub use line::{Line, LineQuantile, QuantileFn};
pub use network::{NetworkSimplex, Plan};
pub use sinkhorn::{Sinkhorn, SinkhornDivergence, SinkhornSolution};
pub use sliced::{MaxSliced, MaxSlicedDistance, Sliced, SlicedDistance};

/// Why a distance could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// A cloud has no rows, or no columns.
    #[error("{cloud} is empty: it has {rows} rows and {columns} columns")]
    Empty {
        /// Which cloud.
        cloud: &'static str,
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
    },
    /// The clouds live in different spaces.
    #[error("the clouds have {left} and {right} columns: they must be equal")]
    Dimensions {
        /// Columns of the first cloud.
        left: usize,
        /// Columns of the second cloud.
        right: usize,
    },
    /// The method asks for clouds of equal size.
    #[error("the clouds have {left} and {right} rows: this method needs equal numbers (use weights otherwise)")]
    Sizes {
        /// Rows of the first cloud.
        left: usize,
        /// Rows of the second cloud.
        right: usize,
    },
    /// A coordinate is NaN or infinite.
    #[error("{cloud} holds {value} in row {row}, column {column}: coordinates must be finite")]
    NotFinite {
        /// Which cloud.
        cloud: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value there.
        value: f64,
    },
    /// A list of weights does not belong to its cloud.
    #[error("{cloud} has {rows} rows and {weights} weights: they must be equal")]
    WeightLength {
        /// Which cloud.
        cloud: &'static str,
        /// Its rows.
        rows: usize,
        /// The number of weights.
        weights: usize,
    },
    /// A weight is negative, NaN or infinite.
    #[error("weight {index} of {cloud} is {value}: weights must be finite and at least 0")]
    Weight {
        /// Which cloud.
        cloud: &'static str,
        /// Position, from 0.
        index: usize,
        /// The value there.
        value: f64,
    },
    /// Weights must sum to one.
    #[error("the weights of {cloud} sum to {sum}, not to 1 (within 1e-9)")]
    WeightSum {
        /// Which cloud.
        cloud: &'static str,
        /// Their sum.
        sum: f64,
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
