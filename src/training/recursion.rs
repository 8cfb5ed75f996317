//! The recursion (14) of the paper: f_2, …, f_T in turn, each a regression on the one before.

use crate::consistency::ConsistencyFunction;
use crate::error::{check_equal, check_range};
use crate::float::Float;
use crate::numeric::stream::Stream;
use crate::process::{ForwardProcess, SharedNoisePair};
use crate::schedule::Grid;
use crate::training::class::function_class::FunctionClass;
use crate::training::coupling::{Coupling, Independent};
use crate::training::error::TrainingError;
use crate::training::fitted::Fitted;
use crate::training::hull::{Hull, check_margin};
use crate::training::learned::{Learned, StepProgress};
use crate::training::limits::{check_entries_of, check_steps};
use crate::training::pairs::{couple, noise};
use crate::training::posterior::PosteriorDraws;
use crate::training::regression::Regression;
use crate::training::source::Source;
use crate::training::standardisation::Scaling;
use ndarray::ArrayRef2;
use rand::RngCore;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Consistency training by the paper's recursion (14): f_1 = id and, for t = 2, …, T,
/// ```math
/// f_t \approx \arg\min_{f \in \mathcal F} \; \mathbb E \bigl\lVert f(\cos\theta_t X_0 + \sin\theta_t Z)
///   - f_{t-1}(\cos\theta_{t-1} X_0 + \sin\theta_{t-1} Z) \bigr\rVert^2 ,
/// ```
/// the same X_0 and Z in both. The minimiser over all functions is f_t*(x) = E[f_{t−1}(X_{t−1}) | X_t = x].
///
/// Data are centred and scaled first (see [`Scaling`]); the trained family acts on the scaled space, and
/// [`Learned::sample`] maps its samples back.
///
/// Randomness comes from the generator passed to `train`; the result for a given stream does not depend on the number of threads.
///
/// # Example
/// On N(0, 1) with the linear class the expected gain is ∏ cos Δθ_t exactly.
/// ```
/// use ndarray::Array2;
/// use onestep::{ConsistencyFunction, Float, Grid};
/// use onestep::training::{Recursion, Scaling};
/// use onestep::training::class::Affine;
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let data = Array2::from_shape_simple_fn((4000, 1), || f64::standard_normal(&mut rng));
/// let grid = Grid::from_angles(&[0.1, 0.6, 1.1, 1.5])?;
/// let gain: f64 = (2..=4).map(|t| grid.delta(t).cos()).product();
/// let learned = Recursion::new(grid, 4000).scaling(Scaling::None).train(&data, &Affine::linear(), &mut rng)?;
/// let f = learned.eval(4, &ndarray::array![[1.0]])[[0, 0]];
/// assert!((f - gain).abs() < 0.05); // five standard deviations by 2.14
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Li, Huang and Wei, "Towards a mathematical theory for consistency training in diffusion models", AISTATS 2025, eq. (14),
/// arXiv 2402.07802.
#[derive(Debug, Clone)]
pub struct Recursion<F: Float = f64> {
    grid: Grid,
    samples: usize,
    fixed_noise: bool,
    coupling: Arc<dyn Coupling<F>>,
    draws: usize,
    scaling: Scaling,
    warm_start: bool,
    residual: bool,
    clip: Option<f64>,
}

/// A second moment this many times that of the data means that the recursion runs away.
const RUNAWAY: f64 = 1e6;

impl<F: Float> Recursion<F> {
    /// The recursion on the levels of `grid` with `samples` fresh pairs (X_0, Z) a step, independent, one posterior draw, data scaled
    /// column by column, each step from scratch. Training refuses fewer than two samples a step, more than
    /// 2²⁸ numbers in them, and more than 2²⁰ levels.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::training::Recursion;
    /// use onestep::training::class::Affine;
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let recursion = Recursion::<f64>::new(Grid::from_angles(&[0.1, 1.5])?, 1);
    /// assert!(recursion.train(&ndarray::array![[0.0], [1.0]], &Affine::new(), &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(grid: Grid, samples: usize) -> Self {
        Self {
            grid,
            samples,
            fixed_noise: false,
            coupling: Arc::new(Independent),
            draws: 1,
            scaling: Scaling::default(),
            warm_start: false,
            residual: false,
            clip: None,
        }
    }

    /// Uses one batch of (X_0, Z) for all steps instead of a fresh one each. The errors of different steps then add coherently.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::training::Recursion;
    /// use onestep::training::class::Affine;
    /// use rand::SeedableRng;
    /// let data = array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let learned = Recursion::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, 64).fixed_noise(true).train(&data, &Affine::new(), &mut rng)?;
    /// assert_eq!(learned.steps(), 3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn fixed_noise(mut self, fixed: bool) -> Self {
        self.fixed_noise = fixed;
        self
    }

    /// Pairs data with noise by `coupling` instead of independently.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::training::{Independent, Recursion};
    /// let recursion = Recursion::<f64>::new(Grid::from_angles(&[0.1, 1.5])?, 64).coupling(Independent);
    /// # let _ = recursion;
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn coupling(mut self, coupling: impl Coupling<F> + 'static) -> Self {
        self.coupling = Arc::new(coupling);
        self
    }

    /// Averages f_{t−1} over `draws` = k ≥ 1 posterior draws of X_0 given X_t in every target: k = 1 is consistency training, k → ∞
    /// takes the variance out of the targets. The first draw is the row's own X_0; the others follow the exact posterior of the table's
    /// empirical law, which costs a comparison with every row of it. Needs a table and independent noise; training refuses 0.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::training::Recursion;
    /// use onestep::training::class::Affine;
    /// use rand::SeedableRng;
    /// let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let loss = |draws| {
    ///     let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    ///     let recursion = Recursion::new(Grid::from_angles(&[0.1, 0.8])?, 4000).posterior_draws(draws);
    ///     Ok::<_, onestep::Error>(recursion.train(&data, &Affine::new(), &mut rng)?.records()[0].loss)
    /// };
    /// assert!((loss(1)? / loss(4)? - 4.0).abs() < 1.0); // f_1 = id: the loss is Var(X_1 | X_2)/k
    /// assert!(loss(0).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn posterior_draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self
    }

    /// Scales the data in another way.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::training::{Recursion, Scaling};
    /// use onestep::training::class::Affine;
    /// use rand::SeedableRng;
    /// let data = array![[0.0, 5.0], [1.0, 5.0]]; // the second column is constant
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let recursion = Recursion::new(Grid::from_angles(&[0.1, 1.5])?, 64);
    /// assert!(recursion.train(&data, &Affine::new(), &mut rng).is_err());
    /// assert!(recursion.scaling(Scaling::Global).train(&data, &Affine::new(), &mut rng).is_ok());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }

    /// Hands f_{t−1} to the class as a start for f_t; classes that iterate use it.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::training::Recursion;
    /// let recursion = Recursion::<f32>::new(Grid::from_angles(&[0.1, 1.5])?, 64).warm_start(true);
    /// # let _ = recursion;
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn warm_start(mut self, warm: bool) -> Self {
        self.warm_start = warm;
        self
    }

    /// Learns f_t = f_{t−1} + correction instead of f_t itself. The correction is small, of order Δθ, and so is its approximation error;
    /// an evaluation of f_t then costs t − 1 maps.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::training::Recursion;
    /// use onestep::training::class::Affine;
    /// use rand::SeedableRng;
    /// let data = array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let run = |residual| {
    ///     let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    ///     let grid = Grid::from_angles(&[0.1, 0.8, 1.5]).unwrap();
    ///     Recursion::new(grid, 64).residual(residual).train(&data, &Affine::new(), &mut rng).unwrap().eval(3, &array![[1.0]])[[0, 0]]
    /// };
    /// assert!((run(true) - run(false)).abs() < 1e-12); // f_{t-1} is affine itself: the same regression
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn residual(mut self, residual: bool) -> Self {
        self.residual = residual;
        self
    }

    /// Confines the values of f_2, …, f_T to the box of the data, wider on every side by `margin` times the range of each column.
    ///
    /// f_T* lies in the convex hull of where f_1 goes, and X_1 is the data but for a little noise: a margin of 0.1 costs smooth laws nothing and keeps a
    /// fit that errs at a few points (oscillating features, polynomials beyond the data) from throwing samples far away. The regression itself is not
    /// constrained. Needs a table; training refuses a margin that is negative or not finite.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::training::{Recursion, Scaling};
    /// use onestep::training::class::Affine;
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let data = array![[0.0_f64], [1.0], [2.0], [4.0]];
    /// let recursion = Recursion::new(Grid::from_angles(&[0.1, 0.8])?, 64).scaling(Scaling::None);
    /// let learned = recursion.clone().clip(0.25).train(&data, &Affine::new(), &mut rng)?;
    /// assert_eq!(learned.clipped_to(), Some((&[-1.0][..], &[5.0][..])));
    /// assert_eq!(learned.eval(2, &array![[1e3]]), array![[5.0]]);
    /// assert!(recursion.clip(f64::NAN).train(&data, &Affine::new(), &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn clip(mut self, margin: f64) -> Self {
        self.clip = Some(margin);
        self
    }

    /// The levels.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::training::Recursion;
    /// assert_eq!(Recursion::<f64>::new(Grid::from_angles(&[0.1, 1.5])?, 64).grid().steps(), 2);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Trains a family of consistency functions of the class from a table of samples, or from a law that is sampled anew at every step.
    ///
    /// # Errors
    /// Settings out of their range, fewer than two rows, entries that are not finite, a constant column under [`Scaling::Columns`], an
    /// error of the class, or [`TrainingError::Diverged`] with its step and loss.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::law::Gaussian;
    /// use onestep::training::Recursion;
    /// use onestep::training::class::Affine;
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let recursion = Recursion::new(Grid::from_angles(&[0.1, 1.5])?, 64);
    /// assert!(recursion.train(&array![[0.0]], &Affine::new(), &mut rng).is_err());
    /// assert_eq!(recursion.train(&Gaussian::standard(3)?, &Affine::new(), &mut rng)?.dim(), 3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn train<'a>(
        &self,
        source: impl Into<Source<'a, F>>,
        class: &dyn FunctionClass<F>,
        rng: &mut dyn RngCore,
    ) -> Result<Learned<F>, TrainingError> {
        self.train_with(source, class, rng, &mut |_| ControlFlow::Continue(()))
    }

    /// The same with a callback after every step, which may stop the training.
    ///
    /// # Errors
    /// As [`train`](Self::train), and [`TrainingError::Stopped`].
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::training::{Recursion, TrainingError};
    /// use onestep::training::class::Affine;
    /// use rand::SeedableRng;
    /// use std::ops::ControlFlow;
    /// let data = array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let recursion = Recursion::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, 64);
    /// let stopped = recursion.train_with(&data, &Affine::new(), &mut rng, &mut |_| ControlFlow::Break(()));
    /// assert_eq!(stopped.unwrap_err(), TrainingError::Stopped { step: 2 });
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn train_with<'a>(
        &self,
        source: impl Into<Source<'a, F>>,
        class: &dyn FunctionClass<F>,
        rng: &mut dyn RngCore,
        progress: &mut dyn FnMut(&StepProgress) -> ControlFlow<()>,
    ) -> Result<Learned<F>, TrainingError> {
        let source = source.into();
        self.check(&source)?;
        let (prepared, standardisation) = source.prepare(self.scaling)?;
        let source = prepared.source();
        let mut learned = Learned {
            grid: self.grid.clone(),
            class: class.name().to_owned(),
            residual: self.residual,
            hull: Hull::of_source(source, self.clip)?,
            standardisation,
            maps: Vec::new(),
            records: Vec::new(),
        };
        let seed = rng.next_u64();
        for t in 2..=self.grid.steps() {
            let mut stream = Stream::nth(seed, if self.fixed_noise { 0 } else { t as u64 });
            let (map, record) = self.step(t, source, class, &learned, &mut stream).map_err(|e| e.at_step(t))?;
            learned.maps.push(map);
            learned.records.push(record);
            if progress(&record).is_break() {
                return Err(TrainingError::Stopped { step: t });
            }
        }
        Ok(learned)
    }

    fn check(&self, source: &Source<'_, F>) -> Result<(), TrainingError> {
        check_range("samples", self.samples, self.samples >= 2, "[2, inf)")?;
        check_entries_of("samples times dimension", self.samples, source.dim())?;
        check_entries_of("samples times posterior draws", self.samples, self.draws)?;
        check_steps(self.grid.steps())?;
        check_range("posterior draws", self.draws, self.draws >= 1, "[1, inf)")?;
        if let Some(margin) = self.clip {
            check_margin(margin)?;
        }
        if let (2.., Source::Law(_)) = (self.draws, source) {
            let reason = "the posterior is that of a table of samples";
            return Err(TrainingError::Unsupported { what: "more than one posterior draw", reason });
        }
        Ok(())
    }

    /// Fits f_t.
    fn step(
        &self,
        t: usize,
        source: Source<'_, F>,
        class: &dyn FunctionClass<F>,
        learned: &Learned<F>,
        stream: &mut Stream,
    ) -> Result<(Fitted<F>, StepProgress), TrainingError> {
        let x0 = source.draw(self.samples, stream);
        let z = couple(self.coupling.as_ref(), &x0, &noise(self.samples, source.dim(), stream))?;
        let SharedNoisePair { before, now: x } = ForwardProcess::new(&self.grid).shared_noise_pair(t, &x0, &z);
        let mut y = learned.eval(t - 1, &before);
        if let (2.., Source::Rows(table)) = (self.draws, source) {
            y = PosteriorDraws::new(&self.grid, t, table).average(self.draws, &x, y, |points| learned.eval(t - 1, points), stream);
        }
        let target_second_moment = mean_square(&y);
        if !(target_second_moment <= RUNAWAY * (1.0 + mean_square(&x0))) {
            return Err(TrainingError::Diverged { step: t, iteration: 0, loss: target_second_moment });
        }
        if self.residual {
            y = y - learned.eval(t - 1, &x);
        }
        let mut data = Regression::new(&x, &y)?;
        if let (true, Some(last)) = (self.warm_start, learned.maps.last()) {
            data = data.starting_from(last);
        }
        let map = class.fit(&data, stream)?;
        check_equal("inputs of the fitted map", map.inputs(), "dimension of the data", source.dim())?;
        check_equal("outputs of the fitted map", map.outputs(), "dimension of the data", source.dim())?;
        let loss = map.summary().loss;
        if !loss.is_finite() {
            return Err(TrainingError::Diverged { step: t, iteration: 0, loss });
        }
        let effective_parameters = map.summary().effective_parameters;
        Ok((map, StepProgress { step: t, steps: self.grid.steps(), loss, target_second_moment, effective_parameters }))
    }
}

/// The mean of ‖row‖².
fn mean_square<F: Float>(a: &ArrayRef2<F>) -> f64 {
    a.iter().map(|v| v.as_f64().powi(2)).sum::<f64>() / a.nrows() as f64
}
