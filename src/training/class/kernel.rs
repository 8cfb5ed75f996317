//! Gaussian-kernel ridge regression on Nyström centres.

use crate::error::check_range;
use crate::float::Float;
use crate::numeric::stream::{Stream, distinct_indices};
use crate::training::class::function_class::FunctionClass;
use crate::training::error::TrainingError;
use crate::training::features::affine::AffineBasis;
use crate::training::features::bandwidth::{Bandwidths, median_distance};
use crate::training::features::basis::Basis;
use crate::training::features::kernel::KernelBasis;
use crate::training::features::least_squares::Penalty;
use crate::training::features::linear::{best_fit, fit_basis};
use crate::training::fitted::Fitted;
use crate::training::regression::Regression;
use ndarray::Axis;
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
/// let fit = KernelRidge::new(40).fit(&Regression::new(&x, &y)?, &mut rng)?;
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
    /// At most `centres` rows as centres; λ by generalised cross-validation, h among 1/4, 1/2 and 1 times the median distance. A fit refuses a number
    /// outside 1..=4000.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::KernelRidge;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [4.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!(KernelRidge::new(0).fit(&Regression::new(&x, &y)?, &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(centres: usize) -> Self {
        Self { centres, penalty: Penalty::GeneralisedCrossValidation, bandwidths: Bandwidths::default() }
    }

    /// The same class with another choice of λ; a fit refuses a fixed λ that is not in (0, ∞).
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::{KernelRidge, Penalty};
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [4.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!(KernelRidge::new(10).penalty(Penalty::Fixed(0.0)).fit(&Regression::new(&x, &y)?, &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn penalty(mut self, penalty: Penalty) -> Self {
        self.penalty = penalty;
        self
    }

    /// The same class with other candidates for h, as multiples of the median distance between standardised inputs. A fit refuses an
    /// empty list, or a number in it that is not in [1e−6, 1e6].
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::KernelRidge;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [4.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!(KernelRidge::new(10).bandwidths(&[]).fit(&Regression::new(&x, &y)?, &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn bandwidths(mut self, multiples: &[f64]) -> Self {
        self.bandwidths = Bandwidths::new(multiples);
        self
    }
}

impl<F: Float> FunctionClass<F> for KernelRidge {
    fn name(&self) -> &'static str {
        "kernel_ridge"
    }

    fn fit(&self, data: &Regression<'_, F>, rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError> {
        check_range("centres", self.centres, (1..=4000).contains(&self.centres), "[1, 4000]")?;
        self.penalty.check()?;
        self.bandwidths.check()?;
        let tables = data.tables();
        let affine = AffineBasis::new(tables.standardisation()?);
        let free = affine.len();
        let mut stream = Stream::fork(rng);
        let x = affine.standardisation.standardise(&tables.x);
        let median = median_distance(&x, &mut stream);
        let rows = distinct_indices(x.nrows(), self.centres.min(x.nrows()), &mut stream);
        let centres = x.select(Axis(0), &rows);
        let (mut model, solution) = best_fit(self.bandwidths.times(median), |h| {
            let basis = KernelBasis::whitened(affine.clone(), centres.clone(), h)?;
            fit_basis("kernel_ridge", Basis::Kernel(basis), free, &tables, self.penalty)
        })?;
        if let Basis::Kernel(basis) = &mut model.basis {
            model.coefficients = basis.absorb_whitening(model.coefficients);
        }
        Ok(Fitted::linear(
            (model, solution),
            "weighted least squares plus the squared kernel norm, over affine functions plus Gaussian bumps at Nyström centres",
            "exact for the drawn centres and the chosen penalty and bandwidth, both with the least validation score of a grid",
        ))
    }
}
