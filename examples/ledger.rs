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

mod common;

use clap::{Parser, ValueEnum};
use common::output::Output;
use common::plot::{BLUE, Curve, DARK, GREEN, GREY, Labels, ORANGE, PURPLE, RED, draw_linear};
use common::schedule::ScheduleOptions;
use common::target::TargetOptions;
use common::{Format, Row, arguments, fail, limits, name, number, print_row, remark, say};
use onestep::audit::{Ledger, LedgerReport, LedgerStep};
use onestep::law::{LineMixture, Product};
use onestep::population::{Keep, LineRecursion};
use onestep::training::class::{Affine, Polynomial, RandomFourier, Spline};
use onestep::training::{Recursion, Scaling, Source};
use onestep::{ConsistencyFunction, Estimate, FunctionClass, Grid};
use plotters::prelude::SeriesLabelPosition;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::error::Error;

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
    #[command(flatten)]
    target: TargetOptions,
    /// Independent copies of the target on the line; at most 2, the expectations are sums over a grid of nodes.
    #[arg(long, default_value_t = 1, value_parser = limits::count(1, MOST_DIMENSIONS))]
    dim: usize,
    #[command(flatten)]
    schedule: ScheduleOptions,
    /// T.
    #[arg(long, default_value_t = 32, value_parser = limits::count(1, limits::STEPS))]
    steps: usize,
    #[arg(long, value_enum, default_value = "spline")]
    function: Function,
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
const MOST_DIMENSIONS: u64 = 2;

fn function(a: &Arguments, line: &LineMixture, grid: &Grid, rng: &mut ChaCha8Rng) -> Result<Box<dyn ConsistencyFunction>, Box<dyn Error>> {
    let class: Box<dyn FunctionClass> = match a.function {
        Function::Population => {
            let run = LineRecursion::new(line, grid).keep(Keep::All).run()?;
            return Ok(Box::new(Product::copies(run.consistency().clone(), a.dim)?));
        }
        Function::Spline => Box::new(Spline::new()),
        Function::Polynomial => Box::new(Polynomial::new(3)),
        Function::Affine => Box::new(Affine::new()),
        Function::Fourier => Box::new(RandomFourier::new(150).bandwidths(&[0.25, 0.5])),
    };
    let target = Product::copies(line.clone(), a.dim)?;
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

fn row(a: &Arguments, step: &LedgerStep) -> Row {
    let mut row: Row = vec![
        ("steps", a.steps.into()),
        ("dim", a.dim.into()),
        ("function", name(a.function).into()),
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

fn print_steps(a: &Arguments, report: &LedgerReport) {
    if a.format != Format::Table {
        report.steps.iter().enumerate().for_each(|(i, step)| print_row(a.format, i == 0, &row(a, step)));
        return;
    }
    say!(
        "function {}, T = {}, d = {}, {} draws a step, seed {}; mean lengths, relative standard errors up to {:.1} %",
        name(a.function),
        a.steps,
        a.dim,
        a.samples,
        a.seed,
        100.0 * report.steps.iter().map(|s| s.error.std_error / s.error.value).fold(0.0, f64::max)
    );
    say!(
        "{:>6} {:>8} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11}",
        "t",
        "angle",
        "error",
        "inherited",
        "own",
        "local",
        "T1",
        "T2",
        "remainder",
        "quadrature",
        "T2 error"
    );
    for step in &report.steps {
        let terms: Vec<String> = columns(step).iter().map(|(_, _, term)| format!("{:>11.4e}", term.value)).collect();
        let quadrature = step.quadrature_error.map_or_else(|| "-".to_string(), |e| format!("{e:.1e}"));
        say!("{:>6} {:>8.4} {} {quadrature:>11} {:>11.1e}", step.step, step.angle, terms.join(" "), step.second_order_error);
    }
}

fn plot(output: &Output, report: &LedgerReport) -> Result<(), Box<dyn Error>> {
    let curve =
        |name: &str, colour, value: fn(&LedgerStep) -> f64| Curve::new(name, colour, report.steps.iter().map(|s| (s.angle, value(s))));
    let reference = |curve: Curve| Curve { reference: true, ..curve };
    // Terms that are rounding would stretch the axis.
    let floor = 1e-6 * report.error.value;
    let curves: Vec<Curve> = [
        curve("error E|f_t - flow|", DARK, |s| s.error.value),
        reference(curve("inherited", GREY, |s| s.inherited.value)),
        curve("own (training)", RED, |s| s.own.value),
        curve("local (discretisation)", BLUE, |s| s.local.value),
        curve("T1", GREEN, |s| s.first_order.value),
        curve("T2", ORANGE, |s| s.second_order.value),
        curve("remainder", PURPLE, |s| s.remainder.value),
    ]
    .into_iter()
    .map(|c| Curve { points: c.points.into_iter().filter(|p| p.1 > floor).collect(), ..c })
    .collect();
    let labels = Labels {
        caption: "Error of a consistency function, term by term",
        abscissa: "noise angle of step t (radians)",
        ordinate: "mean length",
        legend: SeriesLabelPosition::LowerMiddle,
    };
    draw_linear(output, &labels, &curves)
}

fn run(a: &Arguments) -> Result<(), Box<dyn Error>> {
    if a.pairs.is_some() && a.function == Function::Population {
        return Err("--pairs belongs to a trained function, it has no effect on --function population".into());
    }
    let output = common::plot::output("--plot", &a.plot)?;
    let (line, grid) = (a.target.line()?, a.schedule.grid(a.steps)?);
    let target = Product::copies(line.clone(), a.dim)?;
    let mut ledger = Ledger::new(&target, &grid).samples(a.samples);
    if let Some(steps) = &a.only {
        ledger = ledger.steps(steps);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(a.seed);
    let report = ledger.measure(function(a, &line, &grid, &mut rng)?.as_ref(), &mut rng)?;
    print_steps(a, &report);
    match a.format {
        Format::Table => say!("{report}"),
        Format::Csv | Format::Json => remark!("{report}"),
    }
    output.map_or(Ok(()), |output| plot(&output, &report))
}

fn main() {
    if let Err(error) = run(&arguments()) {
        fail(&error);
    }
}
