//! What a Gaussian run returns: the functions that were kept and the report.

use crate::consistency::{ConsistencyFunction, assert_evaluable};
use crate::float::Float;
use crate::law::Gaussian;
use crate::population::settings::Kept;
use crate::population::{LocalError, PopulationReport};
use crate::space::{Family, Space, inherent_dim, inherent_family};
use ndarray::ArrayRef2;

/// The result of a [`GaussianRecursion`](crate::population::GaussianRecursion).
#[derive(Debug, Clone)]
pub struct GaussianPopulation {
    pub(super) consistency: GaussianConsistency,
    pub(super) report: PopulationReport,
    pub(super) locals: Vec<LocalError>,
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
    /// assert!((report.w2_marginal.upper - 2.0 * (1.0 - 0.7f64.cos().powi(2))).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn report(&self) -> &PopulationReport {
        &self.report
    }

    /// The errors of the single steps, at every level or, for long grids, at a subset of them that represents all.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::Gaussian;
    /// use onestep::population::GaussianRecursion;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = GaussianRecursion::new(&Gaussian::standard(1)?, &grid).run()?;
    /// // For N(0, 1): (1 − cos Δθ) E|Z|.
    /// let exact = (1.0 - 0.7f64.cos()) * (2.0 / std::f64::consts::PI).sqrt();
    /// assert!((run.local_errors()[1].mean_abs / exact - 1.0).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn local_errors(&self) -> &[LocalError] {
        &self.locals
    }
}

/// The population consistency functions of a Gaussian: affine, f_1 = id. Holds t = 1, t = T and whatever
/// [`Keep`](crate::population::Keep) asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianConsistency {
    pub(super) target: Gaussian,
    pub(super) steps: usize,
    pub(super) first_cos: f64,
    pub(super) kept: Kept<Gains>,
}

/// f_t(x) = cos θ_1 m + gain (x − cos θ_t m), one gain for each distinct eigenvalue of the covariance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gains {
    pub(super) cos: f64,
    pub(super) gains: Vec<f64>,
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
