//! Known answer, loss floor and error ledger of a network in an ONNX file: a consistency function f(x, time) in single precision.
//!
//! ```text
//! cargo run --release --manifest-path examples/onnx/Cargo.toml -- model.onnx --dim 2 --weights .3,.7 --means=-1,1 --stds .4,.4 \
//!     --path edm --schedule karras --steps 18
//! ```
//!
//! Law, path and schedule are said as in the other examples. The network takes points in the convention of the path and the time that --time
//! says, and returns points of the path at the first level.

#[path = "../../common/mod.rs"]
mod common;
mod family;
#[cfg(test)]
mod graphs;
mod network;
mod report;
#[cfg(test)]
mod tests;

use clap::Parser;
use common::law::LawOptions;
use common::path::PathOptions;
use common::schedule::ScheduleOptions;
use common::{Format, arguments, fail, limits, remark};
use family::{OnnxFamily, Time};
use network::{Network, NetworkOptions, Outcome};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use report::{Problem, Reports};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// A network f(x, time) of an ONNX file against the known answer, its losses against their floors, and its error term by term.
#[derive(Debug, Parser)]
#[command(name = "onestep-onnx", allow_negative_numbers = true)]
struct Arguments {
    /// The file; weights kept apart are looked for beside it.
    model: PathBuf,
    #[command(flatten)]
    network: NetworkOptions,
    /// What the network takes as its time.
    #[arg(long, value_enum, default_value = "path")]
    time: Time,
    #[command(flatten)]
    law: LawOptions,
    #[command(flatten)]
    path: PathOptions,
    #[command(flatten)]
    schedule: ScheduleOptions,
    /// T; 64 by default, or the number of levels of a list.
    #[arg(long, value_parser = limits::count(2, limits::STEPS))]
    steps: Option<usize>,
    /// Points a level of the known answer; 0 for none.
    #[arg(long, default_value_t = 200, value_parser = limits::count(0, limits::POINTS))]
    points: usize,
    /// Draws a step of the losses; 0 for none.
    #[arg(long, default_value_t = 300, value_parser = limits::count(0, limits::POINTS))]
    samples: usize,
    /// Points a step of the ledger, which says which term is to blame for the error; 0 for none.
    #[arg(long, default_value_t = 1000, value_parser = limits::count(0, limits::POINTS))]
    ledger: usize,
    /// Differences up to this are agreement; by default eight times what a last bit of the points in single precision does to a value, at least 1e-6.
    #[arg(long)]
    tolerance: Option<f64>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A table, or one JSON object.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// The head of the JSON object: all that is needed to repeat the run.
fn head(a: &Arguments, steps: usize) -> Outcome<Map<String, Value>> {
    let object = |options: common::provenance::Options| {
        let named = |(option, value): (&'static str, String)| (option.trim_start_matches('-').replace('-', "_"), Value::from(value));
        Value::Object(options.into_iter().map(named).collect())
    };
    let mut head = Map::new();
    head.insert("model".into(), a.model.display().to_string().into());
    head.insert("time".into(), common::name(a.time).into());
    head.insert("law".into(), object(a.law.described()?));
    head.insert("path".into(), object(a.path.described()));
    head.insert("schedule".into(), object(a.schedule.described()));
    head.insert("steps".into(), steps.into());
    head.insert("seed".into(), a.seed.into());
    Ok(head)
}

fn run(a: &Arguments) -> Outcome<()> {
    if a.format == Format::Csv {
        return Err("--format csv: two reports make no table, take table or json".into());
    }
    for (option, count) in [("--samples", a.samples), ("--ledger", a.ledger)] {
        if count == 1 {
            return Err(format!("{option} 1 gives no standard error: take 0 or at least 2").into());
        }
    }
    let (law, path) = (a.law.law()?, a.path.path()?);
    let steps = a.steps.or(a.schedule.count()?).unwrap_or(64);
    let grid = a.schedule.grid_on(steps, &path)?;
    let network = Network::load(&a.model, law.dim(), &a.network)?;
    let mut rng = ChaCha8Rng::seed_from_u64(a.seed);
    let shown = a.model.display();
    let f = OnnxFamily::new(network, &law.known(), &grid, &path, a.time, &mut rng).map_err(|error| format!("{shown}: {error}"))?;
    let problem = Problem { law: &law, path: &path, grid: &grid };
    let explained = |error: Box<dyn std::error::Error>| match f.failure() {
        Some(failure) => format!("{shown}: {failure}").into(),
        None => error,
    };
    let known = match a.points {
        0 => None,
        points => Some(report::known_answer(&problem, &f, points, a.tolerance, a.seed).map_err(explained)?),
    };
    let losses = match a.samples {
        0 => None,
        _ if report::too_many_nodes(&law) => {
            remark!(
                "no loss floor by sums in {} dimensions: the ledger has losses, spreads (their floors) and own errors by draws",
                law.dim()
            );
            None
        }
        samples => Some(report::losses(&problem, &f, samples, &mut rng).map_err(explained)?),
    };
    let ledger = match a.ledger {
        0 => None,
        points => report::ledger(&problem, &f, points, &mut rng).map_err(explained)?,
    };
    let reports = Reports { known, losses, ledger };
    if a.format == Format::Json {
        return report::print_json(head(a, steps)?, &reports);
    }
    if let Some(known) = &reports.known {
        report::print_known(known);
    }
    if let Some(losses) = &reports.losses {
        report::print_losses(losses);
    }
    if let Some(ledger) = &reports.ledger {
        common::replicates::print(a.format, ledger);
    }
    remark!("seed {}", a.seed);
    Ok(())
}

fn main() {
    if let Err(error) = run(&arguments()) {
        fail(&error);
    }
}
