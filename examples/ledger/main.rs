//! The error of a consistency function term by term along t: which term is to blame?
//!
//! ```text
//! cargo run --release --example ledger
//! cargo run --release --example ledger -- --function population --steps 64 --schedule paper
//! cargo run --release --example ledger -- --function affine --target gaussian --dim 2 --format json --plot none
//! ```
//!
//! The recursion (34) splits the error f_t − Φ_t into what is inherited from step t − 1, f's own error of step t (training) and the local error
//! (discretisation), and the local error into T1, T2 and a remainder, as the proof of Theorem 1 does. The default trains splines by the
//! recursion (14) on a two-mode mixture, so that no term is zero. A function of your own goes through `onestep::audit::Ledger` in the same way.
//!
//! In any dimension, for models that were trained elsewhere, the same terms come as mean squares from draws of the posterior:
//!
//! ```text
//! cargo run --release --example train --features serde -- --data points.csv --class joint --model model.json
//! cargo run --release --example ledger --features serde -- --model model.json --target points --data points.csv
//! cargo run --release --example ledger -- --exchange there --target mixture --dim 16 --path edm --schedule karras --steps 18
//! (evaluate your model at the points of there/points.csv, put its values in the columns f, and run the same command again)
//! ```

#[path = "../common/mod.rs"]
mod common;
mod exchange;
mod model;

use clap::{Parser, ValueEnum};
use common::law::{Law, LawOptions};
use common::output::Output;
use common::path::PathOptions;
use common::plot::{BLUE, Curve, DARK, GREEN, GREY, Labels, ORANGE, PURPLE, RED, draw_linear};
use common::provenance::Options;
use common::schedule::ScheduleOptions;
use common::target::{OF_LAWS, taking};
use common::{Format, Provenance, Row, arguments_of, fail, limits, name, number, print_last_row, progress, remark, say, told};
use exchange::{Exchange, Recorder, exchange};
use model::Model;
use onestep::audit::{Ledger, LedgerReport, LedgerStep, ReplicateLedger, ReplicateReport};
use onestep::law::{LineMixture, Product};
use onestep::population::{Keep, LineRecursion};
use onestep::training::class::{Affine, Polynomial, RandomFourier, Spline};
use onestep::training::{Recursion, Scaling, Source};
use onestep::{ConsistencyFunction, Estimate, FunctionClass, Grid};
use plotters::prelude::SeriesLabelPosition;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::error::Error;
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Function {
    /// Trained: cubic splines, on the line only.
    Spline,
    /// Trained: polynomials of degree three.
    Polynomial,
    /// Trained: affine functions.
    Affine,
    /// Trained: random Fourier features.
    Fourier,
    /// The population optimum: no own error.
    Population,
}

/// Error (34) of a consistency function, term by term along t.
#[derive(Debug, Parser)]
#[command(allow_negative_numbers = true)]
struct Arguments {
    /// Without --model and --exchange: targets on the line in up to two dimensions, where expectations are sums over a grid of nodes.
    #[command(flatten)]
    law: LawOptions,
    #[command(flatten)]
    path: PathOptions,
    #[command(flatten)]
    schedule: ScheduleOptions,
    /// T; 32 by default.
    #[arg(long, value_parser = limits::count(1, limits::STEPS))]
    steps: Option<usize>,
    /// What is measured; a spline by default.
    #[arg(long, value_enum, conflicts_with_all = ["model", "exchange"])]
    function: Option<Function>,
    /// A model saved by `train --model` (needs the feature `serde`), which brings its schedule; --target points takes the data it was trained on.
    #[arg(long, conflicts_with = "exchange")]
    model: Option<PathBuf>,
    /// A directory to exchange files with a foreign model: the points at which f is needed are written there, then its values are read.
    #[arg(long)]
    exchange: Option<PathBuf>,
    /// Draws of X_{t-1} at every point, with --model or --exchange; 4 by default.
    #[arg(long, value_parser = limits::count(2, 1024))]
    replicates: Option<usize>,
    /// Points a step at which the flow of the law is followed, with --model or --exchange; by default all where it is known in closed form, else 20.
    #[arg(long, value_parser = limits::count(2, limits::POINTS))]
    flow_samples: Option<usize>,
    /// Pairs (X_0, Z) a step of training; 4000 by default.
    #[arg(long, value_parser = limits::count(1, limits::POINTS))]
    pairs: Option<usize>,
    /// Draws of X_t at which each step is measured.
    #[arg(long, default_value_t = 1000, value_parser = limits::count(1, limits::POINTS))]
    samples: usize,
    /// Steps to measure; all by default. With some left out there is no bound, only the sum over those measured.
    #[arg(long, value_delimiter = ',')]
    only: Option<Vec<usize>>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// SVG or PNG file for the plot, or `none`.
    #[arg(long, default_value = "ledger.svg")]
    plot: String,
}

/// In more dimensions the tensor rule of the posterior has too many nodes.
const MOST_DIMENSIONS: usize = 2;

type Outcome<T> = Result<T, Box<dyn Error>>;

impl Arguments {
    fn steps(&self) -> Outcome<usize> {
        Ok(self.steps.or(self.schedule.count()?).unwrap_or(32))
    }

    fn function(&self) -> Function {
        self.function.unwrap_or(Function::Spline)
    }
}

fn function(a: &Arguments, line: &LineMixture, grid: &Grid, rng: &mut ChaCha8Rng) -> Result<Box<dyn ConsistencyFunction>, Box<dyn Error>> {
    let class: Box<dyn FunctionClass> = match a.function() {
        Function::Population => {
            let run = LineRecursion::new(line, grid).keep(Keep::All).run()?;
            return Ok(Box::new(Product::copies(run.consistency().clone(), a.law.dim())?));
        }
        Function::Spline => Box::new(Spline::new()),
        Function::Polynomial => Box::new(Polynomial::new(3)),
        Function::Affine => Box::new(Affine::new()),
        Function::Fourier => Box::new(RandomFourier::new(150).bandwidths(&[0.25, 0.5])),
    };
    let target = Product::copies(line.clone(), a.law.dim())?;
    let recursion = Recursion::new(grid.clone(), a.pairs.unwrap_or(4000)).scaling(Scaling::None);
    Ok(Box::new(recursion.train(Source::Law(&target), class.as_ref(), rng)?))
}

/// The terms with the names of their columns.
fn columns(step: &LedgerStep) -> [(&'static str, &'static str, Estimate); 7] {
    [
        ("error", "error_std_error", step.error),
        ("inherited", "inherited_std_error", step.inherited),
        ("own", "own_std_error", step.own),
        ("local", "local_std_error", step.local),
        ("first_order", "first_order_std_error", step.first_order),
        ("second_order", "second_order_std_error", step.second_order),
        ("remainder", "remainder_std_error", step.remainder),
    ]
}

fn row(a: &Arguments, steps: usize, step: &LedgerStep) -> Row {
    let mut row: Row = vec![
        ("steps", steps.into()),
        ("dim", a.law.dim().into()),
        ("function", name(a.function()).into()),
        ("seed", a.seed.into()),
        ("step", step.step.into()),
        ("angle", number(step.angle)),
        ("delta", number(step.delta)),
    ];
    for (value_name, error_name, term) in columns(step) {
        row.push((value_name, number(term.value)));
        row.push((error_name, number(term.std_error)));
    }
    row.push(("quadrature_error", step.quadrature_error.map_or(serde_json::Value::Null, number)));
    row.push(("second_order_error", number(step.second_order_error)));
    row
}

/// Sums over the steps, the bound they make, and the term to blame, as objects.
fn summary(report: &LedgerReport) -> serde_json::Value {
    let object = |e: Estimate| json!({"value": number(e.value), "std_error": number(e.std_error)});
    let blame = report.blame().map(|b| {
        json!({
            "term": b.term.to_string(),
            "share": number(b.share),
            "clear": b.clear,
            "step": b.step,
            "step_share": number(b.step_share),
            "part": b.part.map(|p| p.to_string()),
        })
    });
    json!({
        "sums": {"own": object(report.own()), "local": object(report.local()), "prior": object(report.prior_mismatch)},
        "error": object(report.error),
        "bound": report.bound().map(object),
        "energy_lower": object(report.energy_lower),
        "energy_upper": report.energy_upper().map(object),
        "blame": blame,
    })
}

fn print_steps(a: &Arguments, report: &LedgerReport) {
    if a.format != Format::Table {
        for (i, step) in report.steps.iter().enumerate() {
            let summary = if i + 1 == report.steps.len() { summary(report) } else { serde_json::Value::Null };
            print_last_row(a.format, i == 0, &row(a, report.grid_steps, step), summary);
        }
        return;
    }
    say!(
        "function {}, T = {}, d = {}, {} draws a step, seed {}; mean lengths, relative standard errors up to {:.1} %",
        name(a.function()),
        report.grid_steps,
        a.law.dim(),
        a.samples,
        a.seed,
        100.0 * report.steps.iter().map(|s| s.error.std_error / s.error.value).fold(0.0, f64::max)
    );
    say!(
        "{:>5} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7}",
        "t",
        "angle",
        "error",
        "inherited",
        "own",
        "local",
        "T1",
        "T2",
        "remainder",
        "quad.",
        "T2 err"
    );
    for step in &report.steps {
        let terms: Vec<String> = columns(step).iter().map(|(_, _, term)| format!("{:>9.3e}", term.value)).collect();
        let quadrature = step.quadrature_error.map_or_else(|| "-".to_string(), |e| format!("{e:.1e}"));
        say!("{:>5} {:>7.4} {} {quadrature:>7} {:>7.1e}", step.step, step.angle, terms.join(" "), step.second_order_error);
    }
}

fn plot(a: &Arguments, output: &Output, report: &LedgerReport) -> Outcome<()> {
    let curve = |name: &str, colour, term: fn(&LedgerStep) -> Estimate| {
        let point = |s: &LedgerStep| (s.angle, term(s).value, term(s).std_error);
        Curve::with_errors(name, colour, report.steps.iter().map(point))
    };
    let reference = |curve: Curve| Curve { reference: true, ..curve };
    // Terms that are rounding would stretch the axis.
    let floor = 1e-6 * report.error.value;
    let curves: Vec<Curve> = [
        curve("error E‖f_t − Φ_t‖", DARK, |s| s.error),
        reference(curve("inherited", GREY, |s| s.inherited)),
        curve("own (training)", RED, |s| s.own),
        curve("local (discretisation)", BLUE, |s| s.local),
        curve("T₁ of the local error", GREEN, |s| s.first_order),
        curve("T₂", ORANGE, |s| s.second_order),
        curve("remainder", PURPLE, |s| s.remainder),
    ]
    .iter()
    .map(|c| c.only(|p| p.1 > floor))
    .collect();
    let caption = format!(
        "Error of a consistency function, term by term\n{}, function {}\nschedule {}, T = {}; bars are standard errors of {} draws a step",
        told(&a.law.described()?),
        name(a.function()),
        told(&a.schedule.described()),
        report.grid_steps,
        a.samples
    );
    let labels = Labels {
        caption: &caption,
        abscissa: "noise angle of step t (radians)",
        ordinate: "mean length",
        legend: SeriesLabelPosition::LowerMiddle,
    };
    draw_linear(output, &labels, &curves)
}

/// By draws from the posterior, in any dimension.
fn by_draws(a: &Arguments, law: &Law, grid: &Grid, f: &dyn ConsistencyFunction) -> Outcome<ReplicateReport> {
    let name = || format!("--target {} has no sampler of its posterior: take another law with --model and --exchange", a.law.name());
    let (sampled, flow) = (law.sampled().ok_or_else(name)?, law.flow()?);
    let closed = matches!(law, Law::Copies(_) | Law::Gaussian(_));
    let flow_samples = a.flow_samples.unwrap_or(if closed { a.samples } else { INTEGRATED });
    let mut ledger = ReplicateLedger::new(sampled, grid).samples(a.samples).replicates(a.replicates.unwrap_or(4));
    ledger = ledger.flow(&*flow).flow_samples(flow_samples.min(a.samples));
    if let Some(steps) = &a.only {
        ledger = ledger.steps(steps);
    }
    Ok(ledger.measure(f, &mut ChaCha8Rng::seed_from_u64(a.seed))?)
}

/// Points a step at which a flow without closed form is integrated.
const INTEGRATED: usize = 20;

/// Where f is needed: the points do not depend on the flow.
fn record(a: &Arguments, law: &Law, grid: &Grid, recorder: &Recorder) -> Outcome<()> {
    let sampled = law.sampled().ok_or("the law has no sampler of its posterior: take another one with --exchange")?;
    let mut ledger = ReplicateLedger::new(sampled, grid).samples(a.samples).replicates(a.replicates.unwrap_or(4));
    if let Some(steps) = &a.only {
        ledger = ledger.steps(steps);
    }
    ledger.measure(recorder, &mut ChaCha8Rng::seed_from_u64(a.seed))?;
    Ok(())
}

/// Refuses options that have no effect here.
fn check_owners(a: &Arguments, by_draws: bool) -> Outcome<()> {
    let model = a.model.is_some();
    for (option, given, owned, owner) in [
        ("--pairs", a.pairs.is_some(), !by_draws && a.function() != Function::Population, "a trained --function"),
        ("--replicates", a.replicates.is_some(), by_draws, "--model and --exchange"),
        ("--flow-samples", a.flow_samples.is_some(), by_draws, "--model and --exchange"),
        ("--path", a.path.name() != "vp", a.exchange.is_some(), "--exchange"),
        ("--steps", a.steps.is_some(), !model, "a schedule; a model brings its own"),
        ("--schedule", a.schedule.name() != "paper", !model, "a function without one; a model brings its own"),
    ] {
        if given && !owned {
            return Err(format!("{option} has no effect here, it belongs to {owner}").into());
        }
    }
    Ok(())
}

/// A saved or foreign model.
fn run_by_draws(a: &Arguments) -> Outcome<()> {
    let law = a.law.law()?;
    let publish = |schedule: Options, method: &str| -> Outcome<()> {
        let (law, path) = (a.law.described()?, a.path.described());
        Provenance { law, path, schedule, method: Some(method.into()), seed: Some(a.seed), ..Provenance::default() }.publish();
        Ok(())
    };
    let report = if let Some(file) = &a.model {
        let model = Model::load(file)?;
        publish(Options::new(), "model")?;
        by_draws(a, &model.on_its_space(law)?, model.grid(), model.function())?
    } else {
        let Some(directory) = &a.exchange else { return Err("--model or --exchange is needed".into()) };
        let path = a.path.path()?;
        publish(a.schedule.described(), "exchange")?;
        let grid = a.schedule.grid_on(a.steps()?, &path)?;
        let recorder = Recorder::new(law.dim(), grid.steps());
        record(a, &law, &grid, &recorder)?;
        match exchange(directory, recorder, &grid, &path)? {
            Exchange::Written => return Ok(()),
            Exchange::Read(f) => by_draws(a, &law, &grid, &f)?,
        }
    };
    common::replicates::print(a.format, &report);
    remark!("seed {}", a.seed);
    Ok(())
}

fn run(a: &Arguments) -> Outcome<()> {
    let foreign = a.model.is_some() || a.exchange.is_some();
    check_owners(a, foreign)?;
    if foreign {
        return run_by_draws(a);
    }
    if a.law.dim() > MOST_DIMENSIONS {
        return Err(format!("--dim {}: at most 2 without --model and --exchange", a.law.dim()).into());
    }
    let output = common::plot::output("--plot", &a.plot)?;
    a.law.law()?; // refuses options that belong to other targets
    let (line, grid) = (a.law.target.line()?, a.schedule.grid(a.steps()?)?);
    let target = Product::copies(line.clone(), a.law.dim())?;
    let mut ledger = Ledger::new(&target, &grid).samples(a.samples);
    if let Some(steps) = &a.only {
        ledger = ledger.steps(steps);
    }
    let (law, path, schedule) = (a.law.described()?, vec![("--path", "vp".into())], a.schedule.described());
    Provenance { law, path, schedule, method: Some("ct".into()), ..Provenance::default() }.publish();
    let mut rng = ChaCha8Rng::seed_from_u64(a.seed);
    let bar = progress(1, "training and measuring");
    let report = ledger.measure(function(a, &line, &grid, &mut rng)?.as_ref(), &mut rng)?;
    bar.finish_and_clear();
    print_steps(a, &report);
    match a.format {
        Format::Table => say!("{report}"),
        Format::Csv | Format::Json => remark!("{report}"),
    }
    output.map_or(Ok(()), |output| plot(a, &output, &report))
}

fn main() {
    if let Err(error) = run(&arguments_of(|command| taking(command, &OF_LAWS))) {
        fail(&error);
    }
}
