//! What can go wrong in an audit.

use crate::bound::BoundError;
use crate::error::{Empty, EntryOutOfRange, Mismatch, NotFinite, OutOfRange};
use crate::path::PathError;
use crate::training::TrainingError;
use crate::transport::TransportError;
use ndarray::ArrayRef2;

/// Why a consistency function could not be audited, or a rate not fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// A parameter is NaN or outside its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// An entry of a list is NaN or outside its range.
    #[error(transparent)]
    EntryOutOfRange(#[from] EntryOutOfRange),
    /// A list or table is empty.
    #[error(transparent)]
    Empty(#[from] Empty),
    /// Two numbers that must be equal are not.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// An entry of a table is NaN or infinite.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    /// A step of a list does not exist.
    #[error("{name}[{index}] = {step} is outside [{first}, {last}]")]
    NoSuchStep {
        /// The list.
        name: &'static str,
        /// Position in the list, or the row of the table, from 1.
        index: usize,
        /// The step there.
        step: usize,
        /// The first valid step.
        first: usize,
        /// The last valid step.
        last: usize,
    },
    /// Levels are numbered from 0 instead of 1.
    #[error("t[{index}] = 0, and no t is {last}: the table counts levels from 0, they are numbered from 1 to {last}: add 1 to every t")]
    CountsFromZero {
        /// The row of the table, from 1.
        index: usize,
        /// The number T of levels.
        last: usize,
    },
    /// A path does not reach a level.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A family of functions lacks a level that is needed.
    #[error("{name} does not hold level {step}")]
    NotHeld {
        /// The family.
        name: &'static str,
        /// The level.
        step: usize,
    },
    /// A function returned a number that is NaN or infinite.
    #[error("{name} at level {step} is {value} in coordinate {coordinate} at x = {point:?}: it must be finite")]
    ValueNotFinite {
        /// The function.
        name: &'static str,
        /// The level it was evaluated at.
        step: usize,
        /// The coordinate of its value, from 1.
        coordinate: usize,
        /// The value.
        value: f64,
        /// Where it was evaluated.
        point: Vec<f64>,
    },
    /// A result overflowed, though every value was finite.
    #[error("{name} at level {step} overflows: the values are too large")]
    Overflow {
        /// The result.
        name: &'static str,
        /// The level.
        step: usize,
    },
    /// f_1 is not the identity.
    #[error("f_1 is not the identity: it takes {point:?} to {image:?}")]
    Boundary {
        /// A point.
        point: Vec<f64>,
        /// Its image.
        image: Vec<f64>,
    },
    /// A family on scaled data was to be compared with a law on the scale of the data.
    #[error("the family was trained on scaled data, the known law lives on the scale of the data: train without scaling")]
    Scaled,
    /// Too few points to fit a rate with an interval: one more than the number of parameters is needed.
    #[error("{points} points were given, at least {needed} are needed to fit {parameters} parameters with an interval")]
    TooFewPoints {
        /// Points given.
        points: usize,
        /// Points needed.
        needed: usize,
        /// Parameters of the model.
        parameters: usize,
    },
    /// The sizes of a rate fit do not tell its parameters apart.
    #[error("the sizes span too little to tell the parameters apart: take at least {needed} different sizes, further apart")]
    Degenerate {
        /// Different sizes needed.
        needed: usize,
    },
    /// The best function of a class could not be found.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// A distance between clouds could not be computed.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The bound could not be evaluated.
    #[error(transparent)]
    Bound(#[from] BoundError),
}

/// Refuses `values` of a function at the rows of `x` that are not finite.
pub(super) fn check_values(name: &'static str, step: usize, x: &ArrayRef2<f64>, values: &ArrayRef2<f64>) -> Result<(), AuditError> {
    match values.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((row, coordinate), &value)) => {
            Err(AuditError::ValueNotFinite { name, step, coordinate: coordinate + 1, value, point: x.row(row).to_vec() })
        }
        None => Ok(()),
    }
}
