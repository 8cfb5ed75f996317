//! Gaussian mixtures and point masses on the line, with both tails accurate.

mod concavity;
mod label;
mod marginal;

pub use concavity::LogConcavity;
pub use label::LineLabel;
pub(crate) use label::signed_share;
pub use marginal::LineMarginal;

use crate::error::{check_entries, check_equal};
use crate::float::Float;
use crate::law::{FITS, LARGEST, LawError, Moments, SMALLEST, Sample, fits, normalised};
use crate::level::NoiseLevel;
use crate::space::Space;
use ndarray::{Array1, ArrayRef2, array};
use rand::{Rng, RngCore};

/// The mixture Σ_k w_k N(m_k, σ_k²) on the line; σ_k = 0 is a point mass, one component with σ > 0 a Gaussian.
///
/// At noise angle θ it is Σ_k w_k N(cos θ m_k, v_k), v_k = cos²θ σ_k² + sin²θ: a [`LineMarginal`], which has its density, distribution
/// function and quantile with both tails accurate. Components are kept sorted by mean.
///
/// # Units
/// Means and standard deviations are in the units of the data.
///
/// # Example
/// ```
/// use onestep::NoiseLevel;
/// use onestep::law::LineMixture;
/// let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5])?;
/// let marginal = target.at(NoiseLevel::DATA);
/// assert_eq!(marginal.cdf(0.0), 0.5);
/// assert!((marginal.quantile(marginal.cdf(-3.0)) + 3.0).abs() < 1e-12);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LineMixture {
    weights: Vec<f64>,
    means: Vec<f64>,
    stds: Vec<f64>,
}

impl LineMixture {
    /// From weights (nonnegative, summing to one within [`weight_tolerance`](crate::error::weight_tolerance); then normalised), means and standard deviations (≥ 0).
    /// Components of weight 0 are dropped.
    ///
    /// # Errors
    /// Empty lists, unequal lengths, a weight or standard deviation that is negative, weights that do not sum to one, means beyond ±1e75,
    /// standard deviations above 1e75 or, not being 0, below 1e−75 (fourth powers must be representable), any value that is not finite.
    ///
    /// ```
    /// use onestep::law::LineMixture;
    /// assert!(LineMixture::new(&[0.5, 0.6], &[0.0, 1.0], &[1.0, 1.0]).is_err());
    /// assert!(LineMixture::new(&[1.0], &[0.0], &[-1.0]).is_err());
    /// ```
    pub fn new(weights: &[f64], means: &[f64], stds: &[f64]) -> Result<Self, LawError> {
        let weights = normalised(weights)?;
        check_equal("weights", weights.len(), "means", means.len())?;
        check_equal("weights", weights.len(), "stds", stds.len())?;
        check_entries("means", means, fits, FITS)?;
        check_entries("stds", stds, |s| s == 0.0 || (SMALLEST..=LARGEST).contains(&s), "{0} or [1e-75, 1e75]")?;
        let mut order: Vec<usize> = (0..weights.len()).filter(|&k| weights[k] > 0.0).collect();
        order.sort_by(|&i, &j| means[i].total_cmp(&means[j]));
        let pick = |list: &[f64]| order.iter().map(|&k| list[k]).collect();
        Ok(Self { weights: pick(&weights), means: pick(means), stds: pick(stds) })
    }

    /// N(`mean`, `std`²).
    ///
    /// # Errors
    /// A value that is not finite, or a negative standard deviation.
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::LineMixture;
    /// assert_eq!(LineMixture::gaussian(1.0, 2.0)?.second_moment(), 5.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn gaussian(mean: f64, std: f64) -> Result<Self, LawError> {
        Self::new(&[1.0], &[mean], &[std])
    }

    /// Weighted point masses.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::LineMixture;
    /// assert_eq!(LineMixture::point_masses(&[0.5, 0.5], &[-1.0, 1.0])?.second_moment(), 1.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn point_masses(weights: &[f64], positions: &[f64]) -> Result<Self, LawError> {
        Self::new(weights, positions, &vec![0.0; positions.len()])
    }

    /// The dimension, 1.
    ///
    /// ```
    /// assert_eq!(onestep::law::LineMixture::gaussian(0.0, 1.0).unwrap().dim(), 1);
    /// ```
    #[must_use]
    #[allow(clippy::unused_self, reason = "every target has its dimension as a method, whichever traits are in scope")]
    pub fn dim(&self) -> usize {
        1
    }

    /// The weights, in the order of increasing means.
    ///
    /// ```
    /// let m = onestep::law::LineMixture::new(&[0.2, 0.8], &[1.0, 0.0], &[1.0, 1.0]).unwrap();
    /// assert_eq!(m.weights(), [0.8, 0.2]);
    /// ```
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The means, increasing.
    ///
    /// ```
    /// let m = onestep::law::LineMixture::new(&[0.2, 0.8], &[1.0, 0.0], &[1.0, 1.0]).unwrap();
    /// assert_eq!(m.means(), [0.0, 1.0]);
    /// ```
    #[must_use]
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// The standard deviations, in the order of increasing means.
    ///
    /// ```
    /// let m = onestep::law::LineMixture::new(&[0.2, 0.8], &[1.0, 0.0], &[2.0, 3.0]).unwrap();
    /// assert_eq!(m.stds(), [3.0, 2.0]);
    /// ```
    #[must_use]
    pub fn stds(&self) -> &[f64] {
        &self.stds
    }

    /// The law of X_θ.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::LineMixture;
    /// let marginal = LineMixture::gaussian(3.0, 0.0)?.at(NoiseLevel::NOISE);
    /// assert_eq!(marginal.cdf(0.0), 0.5); // at the noise end every target is N(0, 1)
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn at(&self, level: NoiseLevel) -> LineMarginal {
        LineMarginal::new(
            self.weights.clone(),
            self.means.iter().map(|m| level.cos() * m).collect(),
            self.stds.iter().map(|s| (level.cos() * s).hypot(level.sin())).collect(),
        )
    }
}

impl Space for LineMixture {
    fn dim(&self) -> usize {
        Self::dim(self)
    }
}

impl Sample for LineMixture {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        assert_eq!(out.ncols(), 1, "sample: out has {} columns, the target is on the line", out.ncols());
        for mut row in out.rows_mut() {
            let mut u: f64 = rng.random();
            let last = self.weights.len() - 1;
            let k = self.weights.iter().position(|w| {
                u -= w;
                u < 0.0
            });
            let k = k.unwrap_or(last);
            row[0] = self.means[k] + self.stds[k] * f64::standard_normal(rng);
        }
    }
}

impl LineMixture {
    /// Mean and variance of X_0 given X_θ = x.
    pub(super) fn posterior(&self, marginal: &LineMarginal, level: NoiseLevel, x: f64) -> (f64, f64) {
        let own = |k: usize| {
            // With q = σ/√v: the gain cos θ q² and the variance sin²θ q², whatever the sizes of σ and sin θ.
            let q = if marginal.stds[k] > 0.0 { self.stds[k] / marginal.stds[k] } else { 0.0 };
            (self.means[k] + level.cos() * q * q * (x - marginal.means[k]), (q * level.sin()).powi(2))
        };
        let mut mean = 0.0;
        marginal.for_responsibilities(x, |k, r| {
            if r != 0.0 {
                mean += r * own(k).0;
            }
        });
        let mut variance = 0.0;
        marginal.for_responsibilities(x, |k, r| {
            if r != 0.0 {
                let (centre, own) = own(k);
                variance += r * (own + (centre - mean).powi(2));
            }
        });
        (mean, variance)
    }
}

impl Moments for LineMixture {
    fn mean(&self) -> Array1<f64> {
        array![self.weights.iter().zip(&self.means).map(|(w, m)| w * m).sum::<f64>()]
    }

    fn second_moment(&self) -> f64 {
        self.weights.iter().zip(&self.means).zip(&self.stds).map(|((w, m), s)| w * (m * m + s * s)).sum()
    }
}
