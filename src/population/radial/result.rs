//! What a radial run returns: the functions that were kept and the report.

use crate::consistency::{ConsistencyFunction, assert_evaluable};
use crate::float::Float;
use crate::law::radial::norm;
use crate::population::interpolant::Interpolant;
use crate::population::settings::Kept;
use crate::population::{LocalError, PopulationReport};
use crate::space::{Family, Space, inherent_dim, inherent_family};
use ndarray::ArrayRef2;

/// The result of a [`RadialRecursion`](crate::population::RadialRecursion).
#[derive(Debug, Clone)]
pub struct RadialPopulation {
    pub(super) consistency: RadialConsistency,
    pub(super) report: PopulationReport,
    pub(super) locals: Vec<LocalError>,
    pub(super) nodes: usize,
}

impl RadialPopulation {
    /// The functions that were kept.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::law::Radial;
    /// use onestep::population::RadialRecursion;
    /// let target = Radial::sphere(5, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = RadialRecursion::new(&target, &grid).run()?;
    /// assert_eq!(run.consistency().dim(), 5);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn consistency(&self) -> &RadialConsistency {
        &self.consistency
    }

    /// Errors and bounds.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::Radial;
    /// use onestep::population::RadialRecursion;
    /// let target = Radial::sphere(5, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = RadialRecursion::new(&target, &grid).run()?;
    /// assert!(run.report().w1_marginal.is_exact());
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
    /// use onestep::law::Radial;
    /// use onestep::population::RadialRecursion;
    /// let target = Radial::sphere(5, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// let run = RadialRecursion::new(&target, &grid).run()?;
    /// let sum: f64 = run.local_errors().iter().map(|l| l.mean_abs).sum();
    /// assert!((sum + run.report().certificate_error - run.report().certificate).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn local_errors(&self) -> &[LocalError] {
        &self.locals
    }

    /// The number of nodes of the final run, the origin included.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::Radial;
    /// use onestep::population::RadialRecursion;
    /// let target = Radial::sphere(5, 1.0)?;
    /// let grid = Grid::from_angles(&[0.3, 0.8, 1.3])?;
    /// assert!(RadialRecursion::new(&target, &grid).run()?.nodes() > 20);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }
}

/// The population consistency functions of a rotation-invariant target, f_t(x) = g_t(‖x‖) x/‖x‖; f_1 = id. Holds t = 1, t = T and
/// whatever [`Keep`](crate::population::Keep) asked for.
#[derive(Debug, Clone)]
pub struct RadialConsistency {
    pub(super) dim: usize,
    pub(super) steps: usize,
    /// Kept g_t, odd.
    pub(super) kept: Kept<Interpolant>,
}

impl Space for RadialConsistency {
    fn dim(&self) -> usize {
        self.dim
    }
}

impl Family for RadialConsistency {
    fn steps(&self) -> usize {
        self.steps
    }

    fn holds(&self, t: usize) -> bool {
        self.kept.holds(t)
    }
}

inherent_dim!([] RadialConsistency);
inherent_family!([] RadialConsistency);

impl<F: Float> ConsistencyFunction<F> for RadialConsistency {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        let Some(g) = self.kept.find(t) else {
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
