//! One target under every schedule, the certificate-optimal one included.
//!
//! ```text
//! cargo run --release --example schedules -- --means=-1.5,1.5 --stds .5,.5 --steps 256,1024
//! ```
//!
//! The optimal grid is measured, not known in advance: g(θ) = E|local_t|/Δθ_t² comes from a run on uniform angles, and the levels are
//! spread with density ∝ √g over the same range of angles.

mod common;

use clap::Parser;
use common::{Format, Row, arguments, fail, limits, number, print_row, say};
use onestep::law::LineMixture;
use onestep::population::LineRecursion;
use onestep::schedule::{CosineSchedule, Equidistributed, Karras, LiHuangWei, LinearSchedule, UniformAngle};
use onestep::{Grid, VarianceSchedule};
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
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// The grid with density ∝ √g over the angles of `uniform`, g measured on it.
fn optimal(target: &LineMixture, uniform: &Grid) -> Result<Grid, Box<dyn Error>> {
    let run = LineRecursion::new(target, uniform).tolerance(1e-4).run()?;
    Ok(Equidistributed::from_local_errors(uniform.steps(), run.local_errors())?.grid()?)
}

fn run(a: &Arguments) -> Result<(), Box<dyn Error>> {
    let weights = a.weights.clone().unwrap_or_else(|| vec![1.0 / a.means.len() as f64; a.means.len()]);
    let target = LineMixture::new(&weights, &a.means, &a.stds)?;
    let mut first = true;
    for &steps in &a.steps {
        let uniform = UniformAngle::new(steps, a.angle_min, a.angle_max)?.grid()?;
        let best = optimal(&target, &uniform)?;
        let grids: [(&str, Grid); 6] = [
            ("paper c0=2 c1=4", LiHuangWei::new(steps, 2.0, 4.0)?.grid()?),
            ("linear", LinearSchedule::ddpm(steps)?.grid()?),
            ("cosine", CosineSchedule::new(steps)?.grid()?),
            ("karras", Karras::new(steps)?.grid()?),
            ("uniform angle", uniform),
            ("optimal", best),
        ];
        for (name, grid) in &grids {
            let report = LineRecursion::new(&target, grid).run()?.report().clone();
            let t = steps as f64;
            if a.format == Format::Table {
                if first {
                    say!("{:>8} {:<16} {:>10} {:>16} {:>16} {:>10}", "T", "schedule", "T W1", "T W1 at X_T", "T certificate", "prior");
                }
                let (w1, marginal) = (t * report.w1.lower, t * report.w1_marginal.lower);
                say!("{steps:>8} {name:<16} {w1:>10.5} {marginal:>16.5} {:>16.5} {:>10.2e}", t * report.certificate, report.prior_mismatch);
            } else {
                let row: Row = vec![
                    ("steps", steps.into()),
                    ("schedule", (*name).into()),
                    ("w1", number(report.w1.lower)),
                    ("w1_marginal", number(report.w1_marginal.lower)),
                    ("certificate", number(report.certificate)),
                    ("prior_mismatch", number(report.prior_mismatch)),
                ];
                print_row(a.format, first, &row);
            }
            first = false;
        }
    }
    Ok(())
}

fn main() {
    if let Err(error) = run(&arguments()) {
        fail(&error);
    }
}
