//! Was T enough, and whose is the error? What a trained family is worth.

mod distances;
mod energy;
mod errors;
mod report;

pub use report::{Jump, KnownErrors, Sandwiched, StepErrors, StepReport};

use crate::audit::AuditError;
use crate::audit::error::check_values;
use crate::bound::{AccumulatedError, Theorem1, Verdict, check};
use crate::error::{check_equal, check_finite, check_range};
use crate::estimate::Estimate;
use crate::float::Float;
use crate::flow::FlowMap;
use crate::law::PosteriorRule;
use crate::numeric::rows::{length, lengths};
use crate::numeric::stream::Stream;
use crate::process::ForwardProcess;
use crate::training::Trained;
use errors::{accumulate, step_error};
use ndarray::{ArrayRef2, Axis};
use rand::RngCore;

/// What is measured of a trained family: its distance to held-out data always, its errors step by step and a verdict where the law is
/// [`known`](Self::known).
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
/// let learned = Recursion::new(grid, 2000).scaling(Scaling::None).train(&data, &Affine::new(), &mut rng)?;
/// let check = StepCheck::new().theorem(Theorem1::new(1, 1.0, 1.0)?).known(&target, &target);
/// let report = check.measure(&learned, &held_out, &mut rng)?;
/// // The population error of five steps is 1 − ∏ cos Δθ = 0.24 times E|Z|; W_1 sees it.
/// assert!(report.w1.value > report.w1_baseline.value);
/// let known = report.known.as_ref().unwrap();
/// assert!(known.sandwich.lower <= known.sandwich.upper && known.errors.sum < 0.2);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct StepCheck<'a> {
    known: Option<(&'a dyn PosteriorRule, &'a dyn FlowMap)>,
    theorem: Option<Theorem1>,
    points: usize,
    projection: Option<usize>,
    replicates: usize,
    projections: usize,
}

/// Points or replicates: more would not fit into memory, or not end.
const MOST: usize = 1_000_000;

impl std::fmt::Debug for StepCheck<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StepCheck")
            .field("known", &self.known.map(|(law, _)| law))
            .field("theorem", &self.theorem)
            .field("points", &self.points)
            .field("projection", &self.projection)
            .field("replicates", &self.replicates)
            .finish_non_exhaustive()
    }
}

impl Default for StepCheck<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> StepCheck<'a> {
    /// No law, no theorem, 256 points a step for the errors, their two parts not separated, 5 replicates of each distance, 128 projections.
    ///
    /// ```
    /// assert!(format!("{:?}", onestep::audit::StepCheck::new()).contains("points: 256"));
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { known: None, theorem: None, points: 256, projection: None, replicates: 5, projections: 128 }
    }

    /// The law the data come from and its flow map: the errors of the steps and the sandwich are measured, and with a
    /// [`theorem`](Self::theorem) there is a verdict.
    ///
    /// A law with a flow in closed form is given twice; for another one take [`FlowSolver::flow_of`](crate::flow::FlowSolver::flow_of).
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{Grid, Sample};
    /// use onestep::audit::StepCheck;
    /// use onestep::flow::FlowSolver;
    /// use onestep::law::GaussianMixture;
    /// use onestep::training::{Recursion, Scaling, class::Affine};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let law = GaussianMixture::isotropic(&[0.5, 0.5], &array![[-1.0], [1.0]], &[0.2, 0.2])?;
    /// let flow = FlowSolver::new(1e-6)?.flow_of(&law);
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let (data, held_out) = (law.sample(500, &mut rng), law.sample(100, &mut rng));
    /// let learned = Recursion::new(grid, 500).scaling(Scaling::None).train(&data, &Affine::new(), &mut rng)?;
    /// let report = StepCheck::new().known(&law, &flow).measure(&learned, &held_out, &mut rng)?;
    /// let known = report.known.unwrap();
    /// // An affine function of two modes errs at both steps, and the error of both is one of f_3.
    /// assert!(known.steps.len() == 2 && known.sandwich.upper > 0.1);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn known(mut self, law: &'a dyn PosteriorRule, flow: &'a dyn FlowMap) -> Self {
        self.known = Some((law, flow));
        self
    }

    /// Checks the step count against this bound. Needs the errors of the steps, hence a [`known`](Self::known) law.
    ///
    /// ```
    /// use onestep::audit::StepCheck;
    /// use onestep::bound::Theorem1;
    /// let check = StepCheck::new().theorem(Theorem1::new(2, 1.5, 1.0)?);
    /// assert!(format!("{check:?}").contains("1.5"));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn theorem(mut self, theorem: Theorem1) -> Self {
        self.theorem = Some(theorem);
        self
    }

    /// Points a step at which the errors are measured, at least two.
    ///
    /// ```
    /// # use onestep::{Grid, Sample, law::Gaussian, training::{Recursion, Scaling, class::Affine}};
    /// use onestep::audit::StepCheck;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = Gaussian::standard(1)?.sample(50, &mut rng);
    /// # let learned = Recursion::new(Grid::from_angles(&[0.1, 1.5])?, 50).train(&data, &Affine::new(), &mut rng)?;
    /// let refused = StepCheck::new().points(1).measure(&learned, &data, &mut rng).unwrap_err();
    /// assert_eq!(refused.to_string(), "points = 1 is outside [2, 1000000]");
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn points(mut self, points: usize) -> Self {
        self.points = points;
        self
    }

    /// Separates estimation from approximation error where the class is linear: f_t^F is fitted to the exact f_t* at this many fresh points
    /// a step, at least one. There is no noise in that fit, but k features on n points leave it off by about √(k/n) of the approximation
    /// error, which is counted in both parts: take n ≥ 8k. Costs n posterior integrals a step.
    ///
    /// ```
    /// # use onestep::{Grid, Sample, law::Gaussian, training::{Recursion, Scaling, class::Affine}};
    /// use onestep::audit::StepCheck;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let law = Gaussian::standard(1)?;
    /// # let data = law.sample(500, &mut rng);
    /// # let learned = Recursion::new(Grid::from_angles(&[0.1, 1.5])?, 500).scaling(Scaling::None).train(&data, &Affine::new(), &mut rng)?;
    /// let report = StepCheck::new().known(&law, &law).separate(64).measure(&learned, &data, &mut rng)?;
    /// // Affine functions hold the optimum of a Gaussian: all of the error is estimation.
    /// assert!(report.known.unwrap().approximation.unwrap().accumulated.sum < 1e-9);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn separate(mut self, points: usize) -> Self {
        self.projection = Some(points);
        self
    }

    /// Replicates of each distance, at least two: with one there would be no error bar.
    ///
    /// ```
    /// # use onestep::{Grid, Sample, law::Gaussian, training::{Recursion, Scaling, class::Affine}};
    /// use onestep::audit::StepCheck;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = Gaussian::standard(1)?.sample(50, &mut rng);
    /// # let learned = Recursion::new(Grid::from_angles(&[0.1, 1.5])?, 50).train(&data, &Affine::new(), &mut rng)?;
    /// assert_eq!(StepCheck::new().replicates(3).measure(&learned, &data, &mut rng)?.w1.evaluations, 3);
    /// assert!(StepCheck::new().replicates(1).measure(&learned, &data, &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn replicates(mut self, replicates: usize) -> Self {
        self.replicates = replicates;
        self
    }

    /// Measures a trained family against held-out data, and against the law where it is known.
    ///
    /// # Errors
    /// Settings outside their ranges; fewer than four held-out rows, or entries that are not finite; dimensions of the family, the data, the law
    /// and its flow that differ; a known law for a family whose data were scaled (train with
    /// [`Scaling::None`](crate::training::Scaling::None)); values of the family that are not finite.
    ///
    /// See [`StepCheck`] for an example.
    pub fn measure<F: Float>(
        &self,
        trained: &dyn Trained<F>,
        held_out: &ArrayRef2<F>,
        rng: &mut dyn RngCore,
    ) -> Result<StepReport, AuditError> {
        let (steps, dim) = (trained.steps(), trained.dim());
        self.check(dim, held_out)?;
        let samples = held_out.nrows() / 2;
        let (w1, w1_baseline, sliced_w1) = distances::measure(trained, held_out, (self.replicates, self.projections), rng)?;
        let (energy_residual, largest_jump) = energy::residual(trained, held_out, rng);
        let known = self.known.map(|(law, flow)| self.known_errors(trained, law, flow, rng)).transpose()?;
        let verdict = match (&self.theorem, &known) {
            (Some(theorem), Some(known)) => Some(verdict(theorem, steps, w1, known)?),
            _ => None,
        };
        Ok(StepReport { steps, dim, samples, w1, w1_baseline, sliced_w1, energy_residual, largest_jump, known, verdict })
    }

    /// Everything that can be checked before the first evaluation.
    fn check<F: Float>(&self, dim: usize, held_out: &ArrayRef2<F>) -> Result<(), AuditError> {
        check_range("points", self.points, (2..=MOST).contains(&self.points), "[2, 1000000]")?;
        let projection = self.projection.unwrap_or(1);
        check_range("points of the separation", projection, (1..=MOST).contains(&projection), "[1, 1000000]")?;
        check_range("replicates", self.replicates, (2..=MOST).contains(&self.replicates), "[2, 1000000]")?;
        check_equal("dimension of the family", dim, "columns of the held-out data", held_out.ncols())?;
        if let Some((law, flow)) = self.known {
            check_equal("dimension of the family", dim, "dimension of the law", law.dim())?;
            check_equal("dimension of the family", dim, "dimension of the flow map", flow.dim())?;
        }
        check_range("rows of the held-out data", held_out.nrows(), held_out.nrows() >= 4, "[4, inf)")?;
        Ok(check_finite("the held-out data", held_out)?)
    }

    fn known_errors<F: Float>(
        &self,
        trained: &dyn Trained<F>,
        law: &dyn PosteriorRule,
        flow: &dyn FlowMap,
        rng: &mut dyn RngCore,
    ) -> Result<KnownErrors, AuditError> {
        let scaling = trained.scaling();
        if scaling.mean.iter().any(|m| *m != 0.0) || scaling.scale.iter().any(|s| *s != 1.0) {
            return Err(AuditError::Scaled);
        }
        let (mut whole, mut estimation, mut approximation) = (Vec::new(), Vec::new(), Vec::new());
        for t in 2..=trained.steps() {
            let error = step_error(trained, law, t, (self.points, self.projection), rng)?;
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
        Ok(KnownErrors { steps, errors, estimation, approximation, sandwich: self.sandwich(trained, law, flow, rng)? })
    }

    fn sandwich<F: Float>(
        &self,
        trained: &dyn Trained<F>,
        law: &dyn PosteriorRule,
        flow: &dyn FlowMap,
        rng: &mut dyn RngCore,
    ) -> Result<Sandwiched, AuditError> {
        /// Cheap evaluations: more points than for the errors.
        const MORE: usize = 16;
        let (grid, last) = (trained.levels(), trained.steps());
        let x = ForwardProcess::new(grid).marginal(last, &law.sample(MORE * self.points, rng), &mut Stream::fork(rng));
        let exact = flow.flow(grid.level(last), grid.level(1), &x);
        let reached = trained.eval(last, &x.mapv(F::of)).mapv(F::as_f64);
        check_values("the flow map", last, &x, &exact)?;
        check_values("the trained family", last, &x, &reached)?;
        let difference = &reached - &exact;
        let upper = Estimate::from_samples(&lengths(&difference));
        let n = x.nrows() as f64;
        let shift = difference.sum_axis(Axis(0)) / n;
        let radius = lengths(&reached).iter().sum::<f64>() / n - lengths(&exact).iter().sum::<f64>() / n;
        let (shift, radius) = (length(shift.view()), radius.abs());
        if !(shift.is_finite() && radius.is_finite() && upper.value.is_finite() && upper.std_error.is_finite()) {
            return Err(AuditError::Overflow { name: "the sandwich", step: last });
        }
        let lower = shift.max(radius);
        Ok(Sandwiched { lower, upper: upper.value, std_error: upper.std_error })
    }
}

/// Only the sum of ε and ε_F matters to the bound: without the split it all stands under ε.
fn verdict(theorem: &Theorem1, steps: usize, w1: Estimate, known: &KnownErrors) -> Result<Verdict, AuditError> {
    let (estimation, approximation) = match (&known.estimation, &known.approximation) {
        (Some(e), Some(a)) => (e.accumulated, a.accumulated),
        _ => (known.errors, AccumulatedError::ZERO),
    };
    Ok(check(theorem, steps, w1, estimation, approximation)?)
}
