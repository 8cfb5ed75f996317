//! The error of a consistency function, term by term: which of them is to blame?

mod curvature;
mod replicate_report;
mod replicates;
mod report;
mod terms;

pub use replicate_report::{ReplicateReport, ReplicateStep};
pub use replicates::ReplicateLedger;
pub use report::{Blame, LedgerReport, LedgerStep, LedgerTerm, LocalPart};
pub use terms::LedgerTerms;

use crate::audit::{AuditError, flow_to_first};
use crate::consistency::ConsistencyFunction;
use crate::error::{check_equal, check_range, check_some};
use crate::estimate::Estimate;
use crate::float::Float;
use crate::flow::FlowJacobian;
use crate::law::{Posterior, PosteriorRule};
use crate::numeric::rows::lengths;
use crate::numeric::stream::Stream;
use crate::process::ForwardProcess;
use crate::schedule::Grid;
use ndarray::{Array2, ArrayRef2, Axis, Slice};
use rand::RngCore;

/// The error recursion (34) of Li, Huang and Wei, measured on any consistency function of a target with known posterior and flow map:
///
/// ```math
/// \xi_t(x) = \mathbb E[\xi_{t-1}(X_{t-1}) \mid X_t = x] + (f_t - f_t^*)(x) + \mathrm{local}_t(x), \qquad
/// f_t^* = \mathbb E[f_{t-1}(X_{t-1}) \mid X_t], \quad \mathrm{local}_t = \mathbb E[\Phi_{t-1}(X_{t-1}) \mid X_t] - \Phi_t .
/// ```
///
/// The first term is inherited, the second is f's own error of step t (ε and ε_F of Assumption 2 together), the third is the discretisation
/// error, which no training can avoid. It is split as the proof splits it, with φ = Φ_{t→t−1}(x):
/// local = T_1 + T_2 + remainder, T_1 = ∂Φ_{t−1}(φ)(E[X_{t−1} | X_t] − φ), T_2 = ½ ∇²Φ_{t−1}(φ) : E[(X_{t−1} − φ)(X_{t−1} − φ)ᵀ | X_t].
/// Since conditional expectation contracts L¹,
///
/// ```math
/// W_1(f_T(X_T), X_1) \le \mathbb E\lVert \xi_T(X_T) \rVert \le \sum_{t=2}^T \bigl( \mathbb E\lVert (f_t - f_t^*)(X_t) \rVert
///   + \mathbb E\lVert \mathrm{local}_t(X_t) \rVert \bigr),
/// ```
///
/// and starting from N(0, I) adds at most the prior mismatch E‖f_T(cos θ_T X_0 + sin θ_T Z) − f_T(Z)‖, the same Z. Every term is measured at
/// draws of X_t; conditional expectations are finite sums by the target's [`PosteriorRule`], so only the outer mean is random.
///
/// # The flow
/// A target with an explicit flow map (Gaussians, the line, their products, rotations and translations) is its own; for another one give
/// an [`IntegratedFlow`](crate::flow::IntegratedFlow) of its score to [`flow`](Self::flow).
///
/// # Accuracy
/// Numerical errors are reported step by step: [`quadrature_error`](LedgerStep::quadrature_error) of the expectations, and
/// [`second_order_error`](LedgerStep::second_order_error) of T_2. Second derivatives are those the flow map knows: closed forms of the exact
/// ones, the second variational equation of an integrated one whose score knows its own. Of any other flow map they are differences of
/// Jacobians. Local errors are small differences of points:
/// they carry the rounding of a point, about 1e−15 of its size and 1e−13 where nodes were dropped, and an integrated flow's tolerance.
///
/// # Cost
/// For every sample and step one evaluation of f_{t−1} and of Φ_{t−1} at each node of the rule and 2d second derivatives (value and error), or 56d Jacobian–vector
/// products where the flow map does not know them.
///
/// # Example
/// ```
/// use onestep::{ConsistencyFunction, Grid};
/// use onestep::audit::{Ledger, LedgerTerm};
/// use onestep::consistency::ConsistencyFn;
/// use onestep::law::LineMixture;
/// use onestep::population::{Keep, LineRecursion};
/// use rand::SeedableRng;
/// let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.6, 0.6])?;
/// let grid = Grid::from_angles(&(1..=12).map(|i| 0.13 * i as f64).collect::<Vec<_>>())?;
/// let run = LineRecursion::new(&target, &grid).keep(Keep::All).run()?;
/// let best = run.consistency();
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// // The population optimum errs by discretisation alone …
/// let report = Ledger::new(&target, &grid).samples(200).measure(best, &mut rng)?;
/// assert!(report.own().value < 1e-8 && report.blame().unwrap().term == LedgerTerm::Local);
/// assert!(report.error.value <= report.bound().unwrap().upper);
/// // … a function that is off by 0.3 from step 7 on made that error at step 7.
/// let shifted = ConsistencyFn::new(1, 12, |t, x: &[f64], out: &mut [f64]| {
///     out[0] = best.eval(t, &ndarray::array![[x[0]]])[[0, 0]] + if t >= 7 { 0.3 } else { 0.0 };
/// });
/// let blame = Ledger::new(&target, &grid).samples(200).measure(&shifted, &mut rng)?.blame().unwrap();
/// assert_eq!((blame.term, blame.step), (LedgerTerm::Own, Some(7)));
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Li, Huang and Wei, "Towards a mathematical theory for consistency training in diffusion models", AISTATS 2025, eq. (34),
/// arXiv 2402.07802.
#[derive(Debug)]
pub struct Ledger<'a, T: ?Sized, M: ?Sized = T> {
    target: &'a T,
    flow: &'a M,
    grid: &'a Grid,
    samples: usize,
    steps: Option<Vec<usize>>,
}

impl<T: ?Sized, M: ?Sized> Clone for Ledger<'_, T, M> {
    fn clone(&self) -> Self {
        Self { steps: self.steps.clone(), ..*self }
    }
}

/// Rows at which the comparison rule is tried, the first of each step.
const COMPARED: usize = 64;
/// More draws would not fit into memory.
const MOST_SAMPLES: usize = 10_000_000;
/// f_1 may differ from the identity by this much relatively: the rounding of a function computed in single precision.
const IDENTITY: f64 = 1e-6;

impl<'a, T: ?Sized> Ledger<'a, T> {
    /// The ledger on `target`, which is its own flow map, along `grid`: all steps, 1000 samples each.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::Ledger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (target, grid) = (Gaussian::standard(3)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// // The exact flow of N(0, I) is the identity: its error is 0, though the recursion would not find it.
    /// let exact = ConsistencyFn::new(3, 3, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    /// let report = Ledger::new(&target, &grid).measure(&exact, &mut rng)?;
    /// assert!(report.error.value < 1e-14);
    /// assert!((report.own().value - report.local().value).abs() < 1e-12); // the two cancel
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(target: &'a T, grid: &'a Grid) -> Self {
        Self { target, flow: target, grid, samples: 1000, steps: None }
    }
}

impl<'a, T: ?Sized, M: ?Sized> Ledger<'a, T, M> {
    /// Takes Φ from `flow` instead.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::audit::Ledger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::flow::{FlowSolver, IntegratedFlow};
    /// use onestep::law::GaussianMixture;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let target = GaussianMixture::isotropic(&[0.5, 0.5], &array![[-1.0, 0.0], [1.0, 0.0]], &[0.5, 0.5])?;
    /// let flow = IntegratedFlow::new(target.clone(), FlowSolver::new(1e-8)?);
    /// let grid = Grid::from_angles(&[0.1, 1.5])?;
    /// let f = ConsistencyFn::new(2, 2, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    /// let report = Ledger::new(&target, &grid).flow(&flow).samples(20).measure(&f, &mut rng)?;
    /// assert!(report.error.value <= report.bound().unwrap().value + 1e-12); // one step: the triangle inequality, sample by sample
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn flow<N: ?Sized>(self, flow: &'a N) -> Ledger<'a, T, N> {
        Ledger { target: self.target, flow, grid: self.grid, samples: self.samples, steps: self.steps }
    }

    /// The number n of draws of X_t at each step, from 2 to 10⁷.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::Ledger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 1.5])?);
    /// let f = ConsistencyFn::new(1, 2, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    /// let few = Ledger::new(&target, &grid).samples(1).measure(&f, &mut rng).unwrap_err();
    /// assert_eq!(few.to_string(), "samples = 1 is outside [2, 10000000]");
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn samples(mut self, samples: usize) -> Self {
        self.samples = samples;
        self
    }

    /// The steps to measure, in 2..=T, in any order; all of them by default. With some left out the sums of the report hold only the
    /// part of the measured steps, and there is no bound: see [`LedgerReport::bound`].
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::Ledger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// let f = ConsistencyFn::new(1, 3, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    /// let report = Ledger::new(&target, &grid).steps(&[3]).measure(&f, &mut rng)?;
    /// assert_eq!((report.steps.len(), report.bound()), (1, None));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn steps(mut self, steps: &[usize]) -> Self {
        self.steps = Some(steps.to_vec());
        self
    }
}

impl<T, M> Ledger<'_, T, M>
where
    T: PosteriorRule + Posterior + ?Sized,
    M: FlowJacobian + ?Sized,
{
    /// Measures every term of `f`. Each step has its own draws: what is found at one does not depend on which others are measured.
    ///
    /// A function in single precision is wrapped in a [`ConsistencyFn`](crate::consistency::ConsistencyFn) that casts. A family trained on scaled data
    /// acts on the scaled space: give the target on that space.
    ///
    /// # Errors
    /// Fewer than two samples or more than 10⁷; dimensions of the target, the flow map and `f`, or numbers of steps of `f` and the grid, that differ; a step
    /// outside 2..=T or none; a level t or t − 1 of a measured step, or T, that `f` does not hold; f_1 that is not the identity (to 1e−6
    /// relatively, at the points where it is needed); a value of `f` or of the flow map that is not finite: the error says at which level and
    /// point; a mean that overflows.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::{AuditError, Ledger};
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// let broken = ConsistencyFn::new(1, 3, |t, x: &[f64], out: &mut [f64]| out[0] = if t == 2 && x[0] > 1.0 { f64::NAN } else { x[0] });
    /// let found = Ledger::new(&target, &grid).measure(&broken, &mut rng).unwrap_err();
    /// assert!(matches!(&found, AuditError::ValueNotFinite { step: 2, point, .. } if point[0] > 1.0));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn measure<C: ConsistencyFunction + ?Sized>(&self, f: &C, rng: &mut dyn RngCore) -> Result<LedgerReport, AuditError> {
        let last = self.grid.steps();
        let mut steps = self.steps.clone().unwrap_or_else(|| (2..=last).collect());
        self.check(f, &steps)?;
        if !f.holds(last) {
            return Err(AuditError::NotHeld { name: "the consistency function", step: last });
        }
        steps.sort_unstable();
        steps.dedup();
        let seed = rng.next_u64();
        let prior_mismatch = self.prior_mismatch(f, seed)?;
        let measured = steps.iter().map(|&t| self.step(f, t, seed)).collect::<Result<Vec<_>, _>>()?;
        let error = match measured.last().filter(|m| m.step == last) {
            Some(step) => step.error,
            None => self.final_error(f, seed)?,
        };
        let energy_lower = self.energy_lower(f, seed)?;
        check_mean("the prior mismatch", last, prior_mismatch)?;
        check_mean("the mean error", last, error)?;
        Ok(LedgerReport { dim: f.dim(), grid_steps: last, samples: self.samples, steps: measured, error, energy_lower, prior_mismatch })
    }

    /// Everything that can be checked before the first evaluation.
    fn check<C: ConsistencyFunction + ?Sized>(&self, f: &C, steps: &[usize]) -> Result<(), AuditError> {
        let (dim, last) = (self.target.dim(), self.grid.steps());
        check_range("samples", self.samples, (2..=MOST_SAMPLES).contains(&self.samples), "[2, 10000000]")?;
        check_equal("dimension of the target", dim, "dimension of the flow map", self.flow.dim())?;
        check_equal("dimension of the target", dim, "dimension of the consistency function", f.dim())?;
        check_equal("steps of the grid", last, "steps of the consistency function", f.steps())?;
        check_some("steps", steps)?;
        for (index, &step) in steps.iter().enumerate() {
            if !(2..=last).contains(&step) {
                return Err(AuditError::NoSuchStep { name: "steps", index: index + 1, step, first: 2, last });
            }
            if let Some(step) = [step, step - 1].into_iter().find(|&t| !f.holds(t)) {
                return Err(AuditError::NotHeld { name: "the consistency function", step });
            }
        }
        Ok(())
    }

    /// Draws of X_t, the same at every call.
    fn draw(&self, t: usize, seed: u64) -> Array2<f64> {
        let mut stream = Stream::nth(seed, t as u64);
        let x0 = self.target.sample(self.samples, &mut stream);
        ForwardProcess::new(self.grid).marginal(t, &x0, &mut stream)
    }

    fn step<C: ConsistencyFunction + ?Sized>(&self, f: &C, t: usize, seed: u64) -> Result<LedgerStep, AuditError> {
        let x = self.draw(t, seed);
        if t == 2 {
            check_identity(f, &x)?;
        }
        let terms = self.terms_unchecked(f, t, &x)?;
        let compared = self.quadrature_errors(f, t, &x.slice_axis(Axis(0), Slice::from(..COMPARED.min(x.nrows()))))?;
        let (own, local) = (lengths(&terms.own), lengths(&terms.local));
        let made: Vec<f64> = own.iter().zip(&local).map(|(a, b)| a + b).collect();
        let gap = &terms.error - &terms.inherited - &terms.own - &terms.local;
        let step = LedgerStep {
            step: t,
            angle: self.grid.level(t).angle(),
            delta: self.grid.delta(t),
            error: mean_length(&terms.error),
            inherited: mean_length(&terms.inherited),
            own: Estimate::from_samples(&own),
            own_square: Estimate::from_samples(&own.iter().map(|o| o * o).collect::<Vec<_>>()),
            spread: Estimate::from_samples(&terms.spread),
            local: Estimate::from_samples(&local),
            made: Estimate::from_samples(&made),
            first_order: mean_length(&terms.first_order),
            second_order: mean_length(&terms.second_order),
            remainder: mean_length(&terms.remainder),
            identity_gap: lengths(&gap).into_iter().fold(0.0, f64::max),
            quadrature_error: compared.map(|gaps| gaps.iter().sum::<f64>() / gaps.len() as f64),
            second_order_error: terms.second_order_error.iter().sum::<f64>() / x.nrows() as f64,
        };
        for mean in [step.error, step.inherited, step.own, step.local, step.made, step.first_order, step.second_order, step.remainder] {
            check_mean("a mean of the ledger", t, mean)?;
        }
        Ok(step)
    }

    /// |√tr Cov X_1 − √tr Cov f_T(X_T)| over the draws of X_T, with its standard error by the delta method.
    fn energy_lower<C: ConsistencyFunction + ?Sized>(&self, f: &C, seed: u64) -> Result<Estimate, AuditError> {
        let last = self.grid.steps();
        let x = self.draw(last, seed);
        let about_mean = |rows: Array2<f64>| {
            let centre = rows.sum_axis(Axis(0)) / rows.nrows() as f64;
            let squares: Vec<f64> = lengths(&(rows - centre)).iter().map(|l| l * l).collect();
            let mean = squares.iter().sum::<f64>() / squares.len() as f64;
            (squares, mean)
        };
        let (exact, ours) = (about_mean(flow_to_first(self.flow, self.grid, last, &x)?), about_mean(terms::evaluate(f, last, &x)?));
        let influence = |square: f64, mean: f64| if mean > 0.0 { (square - mean) / (2.0 * mean.sqrt()) } else { 0.0 };
        let moved: Vec<f64> = exact.0.iter().zip(&ours.0).map(|(a, b)| influence(*a, exact.1) - influence(*b, ours.1)).collect();
        let spread = Estimate::from_samples(&moved).std_error;
        let found = Estimate::student((exact.1.sqrt() - ours.1.sqrt()).abs(), spread, x.nrows() as f64 - 1.0, x.nrows());
        // Squares beyond double precision: nothing is known.
        let known = found.value.is_finite() && found.std_error.is_finite();
        Ok(if known { found } else { Estimate::normal(0.0, f64::INFINITY, x.nrows()) })
    }

    /// E‖ξ_T(X_T)‖ alone.
    fn final_error<C: ConsistencyFunction + ?Sized>(&self, f: &C, seed: u64) -> Result<Estimate, AuditError> {
        let last = self.grid.steps();
        let x = self.draw(last, seed);
        Ok(mean_length(&(terms::evaluate(f, last, &x)? - flow_to_first(self.flow, self.grid, last, &x)?)))
    }

    /// E‖f_T(cos θ_T X_0 + sin θ_T Z) − f_T(Z)‖.
    fn prior_mismatch<C: ConsistencyFunction + ?Sized>(&self, f: &C, seed: u64) -> Result<Estimate, AuditError> {
        let (last, mut stream) = (self.grid.steps(), Stream::nth(seed, 0));
        let x0 = self.target.sample(self.samples, &mut stream);
        let z = Array2::from_shape_simple_fn(x0.raw_dim(), || f64::standard_normal(&mut stream));
        let x = ForwardProcess::new(self.grid).shared_noise_pair(last, &x0, &z).now;
        Ok(mean_length(&(terms::evaluate(f, last, &x)? - terms::evaluate(f, last, &z)?)))
    }
}

/// Refuses f_1 ≠ id.
fn check_identity<C: ConsistencyFunction + ?Sized>(f: &C, x: &ArrayRef2<f64>) -> Result<(), AuditError> {
    let image = terms::evaluate(f, 1, x)?;
    let far = |(a, b): (&f64, &f64)| !((a - b).abs() <= IDENTITY * (1.0 + a.abs()));
    match x.rows().into_iter().zip(image.rows()).find(|(x, y)| x.iter().zip(y).any(far)) {
        Some((point, image)) => Err(AuditError::Boundary { point: point.to_vec(), image: image.to_vec() }),
        None => Ok(()),
    }
}

/// Refuses a mean that is not finite: squares of finite numbers overflow from 1e154 on.
fn check_mean(name: &'static str, step: usize, mean: Estimate) -> Result<(), AuditError> {
    if mean.value.is_finite() && mean.std_error.is_finite() { Ok(()) } else { Err(AuditError::Overflow { name, step }) }
}

fn mean_length(rows: &ArrayRef2<f64>) -> Estimate {
    Estimate::from_samples(&lengths(rows))
}
