//! Samples of a law, and of its posteriors, from the score alone.

use crate::error::check_range;
use crate::float::Float;
use crate::law::{LawError, Posterior, PosteriorSample, Sample, tweedie};
use crate::level::NoiseLevel;
use crate::score::{ScoreFunction, ScoreJacobian};
use crate::space::{Space, inherent_dim};
use ndarray::{Array2, ArrayRef1, ArrayRef2, Zip};
use ndarray_rand::RandomExt;
use rand::RngCore;
use rand_distr::StandardNormal;

/// A law known by nothing but its score, sampled by the diffusion run backwards.
///
/// The noising process is Markov, so the chain run backwards from X_θ = x ends at a draw of **X_0 given X_θ = x**, and run from Z ~ N(0, I)
/// at the noise end it ends at a draw of X_0. Between levels φ > ψ the law of X_ψ given X_φ has, by Tweedie's formulas, the mean
/// a X_φ + b D_φ and the covariance β̃ I + b² Cov(X_0 | X_φ), both known from the score; a step draws the normal law with these.
///
/// # Accuracy
/// The first two moments of every step are right, so expectations are off by O(1/K²) for K steps and a score that is smooth, besides
/// Monte-Carlo noise; a law with structure below [`smallest`](Self::smallest), where the last step starts, is blurred by as much. Compare
/// two K where it matters. 2 evaluations of the score a step and a sample.
///
/// # Example
/// ```
/// use onestep::{NoiseLevel, Sample};
/// use onestep::law::ReverseDiffusion;
/// use onestep::score::{DifferencedScore, ScoreFn};
/// # use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// // N(2, 1), known by its score.
/// let score = ScoreFn::new(1, |level: NoiseLevel, x: &[f64], out: &mut [f64]| out[0] = 2.0 * level.cos() - x[0]);
/// let law = ReverseDiffusion::new(DifferencedScore::new(score), 32, 1e-2)?;
/// let samples = law.sample(4000, &mut rng);
/// assert!((samples.mean().unwrap_or(0.0) - 2.0).abs() < 5.0 / 4000_f64.sqrt()); // five standard errors
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Anderson, "Reverse-time diffusion equation models", 1982; the step with both moments: Bao et al., 2022, arXiv 2206.07309.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReverseDiffusion<S> {
    score: S,
    steps: usize,
    smallest: f64,
}

/// Steps are spaced evenly in σ^{1/ρ} with this ρ.
const RHO: f64 = 7.0;
/// σ from which the chain starts at the noise end.
const LARGEST: f64 = 1e3;

impl<S> ReverseDiffusion<S> {
    /// Runs `steps` steps back, the last one from σ = tan θ = `smallest`.
    ///
    /// # Units
    /// `smallest` is a standard deviation in the units of the data: below the finest structure of the law.
    ///
    /// # Errors
    /// `steps` outside [1, 1e6], `smallest` outside (0, 1].
    ///
    /// ```
    /// use onestep::law::{Gaussian, ReverseDiffusion};
    /// assert!(ReverseDiffusion::new(Gaussian::standard(1)?, 0, 1e-2).is_err());
    /// assert!(ReverseDiffusion::new(Gaussian::standard(1)?, 16, f64::NAN).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(score: S, steps: usize, smallest: f64) -> Result<Self, LawError> {
        check_range("steps", steps, (1..=1_000_000).contains(&steps), "[1, 1000000]")?;
        check_range("smallest", smallest, smallest > 0.0 && smallest <= 1.0, "(0, 1]")?;
        Ok(Self { score, steps, smallest })
    }

    /// The σ at which the last step starts.
    ///
    /// ```
    /// use onestep::law::{Gaussian, ReverseDiffusion};
    /// assert_eq!(ReverseDiffusion::new(Gaussian::standard(1)?, 16, 1e-2)?.smallest(), 1e-2);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn smallest(&self) -> f64 {
        self.smallest
    }

    /// The levels visited from `level` on, down to the data.
    fn levels(&self, level: NoiseLevel) -> Vec<NoiseLevel> {
        let from = level.sigma().min(LARGEST);
        if from <= self.smallest {
            return vec![level, NoiseLevel::DATA];
        }
        let (high, low) = (from.powf(1.0 / RHO), self.smallest.powf(1.0 / RHO));
        let inner = (1..self.steps).map(|k| {
            let root = high + (low - high) * (k as f64 / (self.steps - 1) as f64);
            NoiseLevel::at_sigma(root.powf(RHO))
        });
        let mut levels = vec![level];
        levels.extend(inner);
        levels.push(NoiseLevel::DATA);
        levels
    }
}

impl<S: ScoreJacobian> ReverseDiffusion<S> {
    /// Carries the rows of `x` from `level` to the data.
    fn run(&self, level: NoiseLevel, x: &mut ArrayRef2<f64>, rng: &mut dyn RngCore) {
        for pair in self.levels(level).windows(2) {
            let (now, next) = (pair[0], pair[1]);
            // X_ψ given X_φ and X_0: mean a X_φ + b X_0, variance β̃, with σ² = tan² in the variance-exploding form.
            let keep = (next.sigma() / now.sigma()).powi(2);
            let a = keep * next.cos() / now.cos();
            let b = next.cos() * (1.0 - keep);
            let variance = next.one_minus_alpha_bar() * (1.0 - keep);
            let mut mean = Array2::zeros(x.raw_dim());
            tweedie::denoise_into(&self.score, now, x, &mut mean);
            let noise = Array2::<f64>::random_using(x.raw_dim(), StandardNormal, rng);
            // The square root of β̃ I + b² C applied to the noise, C = tan²(I + sin² ∂s): exact where C is a multiple of I, to first
            // order in its deviation from one that is as wide as the noise, tan² sin², otherwise.
            let hessian = self.score.score_jvp(now, x, &noise);
            let (spread, sin2) = ((b * now.tan()).powi(2), now.one_minus_alpha_bar());
            Zip::from(x.rows_mut()).and(mean.rows()).and(noise.rows()).and(hessian.rows()).for_each(|mut x, mean, z, h| {
                let square: f64 = z.dot(&z);
                // The curvature along the noise, zᵀ∂s z/zᵀz, and the scale that it gives.
                let along = if square > 0.0 { z.dot(&h) / square } else { 0.0 };
                let scale = (variance + spread * (1.0 + sin2 * along)).max(0.0).sqrt();
                let tilt = if scale > 0.0 { 0.5 * spread * sin2 / scale } else { 0.0 };
                Zip::from(&mut x).and(mean).and(z).and(h).for_each(|x, m, z, h| *x = a * *x + b * m + scale * z + tilt * (h - along * z));
            });
        }
    }
}

impl<S: Space> Space for ReverseDiffusion<S> {
    fn dim(&self) -> usize {
        self.score.dim()
    }
}

inherent_dim!([S: Space] ReverseDiffusion<S>);

impl<S: ScoreJacobian + std::fmt::Debug> Sample for ReverseDiffusion<S> {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        assert_eq!(out.ncols(), self.score.dim(), "sample: out has {} columns, the law dimension {}", out.ncols(), self.score.dim());
        out.assign(&Array2::<f64>::random_using(out.raw_dim(), StandardNormal, rng));
        self.run(NoiseLevel::at_sigma(LARGEST), out, rng);
    }
}

impl<S: ScoreJacobian + std::fmt::Debug> PosteriorSample for ReverseDiffusion<S> {
    fn sample_posterior_into(&self, level: NoiseLevel, x: &[f64], rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        let dim = self.score.dim();
        assert!(
            x.len() == dim && out.ncols() == dim,
            "sample_posterior: x has {} coordinates, out {}, the law {dim}",
            x.len(),
            out.ncols()
        );
        if level.sigma() > LARGEST {
            self.sample_into(rng, out); // X_θ says nothing of X_0 to a part in a thousand
            return;
        }
        out.rows_mut().into_iter().for_each(|mut row| row.iter_mut().zip(x).for_each(|(o, x)| *o = *x));
        if !level.is_data() {
            self.run(level, out, rng);
        }
    }
}

impl<S: ScoreJacobian + std::fmt::Debug> Posterior for ReverseDiffusion<S> {
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        tweedie::denoise_into(&self.score, level, x, out);
    }

    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
        tweedie::covariance(&self.score, level, x)
    }
}

impl<F: Float, S: ScoreFunction<F>> ScoreFunction<F> for ReverseDiffusion<S> {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        self.score.score_into(level, x, out);
    }
}

impl<F: Float, S: ScoreJacobian<F>> ScoreJacobian<F> for ReverseDiffusion<S> {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        self.score.score_jvp_into(level, x, v, out);
    }
}
