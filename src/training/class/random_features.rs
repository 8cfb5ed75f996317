//! Random Fourier features with ridge regression.

use crate::float::Float;
use crate::numeric::stream::Stream;
use crate::training::check_range;
use crate::training::class::Penalty;
use crate::training::class::affine::AffineBasis;
use crate::training::class::bandwidth;
use crate::training::class::bandwidth::Bandwidths;
use crate::training::class::linear::{Basis, Tables, best_fit, fit_basis, fitted};
use crate::training::{Fitted, FunctionClass, Regression, TrainingError};
use ndarray::{Array1, Array2, ArrayRef2, ArrayViewMut2, Axis, Zip};
use rand::RngCore;
use std::f64::consts::TAU;

/// The class of functions xA + b + Σ_j c_j √(2/m) cos(ω_j·x/h + φ_j), with ω_j ~ N(0, I) and φ_j uniform, drawn afresh at every fit.
///
/// Beyond the range of the data, column by column, the waves keep the value of its border, so that the map is affine far out.
///
/// As m grows this is ridge regression with the Gaussian kernel exp(−‖x−x'‖²/(2h²)) beside a free affine part. Inputs are standardised
/// column by column; h is a multiple of their median distance.
///
/// **Minimiser**: the ridge solution for the drawn features, exact for its λ (an eigendecomposition of the Gram matrix gives all λ at
/// once); λ and h are those of the grid with the least generalised cross-validation or leave-one-out score.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use onestep::FunctionClass;
/// use onestep::training::Regression;
/// use onestep::training::class::RandomFourier;
/// use rand::SeedableRng;
/// let x = Array2::from_shape_fn((200, 1), |(i, _)| 0.03 * i as f64 - 3.0);
/// let y = x.mapv(f64::tanh);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let fit = RandomFourier::new(64)?.fit(&Regression::new(&x, &y)?, &mut rng)?;
/// assert!(fit.summary().loss < 1e-6);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Rahimi and Recht, "Random features for large-scale kernel machines", NIPS 2007.
#[derive(Debug, Clone, PartialEq)]
pub struct RandomFourier {
    features: usize,
    penalty: Penalty,
    bandwidths: Bandwidths,
}

impl RandomFourier {
    /// `features` = m ≥ 1 waves; λ by generalised cross-validation, h among 1/4, 1/2 and 1 times the median distance.
    ///
    /// # Errors
    /// m is outside 1..=4000.
    ///
    /// ```
    /// assert!(onestep::training::class::RandomFourier::new(0).is_err());
    /// ```
    pub fn new(features: usize) -> Result<Self, TrainingError> {
        check_range("features", features as f64, (1..=4000).contains(&features), "[1, 4000]")?;
        Ok(Self { features, penalty: Penalty::GeneralisedCrossValidation, bandwidths: Bandwidths::default() })
    }

    /// The same class with another choice of λ.
    ///
    /// # Errors
    /// A fixed λ that is not in (0, ∞).
    ///
    /// ```
    /// use onestep::training::class::{Penalty, RandomFourier};
    /// assert!(RandomFourier::new(10)?.penalty(Penalty::Fixed(-1.0)).is_err());
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
    /// assert!(onestep::training::class::RandomFourier::new(10)?.bandwidths(&[]).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn bandwidths(mut self, multiples: &[f64]) -> Result<Self, TrainingError> {
        self.bandwidths = Bandwidths::new(multiples)?;
        Ok(self)
    }
}

impl<F: Float> FunctionClass<F> for RandomFourier {
    fn name(&self) -> &'static str {
        "random_fourier"
    }

    fn fit(&self, data: &Regression<'_, F>, rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError> {
        let tables = Tables::new(data);
        let affine = AffineBasis::new(tables.standardisation()?);
        let free = affine.len();
        let mut stream = Stream::fork(rng);
        let waves = Array2::from_shape_simple_fn((affine.inputs(), self.features), || f64::standard_normal(&mut stream));
        let phases = Array1::from_shape_simple_fn(self.features, || TAU * f64::standard_uniform(&mut stream));
        let x = affine.standardisation.standardise(&tables.x);
        let extreme = |start: f64, pick: fn(f64, f64) -> f64| x.fold_axis(Axis(0), start, |a, b| pick(*a, *b));
        let (low, high) = (extreme(f64::INFINITY, f64::min), extreme(f64::NEG_INFINITY, f64::max));
        let median = bandwidth::median_distance(&x, &mut stream);
        let (model, solution) = best_fit(self.bandwidths.times(median), |h| {
            let basis =
                FourierBasis { affine: affine.clone(), waves: &waves / h, phases: phases.clone(), low: low.clone(), high: high.clone() };
            fit_basis("random_fourier", Basis::Fourier(basis), free, &tables, self.penalty)
        })?;
        Ok(fitted(
            model,
            &solution,
            "weighted least squares with a ridge penalty over affine functions plus random cosines",
            "exact for the drawn features and the chosen penalty and bandwidth, both with the least validation score of a grid",
        ))
    }
}

/// The affine features, then √(2/m) cos(x·ω_j + φ_j) of the standardised x.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct FourierBasis {
    affine: AffineBasis,
    /// p × m, already divided by h.
    waves: Array2<f64>,
    phases: Array1<f64>,
    /// The range of the standardised inputs, column by column: beyond it the waves keep the value of its border.
    low: Array1<f64>,
    high: Array1<f64>,
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
