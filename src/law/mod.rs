//! Targets with known answers: the law p_data of X_0, and what is known of its noisy marginals.
//!
//! Each trait is one capability; a target implements those it can answer exactly. All of them speak of the marginals p_θ of
//! X_θ = cos θ · X_0 + sin θ · Z, so the data law itself is the level θ = 0. Rows are points.
//!
//! | law | take |
//! | --- | --- |
//! | a mixture of normals or point masses on the line, with everything exact | [`LineMixture`], at one level [`LineMarginal`] |
//! | N(0, 1) times 1 + A cos kx: Lipschitz flow maps at any k, no uniform rate 1/T | [`Comb`], at one level [`CombMarginal`] |
//! | one normal law; a mixture of them; a kernel density; in any dimension | [`Gaussian`], [`GaussianMixture`] |
//! | point masses, or data as they are | [`PointMasses`] |
//! | spheres, balls, any radial law | [`Radial`] |
//! | a ring of modes, two spots | [`GaussianMixture::ring`], [`GaussianMixture::two_spots`] |
//! | two moons, bananas, arcs | [`NoisyCurve`] |
//! | independent blocks; turned; moved | [`Product`], [`Rotated`], [`Shifted`] |
//! | known by a score and a sampler | [`Tweedie`] |
//! | known by its score alone | [`Tweedie`] with [`ReverseDiffusion`] |
//!
//! | question | ask for |
//! | --- | --- |
//! | samples of X_0 | [`Sample`] |
//! | ln p_θ | [`LogDensity`] |
//! | E\[X_0 \| X_θ\] and its covariance | [`Posterior`] |
//! | E\[g(X_0) \| X_θ\] for any g | [`PosteriorRule`]: built in, from a sampler by [`MonteCarloPosterior`], from samples by [`ImportancePosterior`] |
//! | E X_0, E‖X_0‖² | [`Moments`] |
//! | the score and its derivative | [`ScoreFunction`](crate::score::ScoreFunction), [`ScoreJacobian`](crate::score::ScoreJacobian) |

mod atoms;
mod comb;
pub(crate) mod conditional;
mod covariance;
mod curvature;
mod curve;
mod error;
pub(crate) mod gaussian;
mod importance;
mod jacobian;
mod line;
pub(crate) mod mixture;
mod monte_carlo;
mod on_the_line;
mod posterior_rule;
mod posterior_sample;
mod presets;
mod product;
mod quantile;
pub(crate) mod radial;
mod reverse;
mod rotated;
mod shifted;
mod tweedie;

pub use atoms::PointMasses;
pub use comb::{Comb, CombMarginal};
pub use covariance::Covariance;
pub use curve::NoisyCurve;
pub use error::LawError;
pub use gaussian::Gaussian;
pub use importance::ImportancePosterior;
pub(crate) use line::signed_share;
pub use line::{LineLabel, LineMarginal, LineMixture, LogConcavity};
pub use mixture::GaussianMixture;
pub use monte_carlo::MonteCarloPosterior;
pub use posterior_rule::{DiscreteLaw, PosteriorRule};
pub use product::Product;
pub use radial::Radial;
pub use reverse::ReverseDiffusion;
pub use rotated::Rotated;
pub use shifted::Shifted;
pub use tweedie::Tweedie;

use crate::delegate::delegate;
use crate::error::{check_entries, check_some};
use crate::level::NoiseLevel;
use crate::space::Space;
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2};
use rand::RngCore;

/// Checks that `weights` are finite, nonnegative and sum to one (within [`weight_tolerance`](crate::error::weight_tolerance)), and returns them
/// normalised.
pub(crate) fn normalised(weights: &[f64]) -> Result<Vec<f64>, LawError> {
    check_some("weights", weights)?;
    check_entries("weights", weights, |w| w >= 0.0 && w.is_finite(), "[0, inf)")?;
    Ok(crate::error::normalised("weights", weights)?)
}

/// Lengths of a law (means, standard deviations, radii) lie between these, so that their fourth powers are representable.
pub(crate) const SMALLEST: f64 = 1e-75;
pub(crate) const LARGEST: f64 = 1e75;
/// What [`fits`] asks, in words.
pub(crate) const FITS: &str = "[-1e75, 1e75]";

/// Whether a coordinate is of a size that the theory's fourth powers can hold.
pub(crate) fn fits(value: f64) -> bool {
    value.abs() <= LARGEST
}

/// Most numbers that one call of [`Sample::sample`] draws: 8 GiB.
const MOST_NUMBERS: usize = 1 << 30;

/// A law that can be sampled.
pub trait Sample: Space + std::fmt::Debug + Send + Sync {
    /// Fills the rows of `out` with independent draws of X_0.
    ///
    /// # Panics
    /// `out` does not have `dim()` columns.
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>);

    /// `n` independent draws of X_0, one a row.
    ///
    /// # Panics
    /// More than 2³⁰ numbers, `n` times `dim()`: draw so many in parts, by [`sample_into`](Self::sample_into).
    fn sample(&self, n: usize, rng: &mut dyn RngCore) -> Array2<f64> {
        let numbers = n.checked_mul(self.dim()).filter(|&numbers| numbers <= MOST_NUMBERS);
        assert!(numbers.is_some(), "sample: n = {n} draws in {} dimensions are more than 2^30 numbers", self.dim());
        let mut out = Array2::zeros((n, self.dim()));
        self.sample_into(rng, &mut out);
        out
    }
}

/// A law whose noisy marginals have a known density.
pub trait LogDensity: Sample {
    /// Writes ln p_θ of every row of `x` into `out`.
    ///
    /// Where p_θ has no density (point masses at θ = 0, a degenerate Gaussian) the value is +∞ on the support and −∞ off it.
    ///
    /// # Panics
    /// `x` is not n × `dim()` with n the length of `out`.
    fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>);

    /// Allocating form of [`log_density_into`](Self::log_density_into).
    ///
    /// # Panics
    /// `x` does not have `dim()` columns.
    fn log_density(&self, level: NoiseLevel, x: &ArrayRef2<f64>) -> Array1<f64> {
        let mut out = Array1::zeros(x.nrows());
        self.log_density_into(level, x, &mut out);
        out
    }
}

/// A law whose posterior moments given a noisy point are known.
pub trait Posterior: Sample {
    /// Writes D_θ(x) = E[X_0 | X_θ = x], the ideal denoiser, for every row of `x` into `out`.
    /// Tweedie's formula ties it to the score: D = (x + sin²θ s_θ(x))/cos θ.
    ///
    /// # Panics
    /// `x` and `out` are not both n × `dim()`.
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>);

    /// The posterior covariance Cov(X_0 | X_θ = x) at one point, d × d; finite for the laws of this crate where the squares of the
    /// coordinates are, |x_i| ≤ 1e150.
    ///
    /// # Panics
    /// `x` does not have length `dim()`.
    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64>;

    /// Allocating form of [`denoise_into`](Self::denoise_into).
    ///
    /// # Panics
    /// `x` does not have `dim()` columns.
    fn denoise(&self, level: NoiseLevel, x: &ArrayRef2<f64>) -> Array2<f64> {
        let mut out = Array2::zeros(x.raw_dim());
        self.denoise_into(level, x, &mut out);
        out
    }
}

/// A law whose first two moments are known.
pub trait Moments: Sample {
    /// E X_0.
    fn mean(&self) -> Array1<f64>;

    /// E‖X_0‖².
    fn second_moment(&self) -> f64;
}

/// A law whose posterior X_0 | X_θ = x can be sampled: what [`MonteCarloPosterior`] makes a rule of.
///
/// Exact for Gaussians and their mixtures (the posterior is a mixture again), point masses, and products, rotations and translations of laws
/// that have it; by simulation for a law known by its score, [`ReverseDiffusion`].
///
/// # Example
/// ```
/// use ndarray::{Array2, array};
/// use onestep::NoiseLevel;
/// use onestep::law::{Posterior, PosteriorSample, PointMasses};
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let (law, level) = (PointMasses::empirical(&array![[-1.0], [1.0]])?, NoiseLevel::from_angle(0.8)?);
/// let mut draws = Array2::zeros((10_000, 1));
/// law.sample_posterior_into(level, &[0.3], &mut rng, &mut draws);
/// // Atoms by their softmax weights: the mean is the denoiser's, to five standard errors.
/// assert!((draws.mean().unwrap() - law.denoise(level, &array![[0.3]])[[0, 0]]).abs() < 0.05);
/// # Ok::<(), onestep::Error>(())
/// ```
pub trait PosteriorSample: Sample {
    /// Fills the rows of `out` with independent draws of X_0 given X_θ = `x`.
    ///
    /// # Panics
    /// `x` does not have length `dim()`, or `out` not `dim()` columns.
    fn sample_posterior_into(&self, level: NoiseLevel, x: &[f64], rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>);
}

delegate! {
    impl[] PosteriorSample {
        fn sample_posterior_into(&self, level: NoiseLevel, x: &[f64], rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>);
    }
}

delegate! {
    impl[] Sample {
        fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>);
    }
}

delegate! {
    impl[] LogDensity {
        fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>);
    }
}

delegate! {
    impl[] Posterior {
        fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>);
        fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64>;
    }
}

delegate! {
    impl[] Moments {
        fn mean(&self) -> Array1<f64>;
        fn second_moment(&self) -> f64;
    }
}
