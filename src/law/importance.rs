//! A posterior rule from samples of a law.

use crate::error::check_range;
use crate::law::posterior_rule::effective_size;
use crate::law::{DiscreteLaw, LawError, PointMasses, Posterior, PosteriorRule, Sample};
use crate::level::NoiseLevel;
use crate::space::{Space, inherent_dim};
use ndarray::{Array2, ArrayRef1, ArrayRef2};
use rand::RngCore;

/// A law with the posterior rule of samples of its own: X_0 | X_θ = x is the law of X_0 with the weight exp(−‖x − cos θ X_0‖²/(2 sin²θ)), so
/// samples of X_0 with these weights, normalised to one, stand for it. All that is asked of the law is that it can be sampled.
///
/// # Accuracy
/// E[g | x] is off by about std(g | x)/√m with m the [effective sample size](Self::effective_sample_size) (Σw)²/Σw², and biased by O(1/m). m falls
/// like n (σ/scale)^d: it is large at high noise and in few dimensions, and a rule with an m of a few says little, whatever n is. Look at m;
/// where it is small, take [`MonteCarloPosterior`](crate::law::MonteCarloPosterior). The
/// [comparison rule](PosteriorRule::comparison_rule) is an independent replicate, which shows the error.
///
/// # Example
/// ```
/// use onestep::{NoiseLevel, Posterior};
/// use onestep::law::{Gaussian, ImportancePosterior};
/// # use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let law = ImportancePosterior::new(Gaussian::standard(1)?, 20_000, &mut rng)?;
/// let level = NoiseLevel::from_angle(1.0)?;
/// let size = law.effective_sample_size(level, &[0.4]);
/// // E[X_0 | x] = cos θ x with the variance sin²θ: five standard errors at the effective size.
/// let gap = law.denoise(level, &ndarray::array![[0.4]])[[0, 0]] - 0.4 * level.cos();
/// assert!(size > 1000.0 && gap.abs() < 5.0 * level.sin() / size.sqrt());
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ImportancePosterior<L> {
    law: L,
    samples: PointMasses,
    replicate: PointMasses,
}

/// Samples of a rule, at most.
const MOST_SAMPLES: usize = 1 << 24;

impl<L: Sample> ImportancePosterior<L> {
    /// Draws `samples` points for the rule and as many for its replicate.
    ///
    /// # Errors
    /// `samples` outside [2, 2^24], or a draw that is not finite.
    ///
    /// ```
    /// use onestep::law::{Gaussian, ImportancePosterior};
    /// # use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!(ImportancePosterior::new(Gaussian::standard(1)?, 1, &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(law: L, samples: usize, rng: &mut dyn RngCore) -> Result<Self, LawError> {
        check_range("samples", samples, (2..=MOST_SAMPLES).contains(&samples), "[2, 16777216]")?;
        let first = PointMasses::empirical(&law.sample(samples, rng))?;
        let replicate = PointMasses::empirical(&law.sample(samples, rng))?;
        Ok(Self { law, samples: first, replicate })
    }

    /// (Σw)²/Σw²: how many of the samples count at `x`.
    ///
    /// # Panics
    /// `x` does not have length `dim()`.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::{Gaussian, ImportancePosterior};
    /// # use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let law = ImportancePosterior::new(Gaussian::standard(1)?, 1000, &mut rng)?;
    /// // Noise says nothing: all samples count.
    /// assert!((law.effective_sample_size(NoiseLevel::NOISE, &[0.4]) - 1000.0).abs() < 1e-6);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn effective_sample_size(&self, level: NoiseLevel, x: &[f64]) -> f64 {
        effective_size(&self.samples.posterior_rule(level, x).weights)
    }
}

impl<L: Space> Space for ImportancePosterior<L> {
    fn dim(&self) -> usize {
        self.law.dim()
    }
}

inherent_dim!([L: Space] ImportancePosterior<L>);

impl<L: Sample> Sample for ImportancePosterior<L> {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        self.law.sample_into(rng, out);
    }
}

impl<L: Sample> PosteriorRule for ImportancePosterior<L> {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        self.samples.posterior_rule(level, x)
    }

    fn comparison_rule(&self, level: NoiseLevel, x: &[f64]) -> Option<DiscreteLaw> {
        Some(self.replicate.posterior_rule(level, x))
    }
}

/// The moments of the rule itself.
impl<L: Sample> Posterior for ImportancePosterior<L> {
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        self.samples.denoise_into(level, x, out);
    }

    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
        self.samples.posterior_covariance(level, x)
    }
}
