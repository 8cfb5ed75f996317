//! One interface to all recursions.

use crate::consistency::ConsistencyFunction;
use crate::delegate::delegate;
use crate::law::{Comb, Gaussian, GaussianMixture, LineMixture, Radial};
use crate::population::gaussian::{few_steps, lipschitz_bounds};
use crate::population::growth;
use crate::population::{
    Evaluations, FewSteps, GaussianPopulation, GaussianRecursion, LatticePopulation, LatticeRecursion, LinePopulation, LineRecursion,
    LipschitzBounds, LocalError, PopulationError, PopulationReport, RadialPopulation, RadialRecursion, Settings,
};
use crate::schedule::Grid;
use crate::space::Space;
use std::fmt::Debug;

/// The outcome of a population recursion, whatever the law.
///
/// # Example
/// ```
/// use onestep::Grid;
/// use onestep::law::{Gaussian, LineMixture};
/// use onestep::population::{Population, PopulationLaw, Settings};
/// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
/// // N(0, 1) in closed form and on nodes.
/// let laws: [Box<dyn PopulationLaw>; 2] = [Box::new(Gaussian::standard(1)?), Box::new(LineMixture::gaussian(0.0, 1.0)?)];
/// let runs = laws.map(|law| law.population(&grid, &Settings::new()));
/// let w1 = runs.map(|run| run.unwrap().report().w1_marginal.upper);
/// assert!((w1[0] / w1[1] - 1.0).abs() < 1e-9);
/// # Ok::<(), onestep::Error>(())
/// ```
pub trait Population: Debug + Send + Sync {
    /// Errors and bounds.
    fn report(&self) -> &PopulationReport;

    /// The errors of the single steps, at every level or, for long grids, at a subset of them that represents all.
    fn local_errors(&self) -> &[LocalError];

    /// The functions that were kept.
    fn consistency(&self) -> &dyn ConsistencyFunction;

    /// The report of `copies` independent copies of the law, on the product space, where it is known: always for one copy. Under another loss
    /// than the squared one the norm of a difference couples the coordinates, and there is none for more.
    fn copies(&self, copies: usize) -> Option<PopulationReport> {
        (copies == 1).then(|| self.report().clone())
    }

    /// Lip f_T as it was found, for one copy or many: the largest gain of a Gaussian, the largest slope of the function on the line.
    fn last_lipschitz(&self) -> Option<f64> {
        None
    }
}

/// A law whose population recursion can be computed: [`LineMixture`], [`Comb`], [`Gaussian`], [`Radial`], and [`GaussianMixture`] in up to three
/// dimensions.
///
/// See [`Population`] for an example.
pub trait PopulationLaw: Space + Debug + Send + Sync {
    /// Runs the recursion along `grid`.
    ///
    /// # Errors
    /// Those of the recursion of the law.
    fn population(&self, grid: &Grid, settings: &Settings) -> Result<Box<dyn Population>, PopulationError>;

    /// Upper bounds on L_f and on Λ = max_t Lip f_t* along the grid, where they are known: on the line and for Gaussians.
    fn lipschitz_bounds(&self, _grid: &Grid) -> Option<LipschitzBounds> {
        None
    }

    /// The law after several evaluations, where it is known: on the line and for Gaussians.
    fn few_steps(&self, _grid: &Grid, _settings: &Settings, _evaluations: &Evaluations) -> Option<Result<FewSteps, PopulationError>> {
        None
    }
}

delegate! {
    impl[] Population {
        fn report(&self) -> &PopulationReport;
        fn local_errors(&self) -> &[LocalError];
        fn consistency(&self) -> &dyn ConsistencyFunction;
        fn copies(&self, copies: usize) -> Option<PopulationReport>;
        fn last_lipschitz(&self) -> Option<f64>;
    }
}

delegate! {
    impl[] PopulationLaw {
        fn population(&self, grid: &Grid, settings: &Settings) -> Result<Box<dyn Population>, PopulationError>;
        fn lipschitz_bounds(&self, grid: &Grid) -> Option<LipschitzBounds>;
        fn few_steps(&self, grid: &Grid, settings: &Settings, evaluations: &Evaluations) -> Option<Result<FewSteps, PopulationError>>;
    }
}

/// The traits for a law, its recursion and its outcome, from their inherent methods.
macro_rules! population {
    ($law:ty, $recursion:ident, $outcome:ty { $($more:item)* } { $($bounds:item)* }) => {
        impl Population for $outcome {
            fn report(&self) -> &PopulationReport {
                self.report()
            }
            fn local_errors(&self) -> &[LocalError] {
                self.local_errors()
            }
            fn consistency(&self) -> &dyn ConsistencyFunction {
                self.consistency()
            }
            $($more)*
        }

        impl PopulationLaw for $law {
            fn population(&self, grid: &Grid, settings: &Settings) -> Result<Box<dyn Population>, PopulationError> {
                Ok(Box::new($recursion::new(self, grid).settings(settings.clone()).run()?))
            }
            $($bounds)*
        }
    };
}

population!(LineMixture, LineRecursion, LinePopulation {
    fn copies(&self, copies: usize) -> Option<PopulationReport> {
        (copies == 1 || self.separates()).then(|| self.copies(copies))
    }
    fn last_lipschitz(&self) -> Option<f64> {
        self.consistency().lipschitz(self.report().steps)
    }
} {
    fn lipschitz_bounds(&self, grid: &Grid) -> Option<LipschitzBounds> {
        Some(growth::of_mixture(self, grid))
    }
    fn few_steps(&self, grid: &Grid, settings: &Settings, evaluations: &Evaluations) -> Option<Result<FewSteps, PopulationError>> {
        Some(LineRecursion::new(self, grid).settings(settings.clone()).few_steps(evaluations))
    }
});
population!(Gaussian, GaussianRecursion, GaussianPopulation {
    fn last_lipschitz(&self) -> Option<f64> {
        self.consistency().lipschitz(self.report().steps)
    }
} {
    fn lipschitz_bounds(&self, grid: &Grid) -> Option<LipschitzBounds> {
        Some(lipschitz_bounds(self, grid))
    }
    fn few_steps(&self, grid: &Grid, _settings: &Settings, evaluations: &Evaluations) -> Option<Result<FewSteps, PopulationError>> {
        // Training and distillation find the same functions.
        Some(few_steps(self, grid, evaluations))
    }
});
population!(Radial, RadialRecursion, RadialPopulation {} {});
population!(GaussianMixture, LatticeRecursion, LatticePopulation {} {});

impl PopulationLaw for Comb {
    fn population(&self, grid: &Grid, settings: &Settings) -> Result<Box<dyn Population>, PopulationError> {
        Ok(Box::new(LineRecursion::new(self, grid).settings(settings.clone()).run()?))
    }
    fn lipschitz_bounds(&self, grid: &Grid) -> Option<LipschitzBounds> {
        Some(growth::of_comb(self, grid))
    }
    fn few_steps(&self, grid: &Grid, settings: &Settings, evaluations: &Evaluations) -> Option<Result<FewSteps, PopulationError>> {
        Some(LineRecursion::new(self, grid).settings(settings.clone()).few_steps(evaluations))
    }
}
