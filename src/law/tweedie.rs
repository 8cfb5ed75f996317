//! Posterior moments from a score.

use crate::error::check_equal;
use crate::float::Float;
use crate::law::{LawError, LogDensity, Moments, Posterior, PosteriorSample, Sample};
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::score::{ScoreFunction, ScoreJacobian};
use crate::space::{Space, inherent_dim};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, Axis};
use rand::RngCore;

/// A law known by its score and a sampler: the score gives the posterior moments by Tweedie's formulas,
///
/// ```math
/// E[X_0 | X_θ = x] = \frac{x + \sin^2 θ\, s_θ(x)}{\cos θ}, \qquad
/// \mathrm{Cov}(X_0 | X_θ = x) = \frac{\sin^2 θ}{\cos^2 θ} \left( I + \sin^2 θ\, ∂s_θ(x) \right).
/// ```
///
/// Everything that asks for a [`Posterior`] takes it. The sampler is any [`Sample`]: draws from your data, or
/// [`ReverseDiffusion`](crate::law::ReverseDiffusion) where nothing but the score is known.
///
/// # Accuracy
/// The denoiser is what the score says it is; a score with an error of e is a denoiser with an error of sin²θ e/cos θ. Within 1e−6 of the noise
/// end, where both formulas are 0/0, the level at 1e−6 is taken: absolute errors of 1e−6 ‖x‖ Var X_0, and of rounding, 1e−10, there.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{NoiseLevel, Posterior};
/// use onestep::law::{Gaussian, Tweedie};
/// use onestep::score::{DifferencedScore, ScoreFn};
/// // N(2, 1), known by its score.
/// let score = ScoreFn::new(1, |level: NoiseLevel, x: &[f64], out: &mut [f64]| out[0] = 2.0 * level.cos() - x[0]);
/// let law = Tweedie::new(DifferencedScore::new(score), Gaussian::standard(1)?)?;
/// let level = NoiseLevel::from_angle(0.7)?;
/// // E[X_0 | x] = cos θ x + 2 sin²θ, and the variance is sin²θ.
/// let exact = level.cos() * 0.5 + 2.0 * level.one_minus_alpha_bar();
/// assert!((law.denoise(level, &array![[0.5]])[[0, 0]] - exact).abs() < 1e-14);
/// assert!((law.posterior_covariance(level, &array![0.5])[[0, 0]] - level.one_minus_alpha_bar()).abs() < 1e-8);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Efron, "Tweedie's formula and selection bias", 2011, eq. (2.8).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tweedie<S, L> {
    score: S,
    sampler: L,
}

/// Cosines below this are taken for it.
const LEAST_COSINE: f64 = 1e-6;

/// The level itself, or the last one at which Tweedie's formulas have digits.
fn within_reach(level: NoiseLevel) -> NoiseLevel {
    if level.cos() < LEAST_COSINE { NoiseLevel::from_cos_sin(LEAST_COSINE, 1.0) } else { level }
}

/// (x + sin²θ s)/cos θ for every row.
pub(crate) fn denoise_into<S: ScoreFunction + ?Sized>(score: &S, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
    assert_shapes("denoise", score.dim(), x, out);
    if level.is_data() {
        out.assign(x);
        return;
    }
    let level = within_reach(level);
    score.score_into(level, x, out);
    out.zip_mut_with(x, |o, x| *o = (x + level.one_minus_alpha_bar() * *o) / level.cos());
}

/// tan²θ (I + sin²θ ∂s) at one point.
pub(crate) fn covariance<S: ScoreJacobian + ?Sized>(score: &S, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
    let dim = score.dim();
    assert_eq!(x.len(), dim, "posterior_covariance: x has length {}, the law dimension {dim}", x.len());
    if level.is_data() {
        return Array2::zeros((dim, dim));
    }
    let level = within_reach(level);
    let points = x.to_owned().insert_axis(Axis(0));
    let points = points.broadcast((dim, dim)).expect("one row repeats").to_owned();
    let hessian = score.score_jvp(level, &points, &Array2::eye(dim));
    let (noise, scale) = (level.one_minus_alpha_bar(), level.tan() * level.tan());
    Array2::from_shape_fn((dim, dim), |(i, j)| {
        let own = if i == j { 1.0 } else { 0.0 };
        scale * (own + noise * 0.5 * (hessian[[i, j]] + hessian[[j, i]]))
    })
}

impl<S: Space, L: Space> Tweedie<S, L> {
    /// The law with this score, sampled by `sampler`.
    ///
    /// # Errors
    /// The two have different dimensions.
    ///
    /// ```
    /// use onestep::law::{Gaussian, Tweedie};
    /// let (line, plane) = (Gaussian::standard(1)?, Gaussian::standard(2)?);
    /// assert!(Tweedie::new(&line, &plane).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(score: S, sampler: L) -> Result<Self, LawError> {
        check_equal("dimension of the score", score.dim(), "dimension of the sampler", sampler.dim())?;
        Ok(Self { score, sampler })
    }
}

impl<S: Space, L> Space for Tweedie<S, L> {
    fn dim(&self) -> usize {
        self.score.dim()
    }
}

inherent_dim!([S: Space, L] Tweedie<S, L>);

impl<S: ScoreFunction + std::fmt::Debug, L: Sample> Sample for Tweedie<S, L> {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        self.sampler.sample_into(rng, out);
    }
}

impl<S: ScoreFunction + std::fmt::Debug, L: PosteriorSample> PosteriorSample for Tweedie<S, L> {
    fn sample_posterior_into(&self, level: NoiseLevel, x: &[f64], rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        self.sampler.sample_posterior_into(level, x, rng, out);
    }
}

impl<S: ScoreJacobian + std::fmt::Debug, L: Sample> Posterior for Tweedie<S, L> {
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        denoise_into(&self.score, level, x, out);
    }

    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
        covariance(&self.score, level, x)
    }
}

impl<S: ScoreFunction + std::fmt::Debug, L: Moments> Moments for Tweedie<S, L> {
    fn mean(&self) -> Array1<f64> {
        self.sampler.mean()
    }

    fn second_moment(&self) -> f64 {
        self.sampler.second_moment()
    }
}

impl<S: ScoreFunction + std::fmt::Debug, L: LogDensity> LogDensity for Tweedie<S, L> {
    fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>) {
        self.sampler.log_density_into(level, x, out);
    }
}

impl<F: Float, S: ScoreFunction<F>, L: Send + Sync> ScoreFunction<F> for Tweedie<S, L> {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        self.score.score_into(level, x, out);
    }
}

impl<F: Float, S: ScoreJacobian<F>, L: Send + Sync> ScoreJacobian<F> for Tweedie<S, L> {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        self.score.score_jvp_into(level, x, v, out);
    }
}
