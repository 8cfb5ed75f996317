//! The ledger where sums over a posterior rule are too large: by independent draws from the posterior.

use crate::audit::error::check_values;
use crate::audit::ledger::replicate_report::{ReplicateReport, ReplicateStep};
use crate::audit::ledger::terms::evaluate;
use crate::audit::ledger::{check_identity, check_mean};
use crate::audit::{AuditError, flow_to_first};
use crate::consistency::ConsistencyFunction;
use crate::error::{check_equal, check_range, check_some};
use crate::estimate::Estimate;
use crate::float::Float;
use crate::flow::FlowJacobian;
use crate::law::conditional::Conditional;
use crate::law::{DiscreteLaw, Posterior, PosteriorRule, PosteriorSample};
use crate::numeric::parallel;
use crate::numeric::rows::lengths;
use crate::numeric::stream::Stream;
use crate::process::ForwardProcess;
use crate::schedule::Grid;
use ndarray::{Array2, ArrayRef2, ArrayView2, Axis, Slice};
use rand::RngCore;
use std::ops::Range;

/// The error of a consistency function, term by term, in any dimension: squared own and local errors by independent draws from the posterior.
///
/// Given X_t = x, let r_1, …, r_k be f_t(x) − f_{t−1}(X_{t−1}) for k independent draws of X_{t−1}, of mean own_t(x) = f_t(x) −
/// E\[f_{t−1}(X_{t−1}) | X_t = x\], and r_0 their average. Products of different draws are unbiased for its square, and what is left of the
/// loss is the spread:
///
/// ```math
/// \mathbb E\,\frac{1}{k(k-1)}\sum_{i \ne j}\langle r_i, r_j\rangle = \lVert \mathrm{own}_t\rVert^2, \qquad
/// \mathbb E\,\frac{1}{k-1}\sum_i \lVert r_i - r_0\rVert^2 = V_t = \mathbb E \operatorname{tr}\operatorname{Var}(f_{t-1}(X_{t-1}) \mid X_t), \qquad
/// \mathrm{loss}_t = \lVert \mathrm{own}_t\rVert^2 + V_t .
/// ```
///
/// The same with Φ_{t−1}(X_{t−1}) − Φ_t(x) gives ‖local_t‖², after the linear part ∂Φ_{t−1}(m)(X_{t−1} − m), m = E\[X_{t−1} | X_t\], of mean 0
/// was taken off: what is left fluctuates by the curvature of the flow alone. Conditional expectation contracts L², so the roots add up
/// as the mean lengths of [`Ledger`](crate::audit::Ledger) do:
///
/// ```text
/// W_2(f_T(X_T), X_1) ≤ ‖ξ_T‖ ≤ Σ_t (‖own_t‖ + ‖local_t‖),   and without any flow map   W_2(f_T(X_T), X_1) ≤ √(Σ_t V_t) + Σ_t ‖own_t‖.
/// ```
///
/// # Which ledger?
/// [`Ledger`](crate::audit::Ledger) sums over a posterior rule at every point: mean lengths, and the parts of the local error, in few
/// dimensions. This one needs a sampler of the posterior, k evaluations a point and, for the local errors, a flow map; finite data sets as the
/// target ([`PointMasses`](crate::law::PointMasses)) have one in any dimension, and [`sums`](Self::sums) makes their own errors exact at
/// every point.
///
/// # Accuracy
/// All squares are means over independent points with standard errors ~ 1/√n, unbiased: small ones can come out below 0. Their roots have
/// intervals that reach down to 0 then.
///
/// # Example
/// ```
/// use onestep::Grid;
/// use onestep::audit::ReplicateLedger;
/// use onestep::consistency::ConsistencyFn;
/// use onestep::law::Gaussian;
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// // N(0, I) in 50 dimensions, and a function that shrinks by 0.9 a step.
/// let (law, grid) = (Gaussian::standard(50)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
/// let f = ConsistencyFn::new(50, 3, |t, x: &[f64], out: &mut [f64]| {
///     out.iter_mut().zip(x).for_each(|(o, x)| *o = x * 0.9_f64.powi(t as i32 - 1));
/// });
/// let report = ReplicateLedger::new(&law, &grid).samples(500).flow(&law).measure(&f, &mut rng)?;
/// let (c, s) = (0.7_f64.cos(), 0.7_f64.sin());
/// // own_3 = (0.81 − 0.9 cos Δθ) x, V_3 = 0.81 sin²Δθ d, local_3 = (cos Δθ − 1) x: five standard errors.
/// let near = |found: onestep::Estimate, exact: f64| (found.value - exact).abs() < 5.0 * found.std_error + 1e-12;
/// let last = &report.steps[1];
/// assert!(near(last.own_square, 50.0 * (0.81 - 0.9 * c).powi(2)) && near(last.spread, 50.0 * 0.81 * s * s));
/// assert!(near(last.local_square.unwrap(), 50.0 * (c - 1.0).powi(2)));
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// The identities: Li, Huang and Wei 2025, eq. (34), arXiv 2402.07802, with the tower property.
pub struct ReplicateLedger<'a, L: ?Sized> {
    law: &'a L,
    grid: &'a Grid,
    flow: Option<&'a dyn FlowJacobian>,
    sums: Option<&'a dyn PosteriorRule>,
    samples: usize,
    flow_samples: Option<usize>,
    replicates: usize,
    steps: Option<Vec<usize>>,
}

impl<L: ?Sized> Clone for ReplicateLedger<'_, L> {
    fn clone(&self) -> Self {
        Self { steps: self.steps.clone(), ..*self }
    }
}

impl<L: std::fmt::Debug + ?Sized> std::fmt::Debug for ReplicateLedger<'_, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("ReplicateLedger");
        shown.field("law", &self.law).field("samples", &self.samples).field("replicates", &self.replicates).finish_non_exhaustive()
    }
}

/// Points that share a random stream and a batch of evaluations.
const CHUNK: usize = 64;
const MOST_SAMPLES: usize = 10_000_000;
const MOST_REPLICATES: usize = 1024;

/// What one point says: own², spread, loss.
type OwnTerms = [f64; 3];
/// What one point says of the flow: local², error².
type FlowTerms = [f64; 2];

impl<'a, L: ?Sized> ReplicateLedger<'a, L> {
    /// The ledger on `law` along `grid`: all steps, 1000 points each, two draws a point, without a flow map.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::ReplicateLedger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::PointMasses;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// // One atom: the posterior is known, nothing is spread, and the constant is the optimum.
    /// let (law, grid) = (PointMasses::empirical(&ndarray::array![[2.0, 1.0]])?, Grid::from_angles(&[1e-9, 0.8, 1.5])?);
    /// let f = ConsistencyFn::new(2, 3, |t, x: &[f64], out: &mut [f64]| {
    ///     out.copy_from_slice(if t == 1 { x } else { &[2.0, 1.0] });
    /// });
    /// let report = ReplicateLedger::new(&law, &grid).measure(&f, &mut rng)?;
    /// assert!(report.own().upper < 1e-6 && report.steps[1].spread.value < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(law: &'a L, grid: &'a Grid) -> Self {
        Self { law, grid, flow: None, sums: None, samples: 1000, flow_samples: None, replicates: 2, steps: None }
    }

    /// Measures local errors, and the error f − Φ, with this flow map.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::ReplicateLedger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (law, grid) = (Gaussian::standard(3)?, Grid::from_angles(&[0.1, 0.8])?);
    /// // The identity is the flow of N(0, I).
    /// let f = ConsistencyFn::new(3, 2, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    /// let report = ReplicateLedger::new(&law, &grid).flow(&law).measure(&f, &mut rng)?;
    /// assert!(report.steps[0].error_square.unwrap().value < 1e-28);
    /// assert!(ReplicateLedger::new(&law, &grid).measure(&f, &mut rng)?.local().is_none());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn flow(mut self, flow: &'a dyn FlowJacobian) -> Self {
        self.flow = Some(flow);
        self
    }

    /// Takes conditional expectations of f as the sums of this rule, not by draws: exact at every point for point masses, whose rule holds all
    /// atoms; for another law up to the accuracy of its rule.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::ReplicateLedger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::PointMasses;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (law, grid) = (PointMasses::empirical(&ndarray::array![[-1.0], [1.0]])?, Grid::from_angles(&[0.1, 0.8])?);
    /// let f = ConsistencyFn::new(1, 2, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    /// let by_sums = ReplicateLedger::new(&law, &grid).sums(&law).measure(&f, &mut rng)?;
    /// let by_draws = ReplicateLedger::new(&law, &grid).measure(&f, &mut rng)?;
    /// assert!(by_sums.steps[0].own_square.std_error < by_draws.steps[0].own_square.std_error);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn sums(mut self, rule: &'a dyn PosteriorRule) -> Self {
        self.sums = Some(rule);
        self
    }

    /// The number n of draws of X_t at each step, from 2 to 10⁷.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::ReplicateLedger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 1.5])?);
    /// let f = ConsistencyFn::new(1, 2, |_t, x: &[f64], out: &mut [f64]| out[0] = x[0]);
    /// let few = ReplicateLedger::new(&law, &grid).samples(1).measure(&f, &mut rng).unwrap_err();
    /// assert_eq!(few.to_string(), "samples = 1 is outside [2, 10000000]");
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn samples(mut self, samples: usize) -> Self {
        self.samples = samples;
        self
    }

    /// Points at which the flow map is evaluated at each step, from 2 to n; all n by default. An integrated flow costs more than f.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::ReplicateLedger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 1.5])?);
    /// let f = ConsistencyFn::new(1, 2, |_t, x: &[f64], out: &mut [f64]| out[0] = x[0]);
    /// let report = ReplicateLedger::new(&law, &grid).flow(&law).flow_samples(10).measure(&f, &mut rng)?;
    /// assert_eq!(report.steps[0].local_square.unwrap().evaluations, 10);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn flow_samples(mut self, samples: usize) -> Self {
        self.flow_samples = Some(samples);
        self
    }

    /// The number k of draws of X_{t−1} at every point, from 2 to 1024. Where own errors are small beside the spread, n points with k draws
    /// say as much as (k − 1) n points with two.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::ReplicateLedger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (law, grid) = (Gaussian::standard(4)?, Grid::from_angles(&[0.1, 1.5])?);
    /// let f = ConsistencyFn::new(4, 2, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    /// let mut error = |k| Ok::<_, onestep::Error>(ReplicateLedger::new(&law, &grid).replicates(k).measure(&f, &mut rng)?.steps[0].spread.std_error);
    /// assert!(error(32)? < error(2)?);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn replicates(mut self, replicates: usize) -> Self {
        self.replicates = replicates;
        self
    }

    /// The steps to measure, in 2..=T, in any order; all of them by default. With some left out there are no bounds.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::ReplicateLedger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// let f = ConsistencyFn::new(1, 3, |_t, x: &[f64], out: &mut [f64]| out[0] = x[0]);
    /// let report = ReplicateLedger::new(&law, &grid).steps(&[3]).measure(&f, &mut rng)?;
    /// assert_eq!((report.steps.len(), report.energy_upper()), (1, None));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn steps(mut self, steps: &[usize]) -> Self {
        self.steps = Some(steps.to_vec());
        self
    }
}

impl<L: PosteriorSample + Posterior + ?Sized> ReplicateLedger<'_, L> {
    /// Measures every term of `f`. Each step has its own draws: what is found at one does not depend on which others are measured.
    ///
    /// # Errors
    /// Sizes outside their ranges; dimensions or numbers of steps that differ; a step outside 2..=T or none; a level t or t − 1 of a measured
    /// step, or T, that `f` does not hold; f_1 that is not the identity; a value of `f` or of the flow map that is not finite; a mean that
    /// overflows.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::{AuditError, ReplicateLedger};
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// let broken = ConsistencyFn::new(1, 3, |t, x: &[f64], out: &mut [f64]| out[0] = if t == 2 { f64::NAN } else { x[0] });
    /// let found = ReplicateLedger::new(&law, &grid).measure(&broken, &mut rng).unwrap_err();
    /// assert!(matches!(found, AuditError::ValueNotFinite { step: 2, .. }));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn measure<C: ConsistencyFunction + ?Sized>(&self, f: &C, rng: &mut dyn RngCore) -> Result<ReplicateReport, AuditError> {
        let last = self.grid.steps();
        let mut steps = self.steps.clone().unwrap_or_else(|| (2..=last).collect());
        self.check(f, &steps)?;
        steps.sort_unstable();
        steps.dedup();
        let seed = rng.next_u64();
        let prior_square = self.prior_square(f, seed)?;
        check_mean("the prior mismatch", last, prior_square)?;
        let steps = steps.into_iter().map(|t| self.step(f, t, seed)).collect::<Result<Vec<_>, _>>()?;
        Ok(ReplicateReport { dim: f.dim(), grid_steps: last, samples: self.samples, replicates: self.replicates, steps, prior_square })
    }

    /// Everything that can be checked before the first evaluation.
    fn check<C: ConsistencyFunction + ?Sized>(&self, f: &C, steps: &[usize]) -> Result<(), AuditError> {
        let (dim, last) = (self.law.dim(), self.grid.steps());
        check_range("samples", self.samples, (2..=MOST_SAMPLES).contains(&self.samples), "[2, 10000000]")?;
        let flow_samples = self.flow_samples.unwrap_or(self.samples);
        check_range("flow_samples", flow_samples, (2..=self.samples).contains(&flow_samples), "[2, samples]")?;
        check_range("replicates", self.replicates, (2..=MOST_REPLICATES).contains(&self.replicates), "[2, 1024]")?;
        if let Some(flow) = self.flow {
            check_equal("dimension of the law", dim, "dimension of the flow map", flow.dim())?;
        }
        if let Some(rule) = self.sums {
            check_equal("dimension of the law", dim, "dimension of the rule", rule.dim())?;
        }
        check_equal("dimension of the law", dim, "dimension of the consistency function", f.dim())?;
        check_equal("steps of the grid", last, "steps of the consistency function", f.steps())?;
        check_some("steps", steps)?;
        for (index, &step) in steps.iter().enumerate() {
            if !(2..=last).contains(&step) {
                return Err(AuditError::NoSuchStep { name: "steps", index: index + 1, step, first: 2, last });
            }
        }
        let needed = steps.iter().flat_map(|&step| [step, step - 1]).chain([last]);
        match needed.into_iter().find(|&t| !f.holds(t)) {
            Some(step) => Err(AuditError::NotHeld { name: "the consistency function", step }),
            None => Ok(()),
        }
    }

    fn step<C: ConsistencyFunction + ?Sized>(&self, f: &C, t: usize, seed: u64) -> Result<ReplicateStep, AuditError> {
        let own = Stream::nth(seed, t as u64).next_u64();
        let flowed = self.flow_samples.unwrap_or(self.samples);
        let chunks = parallel::map(self.samples.div_ceil(CHUNK), |chunk| {
            let rows = CHUNK.min(self.samples - chunk * CHUNK);
            let with_flow = flowed.saturating_sub(chunk * CHUNK).min(rows);
            self.chunk(f, t, (rows, with_flow), &mut Stream::nth(own, chunk as u64))
        });
        let (mut own, mut flow): (Vec<OwnTerms>, Vec<FlowTerms>) = (Vec::new(), Vec::new());
        for part in chunks {
            let part = part?;
            own.extend(part.0);
            flow.extend(part.1);
        }
        let mean = |index: usize| Estimate::from_samples(&own.iter().map(|terms| terms[index]).collect::<Vec<_>>());
        let of_flow = |index: usize| {
            let values: Vec<f64> = flow.iter().map(|terms| terms[index]).collect();
            (!values.is_empty()).then(|| Estimate::from_samples(&values))
        };
        let step = ReplicateStep {
            step: t,
            angle: self.grid.level(t).angle(),
            delta: self.grid.delta(t),
            loss: mean(2),
            own_square: mean(0),
            spread: mean(1),
            local_square: of_flow(0),
            error_square: of_flow(1),
        };
        let means = [Some(step.loss), Some(step.own_square), Some(step.spread), step.local_square, step.error_square];
        means.into_iter().flatten().try_for_each(|mean| check_mean("a mean of the ledger", t, mean))?;
        Ok(step)
    }

    /// The terms of `rows` points, and those of the flow at the first `with_flow` of them.
    fn chunk<C: ConsistencyFunction + ?Sized>(
        &self,
        f: &C,
        t: usize,
        (rows, with_flow): (usize, usize),
        stream: &mut Stream,
    ) -> Result<(Vec<OwnTerms>, Vec<FlowTerms>), AuditError> {
        let k = self.replicates;
        let x0 = self.law.sample(rows, stream);
        let x = ForwardProcess::new(self.grid).marginal(t, &x0, stream);
        if t == 2 {
            check_identity(f, &x)?;
        }
        let before = self.before(t, &x, stream);
        let here = evaluate(f, t, &x)?;
        let own = if let Some(rule) = self.sums {
            self.own_by_sums(rule, f, t, (&x, &here))?
        } else {
            products(&evaluate(f, t - 1, &before)?, &here, k)
        };
        let flow = match self.flow {
            Some(flow) if with_flow > 0 => {
                let part = |table: &Array2<f64>, per_row: usize| block(table, 0..with_flow * per_row).to_owned();
                self.of_flow(flow, t, [&part(&x, 1), &part(&here, 1), &part(&before, k)])?
            }
            _ => Vec::new(),
        };
        Ok((own, flow))
    }

    /// k draws of X_{t−1} given each row of `x`, those of a row together.
    fn before(&self, t: usize, x: &ArrayRef2<f64>, stream: &mut Stream) -> Array2<f64> {
        let (k, back, level) = (self.replicates, self.grid.backward(t), self.grid.level(t));
        let mut nodes = Array2::zeros((x.nrows() * k, x.ncols()));
        for (i, x) in x.rows().into_iter().enumerate() {
            let mut own = nodes.slice_axis_mut(Axis(0), Slice::from(i * k..(i + 1) * k));
            self.law.sample_posterior_into(level, &x.to_vec(), stream, &mut own);
            for mut row in own.rows_mut() {
                row.iter_mut().zip(x).for_each(|(node, x)| *node = back.step(*x, *node));
            }
        }
        nodes
    }

    fn own_by_sums<C: ConsistencyFunction + ?Sized>(
        &self,
        rule: &dyn PosteriorRule,
        f: &C,
        t: usize,
        (x, here): (&Array2<f64>, &Array2<f64>),
    ) -> Result<Vec<OwnTerms>, AuditError> {
        let level = self.grid.level(t);
        let of_row = |i: usize| {
            let (x, here) = (block(x, i..i + 1), block(here, i..i + 1));
            let rules: [DiscreteLaw; 1] = [rule.posterior_rule(level, &x.row(0).to_vec())];
            let before = Conditional::new(self.grid, t, &x, &rules);
            let values = evaluate(f, t - 1, before.nodes())?;
            let own: f64 = before.mean_about(&values, &here).iter().map(|o| o * o).sum();
            let loss = before.mean_square_about(&values, &here)[0];
            Ok([own, (loss - own).max(0.0), loss])
        };
        (0..x.nrows()).map(of_row).collect()
    }

    /// local² and error² at the rows of x, from x, f_t(x) and the draws of X_{t−1}.
    fn of_flow(&self, flow: &dyn FlowJacobian, t: usize, [x, here, before]: [&Array2<f64>; 3]) -> Result<Vec<FlowTerms>, AuditError> {
        let (k, back, level) = (self.replicates, self.grid.backward(t), self.grid.level(t));
        let exact = flow_to_first(flow, self.grid, t, x)?;
        let mut flowed = flow_to_first(flow, self.grid, t - 1, before)?;
        // The linear part about m = E[X_{t−1} | X_t], which has mean 0.
        let mean = x * back.keep + self.law.denoise(level, x) * back.turn;
        let mean = mean.select(Axis(0), &(0..before.nrows()).map(|row| row / k).collect::<Vec<_>>());
        let about = before - &mean;
        if t == 2 {
            flowed -= &about; // Φ_1 = id
        } else {
            let linear = flow.jvp(self.grid.level(t - 1), self.grid.level(1), &mean, &about);
            check_values("the derivative of the flow map", t - 1, &mean, &linear)?;
            flowed -= &linear;
        }
        let local = products(&flowed, &exact, k);
        let error = lengths(&(here - &exact));
        Ok(local.iter().zip(error).map(|(local, error)| [local[0], error * error]).collect())
    }

    /// E‖f_T(cos θ_T X_0 + sin θ_T Z) − f_T(Z)‖².
    fn prior_square<C: ConsistencyFunction + ?Sized>(&self, f: &C, seed: u64) -> Result<Estimate, AuditError> {
        let (last, mut stream) = (self.grid.steps(), Stream::nth(seed, 0));
        let x0 = self.law.sample(self.samples, &mut stream);
        let z = Array2::from_shape_simple_fn(x0.raw_dim(), || f64::standard_normal(&mut stream));
        let x = ForwardProcess::new(self.grid).shared_noise_pair(last, &x0, &z).now;
        let gap = lengths(&(evaluate(f, last, &x)? - evaluate(f, last, &z)?));
        Ok(Estimate::from_samples(&gap.iter().map(|g| g * g).collect::<Vec<_>>()))
    }
}

fn block(table: &ArrayRef2<f64>, range: Range<usize>) -> ArrayView2<'_, f64> {
    table.slice_axis(Axis(0), Slice::from(range))
}

/// For every row of `about` the unbiased square of the mean of c − g over its k rows of `values`, their spread, and the mean square.
fn products(values: &ArrayRef2<f64>, about: &ArrayRef2<f64>, k: usize) -> Vec<OwnTerms> {
    let of_row = |(i, about): (usize, ndarray::ArrayView1<'_, f64>)| {
        let gaps = block(values, i * k..(i + 1) * k).to_owned() - about;
        let mean = gaps.sum_axis(Axis(0)) / k as f64;
        let loss = gaps.iter().map(|g| g * g).sum::<f64>() / k as f64;
        let spread = (&gaps - &mean).iter().map(|g| g * g).sum::<f64>() / (k - 1) as f64;
        // ‖mean‖² holds the kth part of the spread: what is left is the mean of the products of different rows.
        [mean.dot(&mean) - spread / k as f64, spread, loss]
    };
    about.rows().into_iter().enumerate().map(of_row).collect()
}
