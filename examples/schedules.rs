//! One target under every schedule, the certificate-optimal one included.
//!
//! ```text
//! cargo run --release --example schedules -- --means=-1.5,1.5 --stds .5,.5 --steps 256,1024
//! ```
//!
//! The optimal grid is measured, not known in advance: g(θ) = E|local_t|/Δθ_t² comes from a run on uniform angles, and the levels are
//! spread with density ∝ √g over the same range of angles.
//!
//! The distances are to X_1, the data with the noise of the first level, and schedules differ in their θ_1: W_1(X_1, X_0) stands beside, and
//! `--rank data` sorts by the sum of the two, a bound on the distance to the data.

mod common;

use clap::{Parser, ValueEnum};
use common::provenance::Options;
use common::{Format, Provenance, Row, arguments, fail, joined, limits, number, print_row, progress, record, remark, say};
use onestep::law::LineMixture;
use onestep::population::{LineRecursion, PopulationReport};
use onestep::schedule::{CosineSchedule, Equidistributed, Karras, LiHuangWei, LinearSchedule, UniformAngle};
use onestep::transport::Line as W1;
use onestep::{Grid, NoiseLevel, VarianceSchedule};
use std::error::Error;

/// T times W_1 and T times the certificate of population consistency training, schedule by schedule.
#[derive(Debug, Parser)]
#[command(allow_negative_numbers = true)]
struct Arguments {
    /// Weights of the components; equal by default.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    weights: Option<Vec<f64>>,
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true, default_value = "-1,1")]
    means: Vec<f64>,
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true, default_value = "0.6,0.6")]
    stds: Vec<f64>,
    /// Numbers of steps T.
    #[arg(long, value_delimiter = ',', default_value = "128,512", value_parser = limits::count(1, limits::STEPS))]
    steps: Vec<usize>,
    /// First angle of the uniform and the optimal grid, in radians.
    #[arg(long, default_value_t = 0.01)]
    angle_min: f64,
    /// Last angle of the uniform and the optimal grid.
    #[arg(long, default_value_t = std::f64::consts::FRAC_PI_2 - 0.001)]
    angle_max: f64,
    /// Sort the schedules of every T: by W_1 to X_1, whose noise differs between schedules, or by the bound on W_1 to the data.
    #[arg(long, value_enum)]
    rank: Option<Rank>,
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// What the schedules are ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rank {
    /// W_1(f_T(Z), X_1), X_1 being the data with the noise of the schedule's own first level.
    Noisy,
    /// The bound W_1(f_T(Z), X_1) + W_1(X_1, X_0) on the distance to the data.
    Data,
}

/// The grid with density ∝ √g over the angles of `uniform`, g measured on it.
fn optimal(target: &LineMixture, uniform: &Grid) -> Result<Grid, Box<dyn Error>> {
    let run = LineRecursion::new(target, uniform).tolerance(1e-4).run()?;
    Ok(Equidistributed::from_local_errors(uniform.steps(), run.local_errors())?.grid()?)
}

fn run(a: &Arguments) -> Result<(), Box<dyn Error>> {
    let weights = a.weights.clone().unwrap_or_else(|| vec![1.0 / a.means.len() as f64; a.means.len()]);
    let target = LineMixture::new(&weights, &a.means, &a.stds)?;
    Provenance {
        law: vec![
            ("--target", "mixture".into()),
            ("--weights", joined(target.weights())),
            ("--means", joined(target.means())),
            ("--stds", joined(target.stds())),
        ],
        path: vec![("--path", "vp".into())],
        method: Some("ct".into()),
        dim: Some(1),
        ..Provenance::default()
    }
    .publish();
    let mut first = true;
    let bar = progress(6 * a.steps.len() as u64, "schedules");
    for &steps in &a.steps {
        let uniform = UniformAngle::new(steps, a.angle_min, a.angle_max)?.grid()?;
        let best = optimal(&target, &uniform)?;
        let angles = [("--angle-min", a.angle_min.to_string()), ("--angle-max", a.angle_max.to_string())];
        let named = |name: &str, constants: &[(&'static str, String)]| -> Options {
            std::iter::once(("--schedule", name.to_string())).chain(constants.iter().cloned()).collect()
        };
        let paper = [("--c0", "2".to_string()), ("--c1", "4".to_string())];
        let karras = [("--sigma-min", "0.002".to_string()), ("--sigma-max", "80".to_string()), ("--rho", "7".to_string())];
        let grids: [(Options, Grid); 6] = [
            (named("paper", &paper), LiHuangWei::new(steps, 2.0, 4.0)?.grid()?),
            (named("linear", &[]), LinearSchedule::ddpm(steps)?.grid()?),
            (named("cosine", &[]), CosineSchedule::new(steps)?.grid()?),
            (named("karras", &karras), Karras::new(steps)?.grid()?),
            (named("angle", &angles), uniform),
            (named("optimal", &angles), best),
        ];
        let mut print = |line: &Line| {
            match a.format {
                Format::Table => line.print(first),
                Format::Csv | Format::Json => print_row(a.format, first, &line.row()),
            }
            first = false;
        };
        let mut lines = Vec::new();
        for (schedule, grid) in &grids {
            let line = Line::new(schedule, &target, grid)?;
            bar.suspend(|| line.warn());
            bar.inc(1);
            // What needs no sorting is printed as it comes.
            if a.rank.is_none() {
                bar.suspend(|| print(&line));
            }
            lines.push(line);
        }
        match a.rank {
            None => continue,
            Some(Rank::Noisy) => lines.sort_by(|a, b| a.report.w1.upper.total_cmp(&b.report.w1.upper)),
            Some(Rank::Data) => lines.sort_by(|a, b| a.to_data().total_cmp(&b.to_data())),
        }
        lines.iter().for_each(|line| bar.suspend(|| print(line)));
    }
    bar.finish_and_clear();
    Ok(())
}

/// One schedule at one T. Its samples are compared with X_1, whose noise θ_1 belongs to the schedule; W_1(X_1, X_0) is what that noise adds.
struct Line {
    schedule: Options,
    first: NoiseLevel,
    noise: f64,
    report: PopulationReport,
}

impl Line {
    fn new(schedule: &Options, target: &LineMixture, grid: &Grid) -> Result<Self, Box<dyn Error>> {
        let first = grid.level(1);
        let noise = W1::new(1.0)?.laws(&target.at(first), &target.at(NoiseLevel::DATA), 1e-9)?.upper;
        let report = LineRecursion::new(target, grid).run()?.report().clone();
        Ok(Self { schedule: schedule.clone(), first, noise, report })
    }

    fn name(&self) -> &str {
        &self.schedule[0].1
    }

    fn warn(&self) {
        let PopulationReport { resolved, resolution_error, steps, .. } = &self.report;
        if !resolved {
            remark!("warning: {}, T = {steps}: not resolved, the relative numerical error is {resolution_error:.1e}", self.name());
        }
    }

    /// An upper bound on W_1 between the samples and the data.
    fn to_data(&self) -> f64 {
        self.report.w1.upper + self.noise
    }

    fn print(&self, first: bool) {
        if first {
            say!(
                "{:>8} {:<9} {:>10} {:>11} {:>10} {:>9} {:>10} {:>11} {:>11}",
                "T",
                "schedule",
                "T W1",
                "T W1 at X_T",
                "T certif.",
                "prior",
                "θ_1",
                "W1(X_1,X_0)",
                "W1 to data≤"
            );
        }
        let (r, name, t) = (&self.report, self.name(), self.report.steps as f64);
        say!(
            "{:>8} {name:<9} {:>10.5} {:>11.5} {:>10.5} {:>9.2e} {:>10.4e} {:>11.4e} {:>11.4e}{}",
            r.steps,
            t * r.w1.lower,
            t * r.w1_marginal.lower,
            t * r.certificate,
            r.prior_mismatch,
            self.first.angle(),
            self.noise,
            self.to_data(),
            if r.resolved { "" } else { " NOT resolved" }
        );
    }

    fn row(&self) -> Row {
        let r = &self.report;
        vec![
            ("steps", r.steps.into()),
            ("schedule", self.name().into()),
            ("schedule_constants", record::constants(&self.schedule)),
            ("w1_lower", number(r.w1.lower)),
            ("w1_upper", number(r.w1.upper)),
            ("w1_marginal", number(r.w1_marginal.lower)),
            ("certificate", number(r.certificate)),
            ("prior_mismatch", number(r.prior_mismatch)),
            ("first_angle", number(self.first.angle())),
            ("w1_first_level_to_data", number(self.noise)),
            ("w1_to_data_upper", number(self.to_data())),
            ("resolved", r.resolved.into()),
            ("resolution_error", number(r.resolution_error)),
        ]
    }
}

fn main() {
    if let Err(error) = run(&arguments()) {
        fail(&error);
    }
}
