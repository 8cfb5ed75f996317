//! A posterior rule from a posterior sampler.

use crate::error::check_range;
use crate::float::Float;
use crate::law::{DiscreteLaw, LawError, Moments, Posterior, PosteriorRule, PosteriorSample, Sample};
use crate::level::NoiseLevel;
use crate::numeric::stream::Stream;
use crate::score::{ScoreFunction, ScoreJacobian};
use crate::space::{Space, inherent_dim};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2};
use rand::RngCore;

/// A law with the Monte-Carlo rule of its posterior sampler: equal weights on `samples` draws of X_0 given X_θ = x, in any dimension.
///
/// The draws at a point depend on the point, the level and the seed alone: the rule is a function, and errors at different points are
/// independent, so that they average out over the points of an audit.
///
/// # Accuracy
/// An expectation E[g | x] has the standard error std(g | x)/√n, besides the bias of the sampler. The
/// [comparison rule](PosteriorRule::comparison_rule) is an independent replicate of the same size: what the two differ by has √2 times that
/// standard error.
///
/// # Example
/// A law known by nothing but its score, in the ledger:
/// ```
/// use onestep::{Grid, NoiseLevel};
/// use onestep::audit::Ledger;
/// use onestep::consistency::ConsistencyFn;
/// use onestep::flow::FlowSolver;
/// use onestep::law::{MonteCarloPosterior, ReverseDiffusion};
/// use onestep::score::{DifferencedScore, ScoreFn};
/// # use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let score = DifferencedScore::new(ScoreFn::new(1, |_: NoiseLevel, x: &[f64], out: &mut [f64]| out[0] = -x[0])); // N(0, 1)
/// let law = MonteCarloPosterior::new(ReverseDiffusion::new(&score, 16, 1e-2)?, 64, 7)?;
/// let flow = FlowSolver::new(1e-8)?.flow_of(&score);
/// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
/// let f = ConsistencyFn::new(1, 3, |t, x: &[f64], out: &mut [f64]| out[0] = x[0] * 0.9_f64.powi(t as i32 - 1));
/// let report = Ledger::new(&law, &grid).flow(&flow).samples(100).measure(&f, &mut rng)?;
/// assert_eq!(report.steps.len(), 2);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MonteCarloPosterior<L> {
    law: L,
    samples: usize,
    seed: u64,
}

/// Draws at a point, at most.
const MOST_SAMPLES: usize = 1 << 20;

impl<L> MonteCarloPosterior<L> {
    /// `samples` draws at every point, from streams seeded by `seed`.
    ///
    /// # Errors
    /// `samples` outside [2, 2^20].
    ///
    /// ```
    /// use onestep::law::{Gaussian, MonteCarloPosterior, ReverseDiffusion};
    /// let law = ReverseDiffusion::new(Gaussian::standard(3)?, 8, 1e-2)?;
    /// assert!(MonteCarloPosterior::new(&law, 1, 0).is_err());
    /// assert_eq!(MonteCarloPosterior::new(&law, 100, 0)?.dim(), 3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(law: L, samples: usize, seed: u64) -> Result<Self, LawError> {
        check_range("samples", samples, (2..=MOST_SAMPLES).contains(&samples), "[2, 1048576]")?;
        Ok(Self { law, samples, seed })
    }

    /// The law whose sampler is used.
    ///
    /// ```
    /// use onestep::law::{Gaussian, MonteCarloPosterior};
    /// assert_eq!(MonteCarloPosterior::new(Gaussian::standard(3)?, 100, 0)?.inner().dim(), 3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn inner(&self) -> &L {
        &self.law
    }

    /// The stream of a point: a hash of the point, the level and the replicate.
    fn stream(&self, level: NoiseLevel, x: &[f64], replicate: u64) -> Stream {
        let words = x.iter().map(|v| v.to_bits()).chain([level.sin().to_bits(), level.cos().to_bits()]);
        let hash = words.fold(self.seed, |hash, word| Stream::nth(hash, word).next_u64());
        Stream::nth(hash, replicate)
    }
}

impl<L: PosteriorSample> MonteCarloPosterior<L> {
    fn draw(&self, level: NoiseLevel, x: &[f64], replicate: u64) -> DiscreteLaw {
        let mut nodes = Array2::zeros((self.samples, self.law.dim()));
        self.law.sample_posterior_into(level, x, &mut self.stream(level, x, replicate), &mut nodes);
        DiscreteLaw { nodes, weights: vec![1.0 / self.samples as f64; self.samples] }
    }
}

impl<L: PosteriorSample> PosteriorRule for MonteCarloPosterior<L> {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        self.draw(level, x, 0)
    }

    fn comparison_rule(&self, level: NoiseLevel, x: &[f64]) -> Option<DiscreteLaw> {
        Some(self.draw(level, x, 1))
    }
}

impl<L: Space> Space for MonteCarloPosterior<L> {
    fn dim(&self) -> usize {
        self.law.dim()
    }
}

inherent_dim!([L: Space] MonteCarloPosterior<L>);

impl<L: Sample> Sample for MonteCarloPosterior<L> {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        self.law.sample_into(rng, out);
    }
}

impl<L: Posterior> Posterior for MonteCarloPosterior<L> {
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        self.law.denoise_into(level, x, out);
    }

    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
        self.law.posterior_covariance(level, x)
    }
}

impl<L: Moments> Moments for MonteCarloPosterior<L> {
    fn mean(&self) -> Array1<f64> {
        self.law.mean()
    }

    fn second_moment(&self) -> f64 {
        self.law.second_moment()
    }
}

impl<F: Float, L: ScoreFunction<F>> ScoreFunction<F> for MonteCarloPosterior<L> {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        self.law.score_into(level, x, out);
    }
}

impl<F: Float, L: ScoreJacobian<F>> ScoreJacobian<F> for MonteCarloPosterior<L> {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        self.law.score_jvp_into(level, x, v, out);
    }
}
