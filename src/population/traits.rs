//! One interface to all recursions.

use crate::consistency::ConsistencyFunction;
use crate::delegate::delegate;
use crate::law::{Gaussian, GaussianMixture, LineMixture, Radial};
use crate::population::{
    GaussianPopulation, GaussianRecursion, LatticePopulation, LatticeRecursion, LinePopulation, LineRecursion, LocalError, PopulationError,
    PopulationReport, RadialPopulation, RadialRecursion, Settings,
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

    /// The report of `copies` independent copies of the law, on the product space, where it is known: always for one copy.
    fn copies(&self, copies: usize) -> Option<PopulationReport> {
        (copies == 1).then(|| self.report().clone())
    }
}

/// A law whose population recursion can be computed: [`LineMixture`], [`Gaussian`], [`Radial`], and [`GaussianMixture`] in up to three
/// dimensions.
///
/// See [`Population`] for an example.
pub trait PopulationLaw: Space + Debug + Send + Sync {
    /// Runs the recursion along `grid`.
    ///
    /// # Errors
    /// Those of the recursion of the law.
    fn population(&self, grid: &Grid, settings: &Settings) -> Result<Box<dyn Population>, PopulationError>;
}

delegate! {
    impl[] Population {
        fn report(&self) -> &PopulationReport;
        fn local_errors(&self) -> &[LocalError];
        fn consistency(&self) -> &dyn ConsistencyFunction;
        fn copies(&self, copies: usize) -> Option<PopulationReport>;
    }
}

delegate! {
    impl[] PopulationLaw {
        fn population(&self, grid: &Grid, settings: &Settings) -> Result<Box<dyn Population>, PopulationError>;
    }
}

/// The traits for a law, its recursion and its outcome, from their inherent methods.
macro_rules! population {
    ($law:ty, $recursion:ident, $outcome:ty { $($copies:item)? }) => {
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
            $($copies)?
        }

        impl PopulationLaw for $law {
            fn population(&self, grid: &Grid, settings: &Settings) -> Result<Box<dyn Population>, PopulationError> {
                Ok(Box::new($recursion::new(self, grid).settings(settings.clone()).run()?))
            }
        }
    };
}

population!(LineMixture, LineRecursion, LinePopulation {
    fn copies(&self, copies: usize) -> Option<PopulationReport> {
        Some(self.copies(copies))
    }
});
population!(Gaussian, GaussianRecursion, GaussianPopulation {});
population!(Radial, RadialRecursion, RadialPopulation {});
population!(GaussianMixture, LatticeRecursion, LatticePopulation {});
