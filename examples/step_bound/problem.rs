//! The recursion in every dimension asked for.

use super::common::target::Family;
use super::{Arguments, MethodName};
use onestep::Grid;
use onestep::population::{GaussianRecursion, LineRecursion, Method, PopulationReport, RadialRecursion};
use std::error::Error;
use std::time::Instant;

/// Runs the recursion in every dimension and hands over the report and the seconds it took.
pub(crate) fn run(
    family: &Family,
    a: &Arguments,
    grid: &Grid,
    mut found: impl FnMut(PopulationReport, f64) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let method = if a.method == MethodName::Ct { Method::Training } else { Method::Distillation };
    let start = Instant::now();
    match family {
        Family::Copies(target, dims) => {
            let run = LineRecursion::new(target, grid).method(method).tolerance(a.tolerance()).run()?;
            let seconds = start.elapsed().as_secs_f64();
            dims.iter().try_for_each(|&dim| found(run.copies(dim), seconds))
        }
        Family::Gaussians(targets) => targets.iter().try_for_each(|target| {
            let start = Instant::now();
            let run = GaussianRecursion::new(target, grid).method(method).run()?;
            found(run.report().clone(), start.elapsed().as_secs_f64())
        }),
        Family::Radials(targets) => targets.iter().try_for_each(|target| {
            let start = Instant::now();
            let run = RadialRecursion::new(target, grid).method(method).tolerance(a.tolerance()).run()?;
            found(run.report().clone(), start.elapsed().as_secs_f64())
        }),
    }
}
