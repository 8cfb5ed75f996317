//! An affine map plus a network.

use crate::float::Float;
use crate::training::network::layers::Network;
use crate::training::standardisation::Standardisation;
use ndarray::{Array1, Array2, ArrayRef2};

/// x ↦ x'A + b + s·N(x'), x' the standardised x.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct PerceptronModel<F> {
    pub(crate) standardisation: Standardisation,
    pub(crate) affine: Array2<F>,
    pub(crate) offset: Array1<F>,
    pub(crate) scale: F,
    pub(crate) network: Network<F>,
}

impl<F: Float> PerceptronModel<F> {
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let (inputs, outputs) = self.affine.dim();
        let finite = self.affine.iter().chain(&self.offset).all(|v| v.is_finite()) && self.scale.is_finite();
        self.standardisation.is_sound()
            && self.standardisation.dim() == inputs
            && self.offset.len() == outputs
            && self.network.is_sound()
            && (self.network.inputs(), self.network.outputs()) == (inputs, outputs)
            && finite
    }

    pub(crate) fn eval_into(&self, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        let (mean, scale) = (self.standardisation.mean.mapv(F::of), self.standardisation.scale.mapv(F::of));
        self.network.eval_rows(
            x,
            out,
            |x, mut to| {
                let columns = to.iter_mut().zip(x).zip(mean.iter().zip(&scale));
                columns.for_each(|((t, x), (m, s))| *t = (*x - *m) / *s);
            },
            |_, input, value, mut to| {
                for (k, (t, v)) in to.iter_mut().zip(value).enumerate() {
                    *t = self.offset[k] + self.scale * *v + input.dot(&self.affine.column(k));
                }
            },
        );
    }
}
