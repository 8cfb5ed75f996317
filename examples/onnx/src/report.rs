//! Known answer and loss floor of a network.

use super::common::law::Law;
use super::common::{number, remark, say};
use super::family::OnnxFamily;
use super::network::Outcome;
use ndarray::{Array2, Axis, concatenate};
use onestep::audit::{Excess, FloorLevel, KnownAnswer, KnownAnswerReport, LossFloor, ReplicateLedger, ReplicateReport};
use onestep::path::{GaussianPath, Path};
use onestep::population::Method;
use onestep::{ConsistencyFunction, Estimate, ForwardProcess, Grid};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Law, path and grid.
pub(crate) struct Problem<'a> {
    pub(crate) law: &'a Law,
    pub(crate) path: &'a Path,
    pub(crate) grid: &'a Grid,
}

/// What the known answer says, with the rounding of single precision beside it.
pub(crate) struct Known {
    pub(crate) report: KnownAnswerReport,
    /// By how much a last bit of the points moves values, at most.
    pub(crate) rounding: f64,
}

/// Values that agree may differ by this many times what a last bit of the points does to them; the network rounds on its way, too.
const ROUNDINGS: f64 = 8.0;
/// And by this much where the points say nothing: single precision at values of order one.
const LEAST_TOLERANCE: f64 = 1e-6;

/// Levels that are spread over the grid: its ends and about eight between.
fn spread(last: usize) -> Vec<usize> {
    let mut levels: Vec<usize> = (0..=9).map(|i| 1 + (last - 1) * i / 9).collect();
    levels.dedup();
    levels
}

/// The network against flow map and optima at `points` draws a level: those of `known_answer --template` of the same seed.
pub(crate) fn known_answer(problem: &Problem, f: &OnnxFamily, points: usize, tolerance: Option<f64>, seed: u64) -> Outcome<Known> {
    let Problem { law, path, grid } = problem;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let levels = spread(grid.steps());
    let first = path.on(grid.level(1))?.scale();
    let (mut t, mut x, mut values, mut rounding) = (Vec::new(), Vec::new(), Vec::new(), 0.0_f64);
    for &level in &levels {
        let draws = ForwardProcess::new(grid).marginal(level, &law.known().sample(points, &mut rng), &mut rng);
        t.extend(std::iter::repeat_n(level, points));
        values.push(f.raw(level, &draws)? * first);
        rounding = rounding.max(f.rounding(level, &draws)?);
        x.push(path.on(grid.level(level))?.from_vp(&draws));
    }
    let join = |parts: &[Array2<f64>]| concatenate(Axis(0), &parts.iter().map(|part| part.view()).collect::<Vec<_>>());
    let (x, values) = (join(&x)?, join(&values)?);
    let flow = law.flow()?;
    let known = law.known();
    let tolerance = tolerance.unwrap_or(LEAST_TOLERANCE.max(ROUNDINGS * rounding));
    let base = KnownAnswer::new(&*flow, grid).path(*path).moments(&known).tolerance(tolerance);
    let training = law.optimum(grid, Method::Training, &levels, false)?;
    let distillation = law.optimum(grid, Method::Distillation, &levels, false)?;
    let mut check = base;
    if let Some(optimum) = &training {
        check = check.population(optimum);
    }
    if let Some(optimum) = &distillation {
        check = check.distillation(optimum);
    }
    Ok(Known { report: check.check(&t, &x, &values)?, rounding })
}

/// The loss of a step, what it is at the optimum given f_{t−1}, and what the floor is at the optimum of all steps.
pub(crate) struct LossStep {
    pub(crate) loss: Estimate,
    pub(crate) floor: FloorLevel,
}

/// The losses of consistency training with their floors, and the sum of the floors at the population optimum where that is known.
pub(crate) struct Losses {
    pub(crate) steps: Vec<LossStep>,
    pub(crate) optimum: Option<Estimate>,
}

/// Whether the rule of the posterior is a tensor product of too many factors.
pub(crate) fn too_many_nodes(law: &Law) -> bool {
    matches!(law, Law::Copies(product) if product.factors().len() > 2)
}

pub(crate) fn losses(problem: &Problem, f: &OnnxFamily, samples: usize, rng: &mut dyn RngCore) -> Outcome<Losses> {
    let Problem { law, grid, .. } = problem;
    let rule = law.known();
    let floors = LossFloor::new(&rule, grid).samples(samples);
    let given = floors.consistency(f, rng)?;
    let mut steps = Vec::new();
    for floor in given.levels {
        let t = floor.step;
        let x0 = law.known().sample(samples, rng);
        let pair = ForwardProcess::new(grid).draw_pair(t, &x0, rng);
        let gap = f.eval(t, &pair.now) - f.eval(t - 1, &pair.before);
        let squares: Vec<f64> = gap.rows().into_iter().map(|row| row.dot(&row)).collect();
        steps.push(LossStep { loss: Estimate::from_samples(&squares), floor });
    }
    let levels: Vec<usize> = (1..=grid.steps()).collect();
    let optimum = match law.optimum(grid, Method::Training, &levels, false)? {
        Some(optimum) => Some(floors.consistency(&optimum, rng)?.sum()),
        None => None,
    };
    Ok(Losses { steps, optimum })
}

impl Losses {
    /// Sums over steps of independent estimates: of losses and of floors.
    pub(crate) fn sums(&self) -> (Estimate, Estimate) {
        let sum = |of: fn(&LossStep) -> Estimate| {
            let value = self.steps.iter().map(|s| of(s).value).sum();
            let variance: f64 = self.steps.iter().map(|s| of(s).std_error.powi(2)).sum();
            Estimate::normal(value, variance.sqrt(), self.steps.iter().map(|s| of(s).evaluations).sum())
        };
        (sum(|s| s.loss), sum(|s| s.floor.floor))
    }

    /// The excess of the sum of losses, with the sampling errors of both.
    fn excess(&self) -> Excess {
        let (loss, floor) = self.sums();
        Excess::new(loss.value, Estimate::normal(floor.value, floor.std_error.hypot(loss.std_error), floor.evaluations))
    }
}

/// Draws of X_{t−1} at every point of the ledger.
const REPLICATES: usize = 8;

/// The error of the network term by term, where the law has a sampler of its posterior.
pub(crate) fn ledger(problem: &Problem, f: &OnnxFamily, samples: usize, rng: &mut dyn RngCore) -> Outcome<Option<ReplicateReport>> {
    let Some(law) = problem.law.sampled() else {
        remark!("no ledger: the posterior of this law has no sampler");
        return Ok(None);
    };
    let flow = problem.law.flow()?;
    Ok(Some(ReplicateLedger::new(law, problem.grid).samples(samples).replicates(REPLICATES).flow(&*flow).measure(f, rng)?))
}

pub(crate) fn print_known(known: &Known) {
    let report = &known.report;
    say!(
        "known answer: means of lengths, in units of the data: of the model f, the flow map Φ, the optima of training (CT) and distillation (CD)"
    );
    let head = ["f - Φ", "largest", "f - CT", "CT - Φ", "f - CD", "CD - Φ"].map(|name| format!("{name:>10}")).join(" ");
    say!("{:>6} {:>8} {:>6} {head}", "t", "angle", "rows");
    for level in &report.levels {
        let gap = |g: Option<onestep::audit::Gap>| g.map_or_else(|| format!("{:>10}", "-"), |g| format!("{:>10.3e}", g.mean.value));
        let gaps = [level.training, level.discretisation, level.distillation, level.distillation_error].map(gap).join(" ");
        let (error, largest) = (level.error.mean.value, level.error.largest);
        say!("{:>6} {:>8.4} {:>6} {error:>10.3e} {largest:>10.3e} {gaps}", level.step, level.angle, level.rows);
    }
    say!(
        "single precision: a last bit of a point moves a value by at most {:.1e}; agreement is asked to {:.1e}",
        known.rounding,
        report.tolerance
    );
    say!("verdict: {}", report.finding());
}

pub(crate) fn print_losses(losses: &Losses) {
    say!("loss of consistency training, ‖f_t(X_t) − f_t−1(X_t−1)‖² in units of the data, and its floor given f_t−1");
    say!("{:>6} {:>8} {:>11} {:>9} {:>11} {:>9} {:>11} {:>10}", "t", "angle", "loss", "±", "floor", "±", "excess", "quadrature");
    for LossStep { loss, floor } in &losses.steps {
        let quadrature = floor.quadrature_error.map_or_else(String::new, |e| format!("{e:.1e}"));
        let (at, excess) = (floor.floor, loss.value - floor.floor.value);
        say!(
            "{:>6} {:>8.4} {:>11.4e} {:>9.1e} {:>11.4e} {:>9.1e} {excess:>11.4e} {quadrature:>10}",
            floor.step,
            floor.angle,
            loss.value,
            loss.std_error,
            at.value,
            at.std_error
        );
    }
    say!("sum over steps: {}", losses.excess());
    if let Some(optimum) = losses.optimum {
        say!("the sum at the population optimum of all steps: {:.6} ± {:.0e}", optimum.value, optimum.std_error);
    }
}

fn estimate(e: Estimate) -> Value {
    json!({"value": number(e.value), "std_error": number(e.std_error)})
}

/// What was measured.
pub(crate) struct Reports {
    pub(crate) known: Option<Known>,
    pub(crate) losses: Option<Losses>,
    pub(crate) ledger: Option<ReplicateReport>,
}

/// One object with everything.
pub(crate) fn print_json(mut head: serde_json::Map<String, Value>, reports: &Reports) -> Outcome<()> {
    let Reports { known, losses, ledger } = reports;
    if let Some(known) = known {
        let mut report = serde_json::to_value(&known.report)?;
        report["rounding"] = number(known.rounding);
        report["verdict"] = known.report.finding().to_string().into();
        head.insert("known_answer".into(), report);
    }
    if let Some(losses) = losses {
        let step = |s: &LossStep| {
            json!({
                "step": s.floor.step,
                "angle": number(s.floor.angle),
                "loss": estimate(s.loss),
                "floor": estimate(s.floor.floor),
                "quadrature_error": s.floor.quadrature_error.map_or(Value::Null, number),
            })
        };
        let (loss, floor) = losses.sums();
        let report = json!({
            "steps": losses.steps.iter().map(step).collect::<Vec<_>>(),
            "loss": estimate(loss),
            "floor": estimate(floor),
            "floor_at_optimum": losses.optimum.map_or(Value::Null, estimate),
        });
        head.insert("loss".into(), report);
    }
    if let Some(ledger) = ledger {
        let mut report = serde_json::to_value(ledger)?;
        let verdict = super::common::replicates::verdict(ledger);
        report["verdict"] = Value::Object(verdict.into_iter().map(|(name, value)| (name.to_string(), value)).collect());
        head.insert("ledger".into(), report);
    }
    say!("{}", Value::Object(head));
    if let Some(known) = known {
        remark!("verdict: {}", known.report.finding());
    }
    Ok(())
}
