//! Validation shared by the solvers: shapes, finite coordinates, weights, the order p.

use crate::float::Float;
use crate::numeric::vector::vectorised;
use crate::transport::TransportError;
use ndarray::ArrayRef2;

/// Weights may miss the sum 1 by this much before they are refused; they are then normalised exactly.
const WEIGHT_TOLERANCE: f64 = 1e-9;

/// Names of the two clouds in messages.
pub(crate) const CLOUDS: [&str; 2] = ["the first cloud", "the second cloud"];

/// Checks that the order p is finite and at least 1.
pub(crate) fn order(order: f64) -> Result<f64, TransportError> {
    if order >= 1.0 && order.is_finite() {
        Ok(order)
    } else {
        Err(TransportError::OutOfRange { name: "order", value: order, range: "[1, inf)" })
    }
}

/// Whether all values are finite: no early exit, so that it vectorises.
#[inline(always)]
pub(crate) fn all_finite<'a, F: Float>(values: impl Iterator<Item = &'a F>) -> bool {
    let mut finite = true;
    for v in values {
        finite &= v.is_finite();
    }
    finite
}

/// Checks that a cloud has rows and columns and holds finite numbers.
pub(crate) fn cloud<F: Float>(name: &'static str, x: &ArrayRef2<F>) -> Result<(), TransportError> {
    if x.is_empty() {
        return Err(TransportError::Empty { cloud: name, rows: x.nrows(), columns: x.ncols() });
    }
    let finite = match x.as_slice_memory_order() {
        Some(values) => vectorised(|_| all_finite(values.iter())),
        None => all_finite(x.iter()),
    };
    if finite {
        return Ok(());
    }
    match x.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((row, column), value)) => Err(TransportError::NotFinite { cloud: name, row, column, value: value.as_f64() }),
        None => Ok(()),
    }
}

/// Checks both clouds and that they live in one space.
pub(crate) fn clouds<F: Float>(x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<(), TransportError> {
    cloud(CLOUDS[0], x)?;
    cloud(CLOUDS[1], y)?;
    if x.ncols() == y.ncols() { Ok(()) } else { Err(TransportError::Dimensions { left: x.ncols(), right: y.ncols() }) }
}

/// Checks that both clouds have the same number of rows.
pub(crate) fn equal_sizes<F: Float>(x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<(), TransportError> {
    if x.nrows() == y.nrows() { Ok(()) } else { Err(TransportError::Sizes { left: x.nrows(), right: y.nrows() }) }
}

/// Checks one weight a row, each finite and nonnegative, summing to one, and returns them normalised.
pub(crate) fn weights(name: &'static str, rows: usize, weights: &[f64]) -> Result<Vec<f64>, TransportError> {
    if weights.len() != rows {
        return Err(TransportError::WeightLength { cloud: name, rows, weights: weights.len() });
    }
    if let Some(index) = weights.iter().position(|w| !(*w >= 0.0 && w.is_finite())) {
        return Err(TransportError::Weight { cloud: name, index, value: weights[index] });
    }
    let sum: f64 = weights.iter().sum();
    if !((sum - 1.0).abs() <= WEIGHT_TOLERANCE) {
        return Err(TransportError::WeightSum { cloud: name, sum });
    }
    Ok(weights.iter().map(|w| w / sum).collect())
}
