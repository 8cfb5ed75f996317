//! Checks a foreign consistency function, known by its values in a file, against the exact flow map and the population optima.
//!
//! ```text
//! cargo run --release --example known_answer -- --template points.csv --path edm --schedule karras --steps 18
//! (evaluate your model at the points of points.csv and put its values in the columns f)
//! cargo run --release --example known_answer -- points.csv
//! ```
//!
//! The template holds the level of every row as t, angle, sigma, `alpha_bar` and the time of the path, the point x in the convention of the path,
//! the columns f to be filled, and beside them the exact flow map (phi) and the population optimum (best), in the same convention. Its first
//! lines say law, path, schedule, T and seed; the check reads them, so that nothing has to be said twice, and refuses what disagrees.
//!
//! A file needs the columns t (or sigma, angle or `alpha_bar` in its place), `x_1`, …, `x_d`, `f_1`, …, `f_d`: in any order where a line names them, t, x, f in
//! this order where none does; t counts the levels from 1 (data) to T (noise). An .npz file holds the arrays t, x and f. What the template adds
//! is checked where it describes the level and ignored where it holds answers; other columns are refused, and so is an f that is not a number.

#[path = "../common/mod.rs"]
mod common;
mod template;
mod values;

use clap::{Parser, ValueEnum};
use common::law::{Law, LawOptions};
use common::loss::LossOptions;
use common::output::Output;
use common::path::PathOptions;
use common::provenance::{self, Options};
use common::schedule::ScheduleOptions;
use common::table::{ReadOptions, is_archive};
use common::target::{OF_LAWS, taking};
use common::{Format, Provenance, Row, arguments_of, fail, is_given, limits, number, print_last_row, progress, remark, say};
use onestep::audit::{Gap, KnownAnswer, KnownAnswerReport, LevelAnswer};
use onestep::path::Path;
use onestep::population::{Loss, Method};
use onestep::{ConsistencyFunction, Grid};
use std::error::Error;
use std::path::PathBuf;
use values::Values;

/// Which optimum stands beside the flow map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodName {
    /// Consistency training.
    Ct,
    /// Consistency distillation with the exact score.
    Cd,
    None,
}

/// The lines that fill a template.
const FILLING: &str = "\
Filling a template, with PyTorch:
  import numpy as np, pandas as pd, torch
  head = [line for line in open('points.csv') if line.startswith('#')]
  p = pd.read_csv('points.csv', comment='#')
  x = torch.tensor(p.filter(regex='^x_').values, dtype=torch.float32)
  sigma = torch.tensor(p['sigma'].values, dtype=torch.float32)   # or t, angle, alpha_bar, time
  with torch.no_grad():
      p[p.filter(regex='^f_').columns] = model(x, sigma).double().numpy()
  with open('points.csv', 'w') as file:
      file.writelines(head); p.to_csv(file, index=False)
and with JAX:
  import jax, jax.numpy as jnp, pandas as pd
  head = [line for line in open('points.csv') if line.startswith('#')]
  p = pd.read_csv('points.csv', comment='#')
  x = jnp.asarray(p.filter(regex='^x_').values)
  sigma = jnp.asarray(p['sigma'].values)
  p[p.filter(regex='^f_').columns] = jax.vmap(lambda x, s: model.apply(params, x, s))(x, sigma)
  with open('points.csv', 'w') as file:
      file.writelines(head); p.to_csv(file, index=False)";

/// Values of a consistency function against the known answer.
#[derive(Debug, Parser)]
#[command(allow_negative_numbers = true, after_help = FILLING)]
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
    law: LawOptions,
    #[command(flatten)]
    path: PathOptions,
    #[command(flatten)]
    schedule: ScheduleOptions,
    /// T; 64 by default, or the number of levels of a list.
    #[arg(long, value_parser = limits::count(1, limits::STEPS))]
    steps: Option<usize>,
    /// The optimum beside the flow map: of ct or cd; both by default, where the law has a recursion. Mixtures in two or three dimensions have one
    /// on a lattice, which takes longer: they get it where ct or cd is asked for.
    #[arg(long, value_enum)]
    method: Option<MethodName>,
    #[command(flatten)]
    loss: LossOptions,
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

/// σ_data in the code of EDM and of consistency models.
const SIGMA_DATA_OF_EDM: f64 = 0.5;

/// Options that a header decides.
const DESCRIBED: [&str; 14] = [
    "--path",
    "--sigma-data",
    "--schedule",
    "--steps",
    "--c0",
    "--c1",
    "--angle-min",
    "--angle-max",
    "--sigma-min",
    "--sigma-max",
    "--rho",
    "--sigmas",
    "--alpha-bars",
    "--times",
];

/// Law, path and grid, as the arguments describe them.
struct Problem {
    law: Law,
    path: Path,
    grid: Grid,
}

impl Arguments {
    fn problem(&self) -> Outcome<Problem> {
        let (law, path) = (self.law.law()?, self.path.path()?);
        let steps = self.steps.or(self.schedule.count()?).unwrap_or(64);
        Ok(Problem { law, path, grid: self.schedule.grid_on(steps, &path)? })
    }

    /// What a header says of the problem.
    fn described(&self, grid: &Grid) -> Outcome<Vec<(&'static str, Options)>> {
        let mut schedule = self.schedule.described();
        schedule.push(("--steps", grid.steps().to_string()));
        Ok(vec![("law", self.law.described()?), ("path", self.path.described()), ("schedule", schedule)])
    }

    /// What every row says of the run.
    fn provenance(&self) -> Outcome<Provenance> {
        let method = self.method.map(common::name);
        Ok(Provenance {
            law: self.law.described()?,
            path: self.path.described(),
            schedule: self.schedule.described(),
            method,
            ..Provenance::default()
        })
    }

    /// The methods whose optima are asked for, and whether a lattice may be used for them.
    fn methods(&self) -> (Vec<Method>, bool) {
        match self.method {
            None => (vec![Method::Training, Method::Distillation], false),
            Some(MethodName::Ct) => (vec![Method::Training], true),
            Some(MethodName::Cd) => (vec![Method::Distillation], true),
            Some(MethodName::None) => (Vec::new(), false),
        }
    }
}

/// The arguments with what the header of their table adds to them.
fn with_header(a: Arguments, header: &[(String, String)], shown: &str) -> Outcome<Arguments> {
    if header.is_empty() {
        return Ok(a);
    }
    let given: Vec<String> = std::env::args().skip(1).collect();
    let known: Vec<&str> = common::law::KNOWN.into_iter().chain(DESCRIBED).collect();
    provenance::check(header, &given, &known, shown)?;
    let added = header.iter().filter(|(option, _)| known.contains(&option.as_str()) && option != "--digest" && !is_given(option));
    // In one word, so that a value that begins with a sign stays one.
    let added = added.map(|(option, value)| format!("{option}={value}"));
    let all = std::iter::once("known_answer".to_string()).chain(added).chain(given.iter().cloned());
    Arguments::try_parse_from(all).map_err(|error| format!("{shown}: its header cannot be read: {error}").into())
}

/// Refuses a header that says something else than the arguments it led to: another file under the same name.
fn check_header(a: &Arguments, grid: &Grid, header: &[(String, String)], shown: &str) -> Outcome<()> {
    if header.is_empty() {
        return Ok(());
    }
    for (option, value) in a.described(grid)?.into_iter().flat_map(|(_, options)| options) {
        match header.iter().find(|(name, _)| name == option) {
            Some((_, written)) if *written == value => {}
            Some((_, written)) => return Err(format!("{option} is {value}, the header of {shown} says {written}").into()),
            None => return Err(format!("{option} is {value}, the header of {shown} says nothing of it").into()),
        }
    }
    Ok(())
}

/// What a file without a header is held against.
fn say_what_is_assumed(a: &Arguments, grid: &Grid, shown: &str) -> Outcome<()> {
    let options = a.described(grid)?.into_iter().flat_map(|(_, options)| options);
    let words: Vec<String> = options.map(|(option, value)| format!("{option} {value}")).collect();
    remark!("{shown} has no header: held against {}", words.join(" "));
    Ok(())
}

fn row(steps: usize, dim: usize, level: &LevelAnswer) -> Row {
    let null = || serde_json::Value::Null;
    let mut row: Row = vec![("steps", steps.into()), ("dim", dim.into()), ("step", level.step.into()), ("angle", number(level.angle))];
    row.push(("rows", level.rows.into()));
    row.push(("mean_square", level.size.map_or_else(null, |s| number(s.rows.value))));
    row.push(("mean_square_of_law", level.size.map_or_else(null, |s| number(s.law))));
    let mut add = |names: [&'static str; 4], gap: Option<Gap>| {
        let value = |of: fn(&Gap) -> f64| gap.as_ref().map_or_else(null, |g| number(of(g)));
        row.push((names[0], value(|g| g.mean.value)));
        row.push((names[1], value(|g| g.mean.std_error)));
        row.push((names[2], value(|g| g.root_mean_square)));
        row.push((names[3], value(|g| g.largest)));
    };
    add(["error_mean", "error_std_error", "error_rms", "error_largest"], Some(level.error));
    add(["training_mean", "training_std_error", "training_rms", "training_largest"], level.training);
    add(["discretisation_mean", "discretisation_std_error", "discretisation_rms", "discretisation_largest"], level.discretisation);
    add(["distillation_mean", "distillation_std_error", "distillation_rms", "distillation_largest"], level.distillation);
    add(["under_mean", "under_std_error", "under_rms", "under_largest"], level.under);
    add(["under_error_mean", "under_error_std_error", "under_error_rms", "under_error_largest"], level.under_error);
    add(
        ["distillation_error_mean", "distillation_error_std_error", "distillation_error_rms", "distillation_error_largest"],
        level.distillation_error,
    );
    row.push(("decrease", level.decrease.map_or_else(null, |d| number(d.drop))));
    row
}

fn print_table(levels: &[LevelAnswer]) {
    say!("means of lengths over the rows of a level, in units of the data: of the model f, the flow map Φ,");
    say!("the optima of training (CT) and distillation (CD)");
    let head = ["f - Φ", "largest", "f - CT", "CT - Φ", "f - CD", "CD - Φ"].map(|name| format!("{name:>9}")).join(" ");
    say!("{:>6} {:>8} {:>6} {:>8} {:>8} {head}", "t", "angle", "rows", "rms x", "law's");
    for level in levels {
        let size = |of: fn(&onestep::audit::Size) -> f64| level.size.map_or_else(String::new, |s| format!("{:.4}", of(&s).sqrt()));
        let mean = |gap: Option<Gap>| gap.map_or_else(|| format!("{:>9}", "-"), |g| format!("{:>9.2e}", g.mean.value));
        let gaps = [level.training, level.discretisation, level.distillation, level.distillation_error].map(mean).join(" ");
        say!(
            "{:>6} {:>8.4} {:>6} {:>8} {:>8} {} {:>9.2e} {gaps}",
            level.step,
            level.angle,
            level.rows,
            size(|s| s.rows.value),
            size(|s| s.law),
            mean(Some(level.error)),
            level.error.largest
        );
    }
}

/// The verdict as an object: the kind of finding, and what it says.
fn summary(report: &KnownAnswerReport) -> serde_json::Value {
    let finding = report.finding();
    let kind: String = format!("{finding:?}").chars().take_while(char::is_ascii_alphanumeric).collect();
    let snake =
        |(i, c): (usize, char)| if i > 0 && c.is_uppercase() { format!("_{}", c.to_lowercase()) } else { c.to_lowercase().to_string() };
    let kind: String = kind.chars().enumerate().map(snake).collect();
    serde_json::json!({"verdict": {"kind": kind, "text": finding.to_string()}, "tolerance": report.tolerance})
}

/// What the points are, where they are no draws of X_t.
fn remark_on_sizes(report: &KnownAnswerReport) {
    let off = |level: &&LevelAnswer| {
        level.size.is_some_and(|s| level.rows >= 8 && (s.rows.value - s.law).abs() > 6.0 * s.rows.std_error + 0.02 * s.law)
    };
    if report.implausible.is_none()
        && let Some(level) = report.levels.iter().find(off)
    {
        remark!("the points of step {} are no draws of X_t: the means are over the points given and bound no distance", level.step);
    }
}

fn check(a: &Arguments, problem: &Problem, values: &Values) -> Outcome<()> {
    let Problem { law, path, grid } = problem;
    let flow = law.flow()?;
    let known = law.known();
    let base = KnownAnswer::new(&*flow, grid).path(path).moments(&known).tolerance(a.tolerance.unwrap_or(1e-6));
    let base = if a.path.name() == "edm" { base.sigma_data(SIGMA_DATA_OF_EDM) } else { base };
    // First without the optima, so that a wrong table is refused before a recursion runs.
    let first = base.check(&values.t, &values.x, &values.f)?;
    let (methods, lattice) = a.methods();
    let bar = progress(1, "recursion");
    let mut optima: Vec<(Method, Box<dyn ConsistencyFunction>)> = Vec::new();
    if first.implausible.is_none() {
        for method in methods.iter().copied() {
            optima.extend(law.optimum(grid, method, &values.t, lattice)?.map(|optimum| (method, optimum)));
        }
    }
    let loss = a.loss.read()?;
    let other = (loss != Loss::Squared && first.implausible.is_none()).then(|| law.optimum_under(grid, loss, &values.t)).transpose()?;
    let apart = if first.implausible.is_none() && !methods.is_empty() { law.apart(grid, &values.t)? } else { None };
    let base = if let Some(optimum) = &apart { base.noise_apart(optimum) } else { base };
    let base = if let Some(optimum) = &other { base.under(loss, optimum) } else { base };
    let with = optima.iter().fold(base, |check, (method, optimum)| match method {
        Method::Training => check.population(optimum),
        Method::Distillation => check.distillation(optimum),
    });
    let report = if optima.is_empty() && other.is_none() { first } else { with.check(&values.t, &values.x, &values.f)? };
    bar.finish_and_clear();
    let format = a.format.unwrap_or(Format::Table);
    let verdict = report.finding();
    if format == Format::Table {
        print_table(&report.levels);
        if let (Some(level), Some(loss)) = (report.levels.last(), report.under)
            && let (Some(under), Some(error)) = (level.under, level.under_error)
        {
            say!("step {}, the optimum under the {loss} loss: f is {under} away, and it is {error} away from the flow map", level.step);
        }
        if let Some(worst) = report.levels.iter().max_by(|a, b| a.error.mean.value.total_cmp(&b.error.mean.value)) {
            say!("largest mean error: {:.3e} at step {}", worst.error.mean.value, worst.step);
        }
        say!("verdict: {verdict}");
    } else {
        a.provenance()?.publish();
        for (i, level) in report.levels.iter().enumerate() {
            let summary = if i + 1 == report.levels.len() { summary(&report) } else { serde_json::Value::Null };
            print_last_row(format, i == 0, &row(grid.steps(), law.dim(), level), summary);
        }
        remark!("verdict: {verdict}");
    }
    remark_on_sizes(&report);
    if optima.is_empty() && !methods.is_empty() && report.implausible.is_none() {
        let way = if matches!(law, Law::Mixture(m) if m.dim() <= 3) { "; --method ct computes one on a lattice" } else { "" };
        remark!("no population optimum of this law stands beside{way}");
    }
    Ok(())
}

fn run(a: Arguments) -> Outcome<()> {
    if let Some(path) = &a.template {
        if let Some(option) = a.reading.given() {
            return Err(format!("{option} has no effect with --template").into());
        }
        if !a.loss.is_squared() || a.loss.huber.is_some() {
            return Err("--loss has no effect with --template: it says which optimum stands beside the values".into());
        }
        return template::write(&a, &Output::new("--template", path, &[], &[])?, &a.problem()?);
    }
    let Some(file) = a.file.clone() else { return Err("a file is needed".into()) };
    if let Some(option) = ["--levels", "--points", "--seed"].into_iter().find(|option| is_given(option)) {
        return Err(format!("{option} belongs to --template: it has no effect on a table that is there").into());
    }
    // A name behind a colon is for the reader of tables.
    if file.exists() && is_archive(&file).map_err(|error| format!("{}: {error}", file.display()))? && a.reading.array.is_none() {
        let problem = a.problem()?;
        let values = Values::of_archive(&a.reading, &file, problem.law.dim())?;
        check(&a, &problem, &values)?;
        return say_what_is_assumed(&a, &problem.grid, &file.display().to_string());
    }
    let table = a.reading.load(&file)?;
    let header = provenance::options_of(&table)?;
    let a = with_header(a, &header, &table.shown)?;
    let problem = a.problem()?;
    check_header(&a, &problem.grid, &header, &table.shown)?;
    let values = Values::of_table(&table, &problem)?;
    check(&a, &problem, &values)?;
    if header.is_empty() { say_what_is_assumed(&a, &problem.grid, &table.shown) } else { Ok(()) }
}

fn main() {
    if let Err(error) = run(arguments_of(|command| taking(command, &OF_LAWS))) {
        fail(&error);
    }
}
