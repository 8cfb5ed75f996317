//! The schedule that the arguments describe.

use clap::ValueEnum;
use onestep::schedule::{CosineSchedule, LiHuangWei, LinearSchedule, ScheduleError, UniformAngle};
use onestep::{Grid, VarianceSchedule};

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
    /// β_1 = T^-c0.
    #[arg(long, default_value_t = 2.0)]
    c0: f64,
    /// r = c1 ln T / T.
    #[arg(long, default_value_t = 4.0)]
    c1: f64,
    /// First angle in radians.
    #[arg(long, default_value_t = 0.01)]
    angle_min: f64,
    /// Last angle in radians; π/2 − 0.001 by default.
    #[arg(long, default_value_t = std::f64::consts::FRAC_PI_2 - 0.001)]
    angle_max: f64,
}

impl ScheduleOptions {
    pub(crate) fn grid(&self, steps: usize) -> Result<Grid, ScheduleError> {
        match self.schedule {
            Schedule::Paper => LiHuangWei::new(steps, self.c0, self.c1)?.grid(),
            Schedule::Angle => UniformAngle::new(steps, self.angle_min, self.angle_max)?.grid(),
            Schedule::Cosine => CosineSchedule::new(steps)?.grid(),
            Schedule::Linear => LinearSchedule::ddpm(steps)?.grid(),
        }
    }

    pub(crate) fn name(&self) -> String {
        super::name(self.schedule)
    }
}
