//! Distances between the rows of two tables.

use ndarray::{Array2, ArrayRef2, Axis};

/// Squared distances between the rows of `a` and of `b`, by ‖a‖² − 2a·b + ‖b‖², not below 0.
pub(crate) fn squared_distances(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>) -> Array2<f64> {
    let left = a.map_axis(Axis(1), |r| r.dot(&r)).insert_axis(Axis(1));
    let right = b.map_axis(Axis(1), |r| r.dot(&r));
    let mut squares = a.dot(&b.t());
    squares *= -2.0;
    squares += &left;
    squares += &right;
    squares.mapv_inplace(|s| s.max(0.0));
    squares
}
