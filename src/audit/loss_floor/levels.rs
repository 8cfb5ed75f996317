//! At which levels a loss is taken.

use crate::audit::AuditError;
use crate::error::check_range;
use crate::float::Float;
use crate::level::NoiseLevel;
use crate::path::{GaussianPath, PathError, Place, Prediction};
use rand::RngCore;

/// The law of the level at which a network is trained.
///
/// ```
/// use onestep::audit::LevelLaw;
/// // EDM; consistency training (iCT) takes N(−1.1, 2²): mind the sign, a mean of +1.2 trains at noise.
/// let edm = LevelLaw::LogNormal { mean: -1.2, std: 1.2 };
/// assert!(edm != LevelLaw::LogNormal { mean: 1.2, std: 1.2 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum LevelLaw {
    /// ln σ ~ N(mean, std²), σ = tan θ.
    LogNormal {
        /// The mean of ln σ.
        mean: f64,
        /// Its standard deviation.
        std: f64,
    },
    /// The time of the path uniform on [from, to].
    Uniform {
        /// One end.
        from: f64,
        /// The other.
        to: f64,
    },
    /// The logit ln(s/(1−s)) of a path's time s ∈ (0, 1) is N(mean, std²).
    LogitNormal {
        /// The mean of the logit.
        mean: f64,
        /// Its standard deviation.
        std: f64,
    },
}

impl LevelLaw {
    pub(super) fn check(self) -> Result<(), AuditError> {
        let normal = |mean: f64, std: f64| {
            check_range("mean", mean, mean.abs() <= 100.0, "[-100, 100]")?;
            check_range("std", std, (0.0..=10.0).contains(&std), "[0, 10]")
        };
        match self {
            Self::LogNormal { mean, std } | Self::LogitNormal { mean, std } => normal(mean, std)?,
            Self::Uniform { from, to } => {
                check_range("from", from, from.is_finite(), "(-inf, inf)")?;
                check_range("to", to, to.is_finite(), "(-inf, inf)")?
            }
        };
        Ok(())
    }

    pub(super) fn draw(self, path: &dyn GaussianPath, rng: &mut dyn RngCore) -> Result<Place, AuditError> {
        let normal = |mean: f64, std: f64, rng: &mut dyn RngCore| mean + std * f64::standard_normal(rng);
        Ok(match self {
            Self::LogNormal { mean, std } => path.on(NoiseLevel::from_log_snr(-2.0 * normal(mean, std, rng)).map_err(PathError::from)?)?,
            Self::Uniform { from, to } => path.place(from + (to - from) * f64::standard_uniform(rng))?,
            Self::LogitNormal { mean, std } => path.place((1.0 + (-normal(mean, std, rng)).exp()).recip())?,
        })
    }
}

/// q², q the factor of D in a prediction given x.
pub(super) fn factor(place: Place, prediction: Prediction) -> Result<f64, AuditError> {
    let of_value = place.convert(Prediction::Denoised, prediction)?.of_value();
    Ok(of_value * of_value)
}
