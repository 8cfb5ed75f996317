//! The box that holds the data, to which the values of a family may be confined.

use crate::error::check_range;
use crate::float::Float;
use crate::training::error::TrainingError;
use crate::training::source::Source;
use ndarray::{ArrayRef2, Axis};

/// Refuses a margin that is negative or not finite.
pub(crate) fn check_margin(margin: f64) -> Result<(), TrainingError> {
    check_range("margin of the clipping", margin, margin >= 0.0 && margin.is_finite(), "[0, inf)")?;
    Ok(())
}

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

    /// The box of a table of scaled samples, where a margin is given.
    ///
    /// # Errors
    /// The samples come from a law, whose box is not known.
    pub(crate) fn of_source<F: Float>(source: Source<'_, F>, margin: Option<f64>) -> Result<Option<Self>, TrainingError> {
        match (margin, source) {
            (None, _) => Ok(None),
            (Some(margin), Source::Rows(table)) => Ok(Some(Self::of(table, margin))),
            (Some(_), Source::Law(_)) => {
                let reason = "the box is that of a table of samples";
                Err(TrainingError::Unsupported { what: "clipping", reason })
            }
        }
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
