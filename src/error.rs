//! What the errors of all rooms share: a parameter outside its range, lists of different lengths, an entry that is not finite.
//!
//! Every room has its own enum (`schedule::ScheduleError`, `transport::TransportError`, …) and [`onestep::Error`](crate::Error) holds any of
//! them. Their common variants carry a struct of this module, with fields to match on. Positions in messages and fields count from 1, as in
//! the formulas.

use std::fmt;

/// A count or a real number in a message: counts without a decimal point, extreme reals with an exponent.
///
/// ```
/// use onestep::error::Value;
/// assert_eq!(Value::from(3).to_string(), "3");
/// assert_eq!(Value::from(0.25).to_string(), "0.25");
/// assert_eq!(Value::from(1e300).to_string(), "1e300");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A count.
    Count(usize),
    /// A real number.
    Real(f64),
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Count(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Count(value) => write!(f, "{value}"),
            Self::Real(value) if value == 0.0 || !value.is_finite() || (1e-4..1e7).contains(&value.abs()) => write!(f, "{value}"),
            Self::Real(value) => write!(f, "{value:e}"),
        }
    }
}

/// A parameter is NaN or outside its range.
///
/// ```
/// use onestep::NoiseLevel;
/// let error = NoiseLevel::from_angle(-1.0).unwrap_err();
/// assert!(error.to_string().contains("-1"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{name} = {value} is outside {range}")]
#[non_exhaustive]
pub struct OutOfRange {
    /// The parameter, under the caller's name for it.
    pub name: &'static str,
    /// Its value.
    pub value: Value,
    /// The valid range.
    pub range: &'static str,
}

/// An entry of a list is NaN or outside its range.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{name}[{index}] = {value} is outside {range}")]
#[non_exhaustive]
pub struct EntryOutOfRange {
    /// The list.
    pub name: &'static str,
    /// Position in the list (row by row for a matrix), from 1.
    pub index: usize,
    /// The value there.
    pub value: Value,
    /// The valid range.
    pub range: &'static str,
}

/// A list that must not be empty is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{name} is empty: at least one is needed")]
#[non_exhaustive]
pub struct Empty {
    /// What is empty.
    pub name: &'static str,
}

/// Two lengths, dimensions or counts that must be equal are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{left_name} is {left}, {right_name} is {right}: they must be equal")]
#[non_exhaustive]
pub struct Mismatch {
    /// The first number.
    pub left_name: &'static str,
    /// Its value.
    pub left: usize,
    /// The second number.
    pub right_name: &'static str,
    /// Its value.
    pub right: usize,
}

/// An entry of a table is NaN or infinite.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{name} holds {value} in row {row}, column {column}: entries must be finite")]
#[non_exhaustive]
pub struct NotFinite {
    /// The table.
    pub name: &'static str,
    /// The row, from 1.
    pub row: usize,
    /// The column, from 1.
    pub column: usize,
    /// The value there.
    pub value: f64,
}

/// Weights do not sum to one.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{name} sum to {sum}, not to 1 (within {tolerance:.1e})")]
#[non_exhaustive]
pub struct WeightSum {
    /// The weights.
    pub name: &'static str,
    /// Their sum.
    pub sum: f64,
    /// How far from 1 it may be: see [`weight_tolerance`].
    pub tolerance: f64,
}

/// How far from 1 the sum of `count` weights may be, in every room of the crate: 2⁻²⁴ (8 + √`count`). Weights within it are normalised exactly.
///
/// That is what a softmax in single precision leaves, a few roundings of the common sum and one of each weight, and what seven printed digits
/// do; a weight that is missing or counted twice is far outside.
///
/// ```
/// use onestep::error::weight_tolerance;
/// use onestep::transport::{Line, Measure};
/// assert!(weight_tolerance(1000) < 3e-6);
/// let third = f64::from(1.0_f32 / 3.0);
/// let w1 = Line::new(1.0)?.samples(Measure::weighted(&[0.0, 1.0, 2.0], &[third; 3]), &[0.0])?;
/// assert!((w1 - 1.0).abs() < 1e-15); // normalised exactly
/// # Ok::<(), onestep::Error>(())
/// ```
#[must_use]
pub fn weight_tolerance(count: usize) -> f64 {
    0.5 * f64::from(f32::EPSILON) * (8.0 + (count as f64).sqrt())
}

/// Weights divided by their sum, if that is one within [`weight_tolerance`].
pub(crate) fn normalised(name: &'static str, weights: &[f64]) -> Result<Vec<f64>, WeightSum> {
    let (sum, tolerance) = (weights.iter().sum::<f64>(), weight_tolerance(weights.len()));
    // Negated, so that NaN is refused.
    if !((sum - 1.0).abs() <= tolerance) {
        return Err(WeightSum { name, sum, tolerance });
    }
    Ok(weights.iter().map(|w| w / sum).collect())
}

/// `value`, if it is in the range.
pub(crate) fn check_range<T: Copy + Into<Value>>(name: &'static str, value: T, ok: bool, range: &'static str) -> Result<T, OutOfRange> {
    if ok { Ok(value) } else { Err(OutOfRange { name, value: value.into(), range }) }
}

/// Whether every entry of a list passes `ok`.
pub(crate) fn check_entries<T: Copy + Into<Value>>(
    name: &'static str,
    values: &[T],
    ok: impl Fn(T) -> bool,
    range: &'static str,
) -> Result<(), EntryOutOfRange> {
    match values.iter().position(|&v| !ok(v)) {
        Some(index) => Err(EntryOutOfRange { name, index: index + 1, value: values[index].into(), range }),
        None => Ok(()),
    }
}

/// Whether two counts are equal.
pub(crate) fn check_equal(left_name: &'static str, left: usize, right_name: &'static str, right: usize) -> Result<(), Mismatch> {
    if left == right { Ok(()) } else { Err(Mismatch { left_name, left, right_name, right }) }
}

/// Whether a list has an entry.
pub(crate) fn check_some<T>(name: &'static str, list: &[T]) -> Result<(), Empty> {
    if list.is_empty() { Err(Empty { name }) } else { Ok(()) }
}

/// Whether every entry of a table is finite.
pub(crate) fn check_finite<F: crate::float::Float>(name: &'static str, table: &ndarray::ArrayRef2<F>) -> Result<(), NotFinite> {
    match table.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((row, column), value)) => Err(NotFinite { name, row: row + 1, column: column + 1, value: value.as_f64() }),
        None => Ok(()),
    }
}
