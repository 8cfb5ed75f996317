//! Population consistency training of a Gaussian, in closed form.

mod coupled;
mod distance;
mod eigenspace;
mod few_steps;
mod result;

pub use coupled::CoupledGaussian;
pub(super) use few_steps::few_steps;
pub use result::{GaussianConsistency, GaussianPopulation};

use crate::law::Gaussian;
use crate::numeric::special::root_quadratic::{Direction, mean_norm};
use crate::numeric::special::sum::Sum;
use crate::population::local_error::{ROUNDING, certificate_levels};
use crate::population::report::narrowing;
use crate::population::settings::Kept;
use crate::population::{Interval, Keep, LipschitzBounds, LocalError, Method, PopulationError, PopulationReport, Settings};
use crate::schedule::Grid;
use distance::{Gap, wasserstein};
use eigenspace::{Eigenspace, eigenspaces};
use result::Gains;

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
    settings: Settings,
}

/// Bounds on L_f and on the gains of all f_t*: the closed forms, moved up by rounding.
pub(super) fn lipschitz_bounds(target: &Gaussian, grid: &Grid) -> LipschitzBounds {
    let (mut spaces, _) = eigenspaces(target, grid);
    let mut largest = 1.0_f64;
    for t in 2..=grid.steps() {
        let (before, level) = (grid.level(t - 1), grid.level(t));
        for space in &mut spaces {
            space.step(level.noisy_variance(space.variance), grid.sin_delta(t), before.cos() * level.cos(), before.sin() * level.sin());
            largest = largest.max(space.gain());
        }
    }
    LipschitzBounds::new(target.lipschitz(grid).ln() + 1e-12, largest.ln() + 1e-12)
}

/// Above this many levels × eigenvalues the certificate takes root mean squares.
const CERTIFICATE_BUDGET: usize = 200_000;

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
        Self { target, grid, settings: Settings::new() }
    }

    /// All settings at once, in place of what was set before.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::Gaussian;
    /// use onestep::population::{GaussianRecursion, Settings};
    /// let target = Gaussian::standard(2)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = GaussianRecursion::new(&target, &grid).settings(Settings::new()).run()?;
    /// assert_eq!(run.report(), GaussianRecursion::new(&target, &grid).run()?.report());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
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
        self.settings = self.settings.method(method);
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
        self.settings = self.settings.keep(keep);
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
        self.settings.check(steps)?;
        self.settings.check_squared("Gaussians by their covariance, whose optimum is that of the squared loss")?;
        let (mut spaces, slots) = eigenspaces(self.target, self.grid);
        let exact = spaces.len() == 1 || spaces.len().saturating_mul(steps) <= CERTIFICATE_BUDGET;
        let unit = if spaces.len() == 1 { mean_norm(&[Direction { scale: 1.0, ..spaces[0].direction(0.0, 0.0) }]) } else { 0.0 };
        let mut certificate = Sum::default();
        let mut kept = Kept::default();
        let (measured, mut locals) = (certificate_levels(self.grid), Vec::new());
        for t in 2..=steps {
            let (level, sin_delta) = (self.grid.level(t), self.grid.sin_delta(t));
            let before = self.grid.level(t - 1);
            for space in &mut spaces {
                space.step(level.noisy_variance(space.variance), sin_delta, before.cos() * level.cos(), before.sin() * level.sin());
            }
            let root_mean_square = spaces.iter().map(|s| s.multiplicity * s.local * s.local).sum::<f64>().sqrt();
            let mean_abs = if spaces.len() == 1 {
                spaces[0].local * unit
            } else if exact {
                mean_norm(&spaces.iter().map(|s| s.direction(s.local, 0.0)).collect::<Vec<_>>())
            } else {
                root_mean_square
            };
            certificate.add(mean_abs);
            if measured.binary_search(&t).is_ok() {
                locals.push(LocalError::known(t, self.grid, mean_abs, root_mean_square));
            }
            if self.settings.keep.keeps(t, steps) {
                kept.push(t, Gains { cos: level.cos(), gains: slots.iter().map(|&s| spaces[s].gain()).collect() });
            }
        }
        let consistency = GaussianConsistency { target: self.target.clone(), steps, first_cos: self.grid.level(1).cos(), kept };
        let report = self.report(&spaces, certificate.value());
        report.check()?;
        Ok(GaussianPopulation { consistency, report, locals })
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
        let energy_deficit = -total(&|s| s.first * (2.0 * s.ln_shrink.value()).exp_m1());
        let spread = total(&|s| s.first).sqrt();
        let report = PopulationReport {
            steps: self.grid.steps(),
            dim: self.target.dim(),
            w1,
            w1_marginal,
            w2_marginal: Interval::exact(total(&|s| s.first * s.shrinkage().powi(2)).sqrt()),
            spread,
            mean_shift: 0.0,
            energy_deficit,
            loss_sum: match self.settings.method {
                Method::Training => total(&|s| s.loss.value()),
                Method::Distillation => 0.0,
            },
            energy_lower: 0.0,
            energy_upper: None,
            lower_bound: w1.lower.min(w1_marginal.lower) * (1.0 - ROUNDING),
            certificate: certificate * (1.0 + ROUNDING),
            certificate_error: certificate * ROUNDING,
            prior_mismatch: mean_norm(&mismatch),
            ln_lipschitz: self.target.lipschitz(self.grid).ln(),
            resolution_error: 0.0,
            resolved: true,
        };
        let mut report = report.with_moments(self.settings.projects(), narrowing(spread, energy_deficit));
        report.enclose_moments(0.0, 0.0);
        report
    }
}
