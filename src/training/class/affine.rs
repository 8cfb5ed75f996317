//! Affine functions.

use crate::float::Float;
use crate::training::class::Penalty;
use crate::training::class::linear::{Basis, Tables, fit_basis, fitted};
use crate::training::{Fitted, FunctionClass, Regression, Standardisation, TrainingError};
use ndarray::{ArrayRef2, ArrayViewMut2, Axis};
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
        let tables = Tables::new(data);
        let mut standardisation = tables.standardisation()?;
        if self.linear {
            standardisation.mean.fill(0.0);
        }
        let basis = Basis::Affine(AffineBasis { standardisation, constant: !self.linear });
        let free = basis.len();
        let (model, solution) = fit_basis(FunctionClass::<F>::name(self), basis, free, &tables, Penalty::LeaveOneOut)?;
        Ok(fitted(
            model,
            &solution,
            "weighted least squares over affine functions",
            "exact and global: Cholesky of the normal equations, refined once",
        ))
    }
}

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
