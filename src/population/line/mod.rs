//! Population consistency training and distillation on the line.
//!
//! f_t is held by its values at nodes that move with the exact probability flow, so the flow map is known at every node (its label) and
//! the error ξ_t = f_t − Φ_t is as accurate, relative to itself, at T = 10⁶ as at T = 10².

mod mesh;
mod nodes;
mod quadrature;

use super::interpolant::Interpolant;
use super::{Interval, Keep, Method, PopulationError, PopulationReport};
use crate::consistency::assert_evaluable;
use crate::special::hermite::gauss_hermite;
use crate::target::line::LineMixture;
use crate::{ConsistencyFunction, Float, Grid, NoiseLevel};
use mesh::{Mesh, NodeDensity};
use ndarray::ArrayRef2;
use nodes::{NEGLIGIBLE, Nodes, Tracker};
use quadrature::Quadrature;

/// Spacing of the nodes in local scales in the first run for a tolerance of 1e−9.
const SPACING: f64 = 0.25;
/// Smallest factor between the spacings of two runs.
const REFINEMENT: f64 = 1.4;
/// Order of the error in the spacing, used to choose the next one.
const ORDER: f64 = 10.0;
/// Largest ratio of a coordinate to a standard deviation that is accepted.
const LARGEST_RATIO: f64 = 1e7;
/// Refinements tried before a run is reported as not resolved.
const REFINEMENTS: usize = 6;
/// The certificate is summed over all levels up to this number, and over this many of them beyond.
const CERTIFICATE_LEVELS: usize = 256;

/// Consistency training or distillation on the line, at population level.
///
/// Training: f_t(x) = E[f_{t−1}(X_{t−1}) | X_t = x], where given component k of the target X_{t−1} | X_t = x is Gaussian with
///
/// ```math
/// \text{mean } \cos\theta_{t-1} m_k + \frac{\cos\theta_t\cos\theta_{t-1}\sigma_k^2 + \sin\theta_t\sin\theta_{t-1}}{v_k}(x - \cos\theta_t m_k),
/// \qquad \text{std } \frac{\sigma_k \sin\Delta\theta_t}{\sqrt{v_k}} .
/// ```
///
/// Distillation with the exact score: f_t(x) = f_{t−1}(E[X_{t−1} | X_t = x]).
///
/// # Method
/// Nodes are trajectories of the exact flow, placed so that they resolve p_t and the flow map at every level. Posterior expectations are
/// Gauss–Hermite sums (finite sums for point masses) of a degree-10 interpolant, with as many points as the ratio of the posterior's
/// width to the local scale of f asks for. The run is repeated on finer nodes until W_1, W_2, the energy deficit and the loss move by less
/// than the tolerance, relatively.
///
/// # Cost
/// Proportional to T × nodes × components; some 10⁻⁵ to 10⁻⁴ seconds a step. Memory does not depend on T unless functions are kept.
///
/// # Example
/// ```
/// use onestep::{LineMixture, LineRecursion, LiHuangWei, VarianceSchedule};
/// let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.8, 0.8])?;
/// let grid = LiHuangWei::new(256, 2.0, 4.0)?.grid()?;
/// let run = LineRecursion::new(&target, &grid).run()?;
/// let report = run.report();
/// assert!(report.resolved);
/// // T W_1 / ln T = 0.85732 for this target, schedule and T.
/// assert!((report.w1.lower * 256.0 / 256f64.ln() - 0.85732).abs() < 1e-5);
/// // The losses add up to the lost second moment (energy identity).
/// assert!((report.loss_sum / report.energy_deficit - 1.0).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Li, Huang and Wei 2025, arXiv 2402.07802, eq. (14), for the recursion.
#[derive(Debug, Clone)]
pub struct LineRecursion<'a> {
    target: &'a LineMixture,
    grid: &'a Grid,
    method: Method,
    keep: Keep,
    tolerance: f64,
    spacing: Option<f64>,
    refinements: usize,
}

impl<'a> LineRecursion<'a> {
    /// Training on `target` along `grid`, keeping f_T only, to relative tolerance 1e−9.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid, LineMixture, LineRecursion};
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LineRecursion::new(&target, &grid).run()?;
    /// // For N(0, 1) one step multiplies by cos Δθ.
    /// let value = run.consistency().eval(3, &ndarray::array![[1.0]])[[0, 0]];
    /// assert!((value - 0.7f64.cos().powi(2)).abs() < 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(target: &'a LineMixture, grid: &'a Grid) -> Self {
        Self { target, grid, method: Method::Training, keep: Keep::Last, tolerance: 1e-9, spacing: None, refinements: REFINEMENTS }
    }

    /// Training or distillation.
    ///
    /// ```
    /// use onestep::{Grid, LineMixture, LineRecursion, Method};
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LineRecursion::new(&target, &grid).method(Method::Distillation).run()?;
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
    /// use onestep::{ConsistencyFunction, Grid, Keep, LineMixture, LineRecursion};
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LineRecursion::new(&target, &grid).keep(Keep::All).run()?;
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
    /// use onestep::{Grid, LineMixture, LineRecursion};
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// assert!(LineRecursion::new(&target, &grid).tolerance(0.0).run().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Spacing of the nodes in local length scales in the first run, in (0, 1]; by default 0.25 for a tolerance of 1e−9 and more for
    /// a looser one. A smaller one saves the runs that would be refined away.
    ///
    /// ```
    /// use onestep::{Grid, LineMixture, LineRecursion};
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let fine = LineRecursion::new(&target, &grid).spacing(0.1).run()?;
    /// let coarse = LineRecursion::new(&target, &grid).spacing(0.2).run()?;
    /// assert!(fine.nodes() > coarse.nodes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn spacing(mut self, spacing: f64) -> Self {
        self.spacing = Some(spacing);
        self
    }

    /// How many finer runs may follow the first; 6 by default. With 0 there is one run, at the spacing asked for, and its numerical error is
    /// reported as infinite, that is unknown.
    ///
    /// ```
    /// use onestep::{Grid, LineMixture, LineRecursion};
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let once = LineRecursion::new(&target, &grid).refinements(0).run()?;
    /// assert_eq!(once.report().resolution_error, f64::INFINITY);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn refinements(mut self, refinements: usize) -> Self {
        self.refinements = refinements;
        self
    }

    /// Runs the recursion.
    ///
    /// # Errors
    /// A tolerance outside [1e−13, 1), a spacing outside (0, 1], a level to keep that does not exist, or a target whose coordinates are more
    /// than 10⁷ times its smallest standard deviation at level 1. A run that did not reach its
    /// tolerance is not an error: its report says `resolved: false` and by how much the last refinement moved it.
    ///
    /// ```
    /// use onestep::{Grid, Keep, LineMixture, LineRecursion};
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// assert!(LineRecursion::new(&target, &grid).keep(Keep::Levels(vec![4])).run().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run(&self) -> Result<LinePopulation, PopulationError> {
        if !(self.tolerance >= 1e-13 && self.tolerance < 1.0) {
            return Err(PopulationError::OutOfRange { name: "tolerance", value: self.tolerance, range: "[1e-13, 1)" });
        }
        if let Some(value) = self.spacing.filter(|&s| !(s > 0.0 && s <= 1.0)) {
            return Err(PopulationError::OutOfRange { name: "spacing", value, range: "(0, 1]" });
        }
        self.keep.check(self.grid.steps())?;
        let (size, smallest) = self.scales();
        if !(size <= LARGEST_RATIO * smallest) {
            let name = "(largest |mean| + standard deviation)/(smallest standard deviation at level 1)";
            return Err(PopulationError::OutOfRange { name, value: size / smallest, range: "(0, 1e7], what double precision resolves" });
        }
        let scale = size.max(size * size);
        let density = NodeDensity::new(self.target, self.grid);
        let mut spacing = self.spacing.unwrap_or_else(|| (SPACING * (self.tolerance / 1e-9).powf(1.0 / ORDER)).clamp(0.1, 0.5));
        let mut best = Pass::new(self, &density, spacing).run();
        let mut refinement: f64 = REFINEMENT;
        for _ in 0..self.refinements {
            spacing /= refinement;
            let finer = Pass::new(self, &density, spacing).run();
            let moved = finer.report.change_from(&best.report, scale);
            best = finer;
            best.report.resolution_error = moved;
            best.report.resolved = moved <= self.tolerance;
            if best.report.resolved {
                break;
            }
            // The spacing at which the next run should move by the tolerance, if the error falls with the order of the interpolant.
            refinement = (moved / self.tolerance).powf(1.0 / ORDER).clamp(REFINEMENT, 2.0);
        }
        Ok(best)
    }
}

impl LineRecursion<'_> {
    /// The largest coordinate a component reaches and the smallest standard deviation at level 1.
    fn scales(&self) -> (f64, f64) {
        let data = self.target.at(self.grid.level(1));
        let size = data.means.iter().zip(&data.stds).map(|(m, s)| m.abs() + s).fold(0.0, f64::max);
        (size, data.stds.iter().copied().fold(f64::INFINITY, f64::min))
    }
}

/// The result of a [`LineRecursion`].
#[derive(Debug, Clone)]
pub struct LinePopulation {
    consistency: LineConsistency,
    report: PopulationReport,
    moments: SecondMoments,
    locals: Vec<LocalError>,
}

/// The error made at one step: for training local_t(x) = E[Φ_{t−1}(X_{t−1}) | X_t = x] − Φ_t(x), for distillation the change of f along
/// the flow, f_t(x) − f_{t−1}(Φ_{t→t−1}(x)). In both cases the certificate is the sum of E|local_t|.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalError {
    /// t.
    pub step: usize,
    /// θ_t in radians.
    pub angle: f64,
    /// Δθ_t in radians.
    pub delta: f64,
    /// E|local_t(X_t)|.
    pub mean_abs: f64,
    /// (E local_t(X_t)²)^{1/2}.
    pub root_mean_square: f64,
}

impl LocalError {
    /// g(θ_t) = E|local_t|/Δθ_t², which tends to a function of the angle alone as the grid becomes fine. A grid with density ∝ √g has
    /// the smallest certificate for its number of steps.
    ///
    /// ```
    /// use onestep::{Grid, LineMixture, LineRecursion};
    /// // N(0, 1): Φ = id and one step multiplies by cos Δθ, so g → E|Z|/2.
    /// let grid = Grid::from_angles(&(1..=200).map(|i| 0.0075 * i as f64).collect::<Vec<_>>())?;
    /// let run = LineRecursion::new(&LineMixture::gaussian(0.0, 1.0)?, &grid).run()?;
    /// let half_mean = 0.5 * (2.0 / std::f64::consts::PI).sqrt();
    /// assert!(run.local_errors().iter().all(|l| (l.density() / half_mean - 1.0).abs() < 1e-5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn density(&self) -> f64 {
        self.mean_abs / (self.delta * self.delta)
    }
}

/// Root mean square forms of the distances, which add over independent coordinates.
#[derive(Debug, Clone, Copy, Default)]
struct SecondMoments {
    from_noise: f64,
    certificate: f64,
    prior: f64,
}

impl LinePopulation {
    /// The functions that were kept.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid, LineMixture, LineRecursion};
    /// let target = LineMixture::point_masses(&[1.0], &[3.0])?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LineRecursion::new(&target, &grid).run()?;
    /// assert_eq!(ConsistencyFunction::<f64>::steps(run.consistency()), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn consistency(&self) -> &LineConsistency {
        &self.consistency
    }

    /// Errors and bounds.
    ///
    /// ```
    /// use onestep::{Grid, LineMixture, LineRecursion};
    /// // One point mass has no discretisation error.
    /// let target = LineMixture::point_masses(&[1.0], &[3.0])?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// assert!(LineRecursion::new(&target, &grid).run()?.report().w1_marginal.upper < 1e-14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn report(&self) -> &PopulationReport {
        &self.report
    }

    /// The report of `copies` ≥ 1 independent copies of the target, a target on ℝ^copies: W_2² adds and W_1 lies between bounds
    /// (exact for one copy).
    ///
    /// ```
    /// use onestep::{Grid, LineMixture, LineRecursion};
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LineRecursion::new(&target, &grid).run()?;
    /// assert!((run.copies(9).w2_marginal - 3.0 * run.report().w2_marginal).abs() < 1e-14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn copies(&self, copies: usize) -> PopulationReport {
        self.report.product(copies, self.moments.from_noise, self.moments.certificate, self.moments.prior)
    }

    /// The errors of the single steps, at every level or, for long grids, at a subset of them that represents all.
    ///
    /// ```
    /// use onestep::{Grid, LineMixture, LineRecursion};
    /// let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5])?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LineRecursion::new(&target, &grid).run()?;
    /// let sum: f64 = run.local_errors().iter().map(|l| l.mean_abs).sum();
    /// assert_eq!(sum, run.report().certificate);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn local_errors(&self) -> &[LocalError] {
        &self.locals
    }

    /// The number of nodes of the final run.
    ///
    /// ```
    /// use onestep::{Grid, LineMixture, LineRecursion};
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// assert!(LineRecursion::new(&target, &grid).run()?.nodes() > 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.consistency.kept.last().map_or(0, |(_, f)| f.nodes().len())
    }
}

/// The population consistency functions on the line: increasing, asymptotically linear, f_1 = id.
///
/// Holds t = 1, t = T and whatever [`Keep`] asked for. Evaluation is a search and a polynomial of degree 10.
#[derive(Debug, Clone)]
pub struct LineConsistency {
    steps: usize,
    /// Kept functions, in increasing order of t.
    kept: Vec<(usize, Interpolant)>,
}

impl LineConsistency {
    fn find(&self, t: usize) -> Option<&Interpolant> {
        self.kept.binary_search_by_key(&t, |(s, _)| *s).ok().map(|i| &self.kept[i].1)
    }
}

impl<F: Float> ConsistencyFunction<F> for LineConsistency {
    fn dim(&self) -> usize {
        1
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn holds(&self, t: usize) -> bool {
        t == 1 || self.find(t).is_some()
    }

    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        let Some(f) = self.find(t).filter(|_| t > 1) else {
            out.assign(x);
            return;
        };
        let mut hint = 0;
        for (x, o) in x.iter().zip(out.iter_mut()) {
            let (value, near) = f.eval(x.as_f64(), hint);
            hint = near;
            *o = F::of(value);
        }
    }
}

/// One run at one resolution.
struct Pass<'a> {
    recursion: &'a LineRecursion<'a>,
    mesh: Mesh,
    quadrature: Quadrature,
    spacing: f64,
    rules: Vec<HermiteRule>,
}

/// A quadrature rule for N(0, 1) and the largest ratio (posterior width)/(local scale of f) it serves.
struct HermiteRule {
    largest_ratio: f64,
    nodes: Vec<(f64, f64)>,
}

/// Gauss–Hermite rules by increasing ratio R, and the trapezoidal rule for the rest.
///
/// With poles of f at twice the local scale, q points leave q! (R/2)^{2q} against a leading term (R/2)²: the bounds on R make the
/// quotient 1e−10 for q = 3, 4, 5, 6, 8, 10, 14, 20. Beyond, f_{t−1} is itself an average over the width of the posterior, hence smooth on
/// that width, and the trapezoidal rule at a spacing of 0.36 standard deviations is exact to 1e−16.
fn hermite_rules() -> Vec<HermiteRule> {
    let mut rules: Vec<HermiteRule> = [3, 4, 5, 6, 8, 10, 14, 20]
        .into_iter()
        .map(|points: usize| {
            let factorial: f64 = (1..=points).map(|k| k as f64).product();
            let (z, w) = gauss_hermite(points);
            HermiteRule {
                largest_ratio: 2.0 * (1e-10 / factorial).powf(0.5 / (points as f64 - 1.0)),
                nodes: z.into_iter().zip(w).collect(),
            }
        })
        .collect();
    let points = (0..48).map(|i| 0.36 * (f64::from(i) - 23.5));
    let total: f64 = points.clone().map(crate::special::normal::density).sum();
    rules.push(HermiteRule {
        largest_ratio: f64::INFINITY,
        nodes: points.map(|z| (z, crate::special::normal::density(z) / total)).collect(),
    });
    rules
}

/// The posterior of X_{t−1} given X_t = x, component by component: how far its mean lies from x, an affine function of x that vanishes with
/// Δθ and is known to full relative accuracy, and its standard deviation.
struct Backward {
    components: Vec<BackwardComponent>,
}

struct BackwardComponent {
    /// (cos θ_{t−1} − cos θ_t) m_k.
    shift: f64,
    /// Cov(X_{t−1}, X_t | k)/v_k − 1.
    stretch: f64,
    /// cos θ_t m_k.
    origin: f64,
    /// σ_k sin Δθ_t/√v_k.
    width: f64,
}

impl Backward {
    fn new(target: &LineMixture, from: NoiseLevel, to: NoiseLevel, sin_delta: f64) -> Self {
        // 1 − cos Δθ without cancellation; then cos θ_{t−1} − cos θ_t and sin θ_{t−1} − sin θ_t by the addition theorem.
        let versine = sin_delta * sin_delta / (1.0 + (1.0 - sin_delta * sin_delta).max(0.0).sqrt());
        let cos_change = to.cos() * versine + to.sin() * sin_delta;
        let sin_change = to.sin() * versine - to.cos() * sin_delta;
        let components = target
            .means()
            .iter()
            .zip(target.stds())
            .map(|(&m, &s)| {
                let v = (from.cos() * s).powi(2) + from.one_minus_alpha_bar();
                BackwardComponent {
                    shift: cos_change * m,
                    stretch: (from.cos() * s * s * cos_change + from.sin() * sin_change) / v,
                    origin: from.cos() * m,
                    width: s * sin_delta / v.sqrt(),
                }
            })
            .collect();
        Self { components }
    }
}

impl BackwardComponent {
    /// E[X_{t−1} | X_t = x, k] − x.
    #[inline]
    fn mean_change(&self, x: f64) -> f64 {
        self.shift + self.stretch * (x - self.origin)
    }
}

/// What accumulates over the levels.
#[derive(Default)]
struct Ledger {
    loss_sum: f64,
    /// At the levels where they were computed.
    locals: Vec<LocalError>,
    /// max over levels of p_t(x_t)/min_{k ≤ t} p_k(x_k) at every node: the slope of the flow maps.
    slopes: Vec<f64>,
    smallest_density: Vec<f64>,
}

impl<'a> Pass<'a> {
    fn new(recursion: &'a LineRecursion<'a>, density: &NodeDensity, spacing: f64) -> Self {
        let (target, grid) = (recursion.target, recursion.grid);
        let mesh = density.mesh(target, grid, spacing);
        let quadrature = Quadrature::new(&mesh.labels, target.at(grid.level(1)));
        Self { recursion, mesh, quadrature, spacing, rules: hermite_rules() }
    }

    fn run(&self) -> LinePopulation {
        let LineRecursion { target, grid, ref keep, method, .. } = *self.recursion;
        let steps = grid.steps();
        let n = self.mesh.labels.len();
        let tracker = Tracker::new(target, &self.mesh.labels, grid.level(1));
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
        let mut kept = Vec::new();
        let mut ledger = Ledger { slopes: vec![1.0; n], smallest_density: nodes.density.clone(), ..Ledger::default() };
        let measured = certificate_levels(grid);
        let mut next_measured = 0;
        for t in 2..=steps {
            let (from, to) = (grid.level(t), grid.level(t - 1));
            self.local_scales(&nodes.x, &mut scales);
            interpolant.rebuild(&nodes.x, &f, &self.mesh.degrees);
            let measure = measured.get(next_measured) == Some(&t);
            if measure {
                labels.rebuild(&nodes.x, &self.mesh.labels, &self.mesh.degrees);
                next_measured += 1;
            }
            let delta = grid.delta(t);
            predict(&mut nodes, &mut before, &mut velocity_before, delta, (t > 2).then(|| grid.delta(t - 1)));
            tracker.advance(from, &mut nodes);
            let backward = Backward::new(target, from, to, grid.sin_delta(t));
            match method {
                Method::Training => {
                    self.train(&backward, &nodes, &interpolant, &scales, &mut increment, &mut loss);
                    ledger.loss_sum += self.quadrature.mean(&loss);
                    if measure {
                        let mut local = std::mem::take(&mut loss);
                        let mut unused = vec![0.0; n];
                        self.train(&backward, &nodes, &labels, &scales, &mut local, &mut unused);
                        ledger.record(t, from, delta, &self.quadrature, &local);
                        loss = local;
                    }
                }
                Method::Distillation => {
                    distil(&backward, &nodes, &interpolant, &mut increment);
                    // Along the flow f_{t−1} moves a node from its own value by exactly this much.
                    if measure {
                        ledger.record(t, from, delta, &self.quadrature, &increment);
                    }
                }
            }
            for (((f, e), i), y) in f.iter_mut().zip(&mut error).zip(&increment).zip(&self.mesh.labels) {
                *e += i;
                *f = y + *e;
            }
            ledger.stretch(&nodes.density);
            if keep.keeps(t, steps) {
                kept.push((t, Interpolant::new(&nodes.x, &f, &self.mesh.degrees)));
            }
        }
        self.conclude(ledger, &f, &error, kept)
    }

    /// The local scale of f at every node: the smallest neighbouring cell in units of the spacing asked for, allowed to grow with distance.
    fn local_scales(&self, x: &[f64], scales: &mut [f64]) {
        /// A scale a distance r away from a finer one is at least r times this.
        const GROWTH: f64 = 0.2;
        let n = x.len();
        for i in 0..n {
            let left = if i > 0 { x[i] - x[i - 1] } else { f64::INFINITY };
            let right = if i + 1 < n { x[i + 1] - x[i] } else { f64::INFINITY };
            scales[i] = left.min(right) / self.spacing;
        }
        for i in 1..n {
            scales[i] = scales[i].min(scales[i - 1] + GROWTH * (x[i] - x[i - 1]));
        }
        for i in (0..n - 1).rev() {
            scales[i] = scales[i].min(scales[i + 1] + GROWTH * (x[i + 1] - x[i]));
        }
    }

    /// increment_i = E[g(X_{t−1}) | X_t = x_i] − g_i and loss_i = Var(g(X_{t−1}) | X_t = x_i), g the interpolant, g_i its value at node i.
    fn train(&self, backward: &Backward, nodes: &Nodes, g: &Interpolant, scales: &[f64], increment: &mut [f64], loss: &mut [f64]) {
        let n = nodes.x.len();
        for i in 0..n {
            let (x, before) = (nodes.x[i], g.nodes()[i]);
            let (mut first, mut second) = (0.0, 0.0);
            for (k, component) in backward.components.iter().enumerate() {
                let r = nodes.responsibility[k * n + i];
                if r < NEGLIGIBLE {
                    continue;
                }
                let middle = (x - before) + component.mean_change(x);
                if component.width == 0.0 {
                    let (d, _) = g.rise(i, middle, i);
                    first += r * d;
                    second += r * d * d;
                    continue;
                }
                let near = g.nearest(before + middle, i);
                let ratio = component.width / scales[near];
                let rule = self.rules.iter().find(|rule| ratio <= rule.largest_ratio).unwrap_or(&self.rules[self.rules.len() - 1]);
                let (mut one, mut two) = (0.0, 0.0);
                for &(z, w) in &rule.nodes {
                    let (d, _) = g.rise(i, middle + component.width * z, near);
                    one += w * d;
                    two += w * d * d;
                }
                first += r * one;
                second += r * two;
            }
            increment[i] = first;
            loss[i] = second - first * first;
        }
    }

    fn conclude(&self, ledger: Ledger, f: &[f64], error: &[f64], kept: Vec<(usize, Interpolant)>) -> LinePopulation {
        let LineRecursion { target, grid, .. } = *self.recursion;
        let q = &self.quadrature;
        let y = &self.mesh.labels;
        // The same sampler started from N(0, I): the node of label y is then the normal quantile of the same order.
        let (data, noise) = (target.at(grid.level(1)), target.at(NoiseLevel::NOISE));
        let from_noise: Vec<f64> = match kept.last() {
            Some((_, last)) => y.iter().enumerate().map(|(i, &y)| last.eval(noise.transport(&data, y), i).0).collect(),
            None => f.to_vec(),
        };
        let noise_error: Vec<f64> = from_noise.iter().zip(y).map(|(f, y)| f - y).collect();
        let mismatch: Vec<f64> = from_noise.iter().zip(f).map(|(a, b)| a - b).collect();
        let root_mean_square = |g: &[f64]| q.mean_of(|i| g[i] * g[i]).max(0.0).sqrt();
        let (certificate, certificate_error) = sum_over_levels(grid, &ledger.locals, |l| l.mean_abs);
        let (certificate_l2, l2_error) = sum_over_levels(grid, &ledger.locals, |l| l.root_mean_square);
        let report = PopulationReport {
            steps: grid.steps(),
            dim: 1,
            w1: Interval::exact(q.mean_abs(&noise_error)),
            w1_marginal: Interval::exact(q.mean_abs(error)),
            w2_marginal: root_mean_square(error),
            mean_shift: q.mean(error).abs(),
            energy_deficit: -q.mean_of(|i| error[i] * (2.0 * y[i] + error[i])),
            loss_sum: ledger.loss_sum,
            lower_bound: lower_bound(q, y, error).min(lower_bound(q, y, &noise_error)),
            certificate: certificate + certificate_error,
            certificate_error,
            prior_mismatch: q.mean_abs(&mismatch),
            lipschitz: ledger.largest_slope().max(valley_slope(target, grid)),
            resolution_error: f64::INFINITY,
            resolved: false,
        };
        let moments = SecondMoments {
            from_noise: root_mean_square(&noise_error),
            certificate: certificate_l2 + l2_error,
            prior: root_mean_square(&mismatch),
        };
        LinePopulation { consistency: LineConsistency { steps: grid.steps(), kept }, report, moments, locals: ledger.locals }
    }
}

/// increment_i = g(E[X_{t−1} | X_t = x_i]) − g_i.
fn distil(backward: &Backward, nodes: &Nodes, g: &Interpolant, increment: &mut [f64]) {
    let n = nodes.x.len();
    for (i, out) in increment.iter_mut().enumerate() {
        let x = nodes.x[i];
        let components = backward.components.iter().enumerate();
        let change: f64 = components.map(|(k, c)| nodes.responsibility[k * n + i] * c.mean_change(x)).sum();
        *out = g.rise(i, (x - g.nodes()[i]) + change, i).0;
    }
}

/// Moves the nodes along the flow by `delta`: the cubic through the positions and velocities of the last two levels, `last` apart, or an
/// Euler step where there is no level before. The positions and velocities left are written to `before` and `velocity_before`.
fn predict(nodes: &mut Nodes, before: &mut [f64], velocity_before: &mut [f64], delta: f64, last: Option<f64>) {
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

impl Ledger {
    fn record(&mut self, step: usize, level: NoiseLevel, delta: f64, q: &Quadrature, local: &[f64]) {
        let root_mean_square = q.mean_of(|i| local[i] * local[i]).max(0.0).sqrt();
        self.locals.push(LocalError { step, angle: level.angle(), delta, mean_abs: q.mean_abs(local), root_mean_square });
    }

    /// Slope of Φ_{t→k} at a node is p_t(x_t)/p_k(x_k): keeps the largest over pairs of levels seen so far.
    fn stretch(&mut self, density: &[f64]) {
        for ((slope, smallest), &p) in self.slopes.iter_mut().zip(&mut self.smallest_density).zip(density) {
            *slope = slope.max(p / *smallest);
            *smallest = smallest.min(p);
        }
    }

    fn largest_slope(&self) -> f64 {
        self.slopes.iter().copied().filter(|s| s.is_finite()).fold(1.0, f64::max)
    }
}

/// Levels at which E|local_t| is computed: all of them, or a subset spread evenly over the steps and over the angle, ends included.
fn certificate_levels(grid: &Grid) -> Vec<usize> {
    let steps = grid.steps();
    if steps <= CERTIFICATE_LEVELS {
        return (2..=steps).collect();
    }
    let half = CERTIFICATE_LEVELS / 2;
    let (a, b) = (grid.level(2).angle(), grid.last().angle());
    let mut levels: Vec<usize> = (0..half).map(|i| 2 + (steps - 2) * i / (half - 1)).collect();
    levels.extend((0..half).map(|i| {
        let angle = a + (b - a) * i as f64 / (half - 1) as f64;
        (grid.levels().partition_point(|l| l.angle() < angle) + 1).clamp(2, steps)
    }));
    levels.sort_unstable();
    levels.dedup();
    levels
}

/// Σ_t of a local error known at some levels: value/Δθ² is interpolated linearly in the angle between them. The error is estimated
/// against the same sum over every other level; both are exact where all levels are known.
fn sum_over_levels(grid: &Grid, locals: &[LocalError], value: impl Fn(&LocalError) -> f64) -> (f64, f64) {
    let all: Vec<(usize, f64)> = locals.iter().map(|l| (l.step, value(l) / (l.delta * l.delta))).collect();
    if all.len() + 1 >= grid.steps() {
        return (locals.iter().map(value).sum(), 0.0);
    }
    let last = all.len() - 1;
    let half: Vec<(usize, f64)> = all.iter().enumerate().filter(|(i, _)| i % 2 == 0 || *i == last).map(|(_, &l)| l).collect();
    let sum = |known: &[(usize, f64)]| {
        let mut total = 0.0;
        for pair in known.windows(2) {
            let ((t0, g0), (t1, g1)) = (pair[0], pair[1]);
            let (a0, a1) = (grid.level(t0).angle(), grid.level(t1).angle());
            total += ((t0 + 1)..=t1)
                .map(|t| {
                    let part = if a1 > a0 { (grid.level(t).angle() - a0) / (a1 - a0) } else { 1.0 };
                    (g0 + part * (g1 - g0)) * grid.delta(t).powi(2)
                })
                .sum::<f64>();
        }
        total + known.first().map_or(0.0, |&(t, g)| g * grid.delta(t).powi(2))
    };
    let (fine, coarse) = (sum(&all), sum(&half));
    (fine, (fine - coarse).abs())
}

/// The best of |E h(X_1) − E h(f)| over h(x) = √((x−a)² + b²), which is convex and 1-Lipschitz, and over h(x) = x.
///
/// A width b of a few cells keeps the quadrature exact; b → 0 is |x − a|, b → ∞ the second moment. Centres a are quantiles of the data
/// and evenly spaced points, which also fall into gaps between modes.
fn lower_bound(q: &Quadrature, y: &[f64], error: &[f64]) -> f64 {
    const CENTRES: usize = 48;
    /// Width of the smoothed kink in cells of f.
    const SMOOTHING: [f64; 3] = [3.0, 10.0, 40.0];
    let last = y.len() - 1;
    let (low, high) = (y[last / 10], y[last - last / 10]);
    let quantiles = (1..=CENTRES).map(|c| y[last * c / (CENTRES + 1)]);
    let even = (1..=CENTRES).map(|c| low + (high - low) * c as f64 / (CENTRES + 1) as f64);
    let f: Vec<f64> = y.iter().zip(error).map(|(y, e)| y + e).collect();
    let mut best = q.mean(error).abs();
    for a in quantiles.chain(even) {
        let i = f.partition_point(|&f| f < a).clamp(1, last);
        for smoothing in SMOOTHING {
            let b = smoothing * (f[i] - f[i - 1]).abs();
            let h = |x: f64| (x - a).hypot(b);
            // h(y) − h(f) without cancellation.
            let gain = q.mean_of(|j| error[j] * ((y[j] - a) + (f[j] - a)) / (h(y[j]) + h(f[j])));
            best = best.max(gain.abs());
        }
    }
    best
}

/// The largest slope of Φ_{t→1} at the valleys of p_1 between neighbouring components, where it is steepest and nodes may be missing.
fn valley_slope(target: &LineMixture, grid: &Grid) -> f64 {
    const SEARCH: usize = 400;
    const LEVELS: usize = 64;
    let data = target.at(grid.level(1));
    let mut largest: f64 = 1.0;
    for pair in data.means.windows(2) {
        let place = |i: f64| pair[0] + (pair[1] - pair[0]) * i / SEARCH as f64;
        let Some(lowest) = (1..SEARCH).min_by(|&a, &b| data.ln_density(place(a as f64)).total_cmp(&data.ln_density(place(b as f64))))
        else {
            continue;
        };
        let y = golden_minimum(|y| data.ln_density(y), place(lowest as f64 - 1.0), place(lowest as f64 + 1.0));
        for level in 0..LEVELS {
            let t = 2 + (grid.steps() - 2) * level / (LEVELS - 1);
            let p = target.at(grid.level(t));
            largest = largest.max((p.ln_density(p.transport(&data, y)) - data.ln_density(y)).exp());
        }
    }
    largest
}

/// The minimiser of a unimodal function on [a, b] by golden section, to about 1e−8 of the interval.
fn golden_minimum(f: impl Fn(f64) -> f64, mut a: f64, mut b: f64) -> f64 {
    const RATIO: f64 = 0.618_033_988_749_894_9;
    let (mut c, mut d) = (b - RATIO * (b - a), a + RATIO * (b - a));
    for _ in 0..40 {
        if f(c) < f(d) {
            b = d;
        } else {
            a = c;
        }
        c = b - RATIO * (b - a);
        d = a + RATIO * (b - a);
    }
    0.5 * (a + b)
}
