//! What a run on the line returns: the functions that were kept and the report.

use crate::consistency::{ConsistencyFunction, assert_evaluable};
use crate::float::Float;
use crate::population::interpolant::Interpolant;
use crate::population::line::ledger::Steepest;
use crate::population::settings::Kept;
use crate::population::{LocalError, PopulationReport};
use crate::space::{Family, Space, inherent_dim, inherent_family};
use ndarray::ArrayRef2;

/// The result of a [`LineRecursion`](crate::population::LineRecursion).
#[derive(Debug, Clone)]
pub struct LinePopulation {
    pub(super) consistency: LineConsistency,
    pub(super) report: PopulationReport,
    pub(super) moments: SecondMoments,
    pub(super) locals: Vec<LocalError>,
    pub(super) steepest: Steepest,
    /// Whether the loss of a vector is the sum of those of its coordinates.
    pub(super) separates: bool,
}

/// Root mean square forms of the distances, which add over independent coordinates.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SecondMoments {
    pub(super) from_noise: f64,
    pub(super) certificate: f64,
    pub(super) prior: f64,
}

impl LinePopulation {
    /// The functions that were kept.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineRecursion;
    /// let target = LineMixture::point_masses(&[1.0], &[3.0])?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LineRecursion::new(&target, &grid).run()?;
    /// assert_eq!(run.consistency().steps(), 3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn consistency(&self) -> &LineConsistency {
        &self.consistency
    }

    /// Errors and bounds.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineRecursion;
    /// // One point mass has no discretisation error.
    /// let target = LineMixture::point_masses(&[1.0], &[3.0])?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// assert!(LineRecursion::new(&target, &grid).run()?.report().w1_marginal.upper < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn report(&self) -> &PopulationReport {
        &self.report
    }

    /// The report of `copies` ≥ 1 independent copies of the target, a target on ℝ^copies: W_2² adds and W_1 lies between bounds
    /// (exact for one copy). Under another loss than the squared one it is that of the sum of the losses of the coordinates, not of
    /// the loss of the norm.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineRecursion;
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LineRecursion::new(&target, &grid).run()?;
    /// assert!((run.copies(9).w2_marginal.upper - 3.0 * run.report().w2_marginal.upper).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn copies(&self, copies: usize) -> PopulationReport {
        // The root mean squares are as uncertain as the first moments.
        let r = &self.report;
        let raised =
            if r.certificate > 0.0 { self.moments.certificate * r.certificate / (r.certificate - r.certificate_error) } else { 0.0 };
        r.product(copies, self.moments.from_noise, raised, self.moments.prior)
    }

    /// Whether the loss of the norm trains independent coordinates independently.
    pub(in crate::population) fn separates(&self) -> bool {
        self.separates
    }

    /// The errors of the single steps, at every level or, for long grids, at a subset of them that represents all.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineRecursion;
    /// let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5])?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LineRecursion::new(&target, &grid).run()?;
    /// let sum: f64 = run.local_errors().iter().map(|l| l.mean_abs).sum();
    /// assert!((sum + run.report().certificate_error - run.report().certificate).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn local_errors(&self) -> &[LocalError] {
        &self.locals
    }

    /// The number of nodes of the final run.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineRecursion;
    /// let target = LineMixture::gaussian(0.0, 1.0)?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// assert!(LineRecursion::new(&target, &grid).run()?.nodes() > 20);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.consistency.kept.last().map_or(0, |f| f.nodes().len())
    }
}

/// The population consistency functions on the line: increasing, asymptotically linear, f_1 = id.
///
/// Holds t = 1, t = T and whatever [`Keep`](crate::population::Keep) asked for. Evaluation is a search and a polynomial of degree 10.
#[derive(Debug, Clone)]
pub struct LineConsistency {
    pub(super) steps: usize,
    pub(super) kept: Kept<Interpolant>,
}

impl Space for LineConsistency {
    fn dim(&self) -> usize {
        1
    }
}

impl Family for LineConsistency {
    fn steps(&self) -> usize {
        self.steps
    }

    fn holds(&self, t: usize) -> bool {
        self.kept.holds(t)
    }
}

impl LineConsistency {
    /// The Lipschitz constant of f_t as it is held, its largest slope: found at the nodes and refined between the neighbours of the steepest.
    /// `None` where f_t was not kept.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineRecursion;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = LineRecursion::new(&LineMixture::gaussian(0.0, 1.0)?, &grid).run()?;
    /// // For N(0, 1) one step multiplies by cos Δθ.
    /// assert!((run.consistency().lipschitz(3).unwrap() - 0.7f64.cos().powi(2)).abs() < 1e-9);
    /// assert_eq!((run.consistency().lipschitz(1), run.consistency().lipschitz(2)), (Some(1.0), None));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn lipschitz(&self, t: usize) -> Option<f64> {
        if t == 1 { Some(1.0) } else { self.kept.find(t).map(Interpolant::steepest) }
    }
}

inherent_dim!([] LineConsistency);
inherent_family!([] LineConsistency);

impl<F: Float> ConsistencyFunction<F> for LineConsistency {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        let Some(f) = self.kept.find(t) else {
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
