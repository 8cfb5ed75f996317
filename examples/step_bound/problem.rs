//! The recursion in every dimension asked for.

use super::common::target::Family;
use super::{Arguments, MethodName};
use onestep::Grid;
use onestep::population::{Method, PopulationLaw, PopulationReport, Settings};
use std::error::Error;
use std::time::Instant;

/// The laws whose recursions are run, each with the numbers of independent copies that are meant.
fn laws(family: &Family) -> Vec<(&dyn PopulationLaw, Vec<usize>)> {
    fn single(law: &impl PopulationLaw) -> (&dyn PopulationLaw, Vec<usize>) {
        (law, vec![1])
    }
    match family {
        Family::Copies(target, dims) => vec![(target, dims.clone())],
        Family::Gaussians(targets) => targets.iter().map(single).collect(),
        Family::Radials(targets) => targets.iter().map(single).collect(),
    }
}

/// Runs the recursion in every dimension and hands over the report and the seconds it took.
pub(crate) fn run(
    family: &Family,
    a: &Arguments,
    grid: &Grid,
    mut found: impl FnMut(PopulationReport, f64) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let method = if a.method == MethodName::Ct { Method::Training } else { Method::Distillation };
    let settings = Settings::new().method(method).tolerance(a.tolerance());
    for (law, copies) in laws(family) {
        let start = Instant::now();
        let run = law.population(grid, &settings)?;
        let seconds = start.elapsed().as_secs_f64();
        for report in copies.into_iter().filter_map(|copies| run.copies(copies)) {
            found(report, seconds)?;
        }
    }
    Ok(())
}
