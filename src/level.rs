//! One point of the noise path, exact at both ends.
//!
//! | what is known | take |
//! | --- | --- |
//! | the angle θ, or its distance to the noise | [`NoiseLevel::from_angle`], [`NoiseLevel::from_co_angle`] |
//! | ᾱ, 1 − ᾱ (near the data) or ln ᾱ (a long product) | [`NoiseLevel::from_alpha_bar`], [`NoiseLevel::from_variance`], [`NoiseLevel::from_ln_alpha_bar`] |
//! | σ of the variance-exploding form, or the log-SNR | [`NoiseLevel::from_sigma`], [`NoiseLevel::from_log_snr`] |

use crate::error::{OutOfRange, check_range};
use std::f64::consts::FRAC_PI_2;

/// Why a noise level could not be made.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LevelError {
    /// A parameter is NaN or outside its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
}

/// A noise level: X = cos θ · X₀ + sin θ · Z, Z ~ N(0, I).
///
/// A level knows cos θ = √ᾱ and sin θ = √(1−ᾱ), **both to full relative accuracy**, so that neither 1−ᾱ near the data nor ᾱ near the
/// noise loses a digit; 1−ᾱ is never computed as `1.0 - alpha_bar`. Use the constructor whose argument is what you know: `from_ln_alpha_bar`
/// for a long product of retentions, `from_variance` near the data, `from_co_angle` near the noise.
///
/// # Units
/// θ in radians, 0 = data, π/2 = noise. ᾱ and 1−ᾱ are variances; σ = tan θ is the standard deviation of the variance-exploding form
/// X/cos θ = X₀ + σZ; log-SNR is ln(ᾱ/(1−ᾱ)) = −2 ln σ.
///
/// # Accuracy
/// Each accessor is within a few ulp of the exact function of the constructor's argument, at both ends of the path.
///
/// # Example
/// ```
/// use onestep::NoiseLevel;
/// let near_data = NoiseLevel::from_variance(1e-40)?;
/// assert!((near_data.sin() / 1e-20 - 1.0).abs() < 1e-15);
/// assert_eq!(near_data.alpha_bar(), 1.0);
/// assert!((near_data.log_snr() - 40.0 * 10f64.ln()).abs() < 1e-12);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Coefficients"))]
pub struct NoiseLevel {
    cos: f64,
    sin: f64,
}

/// A level as it is read, before it is checked.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
struct Coefficients {
    cos: f64,
    sin: f64,
}

/// cos² + sin² of a level that is read may miss 1 by this.
#[cfg(feature = "serde")]
const UNIT: f64 = 1e-12;

#[cfg(feature = "serde")]
impl TryFrom<Coefficients> for NoiseLevel {
    type Error = LevelError;

    fn try_from(Coefficients { cos, sin }: Coefficients) -> Result<Self, LevelError> {
        let (cos, sin) = (within("cos", cos, 0.0, 1.0, "[0, 1]")?, within("sin", sin, 0.0, 1.0, "[0, 1]")?);
        let square = cos * cos + sin * sin;
        check_range("cos² + sin²", square, (square - 1.0).abs() <= UNIT, "[1 - 1e-12, 1 + 1e-12]")?;
        resolved("sin", sin, Self { cos, sin }, "{0} or [1e-75, 1]")
    }
}

fn within(name: &'static str, value: f64, low: f64, high: f64, range: &'static str) -> Result<f64, LevelError> {
    // −0 is 0.
    Ok(check_range(name, value, value >= low && value <= high, range)? + 0.0)
}

/// Variances up to this are those of a point mass.
const POINT: f64 = 1e-280;
/// The smallest sine above 0: its fourth power, which the theory takes, is representable.
const LEAST_SINE: f64 = 0.999e-75;

/// A level whose sine is 0 or not too small.
fn resolved(name: &'static str, value: f64, level: NoiseLevel, range: &'static str) -> Result<NoiseLevel, LevelError> {
    check_range(name, value, level.sin == 0.0 || level.sin >= LEAST_SINE, range)?;
    Ok(level)
}

impl NoiseLevel {
    /// The data end, θ = 0.
    pub const DATA: Self = Self { cos: 1.0, sin: 0.0 };
    /// The noise end, θ = π/2.
    pub const NOISE: Self = Self { cos: 0.0, sin: 1.0 };

    /// From the angle θ ∈ [0, π/2] in radians. The float nearest to π/2 is taken as the noise end itself;
    /// for levels closer to it than 1e−8 use [`from_co_angle`](Self::from_co_angle).
    ///
    /// # Errors
    /// θ is NaN, outside [0, π/2], or, not being 0, below 1e−75.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// let level = NoiseLevel::from_angle(1.0)?;
    /// assert_eq!((level.cos(), level.sin()), (1f64.cos(), 1f64.sin()));
    /// assert!(NoiseLevel::from_angle(2.0).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_angle(angle: f64) -> Result<Self, LevelError> {
        let angle = within("angle", angle, 0.0, FRAC_PI_2, "[0, π/2]")?;
        let level = if angle == FRAC_PI_2 { Self::NOISE } else { Self { cos: angle.cos(), sin: angle.sin() } };
        resolved("angle", angle, level, "{0} or [1e-75, π/2]")
    }

    /// From the angle to the noise end, π/2 − θ ∈ [0, π/2].
    ///
    /// # Errors
    /// The argument is NaN or outside [0, π/2].
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// assert_eq!(NoiseLevel::from_co_angle(1e-30)?.cos(), 1e-30);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_co_angle(co_angle: f64) -> Result<Self, LevelError> {
        let c = within("co_angle", co_angle, 0.0, FRAC_PI_2, "[0, π/2]")?;
        Ok(if c == FRAC_PI_2 { Self::DATA } else { Self { cos: c.sin(), sin: c.cos() } })
    }

    /// From ᾱ ∈ [0, 1]. Exact where ᾱ is small; near ᾱ = 1 the argument itself holds few digits of 1−ᾱ:
    /// use [`from_variance`](Self::from_variance) or [`from_ln_alpha_bar`](Self::from_ln_alpha_bar) there.
    ///
    /// # Errors
    /// ᾱ is NaN or outside [0, 1].
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// assert!((NoiseLevel::from_alpha_bar(0.25)?.cos() - 0.5).abs() < 1e-16);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_alpha_bar(alpha_bar: f64) -> Result<Self, LevelError> {
        let a = within("alpha_bar", alpha_bar, 0.0, 1.0, "[0, 1]")?;
        Ok(Self { cos: a.sqrt(), sin: (1.0 - a).sqrt() })
    }

    /// From the noise variance 1−ᾱ ∈ [0, 1]: exact near the data.
    ///
    /// # Errors
    /// The variance is NaN, outside [0, 1], or, not being 0, below 1e−150.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// assert_eq!(NoiseLevel::from_variance(1e-18)?.one_minus_alpha_bar(), 1e-18);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_variance(variance: f64) -> Result<Self, LevelError> {
        let v = within("variance", variance, 0.0, 1.0, "[0, 1]")?;
        resolved("variance", variance, Self { cos: (1.0 - v).sqrt(), sin: v.sqrt() }, "{0} or [1e-150, 1]")
    }

    /// From ln ᾱ ∈ [−∞, 0]: exact at both ends, by `exp` and `exp_m1`.
    ///
    /// # Errors
    /// ln ᾱ is NaN, positive, or, not being 0, above −1e−150.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// let level = NoiseLevel::from_ln_alpha_bar(-1e-30)?;
    /// assert!((level.one_minus_alpha_bar() / 1e-30 - 1.0).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_ln_alpha_bar(ln_alpha_bar: f64) -> Result<Self, LevelError> {
        let l = within("ln_alpha_bar", ln_alpha_bar, f64::NEG_INFINITY, 0.0, "[-inf, 0]")?;
        let level = Self { cos: (0.5 * l).exp(), sin: (-l.exp_m1()).sqrt() };
        resolved("ln_alpha_bar", ln_alpha_bar, level, "[-inf, -1e-150] or {0}")
    }

    /// From the variance-exploding σ = tan θ ∈ [0, ∞].
    ///
    /// # Errors
    /// σ is NaN, negative, or, not being 0, below 1e−75.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// assert!((NoiseLevel::from_sigma(1.0)?.angle() - std::f64::consts::FRAC_PI_4).abs() < 1e-16);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_sigma(sigma: f64) -> Result<Self, LevelError> {
        let level = Self::at_sigma(within("sigma", sigma, 0.0, f64::INFINITY, "[0, inf]")?);
        resolved("sigma", sigma, level, "{0} or [1e-75, inf]")
    }

    /// From a σ that is known to be in [0, ∞].
    pub(crate) fn at_sigma(s: f64) -> Self {
        if s <= 1.0 {
            let r = s.hypot(1.0);
            Self { cos: 1.0 / r, sin: s / r }
        } else {
            let r = (1.0 / s).hypot(1.0);
            Self { cos: 1.0 / s / r, sin: 1.0 / r }
        }
    }

    /// From the log signal-to-noise ratio λ = ln(ᾱ/(1−ᾱ)) ∈ [−∞, ∞].
    ///
    /// # Errors
    /// λ is NaN, or finite and above 345 (σ below 1e−75).
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// assert!((NoiseLevel::from_log_snr(0.0)?.alpha_bar() - 0.5).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_log_snr(log_snr: f64) -> Result<Self, LevelError> {
        let l = within("log_snr", log_snr, f64::NEG_INFINITY, f64::INFINITY, "[-inf, inf]")?;
        let level = Self::at_sigma((-0.5 * l).exp());
        check_range("log_snr", log_snr, l == f64::INFINITY || level.sin >= LEAST_SINE, "[-inf, 345] or {inf}")?;
        Ok(level)
    }

    /// From a cosine and a sine that the caller holds to full accuracy.
    pub(crate) fn from_cos_sin(cos: f64, sin: f64) -> Self {
        Self { cos, sin }
    }

    /// cos θ = √ᾱ, the coefficient of the data.
    ///
    /// ```
    /// assert_eq!(onestep::NoiseLevel::DATA.cos(), 1.0);
    /// ```
    #[must_use]
    #[inline]
    pub fn cos(self) -> f64 {
        self.cos
    }

    /// sin θ = √(1−ᾱ), the coefficient (and standard deviation) of the noise.
    ///
    /// ```
    /// assert_eq!(onestep::NoiseLevel::NOISE.sin(), 1.0);
    /// ```
    #[must_use]
    #[inline]
    pub fn sin(self) -> f64 {
        self.sin
    }

    /// tan θ, the same number as [`sigma`](Self::sigma); ∞ at the noise end.
    ///
    /// ```
    /// assert_eq!(onestep::NoiseLevel::NOISE.tan(), f64::INFINITY);
    /// ```
    #[must_use]
    #[inline]
    pub fn tan(self) -> f64 {
        self.sin / self.cos
    }

    /// ᾱ = cos²θ.
    ///
    /// ```
    /// assert_eq!(onestep::NoiseLevel::DATA.alpha_bar(), 1.0);
    /// ```
    #[must_use]
    #[inline]
    pub fn alpha_bar(self) -> f64 {
        self.cos * self.cos
    }

    /// 1−ᾱ = sin²θ.
    ///
    /// ```
    /// assert_eq!(onestep::NoiseLevel::NOISE.one_minus_alpha_bar(), 1.0);
    /// ```
    #[must_use]
    #[inline]
    pub fn one_minus_alpha_bar(self) -> f64 {
        self.sin * self.sin
    }

    /// ln ᾱ, accurate also where ᾱ rounds to 1.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// let l = NoiseLevel::from_variance(1e-25).unwrap().ln_alpha_bar();
    /// assert!((l / -1e-25 - 1.0).abs() < 1e-15);
    /// ```
    #[must_use]
    pub fn ln_alpha_bar(self) -> f64 {
        if self.sin < 0.5 { (-self.one_minus_alpha_bar()).ln_1p() } else { 2.0 * self.cos.ln() }
    }

    /// θ in radians.
    ///
    /// ```
    /// assert_eq!(onestep::NoiseLevel::NOISE.angle(), std::f64::consts::FRAC_PI_2);
    /// ```
    #[must_use]
    pub fn angle(self) -> f64 {
        self.sin.atan2(self.cos)
    }

    /// π/2 − θ in radians, accurate near the noise end.
    ///
    /// ```
    /// assert_eq!(onestep::NoiseLevel::NOISE.co_angle(), 0.0);
    /// ```
    #[must_use]
    pub fn co_angle(self) -> f64 {
        self.cos.atan2(self.sin)
    }

    /// The variance-exploding standard deviation σ = tan θ.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// assert!((NoiseLevel::from_sigma(80.0).unwrap().sigma() - 80.0).abs() < 1e-13);
    /// ```
    #[must_use]
    pub fn sigma(self) -> f64 {
        self.tan()
    }

    /// ln(ᾱ/(1−ᾱ)).
    ///
    /// ```
    /// assert_eq!(onestep::NoiseLevel::DATA.log_snr(), f64::INFINITY);
    /// ```
    #[must_use]
    pub fn log_snr(self) -> f64 {
        2.0 * (self.cos / self.sin).ln()
    }

    /// sin(θ − θ') for another level θ', by the addition theorem: absolute accuracy 1e−16.
    /// Between neighbours of a fine grid use [`Grid::sin_delta`](crate::schedule::Grid::sin_delta), which loses nothing.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// assert_eq!(NoiseLevel::NOISE.sin_from(NoiseLevel::DATA), 1.0);
    /// ```
    #[must_use]
    #[inline]
    pub fn sin_from(self, other: Self) -> f64 {
        self.sin * other.cos - self.cos * other.sin
    }

    /// The variance ᾱ v + (1−ᾱ) that a coordinate of variance v has at this level.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// assert_eq!(NoiseLevel::DATA.noisy_variance(4.0), 4.0);
    /// assert!((NoiseLevel::from_angle(0.7)?.noisy_variance(1.0) - 1.0).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn noisy_variance(self, variance: f64) -> f64 {
        self.alpha_bar() * variance + self.one_minus_alpha_bar()
    }

    /// `numerator` over the [noisy variance](Self::noisy_variance), and 0 for a point mass without noise, where nothing is left of it.
    #[inline]
    pub(crate) fn over_noisy(self, numerator: f64, variance: f64) -> f64 {
        let noisy = self.noisy_variance(variance);
        if noisy > POINT { numerator / noisy } else { 0.0 }
    }

    /// The slope of E[X_0 | X_θ = x] in x for a Gaussian X_0 of variance v: cos θ v/(ᾱ v + 1−ᾱ), and 0 for a point mass without noise.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// assert_eq!(NoiseLevel::DATA.gain(4.0), 1.0);
    /// assert_eq!(NoiseLevel::from_angle(0.7)?.gain(0.0), 0.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn gain(self, variance: f64) -> f64 {
        self.over_noisy(self.cos * variance, variance)
    }

    /// Var(X_0 | X_θ = x) for a Gaussian X_0 of variance v: sin²θ v/(ᾱ v + 1−ᾱ).
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// let level = NoiseLevel::from_angle(0.7)?;
    /// // Var X_0 = Var E[X_0 | X_θ] + E Var(X_0 | X_θ).
    /// assert!((level.gain(4.0).powi(2) * level.noisy_variance(4.0) + level.posterior_variance(4.0) - 4.0).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn posterior_variance(self, variance: f64) -> f64 {
        self.over_noisy(variance * self.one_minus_alpha_bar(), variance)
    }

    /// Whether there is no noise at all, θ = 0.
    ///
    /// ```
    /// assert!(onestep::NoiseLevel::DATA.is_data());
    /// ```
    #[must_use]
    pub fn is_data(self) -> bool {
        self.sin == 0.0
    }

    /// Whether there is only noise, θ = π/2.
    ///
    /// ```
    /// assert!(onestep::NoiseLevel::NOISE.is_noise());
    /// ```
    #[must_use]
    pub fn is_noise(self) -> bool {
        self.cos == 0.0
    }
}
