//! What should my loss be when I am done? The loss at the optimum is not 0; what is above it is E‖f − f*‖².
//!
//! ```text
//! cargo run --release --example loss_floor -- --loss edm --mean=-1.2 --std 1.2 --target ring
//! cargo run --release --example loss_floor -- --loss ct --schedule karras --steps 18 --value 0.31
//! cargo run --release --example loss_floor -- --loss meanflow --between 0.2,0.8
//! ```
//!
//! Losses are sums over coordinates, at every level of the schedule; where --mean and --std, or --uniform, say how levels are drawn, their mean over
//! these. With --value, the loss that was reached, the excess is printed beside.

mod common;

use clap::{Parser, ValueEnum};
use common::law::{Law, LawOptions};
use common::path::PathOptions;
use common::schedule::ScheduleOptions;
use common::target::{OF_LAWS, taking};
use common::{Format, Provenance, Row, arguments_of, fail, is_given, limits, name, number, print_last_row, progress, remark, say};
use onestep::audit::{Excess, FloorLevel, LevelLaw, LossFloor, LossFloorReport};
use onestep::consistency::ExactMaps;
use onestep::law::LineMixture;
use onestep::path::Prediction;
use onestep::population::Method;
use onestep::{Estimate, Grid, PosteriorRule};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::error::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Loss {
    /// E‖D − X_0‖².
    Denoised,
    /// ε.
    Noise,
    /// v.
    Velocity,
    /// Z − X_0, flow matching.
    Flow,
    /// The raw network F of EDM, which is λ(σ)‖D − X_0‖².
    Edm,
    /// Consistency training, step by step, at its population optimum where the law has one, else at the exact flow.
    Ct,
    /// Consistency training at small steps, in units of Δθ².
    Sct,
    /// `MeanFlow` at the two times --between r,t of the linear path.
    Meanflow,
}

/// The loss at the optimum.
#[derive(Debug, Parser)]
#[command(allow_negative_numbers = true)]
struct Arguments {
    /// What is regressed on.
    #[arg(long, value_enum)]
    loss: Loss,
    #[command(flatten)]
    law: LawOptions,
    #[command(flatten)]
    path: PathOptions,
    #[command(flatten)]
    schedule: ScheduleOptions,
    /// T; 64 by default, or the number of levels of a list.
    #[arg(long, value_parser = limits::count(2, limits::STEPS))]
    steps: Option<usize>,
    /// Mean of ln σ, where levels are drawn with ln σ normal.
    #[arg(long, requires = "std")]
    mean: Option<f64>,
    /// Standard deviation of ln σ.
    #[arg(long, requires = "mean")]
    std: Option<f64>,
    /// Levels drawn uniformly in the time of the path between these two.
    #[arg(long, value_delimiter = ',', num_args = 1, conflicts_with = "mean")]
    uniform: Option<Vec<f64>>,
    /// The two times r,t of --loss meanflow.
    #[arg(long, value_delimiter = ',', num_args = 1)]
    between: Option<Vec<f64>>,
    /// σ_data of --loss edm; 0.5 by default.
    #[arg(long)]
    network_sigma_data: Option<f64>,
    /// The loss that was reached: of all levels drawn, or the sum over steps of ct.
    #[arg(long)]
    value: Option<f64>,
    /// Draws a level.
    #[arg(long, default_value_t = 2000, value_parser = limits::count(2, limits::POINTS))]
    samples: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How to print; a table by default.
    #[arg(long, value_enum)]
    format: Option<Format>,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A pair of numbers of an option.
fn pair(option: &str, list: &[f64]) -> Outcome<(f64, f64)> {
    match *list {
        [one, other] => Ok((one, other)),
        _ => Err(format!("{option} takes two numbers, {} were given", list.len()).into()),
    }
}

impl Arguments {
    fn prediction(&self) -> Option<Prediction> {
        Some(match self.loss {
            Loss::Denoised => Prediction::Denoised,
            Loss::Noise => Prediction::Noise,
            Loss::Velocity => Prediction::Velocity,
            Loss::Flow => Prediction::FlowVelocity,
            Loss::Edm => Prediction::Edm { sigma_data: self.network_sigma_data.unwrap_or(0.5) },
            Loss::Ct | Loss::Sct | Loss::Meanflow => return None,
        })
    }

    fn level_law(&self) -> Outcome<Option<LevelLaw>> {
        if let (Some(mean), Some(std)) = (self.mean, self.std) {
            return Ok(Some(LevelLaw::LogNormal { mean, std }));
        }
        let Some(list) = &self.uniform else { return Ok(None) };
        let (from, to) = pair("--uniform", list)?;
        Ok(Some(LevelLaw::Uniform { from, to }))
    }

    fn check_owners(&self) -> Outcome<()> {
        let drawn = self.mean.is_some() || self.uniform.is_some();
        if drawn || self.loss == Loss::Meanflow {
            let idle = ["--schedule", "--steps"].into_iter().find(|option| is_given(option));
            if let Some(option) = idle {
                return Err(format!("{option} has no effect here: the levels are not those of a schedule").into());
            }
        }
        for (option, given, owned) in [
            ("--mean or --uniform", drawn, self.prediction().is_some()),
            ("--between", self.between.is_some(), self.loss == Loss::Meanflow),
            ("--network-sigma-data", self.network_sigma_data.is_some(), self.loss == Loss::Edm),
            ("--value", self.value.is_some(), drawn || matches!(self.loss, Loss::Ct | Loss::Meanflow)),
        ] {
            if given && !owned {
                return Err(format!("{option} has no effect on --loss {} here", name(self.loss)).into());
            }
        }
        match self.value {
            Some(value) if !(0.0..=1e300).contains(&value) => Err(format!("--value {value} is outside [0, 1e300]").into()),
            _ => Ok(()),
        }
    }
}

impl Arguments {
    /// What every row says of the run; the levels are those of no schedule where they are drawn.
    fn provenance(&self, law: &Law, copies: f64, grid: &Grid) -> Outcome<Provenance> {
        let drawn = self.level_law()?.is_some() || self.loss == Loss::Meanflow;
        Ok(Provenance {
            law: self.law.described()?,
            path: self.path.described(),
            schedule: if drawn { Vec::new() } else { self.schedule.described() },
            method: Some(name(self.loss)),
            seed: Some(self.seed),
            steps: (!drawn).then_some(grid.steps()),
            dim: Some(law.dim() * copies as usize),
        })
    }
}

/// A number for `copies` independent blocks.
fn times(copies: f64, e: Estimate) -> Estimate {
    Estimate::normal(copies * e.value, copies * e.std_error, e.evaluations)
}

/// Prints the levels; the last goes with what all of them say together.
fn print_levels(format: Format, copies: f64, report: &LossFloorReport, summary: Value) {
    if format == Format::Table {
        say!("{:>6} {:>8} {:>12} {:>12} {:>9} {:>10}", "t", "angle", "sigma", "floor", "±", "quadrature");
    }
    for (i, level) in report.levels.iter().enumerate() {
        let FloorLevel { step, angle, sigma, quadrature_error, .. } = *level;
        let floor = times(copies, level.floor);
        if format == Format::Table {
            let quadrature = quadrature_error.map_or_else(String::new, |e| format!("{:.1e}", copies * e));
            say!("{step:>6} {angle:>8.4} {sigma:>12.5e} {:>12.6} {:>9.1e} {quadrature:>10}", floor.value, floor.std_error);
        } else {
            let row: Row = vec![
                ("step", step.into()),
                ("angle", number(angle)),
                ("sigma", number(sigma)),
                ("floor", number(floor.value)),
                ("floor_std_error", number(floor.std_error)),
                ("quadrature_error", quadrature_error.map_or(Value::Null, |e| number(copies * e))),
            ];
            let last = i + 1 == report.levels.len();
            print_last_row(format, i == 0, &row, if last { summary.clone() } else { Value::Null });
        }
    }
}

/// A floor over levels, with the excess of the loss that was reached, as an object.
fn total(a: &Arguments, quantity: &str, floor: Estimate) -> Value {
    let excess = a.value.map(|loss| Excess::new(loss, floor));
    json!({
        "quantity": quantity,
        "floor": number(floor.value),
        "floor_std_error": number(floor.std_error),
        "loss": a.value,
        "excess": excess.map(|e| number(e.value())),
        "text": excess.map(|e| e.to_string()),
    })
}

fn told(a: &Arguments, what: &str, floor: Estimate) -> Vec<String> {
    let said = format!("{what}: {:.6} ± {:.1e}", floor.value, floor.std_error);
    let excess = a.value.map(|loss| Excess::new(loss, floor).to_string());
    std::iter::once(said).chain(excess).collect()
}

/// Prints levels and their total.
fn print_report(a: &Arguments, format: Format, copies: f64, report: &LossFloorReport, sum: Option<(&str, &str, Estimate)>) {
    let sum = sum.map(|(quantity, what, floor)| (quantity, what, times(copies, floor)));
    print_levels(format, copies, report, sum.map_or(Value::Null, |(quantity, _, floor)| total(a, quantity, floor)));
    let lines = sum.map_or_else(Vec::new, |(_, what, floor)| told(a, what, floor));
    lines.iter().for_each(|line| if format == Format::Table { say!("{line}") } else { remark!("{line}") });
}

/// Prints one floor.
fn print_floor(a: &Arguments, format: Format, what: &str, floor: Estimate) {
    if format == Format::Table {
        told(a, what, floor).iter().for_each(|line| say!("{line}"));
        return;
    }
    let row: Row = vec![("floor", number(floor.value)), ("floor_std_error", number(floor.std_error))];
    print_last_row(format, true, &row, total(a, "floor", floor));
}

/// The floor of consistency training, and what its sum is: at the optimum, or at the exact flow where no optimum is known.
fn of_training(floors: &LossFloor, law: &Law, grid: &Grid, rng: &mut ChaCha8Rng) -> Outcome<(LossFloorReport, &'static str)> {
    let levels: Vec<usize> = (1..=grid.steps()).collect();
    if let Some(optimum) = law.optimum(grid, Method::Training, &levels, false)? {
        return Ok((floors.consistency(&optimum, rng)?, "sum over steps, what is lost of the second moment"));
    }
    remark!(
        "no population optimum of this law is known: the floor is that at the exact flow, which agrees with it to leading order in the steps"
    );
    let flow = law.flow()?;
    Ok((floors.consistency(&ExactMaps::new(&*flow, grid), rng)?, "sum over steps, of regressions on the exact flow"))
}

fn run(a: &Arguments) -> Outcome<()> {
    a.check_owners()?;
    let (law, path) = (a.law.law()?, a.path.path()?);
    // Floors of independent copies add up: the line is enough.
    let (law, copies) = match law {
        Law::Copies(product) => {
            let line: LineMixture = product.factors()[0].clone();
            (Law::Copies(onestep::law::Product::copies(line, 1)?), product.factors().len() as f64)
        }
        other => (other, 1.0),
    };
    let steps = a.steps.or(a.schedule.count()?).unwrap_or(64);
    let grid = a.schedule.grid_on(steps, &path)?;
    a.provenance(&law, copies, &grid)?.publish();
    let known: &dyn PosteriorRule = &law.known();
    let floors = LossFloor::new(known, &grid).samples(a.samples);
    let mut rng = ChaCha8Rng::seed_from_u64(a.seed);
    let format = a.format.unwrap_or(Format::Table);
    let bar = progress(1, "averaging");
    if let Some(prediction) = a.prediction() {
        if let Some(levels) = a.level_law()? {
            let floor = floors.denoising_at(&path, prediction, levels, &mut rng)?;
            bar.finish_and_clear();
            print_floor(a, format, "floor over the levels drawn", times(copies, floor));
        } else {
            let report = floors.denoising(&path, prediction, &mut rng)?;
            bar.finish_and_clear();
            print_report(a, format, copies, &report, Some(("mean", "mean over levels", report.mean())));
        }
    } else if a.loss == Loss::Meanflow {
        let (r, t) = pair("--between", a.between.as_deref().ok_or("--loss meanflow needs --between r,t")?)?;
        let floor = floors.mean_flow(&*law.flow()?, r, t, &mut rng)?;
        bar.finish_and_clear();
        print_floor(a, format, "floor", times(copies, floor));
    } else {
        let (report, sum) = match a.loss {
            Loss::Ct => of_training(&floors, &law, &grid, &mut rng)?,
            _ => (floors.continuous(&*law.flow()?, &mut rng)?, ""),
        };
        bar.finish_and_clear();
        let sum = (a.loss == Loss::Ct).then(|| ("sum", sum, report.sum()));
        print_report(a, format, copies, &report, sum);
    }
    remark!("seed {}", a.seed);
    Ok(())
}

fn main() {
    if let Err(error) = run(&arguments_of(|command| taking(command, &OF_LAWS))) {
        fail(&error);
    }
}
