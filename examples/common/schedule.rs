//! The schedule that the arguments describe.

use clap::ValueEnum;
use onestep::path::{GaussianPath, Path};
use onestep::schedule::{CosineSchedule, Karras, LiHuangWei, LinearSchedule, UniformAngle};
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
    /// EDM: σ^(1/ρ) evenly spaced from --sigma-min to --sigma-max with --rho.
    Karras,
    /// The list --sigmas.
    Sigmas,
    /// The list --alpha-bars.
    AlphaBars,
    /// The list --times, in the time of the path.
    Times,
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
    /// First σ; 0.002 by default.
    #[arg(long)]
    sigma_min: Option<f64>,
    /// Last σ; 80 by default.
    #[arg(long)]
    sigma_max: Option<f64>,
    /// ρ; 7 by default.
    #[arg(long)]
    rho: Option<f64>,
    /// σ of every level, from either end.
    #[arg(long, value_delimiter = ',')]
    sigmas: Option<Vec<f64>>,
    /// ᾱ of every level, from either end.
    #[arg(long, value_delimiter = ',')]
    alpha_bars: Option<Vec<f64>>,
    /// The path's time of every level, from either end.
    #[arg(long, value_delimiter = ',')]
    times: Option<Vec<f64>>,
}

/// The fewest steps at which the linear schedule of DDPM, whose β grow with 1000/T, stays below 1.
const LEAST_LINEAR_STEPS: usize = 21;

type Outcome<T> = Result<T, Box<dyn Error>>;

impl ScheduleOptions {
    /// The grid of a schedule whose times, if it is given by some, are ᾱ.
    pub(crate) fn grid(&self, steps: usize) -> Outcome<Grid> {
        self.grid_on(steps, &Path::vp())
    }

    /// The grid of a schedule whose times, if it is given by some, are those of `path`.
    pub(crate) fn grid_on(&self, steps: usize, path: &dyn GaussianPath) -> Outcome<Grid> {
        self.check_owners()?;
        if let Some((option, list)) = self.list()?
            && list.len() != steps
        {
            return Err(format!("{option} has {} levels: --steps {steps} is another number", list.len()).into());
        }
        let angles = self.angles();
        let (sigma_min, sigma_max, rho) = self.karras();
        Ok(match self.schedule {
            Schedule::Paper => LiHuangWei::new(steps, self.c0.unwrap_or(2.0), self.c1.unwrap_or(4.0))?.grid()?,
            Schedule::Angle => UniformAngle::new(steps, angles.0, angles.1)?.grid()?,
            Schedule::Cosine => CosineSchedule::new(steps)?.grid()?,
            Schedule::Linear if steps < LEAST_LINEAR_STEPS => {
                return Err(format!("--schedule linear takes --steps from {LEAST_LINEAR_STEPS} on, {steps} were given").into());
            }
            Schedule::Linear => LinearSchedule::ddpm(steps)?.grid()?,
            Schedule::Karras => Karras::with_constants(steps, sigma_min, sigma_max, rho)?.grid()?,
            Schedule::Sigmas => Grid::from_sigmas(&rising(self.sigmas.as_deref().unwrap_or_default()))?,
            Schedule::AlphaBars => {
                let falling: Vec<f64> = rising(self.alpha_bars.as_deref().unwrap_or_default()).into_iter().rev().collect();
                Grid::from_alpha_bars(&falling)?
            }
            Schedule::Times => Self::grid_of_times(self.times.as_deref().unwrap_or_default(), path)?,
        })
    }

    fn grid_of_times(times: &[f64], path: &dyn GaussianPath) -> Outcome<Grid> {
        let mut levels = times.iter().map(|&time| Ok(path.place(time)?.level())).collect::<Outcome<Vec<_>>>()?;
        if levels.len() > 1 && levels[0].sigma() > levels[levels.len() - 1].sigma() {
            levels.reverse();
        }
        // σ keeps the digits of both ends; only the noise itself has none.
        let noise = levels.iter().any(|level| level.is_noise());
        let of = |f: fn(onestep::NoiseLevel) -> f64| levels.iter().map(|&level| f(level)).collect::<Vec<_>>();
        Ok(if noise { Grid::from_angles(&of(onestep::NoiseLevel::angle))? } else { Grid::from_sigmas(&of(onestep::NoiseLevel::sigma))? })
    }

    /// The number of levels, where the schedule is a list.
    pub(crate) fn count(&self) -> Outcome<Option<usize>> {
        Ok(self.list()?.map(|(_, list)| list.len()))
    }

    fn list(&self) -> Outcome<Option<(&'static str, &[f64])>> {
        let (option, list) = match self.schedule {
            Schedule::Sigmas => ("--sigmas", &self.sigmas),
            Schedule::AlphaBars => ("--alpha-bars", &self.alpha_bars),
            Schedule::Times => ("--times", &self.times),
            _ => return Ok(None),
        };
        match list {
            Some(list) => Ok(Some((option, list))),
            None => Err(format!("--schedule {} needs {option}", self.name()).into()),
        }
    }

    fn check_owners(&self) -> Outcome<()> {
        for (option, given, owner) in [
            ("--c0", self.c0.is_some(), Schedule::Paper),
            ("--c1", self.c1.is_some(), Schedule::Paper),
            ("--angle-min", self.angle_min.is_some(), Schedule::Angle),
            ("--angle-max", self.angle_max.is_some(), Schedule::Angle),
            ("--sigma-min", self.sigma_min.is_some(), Schedule::Karras),
            ("--sigma-max", self.sigma_max.is_some(), Schedule::Karras),
            ("--rho", self.rho.is_some(), Schedule::Karras),
            ("--sigmas", self.sigmas.is_some(), Schedule::Sigmas),
            ("--alpha-bars", self.alpha_bars.is_some(), Schedule::AlphaBars),
            ("--times", self.times.is_some(), Schedule::Times),
        ] {
            if given && self.schedule != owner {
                let (owner, own) = (super::name(owner), self.name());
                return Err(format!("{option} belongs to --schedule {owner}, it has no effect on {own}").into());
            }
        }
        Ok(())
    }

    fn angles(&self) -> (f64, f64) {
        (self.angle_min.unwrap_or(0.01), self.angle_max.unwrap_or(std::f64::consts::FRAC_PI_2 - 0.001))
    }

    fn karras(&self) -> (f64, f64, f64) {
        (self.sigma_min.unwrap_or(0.002), self.sigma_max.unwrap_or(80.0), self.rho.unwrap_or(7.0))
    }

    pub(crate) fn name(&self) -> String {
        super::name(self.schedule)
    }

    /// The options with their values.
    pub(crate) fn described(&self) -> Vec<(&'static str, String)> {
        let list = |values: &Option<Vec<f64>>| super::joined(values.as_deref().unwrap_or_default());
        let (angles, karras) = (self.angles(), self.karras());
        let own = match self.schedule {
            Schedule::Paper => vec![("--c0", self.c0.unwrap_or(2.0).to_string()), ("--c1", self.c1.unwrap_or(4.0).to_string())],
            Schedule::Angle => vec![("--angle-min", angles.0.to_string()), ("--angle-max", angles.1.to_string())],
            Schedule::Karras => {
                vec![("--sigma-min", karras.0.to_string()), ("--sigma-max", karras.1.to_string()), ("--rho", karras.2.to_string())]
            }
            Schedule::Sigmas => vec![("--sigmas", list(&self.sigmas))],
            Schedule::AlphaBars => vec![("--alpha-bars", list(&self.alpha_bars))],
            Schedule::Times => vec![("--times", list(&self.times))],
            Schedule::Cosine | Schedule::Linear => Vec::new(),
        };
        std::iter::once(("--schedule", self.name())).chain(own).collect()
    }
}

/// A list in increasing order, where it was given from its other end.
fn rising(list: &[f64]) -> Vec<f64> {
    let mut list = list.to_vec();
    if list.len() > 1 && list[0] > list[list.len() - 1] {
        list.reverse();
    }
    list
}
