//! How often the interval of `transport::inference::confidence` holds W_p of the two laws, by simulation.
//!
//! ```text
//! cargo run --release --example coverage -- 60 250
//! ```
//!
//! Laws: N(0, I_d) against its shift by δ, and against N(0, 1.5² I_d).

mod common;

use clap::Parser;
use common::{Format, Provenance, Row, arguments, fail, limits, number, print_row, progress, remark, say};
use ndarray::Array2;
use onestep::transport::inference::confidence;
use onestep::transport::{Assignment, Line};
use onestep::{Distance, Float};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Splits of each interval.
const SPLITS: usize = 30;

/// Share of simulated pairs of samples whose 95 % interval holds W_p of their laws.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rows of each sample.
    #[arg(default_value_t = 60, value_parser = limits::count(8, 10_000))]
    rows: usize,
    /// Runs a line of the table.
    #[arg(default_value_t = 250, value_parser = limits::count(1, 100_000))]
    runs: usize,
    /// Dimensions.
    #[arg(long, value_delimiter = ',', default_value = "1,3,5", value_parser = limits::count(1, 100))]
    dims: Vec<usize>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// W_p of N(0, I_d) and N(0, 1.5² I_d): E‖Z/2‖ for p = 1, its root mean square for p = 2.
fn scale_distance(order: f64, dim: usize) -> f64 {
    let d = dim as f64;
    if order == 2.0 { 0.5 * d.sqrt() } else { 0.5 * 2_f64.sqrt() * (libm::lgamma(0.5 * (d + 1.0)) - libm::lgamma(0.5 * d)).exp() }
}

/// One line of the table: the laws differ by a shift or by a scale.
fn simulate(a: &Arguments, (dim, order): (usize, f64), (shift, scale): (f64, f64), rng: &mut ChaCha8Rng) -> onestep::Result<Row> {
    let (line, exact) = (Line::new(order)?, Assignment::new(order)?);
    let distance: &dyn Distance = if dim == 1 { &line } else { &exact };
    let truth = if scale == 1.0 { shift } else { scale_distance(order, dim) };
    let (mut high, mut low, mut width) = (0, 0, 0.0);
    for _ in 0..a.runs {
        let mut cloud = || Array2::from_shape_simple_fn((a.rows, dim), || f64::standard_normal(rng));
        let (x, mut y) = (cloud(), cloud() * scale);
        y.column_mut(0).mapv_inplace(|v| v + shift);
        let interval = confidence(distance, &x, &y, SPLITS, rng)?.distance;
        high += usize::from(interval.lower > truth);
        low += usize::from(interval.upper < truth);
        width += interval.upper - interval.lower;
    }
    let part = |count: usize| number(count as f64 / a.runs as f64);
    Ok(vec![
        ("samples", a.rows.into()),
        ("runs", a.runs.into()),
        ("seed", a.seed.into()),
        ("dim", dim.into()),
        ("order", number(order)),
        ("shift", number(shift)),
        ("scale", number(scale)),
        ("distance", number(truth)),
        ("covered", part(a.runs - high - low)),
        ("too_high", part(high)),
        ("too_low", part(low)),
        ("mean_width", number(width / a.runs as f64)),
    ])
}

fn print(a: &Arguments, first: bool, row: &Row) {
    if a.format != Format::Table {
        return print_row(a.format, first, row);
    }
    if first {
        say!("   d  p  shift  scale    W_p  covered  too high  too low  mean width");
    }
    let value = |name: &str| row.iter().find(|(n, _)| *n == name).and_then(|(_, v)| v.as_f64()).unwrap_or(f64::NAN);
    say!(
        "{:4} {:2} {:6} {:6} {:6.3} {:8.3} {:9.3} {:8.3} {:11.2}",
        value("dim"),
        value("order"),
        value("shift"),
        value("scale"),
        value("distance"),
        value("covered"),
        value("too_high"),
        value("too_low"),
        value("mean_width")
    );
}

fn run(a: &Arguments) -> onestep::Result<()> {
    Provenance {
        law: vec![("--target", "gaussian".into())],
        method: Some("half-samples".into()),
        seed: Some(a.seed),
        ..Provenance::default()
    }
    .publish();
    let laws = [(0.0, 1.0), (0.3, 1.0), (1.0, 1.0), (3.0, 1.0), (0.0, 1.5)];
    let cases: Vec<_> = a.dims.iter().flat_map(|&d| [1.0, 2.0].map(|p| (d, p))).flat_map(|case| laws.map(|l| (case, l))).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(a.seed);
    let bar = progress(cases.len() as u64, "simulating");
    for (i, &(case, laws)) in cases.iter().enumerate() {
        let row = simulate(a, case, laws, &mut rng)?;
        bar.suspend(|| print(a, i == 0, &row));
        bar.inc(1);
    }
    bar.finish_and_clear();
    remark!("{} rows a sample, {} runs a line, seed {}, {SPLITS} splits an interval", a.rows, a.runs, a.seed);
    Ok(())
}

fn main() {
    let a = arguments::<Arguments>();
    if let Err(error) = run(&a) {
        fail(&error.to_string());
    }
}
