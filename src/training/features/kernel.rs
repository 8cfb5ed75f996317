//! Gaussian bumps at centres beside the affine features.

use crate::numeric::dense::eigen::symmetric;
use crate::training::error::TrainingError;
use crate::training::features::affine::AffineBasis;
use crate::training::features::distances::squared_distances;
use crate::training::features::least_squares::unsolved;
use ndarray::{Array2, ArrayRef2, ArrayViewMut2, Axis};

/// The affine features, then k(x, z_j) of the standardised x, multiplied by K_zz^{−1/2} while fitting, so that the Euclidean norm of the
/// coefficients is the kernel norm of the function.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct KernelBasis {
    affine: AffineBasis,
    centres: Array2<f64>,
    bandwidth: f64,
    /// m × r; none once the coefficients have absorbed it.
    whitening: Option<Array2<f64>>,
}

impl KernelBasis {
    pub(crate) fn whitened(affine: AffineBasis, centres: Array2<f64>, bandwidth: f64) -> Result<Self, TrainingError> {
        let kernel = gaussian_kernel(&centres, &centres, bandwidth);
        let count = kernel.nrows();
        let entries: Vec<f64> = kernel.indexed_iter().map(|((i, j), v)| f64::midpoint(*v, kernel[[j, i]])).collect();
        let eigen = symmetric(&entries, count).map_err(|e| unsolved("kernel_ridge", e))?;
        let floor = 1e-12 * eigen.values[0];
        let kept = eigen.values.iter().take_while(|v| **v > floor).count();
        let whitening = Array2::from_shape_fn((count, kept), |(i, j)| eigen.vectors[[j, i]] / eigen.values[j].sqrt());
        Ok(Self { affine, centres, bandwidth, whitening: Some(whitening) })
    }

    pub(crate) fn inputs(&self) -> usize {
        self.affine.inputs()
    }

    pub(crate) fn len(&self) -> usize {
        self.affine.len() + self.whitening.as_ref().map_or(self.centres.nrows(), Array2::ncols)
    }

    /// Moves the whitening into the coefficients, so that evaluation needs one product less.
    pub(crate) fn absorb_whitening(&mut self, coefficients: Array2<f64>) -> Array2<f64> {
        let Some(whitening) = self.whitening.take() else { return coefficients };
        let (free, bumps) = coefficients.view().split_at(Axis(0), self.affine.len());
        let bumps = whitening.dot(&bumps);
        let mut absorbed = Array2::zeros((free.nrows() + bumps.nrows(), free.ncols()));
        let (mut above, mut below) = absorbed.view_mut().split_at(Axis(0), free.nrows());
        above.assign(&free);
        below.assign(&bumps);
        absorbed
    }

    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let finite = self.centres.iter().all(|v| v.is_finite());
        self.affine.is_sound() && self.centres.ncols() == self.inputs() && self.bandwidth > 0.0 && self.whitening.is_none() && finite
    }

    pub(crate) fn fill(&self, x: &ArrayRef2<f64>, out: ArrayViewMut2<'_, f64>) {
        let (affine, mut bumps) = out.split_at(Axis(1), self.affine.len());
        let kernel = gaussian_kernel(&self.affine.standardisation.standardise(x), &self.centres, self.bandwidth);
        match &self.whitening {
            Some(w) => bumps.assign(&kernel.dot(w)),
            None => bumps.assign(&kernel),
        }
        self.affine.fill(x, affine);
    }
}

fn gaussian_kernel(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>, bandwidth: f64) -> Array2<f64> {
    let scale = -0.5 / (bandwidth * bandwidth);
    squared_distances(a, b).mapv_into(|s| (scale * s).exp())
}
