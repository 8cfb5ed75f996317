//! The worst laws of families at a bound on L_f, searched for, and the exponents of T, d and L_f that they show.
//!
//! ```text
//! cargo run --release --example worst_case
//! cargo run --release --example worst_case -- --families comb --lipschitz 2 --steps 25,50,100,200,400 --objective root-w1 --evaluations 200
//! cargo run --release --example worst_case -- --task 3/8 --out rows
//! cargo run --release --example worst_case -- --collect rows
//! ```
//!
//! Theorem 1 as quoted bounds W_1 by C_1 L_f³ d^{5/2} log⁵T/T for **every** target. What is that up against? A case is a family of laws at one
//! d, one T and one bound on L_f; its parameters are searched, without derivatives and from a seed, for the law with the largest T·W_1, √T·W_1
//! or certificate among those whose L_f is within the bound: proved so on the line, found so (at nodes and levels) elsewhere. A search finds a
//! law at least that bad, not the worst one; W_1 is computed exactly on the line.
//!
//! Rows are the same to the bit wherever they are computed, so cases can be spread over machines: with `--task I/N` (or in a Slurm job array) a
//! run searches its share and leaves a file for every finished case in the folder `--out`; a run that is killed and started again keeps what is
//! finished; `--collect` reads the folder, refuses to do so while a case is missing, and says what one run would have said. See `docs/sweeps.md`.

#[path = "../common/mod.rs"]
mod common;
mod sweep;

use clap::Parser;
use common::output::Output;
use common::plot::{Curve, Labels, draw};
use common::schedule::ScheduleOptions;
use common::{Format, Row, arguments, fail, limits, print_row, progress, remark, say};
use onestep::Grid;
use plotters::prelude::SeriesLabelPosition;
use std::error::Error;
use std::path::PathBuf;
use sweep::family::Family;
use sweep::fits::{curves, fits};
use sweep::store::{Store, Stored};
use sweep::{Objective, Sweep, SweepError, Task, line};

/// Options that have no effect on rows that are there.
const OF_A_SEARCH: [&str; 22] = [
    "task",
    "out",
    "families",
    "dims",
    "steps",
    "lipschitz",
    "objective",
    "modes",
    "evaluations",
    "seed",
    "tolerance",
    "schedule",
    "c0",
    "c1",
    "angle_min",
    "angle_max",
    "sigma_min",
    "sigma_max",
    "rho",
    "sigmas",
    "alpha_bars",
    "times",
];

/// The worst laws of families at a bound on L_f, with their exponents of T, d and L_f.
#[derive(Debug, Parser)]
#[command(allow_negative_numbers = true)]
struct Arguments {
    /// Families of laws.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "comb,two-modes,modes")]
    families: Vec<Family>,
    /// Dimensions: copies of the families on the line; scales takes those from 2 on, plane takes 2.
    #[arg(long, value_delimiter = ',', default_value = "1", value_parser = limits::count(1, limits::DIMENSIONS))]
    dims: Vec<usize>,
    /// Numbers of steps T.
    #[arg(long, value_delimiter = ',', default_value = "16,32,64", value_parser = limits::count(2, limits::STEPS))]
    steps: Vec<usize>,
    /// Bounds on L_f.
    #[arg(long, value_delimiter = ',', default_value = "2")]
    lipschitz: Vec<f64>,
    /// What is maximised.
    #[arg(long, value_enum, default_value = "w1")]
    objective: Objective,
    /// Normals of the family modes.
    #[arg(long, default_value_t = 5, value_parser = limits::count(1, 1000))]
    modes: usize,
    /// Laws tried in each search.
    #[arg(long, default_value_t = 40, value_parser = limits::count(1, 1_000_000))]
    evaluations: usize,
    /// Seed of the searches.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Relative tolerance of the recursions on the line and for radial laws; a law that does not reach it is not admissible.
    #[arg(long, default_value_t = 1e-4)]
    tolerance: f64,
    #[command(flatten)]
    schedule: ScheduleOptions,
    /// This run's share of the cases, I/N; by default that of the job array it runs in, or all.
    #[arg(long, allow_hyphen_values = true)]
    task: Option<String>,
    /// Folder for the rows, one file a case; rows that stand there are kept.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Reads the rows of a folder instead of searching; takes no option of a search.
    #[arg(long, conflicts_with_all = OF_A_SEARCH)]
    collect: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// SVG or PNG file for the plot of the values against T, or `none`.
    #[arg(long, default_value = "none")]
    plot: String,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

impl Arguments {
    fn task(&self) -> Result<Task, SweepError> {
        match &self.task {
            Some(given) => Task::parse(given),
            None => Ok(Task::of_array(|name| std::env::var(name).ok())?.unwrap_or(Task::WHOLE)),
        }
    }

    fn sweep(&self) -> Result<Sweep, SweepError> {
        let mut sweep = Sweep::new(&self.families, &self.dims, &self.steps, &self.lipschitz)?;
        sweep.objective = self.objective;
        sweep.modes = self.modes;
        sweep.evaluations = self.evaluations;
        sweep.seed = self.seed;
        sweep.tolerance = self.tolerance;
        sweep.schedule = self.schedule.described();
        Ok(sweep)
    }
}

/// The rows of one task, in order, each printed as it is there: those that stand in the folder, and those that are still to be computed.
fn search(a: &Arguments, task: Task) -> Outcome<Vec<Stored>> {
    let sweep = a.sweep()?;
    let store = a.out.as_deref().map(Store::create).transpose()?;
    if store.is_none() && task != Task::WHOLE {
        return Err(SweepError::NoPlace { task }.into());
    }
    if let Some(store) = &store {
        store.check_sweep(&sweep.described())?;
        store.clear_unfinished(task, &sweep.cases)?;
    }
    let grids = a.steps.iter().map(|&t| Ok((t, a.schedule.grid(t)?))).collect::<Outcome<Vec<(usize, Grid)>>>()?;
    let described = sweep.described();
    let share: Vec<_> = sweep.cases.iter().filter(|case| task.holds(case.number)).collect();
    let bar = progress(share.len() as u64, "searching");
    let mut rows = Vec::with_capacity(share.len());
    for case in share {
        let kept = store.as_ref().map(|s| s.find(case.number, &described)).transpose()?.flatten();
        let row = if let Some(row) = kept {
            row
        } else {
            let Some((_, grid)) = grids.iter().find(|(t, _)| *t == case.steps) else { continue };
            let text = line(&sweep.run(case, grid)?);
            if let Some(store) = &store {
                store.keep(case.number, &text)?;
            }
            Stored::parse(&text)?
        };
        bar.suspend(|| print_one(a.format, rows.is_empty(), &row));
        rows.push(row);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(rows)
}

/// The columns of a row in a table of comma-separated values.
const COLUMNS: &[&str] = &[
    "case",
    "family",
    "dim",
    "steps",
    "lipschitz_bound",
    "objective",
    "value",
    "law",
    "w1_marginal_lower",
    "w1_marginal_upper",
    "certificate",
    "ln_lipschitz",
    "ln_lipschitz_upper",
    "resolution_error",
    "admissible",
    "unresolved",
    "example",
    "version",
    "path",
    "schedule",
    "schedule_constants",
    "method",
    "seed",
    "evaluations",
];

fn print_one(format: Format, first: bool, row: &Stored) {
    match format {
        Format::Json => say!("{}", row.line),
        Format::Csv => {
            let cell = |name: &'static str| (name, row.values.get(name).cloned().unwrap_or_default());
            let cells: Row = COLUMNS.iter().copied().map(cell).collect();
            print_row(format, first, &cells);
        }
        Format::Table => print_line(first, row),
    }
}

fn print_line(first: bool, row: &Stored) {
    if first {
        say!(
            "{:>5} {:>10} {:>6} {:>7} {:>9} {:>12} {:>9} {:>9}  law",
            "case",
            "family",
            "d",
            "T",
            "L_f ≤",
            row.text("objective"),
            "L_f",
            "tried"
        );
    }
    let law = match row.values.get("law").and_then(serde_json::Value::as_object) {
        Some(law) => {
            let numbers = law.iter().filter_map(|(name, v)| v.as_f64().map(|v| format!("{name} {v:.4}")));
            numbers.collect::<Vec<_>>().join(", ")
        }
        None => "no law on trial was admissible".to_string(),
    };
    let counts = format!("{}/{}", row.number("admissible"), row.number("evaluations"));
    say!(
        "{:>5} {:>10} {:>6} {:>7} {:>9} {:>12.6} {:>9.4} {counts:>9}  {law}",
        row.number("case"),
        row.text("family"),
        row.number("dim"),
        row.number("steps"),
        row.number("lipschitz_bound"),
        row.number("value"),
        row.number("ln_lipschitz").exp(),
    );
}

/// What the rows say together.
fn report(a: &Arguments, rows: &[Stored], output: Option<&Output>) -> Outcome<()> {
    for fit in fits(rows) {
        match a.format {
            Format::Json => print_row(Format::Json, false, &fit.row()),
            Format::Table => say!("{}", fit.described()),
            Format::Csv => remark!("{}", fit.described()),
        }
    }
    let caution =
        "A search finds a law at least this bad, not the worst one: exponents are those of what was found, in its range of sizes.";
    if a.format == Format::Table {
        say!("{caution}");
    }
    output.map_or(Ok(()), |output| plot(output, rows))
}

/// The values against T, a curve for every family, d and bound, with the slope of the comb.
fn plot(output: &Output, rows: &[Stored]) -> Outcome<()> {
    let against_steps = curves(rows, "steps");
    let Some(first) = against_steps.first() else { return Ok(()) };
    let mut curves: Vec<Curve> = against_steps
        .iter()
        .enumerate()
        .map(|(i, f)| {
            let points = f.sizes.iter().copied().zip(f.values.iter().copied());
            Curve::series(format!("{}, {}", f.family, f.fixed_in_words(" ≤ ")), i, points)
        })
        .collect();
    if let (Some(&(x, y)), Some(&(end, _))) = (curves[0].points.first(), curves[0].points.last()) {
        let power = 0.5 + first.power_of_steps();
        curves.push(Curve::slope(if power > 0.0 { "slope 1/2 (2.21)" } else { "slope 0 (2.21)" }, (x, 0.7 * y), end, power));
    }
    let quantity = first.quantity();
    let caption = format!("Worst laws that were found: {quantity} against T\n{}", rows.first().map_or("", |row| row.text("sweep")));
    let labels = Labels { caption: &caption, abscissa: "number of steps T", ordinate: quantity, legend: SeriesLabelPosition::UpperLeft };
    draw(output, &labels, &curves)
}

fn run(a: &Arguments) -> Outcome<()> {
    let output = common::plot::output("--plot", &a.plot)?;
    if let Some(folder) = &a.collect {
        let rows = Store::open(folder)?.collect()?;
        rows.iter().enumerate().for_each(|(i, row)| print_one(a.format, i == 0, row));
        return report(a, &rows, output.as_ref());
    }
    let task = a.task()?;
    if task == Task::WHOLE {
        return report(a, &search(a, task)?, output.as_ref());
    }
    if output.is_some() {
        return Err("--plot: a part of a sweep has no picture, give it with --collect".into());
    }
    search(a, task)?;
    Ok(())
}

fn main() {
    if let Err(error) = run(&arguments()) {
        fail(&error);
    }
}
