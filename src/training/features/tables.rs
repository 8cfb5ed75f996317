//! The data of a regression.

use crate::training::error::TrainingError;
use crate::training::standardisation::Standardisation;
use ndarray::{Array1, Array2};

/// The data of a regression in `f64`.
pub(crate) struct Tables {
    pub(crate) x: Array2<f64>,
    pub(crate) y: Array2<f64>,
    pub(crate) weights: Array1<f64>,
}

impl Tables {
    /// Weighted mean and standard deviation of every input column.
    ///
    /// # Errors
    /// A column is constant.
    pub(crate) fn standardisation(&self) -> Result<Standardisation, TrainingError> {
        Standardisation::of("x", &self.x, &self.weights)
    }
}
