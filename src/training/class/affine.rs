//! Affine functions.

use crate::float::Float;
use crate::training::class::function_class::FunctionClass;
use crate::training::error::TrainingError;
use crate::training::features::affine::AffineBasis;
use crate::training::features::basis::Basis;
use crate::training::features::least_squares::Penalty;
use crate::training::features::linear::fit_basis;
use crate::training::fitted::Fitted;
use crate::training::regression::Regression;
use rand::RngCore;

/// The class of affine functions x ↦ xA + b (rows are points), or of linear ones x ↦ xA.
///
/// **Minimiser**: the least-squares solution, unique when the inputs span the space; found exactly by Cholesky factorisation of the
/// normal equations of standardised inputs, refined once. On a Gaussian target the population optimum f_t* is affine, so that this
/// class has no approximation error and the recursion converges to the closed form
/// gain_T = √(v_1/v_T) ∏ cos Δψ_t, at the rate n^{−1/2} in the samples a step.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::FunctionClass;
/// use onestep::training::Regression;
/// use onestep::training::class::Affine;
/// use rand::SeedableRng;
/// let (x, y) = (array![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], array![[1.0], [3.0], [0.0], [2.0]]);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let plane = Affine::new().fit(&Regression::new(&x, &y)?, &mut rng)?;
/// assert!((plane.eval(&array![[10.0, 10.0]])[[0, 0]] - 11.0_f64).abs() < 1e-12); // y = 1 + 2 x_1 - x_2
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Affine {
    linear: bool,
}

impl Affine {
    /// Affine functions xA + b.
    ///
    /// ```
    /// use onestep::FunctionClass;
    /// use onestep::training::class::Affine;
    /// assert_eq!(FunctionClass::<f64>::name(&Affine::new()), "affine");
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { linear: false }
    }

    /// Linear functions xA, without the constant b.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::Affine;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[1.0], [2.0]], array![[2.0], [1.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let ray = Affine::linear().fit(&Regression::new(&x, &y)?, &mut rng)?;
    /// assert!((ray.eval(&array![[1.0]])[[0, 0]] - 0.8_f64).abs() < 1e-15); // (1·2 + 2·1)/(1 + 4)
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn linear() -> Self {
        Self { linear: true }
    }
}

impl<F: Float> FunctionClass<F> for Affine {
    fn name(&self) -> &'static str {
        if self.linear { "linear" } else { "affine" }
    }

    fn fit(&self, data: &Regression<'_, F>, _rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError> {
        let tables = data.tables();
        let mut standardisation = tables.standardisation()?;
        if self.linear {
            standardisation.mean.fill(0.0);
        }
        let basis = Basis::Affine(AffineBasis { standardisation, constant: !self.linear });
        let free = basis.len();
        Ok(Fitted::linear(
            fit_basis(FunctionClass::<F>::name(self), basis, free, &tables, Penalty::LeaveOneOut)?,
            "weighted least squares over affine functions",
            "exact and global: Cholesky of the normal equations, refined once",
        ))
    }
}
