//! What can go wrong in training.

use crate::error::{Empty, EntryOutOfRange, Mismatch, NotFinite, OutOfRange, check_finite};
use crate::float::Float;
use crate::transport::TransportError;
use ndarray::ArrayRef2;
use std::fmt;

/// Why a function could not be trained.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// A parameter is NaN or outside its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// An entry of a list is NaN or outside its range.
    #[error(transparent)]
    EntryOutOfRange(#[from] EntryOutOfRange),
    /// A list that must not be empty is.
    #[error(transparent)]
    Empty(#[from] Empty),
    /// Two numbers that must be equal are not.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// An entry of a table is NaN or infinite.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    /// There are not enough rows.
    #[error("{what} has {rows} rows: at least {needed} are needed")]
    TooFewRows {
        /// Which table.
        what: &'static str,
        /// Its rows.
        rows: usize,
        /// The smallest valid number.
        needed: usize,
    },
    /// A table has no columns.
    #[error("{what} has no columns: at least one is needed")]
    NoColumns {
        /// Which table.
        what: &'static str,
    },
    /// A column does not vary, so that it has no scale.
    #[error("column {column} of {what} is constant ({value}): drop it, or scale all columns by one number")]
    ConstantColumn {
        /// Which table.
        what: &'static str,
        /// The column, from 1.
        column: usize,
        /// Its value.
        value: f64,
    },
    /// The least-squares problem does not determine its solution.
    #[error(
        "the normal equations of the {class} class are singular: {rows} rows, {unknowns} unknowns, reciprocal condition {reciprocal_condition:e}"
    )]
    Singular {
        /// The function class.
        class: &'static str,
        /// Rows of the regression.
        rows: usize,
        /// Unknowns a coordinate.
        unknowns: usize,
        /// Smallest over largest pivot, squared.
        reciprocal_condition: f64,
    },
    /// The eigenvectors of a matrix do not give it back.
    #[error("the eigenvectors of the {class} class miss their matrix by {residual:e} of its largest entry")]
    NotSolved {
        /// The function class.
        class: &'static str,
        /// The largest entry of what they miss, relative to that of the matrix.
        residual: f64,
    },
    /// Training left the finite numbers, or grew without bound.
    #[error("training diverged{}: loss {loss:e}", Place(*step, *iteration))]
    Diverged {
        /// The step t of the recursion; 0 where there is none.
        step: usize,
        /// The optimiser's iteration, from 1; 0 for a direct solver.
        iteration: usize,
        /// The loss there.
        loss: f64,
    },
    /// The progress callback asked to stop.
    #[error("training was stopped at step {step}")]
    Stopped {
        /// The step t of the recursion, or the iteration of a joint network, that was reached.
        step: usize,
    },
    /// Options that do not go together.
    #[error("{what} cannot be used: {reason}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// Why it is impossible.
        reason: &'static str,
    },
    /// A distance between clouds could not be computed.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// Where training diverged: a step and an iteration, each only where there is one.
struct Place(usize, usize);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(0, 0) => Ok(()),
            Self(0, iteration) => write!(f, " at iteration {iteration}"),
            Self(step, 0) => write!(f, " at step {step}"),
            Self(step, iteration) => write!(f, " at step {step}, iteration {iteration}"),
        }
    }
}

impl TrainingError {
    /// The same error with the step of the recursion filled in, where it has one.
    pub(crate) fn at_step(self, t: usize) -> Self {
        match self {
            Self::Diverged { iteration, loss, .. } => Self::Diverged { step: t, iteration, loss },
            other => other,
        }
    }
}

/// Checks that a table has columns and finite entries.
pub(crate) fn check_table<F: Float>(what: &'static str, table: &ArrayRef2<F>) -> Result<(), TrainingError> {
    if table.ncols() == 0 {
        return Err(TrainingError::NoColumns { what });
    }
    check_finite(what, table)?;
    match table.iter().map(|v| v.as_f64()).enumerate().find(|(_, v)| v.abs() > LARGEST) {
        Some((index, value)) => Err(EntryOutOfRange { name: what, index: index + 1, value: value.into(), range: "[-1e150, 1e150]" }.into()),
        None => Ok(()),
    }
}

/// Squares of larger entries, and their sums, leave the range of double precision.
const LARGEST: f64 = 1e150;
