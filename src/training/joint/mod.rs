//! One time-conditioned network trained on all levels at once, as practitioners do.

mod levels;
mod model;
mod pass;
mod run;

pub use levels::LevelSampling;
pub use model::JointModel;
pub(crate) use model::{TIME_FEATURES, time_features};

use crate::float::Float;
use crate::schedule::Grid;
use crate::score::ScoreFunction;
use crate::training::Source;
use crate::training::check_range;
use crate::training::class::Activation;
use crate::training::network::{Descent, Optimiser};
use crate::training::{Scaling, TrainingError};
use levels::LevelPairs;
use model::LevelRow;
use pass::{Objective, Rule};
use rand::RngCore;
use std::ops::ControlFlow;

/// The distance between student and teacher.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Loss {
    /// ‖e‖²: its population minimiser is the f_t* of the theory.
    #[default]
    Squared,
    /// √(‖e‖² + c²) − c, which forgives outliers; its minimiser is not a conditional mean. Song and Dhariwal use c = 0.00054 √d.
    PseudoHuber {
        /// c > 0.
        c: f64,
    },
}

/// The weight of a pair of levels in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Weighting {
    /// 1.
    #[default]
    Uniform,
    /// (θ_T − θ_1)/((T − 1)(θ_t − θ_s)) for the pair s < t: short steps count more, as their losses are smaller.
    InverseStep,
}

/// Joint consistency training: one network f(x, θ), boundary condition f(x, θ_1) = x built in, minimises
/// ```math
/// \mathbb E_{t, X_0, Z}\; w_t\, \ell\bigl( f_\phi(X_t, \theta_t) - f_{\phi^-}(X_{t-1}, \theta_{t-1}) \bigr) ,
/// ```
/// with shared noise and a teacher φ⁻ through which no gradient flows. By default the teacher is the student itself; an exponential
/// moving average with a positive decay is an option (and a trap: see [`ema`](Self::ema)).
///
/// **Minimiser**: Adam on minibatches of fresh pairs; nearly stationary, not certified. Unlike the [`Recursion`](super::Recursion), the
/// fixed point of the joint loop need not minimise anything: the target moves with the student.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{ConsistencyFunction, Grid};
/// use onestep::training::{Joint, JointModel};
/// use rand::SeedableRng;
/// let data = array![[0.0_f64], [1.0], [2.0], [3.0]];
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let model: JointModel = Joint::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, &[16, 16])?.iterations(20)?.train(&data, &mut rng)?;
/// let x = array![[0.3], [-2.0]];
/// assert_eq!(model.eval(1, &x), x); // exactly
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Song, Dhariwal, Chen and Sutskever, "Consistency models", ICML 2023, arXiv 2303.01469; Song and Dhariwal, "Improved techniques for
/// training consistency models", ICLR 2024, arXiv 2310.14189 (no EMA, pseudo-Huber, lognormal levels, step doubling).
#[derive(Debug, Clone, PartialEq)]
pub struct Joint {
    grid: Grid,
    descent: Descent,
    loss: Loss,
    weighting: Weighting,
    sampling: LevelSampling,
    curriculum: Option<usize>,
    ema: f64,
    scaling: Scaling,
}

/// What a progress callback is told.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct JointProgress {
    /// Iterations done.
    pub iteration: usize,
    /// Iterations in all.
    pub iterations: usize,
    /// The loss of the last minibatch.
    pub loss: f64,
    /// Intervals between levels in use (the curriculum's N).
    pub intervals: usize,
}

impl Joint {
    /// A network with these hidden widths on the levels of `grid`: SiLU, batches of 256, 5000 iterations, rate 3e−3 falling along a half
    /// cosine, squared loss, uniform levels and weights, no curriculum, no EMA, data scaled column by column.
    ///
    /// # Errors
    /// A width outside 1..=65536, or more than 64 layers.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::training::Joint;
    /// assert!(Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[0]).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(grid: Grid, hidden: &[usize]) -> Result<Self, TrainingError> {
        Ok(Self {
            grid,
            descent: Descent::new(hidden, 5000)?,
            loss: Loss::default(),
            weighting: Weighting::default(),
            sampling: LevelSampling::default(),
            curriculum: None,
            ema: 0.0,
            scaling: Scaling::default(),
        })
    }

    /// Another activation.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::Joint;
    /// # use onestep::training::class::Activation;
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8])?.activation(Activation::Tanh);
    /// # let _ = joint;
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn activation(mut self, activation: Activation) -> Self {
        self.descent.activation = activation;
        self
    }

    /// Pairs a minibatch.
    ///
    /// # Errors
    /// Zero.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::Joint;
    /// assert!(Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8])?.batch(0).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn batch(mut self, pairs: usize) -> Result<Self, TrainingError> {
        self.descent = self.descent.batch(pairs)?;
        Ok(self)
    }

    /// Optimiser steps.
    ///
    /// # Errors
    /// Zero.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::Joint;
    /// assert!(Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8])?.iterations(0).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn iterations(mut self, iterations: usize) -> Result<Self, TrainingError> {
        self.descent = self.descent.iterations(iterations)?;
        Ok(self)
    }

    /// Initial learning rate of Adam.
    ///
    /// # Errors
    /// Not in (0, ∞).
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::Joint;
    /// assert!(Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8])?.rate(0.0).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn rate(mut self, rate: f64) -> Result<Self, TrainingError> {
        self.descent = self.descent.rate(rate)?;
        Ok(self)
    }

    /// The distance between student and teacher.
    ///
    /// # Errors
    /// c of the pseudo-Huber loss is not in (0, ∞).
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, Loss};
    /// assert!(Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8])?.loss(Loss::PseudoHuber { c: 0.0 }).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn loss(mut self, loss: Loss) -> Result<Self, TrainingError> {
        if let Loss::PseudoHuber { c } = loss {
            check_range("c", c, c > 0.0 && c.is_finite(), "(0, inf)")?;
        }
        self.loss = loss;
        Ok(self)
    }

    /// The weights of the levels in the loss.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, Weighting};
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8])?.weighting(Weighting::InverseStep);
    /// # let _ = joint;
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn weighting(mut self, weighting: Weighting) -> Self {
        self.weighting = weighting;
        self
    }

    /// How often each level is visited.
    ///
    /// # Errors
    /// A lognormal law with a mean that is not finite or a standard deviation not in (0, ∞).
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, LevelSampling};
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8])?;
    /// assert!(joint.level_sampling(LevelSampling::LogNormal { mean: 0.0, std: f64::NAN }).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn level_sampling(mut self, sampling: LevelSampling) -> Result<Self, TrainingError> {
        self.sampling = sampling.check()?;
        Ok(self)
    }

    /// Starts with `intervals` ≥ 1 steps between θ_1 and θ_T and doubles them at equal spells up to all T − 1.
    ///
    /// # Errors
    /// Zero.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::Joint;
    /// assert!(Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8])?.curriculum(0).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn curriculum(mut self, intervals: usize) -> Result<Self, TrainingError> {
        check_range("curriculum", intervals as f64, intervals > 0, "[1, inf)")?;
        self.curriculum = Some(intervals);
        Ok(self)
    }

    /// Decay μ ∈ [0, 1) of the teacher, φ⁻ ← μφ⁻ + (1 − μ)φ; 0 is the student itself without gradient.
    ///
    /// With μ > 0 the loss tends to E w‖f_φ − f_φ⁻‖² at the *same* level as the steps shrink, which does not contain the data: its
    /// gradient, divided by Δθ, diverges, and the student learns to follow its own past (Song and Dhariwal 2023, Proposition 1, shown
    /// there for a point mass).
    ///
    /// # Errors
    /// μ is outside [0, 1).
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::Joint;
    /// assert!(Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8])?.ema(1.0).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn ema(mut self, decay: f64) -> Result<Self, TrainingError> {
        check_range("ema", decay, (0.0..1.0).contains(&decay), "[0, 1)")?;
        self.ema = decay;
        Ok(self)
    }

    /// Scales the data in another way.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, Scaling};
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8])?.scaling(Scaling::Global);
    /// # let _ = joint;
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }

    /// Consistency training from a table of samples or a law.
    ///
    /// # Errors
    /// Fewer than two rows, entries that are not finite, a constant column under [`Scaling::Columns`], or [`TrainingError::Diverged`].
    ///
    /// See [`Joint`] for an example.
    pub fn train<'a, F: Float>(&self, source: impl Into<Source<'a, F>>, rng: &mut dyn RngCore) -> Result<JointModel<F>, TrainingError> {
        self.train_with(source, rng, &mut |_| ControlFlow::Continue(()))
    }

    /// The same with a callback every hundred iterations, which may stop the training.
    ///
    /// # Errors
    /// As [`train`](Self::train), and [`TrainingError::Stopped`].
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, TrainingError};
    /// # use rand::SeedableRng;
    /// use std::ops::ControlFlow;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8])?;
    /// let stopped = joint.train_with(&data, &mut rng, &mut |_| ControlFlow::Break(()));
    /// assert_eq!(stopped.unwrap_err(), TrainingError::Stopped { step: 100 });
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn train_with<'a, F: Float>(
        &self,
        source: impl Into<Source<'a, F>>,
        rng: &mut dyn RngCore,
        progress: &mut dyn FnMut(&JointProgress) -> ControlFlow<()>,
    ) -> Result<JointModel<F>, TrainingError> {
        self.run(source.into(), Objective::Training, rng, progress)
    }

    /// Consistency distillation: the teacher is evaluated at the deterministic step E[X_{t−1} | X_t] of the given score
    /// (Tweedie and shared noise: (sin θ_{t−1} x + sin Δθ_t D(x))/sin θ_t, D = (x + sin²θ_t s)/cos θ_t) instead of at a random X_{t−1}. The score
    /// is that of the *scaled* data; use [`Scaling::None`] when it is known for the data as they are.
    ///
    /// # Errors
    /// As [`train`](Self::train), and a score of another dimension.
    ///
    /// ```
    /// # use onestep::{Grid, NoiseLevel};
    /// # use onestep::score::ScoreFn;
    /// # use onestep::training::Joint;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let wrong = ScoreFn::new(2, |_: NoiseLevel, _: &[f64], _: &mut [f64]| ());
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8])?;
    /// assert!(joint.distil(&data, &wrong, &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn distil<'a, F: Float>(
        &self,
        source: impl Into<Source<'a, F>>,
        score: &dyn ScoreFunction<F>,
        rng: &mut dyn RngCore,
    ) -> Result<JointModel<F>, TrainingError> {
        let source = source.into();
        if score.dim() != source.dim() {
            return Err(TrainingError::Mismatch {
                left_name: "dimension of the score",
                left: score.dim(),
                right_name: "d",
                right: source.dim(),
            });
        }
        self.run(source, Objective::Distillation(score), rng, &mut |_| ControlFlow::Continue(()))
    }

    /// The loss of one minibatch on the full grid and its gradient by the student's parameters, the teacher held fixed. The same stream
    /// gives the same minibatch, whatever the parameters.
    ///
    /// # Errors
    /// The models do not belong to this trainer's shape, or bad data.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, JointModel};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, &[8])?.iterations(5)?;
    /// let model: JointModel = joint.train(&data, &mut rng)?;
    /// let (loss, gradient) = joint.loss_and_gradient(&data, &model, &model, &mut rng)?;
    /// assert!(loss > 0.0 && gradient.len() == model.parameters().len());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn loss_and_gradient<'a, F: Float>(
        &self,
        source: impl Into<Source<'a, F>>,
        student: &JointModel<F>,
        teacher: &JointModel<F>,
        rng: &mut dyn RngCore,
    ) -> Result<(f64, Vec<F>), TrainingError> {
        let (table, _) = self.prepare(source.into(), rng)?;
        let source = table.source();
        let own = self.descent.network::<F>(source.dim() + TIME_FEATURES, source.dim(), rng);
        for model in [student, teacher] {
            if !model.network.same_shape(&own) {
                let (left, right) = (model.parameters().len(), own.parameters().len());
                return Err(TrainingError::Mismatch {
                    left_name: "parameters of the model",
                    left,
                    right_name: "parameters of the trainer",
                    right,
                });
            }
        }
        let pairs = LevelPairs::new(&self.grid, self.grid.steps() - 1, self.sampling);
        let mut batches = self.batches(source.dim(), &own, rng.next_u64());
        let mut optimiser = Optimiser::new(&own, self.descent.batch);
        let levels = LevelRow::table(&self.grid);
        let rule = Rule { joint: self, levels: &levels, pairs: &pairs, source, objective: Objective::Training };
        let loss =
            optimiser.gradient(&student.network, &mut batches, |network, batch, tape| rule.pass(network, &teacher.network, batch, tape));
        Ok((loss, optimiser.summed_gradient()))
    }
}
