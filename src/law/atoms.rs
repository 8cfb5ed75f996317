//! Weighted point masses in any dimension.

use crate::float::Float;
use crate::law::{GaussianMixture, LawError, LogDensity, Moments, Posterior, Sample};
use crate::level::NoiseLevel;
use crate::score::ScoreFunction;
use crate::space::Space;
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2};
use rand::RngCore;

/// The discrete law Σ_k w_k δ_{a_k} on ℝ^d.
///
/// X_0 | X_θ = x lives on the atoms, with the softmax weights w_k exp(−‖x − cos θ a_k‖²/(2 sin²θ)). At θ = 0 it is the limit: the denoiser
/// is the nearest atom, the log-density ±∞, and the score, which does not exist, is reported as 0.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{NoiseLevel, Posterior};
/// use onestep::law::PointMasses;
/// let target = PointMasses::new(&[0.5, 0.5], &array![[-1.0], [1.0]])?;
/// let level = NoiseLevel::from_angle(0.8)?;
/// // Two atoms ±1: the denoiser is tanh(x cos θ / sin²θ).
/// let expected = (0.3 * level.cos() / level.one_minus_alpha_bar()).tanh();
/// assert!((target.denoise(level, &array![[0.3]])[[0, 0]] - expected).abs() < 1e-15);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PointMasses {
    mixture: GaussianMixture,
}

impl PointMasses {
    /// From weights (nonnegative, summing to one within [`weight_tolerance`](crate::error::weight_tolerance); then normalised) and atoms (one a row). Atoms of weight 0 are dropped.
    ///
    /// # Errors
    /// Empty lists, unequal lengths, weights that are negative or do not sum to one, atoms that are not finite.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::law::PointMasses;
    /// assert!(PointMasses::new(&[1.0], &array![[f64::NAN]]).is_err());
    /// assert_eq!(PointMasses::new(&[1.0], &array![[2.0, 3.0]])?.dim(), 2);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(weights: &[f64], atoms: &ArrayRef2<f64>) -> Result<Self, LawError> {
        Ok(Self { mixture: GaussianMixture::isotropic(weights, atoms, &vec![0.0; atoms.nrows()])? })
    }

    /// The empirical law of `data`, one point a row.
    ///
    /// # Errors
    /// No data, or entries that are not finite.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Moments;
    /// use onestep::law::PointMasses;
    /// assert_eq!(PointMasses::empirical(&array![[1.0], [3.0]])?.second_moment(), 5.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn empirical(data: &ArrayRef2<f64>) -> Result<Self, LawError> {
        Ok(Self { mixture: GaussianMixture::kernel_density(data, 0.0)? })
    }

    /// The same law as a mixture of normals of variance 0.
    pub(crate) fn mixture(&self) -> &GaussianMixture {
        &self.mixture
    }

    /// The dimension d.
    ///
    /// ```
    /// assert_eq!(onestep::law::PointMasses::empirical(&ndarray::array![[0.0, 1.0]]).unwrap().dim(), 2);
    /// ```
    #[must_use]
    pub fn dim(&self) -> usize {
        self.mixture.dim()
    }

    /// The weights w_k.
    ///
    /// ```
    /// assert_eq!(onestep::law::PointMasses::empirical(&ndarray::array![[0.0], [1.0]]).unwrap().weights(), [0.5, 0.5]);
    /// ```
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        self.mixture.weights()
    }

    /// The atoms a_k, one a row.
    ///
    /// ```
    /// assert_eq!(onestep::law::PointMasses::empirical(&ndarray::array![[0.0], [1.0]]).unwrap().atoms()[[1, 0]], 1.0);
    /// ```
    #[must_use]
    pub fn atoms(&self) -> &Array2<f64> {
        self.mixture.means()
    }
}

impl Space for PointMasses {
    fn dim(&self) -> usize {
        Self::dim(self)
    }
}

impl Sample for PointMasses {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        self.mixture.sample_into(rng, out);
    }
}

impl LogDensity for PointMasses {
    fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>) {
        self.mixture.log_density_into(level, x, out);
    }
}

impl Posterior for PointMasses {
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        self.mixture.denoise_into(level, x, out);
    }

    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
        self.mixture.posterior_covariance(level, x)
    }
}

impl Moments for PointMasses {
    fn mean(&self) -> Array1<f64> {
        self.mixture.mean()
    }

    fn second_moment(&self) -> f64 {
        self.mixture.second_moment()
    }
}

impl<F: Float> ScoreFunction<F> for PointMasses {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        self.mixture.score_into(level, x, out);
    }
}
