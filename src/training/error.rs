//! What can go wrong in training.

use crate::bound::BoundError;
use crate::schedule::ScheduleError;
use crate::transport::TransportError;

/// Why a function could not be trained.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
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
    /// An entry is NaN or infinite.
    #[error("{what} holds {value} in row {row}, column {column}: entries must be finite")]
    NotFinite {
        /// Which table.
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value there.
        value: f64,
    },
    /// Two numbers that must be equal are not.
    #[error("{left_name} is {left}, {right_name} is {right}: they must be equal")]
    Mismatch {
        /// The first number.
        left_name: &'static str,
        /// Its value.
        left: usize,
        /// The second number.
        right_name: &'static str,
        /// Its value.
        right: usize,
    },
    /// A column does not vary, so that it has no scale.
    #[error("column {column} of {what} is constant ({value}): drop it, or scale all columns by one number")]
    ConstantColumn {
        /// Which table.
        what: &'static str,
        /// The column, from 0.
        column: usize,
        /// Its value.
        value: f64,
    },
    /// A parameter is NaN or outside its range.
    #[error("{name} = {} is outside {range}", plain(*value))]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The valid range.
        range: &'static str,
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
    #[error("training diverged at step {step}, iteration {iteration}: loss {loss}")]
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
        /// The step t reached.
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
    /// The grid of levels could not be made.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A distance between clouds could not be computed.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The bound could not be evaluated.
    #[error(transparent)]
    Bound(#[from] BoundError),
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

/// Refuses a value for which `ok` is false; NaN never is.
pub(crate) fn check_range(name: &'static str, value: f64, ok: bool, range: &'static str) -> Result<(), TrainingError> {
    if ok { Ok(()) } else { Err(TrainingError::OutOfRange { name, value, range }) }
}

/// A number as a message shows it: a count without a decimal point.
fn plain(value: f64) -> String {
    let digits = format!("{value:?}");
    digits.strip_suffix(".0").map_or_else(|| digits.clone(), str::to_owned)
}
