//! Clouds in single precision, with bounds on their rounding.

use crate::transport::cost::Geometry;
use crate::transport::screen::UNIT;

/// A cloud in single precision.
#[derive(Debug)]
pub(super) struct Rounded {
    /// Row after row.
    pub(super) points: Vec<f32>,
    /// Square norm of each rounded point, and a bound on the norm of its rounding.
    pub(super) bounds: Vec<(f64, f64)>,
}

impl Rounded {
    /// Moves `centre` to the origin, multiplies by `shrink` and rounds.
    pub(super) fn new<'a>(centre: &[f64], shrink: f64, cloud: impl ExactSizeIterator<Item = &'a [f64]>) -> Self {
        let mut points = Vec::with_capacity(cloud.len() * centre.len());
        let tiny = 1e-44 * (centre.len() as f64).sqrt();
        let bounds = cloud.map(|point| {
            points.extend(point.iter().zip(centre).map(|(z, c)| ((z - c) * shrink) as f32));
            let rounded = points[points.len() - point.len()..].iter().map(|&z| f64::from(z));
            let square: f64 = rounded.map(|z| z * z).sum();
            // 2⁻⁵² |z| bounds the rounding of the difference, the last term that of subnormal coordinates.
            let raw = point.iter().map(|z| z * z).sum::<f64>().sqrt();
            (square, 1.5 * UNIT * square.sqrt() + f64::EPSILON * raw + tiny)
        });
        let bounds = bounds.collect();
        Self { points, bounds }
    }
}

/// The middle of the range of each coordinate over both clouds.
pub(super) fn centre(geometry: &Geometry) -> Vec<f64> {
    let mut low = vec![f64::INFINITY; geometry.dim];
    let mut high = vec![f64::NEG_INFINITY; geometry.dim];
    let rows = (0..geometry.rows()).map(|i| geometry.x(i)).chain((0..geometry.columns()).map(|j| geometry.y(j)));
    for point in rows {
        for ((low, high), &z) in low.iter_mut().zip(&mut high).zip(point) {
            *low = low.min(z);
            *high = high.max(z);
        }
    }
    low.iter().zip(&high).map(|(low, high)| 0.5 * low + 0.5 * high).collect()
}
