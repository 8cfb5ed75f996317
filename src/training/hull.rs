//! The box that holds the data, to which the values of a family may be confined.

use crate::float::Float;
use ndarray::{ArrayRef2, Axis};

/// A closed box, column by column.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Hull {
    pub(crate) low: Vec<f64>,
    pub(crate) high: Vec<f64>,
}

impl Hull {
    /// The box of the rows, wider on every side by `margin` times the range of its column.
    pub(crate) fn of<F: Float>(rows: &ArrayRef2<F>, margin: f64) -> Self {
        let ends = rows.axis_iter(Axis(1)).map(|column| {
            let (low, high) =
                column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v.as_f64()), high.max(v.as_f64())));
            let more = margin * (high - low);
            (low - more, high + more)
        });
        let (low, high) = ends.unzip();
        Self { low, high }
    }

    /// Moves every value into the box; NaN stays.
    pub(crate) fn confine<F: Float>(&self, values: &mut ArrayRef2<F>) {
        for (mut column, (low, high)) in values.axis_iter_mut(Axis(1)).zip(self.low.iter().zip(&self.high)) {
            let (low, high) = (F::of(*low), F::of(*high));
            column.iter_mut().for_each(|v| {
                if *v < low {
                    *v = low;
                } else if *v > high {
                    *v = high;
                }
            });
        }
    }

    /// Whether it is a box in `dim` dimensions.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self, dim: usize) -> bool {
        let ordered = |(low, high): (&f64, &f64)| low.is_finite() && high.is_finite() && low <= high;
        (self.low.len(), self.high.len()) == (dim, dim) && self.low.iter().zip(&self.high).all(ordered)
    }
}
