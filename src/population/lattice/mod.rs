//! Population recursions for Gaussian mixtures in two and three dimensions, on a lattice.

mod interpolation;
mod report;
mod result;
mod sweep;

pub use result::{LatticeConsistency, LatticePopulation};

use crate::error::check_range;
use crate::law::GaussianMixture;
use crate::population::{Keep, Method, PopulationError, Settings};
use crate::schedule::Grid;
use interpolation::MOST_DIMS;
use report::report;
use sweep::Sweep;

/// Most nodes of a lattice.
const MOST_NODES: usize = 4_000_000;
/// Fewest nodes an axis.
const FEWEST_NODES: usize = 16;
/// Relative tolerance unless one is given.
const TOLERANCE: f64 = 1e-3;

/// Population consistency training and distillation for a Gaussian mixture on ℝ^d, d ≤ 3, that is neither a product nor a rotation of one.
///
/// f_t is held at the nodes of a lattice and interpolated by tensor polynomials of degree 7. Given X_t = x, X_{t−1} is a mixture of the
/// Gaussians N(a x + b m_k(x), b² C_k), a = sin θ_{t−1}/sin θ_t, b = sin Δθ_t/sin θ_t, with m_k, C_k the posterior moments of component k, and
/// f_t(x) = E[f_{t−1}(X_{t−1}) | x] is a tensor Gauss–Hermite sum for each component. Distillation needs one evaluation, at
/// a x + b E[X_0 | x].
///
/// Expectations over X_t are sums over the nodes: the trapezoidal rule, which is spectrally accurate for a Gaussian mixture.
///
/// # Accuracy
/// The run is repeated on a lattice with three quarters of the nodes and one Hermite point less; `numerical_error` is the root mean
/// square difference of the two f_T: an estimate, above the error of the finer one while the lattice resolves the mixture (a spacing below
/// half the smallest standard deviation at level 1 and below the width of the passages between modes).
/// All intervals are widened by it, by twice what the coarser f_T changes at their ends, and, for W_1, by what the kinks of norms cost the
/// trapezoidal rule.
/// The report's `resolution_error` is the largest relative change of W_1, W_2, the energy deficit and the loss.
///
/// W_1 and W_2 lie between bounds: from above by the coupling of f_T with the flow map, E‖f_T − Φ_T‖, from below by the function ‖x − E X_1‖
/// and by the root mean squares about E X_1. L_f is the largest found at a subset of nodes and levels. The certificate is summed with flow
/// maps that are carried along on the lattice; `certificate_error` holds what the coarser lattice changes and how far they are off.
///
/// # Cost
/// T · nodes^d · K · points^d interpolations of 8^d terms. Nodes are spread over threads.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::VarianceSchedule;
/// use onestep::law::GaussianMixture;
/// use onestep::population::LatticeRecursion;
/// use onestep::schedule::UniformAngle;
/// let target = GaussianMixture::isotropic(&[0.5, 0.5], &array![[-0.5, 0.2], [0.5, -0.2]], &[0.5, 0.8])?;
/// let grid = UniformAngle::new(8, 0.1, 1.5)?.grid()?;
/// let run = LatticeRecursion::new(&target, &grid).nodes(40).run()?;
/// let report = run.report();
/// // Energy identity: the losses add up to the lost second moment.
/// assert!((report.loss_sum / report.energy_deficit - 1.0).abs() < 1e-3);
/// assert!(report.w1.lower > 0.0 && report.w1.lower <= report.w1.upper);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Li, Huang and Wei 2025, eq. (14), arXiv 2402.07802.
#[derive(Debug, Clone)]
pub struct LatticeRecursion<'a> {
    target: &'a GaussianMixture,
    grid: &'a Grid,
    settings: Settings,
    nodes: usize,
    points: usize,
}

impl<'a> LatticeRecursion<'a> {
    /// Consistency training on `grid`, keeping f_T; 1024, 96 or 40 nodes an axis for d = 1, 2, 3, and five Gauss–Hermite points.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::LatticeRecursion;
    /// let target = GaussianMixture::isotropic(&[1.0], &ndarray::array![[0.0]], &[1.0])?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LatticeRecursion::new(&target, &grid).run()?;
    /// // N(0, 1): f_T = ∏ cos Δθ_t x, so 1 − (∏ cos Δθ_t)² is lost.
    /// assert!((run.report().energy_deficit - (1.0 - 0.7_f64.cos().powi(4))).abs() < 1e-9);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(target: &'a GaussianMixture, grid: &'a Grid) -> Self {
        let nodes = match target.dim() {
            1 => 1024,
            2 => 96,
            _ => 40,
        };
        Self { target, grid, settings: Settings::new(), nodes, points: 5 }
    }

    /// All settings at once, in place of what was set before.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::{LatticeRecursion, Settings};
    /// let target = GaussianMixture::isotropic(&[1.0], &ndarray::array![[0.0]], &[1.0])?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = LatticeRecursion::new(&target, &grid).settings(Settings::new()).run()?;
    /// assert_eq!(run.report(), LatticeRecursion::new(&target, &grid).run()?.report());
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
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::{Method, LatticeRecursion};
    /// let target = GaussianMixture::isotropic(&[1.0], &ndarray::array![[0.0]], &[1.0])?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LatticeRecursion::new(&target, &grid).method(Method::Distillation).run()?;
    /// assert_eq!(run.report().loss_sum, 0.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.settings = self.settings.method(method);
        self
    }

    /// Which functions to keep.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::{Keep, LatticeRecursion};
    /// let target = GaussianMixture::isotropic(&[1.0], &ndarray::array![[0.0]], &[1.0])?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LatticeRecursion::new(&target, &grid).nodes(50).keep(Keep::All).run()?;
    /// assert!(run.consistency().holds(2));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.settings = self.settings.keep(keep);
        self
    }

    /// Nodes along each axis.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::LatticeRecursion;
    /// let target = GaussianMixture::isotropic(&[1.0], &ndarray::array![[0.0]], &[1.0])?;
    /// let grid = Grid::from_angles(&[0.1, 1.5])?;
    /// assert!(LatticeRecursion::new(&target, &grid).nodes(3).run().is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// Gauss–Hermite points along each axis, 2 to 20.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::LatticeRecursion;
    /// let target = GaussianMixture::isotropic(&[1.0], &ndarray::array![[0.0]], &[1.0])?;
    /// let grid = Grid::from_angles(&[0.1, 1.5])?;
    /// assert!(LatticeRecursion::new(&target, &grid).points(1).run().is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn points(mut self, points: usize) -> Self {
        self.points = points;
        self
    }

    fn check(&self) -> Result<(), PopulationError> {
        let dim = check_range("dim", self.target.dim(), self.target.dim() <= MOST_DIMS, "[1, 3]")?;
        let total = self.nodes.checked_pow(dim as u32);
        let fits = self.nodes >= FEWEST_NODES && total.is_some_and(|n| n <= MOST_NODES);
        check_range("nodes", self.nodes, fits, "[16, 4e6^(1/d)]")?;
        check_range("points", self.points, (2..=20).contains(&self.points), "[2, 20]")?;
        self.settings.check(self.grid.steps())?;
        self.settings.check_squared("mixtures on a lattice")
    }

    /// Runs the recursion.
    ///
    /// # Errors
    /// d > 3; fewer than 16 nodes an axis or more than 4 million in all; Hermite points outside 2..=20; a level to keep that does not exist; a
    /// lattice too coarse for the law (its probabilities miss 1 by more than 10⁻³); a flow map that cannot be integrated.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::LatticeRecursion;
    /// let four = GaussianMixture::isotropic(&[1.0], &ndarray::Array2::zeros((1, 4)), &[1.0])?;
    /// assert!(LatticeRecursion::new(&four, &Grid::from_angles(&[0.1, 1.5])?).run().is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn run(&self) -> Result<LatticePopulation, PopulationError> {
        self.check()?;
        let coarse = Sweep::new(self, (3 * self.nodes).div_ceil(4).max(FEWEST_NODES - 4), self.points - 1).run(&Keep::Last, false)?;
        let fine = Sweep::new(self, self.nodes, self.points).run(&self.settings.keep, true)?;
        let (report, numerical_error) = report(self, &fine, &coarse)?;
        let mass_error = fine.mass_error;
        let consistency = LatticeConsistency { lattice: fine.lattice, steps: self.grid.steps(), kept: fine.kept };
        Ok(LatticePopulation { consistency, report, locals: fine.locals, numerical_error, mass_error })
    }
}
