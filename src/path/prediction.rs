//! What networks predict, and the way from one prediction to another.

use crate::error::check_range;
use crate::float::Float;
use crate::numeric::shapes::assert_shapes;
use crate::path::{PathError, Place};
use ndarray::{ArrayRef2, Zip};
use std::fmt;

/// What a network predicts at a point x = a X_0 + b Z: a combination of D = E\[X_0 | x\] and ε = E\[Z | x\].
///
/// | prediction | formula | who |
/// | --- | --- | --- |
/// | [`Denoised`](Self::Denoised) | D | the same on all paths |
/// | [`Noise`](Self::Noise) | ε = −sin θ s_θ | DDPM |
/// | [`Score`](Self::Score) | −ε/b | the score of the law of x itself |
/// | [`Velocity`](Self::Velocity) | v = cos θ ε − sin θ D = E\[dX_θ/dθ \| x\] | v-prediction |
/// | [`FlowVelocity`](Self::FlowVelocity) | ε − D = E\[Z − X_0 \| x\] | flow matching; rectified flow takes its negative |
/// | [`Edm`](Self::Edm) | F in D = c_skip x + c_out F | EDM; c_skip and c_out of D, with σ_data and without σ_min |
/// | [`Trig`](Self::Trig) | F in f = cos t x − sin t σ_data F at the data end, −1 times that of EDM | TrigFlow |
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Prediction {
    /// D = E\[X_0 | x\].
    Denoised,
    /// ε = E\[Z | x\].
    Noise,
    /// ∇ log p(x) of the law of x on its path.
    Score,
    /// v = cos θ ε − sin θ D.
    Velocity,
    /// ε − D.
    FlowVelocity,
    /// F = (σ D/σ_d − σ_d ε)/√(σ² + σ_d²) of the preconditioned denoiser.
    Edm {
        /// σ_d, the standard deviation of the data.
        sigma_data: f64,
    },
    /// F = −(σ D/σ_d − σ_d ε)/√(σ² + σ_d²): the tangent dx/dt of the path over σ_d.
    Trig {
        /// σ_d, the standard deviation of the data.
        sigma_data: f64,
    },
}

impl Prediction {
    /// Its name in messages.
    ///
    /// ```
    /// assert_eq!(onestep::path::Prediction::Noise.name(), "the noise");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Denoised => "the denoised point",
            Self::Noise => "the noise",
            Self::Score => "the score",
            Self::Velocity => "the velocity v",
            Self::FlowVelocity => "the velocity of flow matching",
            Self::Edm { .. } => "the network of EDM",
            Self::Trig { .. } => "the network of TrigFlow",
        }
    }
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Edm { sigma_data } | Self::Trig { sigma_data } => write!(f, " with sigma_data {sigma_data}"),
            _ => Ok(()),
        }
    }
}

/// The affine map p x + q y from a prediction y at x to another.
///
/// ```
/// use onestep::path::{Place, Prediction};
/// // x = 3 D + 4 ε: the noise from the denoised point.
/// let conversion = Place::new(3.0, 4.0)?.convert(Prediction::Denoised, Prediction::Noise)?;
/// assert_eq!((conversion.of_point(), conversion.of_value()), (0.25, -0.75));
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversion {
    point: f64,
    value: f64,
}

impl Conversion {
    /// p, the factor of the point x.
    ///
    /// ```
    /// use onestep::path::{Place, Prediction};
    /// assert_eq!(Place::new(3.0, 4.0)?.convert(Prediction::Noise, Prediction::Noise)?.of_point(), 0.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn of_point(self) -> f64 {
        self.point
    }

    /// q, the factor of the given prediction.
    ///
    /// ```
    /// use onestep::path::{Place, Prediction};
    /// assert_eq!(Place::new(3.0, 4.0)?.convert(Prediction::Noise, Prediction::Score)?.of_value(), -0.25);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn of_value(self) -> f64 {
        self.value
    }

    /// The other prediction at one coordinate.
    ///
    /// ```
    /// use onestep::path::{GaussianPath, Path, Prediction};
    /// // At s = 0.25 of flow matching, u = (x − D)/s.
    /// let conversion = Path::linear().place(0.25)?.convert(Prediction::Denoised, Prediction::FlowVelocity)?;
    /// assert!((conversion.apply(2.0, 1.5) - (2.0 - 1.5) / 0.25).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn apply(self, x: f64, value: f64) -> f64 {
        // A factor 0 takes nothing from a value that is not finite.
        let of = |factor: f64, v: f64| if factor == 0.0 { 0.0 } else { factor * v };
        of(self.point, x) + of(self.value, value)
    }

    /// The other prediction for rows of points and values, in place of the values.
    ///
    /// # Panics
    /// The shapes differ.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::path::{Place, Prediction};
    /// let mut value = array![[1.0, 2.0]];
    /// Place::new(3.0, 4.0)?.convert(Prediction::Noise, Prediction::Denoised)?.apply_into(&array![[7.0, 8.0]], &mut value);
    /// assert!((value - array![[1.0, 0.0]]).iter().all(|gap: &f64| gap.abs() < 1e-15));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn apply_into<F: Float>(self, x: &ArrayRef2<F>, value: &mut ArrayRef2<F>) {
        assert_shapes("convert", x.ncols(), x, value);
        Zip::from(value).and(x).for_each(|v, x| *v = F::of(self.apply(x.as_f64(), v.as_f64())));
    }
}

impl Place {
    /// The way from one prediction at this place to another.
    ///
    /// With y = y_D D + y_ε ε and x = a D + b ε, the determinant a y_ε − b y_D has terms of one sign for every prediction: nothing cancels.
    ///
    /// # Errors
    /// σ_data is not in (0, ∞); or `from` does not determine `to`, as D does not tell the noise at the data end, ε not the data at the noise
    /// end, and nothing the score where there is no noise.
    ///
    /// ```
    /// use onestep::path::{GaussianPath, Path, PathError, Prediction};
    /// let (noise, data) = (Path::vp().place(0.0)?, Path::vp().place(1.0)?);
    /// assert!(matches!(noise.convert(Prediction::Noise, Prediction::Denoised), Err(PathError::Undetermined { .. })));
    /// // v is −X_0 where there is only noise, and Z where there is none: it tells both everywhere.
    /// assert_eq!(noise.convert(Prediction::Velocity, Prediction::Denoised)?.apply(9.0, -3.0), 3.0);
    /// assert_eq!(data.convert(Prediction::Velocity, Prediction::Noise)?.apply(9.0, 0.5), 0.5);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn convert(self, from: Prediction, to: Prediction) -> Result<Conversion, PathError> {
        let (given, wanted) = (self.combination(from)?, self.combination(to)?);
        if from == to {
            return Ok(Conversion { point: 0.0, value: 1.0 });
        }
        let (a, b) = (self.a(), self.b());
        let determinant = a * given.1 - b * given.0;
        let conversion = Conversion {
            point: (wanted.0 * given.1 - wanted.1 * given.0) / determinant,
            value: (a * wanted.1 - b * wanted.0) / determinant,
        };
        if determinant != 0.0 && conversion.point.is_finite() && conversion.value.is_finite() {
            Ok(conversion)
        } else {
            Err(PathError::Undetermined { from: from.name(), to: to.name(), angle: self.level().angle() })
        }
    }

    /// The coefficients of D and ε in a prediction.
    fn combination(self, prediction: Prediction) -> Result<(f64, f64), PathError> {
        let (cos, sin) = (self.level().cos(), self.level().sin());
        let network = |sigma_data: f64| {
            let s = check_range("sigma_data", sigma_data, sigma_data > 0.0 && sigma_data.is_finite(), "(0, inf)")?;
            let length = sin.hypot(s * cos);
            Ok::<_, PathError>((sin / s / length, -s * cos / length))
        };
        Ok(match prediction {
            Prediction::Denoised => (1.0, 0.0),
            Prediction::Noise => (0.0, 1.0),
            Prediction::Score => (0.0, -1.0 / self.b()),
            Prediction::Velocity => (-sin, cos),
            Prediction::FlowVelocity => (-1.0, 1.0),
            Prediction::Edm { sigma_data } => network(sigma_data)?,
            Prediction::Trig { sigma_data } => {
                let (of_data, of_noise) = network(sigma_data)?;
                (-of_data, -of_noise)
            }
        })
    }
}
