//! A constant and the coordinates.

use crate::training::standardisation::Standardisation;
use ndarray::{ArrayRef2, ArrayViewMut2, Axis};

/// A constant (where there is one) and the standardised coordinates.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct AffineBasis {
    pub(crate) standardisation: Standardisation,
    pub(crate) constant: bool,
}

impl AffineBasis {
    /// With the constant.
    pub(crate) fn new(standardisation: Standardisation) -> Self {
        Self { standardisation, constant: true }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.standardisation.mean.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.inputs() + usize::from(self.constant)
    }

    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        self.standardisation.is_sound()
    }

    pub(crate) fn fill(&self, x: &ArrayRef2<f64>, out: ArrayViewMut2<'_, f64>) {
        let (mut constant, mut coordinates) = out.split_at(Axis(1), usize::from(self.constant));
        constant.fill(1.0);
        coordinates.assign(&self.standardisation.standardise(x));
    }
}
