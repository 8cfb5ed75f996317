//! Why a consistency function could not be audited.

use ndarray::ArrayRef2;

/// Why a consistency function could not be audited.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Too few samples for a standard error.
    #[error("samples = {samples} is outside [2, inf)")]
    TooFewSamples {
        /// The number asked for.
        samples: usize,
    },
    /// A list is empty.
    #[error("{name} is empty: at least one is needed")]
    Empty {
        /// The list.
        name: &'static str,
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
    /// A step of a list does not exist.
    #[error("{name}[{index}] = {step} is outside [{first}, {last}]")]
    NoSuchStep {
        /// The list.
        name: &'static str,
        /// Position in the list, or the row of the table, from 0.
        index: usize,
        /// The step there.
        step: usize,
        /// The first valid step.
        first: usize,
        /// The last valid step.
        last: usize,
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
    /// A family of functions lacks a level that is needed.
    #[error("{name} does not hold level {step}")]
    NotHeld {
        /// The family.
        name: &'static str,
        /// The level.
        step: usize,
    },
    /// An entry of a table is NaN or infinite.
    #[error("{name} holds {value} in row {row}, column {column} (from 0): entries must be finite")]
    Entry {
        /// The table.
        name: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value there.
        value: f64,
    },
    /// A function returned a number that is NaN or infinite.
    #[error("{name} at level {step} is {value} in coordinate {coordinate} (from 0) at x = {point:?}: it must be finite")]
    NotFinite {
        /// The function.
        name: &'static str,
        /// The level it was evaluated at.
        step: usize,
        /// The coordinate of its value, from 0.
        coordinate: usize,
        /// The value.
        value: f64,
        /// Where it was evaluated.
        point: Vec<f64>,
    },
    /// f_1 is not the identity.
    #[error("f_1 is not the identity: it takes {point:?} to {image:?}")]
    Boundary {
        /// A point.
        point: Vec<f64>,
        /// Its image.
        image: Vec<f64>,
    },
}

/// Refuses lengths or dimensions that differ.
pub(super) fn check_equal(left_name: &'static str, left: usize, right_name: &'static str, right: usize) -> Result<(), AuditError> {
    if left == right { Ok(()) } else { Err(AuditError::Mismatch { left_name, left, right_name, right }) }
}

/// Refuses `values` of a function at the rows of `x` that are not finite.
pub(super) fn check_values(name: &'static str, step: usize, x: &ArrayRef2<f64>, values: &ArrayRef2<f64>) -> Result<(), AuditError> {
    match values.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((row, coordinate), &value)) => Err(AuditError::NotFinite { name, step, coordinate, value, point: x.row(row).to_vec() }),
        None => Ok(()),
    }
}
