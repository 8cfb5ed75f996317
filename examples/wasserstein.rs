//! The Wasserstein distance between two clouds of points, read from CSV or NPY files.
//!
//! ```text
//! cargo run --release --example wasserstein -- a.csv b.csv --method exact --order 2 --bootstrap 100 --format json
//! ```
//!
//! `value` is W_p for `exact` and `line`, SW_p for `sliced` (its lower bound on W_p is √d times larger at p = 2), (Σ P c)^{1/p} for
//! `sinkhorn`, and the Gelbrich lower bound with its bias removed for `gaussian`. `lower` and `upper` are, in this order of preference: a 95 % interval, when there is
//! a standard error; else certified bounds on W_p between the two clouds; else empty. `gap` is the duality gap of W_p^p.

mod common;

use clap::{Parser, ValueEnum};
use common::{Format, Row, cloud::load, fail, number, print_row, progress};
use onestep::Estimate;
use onestep::transport::gaussian::{gelbrich, gelbrich_plug_in};
use onestep::transport::inference::bootstrap;
use onestep::transport::{Assignment, DistanceFn, Line, Measure, NetworkSimplex, Sinkhorn, Sliced, TransportError};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

/// Wasserstein distance W_p between two clouds of points.
#[derive(Parser)]
struct Arguments {
    /// First cloud: CSV (with or without a line of names) or NPY, one point a row.
    first: PathBuf,
    /// Second cloud.
    second: PathBuf,
    /// Column of both files that holds the weights: a name, or a number from 0. They must sum to one.
    #[arg(long)]
    weights: Option<String>,
    /// Which distance.
    #[arg(long, value_enum, default_value_t = Method::Exact)]
    method: Method,
    /// The order p ≥ 1.
    #[arg(long, default_value_t = 2.0)]
    order: f64,
    /// ε of `sinkhorn`, in the units of ‖x − y‖^p.
    #[arg(long, default_value_t = 1.0)]
    reg: f64,
    /// Directions of `sliced`.
    #[arg(long, default_value_t = 200)]
    projections: usize,
    /// Seed of directions and resampling.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Replicates of the bootstrap; 0 for none. Its interval covers the expectation of the distance at this n, not its bias.
    #[arg(long, default_value_t = 0)]
    bootstrap: usize,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    Exact,
    Line,
    Sliced,
    Sinkhorn,
    Gaussian,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Line => "line",
            Self::Sliced => "sliced",
            Self::Sinkhorn => "sinkhorn",
            Self::Gaussian => "gaussian",
        }
    }
}

/// What a method found; NaN where it says nothing.
struct Answer {
    value: f64,
    std_error: f64,
    lower: f64,
    upper: f64,
    gap: f64,
    iterations: Option<usize>,
}

impl Answer {
    fn exact(value: f64) -> Self {
        Self { value, std_error: f64::NAN, lower: value, upper: value, gap: f64::NAN, iterations: None }
    }

    fn with_interval(self, e: &Estimate) -> Self {
        Self { std_error: e.std_error, lower: e.lower, upper: e.upper, ..self }
    }
}

type Cloud<'a> = Measure<'a, f64>;

fn exact(order: f64, x: Cloud, y: Cloud) -> Result<Answer, TransportError> {
    if x.weights().is_none() && y.weights().is_none() && x.points().nrows() == y.points().nrows() {
        let m = Assignment::new(order)?.solve(&x.points(), &y.points())?;
        return Ok(Answer { lower: m.lower, gap: m.gap, iterations: Some(m.effort.iterations), ..Answer::exact(m.distance) });
    }
    let plan = NetworkSimplex::new(order)?.solve(x, y)?;
    Ok(Answer { lower: plan.lower, gap: plan.gap, iterations: Some(plan.effort.iterations), ..Answer::exact(plan.distance) })
}

fn line(order: f64, x: Cloud, y: Cloud) -> Result<Answer, TransportError> {
    Ok(Answer::exact(Line::new(order)?.samples(x, y)?))
}

fn sliced(sliced: &Sliced, x: Cloud, y: Cloud) -> Result<Answer, TransportError> {
    let d = sliced.measure(x, y)?;
    Ok(Answer { iterations: Some(d.distance.evaluations), ..Answer::exact(d.distance.value) }.with_interval(&d.distance))
}

fn sinkhorn(order: f64, reg: f64, x: Cloud, y: Cloud) -> Result<Answer, TransportError> {
    let s = Sinkhorn::new(order, reg)?.solve(x, y)?;
    let value = s.cost.powf(1.0 / order);
    Ok(Answer { lower: s.lower, upper: s.upper, iterations: Some(s.iterations), ..Answer::exact(value) })
}

fn gaussian(order: f64, x: Cloud, y: Cloud) -> Result<Answer, Box<dyn Error>> {
    if order != 2.0 {
        return Err(format!("order = {order}: the method gaussian knows W_2 only").into());
    }
    if x.weights().is_some() {
        return Ok(Answer { upper: f64::NAN, ..Answer::exact(gelbrich_plug_in(x, y)?) });
    }
    let g = gelbrich(&x.points(), &y.points())?;
    Ok(Answer::exact(g.distance.value).with_interval(&g.distance))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (mut first, mut second) = (load(&arguments.first)?, load(&arguments.second)?);
    let columns = match &arguments.weights {
        Some(column) => Some((first.take_column(column)?, second.take_column(column)?)),
        None => None,
    };
    let lists = columns.as_ref().map(|(a, b)| (a.to_vec(), b.to_vec()));
    let [x, y]: [Cloud; 2] = match &lists {
        Some((a, b)) => [Measure::weighted(&first.rows, a), Measure::weighted(&second.rows, b)],
        None => [(&first.rows).into(), (&second.rows).into()],
    };
    let (n, m, dim) = (first.rows.nrows(), second.rows.nrows(), first.rows.ncols());
    let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
    let directions = Sliced::new(arguments.order, dim.max(1), arguments.projections.max(1), &mut rng)?;
    let (order, reg) = (arguments.order, arguments.reg);
    let measure = |x: Cloud, y: Cloud| -> Result<Answer, TransportError> {
        match arguments.method {
            Method::Exact => exact(order, x, y),
            Method::Line => line(order, x, y),
            Method::Sliced => sliced(&directions, x, y),
            Method::Sinkhorn => sinkhorn(order, reg, x, y),
            Method::Gaussian => Ok(Answer::exact(gelbrich_plug_in(x, y)?)),
        }
    };
    let start = Instant::now();
    let bar = progress(arguments.bootstrap as u64 + 1, arguments.method.name());
    let mut answer = if arguments.method == Method::Gaussian { gaussian(order, x, y)? } else { measure(x, y)? };
    if arguments.bootstrap > 0 {
        let counted = |x: Cloud, y: Cloud| {
            bar.inc(1);
            Ok(measure(x, y)?.value)
        };
        let estimate = bootstrap(&DistanceFn::new(counted), x, y, arguments.bootstrap, &mut rng)?;
        answer = Answer { value: estimate.value, ..answer.with_interval(&estimate) };
    }
    bar.finish_and_clear();
    let row: Row = vec![
        ("method", json!(arguments.method.name())),
        ("order", number(order)),
        ("n", json!(n)),
        ("m", json!(m)),
        ("dim", json!(dim)),
        ("value", number(answer.value)),
        ("std_error", number(answer.std_error)),
        ("lower", number(answer.lower)),
        ("upper", number(answer.upper)),
        ("gap", number(answer.gap)),
        ("iterations", json!(answer.iterations)),
        ("seconds", number(start.elapsed().as_secs_f64())),
    ];
    if arguments.format == Format::Table {
        for (name, value) in &row {
            println!("{name:<10}  {value}");
        }
        println!("{:<10}  {}", "seed", arguments.seed);
    } else {
        print_row(arguments.format, true, &row);
    }
    Ok(())
}

fn main() {
    if let Err(error) = run(&common::arguments()) {
        fail(&error);
    }
}
