//! One place on a path: a noise level and a scale.

use crate::error::check_range;
use crate::float::Float;
use crate::level::NoiseLevel;
use crate::path::PathError;
use ndarray::{Array2, ArrayRef2};

/// A place on a Gaussian path: x = a X_0 + b Z = m X_θ, with the scale m = √(a² + b²) and the noise level tan θ = b/a.
///
/// # Example
/// ```
/// use onestep::path::Place;
/// let place = Place::new(3.0, 4.0)?;
/// assert_eq!((place.scale(), place.level().cos(), place.level().sin()), (5.0, 0.6, 0.8));
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Place {
    a: f64,
    b: f64,
    scale: f64,
    level: NoiseLevel,
}

impl Place {
    /// From the coefficients a ≥ 0 of the data and b ≥ 0 of the noise.
    ///
    /// # Errors
    /// A coefficient is negative or not finite, both are 0, or m or sin θ is neither 0 nor representable to full accuracy.
    ///
    /// ```
    /// use onestep::path::Place;
    /// assert_eq!(Place::new(0.0, 2.0)?.level(), onestep::NoiseLevel::NOISE);
    /// assert!(Place::new(0.0, 0.0).is_err() && Place::new(1.0, f64::NAN).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(a: f64, b: f64) -> Result<Self, PathError> {
        // −0 is 0.
        let a = check_range("a", a, a >= 0.0 && a.is_finite(), "[0, inf)")? + 0.0;
        let b = check_range("b", b, b >= 0.0 && b.is_finite(), "[0, inf)")? + 0.0;
        let scale = check_range("sqrt(a^2 + b^2)", a.hypot(b), a.hypot(b).is_normal(), "the normal numbers above 0")?;
        let (cos, sin) = (a / scale, b / scale);
        check_range("b / sqrt(a^2 + b^2)", sin, sin == 0.0 || sin >= 1e-75, "{0} or [1e-75, 1]")?;
        Ok(Self { a, b, scale, level: NoiseLevel::from_cos_sin(cos, sin) })
    }

    /// From coefficients, scale and level that agree.
    pub(super) fn known(a: f64, b: f64, scale: f64, level: NoiseLevel) -> Self {
        Self { a, b, scale, level }
    }

    /// a, the coefficient of the data.
    ///
    /// ```
    /// use onestep::path::{GaussianPath, Path};
    /// assert_eq!(Path::edm().place(80.0)?.a(), 1.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn a(self) -> f64 {
        self.a
    }

    /// b, the coefficient of the noise.
    ///
    /// ```
    /// use onestep::path::{GaussianPath, Path};
    /// assert_eq!(Path::edm().place(80.0)?.b(), 80.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn b(self) -> f64 {
        self.b
    }

    /// m = √(a² + b²): points of the path are m times those of the angle.
    ///
    /// ```
    /// use onestep::path::{GaussianPath, Path};
    /// assert!((Path::edm().place(1.0)?.scale() - 2_f64.sqrt()).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn scale(self) -> f64 {
        self.scale
    }

    /// The noise level θ, tan θ = b/a.
    ///
    /// ```
    /// use onestep::path::{GaussianPath, Path};
    /// assert_eq!(Path::linear().place(0.5)?.level().cos(), 0.5 / 0.5_f64.hypot(0.5));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn level(self) -> NoiseLevel {
        self.level
    }

    /// The points X_θ = x/m of the angle from points of the path.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::path::Place;
    /// assert_eq!(Place::new(3.0, 4.0)?.to_vp(&array![[10.0]]), array![[2.0]]);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn to_vp<F: Float>(self, x: &ArrayRef2<F>) -> Array2<F> {
        let scale = F::of(self.scale);
        x.mapv(|v| v / scale)
    }

    /// The points x = m X_θ of the path from points of the angle.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::path::Place;
    /// assert_eq!(Place::new(3.0, 4.0)?.from_vp(&array![[2.0]]), array![[10.0]]);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    #[allow(clippy::wrong_self_convention, reason = "a conversion of the argument, the other half of `to_vp`")]
    pub fn from_vp<F: Float>(self, x: &ArrayRef2<F>) -> Array2<F> {
        let scale = F::of(self.scale);
        x.mapv(|v| v * scale)
    }
}
