//! The schedule that the arguments describe.

use clap::ValueEnum;
use onestep::schedule::{CosineSchedule, LiHuangWei, LinearSchedule, UniformAngle};
use onestep::{Grid, VarianceSchedule};
use std::error::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Schedule {
    /// Li, Huang and Wei, eq. (23), with --c0 and --c1.
    Paper,
    /// Uniform noise angles from --angle-min to --angle-max.
    Angle,
    Cosine,
    Linear,
}

/// Options of a schedule.
#[derive(Debug, clap::Args)]
pub(crate) struct ScheduleOptions {
    #[arg(long, value_enum, default_value = "paper")]
    pub(crate) schedule: Schedule,
    /// β_1 = T^-c0; 2 by default.
    #[arg(long)]
    c0: Option<f64>,
    /// r = c1 ln T / T; 4 by default.
    #[arg(long)]
    c1: Option<f64>,
    /// First angle in radians; 0.01 by default.
    #[arg(long)]
    angle_min: Option<f64>,
    /// Last angle in radians; π/2 − 0.001 by default.
    #[arg(long)]
    angle_max: Option<f64>,
}

/// The fewest steps at which the linear schedule of DDPM, whose β grow with 1000/T, stays below 1.
const LEAST_LINEAR_STEPS: usize = 21;

impl ScheduleOptions {
    pub(crate) fn grid(&self, steps: usize) -> Result<Grid, Box<dyn Error>> {
        for (option, given, owner) in [
            ("--c0", self.c0, Schedule::Paper),
            ("--c1", self.c1, Schedule::Paper),
            ("--angle-min", self.angle_min, Schedule::Angle),
            ("--angle-max", self.angle_max, Schedule::Angle),
        ] {
            if given.is_some() && self.schedule != owner {
                let (owner, own) = (super::name(owner), self.name());
                return Err(format!("{option} belongs to --schedule {owner}, it has no effect on {own}").into());
            }
        }
        let angles = (self.angle_min.unwrap_or(0.01), self.angle_max.unwrap_or(std::f64::consts::FRAC_PI_2 - 0.001));
        Ok(match self.schedule {
            Schedule::Paper => LiHuangWei::new(steps, self.c0.unwrap_or(2.0), self.c1.unwrap_or(4.0))?.grid()?,
            Schedule::Angle => UniformAngle::new(steps, angles.0, angles.1)?.grid()?,
            Schedule::Cosine => CosineSchedule::new(steps)?.grid()?,
            Schedule::Linear if steps < LEAST_LINEAR_STEPS => {
                return Err(format!("--schedule linear takes --steps from {LEAST_LINEAR_STEPS} on, {steps} were given").into());
            }
            Schedule::Linear => LinearSchedule::ddpm(steps)?.grid()?,
        })
    }

    pub(crate) fn name(&self) -> String {
        super::name(self.schedule)
    }
}
