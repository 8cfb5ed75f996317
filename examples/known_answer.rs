//! Checks a foreign consistency function, known by its values in a file, against the exact flow map and the population optimum.
//!
//! ```text
//! cargo run --release --example known_answer -- --template points.csv
//! (evaluate your model at the t and x of points.csv and put its values in the columns f)
//! cargo run --release --example known_answer -- points.csv
//! ```
//!
//! The file has the columns t, x_1, …, x_d, f_1, …, f_d, with or without a line of names; t counts the levels of the grid from 1 to T. Further columns
//! are not allowed; those the template adds (phi: the exact flow map, best: the population optimum) are ignored, and its f are NaN, which is
//! refused until your values are there. Target, schedule and T must be those of the model.

mod common;

use clap::Parser;
use common::schedule::ScheduleOptions;
use common::target::TargetOptions;
use common::{Format, Row, arguments, cloud, fail, number, print_row};
use ndarray::{Array2, Axis, Slice, concatenate};
use onestep::audit::{Gap, KnownAnswer, LevelAnswer};
use onestep::law::{LineMixture, Product};
use onestep::population::{Keep, LineRecursion};
use onestep::{ConsistencyFunction, FlowMap, ForwardProcess, Grid, Sample};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::error::Error;
use std::path::PathBuf;

/// Values of a consistency function against the known answer.
#[derive(Debug, Parser)]
#[command(allow_negative_numbers = true)]
struct Arguments {
    /// CSV or NPY file with the columns t, x_1..x_d, f_1..f_d.
    #[arg(required_unless_present = "template")]
    file: Option<PathBuf>,
    /// Writes a file of points to evaluate a model at: draws of X_t, NaN as f, the exact flow map as phi and the population optimum as best.
    #[arg(long, conflicts_with = "file")]
    template: Option<PathBuf>,
    /// Levels of the template; by default 1, T and about eight between.
    #[arg(long, value_delimiter = ',', requires = "template")]
    levels: Option<Vec<usize>>,
    /// Points a level of the template.
    #[arg(long, default_value_t = 200, requires = "template")]
    points: usize,
    #[command(flatten)]
    target: TargetOptions,
    /// Independent copies of the target on the line.
    #[arg(long, default_value_t = 1)]
    dim: usize,
    #[command(flatten)]
    schedule: ScheduleOptions,
    /// T.
    #[arg(long, default_value_t = 64)]
    steps: usize,
    /// Differences up to this are agreement.
    #[arg(long, default_value_t = 1e-6)]
    tolerance: f64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The levels t, the points and the values of a file.
struct Values {
    t: Vec<usize>,
    x: Array2<f64>,
    f: Array2<f64>,
}

fn read(path: &std::path::Path, dim: usize) -> Outcome<Values> {
    let table = cloud::load(path)?;
    let (rows, columns) = table.rows.dim();
    // The template's own columns of exact values stand last.
    let wanted = 1 + 2 * dim;
    let from_template = table.names.as_ref().is_some_and(|names| names.len() == wanted + 2 * dim && names[wanted].starts_with("phi"));
    if columns != wanted && !from_template {
        return Err(format!("{}: {columns} columns, expected {wanted}: t, x_1..x_{dim}, f_1..f_{dim}", path.display()).into());
    }
    let level = |row: usize| {
        let t = table.rows[[row, 0]];
        if t >= 0.0 && t.fract() == 0.0 && t <= 1e9 {
            Ok(t as usize)
        } else {
            Err(format!("{}: t = {t} in row {row} (from 0) is not a level number", path.display()))
        }
    };
    let part = |from: usize| table.rows.slice_axis(Axis(1), Slice::from(from..from + dim)).to_owned();
    Ok(Values { t: (0..rows).map(level).collect::<Result<_, _>>()?, x: part(1), f: part(1 + dim) })
}

fn write_template(a: &Arguments, path: &std::path::Path, line: &LineMixture, grid: &Grid) -> Outcome<()> {
    let last = grid.steps();
    let mut levels = a.levels.clone().unwrap_or_else(|| (0..=9).map(|i| 1 + (last - 1) * i / 9).collect());
    if let Some(level) = levels.iter().find(|l| !(1..=last).contains(*l)) {
        return Err(format!("level {level} is outside [1, {last}]").into());
    }
    levels.dedup();
    let target = Product::copies(line.clone(), a.dim)?;
    let run = LineRecursion::new(line, grid).keep(Keep::Levels(levels.clone())).run()?;
    let optimum = Product::copies(run.consistency().clone(), a.dim)?;
    let mut rng = ChaCha8Rng::seed_from_u64(a.seed);
    let mut writer = csv::Writer::from_path(path)?;
    let named = |what: &str| (1..=a.dim).map(|j| format!("{what}_{j}")).collect::<Vec<_>>();
    writer.write_record([vec!["t".to_string()], named("x"), named("f"), named("phi"), named("best")].concat())?;
    for &t in &levels {
        let x0 = target.sample(a.points, &mut rng);
        let x = ForwardProcess::new(grid).marginal(t, &x0, &mut rng);
        let exact = if t == 1 { x.clone() } else { target.flow(grid.level(t), grid.level(1), &x) };
        let missing = x.mapv(|_| f64::NAN);
        let rows = concatenate(Axis(1), &[x.view(), missing.view(), exact.view(), optimum.eval(t, &x).view()])?;
        for row in rows.rows() {
            writer.write_record(std::iter::once(t.to_string()).chain(row.iter().map(f64::to_string)))?;
        }
    }
    writer.flush()?;
    eprintln!("{} rows written to {}, seed {}: put your values in the columns f", a.points * levels.len(), path.display(), a.seed);
    Ok(())
}

fn row(a: &Arguments, level: &LevelAnswer) -> Row {
    let mut row: Row = vec![("steps", a.steps.into()), ("dim", a.dim.into()), ("step", level.step.into()), ("angle", number(level.angle))];
    row.push(("rows", level.rows.into()));
    let mut add = |names: [&'static str; 4], gap: Option<Gap>| {
        let value = |of: fn(&Gap) -> f64| gap.as_ref().map_or(serde_json::Value::Null, |g| number(of(g)));
        row.push((names[0], value(|g| g.mean.value)));
        row.push((names[1], value(|g| g.mean.std_error)));
        row.push((names[2], value(|g| g.root_mean_square)));
        row.push((names[3], value(|g| g.largest)));
    };
    add(["error_mean", "error_std_error", "error_rms", "error_largest"], Some(level.error));
    add(["training_mean", "training_std_error", "training_rms", "training_largest"], level.training);
    add(["discretisation_mean", "discretisation_std_error", "discretisation_rms", "discretisation_largest"], level.discretisation);
    row.push(("decrease", level.decrease.map_or(serde_json::Value::Null, |d| number(d.drop))));
    row
}

fn print_table(levels: &[LevelAnswer]) {
    println!("lengths over the rows of a level: error f - flow map, training f - population optimum, discretisation optimum - flow map");
    let head = |name: &str| format!("{:>11} {:>10} {:>10}", format!("{name} mean"), "rms", "largest");
    println!("{:>6} {:>8} {:>6} {} {} {}", "t", "angle", "rows", head("error"), head("train"), head("discr"));
    for level in levels {
        let show = |gap: Option<Gap>| {
            gap.map_or_else(String::new, |g| format!("{:>11.3e} {:>10.2e} {:>10.2e}", g.mean.value, g.root_mean_square, g.largest))
        };
        let parts = [Some(level.error), level.training, level.discretisation].map(show);
        println!("{:>6} {:>8.4} {:>6} {}", level.step, level.angle, level.rows, parts.join(" "));
    }
}

fn run(a: &Arguments) -> Outcome<()> {
    if a.dim == 0 {
        return Err("dim = 0 is outside [1, inf)".into());
    }
    let (line, grid) = (a.target.line()?, a.schedule.grid(a.steps)?);
    if let Some(path) = &a.template {
        return write_template(a, path, &line, &grid);
    }
    let Some(path) = &a.file else { return Err("a file is needed".into()) };
    let values = read(path, a.dim)?;
    let target = Product::copies(line.clone(), a.dim)?;
    let check = KnownAnswer::new(&target, &grid).tolerance(a.tolerance);
    // First without the optimum, so that a wrong table is refused before the recursion runs.
    check.check(&values.t, &values.x, &values.f)?;
    let run = LineRecursion::new(&line, &grid).keep(Keep::Levels(values.t.clone())).run()?;
    let optimum = Product::copies(run.consistency().clone(), a.dim)?;
    let report = check.population(&optimum).check(&values.t, &values.x, &values.f)?;
    if a.format == Format::Table {
        print_table(&report.levels);
        println!("verdict: {}", report.finding());
    } else {
        report.levels.iter().enumerate().for_each(|(i, level)| print_row(a.format, i == 0, &row(a, level)));
        eprintln!("verdict: {}", report.finding());
    }
    Ok(())
}

fn main() {
    if let Err(error) = run(&arguments()) {
        fail(&error);
    }
}
