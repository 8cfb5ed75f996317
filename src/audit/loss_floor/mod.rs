//! What the loss is at the optimum: it is not 0.

mod gaussian;
mod levels;
mod report;

pub use gaussian::GaussianFloor;
pub use levels::LevelLaw;
pub use report::{Excess, FloorLevel, LossFloorReport};

use crate::audit::AuditError;
use crate::audit::error::check_values;
use crate::consistency::ConsistencyFunction;
use crate::error::{check_equal, check_range};
use crate::estimate::Estimate;
use crate::flow::FlowJacobian;
use crate::law::conditional::Conditional;
use crate::law::{DiscreteLaw, PosteriorRule};
use crate::level::NoiseLevel;
use crate::numeric::parallel;
use crate::numeric::stream::Stream;
use crate::path::{GaussianPath, Path, Prediction};
use crate::schedule::Grid;
use levels::factor;
use ndarray::{Array2, ArrayRef1};
use rand::RngCore;

/// What a loss is when training is done, for a law with a [`PosteriorRule`] in any dimension.
///
/// A regression on a random target has at its optimum the variance of the target that is left given the input, and
///
/// ```text
/// loss − floor = E‖f − f*‖²,
/// ```
///
/// weighted as the loss is: the excess, not the loss, says how far training has come.
///
/// | loss | floor of one level | take |
/// | --- | --- | --- |
/// | denoising, E‖D − X_0‖² | E tr Cov(X_0 \| X_θ) | [`denoising`](Self::denoising), [`Prediction::Denoised`] |
/// | ε | cot²θ times it | [`Prediction::Noise`] |
/// | v | E tr Cov(X_0 \| X_θ)/sin²θ | [`Prediction::Velocity`] |
/// | flow matching at time s | E tr Cov(X_0 \| X_θ)/s² | [`Prediction::FlowVelocity`] on [`Path::linear`] |
/// | EDM, λ(σ)‖D − X_0‖² with λ = (σ² + σ_d²)/(σσ_d)² | λ times it | [`Prediction::Edm`]: λ makes it the loss of F |
/// | all of these at a random level | the mean over levels | [`denoising_at`](Self::denoising_at) |
/// | consistency training, step t | E tr Var(f_{t−1}(X_{t−1}) \| X_t) | [`consistency`](Self::consistency) |
/// | the same at small steps (sCM), in units of Δθ² | E tr(∇Φ C ∇Φᵀ), C = Cov(X_0 \| X_θ)/sin²θ | [`continuous`](Self::continuous) |
/// | `MeanFlow`, r < t | E tr(∇Φ_{t→r} Cov(Z − X_0 \| x) ∇Φ_{t→r}ᵀ), on the linear path | [`mean_flow`](Self::mean_flow) |
///
/// Losses are sums over coordinates; a loss that is a mean over them is the dth part.
///
/// # Accuracy
/// Sampled over X_θ, with standard errors; posterior moments by the law's rule, whose own error is reported where f is not affine. For one
/// Gaussian all floors are known: [`GaussianFloor`].
///
/// # Example
/// ```
/// use onestep::Grid;
/// use onestep::audit::LossFloor;
/// use onestep::law::LineMixture;
/// use onestep::population::{Keep, LineRecursion};
/// use rand::SeedableRng;
/// let law = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.6, 0.6])?;
/// let grid = Grid::from_angles(&(1..=12).map(|i| 0.13 * i as f64).collect::<Vec<_>>())?;
/// let run = LineRecursion::new(&law, &grid).keep(Keep::All).run()?;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let floor = LossFloor::new(&law, &grid).consistency(run.consistency(), &mut rng)?;
/// // The losses of the optima add up to the second moment that is lost on the way: five standard errors.
/// let total = floor.sum();
/// assert!((total.value - run.report().loss_sum).abs() < 5.0 * total.std_error);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct LossFloor<'a> {
    law: &'a dyn PosteriorRule,
    grid: &'a Grid,
    samples: usize,
}

impl std::fmt::Debug for LossFloor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LossFloor").field("law", &self.law).field("samples", &self.samples).finish_non_exhaustive()
    }
}

/// Samples that share a random stream.
const CHUNK: usize = 64;
const MOST_SAMPLES: usize = 1 << 27;

/// The weighted mean of the rows of a rule, and the trace of its covariance.
fn spread(nodes: &ndarray::ArrayRef2<f64>, weights: &[f64]) -> (Vec<f64>, f64) {
    let total: f64 = weights.iter().sum();
    let mut mean = vec![0.0; nodes.ncols()];
    for (row, w) in nodes.rows().into_iter().zip(weights) {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += w * v / total);
    }
    let square = |row: &ArrayRef1<f64>| row.iter().zip(&mean).map(|(v, m)| (v - m) * (v - m)).sum::<f64>();
    let trace = nodes.rows().into_iter().zip(weights).map(|(row, w)| w * square(&row)).sum::<f64>() / total;
    (mean, trace)
}

impl<'a> LossFloor<'a> {
    /// The floors of `law` along `grid`, from 2000 draws of X_t a level.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::LossFloor;
    /// use onestep::law::PointMasses;
    /// use onestep::path::{Path, Prediction};
    /// use rand::SeedableRng;
    /// // One point mass leaves nothing to guess.
    /// let (law, grid) = (PointMasses::empirical(&ndarray::array![[2.0, 1.0]])?, Grid::from_angles(&[0.4, 1.2])?);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let floor = LossFloor::new(&law, &grid).denoising(&Path::vp(), Prediction::Denoised, &mut rng)?;
    /// assert_eq!(floor.sum().value, 0.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(law: &'a dyn PosteriorRule, grid: &'a Grid) -> Self {
        Self { law, grid, samples: 2000 }
    }

    /// Draws of X_t a level.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::LossFloor;
    /// use onestep::law::LineMixture;
    /// use onestep::path::{Path, Prediction};
    /// use rand::SeedableRng;
    /// let (law, grid) = (LineMixture::gaussian(0.0, 0.5)?, Grid::from_angles(&[0.4, 1.2])?);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let floor = LossFloor::new(&law, &grid).samples(10).denoising(&Path::vp(), Prediction::Denoised, &mut rng)?;
    /// assert_eq!(floor.levels[0].floor.evaluations, 10);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn samples(mut self, samples: usize) -> Self {
        self.samples = samples;
        self
    }

    /// The floor of a regression on X_0, Z or a combination of them, at every level of the grid: q² E tr Cov(X_0 | X_θ), with q the factor of
    /// X_0 in the target given x. The score has none at the data end, ε none at θ = 0.
    ///
    /// # Errors
    /// The path does not reach a level, the prediction is not determined there, or `samples` is 0.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::LossFloor;
    /// use onestep::law::LineMixture;
    /// use onestep::path::{Path, Prediction};
    /// use rand::SeedableRng;
    /// let (law, grid) = (LineMixture::gaussian(0.0, 0.5)?, Grid::from_angles(&[0.4, 1.2])?);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let floor = LossFloor::new(&law, &grid).samples(10).denoising(&Path::vp(), Prediction::Noise, &mut rng)?;
    /// // A Gaussian's posterior variance does not depend on x: cot²θ sin²θ s/(cos²θ s + sin²θ), s = 1/4.
    /// let exact = 0.25 * 0.4f64.cos().powi(2) / (0.25 * 0.4f64.cos().powi(2) + 0.4f64.sin().powi(2));
    /// assert!((floor.levels[0].floor.value - exact).abs() < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn denoising(&self, path: &dyn GaussianPath, prediction: Prediction, rng: &mut dyn RngCore) -> Result<LossFloorReport, AuditError> {
        let levels = (1..=self.grid.steps()).map(|t| {
            let place = path.on(self.grid.level(t))?;
            let factor = factor(place, prediction)?;
            let floor = self.sampled(rng, |rng| Ok(factor * self.posterior_spread(place.level(), &mut *rng)))?;
            self.level(t, floor, None)
        });
        Ok(LossFloorReport::new(levels.collect::<Result<_, _>>()?))
    }

    /// The floor of the same regression at a level drawn from a law, as EDM trains at ln σ ~ N(−1.2, 1.2²): the mean over levels and points.
    ///
    /// # Errors
    /// As [`denoising`](Self::denoising), for the levels drawn; parameters of the law of levels outside their range.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::{LevelLaw, LossFloor};
    /// use onestep::law::LineMixture;
    /// use onestep::path::{Path, Prediction};
    /// use rand::SeedableRng;
    /// let (law, grid) = (LineMixture::gaussian(0.0, 0.5)?, Grid::from_angles(&[0.4, 1.2])?);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let edm = LevelLaw::LogNormal { mean: -1.2, std: 1.2 };
    /// let floor = LossFloor::new(&law, &grid).denoising_at(&Path::edm(), Prediction::Edm { sigma_data: 0.5 }, edm, &mut rng)?;
    /// // For N(0, σ_d²) the target of the raw network F is independent of its input and has variance 1 at every level.
    /// assert!((floor.value - 1.0).abs() < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn denoising_at(
        &self,
        path: &dyn GaussianPath,
        prediction: Prediction,
        levels: LevelLaw,
        rng: &mut dyn RngCore,
    ) -> Result<Estimate, AuditError> {
        levels.check()?;
        self.sampled(rng, |rng| {
            let place = levels.draw(path, &mut *rng)?;
            Ok(factor(place, prediction)? * self.posterior_spread(place.level(), rng))
        })
    }

    /// The floor of consistency training at every step t ≥ 2, with `f` for f_{t−1}: E tr Var(f_{t−1}(X_{t−1}) | X_t). With the population optimum
    /// for f the floors add up to E‖X_1‖² − E‖f_T*(X_T)‖², what is lost of the second moment.
    ///
    /// # Errors
    /// The family has another dimension or number of levels, does not hold a level below T or is not finite at a point; `samples` is 0.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::{GaussianFloor, LossFloor};
    /// use onestep::law::Gaussian;
    /// use onestep::population::{GaussianRecursion, Keep};
    /// use rand::SeedableRng;
    /// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.4, 0.8, 1.2])?);
    /// let run = GaussianRecursion::new(&law, &grid).keep(Keep::All).run()?;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let floor = LossFloor::new(&law, &grid).samples(10).consistency(run.consistency(), &mut rng)?;
    /// let exact = GaussianFloor::new(&law, &grid).consistency();
    /// assert!((floor.levels[1].floor.value - exact.levels[1].floor.value).abs() < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn consistency(&self, f: &dyn ConsistencyFunction, rng: &mut dyn RngCore) -> Result<LossFloorReport, AuditError> {
        check_equal("dimension of the law", self.law.dim(), "dimension of the consistency function", f.dim())?;
        check_equal("steps of the grid", self.grid.steps(), "steps of the consistency function", f.steps())?;
        if let Some(step) = (1..self.grid.steps()).find(|&t| !f.holds(t)) {
            return Err(AuditError::NotHeld { name: "the consistency function", step });
        }
        let levels = (2..=self.grid.steps()).map(|t| {
            let pairs = self.sampled_many(rng, |rng| {
                let x = self.point(self.grid.level(t), rng);
                let variance = |rule: DiscreteLaw| -> Result<f64, AuditError> {
                    let rules = [rule];
                    let before = Conditional::new(self.grid, t, &x, &rules);
                    let values = f.eval(t - 1, before.nodes());
                    check_values("the consistency function", t - 1, before.nodes(), &values)?;
                    Ok(spread(&values, &rules[0].weights).1)
                };
                let at = x.row(0).to_vec();
                let value = variance(self.law.posterior_rule(self.grid.level(t), &at))?;
                let other = self.law.comparison_rule(self.grid.level(t), &at).map(variance).transpose()?;
                Ok((value, other))
            })?;
            let values: Vec<f64> = pairs.iter().map(|p| p.0).collect();
            let others: Option<f64> = pairs.iter().map(|p| Some(p.1? - p.0)).sum();
            self.level(t, Estimate::from_samples(&values), others.map(|sum| (sum / pairs.len() as f64).abs()))
        });
        Ok(LossFloorReport::new(levels.collect::<Result<_, _>>()?))
    }

    /// R(θ_t) = E tr(∇Φ_t C ∇Φ_tᵀ), C = Cov(X_0 | X_t)/sin²θ_t, at every level: the floor of consistency training at step t is Δθ_t² R to leading
    /// order in the step, and R is the loss of its continuous-time form that no training removes.
    ///
    /// # Errors
    /// The flow map has another dimension or is not finite at a point; `samples` is 0.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::LossFloor;
    /// use onestep::law::Gaussian;
    /// use rand::SeedableRng;
    /// // N(0, 1): Φ = id, and the velocity given X_t has variance 1.
    /// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.4, 0.8, 1.2])?);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let floor = LossFloor::new(&law, &grid).samples(5).continuous(&law, &mut rng)?;
    /// assert!(floor.levels.iter().all(|l| (l.floor.value - 1.0).abs() < 1e-12));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn continuous(&self, flow: &dyn FlowJacobian, rng: &mut dyn RngCore) -> Result<LossFloorReport, AuditError> {
        let first = self.grid.level(1);
        let levels = (1..=self.grid.steps()).map(|t| {
            let level = self.grid.level(t);
            let factor = level.one_minus_alpha_bar().recip();
            let floor = self.sampled(rng, |rng| Ok(factor * self.transported_spread(flow, t, (level, first), rng)?))?;
            self.level(t, floor, None)
        });
        Ok(LossFloorReport::new(levels.collect::<Result<_, _>>()?))
    }

    /// The floor of `MeanFlow` at the times r < t of the linear path x = (1−s) X_0 + s Z: the loss at the exact average velocity u,
    /// E tr(∇Φ_{t→r} Cov(Z − X_0 | x) ∇Φ_{t→r}ᵀ) with the flow Φ of that path, since I − (t − r) ∂_x u = ∇Φ_{t→r}. It grows with L_f².
    ///
    /// # Errors
    /// Not 0 ≤ r ≤ t ≤ 1, t = 0; the flow map has another dimension or is not finite at a point; `samples` is 0.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::LossFloor;
    /// use onestep::law::{Covariance, Gaussian};
    /// use rand::SeedableRng;
    /// let (law, grid) = (Gaussian::new(&[0.0], Covariance::isotropic(1, 0.25)?)?, Grid::from_angles(&[0.4, 1.2])?);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let floor = LossFloor::new(&law, &grid).samples(5).mean_flow(&law, 0.2, 0.8, &mut rng)?;
    /// assert!((floor.value - 0.11834).abs() < 5e-6);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn mean_flow(&self, flow: &dyn FlowJacobian, r: f64, t: f64, rng: &mut dyn RngCore) -> Result<Estimate, AuditError> {
        check_range("t", t, t > 0.0 && t <= 1.0, "(0, 1]")?;
        check_range("r", r, r >= 0.0 && r <= t, "[0, t]")?;
        let (from, to) = (Path::linear().place(t)?, Path::linear().place(r)?);
        let scale = to.scale() / from.scale() / t;
        self.sampled(rng, |rng| Ok(scale * scale * self.transported_spread(flow, 0, (from.level(), to.level()), rng)?))
    }

    fn level(&self, t: usize, floor: Estimate, quadrature_error: Option<f64>) -> Result<FloorLevel, AuditError> {
        if !floor.value.is_finite() {
            return Err(AuditError::Overflow { name: "the loss floor", step: t });
        }
        let level = self.grid.level(t);
        Ok(FloorLevel { step: t, angle: level.angle(), sigma: level.sigma(), delta: self.grid.delta(t), floor, quadrature_error })
    }

    /// The mean of independent draws, spread over threads in chunks with streams of their own.
    fn sampled(
        &self,
        rng: &mut dyn RngCore,
        draw: impl Fn(&mut Stream) -> Result<f64, AuditError> + Send + Sync,
    ) -> Result<Estimate, AuditError> {
        Ok(Estimate::from_samples(&self.sampled_many(rng, draw)?))
    }

    fn sampled_many<T: Send>(
        &self,
        rng: &mut dyn RngCore,
        draw: impl Fn(&mut Stream) -> Result<T, AuditError> + Send + Sync,
    ) -> Result<Vec<T>, AuditError> {
        check_range("samples", self.samples, (1..=MOST_SAMPLES).contains(&self.samples), "[1, 134217728]")?;
        let seed = rng.next_u64();
        let chunks = parallel::map(self.samples.div_ceil(CHUNK), |k| {
            let mut stream = Stream::nth(seed, k as u64);
            (0..CHUNK.min(self.samples - k * CHUNK)).map(|_| draw(&mut stream)).collect::<Result<Vec<_>, _>>()
        });
        Ok(chunks.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// A draw of X_θ, as a table of one row.
    fn point(&self, level: NoiseLevel, rng: &mut dyn RngCore) -> Array2<f64> {
        let mut x = self.law.sample(1, rng);
        x.mapv_inplace(|x| level.cos() * x + level.sin() * <f64 as crate::float::Float>::standard_normal(rng));
        x
    }

    /// tr Cov(X_0 | X_θ = x) at a draw x.
    fn posterior_spread(&self, level: NoiseLevel, rng: &mut dyn RngCore) -> f64 {
        let x = self.point(level, rng);
        let rule = self.law.posterior_rule(level, &x.row(0).to_vec());
        spread(&rule.nodes, &rule.weights).1
    }

    /// tr(∇Φ Cov(X_0 | X_θ = x) ∇Φᵀ) at a draw x of the level `from`.
    fn transported_spread(
        &self,
        flow: &dyn FlowJacobian,
        step: usize,
        (from, to): (NoiseLevel, NoiseLevel),
        rng: &mut dyn RngCore,
    ) -> Result<f64, AuditError> {
        let dim = self.law.dim();
        check_equal("dimension of the law", dim, "dimension of the flow map", flow.dim())?;
        let x = self.point(from, rng);
        let rule = self.law.posterior_rule(from, &x.row(0).to_vec());
        // All unit vectors at once: row j of the answer is the jth column of the Jacobian.
        let (points, units) = (Array2::from_shape_fn((dim, dim), |(_, j)| x[[0, j]]), Array2::eye(dim));
        let columns = if from == to { units } else { flow.jvp(from, to, &points, &units) };
        check_values("the derivative of the flow map", step, &points, &columns)?;
        Ok(spread(&rule.nodes.dot(&columns), &rule.weights).1)
    }
}
