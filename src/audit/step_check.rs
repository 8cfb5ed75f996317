//! Was T enough, and whose is the error? What a trained family is worth.

use crate::audit::step_errors;
use crate::audit::step_errors::accumulate;
use crate::bound::{AccumulatedError, Theorem1, Verdict, check};
use crate::estimate::Estimate;
use crate::float::Float;
use crate::flow::FlowMap;
use crate::law::PosteriorRule;
use crate::numeric::stream::{Stream, distinct_indices};
use crate::process::ForwardProcess;
use crate::training::check_range;
use crate::training::{Trained, TrainingError, pairs};
use crate::transport::{Assignment, Line, Sliced};
use ndarray::{Array2, ArrayRef2, Axis};
use rand::RngCore;

/// A target whose posterior can be integrated and whose flow map is explicit.
pub trait KnownTarget: PosteriorRule + FlowMap<f64> {}

impl<T: PosteriorRule + FlowMap<f64> + ?Sized> KnownTarget for T {}

/// What is measured of a trained family.
///
/// # Example
/// ```
/// use onestep::{Grid, Sample};
/// use onestep::audit::StepCheck;
/// use onestep::bound::Theorem1;
/// use onestep::law::{Covariance, Gaussian};
/// use onestep::training::{Recursion, Scaling};
/// use onestep::training::class::Affine;
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let target = Gaussian::standard(1)?;
/// let (data, held_out) = (target.sample(2000, &mut rng), target.sample(1000, &mut rng));
/// let grid = Grid::from_angles(&[0.05, 0.4, 0.8, 1.2, 1.5])?;
/// let learned = Recursion::new(grid, 2000)?.scaling(Scaling::None).train(&data, &Affine::new(), &mut rng)?;
/// let report = StepCheck::new().theorem(Theorem1::new(1, 1.0, 1.0)?).measure(&learned, &held_out, Some(&target), &mut rng)?;
/// // The population error of five steps is 1 − ∏ cos Δθ = 0.24 times E|Z|; W_1 sees it.
/// assert!(report.w1.value > report.w1_baseline.value);
/// let known = report.known.as_ref().unwrap();
/// assert!(known.sandwich.lower <= known.sandwich.upper && known.errors.sum < 0.2);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepCheck {
    theorem: Option<Theorem1>,
    points: usize,
    projection: usize,
    replicates: usize,
    projections: usize,
}

impl Default for StepCheck {
    fn default() -> Self {
        Self::new()
    }
}

/// What a [`StepCheck`] found. Distances are on the scale of the data, errors of single functions on the scale the family acts on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StepReport {
    /// T.
    pub steps: usize,
    /// d.
    pub dim: usize,
    /// Rows in each cloud of a distance.
    pub samples: usize,
    /// W_1 between one-step samples and a random half of the held-out rows: mean over replicates and their standard deviation.
    pub w1: Estimate,
    /// W_1 between the two halves: what a perfect sampler would show at this size.
    pub w1_baseline: Estimate,
    /// Sliced W_1 between the same clouds as `w1`.
    pub sliced_w1: Estimate,
    /// Σ_t loss_t(f_t) − (E‖f_1(X_1)‖² − E‖f_T(X_T)‖²) on shared fresh noise and held-out data: zero at the optimum of any linear class,
    /// whatever its approximation error; signed. A training residual only.
    pub energy_residual: Estimate,
    /// What needs the target.
    pub known: Option<KnownErrors>,
    /// The step-count check, where the errors and a theorem were given.
    pub verdict: Option<Verdict>,
}

/// Errors of the single steps against the exact posterior expectation.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct KnownErrors {
    /// E‖f_t(X_t) − E[f_{t−1}(X_{t−1}) | X_t]‖ for t = 2..=T: estimation plus approximation error of each step.
    pub steps: Vec<Estimate>,
    /// Their sum, and their maximum times T: both normalisations of Assumption 2.
    pub errors: AccumulatedError,
    /// ε: E‖f_t(X_t) − f_t^F(X_t)‖, where [`separate`](StepCheck::separate) was asked for and the class is linear. The bias of a penalty
    /// counts here, since f_t^F is the best function of the span. For networks and neighbours only `errors` is known.
    pub estimation: Option<StepErrors>,
    /// ε_F: E‖f_t^F(X_t) − f_t*(X_t)‖, under the same conditions. Here f_t* is the posterior expectation of the *trained* f_{t−1}.
    pub approximation: Option<StepErrors>,
    /// Bounds on W_1(f_T(X_T), X_1), X_T at its true law: `upper` = E‖f_T(X_T) − Φ_T(X_T)‖ at the same X_T; `lower` the larger of
    /// ‖E f_T − E Φ_T‖ and |E‖f_T‖ − E‖Φ_T‖|. Both are sample means.
    pub sandwich: Sandwiched,
}

/// One part of the errors of the single steps.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StepErrors {
    /// The error of step t = 2..=T.
    pub steps: Vec<Estimate>,
    /// Their sum, and their maximum times T.
    pub accumulated: AccumulatedError,
}

/// A lower and an upper bound, each a sample mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sandwiched {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Standard error of the upper bound; that of the lower bound is not larger.
    pub std_error: f64,
}

impl StepCheck {
    /// No theorem, 256 points a step for the errors, their two parts not separated, 5 replicates of each distance, 128 projections.
    ///
    /// ```
    /// assert_eq!(onestep::audit::StepCheck::new(), onestep::audit::StepCheck::default());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { theorem: None, points: 256, projection: 0, replicates: 5, projections: 128 }
    }

    /// Checks the step count against this bound. Needs the errors of the steps, hence a known target.
    ///
    /// ```
    /// use onestep::audit::StepCheck;
    /// use onestep::bound::Theorem1;
    /// assert_ne!(StepCheck::new().theorem(Theorem1::new(2, 1.5, 1.0).unwrap()), StepCheck::new());
    /// ```
    #[must_use]
    pub fn theorem(mut self, theorem: Theorem1) -> Self {
        self.theorem = Some(theorem);
        self
    }

    /// Points a step at which the errors are measured.
    ///
    /// # Errors
    /// Fewer than two.
    ///
    /// ```
    /// assert!(onestep::audit::StepCheck::new().points(1).is_err());
    /// ```
    pub fn points(mut self, points: usize) -> Result<Self, TrainingError> {
        check_range("points", points as f64, points >= 2, "[2, inf)")?;
        self.points = points;
        Ok(self)
    }

    /// Separates estimation from approximation error where the class is linear: f_t^F is fitted to the exact f_t* at this many fresh points
    /// a step. There is no noise in that fit, but k features on n points leave it off by about √(k/n) of the approximation error, which is
    /// counted in both parts: take n ≥ 8k. Costs n posterior integrals a step.
    ///
    /// # Errors
    /// Zero.
    ///
    /// ```
    /// assert!(onestep::audit::StepCheck::new().separate(0).is_err());
    /// ```
    pub fn separate(mut self, points: usize) -> Result<Self, TrainingError> {
        check_range("points of the projection", points as f64, points >= 1, "[1, inf)")?;
        self.projection = points;
        Ok(self)
    }

    /// Replicates of each distance.
    ///
    /// # Errors
    /// Fewer than two: there would be no error bar.
    ///
    /// ```
    /// assert!(onestep::audit::StepCheck::new().replicates(1).is_err());
    /// ```
    pub fn replicates(mut self, replicates: usize) -> Result<Self, TrainingError> {
        check_range("replicates", replicates as f64, replicates >= 2, "[2, inf)")?;
        self.replicates = replicates;
        Ok(self)
    }

    /// Measures a trained family against held-out data, and against the target where it is known.
    ///
    /// # Errors
    /// Fewer than four held-out rows or another dimension; a known target for a family whose data were scaled (train with
    /// [`Scaling::None`](super::Scaling::None)).
    ///
    /// See [`StepCheck`] for an example.
    pub fn measure<F: Float>(
        &self,
        trained: &dyn Trained<F>,
        held_out: &ArrayRef2<F>,
        target: Option<&dyn KnownTarget>,
        rng: &mut dyn RngCore,
    ) -> Result<StepReport, TrainingError> {
        let (steps, dim) = (trained.steps(), trained.dim());
        for (right_name, right) in
            std::iter::once(("columns of the held-out data", held_out.ncols())).chain(target.map(|t| ("dimension of the target", t.dim())))
        {
            if right != dim {
                return Err(TrainingError::Mismatch { left_name: "d of the family", left: dim, right_name, right });
            }
        }
        if held_out.nrows() < 4 {
            return Err(TrainingError::TooFewRows { what: "held-out data", rows: held_out.nrows(), needed: 4 });
        }
        crate::training::class::regression::check_table("held-out data", held_out)?;
        let samples = held_out.nrows() / 2;
        let (w1, w1_baseline, sliced_w1) = self.distances(trained, held_out, samples, rng)?;
        let energy_residual = energy_residual(trained, held_out, rng);
        let known = target.map(|t| self.known(trained, t, rng)).transpose()?;
        let verdict = match (&self.theorem, &known) {
            (Some(theorem), Some(known)) => {
                // Only the sum matters to the bound: without the split it all stands under ε.
                let (estimation, approximation) = match (&known.estimation, &known.approximation) {
                    (Some(e), Some(a)) => (e.accumulated, a.accumulated),
                    _ => (known.errors, AccumulatedError::ZERO),
                };
                Some(check(theorem, steps, w1, estimation, approximation)?)
            }
            _ => None,
        };
        Ok(StepReport { steps, dim, samples, w1, w1_baseline, sliced_w1, energy_residual, known, verdict })
    }

    /// Replicates of W_1 against one half of the held-out data, of W_1 between the halves, and of sliced W_1.
    fn distances<F: Float>(
        &self,
        trained: &dyn Trained<F>,
        held_out: &ArrayRef2<F>,
        n: usize,
        rng: &mut dyn RngCore,
    ) -> Result<(Estimate, Estimate, Estimate), TrainingError> {
        let sliced = Sliced::new(1.0, trained.dim(), self.projections, rng)?;
        let (mut against, mut between, mut slices) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.replicates {
            let order = distinct_indices(held_out.nrows(), 2 * n, rng);
            let (first, second) = (held_out.select(Axis(0), &order[..n]), held_out.select(Axis(0), &order[n..]));
            let z = pairs::noise(n, trained.dim(), rng);
            let drawn = trained.scaling().restore(&trained.eval(trained.steps(), &z));
            if let Some(bad) = drawn.iter().find(|v| !v.is_finite()) {
                return Err(TrainingError::Diverged { step: trained.steps(), iteration: 0, loss: bad.as_f64() });
            }
            against.push(w1(&drawn, &first)?);
            between.push(w1(&second, &first)?);
            slices.push(sliced.measure(&drawn, &first)?.distance.value);
        }
        Ok((spread(&against), spread(&between), spread(&slices)))
    }

    fn known<F: Float>(
        &self,
        trained: &dyn Trained<F>,
        target: &dyn KnownTarget,
        rng: &mut dyn RngCore,
    ) -> Result<KnownErrors, TrainingError> {
        let scaling = trained.scaling();
        if scaling.mean.iter().any(|m| *m != 0.0) || scaling.scale.iter().any(|s| *s != 1.0) {
            return Err(TrainingError::Unsupported {
                what: "a known target",
                reason: "the family was trained on scaled data: train without scaling",
            });
        }
        let sizes = (self.points, self.projection);
        let (mut whole, mut estimation, mut approximation) = (Vec::new(), Vec::new(), Vec::new());
        for t in 2..=trained.steps() {
            let error = step_errors::measure(trained, target, t, sizes, rng)?;
            whole.push(error.whole);
            if let Some((own, class)) = error.parts {
                estimation.push(own);
                approximation.push(class);
            }
        }
        // Maps of a user's own may be linear at some steps only: then there is no sum.
        let every = estimation.len() == whole.len();
        let part = |name, steps| if every { accumulate(name, steps).map(Some) } else { Ok(None) };
        let (estimation, approximation) = (part("estimation errors", estimation)?, part("approximation errors", approximation)?);
        let StepErrors { steps, accumulated: errors } = accumulate("step errors", whole)?;
        Ok(KnownErrors { steps, errors, estimation, approximation, sandwich: self.sandwich(trained, target, rng) })
    }

    fn sandwich<F: Float>(&self, trained: &dyn Trained<F>, target: &dyn KnownTarget, rng: &mut dyn RngCore) -> Sandwiched {
        /// Cheap evaluations: more points than for the errors.
        const MORE: usize = 16;
        let (grid, last) = (trained.levels(), trained.steps());
        let x = ForwardProcess::new(grid).marginal(last, &target.sample(MORE * self.points, rng), &mut Stream::fork(rng));
        let exact = target.flow(grid.level(last), grid.level(1), &x);
        let reached = trained.eval(last, &x.mapv(F::of)).mapv(F::as_f64);
        let norm = |r: ndarray::ArrayView1<'_, f64>| r.dot(&r).sqrt();
        let difference = &reached - &exact;
        let gaps: Vec<f64> = difference.rows().into_iter().map(norm).collect();
        let upper = Estimate::from_samples(&gaps);
        let n = x.nrows() as f64;
        let shift = norm((difference.sum_axis(Axis(0)) / n).view());
        let radius = reached.rows().into_iter().map(norm).sum::<f64>() / n - exact.rows().into_iter().map(norm).sum::<f64>() / n;
        Sandwiched { lower: shift.max(radius.abs()), upper: upper.value, std_error: upper.std_error }
    }
}

/// Exact W_1 between clouds of equal size: by sorting on the line, by assignment in more dimensions.
fn w1<F: Float>(x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<f64, TrainingError> {
    if x.ncols() == 1 {
        let column = |c: &ArrayRef2<F>| c.iter().copied().collect::<Vec<F>>();
        return Ok(Line::new(1.0)?.samples(&column(x), &column(y))?);
    }
    Ok(Assignment::new(1.0)?.solve(x, y)?.distance)
}

/// Mean and standard deviation: replicates share rows, so that their mean is no more certain than each of them.
fn spread(values: &[f64]) -> Estimate {
    let estimate = Estimate::from_samples(values);
    Estimate::normal(estimate.value, estimate.std_error * (values.len() as f64).sqrt(), values.len())
}

/// Σ_t ‖f_t(X_t) − f_{t−1}(X_{t−1})‖² − ‖f_1(X_1)‖² + ‖f_T(X_T)‖², the same X_0 and Z at every level.
fn energy_residual<F: Float>(trained: &dyn Trained<F>, held_out: &ArrayRef2<F>, rng: &mut dyn RngCore) -> Estimate {
    let x0 = trained.scaling().standardise(held_out);
    let z = pairs::noise(x0.nrows(), x0.ncols(), rng);
    let process = ForwardProcess::new(trained.levels());
    let square = |a: &Array2<F>| a.map_axis(Axis(1), |r| r.dot(&r).as_f64());
    let mut before = process.shared_noise_pair(2, &x0, &z).before;
    let mut balance = -square(&before);
    for t in 2..=trained.steps() {
        let now = trained.eval(t, &process.shared_noise_pair(t, &x0, &z).now);
        balance += &square(&(&now - &before));
        before = now;
    }
    balance += &square(&before);
    Estimate::from_samples(&balance.to_vec())
}
