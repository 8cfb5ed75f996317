//! Checks a foreign consistency function, known by its values in a file, against the exact flow map and the population optimum.
//!
//! ```text
//! cargo run --release --example known_answer -- --template points.csv
//! (evaluate your model at the t and x of points.csv and put its values in the columns f)
//! cargo run --release --example known_answer -- points.csv
//! ```
//!
//! The file has the columns t, x_1, …, x_d, f_1, …, f_d: in any order where a line names them, in this order where none does; t counts the levels of
//! the grid from 1 to T. Further columns are not allowed; those the template adds (phi: the exact flow map, best: the population optimum) are
//! ignored, and its f are NaN, which is refused until your values are there. Target, schedule and T must be those of the model.

mod common;

use clap::Parser;
use common::output::{Output, csv};
use common::schedule::ScheduleOptions;
use common::table::{ReadOptions, Table};
use common::target::TargetOptions;
use common::{Format, Row, arguments, fail, limits, number, print_row, remark, say};
use ndarray::{Array2, Axis, concatenate};
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
    /// File with the columns t, x_1..x_d, f_1..f_d: text, .npy or .npz, also compressed by gzip; - for standard input.
    #[arg(required_unless_present = "template")]
    file: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadOptions,
    /// Writes a file of points to evaluate a model at: draws of X_t, NaN as f, the exact flow map as phi and the population optimum as best.
    #[arg(long, conflicts_with = "file")]
    template: Option<PathBuf>,
    /// Levels of the template; by default 1, T and about eight between.
    #[arg(long, value_delimiter = ',', requires = "template", value_parser = limits::count(1, limits::STEPS))]
    levels: Option<Vec<usize>>,
    /// Points a level of the template.
    #[arg(long, default_value_t = 200, requires = "template", value_parser = limits::count(1, limits::POINTS))]
    points: usize,
    #[command(flatten)]
    target: TargetOptions,
    /// Independent copies of the target on the line.
    #[arg(long, default_value_t = 1, value_parser = limits::count(1, limits::DIMENSIONS))]
    dim: usize,
    #[command(flatten)]
    schedule: ScheduleOptions,
    /// T.
    #[arg(long, default_value_t = 64, value_parser = limits::count(1, limits::STEPS))]
    steps: usize,
    /// Differences up to this are agreement; 1e-6 by default.
    #[arg(long, conflicts_with = "template")]
    tolerance: Option<f64>,
    /// Seed of the template's points; 1 by default.
    #[arg(long, requires = "template")]
    seed: Option<u64>,
    /// How to print; a table by default.
    #[arg(long, value_enum, conflicts_with = "template")]
    format: Option<Format>,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The levels t, the points and the values of a file.
struct Values {
    t: Vec<usize>,
    x: Array2<f64>,
    f: Array2<f64>,
}

/// The columns t, x_1..x_d and f_1..f_d, by their names where the table has names.
fn places(table: &Table, dim: usize) -> Outcome<[Vec<usize>; 3]> {
    let expected = format!("t, x_1..x_{dim}, f_1..f_{dim}");
    let Some(names) = &table.names else {
        let (columns, wanted) = (table.rows.ncols(), 1 + 2 * dim);
        if columns != wanted {
            return Err(format!("{}: {columns} columns without names, expected {wanted}: {expected}", table.shown).into());
        }
        return Ok([vec![0], (1..=dim).collect(), (1 + dim..=2 * dim).collect()]);
    };
    table.check_names()?;
    let numbered = |what: &str| (1..=dim).map(|j| format!("{what}_{j}")).collect::<Vec<_>>();
    let wanted = [vec!["t".to_string()], numbered("x"), numbered("f")];
    let known = [wanted.concat(), numbered("phi"), numbered("best")].concat();
    if let Some(name) = wanted.iter().flatten().find(|name| !names.contains(name)) {
        return Err(format!("{}: no column {name} among {}, expected {expected}", table.shown, names.join(", ")).into());
    }
    if let Some(other) = names.iter().position(|name| !known.contains(name)) {
        return Err(format!("{}: column {} ({}) is not one of {expected}", table.shown, other + 1, names[other]).into());
    }
    let found = wanted.map(|names| names.iter().map(|name| table.column(name)).collect::<Outcome<Vec<_>>>());
    let [t, x, f] = found;
    Ok([t?, x?, f?])
}

fn read(table: &Table, dim: usize) -> Outcome<Values> {
    let [t, x, f] = places(table, dim)?;
    let level = |row: usize| {
        let t = table.rows[[row, t[0]]];
        if t >= 0.0 && t.fract() == 0.0 && t <= 1e9 {
            Ok(t as usize)
        } else {
            Err(format!("{}: t = {t} is not the number of a level", table.row_place(row)))
        }
    };
    let levels = (0..table.rows.nrows()).map(level).collect::<Result<_, _>>()?;
    Ok(Values { t: levels, x: table.rows.select(Axis(1), &x), f: table.rows.select(Axis(1), &f) })
}

fn write_template(a: &Arguments, output: &Output, line: &LineMixture, grid: &Grid) -> Outcome<()> {
    let last = grid.steps();
    let mut levels = a.levels.clone().unwrap_or_else(|| (0..=9).map(|i| 1 + (last - 1) * i / 9).collect());
    if let Some(level) = levels.iter().find(|l| !(1..=last).contains(*l)) {
        return Err(format!("level {level} is outside [1, {last}]").into());
    }
    levels.dedup();
    limits::check_product(&[("--points", a.points), ("the levels", levels.len()), ("columns", 1 + 4 * a.dim)])?;
    let target = Product::copies(line.clone(), a.dim)?;
    let run = LineRecursion::new(line, grid).keep(Keep::Levels(levels.clone())).run()?;
    let optimum = Product::copies(run.consistency().clone(), a.dim)?;
    let seed = a.seed.unwrap_or(1);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut table = Vec::new();
    let named = |what: &str| (1..=a.dim).map(|j| format!("{what}_{j}")).collect::<Vec<_>>();
    let names = [vec!["t".to_string()], named("x"), named("f"), named("phi"), named("best")].concat();
    for &t in &levels {
        let x0 = target.sample(a.points, &mut rng);
        let x = ForwardProcess::new(grid).marginal(t, &x0, &mut rng);
        let exact = if t == 1 { x.clone() } else { target.flow(grid.level(t), grid.level(1), &x) };
        let missing = x.mapv(|_| f64::NAN);
        let rows = concatenate(Axis(1), &[x.view(), missing.view(), exact.view(), optimum.eval(t, &x).view()])?;
        table.extend(rows.rows().into_iter().map(|row| std::iter::once(t as f64).chain(row.iter().copied()).collect::<Vec<_>>()));
    }
    output.write(&csv(Some(&names), table.into_iter()))?;
    let (rows, path) = (a.points * levels.len(), output.path().display());
    remark!("{rows} rows written to {path}, seed {seed}: put your values in the columns f");
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
    say!("lengths over the rows of a level: error f - flow map, training f - population optimum, discretisation optimum - flow map");
    let head = |name: &str| format!("{:>11} {:>10} {:>10}", format!("{name} mean"), "rms", "largest");
    say!("{:>6} {:>8} {:>6} {} {} {}", "t", "angle", "rows", head("error"), head("train"), head("discr"));
    for level in levels {
        let show = |gap: Option<Gap>| {
            gap.map_or_else(String::new, |g| format!("{:>11.3e} {:>10.2e} {:>10.2e}", g.mean.value, g.root_mean_square, g.largest))
        };
        let parts = [Some(level.error), level.training, level.discretisation].map(show);
        say!("{:>6} {:>8.4} {:>6} {}", level.step, level.angle, level.rows, parts.join(" "));
    }
}

fn run(a: &Arguments) -> Outcome<()> {
    let (line, grid) = (a.target.line()?, a.schedule.grid(a.steps)?);
    if let Some(path) = &a.template {
        if let Some(option) = a.reading.given() {
            return Err(format!("{option} has no effect with --template").into());
        }
        return write_template(a, &Output::new("--template", path, &[], &[])?, &line, &grid);
    }
    let Some(path) = &a.file else { return Err("a file is needed".into()) };
    let values = read(&a.reading.load(path)?, a.dim)?;
    let target = Product::copies(line.clone(), a.dim)?;
    let check = KnownAnswer::new(&target, &grid).tolerance(a.tolerance.unwrap_or(1e-6));
    // First without the optimum, so that a wrong table is refused before the recursion runs.
    check.check(&values.t, &values.x, &values.f)?;
    let run = LineRecursion::new(&line, &grid).keep(Keep::Levels(values.t.clone())).run()?;
    let optimum = Product::copies(run.consistency().clone(), a.dim)?;
    let report = check.population(&optimum).check(&values.t, &values.x, &values.f)?;
    let format = a.format.unwrap_or(Format::Table);
    if format == Format::Table {
        print_table(&report.levels);
        say!("verdict: {}", report.finding());
    } else {
        report.levels.iter().enumerate().for_each(|(i, level)| print_row(format, i == 0, &row(a, level)));
        remark!("verdict: {}", report.finding());
    }
    Ok(())
}

fn main() {
    if let Err(error) = run(&arguments()) {
        fail(&error);
    }
}
