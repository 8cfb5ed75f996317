//! The trainer: settings one after another, then `train` or `distil`.

use crate::error::check_equal;
use crate::float::Float;
use crate::population::Loss;
use crate::schedule::Grid;
use crate::score::ScoreFunction;
use crate::training::error::TrainingError;
use crate::training::joint::levels::{LevelPairs, LevelSampling};
use crate::training::joint::model::{JointModel, LevelRow};
use crate::training::joint::pass::{Objective, Rule};
use crate::training::joint::run::{JointProgress, batches, run};
use crate::training::joint::settings::{Settings, Weighting};
use crate::training::joint::trajectories::trajectories;
use crate::training::network::activation::Activation;
use crate::training::network::descent::Descent;
use crate::training::network::optimiser::Optimiser;
use crate::training::network::time::TIME_FEATURES;
use crate::training::source::Source;
use crate::training::standardisation::Scaling;
use rand::RngCore;
use std::fmt;
use std::ops::ControlFlow;

/// Joint consistency training: one network f(x, θ), boundary condition f(x, θ_1) = x built in, minimises
/// ```math
/// \mathbb E_{t, X_0, Z}\; w_t\, \ell\bigl( f_\phi(X_t, \theta_t) - f_{\phi^-}(X_{t-1}, \theta_{t-1}) \bigr) ,
/// ```
/// with shared noise and a teacher φ⁻ through which no gradient flows. By default the teacher is the student itself; an exponential
/// moving average with a positive decay is an option (and a trap: see [`ema`](Self::ema)).
///
/// **Minimiser**: Adam on minibatches of fresh pairs; nearly stationary, not certified. Unlike the [`Recursion`](crate::training::Recursion), the
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
/// let model: JointModel = Joint::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, &[16, 16]).iterations(20).train(&data, &mut rng)?;
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
    settings: Settings,
}

/// The loss of a minibatch and its gradient, from [`Joint::loss_and_gradient`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BatchGradient<F: Float = f64> {
    /// The weighted mean of the pairs' losses.
    pub loss: f64,
    /// Its derivatives by the student's parameters, in the order of [`JointModel::parameters`].
    pub gradient: Vec<F>,
}

impl<F: Float> fmt::Display for BatchGradient<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.gradient.iter().map(|g| g.as_f64().powi(2)).sum::<f64>().sqrt();
        write!(f, "loss {:.4e}, gradient of length {length:.4e} by {} parameters", self.loss, self.gradient.len())
    }
}

impl Joint {
    /// A network with these hidden widths on the levels of `grid`: SiLU, batches of 256, 5000 iterations, rate 3e−3 falling along a half
    /// cosine, squared loss, uniform levels and weights, no curriculum, no EMA, data scaled column by column. Training refuses a width
    /// outside 1..=65536, more than 64 layers, more than 2²⁶ parameters and more than 2²⁰ levels.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, JointModel, LevelSampling, Loss, TrainingError};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[0]);
    /// let refused: Result<JointModel, TrainingError> = joint.train(&data, &mut rng);
    /// assert!(matches!(refused, Err(TrainingError::EntryOutOfRange(_))));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(grid: Grid, hidden: &[usize]) -> Self {
        let settings = Settings {
            grid,
            descent: Descent::new(hidden, 5000),
            loss: Loss::default(),
            weighting: Weighting::default(),
            sampling: LevelSampling::default(),
            curriculum: None,
            ema: 0.0,
            scaling: Scaling::default(),
            clip: None,
        };
        Self { settings }
    }

    /// Another activation.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::Joint;
    /// # use onestep::training::class::Activation;
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8]);
    /// assert_ne!(joint.clone().activation(Activation::Tanh), joint);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn activation(mut self, activation: Activation) -> Self {
        self.settings.descent.activation = activation;
        self
    }

    /// Pairs a minibatch; training refuses 0.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, JointModel, LevelSampling, Loss, TrainingError};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8]);
    /// let refused: Result<JointModel, TrainingError> = joint.batch(0).train(&data, &mut rng);
    /// assert!(matches!(refused, Err(TrainingError::OutOfRange(_))));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn batch(mut self, pairs: usize) -> Self {
        self.settings.descent.batch = pairs;
        self
    }

    /// Optimiser steps; training refuses 0.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, JointModel, LevelSampling, Loss, TrainingError};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8]);
    /// let refused: Result<JointModel, TrainingError> = joint.iterations(0).train(&data, &mut rng);
    /// assert!(matches!(refused, Err(TrainingError::OutOfRange(_))));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn iterations(mut self, iterations: usize) -> Self {
        self.settings.descent.iterations = iterations;
        self
    }

    /// Initial learning rate of Adam; training refuses a rate that is not in (0, ∞).
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, JointModel, LevelSampling, Loss, TrainingError};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8]);
    /// let refused: Result<JointModel, TrainingError> = joint.rate(0.0).train(&data, &mut rng);
    /// assert!(matches!(refused, Err(TrainingError::OutOfRange(_))));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Self {
        self.settings.descent.rate = rate;
        self
    }

    /// The distance between student and teacher; training refuses a c of the pseudo-Huber loss outside [1e−100, 1e100].
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, JointModel, LevelSampling, Loss, TrainingError};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8]);
    /// let refused: Result<JointModel, TrainingError> = joint.loss(Loss::PseudoHuber { c: 0.0 }).train(&data, &mut rng);
    /// assert!(matches!(refused, Err(TrainingError::OutOfRange(_))));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn loss(mut self, loss: Loss) -> Self {
        self.settings.loss = loss;
        self
    }

    /// The weights of the levels in the loss.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, Weighting};
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8]);
    /// assert_ne!(joint.clone().weighting(Weighting::InverseStep), joint);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn weighting(mut self, weighting: Weighting) -> Self {
        self.settings.weighting = weighting;
        self
    }

    /// How often each level is visited; training refuses a lognormal law with a mean that is not finite or a standard deviation not in
    /// (0, ∞).
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, JointModel, LevelSampling, Loss, TrainingError};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8]);
    /// let refused: Result<JointModel, TrainingError> = joint.level_sampling(LevelSampling::LogNormal { mean: 0.0, std: f64::NAN }).train(&data, &mut rng);
    /// assert!(matches!(refused, Err(TrainingError::OutOfRange(_))));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn level_sampling(mut self, sampling: LevelSampling) -> Self {
        self.settings.sampling = sampling;
        self
    }

    /// Starts with `intervals` ≥ 1 steps between θ_1 and θ_T and doubles them at equal spells up to all T − 1; training refuses 0.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, JointModel, LevelSampling, Loss, TrainingError};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8]);
    /// let refused: Result<JointModel, TrainingError> = joint.curriculum(0).train(&data, &mut rng);
    /// assert!(matches!(refused, Err(TrainingError::OutOfRange(_))));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn curriculum(mut self, intervals: usize) -> Self {
        self.settings.curriculum = Some(intervals);
        self
    }

    /// Decay μ ∈ [0, 1) of the teacher, φ⁻ ← μφ⁻ + (1 − μ)φ; 0 is the student itself without gradient. Training refuses others.
    ///
    /// With μ > 0 the loss tends to E w‖f_φ − f_φ⁻‖² at the *same* level as the steps shrink, which does not contain the data: its
    /// gradient, divided by Δθ, diverges, and the student learns to follow its own past (Song and Dhariwal 2023, Proposition 1, shown
    /// there for a point mass).
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, JointModel, LevelSampling, Loss, TrainingError};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8]);
    /// let refused: Result<JointModel, TrainingError> = joint.ema(1.0).train(&data, &mut rng);
    /// assert!(matches!(refused, Err(TrainingError::OutOfRange(_))));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn ema(mut self, decay: f64) -> Self {
        self.settings.ema = decay;
        self
    }

    /// Scales the data in another way.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, Scaling};
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8]);
    /// assert_ne!(joint.clone().scaling(Scaling::Global), joint);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.settings.scaling = scaling;
        self
    }

    /// Confines the values of the finished f_2, …, f_T to the box of the data, wider on every side by `margin` times the range of each
    /// column, as [`Recursion::clip`](crate::training::Recursion::clip) does. Needs a table; training refuses a margin that is negative or not finite.
    ///
    /// ```
    /// # use onestep::{ConsistencyFunction, Grid};
    /// # use onestep::training::{Joint, JointModel, Scaling};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let data = ndarray::array![[0.0_f64], [1.0], [2.0], [4.0]];
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 0.8])?, &[8]).iterations(5).scaling(Scaling::None).clip(0.25);
    /// let model: JointModel = joint.train(&data, &mut rng)?;
    /// assert_eq!(model.eval(2, &ndarray::array![[1e3]]), ndarray::array![[5.0]]);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn clip(mut self, margin: f64) -> Self {
        self.settings.clip = Some(margin);
        self
    }

    /// Consistency training from a table of samples or a law.
    ///
    /// # Errors
    /// Settings out of their range, fewer than two rows, entries that are not finite, a constant column under [`Scaling::Columns`], or [`TrainingError::Diverged`].
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
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8]);
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
        run(&self.settings, source.into(), Objective::Training, rng, progress)
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
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 1.5])?, &[8]);
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
        check_equal("dimension of the score", score.dim(), "dimension of the data", source.dim())?;
        run(&self.settings, source, Objective::Distillation(score), rng, &mut |_| ControlFlow::Continue(()))
    }

    /// Regression on the flow: every f(·, θ_t) is fitted to where the probability flow of `score` leads, E_t ‖f(X_t, θ_t) − X_1‖² along
    /// trajectories X_T → … → X_1 that start from N(0, I). This is the limit of [`distil`](Self::distil) whose teacher is exact: there is no
    /// moving target, and the optimum does not depend on T. The score is that of the *scaled* data, as for `distil`; curriculum and EMA have no effect.
    ///
    /// Trajectories follow the deterministic steps of `distil`, refined to at least 128 from θ_T to θ_1: 8192 of them, or fewer where they
    /// would hold more than 2²⁵ numbers. Angles beyond π/2 − 10⁻³ count as that angle.
    ///
    /// # Errors
    /// As [`train`](Self::train), and a score of another dimension, or one that leads out of the finite numbers.
    ///
    /// Luhman and Luhman, "Knowledge distillation in iterative generative models for improved sampling speed", arXiv 2101.02388, for f_T alone.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid, Sample};
    /// use onestep::law::{Covariance, Gaussian};
    /// use onestep::training::{Joint, JointModel, Scaling};
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let law = Gaussian::standard(1)?; // its flow is the identity
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, &[16]).iterations(1000).scaling(Scaling::None);
    /// let model: JointModel = joint.distil_flow(&law.sample(100, &mut rng), &law, &mut rng)?;
    /// // Consistency training at these three levels has the gain cos² 0.7 = 0.585.
    /// assert!((model.eval(3, &ndarray::array![[1.0]])[[0, 0]] - 1.0).abs() < 0.1);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn distil_flow<'a, F: Float>(
        &self,
        source: impl Into<Source<'a, F>>,
        score: &dyn ScoreFunction<F>,
        rng: &mut dyn RngCore,
    ) -> Result<JointModel<F>, TrainingError> {
        let source = source.into();
        check_equal("dimension of the score", score.dim(), "dimension of the data", source.dim())?;
        self.settings.check()?;
        let points = trajectories(&self.settings.grid, score, rng)?;
        run(&self.settings, source, Objective::Flow(&points), rng, &mut |_| ControlFlow::Continue(()))
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
    /// let joint = Joint::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, &[8]).iterations(5);
    /// let model: JointModel = joint.train(&data, &mut rng)?;
    /// let batch = joint.loss_and_gradient(&data, &model, &model, &mut rng)?;
    /// assert!(batch.loss > 0.0 && batch.gradient.len() == model.parameters().len());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn loss_and_gradient<'a, F: Float>(
        &self,
        source: impl Into<Source<'a, F>>,
        student: &JointModel<F>,
        teacher: &JointModel<F>,
        rng: &mut dyn RngCore,
    ) -> Result<BatchGradient<F>, TrainingError> {
        self.settings.check()?;
        let Settings { grid, descent, sampling, scaling, .. } = &self.settings;
        let (prepared, _) = source.into().prepare(*scaling)?;
        let source = prepared.source();
        let own = descent.network::<F>(source.dim() + TIME_FEATURES, source.dim(), descent.batch, rng)?;
        for model in [student, teacher] {
            let (left, right) = (model.parameters().len(), own.parameters().len());
            check_equal("parameters of the model", left, "parameters of the trainer", right)?;
            if !model.network.same_shape(&own) {
                return Err(TrainingError::Unsupported {
                    what: "a model",
                    reason: "its layers or its activation are not those of the trainer",
                });
            }
        }
        let pairs = LevelPairs::new(grid, grid.steps() - 1, *sampling);
        let mut batches = batches(descent.batch, source.dim(), &own, rng.next_u64());
        let mut optimiser = Optimiser::new(&own, descent.batch);
        let levels = LevelRow::table(grid);
        let rule = Rule { settings: &self.settings, levels: &levels, pairs: &pairs, source, objective: Objective::Training };
        let loss =
            optimiser.gradient(&student.network, &mut batches, |network, batch, tape| rule.pass(network, &teacher.network, batch, tape));
        Ok(BatchGradient { loss, gradient: optimiser.summed_gradient() })
    }
}
