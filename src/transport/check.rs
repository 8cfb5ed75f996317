//! Validation shared by the solvers: shapes, finite coordinates, weights, the order p.

use crate::error::{Empty, check_entries, check_equal, check_finite, check_range, normalised};
use crate::float::Float;
use crate::numeric::vector::vectorised;
use crate::transport::{Measure, TransportError};
use ndarray::ArrayRef2;

/// What messages call a cloud and its parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    pub(crate) cloud: &'static str,
    pub(crate) rows: &'static str,
    pub(crate) columns: &'static str,
    pub(crate) weights: &'static str,
    pub(crate) count: &'static str,
}

/// The two clouds of a distance.
pub(crate) const CLOUDS: [Names; 2] = [
    Names {
        cloud: "the first cloud",
        rows: "the number of rows of the first cloud",
        columns: "the number of columns of the first cloud",
        weights: "the weights of the first cloud",
        count: "the number of weights of the first cloud",
    },
    Names {
        cloud: "the second cloud",
        rows: "the number of rows of the second cloud",
        columns: "the number of columns of the second cloud",
        weights: "the weights of the second cloud",
        count: "the number of weights of the second cloud",
    },
];

/// Checks that the order p is finite and at least 1.
pub(crate) fn order(order: f64) -> Result<f64, TransportError> {
    Ok(check_range("order", order, order >= 1.0 && order.is_finite(), "[1, inf)")?)
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
        return Err(Empty { name }.into());
    }
    let finite = match x.as_slice_memory_order() {
        Some(values) => vectorised(|_| all_finite(values.iter())),
        None => all_finite(x.iter()),
    };
    if finite { Ok(()) } else { Ok(check_finite(name, x)?) }
}

/// Checks both clouds and that they live in one space.
pub(crate) fn clouds<F: Float>(x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<(), TransportError> {
    let [first, second] = CLOUDS;
    cloud(first.cloud, x)?;
    cloud(second.cloud, y)?;
    Ok(check_equal(first.columns, x.ncols(), second.columns, y.ncols())?)
}

/// Checks that both clouds have the same number of rows.
pub(crate) fn equal_sizes<F: Float>(x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<(), TransportError> {
    Ok(check_equal(CLOUDS[0].rows, x.nrows(), CLOUDS[1].rows, y.nrows())?)
}

/// Checks both measures and returns their weights, of sum one.
pub(crate) fn measures<F: Float>(x: Measure<'_, F>, y: Measure<'_, F>) -> Result<[Vec<f64>; 2], TransportError> {
    clouds(&x.points(), &y.points())?;
    let [first, second] = CLOUDS;
    Ok([masses(&first, x)?, masses(&second, y)?])
}

/// Checks that a measure has equal weights.
pub(crate) fn unweighted<'a, F>(names: &Names, x: Measure<'a, F>) -> Result<ndarray::ArrayView2<'a, F>, TransportError> {
    if x.weights().is_some() { Err(TransportError::Weighted { name: names.cloud }) } else { Ok(x.points()) }
}

/// The weights of a measure, checked and normalised.
pub(crate) fn masses<F>(names: &Names, x: Measure<'_, F>) -> Result<Vec<f64>, TransportError> {
    let rows = x.points().nrows();
    match x.weights() {
        Some(given) => weights(names, rows, given),
        None => Ok(vec![1.0 / rows as f64; rows]),
    }
}

/// Checks one weight a row, each finite and nonnegative, summing to one, and returns them normalised.
fn weights(names: &Names, rows: usize, weights: &[f64]) -> Result<Vec<f64>, TransportError> {
    check_equal(names.count, weights.len(), names.rows, rows)?;
    check_entries(names.weights, weights, |w| w >= 0.0 && w.is_finite(), "[0, inf)")?;
    Ok(normalised(names.weights, weights)?)
}
