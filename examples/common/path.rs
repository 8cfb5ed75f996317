//! The convention of a model that the arguments describe.

use super::name;
use clap::ValueEnum;
use onestep::path::Path;
use std::error::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PathName {
    /// x = √ᾱ X_0 + √(1−ᾱ) Z, time ᾱ.
    Vp,
    /// x = X_0 + σZ, time σ.
    Edm,
    /// x = cos t X_0 + sin t σ_data Z, time t in radians.
    Trig,
    /// x = (1−s) X_0 + s Z, time s.
    Linear,
    /// x = s X_0 + (1−s) Z, time s.
    LinearFromNoise,
}

/// Options of a path.
#[derive(Debug, clap::Args)]
pub(crate) struct PathOptions {
    /// The convention of points and values: x = a X_0 + b Z with its own a, b and time.
    #[arg(long, value_enum, default_value = "vp")]
    path: PathName,
    /// Standard deviation of the data in --path trig; 1 by default.
    #[arg(long)]
    sigma_data: Option<f64>,
}

impl PathOptions {
    pub(crate) fn path(&self) -> Result<Path, Box<dyn Error>> {
        if self.sigma_data.is_some() && self.path != PathName::Trig {
            return Err(format!("--sigma-data belongs to --path trig, it has no effect on {}", name(self.path)).into());
        }
        Ok(match self.path {
            PathName::Vp => Path::vp(),
            PathName::Edm => Path::edm(),
            PathName::Trig => Path::trig(self.sigma_data.unwrap_or(1.0))?,
            PathName::Linear => Path::linear(),
            PathName::LinearFromNoise => Path::linear_from_noise(),
        })
    }

    pub(crate) fn name(&self) -> String {
        name(self.path)
    }

    /// The options with their values.
    pub(crate) fn described(&self) -> Vec<(&'static str, String)> {
        let mut described = vec![("--path", name(self.path))];
        if self.path == PathName::Trig {
            described.push(("--sigma-data", self.sigma_data.unwrap_or(1.0).to_string()));
        }
        described
    }
}
