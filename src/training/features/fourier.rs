//! Random waves beside the affine features.

use crate::training::features::affine::AffineBasis;
use ndarray::{Array1, Array2, ArrayRef2, ArrayViewMut2, Axis, Zip};

/// The affine features, then √(2/m) cos(x·ω_j + φ_j) of the standardised x.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct FourierBasis {
    pub(crate) affine: AffineBasis,
    /// p × m, already divided by h.
    pub(crate) waves: Array2<f64>,
    pub(crate) phases: Array1<f64>,
    /// The range of the standardised inputs, column by column: beyond it the waves keep the value of its border.
    pub(crate) low: Array1<f64>,
    pub(crate) high: Array1<f64>,
}

impl FourierBasis {
    pub(crate) fn inputs(&self) -> usize {
        self.affine.inputs()
    }

    pub(crate) fn len(&self) -> usize {
        self.affine.len() + self.waves()
    }

    /// The number of waves.
    pub(crate) fn waves(&self) -> usize {
        self.phases.len()
    }

    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let finite = self.waves.iter().chain(&self.phases).chain(&self.low).chain(&self.high).all(|v| v.is_finite());
        let box_fits = self.low.len() == self.inputs() && self.high.len() == self.inputs();
        self.affine.is_sound() && box_fits && self.waves.dim() == (self.inputs(), self.phases.len()) && !self.phases.is_empty() && finite
    }

    pub(crate) fn fill(&self, x: &ArrayRef2<f64>, out: ArrayViewMut2<'_, f64>) {
        let (affine, mut waves) = out.split_at(Axis(1), self.affine.len());
        let amplitude = (2.0 / self.phases.len() as f64).sqrt();
        let mut inside = self.affine.standardisation.standardise(x);
        for mut row in inside.rows_mut() {
            Zip::from(&mut row).and(&self.low).and(&self.high).for_each(|v, l, h| *v = v.max(*l).min(*h));
        }
        let angles = inside.dot(&self.waves) + &self.phases;
        waves.zip_mut_with(&angles, |w, a| *w = amplitude * a.cos());
        self.affine.fill(x, affine);
    }
}
