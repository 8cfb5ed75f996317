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
use ndarray::{Array2, ArrayRef2};
use onestep::transport::gaussian::{gelbrich, gelbrich_plug_in, gelbrich_weighted};
use onestep::transport::inference::{bootstrap, weighted_bootstrap};
use onestep::transport::{Assignment, DistanceFn, Line, NetworkSimplex, Sinkhorn, Sliced, TransportError};
use onestep::{Distance, Estimate};
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

type Weights<'a> = Option<(&'a [f64], &'a [f64])>;

fn exact(order: f64, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, weights: Weights) -> Result<Answer, TransportError> {
    if weights.is_none() && x.nrows() == y.nrows() {
        let m = Assignment::new(order)?.solve(x, y)?;
        return Ok(Answer { lower: m.lower, gap: m.gap, iterations: Some(m.effort.iterations), ..Answer::exact(m.distance) });
    }
    let network = NetworkSimplex::new(order)?;
    let plan = match weights {
        Some((a, b)) => network.solve(x, a, y, b)?,
        None => network.solve_uniform(x, y)?,
    };
    Ok(Answer { lower: plan.lower, gap: plan.gap, iterations: Some(plan.effort.iterations), ..Answer::exact(plan.distance) })
}

fn line(order: f64, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, weights: Weights) -> Result<Answer, TransportError> {
    let line = Line::new(order)?;
    let value = match weights {
        Some((a, b)) if x.ncols() == 1 => line.weighted(&x.column(0).to_vec(), a, &y.column(0).to_vec(), b)?,
        _ => line.distance(x, y)?,
    };
    Ok(Answer::exact(value))
}

fn sliced(sliced: &Sliced, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, weights: Weights) -> Result<Answer, TransportError> {
    let d = match weights {
        Some((a, b)) => sliced.weighted(x, a, y, b)?,
        None => sliced.distance(x, y)?,
    };
    Ok(Answer { iterations: Some(d.distance.evaluations), ..Answer::exact(d.distance.value) }.with_interval(&d.distance))
}

fn sinkhorn(order: f64, reg: f64, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, weights: Weights) -> Result<Answer, TransportError> {
    let sinkhorn = Sinkhorn::new(order, reg)?;
    let s = match weights {
        Some((a, b)) => sinkhorn.weighted(x, a, y, b)?,
        None => sinkhorn.solve(x, y)?,
    };
    let value = s.cost.powf(1.0 / order);
    Ok(Answer { lower: s.lower, upper: s.upper, iterations: Some(s.iterations), ..Answer::exact(value) })
}

fn gaussian(order: f64, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, weights: Weights) -> Result<Answer, Box<dyn Error>> {
    if order != 2.0 {
        return Err(format!("order = {order}: the method gaussian knows W_2 only").into());
    }
    if let Some((a, b)) = weights {
        return Ok(Answer { upper: f64::NAN, ..Answer::exact(gelbrich_weighted(x, a, y, b)?) });
    }
    let g = gelbrich(x, y)?;
    Ok(Answer::exact(g.distance.value).with_interval(&g.distance))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (mut first, mut second) = (load(&arguments.first)?, load(&arguments.second)?);
    let columns = match &arguments.weights {
        Some(column) => Some((first.take_column(column)?, second.take_column(column)?)),
        None => None,
    };
    let lists = columns.as_ref().map(|(a, b)| (a.to_vec(), b.to_vec()));
    let weights: Weights = lists.as_ref().map(|(a, b)| (&a[..], &b[..]));
    let (x, y): (&Array2<f64>, &Array2<f64>) = (&first.rows, &second.rows);
    let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
    let directions = Sliced::new(arguments.order, x.ncols().max(1), arguments.projections.max(1), &mut rng)?;
    let (order, reg) = (arguments.order, arguments.reg);
    let measure = |x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, weights: Weights| -> Result<Answer, TransportError> {
        match arguments.method {
            Method::Exact => exact(order, x, y, weights),
            Method::Line => line(order, x, y, weights),
            Method::Sliced => sliced(&directions, x, y, weights),
            Method::Sinkhorn => sinkhorn(order, reg, x, y, weights),
            Method::Gaussian => Ok(Answer::exact(match weights {
                Some((a, b)) => gelbrich_weighted(x, a, y, b)?,
                None => gelbrich_plug_in(x, y)?,
            })),
        }
    };
    let start = Instant::now();
    let bar = progress(arguments.bootstrap as u64 + 1, arguments.method.name());
    let mut answer = if arguments.method == Method::Gaussian { gaussian(order, x, y, weights)? } else { measure(x, y, weights)? };
    if arguments.bootstrap > 0 {
        let counted = |x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, weights: Weights| {
            bar.inc(1);
            Ok(measure(x, y, weights)?.value)
        };
        let estimate = match weights {
            Some((a, b)) => {
                let distance = |x: &ArrayRef2<f64>, a: &[f64], y: &ArrayRef2<f64>, b: &[f64]| counted(x, y, Some((a, b)));
                weighted_bootstrap(distance, (x, a), (y, b), arguments.bootstrap, &mut rng)?
            }
            None => bootstrap(
                &DistanceFn::new(|x: &ArrayRef2<f64>, y: &ArrayRef2<f64>| counted(x, y, None)),
                x,
                y,
                arguments.bootstrap,
                &mut rng,
            )?,
        };
        answer = Answer { value: estimate.value, ..answer.with_interval(&estimate) };
    }
    bar.finish_and_clear();
    let row: Row = vec![
        ("method", json!(arguments.method.name())),
        ("order", number(order)),
        ("n", json!(x.nrows())),
        ("m", json!(y.nrows())),
        ("dim", json!(x.ncols())),
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
