//! The recursion in every dimension asked for, and what is known of the law.

use super::common::name;
use super::common::target::{Family, Target};
use super::{Arguments, MethodName};
use onestep::law::Comb;
use onestep::population::{FewSteps, LipschitzBounds, Method, PopulationLaw, PopulationReport, Settings};
use onestep::{Grid, Moments};
use std::error::Error;
use std::time::Instant;

/// What is known of a law whatever its dimension. All of them have a covariance that is a multiple of the identity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// Bounds on Lipschitz constants along the grid.
    pub(crate) bounds: Option<LipschitzBounds>,
    /// Lip f_T as it was found.
    pub(crate) lambda: Option<f64>,
    /// The variance of a coordinate of X_0.
    pub(crate) variance: f64,
    /// α ≤ ∇²V ≤ β, given or proved.
    pub(crate) log_concavity: Option<(f64, f64)>,
}

/// One law, the numbers of independent copies that are meant, and its own constants.
struct Problem<'a> {
    law: &'a dyn PopulationLaw,
    copies: Vec<usize>,
    variance: f64,
    log_concavity: Option<(f64, f64)>,
}

/// The target of the arguments.
pub(crate) fn family(a: &Arguments, dims: &[usize]) -> Result<Family, Box<dyn Error>> {
    if a.target.target != Target::Comb {
        return match (a.amplitude, a.wavenumber) {
            (None, None) => a.target.family(dims),
            _ => Err("--amplitude and --wavenumber belong to --target comb".into()),
        };
    }
    if let Some(option) = a.target.given().first() {
        return Err(format!("{option} has no effect on --target comb").into());
    }
    Ok(Family::Combs(Comb::new(a.amplitude.unwrap_or(0.5), a.wavenumber.unwrap_or(6.0))?, dims.to_vec()))
}

/// The options of the law with their values; those that depend on the dimension in a sweep are left out.
pub(crate) fn described(a: &Arguments) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
    if a.target.target == Target::Comb {
        let (amplitude, wavenumber) = (a.amplitude.unwrap_or(0.5), a.wavenumber.unwrap_or(6.0));
        return Ok(vec![
            ("--target", name(a.target.target)),
            ("--amplitude", amplitude.to_string()),
            ("--wavenumber", wavenumber.to_string()),
        ]);
    }
    if a.dims.is_some() && a.target.is_radial() && !a.target.given().contains(&"--radius") {
        return Ok(vec![("--target", name(a.target.target)), ("--radius", "∝ √d".to_string())]);
    }
    a.target.described(a.dim)
}

/// The variance of a coordinate.
fn variance(law: &impl Moments) -> f64 {
    let mean = law.mean();
    (law.second_moment() - mean.dot(&mean)) / mean.len() as f64
}

fn problems(family: &Family) -> Vec<Problem<'_>> {
    let none = |law, copies, variance| Problem { law, copies, variance, log_concavity: None };
    match family {
        Family::Copies(law, dims) => {
            let log_concavity = law.log_concavity().map(|c| (c.alpha, c.beta));
            vec![Problem { log_concavity, ..none(law, dims.clone(), variance(law)) }]
        }
        Family::Combs(law, dims) => vec![none(law, dims.clone(), variance(law))],
        Family::Gaussians(laws) => laws
            .iter()
            .map(|law| {
                let variance = variance(law);
                let precision = (variance > 0.0).then(|| (variance.recip(), variance.recip()));
                Problem { log_concavity: precision, ..none(law, vec![1], variance) }
            })
            .collect(),
        Family::Radials(laws) => laws.iter().map(|law| none(law, vec![1], variance(law))).collect(),
    }
}

/// Runs the recursion in every dimension and hands over the report, what is known of the law, and the seconds it took.
pub(crate) fn run(
    family: &Family,
    a: &Arguments,
    grid: &Grid,
    mut found: impl FnMut(PopulationReport, Known, Option<FewSteps>, f64) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let method = if a.method == MethodName::Ct { Method::Training } else { Method::Distillation };
    let settings = Settings::new().method(method).loss(a.loss()?).tolerance(a.tolerance());
    let evaluations = a.evaluations()?;
    for problem in problems(family) {
        let start = Instant::now();
        let run = problem.law.population(grid, &settings)?;
        let seconds = start.elapsed().as_secs_f64();
        let known = Known {
            bounds: problem.law.lipschitz_bounds(grid),
            lambda: run.last_lipschitz(),
            variance: problem.variance,
            log_concavity: a.alpha.map(|alpha| (alpha, a.beta.unwrap_or(f64::INFINITY))).or(problem.log_concavity),
        };
        let few_steps = match &evaluations {
            Some(evaluations) => match problem.law.few_steps(grid, &settings, evaluations) {
                Some(found) => Some(found?),
                None => return Err("--evaluations is known for targets on the line and for Gaussians".into()),
            },
            None => None,
        };
        for report in problem.copies.into_iter().filter_map(|copies| run.copies(copies)) {
            // W_1 of independent copies is not that of one.
            let few = few_steps.clone().filter(|_| report.dim == problem.law.dim());
            found(report, known, few, seconds)?;
        }
    }
    Ok(())
}
