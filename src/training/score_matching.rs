//! Denoising score matching: learning a score from samples.

use crate::float::Float;
use crate::numeric::stream::Stream;
use crate::training::error::TrainingError;
use crate::training::learned_score::{LEAST_ANGLE, LearnedScore};
use crate::training::network::descent::{Descent, RUNAWAY, check_last, check_loss};
use crate::training::network::layers::{Network, Tape};
use crate::training::network::optimiser::{Optimiser, chunk_sizes};
use crate::training::network::time::{TIME_FEATURES, time_features};
use crate::training::source::Source;
use crate::training::standardisation::Scaling;
use ndarray::Array2;
use rand::RngCore;
use std::f64::consts::FRAC_PI_2;

/// Denoising score matching: learns the score s_θ = ∇ log p_θ of the scaled data from samples, all angles at once.
///
/// The network v(x, θ) is regressed on the velocity V = dX_θ/dθ = cos θ Z − sin θ X_0, whose scale is of unit order at every level; the
/// minimiser over all functions is E[V | X_θ = x], and since E[Z | x] = sin θ x + cos θ v,
/// ```math
/// s_\theta(x) = -\frac{\mathbb E[Z \mid x]}{\sin\theta} = -x - \cot\theta\; v(x, \theta) .
/// ```
/// At the noise end s = −x whatever the network. Angles are uniform in [0.002, π/2].
///
/// **Minimiser**: Adam on minibatches of fresh noise; nearly stationary, not certified.
///
/// # Example
/// ```
/// use ndarray::{Array2, array};
/// use onestep::{Float, NoiseLevel, ScoreFunction};
/// use onestep::training::{LearnedScore, ScoreMatching};
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let data = Array2::from_shape_simple_fn((2000, 1), || f64::standard_normal(&mut rng));
/// let score: LearnedScore = ScoreMatching::new(&[16]).iterations(1000).train(&data, &mut rng)?;
/// // The score of N(0, 1) is −x at every level.
/// let s = score.score(NoiseLevel::from_angle(1.0)?, &array![[1.0]])[[0, 0]];
/// assert!((s + 1.0).abs() < 0.2);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Vincent, "A connection between score matching and denoising autoencoders", Neural Computation 23 (2011) 1661–1674; the velocity form:
/// Salimans and Ho, "Progressive distillation for fast sampling of diffusion models", ICLR 2022, arXiv 2202.00512.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreMatching {
    descent: Descent,
    scaling: Scaling,
}

impl ScoreMatching {
    /// A network with these hidden widths: SiLU, batches of 256, 5000 iterations, rate 3e−3 falling along a half cosine, data scaled
    /// column by column. Training refuses a width outside 1..=65536, more than 64 layers and more than 2²⁶ parameters.
    ///
    /// ```
    /// use onestep::training::{LearnedScore, ScoreMatching, TrainingError};
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let refused: Result<LearnedScore, TrainingError> = ScoreMatching::new(&[0]).train(&ndarray::array![[0.0], [1.0]], &mut rng);
    /// assert!(matches!(refused, Err(TrainingError::EntryOutOfRange(_))));
    /// ```
    #[must_use]
    pub fn new(hidden: &[usize]) -> Self {
        Self { descent: Descent::new(hidden, 5000), scaling: Scaling::default() }
    }

    /// Pairs a minibatch; training refuses 0.
    ///
    /// ```
    /// use onestep::training::{LearnedScore, ScoreMatching, TrainingError};
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let refused: Result<LearnedScore, TrainingError> = ScoreMatching::new(&[8]).batch(0).train(&ndarray::array![[0.0], [1.0]], &mut rng);
    /// assert!(matches!(refused, Err(TrainingError::OutOfRange(_))));
    /// ```
    #[must_use]
    pub fn batch(mut self, rows: usize) -> Self {
        self.descent.batch = rows;
        self
    }

    /// Optimiser steps; training refuses 0.
    ///
    /// ```
    /// use onestep::training::{LearnedScore, ScoreMatching, TrainingError};
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let refused: Result<LearnedScore, TrainingError> = ScoreMatching::new(&[8]).iterations(0).train(&ndarray::array![[0.0], [1.0]], &mut rng);
    /// assert!(matches!(refused, Err(TrainingError::OutOfRange(_))));
    /// ```
    #[must_use]
    pub fn iterations(mut self, iterations: usize) -> Self {
        self.descent.iterations = iterations;
        self
    }

    /// Initial learning rate of Adam; training refuses a rate that is not in (0, ∞).
    ///
    /// ```
    /// use onestep::training::{LearnedScore, ScoreMatching, TrainingError};
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let refused: Result<LearnedScore, TrainingError> = ScoreMatching::new(&[8]).rate(-1.0).train(&ndarray::array![[0.0], [1.0]], &mut rng);
    /// assert!(matches!(refused, Err(TrainingError::OutOfRange(_))));
    /// ```
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Self {
        self.descent.rate = rate;
        self
    }

    /// Scales the data in another way.
    ///
    /// ```
    /// use onestep::training::{Scaling, ScoreMatching};
    /// assert_ne!(ScoreMatching::new(&[8]).scaling(Scaling::None), ScoreMatching::new(&[8]));
    /// ```
    #[must_use]
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }

    /// Learns the score of the scaled data.
    ///
    /// # Errors
    /// Settings out of their range, fewer than two rows, entries that are not finite, a constant column under [`Scaling::Columns`], or [`TrainingError::Diverged`].
    ///
    /// See [`ScoreMatching`] for an example.
    ///
    /// ```
    /// use onestep::training::{LearnedScore, ScoreMatching, TrainingError};
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let refused: Result<LearnedScore, TrainingError> = ScoreMatching::new(&[8]).train(&ndarray::array![[1.0], [1.0]], &mut rng);
    /// assert!(matches!(refused, Err(TrainingError::ConstantColumn { .. })));
    /// ```
    pub fn train<'a, F: Float>(&self, source: impl Into<Source<'a, F>>, rng: &mut dyn RngCore) -> Result<LearnedScore<F>, TrainingError> {
        self.descent.check()?;
        let (prepared, standardisation) = source.into().prepare(self.scaling)?;
        let source = prepared.source();
        let dim = source.dim();
        let batch = self.descent.batch;
        let mut network = self.descent.network(dim + TIME_FEATURES, dim, batch, rng)?;
        let seed = rng.next_u64();
        let rows = chunk_sizes(batch).into_iter().enumerate();
        let mut chunks: Vec<_> = rows.map(|(k, rows)| (Stream::nth(seed, k as u64), Array2::<F>::zeros((rows, dim)))).collect();
        let mut optimiser = Optimiser::new(&network, batch);
        let pass = |network: &Network<F>, (stream, velocity): &mut (Stream, Array2<F>), tape: &mut Tape<F>| {
            let x0 = source.draw_some(velocity.nrows(), stream);
            for ((x0, mut velocity), mut input) in x0.rows().into_iter().zip(velocity.rows_mut()).zip(tape.input_mut().rows_mut()) {
                let angle = LEAST_ANGLE + (FRAC_PI_2 - LEAST_ANGLE) * f64::standard_uniform(stream);
                let (sin, cos) = (F::of(angle.sin()), F::of(angle.cos()));
                let features = time_features(angle);
                for j in 0..dim {
                    let z = F::standard_normal(stream);
                    input[j] = cos * x0[j] + sin * z;
                    velocity[j] = cos * z - sin * x0[j];
                }
                input.iter_mut().skip(dim).zip(&features).for_each(|(i, f)| *i = *f);
            }
            network.forward(tape);
            let share = F::of(1.0 / batch as f64);
            let mut loss = F::zero();
            let (output, mut gradient) = tape.output_and_gradient();
            ndarray::Zip::from(&mut gradient).and(&output).and(&*velocity).for_each(|g, o, v| {
                let error = *o - *v;
                loss += share * error * error;
                *g = (share + share) * error;
            });
            tape.loss = loss.as_f64();
        };
        for iteration in 0..self.descent.iterations {
            let loss = optimiser.step(&mut network, self.descent.rate_at(iteration), &mut chunks, pass);
            check_loss(iteration, loss, RUNAWAY * dim as f64)?;
        }
        let last = optimiser.gradient(&network, &mut chunks, pass);
        check_last(self.descent.iterations, &network, last, RUNAWAY * dim as f64)?;
        Ok(LearnedScore { standardisation, network })
    }
}
