//! Population consistency training and distillation of rotation-invariant targets.
//!
//! f_t(x) = g_t(‖x‖) x/‖x‖ by equivariance, so a recursion in d dimensions is one for a function of the radius, with an average over the
//! angle between X_0 and x.

mod mesh;
mod pass;
mod result;

pub use result::{RadialConsistency, RadialPopulation};

use crate::error::check_range;
use crate::law::Radial;
use crate::numeric::special::von_mises_fisher::GaussRules;
use crate::population::settings::refine;
use crate::population::{Keep, Method, PopulationError, Settings};
use crate::schedule::Grid;
use mesh::RadialDensity;
use pass::Pass;

/// Largest ratio of a radius to sin θ_1 that is accepted.
const LARGEST_RATIO: f64 = 1e7;
/// Smallest noise that is accepted, and one over the largest radius: their fourth powers are representable.
const SMALLEST: f64 = 1e-50;
/// Relative tolerance unless one is given.
const TOLERANCE: f64 = 1e-8;

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
/// Nodes are trajectories of the exact radial flow, labelled by their radius at level 1 and placed so that they resolve the law of ‖X_t‖ and
/// the flow map at every level, gaps between shells (and between the two sides of one) included. g_t is held by its values there and
/// interpolated by odd polynomials of degree 10. The average over the angle is a Gauss rule for the von Mises–Fisher law, with as many
/// points as the ratio of the posterior's width to the local scale of g asks for. The run is repeated on finer nodes until the
/// error that is left in W_1, W_2, the energy deficit and the loss is below the tolerance, relatively, as on the line.
///
/// W_1 = E|g_T − Φ_T| over the radius, which is exact where g_T ≥ 0 does not decrease: both laws are then rotation-invariant with
/// monotonically coupled radii. That is checked at the nodes; where it fails, `w1` and `w1_marginal` are intervals.
///
/// # Cost
/// T × nodes × shells × angular points: about a second for a sphere at T = 1000, in any dimension. A ball costs as much as some forty
/// shells. Memory does not depend on T unless functions are kept.
///
/// # Example
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::law::Radial;
/// use onestep::population::RadialRecursion;
/// use onestep::schedule::LiHuangWei;
/// let target = Radial::sphere(100, 10.0)?;
/// let grid = LiHuangWei::new(64, 2.0, 4.0)?.grid()?;
/// let run = RadialRecursion::new(&target, &grid).run()?;
/// let report = run.report();
/// assert!(report.resolved);
/// // Energy identity: the losses add up to the lost second moment.
/// assert!((report.loss_sum / report.energy_deficit - 1.0).abs() < 1e-8);
/// assert!(report.lower_bound <= report.w1.upper && report.w1_marginal.upper <= report.certificate);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Li, Huang and Wei 2025, arXiv 2402.07802, eq. (14), for the recursion.
#[derive(Debug, Clone)]
pub struct RadialRecursion<'a> {
    target: &'a Radial,
    grid: &'a Grid,
    settings: Settings,
}

impl<'a> RadialRecursion<'a> {
    /// Training on `target` along `grid`, keeping f_T only, to relative tolerance 1e−8.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::law::Radial;
    /// use onestep::population::RadialRecursion;
    /// let target = Radial::sphere(3, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = RadialRecursion::new(&target, &grid).run()?;
    /// // Equivariance: the origin stays where it is.
    /// assert_eq!(run.consistency().eval(3, &array![[0.0, 0.0, 0.0]]), array![[0.0, 0.0, 0.0]]);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(target: &'a Radial, grid: &'a Grid) -> Self {
        Self { target, grid, settings: Settings::new() }
    }

    /// All settings at once, in place of what was set before.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::Radial;
    /// use onestep::population::{RadialRecursion, Settings};
    /// let target = Radial::sphere(3, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = RadialRecursion::new(&target, &grid).settings(Settings::new()).run()?;
    /// assert_eq!(run.report(), RadialRecursion::new(&target, &grid).run()?.report());
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
    /// use onestep::law::Radial;
    /// use onestep::population::{Method, RadialRecursion};
    /// let target = Radial::sphere(3, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = RadialRecursion::new(&target, &grid).method(Method::Distillation).run()?;
    /// assert_eq!(run.report().loss_sum, 0.0);
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
    /// use onestep::law::Radial;
    /// use onestep::population::{Keep, RadialRecursion};
    /// let target = Radial::sphere(3, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = RadialRecursion::new(&target, &grid).keep(Keep::All).run()?;
    /// assert!((1..=3).all(|t| run.consistency().holds(t)));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.settings = self.settings.keep(keep);
        self
    }

    /// Relative tolerance of W_1, W_2, energy deficit and loss, in [1e−13, 1): the nodes are refined until these move by less.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::Radial;
    /// use onestep::population::RadialRecursion;
    /// let target = Radial::sphere(3, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// assert!(RadialRecursion::new(&target, &grid).tolerance(0.0).run().is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.settings = self.settings.tolerance(tolerance);
        self
    }

    /// Spacing of the nodes in local length scales in the first run, in (0, 1]; by default 0.31 for a tolerance of 1e−8 and more for a
    /// looser one.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::Radial;
    /// use onestep::population::RadialRecursion;
    /// let target = Radial::sphere(3, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// assert!(RadialRecursion::new(&target, &grid).spacing(f64::NAN).run().is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn spacing(mut self, spacing: f64) -> Self {
        self.settings = self.settings.spacing(spacing);
        self
    }

    /// Runs the recursion.
    ///
    /// # Errors
    /// A tolerance outside [1e−13, 1), a spacing outside (0, 1], a target that is the origin alone, a radius of more than 10⁷ sin θ_1, or a
    /// level to keep that does not exist. A run that did not reach its tolerance is not an error: its report says `resolved: false` and how
    /// large its numerical error is.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::Radial;
    /// use onestep::population::{Keep, RadialRecursion};
    /// let target = Radial::sphere(3, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// assert!(RadialRecursion::new(&target, &grid).keep(Keep::Levels(vec![4])).run().is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn run(&self) -> Result<RadialPopulation, PopulationError> {
        self.settings.check(self.grid.steps())?;
        self.settings.check_squared("radial laws")?;
        let largest = self.target.radii().iter().copied().fold(0.0, f64::max);
        if !(largest > 0.0) {
            check_range("radius", largest, false, "(0, inf)")?;
        }
        let noise = self.grid.level(1).sin();
        check_range("sin of the first angle", noise, noise >= SMALLEST, "[1e-50, 1]")?;
        check_range("radius", largest, largest <= 1.0 / SMALLEST, "(0, 1e50]")?;
        if !(largest <= LARGEST_RATIO * noise) {
            let name = "(largest radius)/(sin of the first angle)";
            check_range(name, largest / noise, false, "(0, 1e7], what double precision resolves")?;
        }
        let density = RadialDensity::new(self.target, self.grid);
        let rules = GaussRules::new(self.target.dim());
        let scale = largest.max(largest * largest);
        refine(&self.settings, TOLERANCE, scale, |spacing| Ok(Pass::new(self, &density, &rules, spacing)?.run()), |run| &mut run.report)
    }
}
