//! What a run on a lattice returns: the functions that were kept and the report.

use crate::consistency::{ConsistencyFunction, assert_evaluable};
use crate::float::Float;
use crate::population::lattice::interpolation::{Lattice, MOST_DIMS};
use crate::population::settings::Kept;
use crate::population::{LocalError, PopulationReport};
use crate::space::{Family, Space, inherent_dim, inherent_family};
use ndarray::{ArrayRef2, Axis};

/// The outcome of a [`LatticeRecursion`](crate::population::LatticeRecursion).
#[derive(Debug, Clone)]
pub struct LatticePopulation {
    pub(super) consistency: LatticeConsistency,
    pub(super) report: PopulationReport,
    pub(super) locals: Vec<LocalError>,
    pub(super) numerical_error: f64,
    pub(super) mass_error: f64,
}

impl LatticePopulation {
    /// The functions that were kept.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::LatticeRecursion;
    /// let target = GaussianMixture::isotropic(&[1.0], &array![[0.0, 0.0]], &[1.0])?;
    /// let run = LatticeRecursion::new(&target, &Grid::from_angles(&[0.1, 0.8, 1.5])?).nodes(48).run()?;
    /// let image = run.consistency().eval(3, &array![[1.0, -2.0]]);
    /// assert!((image - array![[1.0, -2.0]] * 0.7_f64.cos().powi(2)).iter().all(|gap: &f64| gap.abs() < 1e-9));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn consistency(&self) -> &LatticeConsistency {
        &self.consistency
    }

    /// Errors and bounds.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::LatticeRecursion;
    /// let target = GaussianMixture::isotropic(&[1.0], &array![[0.0, 0.0]], &[1.0])?;
    /// let run = LatticeRecursion::new(&target, &Grid::from_angles(&[0.1, 0.8, 1.5])?).nodes(48).run()?;
    /// // f_T and Φ_T = id are multiples of each other: both bounds on W_2 are (1 − ∏ cos Δθ_t) √d.
    /// let exact = (1.0 - 0.7_f64.cos().powi(2)) * 2.0_f64.sqrt();
    /// assert!((run.report().w2_marginal.lower - exact).abs() < 1e-8 && (run.report().w2_marginal.upper - exact).abs() < 1e-8);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn report(&self) -> &PopulationReport {
        &self.report
    }

    /// The errors of the single steps, at every level or, for long grids, at a subset of them that represents all.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::LatticeRecursion;
    /// let target = GaussianMixture::isotropic(&[1.0], &array![[0.0, 0.0]], &[1.0])?;
    /// let run = LatticeRecursion::new(&target, &Grid::from_angles(&[0.1, 0.8, 1.5])?).nodes(48).run()?;
    /// // For N(0, I): (1 − cos Δθ) E‖Z‖, E‖Z‖ = √(π/2) in the plane.
    /// let exact = (1.0 - 0.7f64.cos()) * std::f64::consts::FRAC_PI_2.sqrt();
    /// assert!((run.local_errors()[0].mean_abs / exact - 1.0).abs() < 1e-3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn local_errors(&self) -> &[LocalError] {
        &self.locals
    }

    /// √E‖f_T(X_T) − f_T'(X_T)‖², f_T' from a coarser lattice: an estimate of the numerical error of f_T, in the units of the data.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::LatticeRecursion;
    /// let target = GaussianMixture::isotropic(&[1.0], &ndarray::array![[0.0]], &[1.0])?;
    /// let run = LatticeRecursion::new(&target, &Grid::from_angles(&[0.1, 0.8, 1.5])?).run()?;
    /// assert!(run.numerical_error() < 1e-12); // f_T is linear
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn numerical_error(&self) -> f64 {
        self.numerical_error
    }

    /// The largest |Σ p_t · cell − 1| over the levels: how well the lattice integrates the marginals.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::LatticeRecursion;
    /// let target = GaussianMixture::isotropic(&[1.0], &ndarray::array![[0.0]], &[1.0])?;
    /// let run = LatticeRecursion::new(&target, &Grid::from_angles(&[0.1, 0.8, 1.5])?).run()?;
    /// assert!(run.mass_error() < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn mass_error(&self) -> f64 {
        self.mass_error
    }
}

/// The population consistency functions of a mixture, interpolated on a lattice. Holds t = 1, t = T and whatever
/// [`Keep`](crate::population::Keep) asked for; outside the
/// lattice, 7.5 standard deviations from the means, they go on linearly along each axis.
#[derive(Debug, Clone, PartialEq)]
pub struct LatticeConsistency {
    pub(super) lattice: Lattice,
    pub(super) steps: usize,
    /// f_t at the nodes.
    pub(super) kept: Kept<Vec<f64>>,
}

impl Space for LatticeConsistency {
    fn dim(&self) -> usize {
        self.lattice.dim()
    }
}

impl Family for LatticeConsistency {
    fn steps(&self) -> usize {
        self.steps
    }

    fn holds(&self, t: usize) -> bool {
        self.kept.holds(t)
    }
}

inherent_dim!([] LatticeConsistency);
inherent_family!([] LatticeConsistency);

impl<F: Float> ConsistencyFunction<F> for LatticeConsistency {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        let Some(values) = self.kept.find(t) else {
            out.assign(x);
            return;
        };
        let dim = self.lattice.dim();
        for (x, mut o) in x.axis_iter(Axis(0)).zip(out.axis_iter_mut(Axis(0))) {
            let (mut y, mut value) = ([0.0; MOST_DIMS], [0.0; MOST_DIMS]);
            y.iter_mut().zip(x).for_each(|(y, x)| *y = x.as_f64());
            self.lattice.interpolate(values, &y[..dim], &mut value[..dim]);
            o.iter_mut().zip(value).for_each(|(o, v)| *o = F::of(v));
        }
    }
}
