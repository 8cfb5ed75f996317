//! Gaussian-kernel ridge regression on Nyström centres.

use crate::float::Float;
use crate::numeric::dense::eigen::symmetric;
use crate::numeric::stream::{Stream, distinct_indices};
use crate::training::check_range;
use crate::training::class::Penalty;
use crate::training::class::affine::AffineBasis;
use crate::training::class::bandwidth;
use crate::training::class::bandwidth::Bandwidths;
use crate::training::class::least_squares::unsolved;
use crate::training::class::linear::{Basis, LinearModel, Tables, best_fit, fit_basis, fitted};
use crate::training::{Fitted, FunctionClass, Regression, TrainingError};
use ndarray::{Array2, ArrayRef2, ArrayViewMut2, Axis};
use rand::RngCore;

/// The class of functions xA + b + Σ_j c_j exp(−‖x − z_j‖²/(2h²)) whose centres z_j are random rows of the data (Nyström).
///
/// **Minimiser**: of the weighted squares plus λ‖g‖²_H, H the reproducing-kernel space of the Gaussian kernel restricted to the span of
/// the centres, with a free affine part. Exact for its λ and h, which are those with the least validation score of a grid. Directions of
/// the centres' kernel matrix with eigenvalues below 1e−12 of the largest are dropped. With all rows as centres this is full kernel
/// ridge regression.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use onestep::FunctionClass;
/// use onestep::training::Regression;
/// use onestep::training::class::KernelRidge;
/// use rand::SeedableRng;
/// let x = Array2::from_shape_fn((200, 1), |(i, _)| 0.03 * i as f64 - 3.0);
/// let y = x.mapv(f64::tanh);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let fit = KernelRidge::new(40)?.fit(&Regression::new(&x, &y)?, &mut rng)?;
/// assert!(fit.summary().loss < 1e-6);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Williams and Seeger, "Using the Nyström method to speed up kernel machines", NIPS 2000; Rudi, Camoriano and Rosasco, "Less is more:
/// Nyström computational regularization", NIPS 2015, arXiv 1507.04717.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelRidge {
    centres: usize,
    penalty: Penalty,
    bandwidths: Bandwidths,
}

impl KernelRidge {
    /// At most `centres` rows as centres; λ by generalised cross-validation, h among 1/4, 1/2 and 1 times the median distance.
    ///
    /// # Errors
    /// `centres` is outside 1..=4000.
    ///
    /// ```
    /// assert!(onestep::training::class::KernelRidge::new(0).is_err());
    /// ```
    pub fn new(centres: usize) -> Result<Self, TrainingError> {
        check_range("centres", centres as f64, (1..=4000).contains(&centres), "[1, 4000]")?;
        Ok(Self { centres, penalty: Penalty::GeneralisedCrossValidation, bandwidths: Bandwidths::default() })
    }

    /// The same class with another choice of λ.
    ///
    /// # Errors
    /// A fixed λ that is not in (0, ∞).
    ///
    /// ```
    /// use onestep::training::class::{KernelRidge, Penalty};
    /// assert!(KernelRidge::new(10)?.penalty(Penalty::Fixed(0.0)).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn penalty(mut self, penalty: Penalty) -> Result<Self, TrainingError> {
        self.penalty = penalty.check()?;
        Ok(self)
    }

    /// The same class with other candidates for h, as multiples of the median distance between standardised inputs.
    ///
    /// # Errors
    /// The list is empty or holds a number that is not in (0, ∞).
    ///
    /// ```
    /// assert!(onestep::training::class::KernelRidge::new(10)?.bandwidths(&[0.0]).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn bandwidths(mut self, multiples: &[f64]) -> Result<Self, TrainingError> {
        self.bandwidths = Bandwidths::new(multiples)?;
        Ok(self)
    }
}

impl<F: Float> FunctionClass<F> for KernelRidge {
    fn name(&self) -> &'static str {
        "kernel_ridge"
    }

    fn fit(&self, data: &Regression<'_, F>, rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError> {
        let tables = Tables::new(data);
        let affine = AffineBasis::new(tables.standardisation()?);
        let free = affine.len();
        let mut stream = Stream::fork(rng);
        let x = affine.standardisation.standardise(&tables.x);
        let median = bandwidth::median_distance(&x, &mut stream);
        let rows = distinct_indices(x.nrows(), self.centres.min(x.nrows()), &mut stream);
        let centres = x.select(Axis(0), &rows);
        let (model, solution) = best_fit(self.bandwidths.times(median), |h| {
            let basis = KernelBasis::whitened(affine.clone(), centres.clone(), h)?;
            fit_basis("kernel_ridge", Basis::Kernel(basis), free, &tables, self.penalty)
        })?;
        Ok(fitted(
            collapse(model),
            &solution,
            "weighted least squares plus the squared kernel norm, over affine functions plus Gaussian bumps at Nyström centres",
            "exact for the drawn centres and the chosen penalty and bandwidth, both with the least validation score of a grid",
        ))
    }
}

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
    fn whitened(affine: AffineBasis, centres: Array2<f64>, bandwidth: f64) -> Result<Self, TrainingError> {
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

/// Squared distances between the rows of `a` and of `b`, by ‖a‖² − 2a·b + ‖b‖², not below 0.
pub(crate) fn squared_distances(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>) -> Array2<f64> {
    let left = a.map_axis(Axis(1), |r| r.dot(&r)).insert_axis(Axis(1));
    let right = b.map_axis(Axis(1), |r| r.dot(&r));
    let mut squares = a.dot(&b.t());
    squares *= -2.0;
    squares += &left;
    squares += &right;
    squares.mapv_inplace(|s| s.max(0.0));
    squares
}

fn gaussian_kernel(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>, bandwidth: f64) -> Array2<f64> {
    let scale = -0.5 / (bandwidth * bandwidth);
    squared_distances(a, b).mapv_into(|s| (scale * s).exp())
}

/// Moves the whitening into the coefficients, so that evaluation needs one product less.
fn collapse(mut model: LinearModel) -> LinearModel {
    if let Basis::Kernel(basis) = &mut model.basis
        && let Some(whitening) = basis.whitening.take()
    {
        let (free, bumps) = model.coefficients.view().split_at(Axis(0), basis.affine.len());
        let bumps = whitening.dot(&bumps);
        let mut coefficients = Array2::zeros((free.nrows() + bumps.nrows(), free.ncols()));
        let (mut above, mut below) = coefficients.view_mut().split_at(Axis(0), free.nrows());
        above.assign(&free);
        below.assign(&bumps);
        model.coefficients = coefficients;
    }
    model
}
