//! The paths that people train on.

use crate::error::check_range;
use crate::level::NoiseLevel;
use crate::path::{GaussianPath, PathError, Place};
use std::f64::consts::FRAC_PI_2;
use std::fmt;

/// The conventions of a path: variance preserving, variance exploding, TrigFlow, linear. See the table of the [module](super).
///
/// # Accuracy
/// Times and places are exact to a few ulp at both ends, where the path has them and its time can say so: ᾱ of [`Path::vp`] holds few digits
/// of the noise near the data, s of [`Path::linear`] few of the data near the noise. From a [`NoiseLevel`] every place is exact.
///
/// # Example
/// ```
/// use onestep::NoiseLevel;
/// use onestep::path::{GaussianPath, Path};
/// let level = NoiseLevel::from_sigma(80.0)?;
/// // f^VP(x) = cos θ_1 f^EDM(x/cos θ, tan θ): the scale of EDM is 1/cos θ.
/// let place = Path::edm().on(level)?;
/// assert!((place.scale() * level.cos() - 1.0).abs() < 1e-15 && (place.b() - 80.0).abs() < 1e-13);
/// // Both ends of the linear path, in either direction.
/// assert_eq!((Path::linear().time(NoiseLevel::DATA)?, Path::linear().time(NoiseLevel::NOISE)?), (0.0, 1.0));
/// assert_eq!((Path::linear_from_noise().time(NoiseLevel::DATA)?, Path::linear_from_noise().time(NoiseLevel::NOISE)?), (1.0, 0.0));
/// // EDM never reaches the noise.
/// assert!(Path::edm().time(NoiseLevel::NOISE).is_err());
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Path(Convention);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Convention {
    Vp,
    Edm,
    Trig { sigma_data: f64 },
    Linear,
    LinearFromNoise,
}

impl Path {
    /// Variance preserving: x = √ᾱ X_0 + √(1−ᾱ) Z, its time ᾱ from 1 (data) to 0 (noise). The path of this crate.
    ///
    /// ```
    /// use onestep::path::{GaussianPath, Path};
    /// assert_eq!(Path::vp().place(0.36)?.scale(), 1.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn vp() -> Self {
        Self(Convention::Vp)
    }

    /// Variance exploding: x = X_0 + σZ, its time σ from 0 (data) up, as EDM and consistency models have it.
    ///
    /// ```
    /// use onestep::path::{GaussianPath, Path};
    /// let place = Path::edm().place(0.002)?;
    /// assert_eq!((place.a(), place.b()), (1.0, 0.002));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "VE")]
    pub fn edm() -> Self {
        Self(Convention::Edm)
    }

    /// TrigFlow: x = cos t X_0 + sin t σ_d Z, its time t ∈ [0, π/2] in radians from the data to the noise.
    ///
    /// For data of σ_d = 1, or divided by it, t is θ itself. X_0 is not divided here: the law of X_0 is that of the data, and tan θ = σ_d tan t.
    ///
    /// # Errors
    /// `sigma_data` is not in \[1e−50, 1e50\].
    ///
    /// ```
    /// use onestep::path::{GaussianPath, Path};
    /// let level = Path::trig(1.0)?.place(0.7)?.level();
    /// assert!((level.angle() - 0.7).abs() < 1e-15);
    /// assert!((Path::trig(0.5)?.place(0.7)?.level().tan() - 0.5 * 0.7_f64.tan()).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn trig(sigma_data: f64) -> Result<Self, PathError> {
        let sigma_data = check_range("sigma_data", sigma_data, (1e-50..=1e50).contains(&sigma_data), "[1e-50, 1e50]")?;
        Ok(Self(Convention::Trig { sigma_data }))
    }

    /// Linear with the noise at 1: x = (1−s) X_0 + s Z, as flow matching is often written and MeanFlow is.
    ///
    /// ```
    /// use onestep::path::{GaussianPath, Path};
    /// let place = Path::linear().place(0.25)?;
    /// assert_eq!((place.a(), place.b()), (0.75, 0.25));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "MeanFlow")]
    pub fn linear() -> Self {
        Self(Convention::Linear)
    }

    /// Linear with the data at 1: x = s X_0 + (1−s) Z, as rectified flow is written.
    ///
    /// ```
    /// use onestep::path::{GaussianPath, Path};
    /// let place = Path::linear_from_noise().place(0.25)?;
    /// assert_eq!((place.a(), place.b()), (0.25, 0.75));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "rectified flow")]
    pub fn linear_from_noise() -> Self {
        Self(Convention::LinearFromNoise)
    }

    /// The time from the cosine and sine of a level, and the place.
    fn at(self, level: NoiseLevel) -> Result<(f64, Place), PathError> {
        let (cos, sin) = (level.cos(), level.sin());
        let place = |a, b, scale| Place::known(a, b, scale, level);
        Ok(match self.0 {
            Convention::Vp => (level.alpha_bar(), place(cos, sin, 1.0)),
            Convention::Edm => {
                let (sigma, scale) = (level.tan(), cos.recip());
                if !scale.is_finite() || !sigma.is_finite() {
                    return Err(PathError::NotReached { angle: level.angle() });
                }
                (sigma, place(1.0, sigma, scale))
            }
            Convention::Trig { sigma_data } => {
                // cos t = σ_d cos θ/r, sin t = sin θ/r.
                let r = sin.hypot(sigma_data * cos);
                (sin.atan2(sigma_data * cos), place(sigma_data * cos / r, sigma_data * (sin / r), sigma_data / r))
            }
            Convention::Linear | Convention::LinearFromNoise => {
                let (data, noise, scale) = (cos / (cos + sin), sin / (cos + sin), (cos + sin).recip());
                (if self.0 == Convention::Linear { noise } else { data }, place(data, noise, scale))
            }
        })
    }
}

impl GaussianPath for Path {
    fn place(&self, time: f64) -> Result<Place, PathError> {
        match self.0 {
            Convention::Vp => Ok(self.at(NoiseLevel::from_alpha_bar(time)?)?.1),
            Convention::Edm => {
                let sigma = check_range("sigma", time, (0.0..=1e300).contains(&time), "[0, 1e300]")?;
                Ok(Place::known(1.0, sigma, sigma.hypot(1.0), NoiseLevel::from_sigma(sigma)?))
            }
            Convention::Trig { sigma_data } => {
                let level = NoiseLevel::from_angle(time)?; // the path's own angle
                Place::new(level.cos(), sigma_data * level.sin())
            }
            Convention::Linear | Convention::LinearFromNoise => {
                let s = check_range("time", time, (0.0..=1.0).contains(&time), "[0, 1]")?;
                if self.0 == Convention::Linear { Place::new(1.0 - s, s) } else { Place::new(s, 1.0 - s) }
            }
        }
    }

    fn time(&self, level: NoiseLevel) -> Result<f64, PathError> {
        // The float nearest to π/2 stands for the noise.
        Ok(self.at(level)?.0.min(if matches!(self.0, Convention::Trig { .. }) { FRAC_PI_2 } else { f64::MAX }))
    }

    fn on(&self, level: NoiseLevel) -> Result<Place, PathError> {
        Ok(self.at(level)?.1)
    }
}

/// `vp`, `edm`, `trig`, `linear` or `linear-from-noise`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Convention::Vp => "vp",
            Convention::Edm => "edm",
            Convention::Trig { .. } => "trig",
            Convention::Linear => "linear",
            Convention::LinearFromNoise => "linear-from-noise",
        })
    }
}
