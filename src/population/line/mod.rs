//! Population consistency training and distillation on the line.
//!
//! f_t is held by its values at nodes that move with the exact probability flow, so the flow map is known at every node (its label) and
//! the error ξ_t = f_t − Φ_t is as accurate, relative to itself, at T = 10⁶ as at T = 10².

mod apart;
mod comb;
mod estimate;
mod few_steps;
mod law;
mod leading;
mod ledger;
mod mesh;
mod mixture;
mod result;
mod rules;
mod target;

pub use apart::noise_apart;
pub use leading::{LeadingOrder, LineLimits};
pub use result::{LineConsistency, LinePopulation};
pub use target::LineTarget;

use crate::error::check_range;
use crate::level::NoiseLevel;
use crate::numeric::parallel;
use crate::population::LocalError;
use crate::population::interpolant::Interpolant;
use crate::population::local_error::{ROUNDING, certificate_levels, sum_over_levels};
use crate::population::mesh::local_scales;
use crate::population::quadrature::Quadrature;
use crate::population::report::narrowing;
use crate::population::settings::{Kept, refine};
use crate::population::{Evaluations, FewSteps, Interval, Keep, Loss, Method, PopulationError, PopulationReport, Settings};
use crate::schedule::Grid;
use estimate::Estimator;
use few_steps::Sampler;
use law::{Before, LineLaw, Nodes, Tracker};
use ledger::{Ledger, lower_bound};
use mesh::{LineDensity, Mesh};
use result::SecondMoments;
use rules::{HermiteRule, hermite_rules};

/// Relative tolerance unless one is given.
const TOLERANCE: f64 = 1e-9;

/// Consistency training or distillation on the line, at population level.
///
/// Training: f_t(x) = E[f_{t−1}(X_{t−1}) | X_t = x], where given component k of the target X_{t−1} | X_t = x is Gaussian with
///
/// ```math
/// \text{mean } \cos\theta_{t-1} m_k + \frac{\cos\theta_t\cos\theta_{t-1}\sigma_k^2 + \sin\theta_t\sin\theta_{t-1}}{v_k}(x - \cos\theta_t m_k),
/// \qquad \text{std } \frac{\sigma_k \sin\Delta\theta_t}{\sqrt{v_k}} .
/// ```
///
/// A [`Comb`](crate::law::Comb) has the posterior cos Δθ_t x + sin Δθ_t ζ, ζ of density γ(ζ)(1 + A cos(k cos θ_t x + k sin θ_t ζ))/B.
///
/// Distillation with the exact score: f_t(x) = f_{t−1}(E[X_{t−1} | X_t = x]).
///
/// Training under another [`Loss`]: f_t(x) is the M-estimate of f_{t−1}(X_{t−1}) given X_t = x. Its likelihood ratio is monotone, so f_t still
/// increases and the distances are exact. It is no conditional expectation: the energy identity and the upper bound of 2.15 do not hold, and
/// the certificate takes the steps of f itself as the local errors, E|f_t(X_t) − f_{t−1}(Φ_{t→t−1}(X_t))|, which add up to f_T − Φ_T
/// along the flow whatever f is.
///
/// # Method
/// Nodes are trajectories of the exact flow, placed so that they resolve p_t and the flow map at every level. Posterior expectations are
/// Gauss–Hermite sums (finite sums for point masses, trapezoidal sums that resolve the wavelength for combs) of a degree-10 interpolant, with as many points as the ratio of the posterior's
/// width to the local scale of f asks for. The run is repeated on finer nodes until the error that is left in W_1, W_2, the energy deficit and
/// the loss, judged by how far the repetitions moved them, is below the tolerance, relatively. The first two runs are made side by side
/// where there are two threads.
///
/// # Cost
/// Proportional to T × nodes × components; some 10⁻⁵ to 10⁻⁴ seconds a step. Memory does not depend on T unless functions are kept.
///
/// # Example
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::law::LineMixture;
/// use onestep::population::LineRecursion;
/// use onestep::schedule::LiHuangWei;
/// let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.8, 0.8])?;
/// let grid = LiHuangWei::new(256, 2.0, 4.0)?.grid()?;
/// let run = LineRecursion::new(&target, &grid).run()?;
/// let report = run.report();
/// assert!(report.resolved);
/// // T W_1 / ln T = 0.85732 for this target, schedule and T.
/// assert!((report.w1.lower * 256.0 / 256f64.ln() - 0.85732).abs() < 1e-5);
/// // The losses add up to the lost second moment (energy identity).
/// assert!((report.loss_sum / report.energy_deficit - 1.0).abs() < 1e-9);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Li, Huang and Wei 2025, arXiv 2402.07802, eq. (14), for the recursion.
#[derive(Debug, Clone)]
pub struct LineRecursion<'a> {
    target: LineTarget<'a>,
    grid: &'a Grid,
    settings: Settings,
}

impl<'a> LineRecursion<'a> {
    /// Training on `target` along `grid`, keeping f_T only, to relative tolerance 1e−9.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineRecursion;
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LineRecursion::new(&target, &grid).run()?;
    /// // For N(0, 1) one step multiplies by cos Δθ.
    /// let value = run.consistency().eval(3, &ndarray::array![[1.0]])[[0, 0]];
    /// assert!((value - 0.7f64.cos().powi(2)).abs() < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(target: impl Into<LineTarget<'a>>, grid: &'a Grid) -> Self {
        Self { target: target.into(), grid, settings: Settings::new() }
    }

    /// All settings at once, in place of what was set before.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::{LineRecursion, Settings};
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = LineRecursion::new(&target, &grid).settings(Settings::new()).run()?;
    /// assert_eq!(run.report(), LineRecursion::new(&target, &grid).run()?.report());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Training or distillation.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::{LineRecursion, Method};
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LineRecursion::new(&target, &grid).method(Method::Distillation).run()?;
    /// assert_eq!(run.report().loss_sum, 0.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.settings = self.settings.method(method);
        self
    }

    /// What a step of training minimises, for mixtures; the squared loss by default.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::{LineRecursion, Loss};
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// // The posterior of a Gaussian is symmetric: its median is its mean.
    /// let [median, mean] = [Loss::Absolute, Loss::Squared].map(|loss| LineRecursion::new(&target, &grid).loss(loss).run().unwrap());
    /// assert!((median.report().w1.upper / mean.report().w1.upper - 1.0).abs() < 1e-9);
    /// assert_eq!(median.report().energy_upper, None);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn loss(mut self, loss: Loss) -> Self {
        self.settings = self.settings.loss(loss);
        self
    }

    /// Which functions to keep; by default f_T alone.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::law::LineMixture;
    /// use onestep::population::{Keep, LineRecursion};
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LineRecursion::new(&target, &grid).keep(Keep::All).run()?;
    /// assert!((1..=3).all(|t| run.consistency().holds(t)));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.settings = self.settings.keep(keep);
        self
    }

    /// Relative tolerance of W_1, W_2, energy deficit and loss, in [1e−13, 1): the nodes are refined until their estimated error is below. The
    /// estimate holds on 60 random mixtures at 1e−4, 1e−6 and 1e−8.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineRecursion;
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// assert!(LineRecursion::new(&target, &grid).tolerance(0.0).run().is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.settings = self.settings.tolerance(tolerance);
        self
    }

    /// Spacing of the nodes in local length scales in the first run, in (0, 1]; by default 0.235 for a tolerance of 1e−9 and more for
    /// a looser one. A smaller one saves the runs that would be refined away.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineRecursion;
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let fine = LineRecursion::new(&target, &grid).spacing(0.1).run()?;
    /// let coarse = LineRecursion::new(&target, &grid).spacing(0.2).run()?;
    /// assert!(fine.nodes() > coarse.nodes());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn spacing(mut self, spacing: f64) -> Self {
        self.settings = self.settings.spacing(spacing);
        self
    }

    /// How many finer runs may follow the first; 6 by default. With 0 there is one run, at the spacing asked for, and its numerical error is
    /// reported as infinite, that is unknown.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineRecursion;
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let once = LineRecursion::new(&target, &grid).refinements(0).run()?;
    /// assert_eq!(once.report().resolution_error, f64::INFINITY);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn refinements(mut self, refinements: usize) -> Self {
        self.settings = self.settings.refinements(refinements);
        self
    }

    /// Runs the recursion.
    ///
    /// # Errors
    /// A tolerance outside [1e−13, 1), a spacing outside (0, 1], a c outside [1e−100, 1e100], a level to keep that does not exist, a target whose
    /// coordinates are more than 10⁷ times its smallest standard deviation at level 1, or one that needs too many nodes; a comb under
    /// another loss than the squared one, and point masses under the absolute loss, whose medians jump. A run that did not reach its
    /// tolerance is not an error: its report says `resolved: false` and how large its numerical error is.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::{Keep, LineRecursion};
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// assert!(LineRecursion::new(&target, &grid).keep(Keep::Levels(vec![4])).run().is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn run(&self) -> Result<LinePopulation, PopulationError> {
        match self.target {
            LineTarget::Mixture(law) => {
                if (self.settings.method, self.settings.loss) == (Method::Training, Loss::Absolute) {
                    let smallest = law.stds().iter().copied().fold(f64::INFINITY, f64::min);
                    check_range("smallest standard deviation under the absolute loss", smallest, smallest > 0.0, "(0, inf)")?;
                }
                self.run_on(law)
            }
            LineTarget::Comb(law) => {
                self.settings.check_squared("combs")?;
                self.run_on(law)
            }
        }
    }

    /// Runs the recursion and then the sampler that evaluates it several times.
    ///
    /// # Accuracy
    /// Samples are carried as atoms, eight a cell of the nodes and closer than the noise that is added next; W_1 is about as accurate as that of
    /// one evaluation, absolutely.
    ///
    /// # Errors
    /// Those of [`run`](Self::run); levels that do not fall or are none; T > 4096 for the best ones.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::{Evaluations, LineRecursion};
    /// let (law, grid) = (LineMixture::gaussian(0.0, 1.0)?, Grid::from_angles(&[0.1, 0.5, 1.0, 1.5])?);
    /// let recursion = LineRecursion::new(&law, &grid);
    /// let one = recursion.few_steps(&Evaluations::Levels(vec![]))?.w1.upper;
    /// assert!(recursion.few_steps(&Evaluations::Best(2))?.w1.upper < one);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn few_steps(&self, evaluations: &Evaluations) -> Result<FewSteps, PopulationError> {
        evaluations.check(self.grid.steps())?;
        let keep = match evaluations {
            Evaluations::Levels(levels) => Keep::Levels(levels.clone()),
            Evaluations::Best(_) if self.grid.steps() <= few_steps::MOST_SOUGHT => Keep::All,
            Evaluations::Best(_) => Keep::Last,
        };
        let run = self.clone().keep(keep).run()?;
        let grid = self.grid;
        match self.target {
            LineTarget::Mixture(law) => Sampler { law, grid, run: &run }.run(evaluations),
            LineTarget::Comb(law) => Sampler { law, grid, run: &run }.run(evaluations),
        }
    }

    fn run_on(&self, target: &impl LineLaw) -> Result<LinePopulation, PopulationError> {
        let grid = self.grid;
        self.settings.check(grid.steps())?;
        let scale = target.check(grid)?;
        let density = LineDensity::new(target, grid);
        let pass = |spacing| Ok(Pass::new(target, grid, &self.settings, &density, spacing)?.run());
        let mut run = refine(&self.settings, TOLERANCE, scale, pass, |run| &mut run.report)?;
        run.report.ln_lipschitz = run.steepest.refined(target, grid).max(target.ln_gap_slope(grid));
        run.report.check()?;
        Ok(run)
    }
}

/// One run at one resolution.
struct Pass<'a, L> {
    target: &'a L,
    grid: &'a Grid,
    settings: &'a Settings,
    mesh: Mesh,
    quadrature: Quadrature<'a>,
    spacing: f64,
    rules: Vec<HermiteRule>,
}

impl<'a, L: LineLaw> Pass<'a, L> {
    fn new(target: &'a L, grid: &'a Grid, settings: &'a Settings, density: &LineDensity, spacing: f64) -> Result<Self, PopulationError> {
        let mesh = density.mesh(target, grid, spacing)?;
        let quadrature = Quadrature::new(&mesh.labels, target.density(grid.level(1)));
        Ok(Self { target, grid, settings, mesh, quadrature, spacing, rules: hermite_rules() })
    }

    fn run(&self) -> LinePopulation {
        let Self { target, grid, settings: Settings { keep, method, loss: trained, .. }, .. } = *self;
        let steps = grid.steps();
        let n = self.mesh.labels.len();
        let tracker = target.tracker(&self.mesh.labels, grid.level(1));
        let mut nodes = tracker.start(grid.level(1));
        // f_t = Φ_t + error: the error is summed on its own, so that a million small increments keep their digits.
        let mut f = self.mesh.labels.clone();
        let mut error = vec![0.0; n];
        let mut before = nodes.x.clone();
        let mut velocity_before = nodes.velocity.clone();
        let mut interpolant = Interpolant::default();
        let mut labels = Interpolant::default();
        let mut scales = vec![0.0; n];
        let mut increment = vec![0.0; n];
        let mut loss = vec![0.0; n];
        let mut kept = Kept::default();
        let mut ledger = Ledger::new(&nodes.density);
        let measured = certificate_levels(grid);
        let mut next_measured = 0;
        for t in 2..=steps {
            let from = grid.level(t);
            local_scales(&nodes.x, self.spacing, &mut scales);
            interpolant.rebuild_blocks(&nodes.x, &f, &self.mesh.degrees);
            let measure = measured.get(next_measured) == Some(&t);
            if measure {
                labels.rebuild_blocks(&nodes.x, &self.mesh.labels, &self.mesh.degrees);
                next_measured += 1;
            }
            predict(&mut nodes, &mut before, &mut velocity_before, grid.delta(t), (t > 2).then(|| grid.delta(t - 1)));
            tracker.advance(from, &mut nodes);
            let backward = target.backward(grid, t);
            match method {
                Method::Training if *trained == Loss::Squared => {
                    self.train(&backward, &nodes, &mut interpolant, &scales, &mut increment, &mut loss);
                    ledger.loss_sum += self.quadrature.mean(&loss);
                    if measure {
                        let mut local = std::mem::take(&mut loss);
                        let mut unused = vec![0.0; n];
                        self.train(&backward, &nodes, &mut labels, &scales, &mut local, &mut unused);
                        ledger.locals.push(LocalError::new(t, grid, &self.quadrature, &local));
                        loss = local;
                    }
                }
                Method::Training => {
                    interpolant.assemble();
                    self.estimate(&backward, &nodes, &interpolant, &scales, &mut increment, &mut loss);
                    ledger.loss_sum += self.quadrature.mean(&loss);
                }
                Method::Distillation => {
                    interpolant.assemble();
                    self.distil(&backward, &nodes, &interpolant, &mut increment);
                }
            }
            // Along the flow f_{t−1} moves a node from its own value by exactly this much.
            if measure && !self.settings.projects() {
                ledger.locals.push(LocalError::new(t, grid, &self.quadrature, &increment));
            }
            for (((f, e), i), y) in f.iter_mut().zip(&mut error).zip(&increment).zip(&self.mesh.labels) {
                *e += i;
                *f = y + *e;
            }
            ledger.stretch(t, &nodes.density);
            if keep.keeps(t, steps) {
                kept.push(t, Interpolant::new(&nodes.x, &f, &self.mesh.degrees));
            }
        }
        self.conclude(ledger, &f, &error, kept)
    }

    /// increment_i = E[g(X_{t−1}) | X_t = x_i] − g_i and loss_i = Var(g(X_{t−1}) | X_t = x_i), g the interpolant, g_i its value at node i.
    fn train(
        &self,
        backward: &L::Backward,
        nodes: &Nodes<L::Own>,
        g: &mut Interpolant,
        scales: &[f64],
        increment: &mut [f64],
        loss: &mut [f64],
    ) {
        let mut left = Vec::new();
        self.target.average_blocks(backward, nodes, Before { g, scales, rules: &self.rules }, (increment, loss), &mut left);
        if !left.is_empty() {
            g.assemble();
        }
        let before = Before { g, scales, rules: &self.rules };
        for i in left {
            (increment[i], loss[i]) = self.target.average(backward, nodes, i, before);
        }
    }

    /// increment_i = m_i − g_i and loss_i the mean of the loss at m_i, m_i the M-estimate of g(X_{t−1}) given X_t = x_i.
    fn estimate(
        &self,
        backward: &L::Backward,
        nodes: &Nodes<L::Own>,
        g: &Interpolant,
        scales: &[f64],
        increment: &mut [f64],
        loss: &mut [f64],
    ) {
        let before = Before { g, scales, rules: &self.rules };
        let workspace = || Estimator::new(self.settings.loss);
        let found = parallel::map_with(increment.len(), workspace, |estimator, i| {
            self.target.parts(backward, nodes, i, g.nodes()[i], &mut estimator.parts);
            estimator.estimate(i, before)
        });
        for ((increment, loss), found) in increment.iter_mut().zip(loss).zip(found) {
            (*increment, *loss) = found;
        }
    }

    /// increment_i = g(E[X_{t−1} | X_t = x_i]) − g_i.
    fn distil(&self, backward: &L::Backward, nodes: &Nodes<L::Own>, g: &Interpolant, increment: &mut [f64]) {
        for (i, out) in increment.iter_mut().enumerate() {
            let change = self.target.mean_change(backward, nodes, i);
            *out = g.rise(i, (nodes.x[i] - g.nodes()[i]) + change, i).0;
        }
    }

    fn conclude(&self, ledger: Ledger, f: &[f64], error: &[f64], kept: Kept<Interpolant>) -> LinePopulation {
        let Self { target, grid, settings, .. } = *self;
        let q = &self.quadrature;
        let y = &self.mesh.labels;
        // The same sampler started from N(0, I): the node of label y is then the normal quantile of the same order.
        let to_noise = target.transport(grid.level(1), NoiseLevel::NOISE);
        let from_noise: Vec<f64> = match kept.last() {
            Some(last) => y.iter().enumerate().map(|(i, &y)| last.eval(to_noise(y), i).0).collect(),
            None => f.to_vec(),
        };
        let noise_error: Vec<f64> = from_noise.iter().zip(y).map(|(f, y)| f - y).collect();
        let mismatch: Vec<f64> = from_noise.iter().zip(f).map(|(a, b)| a - b).collect();
        let root_mean_square = |g: &[f64]| q.mean_of(|i| g[i] * g[i]).max(0.0).sqrt();
        let (certificate, certificate_error) = sum_over_levels(grid, &ledger.locals, |l| l.mean_abs);
        let (certificate_l2, _) = sum_over_levels(grid, &ledger.locals, |l| l.root_mean_square);
        let report = PopulationReport {
            steps: grid.steps(),
            dim: 1,
            w1: Interval::exact(q.mean_abs(&noise_error)),
            w1_marginal: Interval::exact(q.mean_abs(error)),
            w2_marginal: Interval::exact(root_mean_square(error)),
            spread: target.spread(grid.level(1)),
            mean_shift: q.mean(error).abs(),
            energy_deficit: -q.mean_of(|i| error[i] * (2.0 * y[i] + error[i])),
            loss_sum: ledger.loss_sum,
            energy_lower: 0.0,
            energy_upper: None,
            lower_bound: lower_bound(q, y, error).min(lower_bound(q, y, &noise_error)) * (1.0 - ROUNDING),
            certificate: certificate + certificate_error,
            certificate_error,
            prior_mismatch: q.mean_abs(&mismatch),
            ln_lipschitz: 0.0,
            resolution_error: f64::INFINITY,
            resolved: false,
        };
        // Var X_1 − Var f.
        let (centre, shift) = (q.mean(y), q.mean(error));
        let lost = -q.mean_of(|i| (error[i] - shift) * (2.0 * (y[i] - centre) + (error[i] - shift)));
        let narrowing = narrowing(report.spread, lost);
        let report = report.with_moments(settings.projects(), narrowing);
        let moments =
            SecondMoments { from_noise: root_mean_square(&noise_error), certificate: certificate_l2, prior: root_mean_square(&mismatch) };
        let steepest = ledger.steepest(y);
        let separates = settings.method == Method::Distillation || settings.loss == Loss::Squared;
        let consistency = LineConsistency { steps: grid.steps(), kept };
        LinePopulation { consistency, report, moments, locals: ledger.locals, steepest, separates }
    }
}

/// Moves the nodes along the flow by `delta`: the cubic through the positions and velocities of the last two levels, `last` apart, or an
/// Euler step where there is no level before. The positions and velocities left are written to `before` and `velocity_before`.
fn predict<E>(nodes: &mut Nodes<E>, before: &mut [f64], velocity_before: &mut [f64], delta: f64, last: Option<f64>) {
    for (((x, &u), x0), u0) in nodes.x.iter_mut().zip(&nodes.velocity).zip(before).zip(velocity_before) {
        let here = *x;
        *x += delta * u;
        if let Some(last) = last {
            let s = delta / last;
            let (rise, m0, m1) = (here - *x0, last * *u0, last * u);
            *x += s * s * ((m0 + 2.0 * m1 - 3.0 * rise) + s * (m0 + m1 - 2.0 * rise));
        }
        *x0 = here;
        *u0 = u;
    }
}
