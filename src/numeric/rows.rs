//! Lengths of rows.

use crate::float::Float;
use ndarray::{Array2, ArrayRef2, ArrayView1, Axis};

/// Squares outside this range have lost digits or overflowed.
const SAFE: std::ops::Range<f64> = 1e-280..1e280;

/// ‖row‖, for entries of any size.
pub(crate) fn length<F: Float>(row: ArrayView1<'_, F>) -> f64 {
    let square = row.iter().map(|v| v.as_f64() * v.as_f64()).sum::<f64>();
    if SAFE.contains(&square) || square.is_nan() {
        return square.sqrt();
    }
    let top = row.iter().map(|v| v.as_f64().abs()).fold(0.0, f64::max);
    if top == 0.0 || top == f64::INFINITY {
        return top;
    }
    top * row.iter().map(|v| (v.as_f64() / top).powi(2)).sum::<f64>().sqrt()
}

/// The lengths of the rows.
pub(crate) fn lengths<F: Float>(rows: &ArrayRef2<F>) -> Vec<f64> {
    rows.rows().into_iter().map(length).collect()
}

/// Scales every row to length one and returns the lengths; a zero row stays.
pub(crate) fn normalise<F: Float>(rows: &mut Array2<F>) -> Vec<f64> {
    rows.axis_iter_mut(Axis(0))
        .map(|mut row| {
            let length = length(row.view());
            if length > 0.0 {
                row.mapv_inplace(|v| v / F::of(length));
            }
            length
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn lengths_neither_overflow_nor_vanish_nor_hide_nan() {
        let found = lengths(&array![[3e200, 4e200], [3e-200, 4e-200], [3.0, 4.0], [0.0, 0.0], [f64::INFINITY, 1.0], [f64::NAN, 1e300]]);
        assert!((found[0] / 5e200 - 1.0).abs() < 1e-15 && (found[1] / 5e-200 - 1.0).abs() < 1e-15);
        assert_eq!(found[2..5], [5.0, 0.0, f64::INFINITY]);
        assert!(found[5].is_nan());
    }
}
