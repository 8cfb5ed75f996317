//! Population consistency training of a Gaussian, in closed form.

use crate::consistency::ConsistencyFunction;
use crate::consistency::assert_evaluable;
use crate::float::Float;
use crate::law::Gaussian;
use crate::numeric::special::root_quadratic::{Direction, mean_norm};
use crate::population::settings::Kept;
use crate::population::{Interval, Keep, Method, PopulationError, PopulationReport};
use crate::schedule::Grid;
use crate::space::{Family, Space, inherent_dim, inherent_family};
use ndarray::ArrayRef2;

/// Consistency training or distillation of N(m, Σ) at population level.
///
/// Every f_t is affine. Along an eigenvector of Σ with eigenvalue λ, with v_t = cos²θ_t λ + sin²θ_t and tan ψ_t = tan θ_t/√λ,
///
/// ```math
/// f_t(x) = \cos\theta_1\, m + \sqrt{v_1/v_t}\;\rho_t\,(x - \cos\theta_t\, m), \qquad \rho_t = \prod_{s=2}^t \cos\Delta\psi_s ,
/// \qquad \sin\Delta\psi_s = \frac{\sqrt\lambda\,\sin\Delta\theta_s}{\sqrt{v_s v_{s-1}}} ,
/// ```
///
/// because E[X_{t−1} | X_t] has the slope √(v_{t−1}/v_t) cos Δψ_t. The flow map is ρ = 1: all of the error is the shrinkage 1 − ρ_T,
/// and λ = 0 has none. A linear f does not see the spread of X_{t−1}, so training and distillation find the same functions; only the
/// training loss differs.
///
/// # Accuracy
/// ln ρ is a sum of ln cos Δψ, so 1 − ρ keeps about 13 digits at T = 10⁶. W_1 is exact where Σ is isotropic, whatever the mean:
/// the optimal map is then a homothety. Otherwise it is given between two bounds: the coupling by the map itself from above, test functions
/// ‖D(x − x₀)‖ and the sum of squares over eigenspaces from below.
///
/// # Cost
/// T × number of distinct eigenvalues; memory does not depend on T unless functions are kept. The certificate is the sum of E‖local_t‖ for
/// up to 2·10⁵ products of T and distinct eigenvalues, and of the root mean squares, which are larger, beyond that.
///
/// # Example
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::law::Gaussian;
/// use onestep::population::GaussianRecursion;
/// use onestep::schedule::LiHuangWei;
/// let target = Gaussian::standard(1)?;
/// let grid = LiHuangWei::new(256, 2.0, 4.0)?.grid()?;
/// let run = GaussianRecursion::new(&target, &grid).run()?;
/// // T W_1 / ln T = 0.487965320.
/// assert!((run.report().w1.lower * 256.0 / 256f64.ln() - 0.487965320).abs() < 1e-9);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Li, Huang and Wei 2025, arXiv 2402.07802, eq. (14), for the recursion.
#[derive(Debug, Clone)]
pub struct GaussianRecursion<'a> {
    target: &'a Gaussian,
    grid: &'a Grid,
    method: Method,
    keep: Keep,
}

/// Above this many levels × eigenvalues the certificate takes root mean squares.
const CERTIFICATE_BUDGET: usize = 200_000;
/// Relative error of a mean norm, taken off lower bounds that are differences of two.
const MEAN_NORM_ERROR: f64 = 2e-14;

impl<'a> GaussianRecursion<'a> {
    /// Training on `target` along `grid`, keeping f_T only.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::law::Gaussian;
    /// use onestep::population::GaussianRecursion;
    /// let target = Gaussian::standard(1)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = GaussianRecursion::new(&target, &grid).run()?;
    /// // For N(0, 1) one step multiplies by cos Δθ.
    /// let value = run.consistency().eval(3, &ndarray::array![[1.0]])[[0, 0]];
    /// assert!((value - 0.7f64.cos().powi(2)).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(target: &'a Gaussian, grid: &'a Grid) -> Self {
        Self { target, grid, method: Method::Training, keep: Keep::Last }
    }

    /// Training or distillation: the same functions, but distillation has no loss.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::Gaussian;
    /// use onestep::population::{GaussianRecursion, Method};
    /// let target = Gaussian::standard(1)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = GaussianRecursion::new(&target, &grid).method(Method::Distillation).run()?;
    /// assert_eq!(run.report().loss_sum, 0.0);
    /// assert!(run.report().energy_deficit > 0.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Which functions to keep; by default f_T alone.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::law::Gaussian;
    /// use onestep::population::{GaussianRecursion, Keep};
    /// let target = Gaussian::standard(1)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = GaussianRecursion::new(&target, &grid).keep(Keep::All).run()?;
    /// assert!((1..=3).all(|t| run.consistency().holds(t)));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Runs the recursion.
    ///
    /// # Errors
    /// A level to keep that does not exist.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::Gaussian;
    /// use onestep::population::{GaussianRecursion, Keep};
    /// let target = Gaussian::standard(1)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// assert!(GaussianRecursion::new(&target, &grid).keep(Keep::Levels(vec![4])).run().is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn run(&self) -> Result<GaussianPopulation, PopulationError> {
        let steps = self.grid.steps();
        self.keep.check(steps)?;
        let (mut spaces, slots) = eigenspaces(self.target, self.grid);
        let exact = spaces.len() == 1 || spaces.len().saturating_mul(steps) <= CERTIFICATE_BUDGET;
        let unit = if spaces.len() == 1 { mean_norm(&[Direction { scale: 1.0, ..spaces[0].direction(0.0, 0.0) }]) } else { 0.0 };
        let mut certificate = Sum::default();
        let mut kept = Kept::default();
        for t in 2..=steps {
            let (level, sin_delta) = (self.grid.level(t), self.grid.sin_delta(t));
            let before = self.grid.level(t - 1);
            for space in &mut spaces {
                space.step(level.noisy_variance(space.variance), sin_delta, before.cos() * level.cos(), before.sin() * level.sin());
            }
            certificate.add(if spaces.len() == 1 {
                spaces[0].local * unit
            } else if exact {
                mean_norm(&spaces.iter().map(|s| s.direction(s.local, 0.0)).collect::<Vec<_>>())
            } else {
                spaces.iter().map(|s| s.multiplicity * s.local * s.local).sum::<f64>().sqrt()
            });
            if self.keep.keeps(t, steps) {
                kept.push(t, Gains { cos: level.cos(), gains: slots.iter().map(|&s| spaces[s].gain()).collect() });
            }
        }
        let consistency = GaussianConsistency { target: self.target.clone(), steps, first_cos: self.grid.level(1).cos(), kept };
        Ok(GaussianPopulation { consistency, report: self.report(&spaces, certificate.total) })
    }

    fn report(&self, spaces: &[Eigenspace], certificate: f64) -> PopulationReport {
        let last = self.grid.last();
        // f_T(X_T) and X_1 differ by √v_1 (1 − ρ) Z, f_T(Z) and X_1 by √v_1 (1 − ρ/√v_T) Z − gain cos θ_T m.
        let marginal: Vec<Gap> = spaces.iter().map(|s| Gap::new(s, s.first.sqrt() * s.shrinkage(), 0.0)).collect();
        let from_noise: Vec<Gap> = spaces
            .iter()
            .map(|s| Gap::new(s, s.first.sqrt() * s.shrinkage() + s.gain() * s.prior_gap(last.alpha_bar()), s.gain() * last.cos()))
            .collect();
        let mismatch: Vec<Direction> =
            spaces.iter().map(|s| s.direction(s.gain() * s.prior_gap(last.alpha_bar()), s.gain() * last.cos())).collect();
        let (w1, w1_marginal) = (wasserstein(&from_noise), wasserstein(&marginal));
        let total = |value: &dyn Fn(&Eigenspace) -> f64| spaces.iter().map(|s| s.multiplicity * value(s)).sum::<f64>();
        let energy_deficit = -total(&|s| s.first * (2.0 * s.ln_shrink.total).exp_m1());
        PopulationReport {
            steps: self.grid.steps(),
            dim: self.target.dim(),
            w1,
            w1_marginal,
            w2_marginal: total(&|s| s.first * s.shrinkage().powi(2)).sqrt(),
            mean_shift: 0.0,
            energy_deficit,
            loss_sum: match self.method {
                Method::Training => total(&|s| s.loss.total),
                Method::Distillation => 0.0,
            },
            lower_bound: w1.lower.min(w1_marginal.lower),
            certificate,
            certificate_error: 0.0,
            prior_mismatch: mean_norm(&mismatch),
            lipschitz: self.target.lipschitz(self.grid),
            resolution_error: 0.0,
            resolved: true,
        }
    }
}

/// Compensated sum.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    total: f64,
    carry: f64,
}

impl Sum {
    fn add(&mut self, term: f64) {
        let term = term - self.carry;
        let next = self.total + term;
        self.carry = (next - self.total) - term;
        self.total = next;
    }
}

/// The recursion along one eigenspace.
#[derive(Debug, Clone, Copy)]
struct Eigenspace {
    /// λ.
    variance: f64,
    multiplicity: f64,
    /// Squared length of the mean within the eigenspace.
    mean_squared: f64,
    /// v_1 and v_t.
    first: f64,
    now: f64,
    /// ln ρ_t.
    ln_shrink: Sum,
    /// Σ_{s≤t} v_1 ρ²_{s−1} sin²Δψ_s, the losses along one direction.
    loss: Sum,
    /// √v_1 (1 − cos Δψ_t): the error of step t is this times a standard normal.
    local: f64,
}

impl Eigenspace {
    /// One step: `cosines` = cos θ_{t−1} cos θ_t, `sines` the same of sines.
    fn step(&mut self, now: f64, sin_delta: f64, cosines: f64, sines: f64) {
        let root = (now * self.now).sqrt();
        let sin = self.variance.sqrt() * sin_delta / root;
        let cos = (self.variance * cosines + sines) / root;
        let square = sin * sin;
        self.loss.add(self.first * (2.0 * self.ln_shrink.total).exp() * square);
        self.ln_shrink.add(if square < 0.5 { 0.5 * (-square).ln_1p() } else { cos.ln() });
        self.local = self.first.sqrt() * square / (1.0 + cos);
        self.now = now;
    }

    /// √(v_1/v_t) ρ_t.
    fn gain(&self) -> f64 {
        (self.first / self.now).sqrt() * self.ln_shrink.total.exp()
    }

    /// 1 − ρ_t.
    fn shrinkage(&self) -> f64 {
        -self.ln_shrink.total.exp_m1()
    }

    /// √v_T − 1 at the last level, without cancellation.
    fn prior_gap(&self, alpha_bar: f64) -> f64 {
        alpha_bar * (self.variance - 1.0) / (1.0 + self.now.sqrt())
    }

    /// The vector with deviation `scale` and mean `shift` · m in this eigenspace.
    fn direction(&self, scale: f64, shift: f64) -> Direction {
        Direction { scale, shift_squared: shift * shift * self.mean_squared, multiplicity: self.multiplicity as usize }
    }
}

/// The distinct eigenvalues at t = 1, and for each slot of the covariance the eigenspace it belongs to.
fn eigenspaces(target: &Gaussian, grid: &Grid) -> (Vec<Eigenspace>, Vec<usize>) {
    let covariance = target.covariance();
    let projections = covariance.squared_projections(target.mean_slice());
    let entries: Vec<(f64, usize)> = covariance.eigenvalues().collect();
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by(|&i, &j| entries[i].0.total_cmp(&entries[j].0));
    let mut spaces: Vec<Eigenspace> = Vec::new();
    let mut slots = vec![0; entries.len()];
    for i in order {
        let (variance, multiplicity) = entries[i];
        if spaces.last().is_none_or(|s| s.variance != variance) {
            let first = grid.level(1).noisy_variance(variance);
            let zero = Sum::default();
            spaces.push(Eigenspace {
                variance,
                multiplicity: 0.0,
                mean_squared: 0.0,
                first,
                now: first,
                ln_shrink: zero,
                loss: zero,
                local: 0.0,
            });
        }
        slots[i] = spaces.len() - 1;
        if let Some(space) = spaces.last_mut() {
            space.multiplicity += multiplicity as f64;
            space.mean_squared += projections[i];
        }
    }
    (spaces, slots)
}

/// X_1 against the one-step samples along one eigenspace: in the monotone coupling they differ by `narrowing` · Z − shift.
#[derive(Debug, Clone, Copy)]
struct Gap {
    /// √v_1.
    deviation: f64,
    narrowing: f64,
    /// Squared length of the difference of the means.
    shift_squared: f64,
    multiplicity: usize,
}

impl Gap {
    fn new(space: &Eigenspace, narrowing: f64, shift: f64) -> Self {
        let d = space.direction(narrowing, shift);
        Self { deviation: space.first.sqrt(), narrowing, shift_squared: d.shift_squared, multiplicity: d.multiplicity }
    }

    fn coupling(&self) -> Direction {
        Direction { scale: self.narrowing, shift_squared: self.shift_squared, multiplicity: self.multiplicity }
    }

    /// Law of `weight` · (X − x₀) for X = X_1 (`narrowed` false) or the samples, x₀ the fixed point of the coupling map.
    fn around_fixed_point(&self, weight: f64, narrowed: bool) -> Direction {
        let scale = if narrowed { self.deviation - self.narrowing } else { self.deviation };
        // X_1 stands at −shift · √v_1/narrowing from x₀, and the map multiplies distances from x₀ by (√v_1 − narrowing)/√v_1.
        let shift_squared = if self.shift_squared > 0.0 { self.shift_squared * (scale / self.narrowing).powi(2) } else { 0.0 };
        Direction { scale: weight * scale, shift_squared: weight * weight * shift_squared, multiplicity: self.multiplicity }
    }
}

/// W_1 between X_1 and the samples: exact for one eigenspace, bounds otherwise.
fn wasserstein(gaps: &[Gap]) -> Interval {
    let upper = mean_norm(&gaps.iter().map(Gap::coupling).collect::<Vec<_>>());
    if gaps.len() == 1 {
        return Interval::exact(upper);
    }
    // One eigenspace at a time, joined by h(x) = Σ c_i h_i(x_i), Σ c_i² = 1.
    let blocks = gaps.iter().map(|g| mean_norm(&[g.coupling()]).powi(2)).sum::<f64>().sqrt();
    let widest = gaps.iter().map(|g| g.narrowing.abs()).fold(0.0, f64::max);
    let lower = [0, 1].into_iter().map(|power| {
        let law = |narrowed: bool| {
            let weigh = |g: &Gap| g.around_fixed_point((g.narrowing.abs() / widest).powi(power), narrowed);
            mean_norm(&gaps.iter().filter(|g| g.narrowing != 0.0).map(weigh).collect::<Vec<_>>())
        };
        let (wide, narrow) = (law(false), law(true));
        wide - narrow - MEAN_NORM_ERROR * (wide + narrow)
    });
    Interval { lower: lower.fold(blocks, f64::max).min(upper), upper }
}

/// The result of a [`GaussianRecursion`].
#[derive(Debug, Clone)]
pub struct GaussianPopulation {
    consistency: GaussianConsistency,
    report: PopulationReport,
}

impl GaussianPopulation {
    /// The functions that were kept.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::law::Gaussian;
    /// use onestep::population::GaussianRecursion;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = GaussianRecursion::new(&Gaussian::standard(4)?, &grid).run()?;
    /// assert_eq!(run.consistency().dim(), 4);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn consistency(&self) -> &GaussianConsistency {
        &self.consistency
    }

    /// Errors and bounds.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::Gaussian;
    /// use onestep::population::GaussianRecursion;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = GaussianRecursion::new(&Gaussian::standard(4)?, &grid).run()?;
    /// let report = run.report();
    /// // Energy identity: the losses add up to the lost second moment.
    /// assert!((report.loss_sum / report.energy_deficit - 1.0).abs() < 1e-14);
    /// // For N(0, I) W_2 is (1 − ∏ cos Δθ) √d.
    /// assert!((report.w2_marginal - 2.0 * (1.0 - 0.7f64.cos().powi(2))).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn report(&self) -> &PopulationReport {
        &self.report
    }
}

/// The population consistency functions of a Gaussian: affine, f_1 = id. Holds t = 1, t = T and whatever [`Keep`] asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianConsistency {
    target: Gaussian,
    steps: usize,
    first_cos: f64,
    kept: Kept<Gains>,
}

/// f_t(x) = cos θ_1 m + gain (x − cos θ_t m), one gain for each distinct eigenvalue of the covariance.
#[derive(Debug, Clone, PartialEq)]
struct Gains {
    cos: f64,
    gains: Vec<f64>,
}

impl GaussianConsistency {
    /// The Lipschitz constant of f_t: its largest gain. `None` where f_t was not kept.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::Gaussian;
    /// use onestep::population::GaussianRecursion;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = GaussianRecursion::new(&Gaussian::standard(4)?, &grid).run()?;
    /// assert_eq!(run.consistency().lipschitz(1), Some(1.0));
    /// assert_eq!(run.consistency().lipschitz(2), None);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn lipschitz(&self, t: usize) -> Option<f64> {
        if t == 1 { Some(1.0) } else { self.kept.find(t).map(|k| k.gains.iter().copied().fold(0.0, f64::max)) }
    }
}

impl Space for GaussianConsistency {
    fn dim(&self) -> usize {
        self.target.dim()
    }
}

impl Family for GaussianConsistency {
    fn steps(&self) -> usize {
        self.steps
    }

    fn holds(&self, t: usize) -> bool {
        self.kept.holds(t)
    }
}

inherent_dim!([] GaussianConsistency);
inherent_family!([] GaussianConsistency);

impl<F: Float> ConsistencyFunction<F> for GaussianConsistency {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        match self.kept.find(t) {
            Some(kept) => self.target.affine(kept.cos, self.first_cos, &kept.gains, x, out),
            None => out.assign(x),
        }
    }
}
