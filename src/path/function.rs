//! A path given by its coefficients as functions of a time.

use crate::error::check_range;
use crate::level::NoiseLevel;
use crate::path::{GaussianPath, PathError, Place};

/// A path given by a closure t ↦ (a(t), b(t)) between the time of the data and the time of the noise, b/a increasing from one to the other.
///
/// # Accuracy
/// [`time`](GaussianPath::time) bisects b cos θ − a sin θ until neighbouring floats: to the rounding of a and b.
///
/// # Example
/// ```
/// use onestep::path::{GaussianPath, Path, PathFn};
/// // The cosine path of the interpolants, a quarter turn in unit time.
/// let path = PathFn::new(0.0, 1.0, |t| ((0.5 * std::f64::consts::PI * t).cos(), (0.5 * std::f64::consts::PI * t).sin()))?;
/// let level = path.place(0.3)?.level();
/// assert!((level.angle() - 0.15 * std::f64::consts::PI).abs() < 1e-15);
/// assert!((path.time(level)? - 0.3).abs() < 1e-15);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Clone)]
pub struct PathFn<C> {
    data: f64,
    noise: f64,
    coefficients: C,
}

impl<C> std::fmt::Debug for PathFn<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PathFn").field("data", &self.data).field("noise", &self.noise).finish_non_exhaustive()
    }
}

/// An end may miss its level by rounding.
const ROUNDING: f64 = 4.0 * f64::EPSILON;
/// Bisections at most: more than the floats between any two times.
const MOST_BISECTIONS: usize = 2100;

impl<C: Fn(f64) -> (f64, f64) + Send + Sync> PathFn<C> {
    /// The path with the coefficients (a, b) = `coefficients(t)`, t from `data_time` to `noise_time`, either of which may be the larger.
    ///
    /// # Errors
    /// The times are equal or not finite.
    ///
    /// ```
    /// use onestep::path::PathFn;
    /// assert!(PathFn::new(1.0, 1.0, |t| (1.0 - t, t)).is_err());
    /// ```
    pub fn new(data_time: f64, noise_time: f64, coefficients: C) -> Result<Self, PathError> {
        let data = check_range("data_time", data_time, data_time.is_finite(), "(-inf, inf)")?;
        let noise =
            check_range("noise_time", noise_time, noise_time.is_finite() && noise_time != data, "the finite numbers but data_time")?;
        Ok(Self { data, noise, coefficients })
    }
}

impl<C: Fn(f64) -> (f64, f64) + Send + Sync> GaussianPath for PathFn<C> {
    fn place(&self, time: f64) -> Result<Place, PathError> {
        let inside = if self.data < self.noise { time >= self.data && time <= self.noise } else { time <= self.data && time >= self.noise };
        check_range("time", time, inside, "the times between those of the data and of the noise")?;
        let (a, b) = (self.coefficients)(time);
        Place::new(a, b)
    }

    fn time(&self, level: NoiseLevel) -> Result<f64, PathError> {
        // Negative on the side of the data.
        let side = |time: f64| -> Result<f64, PathError> {
            let place = self.place(time)?;
            Ok(place.level().sin() * level.cos() - place.level().cos() * level.sin())
        };
        let (mut low, mut high) = (self.data, self.noise);
        let (at_low, at_high) = (side(low)?, side(high)?);
        if at_low >= 0.0 || at_high <= 0.0 {
            let (time, miss) = if at_low >= 0.0 { (low, at_low) } else { (high, at_high) };
            return if miss.abs() <= ROUNDING { Ok(time) } else { Err(PathError::NotReached { angle: level.angle() }) };
        }
        for _ in 0..MOST_BISECTIONS {
            let middle = 0.5 * low + 0.5 * high;
            if middle == low || middle == high {
                break;
            }
            if side(middle)? < 0.0 { low = middle } else { high = middle }
        }
        Ok(high)
    }
}
