//! A search without derivatives for the worst law of a family: evenly drawn points of the unit box, then steps around the best of them whose
//! length grows with success and shrinks with failure (a (1+1) evolution strategy). It depends on the seed and on nothing else.

use super::family::{Family, Found, Setting, Trial};
use super::{Objective, SweepError};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// The part of the evaluations that is spent on even draws.
const EVEN: f64 = 0.4;
/// The first step, in units of the box; and what success and failure make of it.
const STEP: f64 = 0.2;
const LONGER: f64 = 1.5;
const SHORTER: f64 = 0.85;

/// The worst law that was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Worst {
    pub(crate) parameters: Vec<f64>,
    pub(crate) found: Found,
}

/// What a search did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Searched {
    /// `None` where no law on trial was admissible.
    pub(crate) worst: Option<Worst>,
    pub(crate) admissible: usize,
    pub(crate) unresolved: usize,
}

/// How good a law on trial is: the larger the better. Those that are not admissible come by how far they are from it.
fn rank(trial: &Trial, objective: Objective) -> (bool, f64) {
    match trial {
        Trial::Admissible(found) => (true, found.value(objective)),
        Trial::TooSteep(excess) if excess.is_finite() => (false, -excess),
        Trial::TooSteep(_) => (false, -f64::MAX),
        Trial::Unresolved => (false, f64::NEG_INFINITY),
    }
}

fn is_better(one: (bool, f64), other: (bool, f64)) -> bool {
    if one.0 == other.0 { one.1 > other.1 } else { one.0 }
}

/// A reflection into [0, 1].
fn into_box(x: f64) -> f64 {
    let x = x.rem_euclid(2.0);
    if x > 1.0 { 2.0 - x } else { x }
}

/// Searches the family with `evaluations` laws on trial.
pub(crate) fn search(
    family: Family,
    setting: &Setting,
    objective: Objective,
    evaluations: usize,
    (seed, stream): (u64, u64),
) -> Result<Searched, SweepError> {
    let count = family.parameters().len();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    let even = ((EVEN * evaluations as f64).ceil() as usize).max(1);
    let mut best: Option<(Vec<f64>, (bool, f64), Trial)> = None;
    let (mut admissible, mut unresolved) = (0, 0);
    let mut step = STEP;
    for i in 0..evaluations {
        let point: Vec<f64> = match &best {
            Some((centre, ..)) if i >= even => centre.iter().map(|c| into_box(c + step * rng.sample::<f64, _>(StandardNormal))).collect(),
            _ => (0..count).map(|_| rng.random()).collect(),
        };
        let trial = family.try_on(setting, &family.at(&point, setting.grid.steps()))?;
        match trial {
            Trial::Admissible(_) => admissible += 1,
            Trial::Unresolved => unresolved += 1,
            Trial::TooSteep(_) => {}
        }
        let here = rank(&trial, objective);
        let improved = best.as_ref().is_none_or(|(_, rank, _)| is_better(here, *rank));
        if improved {
            best = Some((point, here, trial));
        }
        if i >= even {
            step = (step * if improved { LONGER } else { SHORTER }).min(0.5);
        }
    }
    let worst = best.and_then(|(point, _, trial)| match trial {
        Trial::Admissible(found) => Some(Worst { parameters: family.at(&point, setting.grid.steps()), found: *found }),
        _ => None,
    });
    Ok(Searched { worst, admissible, unresolved })
}
