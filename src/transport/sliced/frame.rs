//! Two clouds about a common centre, in a unit in which nothing overflows.

use crate::float::Float;
use ndarray::{Array2, ArrayRef2};

/// Both clouds less the middle of their common box, over a power of two that is at least the largest coordinate left. Distances are those of the
/// clouds over `unit`.
#[derive(Debug)]
pub(super) struct Frame<F> {
    pub(super) x: Array2<F>,
    pub(super) y: Array2<F>,
    pub(super) unit: f64,
    /// The largest norm of a point.
    pub(super) radius: f64,
}

impl<F: Float> Frame<F> {
    pub(super) fn new(x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Self {
        let boxes = x.columns().into_iter().zip(y.columns()).map(|(x, y)| {
            let values = x.into_iter().chain(y).map(|v| v.as_f64());
            values
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (if v < low { v } else { low }, if v > high { v } else { high }))
        });
        let boxes: Vec<(f64, f64)> = boxes.collect();
        let centre: Vec<f64> = boxes.iter().map(|(low, high)| 0.5 * low + 0.5 * high).collect();
        let half = boxes.iter().zip(&centre).fold(0.0, |most: f64, ((low, high), c)| {
            let half = (high - c).max(c - low);
            if half > most { half } else { most }
        });
        // Powers of two scale without rounding.
        let unit = if half > 0.0 { 2_f64.powi((half.log2().floor() as i32 + 1).min(1023)) } else { 1.0 };
        let inverse = 1.0 / unit;
        let moved = |cloud: &ArrayRef2<F>| {
            Array2::from_shape_fn(cloud.dim(), |(i, k)| {
                let offset = cloud[[i, k]].as_f64() - centre[k];
                // The reciprocal of a tiny unit overflows.
                F::of(if inverse.is_finite() { offset * inverse } else { offset / unit })
            })
        };
        let (x, y) = (moved(x), moved(y));
        let radius = x.rows().into_iter().chain(y.rows()).fold(0.0, |most: f64, row| {
            let norm = row.iter().map(|v| v.as_f64() * v.as_f64()).sum::<f64>().sqrt();
            if norm > most { norm } else { most }
        });
        Self { x, y, unit, radius }
    }
}

/// Bound on the error of the projection of a point of norm at most `radius` on a direction: the rounding of the centred point, of the direction
/// and its length, and of a sum of `dim` products in the precision `F`.
pub(super) fn projection_error<F: Float>(dim: usize, radius: f64) -> f64 {
    0.5 * radius * ((dim + 6) as f64 * F::epsilon().as_f64() + (dim + 8) as f64 * f64::EPSILON)
}
