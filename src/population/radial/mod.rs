//! Population consistency training and distillation of rotation-invariant targets.
//!
//! f_t(x) = g_t(‖x‖) x/‖x‖ by equivariance, so a recursion in d dimensions is one for a function of the radius, with an average over the
//! angle between X_0 and x.

mod nodes;

use super::interpolant::Interpolant;
use super::{Interval, Keep, Method, PopulationError, PopulationReport};
use crate::batch;
use crate::consistency::assert_evaluable;
use crate::special::von_mises_fisher::{Angle, AngularRule};
use crate::target::radial::{Radial, norm};
use crate::{ConsistencyFunction, Float, Grid};
use ndarray::ArrayRef2;
use nodes::Nodes;

/// Spacing of the nodes in normal scores in the first run; each refinement divides it by `REFINEMENT`.
const SPACING: f64 = 0.12;
const REFINEMENT: f64 = 1.4;
/// Refinements tried before a run is reported as not resolved.
const REFINEMENTS: usize = 4;
/// Points of the angular rule in the first run; it gives means to 1e−13, and more points follow finer nodes by a square root.
const ANGULAR: f64 = 44.0;
/// Shells of smaller posterior probability are left out.
const NEGLIGIBLE: f64 = 1e-18;

/// Consistency training or distillation of a [`Radial`] target at population level.
///
/// Training: with r = ‖x‖ and X_0 = ρU, X_{t−1} = (sin θ_{t−1} x + sin Δθ_t ρU)/sin θ_t, so
///
/// ```math
/// g_t(r) = E\Big[ g_{t-1}(R)\, \frac{a r + b\rho\cos\varphi}{R} \Big], \qquad R^2 = (ar + b\rho)^2 - 2abr\rho(1-\cos\varphi), \quad
/// a = \frac{\sin\theta_{t-1}}{\sin\theta_t},\ b = \frac{\sin\Delta\theta_t}{\sin\theta_t},
/// ```
///
/// where φ has density ∝ sin^{d−2}φ e^{κ cos φ}, κ = cos θ_t ρ r/sin²θ_t, given the radius ρ of X_0, and ρ its posterior law.
/// Distillation with the exact score: g_t(r) = g_{t−1}(a r + b ‖D(x)‖).
///
/// # Method
/// g_t is held by its values at trajectories of the exact radial flow, evenly spread over the normal scores of the radius, and
/// interpolated by odd polynomials of degree 10. All averages over X_t are averages over trajectories, with weights that do not depend
/// on t. The run is repeated on finer nodes until W_1, W_2, the energy deficit and the loss move by less than the tolerance, relatively. The certificate, whose terms
/// may jump (on the line, where the posterior has two points), is raised by what the last refinement moved it.
///
/// W_1 = E|g_T − Φ_T| over the radius, which is exact where g_T ≥ 0 does not decrease: both laws are then rotation-invariant with
/// monotonically coupled radii. That is checked at the nodes; where it fails, `w1` and `w1_marginal` are intervals.
///
/// # Cost
/// T × nodes × shells × angular points: about a second for a sphere at T = 1000, in any dimension. Memory does not depend on T unless
/// functions are kept.
///
/// # Example
/// ```
/// use onestep::{LiHuangWei, Radial, RadialRecursion, VarianceSchedule};
/// let target = Radial::sphere(100, 10.0)?;
/// let grid = LiHuangWei::new(64, 2.0, 4.0)?.grid()?;
/// let run = RadialRecursion::new(&target, &grid).run()?;
/// let report = run.report();
/// assert!(report.resolved);
/// // Energy identity: the losses add up to the lost second moment.
/// assert!((report.loss_sum / report.energy_deficit - 1.0).abs() < 1e-8);
/// assert!(report.lower_bound <= report.w1.upper && report.w1_marginal.upper <= report.certificate);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Li, Huang and Wei 2025, arXiv 2402.07802, eq. (14), for the recursion.
#[derive(Debug, Clone)]
pub struct RadialRecursion<'a> {
    target: &'a Radial,
    grid: &'a Grid,
    method: Method,
    keep: Keep,
    tolerance: f64,
    spacing: f64,
}

impl<'a> RadialRecursion<'a> {
    /// Training on `target` along `grid`, keeping f_T only, to relative tolerance 1e−8.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{ConsistencyFunction, Grid, Radial, RadialRecursion};
    /// let target = Radial::sphere(3, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = RadialRecursion::new(&target, &grid).run()?;
    /// // Equivariance: the origin stays where it is.
    /// assert_eq!(run.consistency().eval(3, &array![[0.0, 0.0, 0.0]]), array![[0.0, 0.0, 0.0]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(target: &'a Radial, grid: &'a Grid) -> Self {
        Self { target, grid, method: Method::Training, keep: Keep::Last, tolerance: 1e-8, spacing: SPACING }
    }

    /// Training or distillation.
    ///
    /// ```
    /// use onestep::{Grid, Method, Radial, RadialRecursion};
    /// let target = Radial::sphere(3, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = RadialRecursion::new(&target, &grid).method(Method::Distillation).run()?;
    /// assert_eq!(run.report().loss_sum, 0.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Which functions to keep; by default f_T alone.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid, Keep, Radial, RadialRecursion};
    /// let target = Radial::sphere(3, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = RadialRecursion::new(&target, &grid).keep(Keep::All).run()?;
    /// assert!((1..=3).all(|t| ConsistencyFunction::<f64>::holds(run.consistency(), t)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Relative tolerance of W_1, W_2, energy deficit and loss, in [1e−13, 1): the nodes are refined until these move by less.
    ///
    /// ```
    /// use onestep::{Grid, Radial, RadialRecursion};
    /// let target = Radial::sphere(3, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// assert!(RadialRecursion::new(&target, &grid).tolerance(0.0).run().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Spacing of the nodes in normal scores in the first run, in (0, 1]; 0.12 by default.
    ///
    /// ```
    /// use onestep::{Grid, Radial, RadialRecursion};
    /// let target = Radial::sphere(3, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// assert!(RadialRecursion::new(&target, &grid).spacing(f64::NAN).run().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn spacing(mut self, spacing: f64) -> Self {
        self.spacing = spacing;
        self
    }

    /// Runs the recursion.
    ///
    /// # Errors
    /// A tolerance outside [1e−13, 1), a spacing outside (0, 1], a target that is the origin alone, or a level to keep that does not
    /// exist. A run that did not reach its tolerance is not an error: its report says `resolved: false` and by how much the last
    /// refinement moved it.
    ///
    /// ```
    /// use onestep::{Grid, Keep, Radial, RadialRecursion};
    /// let target = Radial::sphere(3, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// assert!(RadialRecursion::new(&target, &grid).keep(Keep::Levels(vec![4])).run().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run(&self) -> Result<RadialPopulation, PopulationError> {
        if !(self.tolerance >= 1e-13 && self.tolerance < 1.0) {
            return Err(PopulationError::OutOfRange { name: "tolerance", value: self.tolerance, range: "[1e-13, 1)" });
        }
        if !(self.spacing > 0.0 && self.spacing <= 1.0) {
            return Err(PopulationError::OutOfRange { name: "spacing", value: self.spacing, range: "(0, 1]" });
        }
        let largest = self.target.radii().iter().copied().fold(0.0, f64::max);
        if !(largest > 0.0) {
            return Err(PopulationError::OutOfRange { name: "radius", value: largest, range: "(0, inf)" });
        }
        self.keep.check(self.grid.steps())?;
        let mut spacing = self.spacing;
        let mut best = Pass::new(self, spacing).run();
        for _ in 0..REFINEMENTS {
            spacing /= REFINEMENT;
            let finer = Pass::new(self, spacing).run();
            let moved = finer.report.change_from(&best.report, largest.max(largest * largest));
            let certificate_error = (finer.report.certificate - best.report.certificate + best.report.certificate_error).abs();
            best = finer;
            best.report.certificate += certificate_error;
            best.report.certificate_error = certificate_error;
            best.report.resolution_error = moved;
            best.report.resolved = moved <= self.tolerance;
            if best.report.resolved {
                break;
            }
        }
        Ok(best)
    }
}

/// One run on one set of nodes.
struct Pass<'a> {
    problem: &'a RadialRecursion<'a>,
    nodes: Nodes,
    rule: AngularRule,
    /// g_t at the nodes.
    values: Vec<f64>,
    stretch: Stretch,
}

/// What one step finds at one node.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    value: f64,
    /// E‖f_{t−1}(X_{t−1}) − f_t(x)‖² given X_t = x.
    loss: f64,
    /// E Φ_{t−1}(X_{t−1}) − Φ_t(x), along x.
    local: f64,
}

impl<'a> Pass<'a> {
    fn new(problem: &'a RadialRecursion<'a>, spacing: f64) -> Self {
        let nodes = Nodes::new(problem.target, problem.grid, spacing);
        let rule = AngularRule::new(problem.target.dim(), (ANGULAR * (problem.spacing / spacing).sqrt()).ceil() as usize);
        let stretch = Stretch::new(&nodes.radii);
        Self { problem, values: nodes.labels.clone(), nodes, rule, stretch }
    }

    fn run(mut self) -> RadialPopulation {
        let (grid, method) = (self.problem.grid, self.problem.method);
        let steps = grid.steps();
        let weights = self.nodes.weights();
        let (mut loss_sum, mut certificate) = (0.0, 0.0);
        let mut kept = Vec::new();
        for t in 2..=steps {
            let before = grid.level(t - 1);
            let (function, flow) = (self.nodes.odd(&self.values), self.nodes.odd(&self.nodes.labels));
            self.nodes.advance(self.problem.target, before, grid.level(t));
            let found = batch::map(self.values.len(), |i| match method {
                Method::Training => self.train(t, i, &function, &flow),
                Method::Distillation => self.distil(t, i, &function, &flow),
            });
            let mean = |quantity: &dyn Fn(&Step) -> f64| weights.iter().zip(&found).map(|(w, s)| w * quantity(s)).sum::<f64>();
            loss_sum += mean(&|s| s.loss);
            certificate += self.nodes.mean(&found.iter().map(|s| s.local).collect::<Vec<_>>(), f64::abs);
            self.values = found.iter().map(|s| s.value).collect();
            self.stretch.update(&self.nodes.radii);
            if self.problem.keep.keeps(t, steps) {
                kept.push((t, self.nodes.odd(&self.values)));
            }
        }
        let report = self.report(&weights, loss_sum, certificate);
        let consistency = RadialConsistency { dim: self.problem.target.dim(), steps, kept };
        RadialPopulation { consistency, report, nodes: self.values.len() }
    }

    /// a = sin θ_{t−1}/sin θ_t and b = sin Δθ_t/sin θ_t.
    fn rotation(&self, t: usize) -> (f64, f64) {
        let grid = self.problem.grid;
        (grid.level(t - 1).sin() / grid.level(t).sin(), grid.sin_delta(t) / grid.level(t).sin())
    }

    fn train(&self, t: usize, i: usize, function: &Interpolant, flow: &Interpolant) -> Step {
        let target = self.problem.target;
        let (level, r) = (self.problem.grid.level(t), self.nodes.radii[i]);
        let (a, b) = self.rotation(t);
        let reference = self.values[i];
        let mut angles: Vec<Angle> = Vec::new();
        let mut hint = self.nodes.radii.len() + 1 + i;
        let (mut rise, mut spread, mut across, mut local) = (0.0, 0.0, 0.0, 0.0);
        target.for_posterior(level.cos(), level.sin(), r, |j, probability, _| {
            if probability < NEGLIGIBLE {
                return;
            }
            let rho = target.radii()[j];
            self.rule.at(target.concentration(j, level.cos(), level.sin(), r), &mut angles);
            for angle in &angles {
                let w = probability * angle.weight;
                let far = a * r + b * rho;
                let radius = (far * far - 2.0 * a * b * r * rho * angle.versine).max(0.0).sqrt();
                let cos = if radius > 0.0 { (a * r + b * rho * angle.cos) / radius } else { 0.0 };
                let (value, near) = function.eval(radius, hint);
                hint = near;
                // Differences from the value on the same trajectory, so that small steps keep their digits.
                let difference = value * cos - reference;
                rise += w * difference;
                spread += w * difference * difference;
                let sin = if radius > 0.0 { b * rho * angle.sin / radius } else { 0.0 };
                across += w * (value * sin).powi(2);
                local += w * (flow.eval(radius, near).0 * cos - self.nodes.labels[i]);
            }
        });
        Step { value: reference + rise, loss: spread - rise * rise + across, local }
    }

    fn distil(&self, t: usize, i: usize, function: &Interpolant, flow: &Interpolant) -> Step {
        let (level, r) = (self.problem.grid.level(t), self.nodes.radii[i]);
        let (a, b) = self.rotation(t);
        let radius = a * r + b * self.problem.target.denoised_radius(level.cos(), level.sin(), r);
        let (value, near) = function.eval(radius, self.nodes.radii.len() + 1 + i);
        Step { value, loss: 0.0, local: flow.eval(radius, near).0 - self.nodes.labels[i] }
    }

    fn report(&self, weights: &[f64], loss_sum: f64, certificate: f64) -> PopulationReport {
        let RadialRecursion { target, grid, .. } = *self.problem;
        let (labels, values) = (&self.nodes.labels, &self.values);
        let last = self.nodes.odd(values);
        let from_noise: Vec<f64> = self.nodes.noise.iter().map(|&r| last.eval(r, values.len()).0).collect();
        let mean = |f: &dyn Fn(usize) -> f64| weights.iter().enumerate().map(|(i, w)| w * f(i)).sum::<f64>();
        let gap = |a: &[f64], b: &[f64]| {
            let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
            self.nodes.mean(&difference, f64::abs)
        };
        let between = |samples: &[f64], upper: f64| {
            // Monotone radii of two rotation-invariant laws: the coupling is optimal. Otherwise ‖·‖ bounds it from below.
            let monotone = samples[0] >= 0.0 && samples.windows(2).all(|w| w[0] <= w[1]);
            let norms = mean(&|i| labels[i] - samples[i].abs()).abs();
            (Interval { lower: if monotone { upper } else { norms.min(upper) }, upper }, norms.min(upper))
        };
        let (w1, norms) = between(&from_noise, gap(labels, &from_noise));
        let (w1_marginal, norms_marginal) = between(values, gap(labels, values));
        PopulationReport {
            steps: grid.steps(),
            dim: target.dim(),
            w1,
            w1_marginal,
            w2_marginal: self.nodes.mean(&labels.iter().zip(values).map(|(a, b)| a - b).collect::<Vec<_>>(), |gap| gap * gap).sqrt(),
            mean_shift: 0.0,
            energy_deficit: mean(&|i| (labels[i] - values[i]) * (labels[i] + values[i])),
            loss_sum,
            lower_bound: norms.min(norms_marginal),
            // For distillation local errors are met off the marginals, so their means do not add up to a bound: the coupling itself is one.
            certificate: match self.problem.method {
                Method::Training => certificate,
                Method::Distillation => w1_marginal.upper,
            },
            certificate_error: 0.0,
            prior_mismatch: gap(values, &from_noise),
            lipschitz: self.stretch.largest,
            resolution_error: f64::INFINITY,
            resolved: false,
        }
    }
}

/// Gaps between nodes that are smaller than this part of the radius hold too few digits for a slope.
const RESOLVED: f64 = 1e-6;

/// The largest slope of the radial flow maps Φ_{t→k}, k ≤ t, met at the nodes: along the radius the ratio of neighbouring gaps, across it
/// the ratio of the radii.
#[derive(Debug, Clone)]
struct Stretch {
    /// The largest radius and the largest gap to the next node that each node has had.
    radii: Vec<f64>,
    gaps: Vec<f64>,
    largest: f64,
}

impl Stretch {
    fn new(radii: &[f64]) -> Self {
        Self { radii: radii.to_vec(), gaps: radii.windows(2).map(|w| w[1] - w[0]).collect(), largest: 1.0 }
    }

    fn update(&mut self, radii: &[f64]) {
        let gap = |w: &[f64]| if w[1] - w[0] > RESOLVED * w[1] { w[1] - w[0] } else { 0.0 };
        let gaps = radii.windows(2).map(gap);
        for (most, now) in self.radii.iter_mut().zip(radii.iter().copied()).chain(self.gaps.iter_mut().zip(gaps)) {
            if now > 0.0 {
                self.largest = self.largest.max(*most / now);
            }
            *most = most.max(now);
        }
    }
}

/// The result of a [`RadialRecursion`].
#[derive(Debug, Clone)]
pub struct RadialPopulation {
    consistency: RadialConsistency,
    report: PopulationReport,
    nodes: usize,
}

impl RadialPopulation {
    /// The functions that were kept.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid, Radial, RadialRecursion};
    /// let target = Radial::sphere(5, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = RadialRecursion::new(&target, &grid).run()?;
    /// assert_eq!(ConsistencyFunction::<f64>::dim(run.consistency()), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn consistency(&self) -> &RadialConsistency {
        &self.consistency
    }

    /// Errors and bounds. `lipschitz` is the largest slope met at the nodes.
    ///
    /// ```
    /// use onestep::{Grid, Radial, RadialRecursion};
    /// let target = Radial::sphere(5, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = RadialRecursion::new(&target, &grid).run()?;
    /// assert!(run.report().w1_marginal.is_exact());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn report(&self) -> &PopulationReport {
        &self.report
    }

    /// The number of nodes of the final run.
    ///
    /// ```
    /// use onestep::{Grid, Radial, RadialRecursion};
    /// let target = Radial::sphere(5, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// assert!(RadialRecursion::new(&target, &grid).run()?.nodes() > 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }
}

/// The population consistency functions of a rotation-invariant target, f_t(x) = g_t(‖x‖) x/‖x‖; f_1 = id. Holds t = 1, t = T and
/// whatever [`Keep`] asked for.
#[derive(Debug, Clone)]
pub struct RadialConsistency {
    dim: usize,
    steps: usize,
    /// Kept g_t, odd, in increasing order of t.
    kept: Vec<(usize, Interpolant)>,
}

impl RadialConsistency {
    fn find(&self, t: usize) -> Option<&Interpolant> {
        self.kept.binary_search_by_key(&t, |(s, _)| *s).ok().map(|i| &self.kept[i].1)
    }
}

impl<F: Float> ConsistencyFunction<F> for RadialConsistency {
    fn dim(&self) -> usize {
        self.dim
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn holds(&self, t: usize) -> bool {
        t == 1 || self.find(t).is_some()
    }

    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        let Some(g) = self.find(t).filter(|_| t > 1) else {
            out.assign(x);
            return;
        };
        let mut hint = 0;
        for (x, mut o) in x.rows().into_iter().zip(out.rows_mut()) {
            let r = norm(x);
            let (value, near) = g.eval(r, hint);
            hint = near;
            let factor = F::of(if r > 0.0 { value / r } else { 0.0 });
            o.zip_mut_with(&x, |o, &x| *o = factor * x);
        }
    }
}
