//! Random Fourier features with ridge regression.

use crate::error::check_range;
use crate::float::Float;
use crate::numeric::stream::Stream;
use crate::training::class::function_class::FunctionClass;
use crate::training::error::TrainingError;
use crate::training::features::affine::AffineBasis;
use crate::training::features::bandwidth::{Bandwidths, median_distance};
use crate::training::features::basis::Basis;
use crate::training::features::fourier::FourierBasis;
use crate::training::features::least_squares::Penalty;
use crate::training::features::linear::{best_fit, fit_basis};
use crate::training::fitted::Fitted;
use crate::training::regression::Regression;
use ndarray::{Array1, Array2, Axis};
use ndarray_rand::RandomExt;
use rand::RngCore;
use rand_distr::{StandardNormal, StandardUniform};
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
/// let fit = RandomFourier::new(64).fit(&Regression::new(&x, &y)?, &mut rng)?;
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
    /// `features` = m waves; λ by generalised cross-validation, h among 1/4, 1/2 and 1 times the median distance. A fit refuses a number
    /// outside 1..=4000.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::RandomFourier;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [4.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!(RandomFourier::new(0).fit(&Regression::new(&x, &y)?, &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(features: usize) -> Self {
        Self { features, penalty: Penalty::GeneralisedCrossValidation, bandwidths: Bandwidths::default() }
    }

    /// The same class with another choice of λ; a fit refuses a fixed λ that is not in (0, ∞).
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::{Penalty, RandomFourier};
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [4.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!(RandomFourier::new(10).penalty(Penalty::Fixed(0.0)).fit(&Regression::new(&x, &y)?, &mut rng).is_err());
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
    /// use onestep::training::class::RandomFourier;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [4.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!(RandomFourier::new(10).bandwidths(&[]).fit(&Regression::new(&x, &y)?, &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn bandwidths(mut self, multiples: &[f64]) -> Self {
        self.bandwidths = Bandwidths::new(multiples);
        self
    }
}

impl<F: Float> FunctionClass<F> for RandomFourier {
    fn name(&self) -> &'static str {
        "random_fourier"
    }

    fn fit(&self, data: &Regression<'_, F>, rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError> {
        check_range("features", self.features, (1..=4000).contains(&self.features), "[1, 4000]")?;
        self.penalty.check()?;
        self.bandwidths.check()?;
        let tables = data.tables();
        let affine = AffineBasis::new(tables.standardisation()?);
        let free = affine.len();
        let mut stream = Stream::fork(rng);
        let waves = Array2::random_using((affine.inputs(), self.features), StandardNormal, &mut stream);
        let phases = Array1::random_using(self.features, StandardUniform, &mut stream) * TAU;
        let x = affine.standardisation.standardise(&tables.x);
        let extreme = |start: f64, pick: fn(f64, f64) -> f64| x.fold_axis(Axis(0), start, |a, b| pick(*a, *b));
        let (low, high) = (extreme(f64::INFINITY, f64::min), extreme(f64::NEG_INFINITY, f64::max));
        let median = median_distance(&x, &mut stream);
        let best = best_fit(self.bandwidths.times(median), |h| {
            let basis =
                FourierBasis { affine: affine.clone(), waves: &waves / h, phases: phases.clone(), low: low.clone(), high: high.clone() };
            fit_basis("random_fourier", Basis::Fourier(basis), free, &tables, self.penalty)
        })?;
        Ok(Fitted::linear(
            best,
            "weighted least squares with a ridge penalty over affine functions plus random cosines",
            "exact for the drawn features and the chosen penalty and bandwidth, both with the least validation score of a grid",
        ))
    }
}
