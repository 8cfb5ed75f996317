//! One noisy marginal of a comb, and the monotone maps between two of them.

use crate::numeric::special::faddeeva::faddeeva;
use crate::numeric::special::normal::{self, INV_SQRT_2PI, LN_SQRT_2PI};
use std::f64::consts::{FRAC_1_SQRT_2, LN_2};

/// Steps of a quantile: Newton's, or halvings of the bracket.
const QUANTILE_STEPS: usize = 200;
/// Amplitudes below this change no digit.
const FLAT: f64 = 1e-18;

/// The law of X_θ for a [`Comb`](crate::law::Comb): p_θ(x) = γ(x)(1 + A_θ cos κx)/Z, A_θ = A e^{−k² sin²θ/2}, κ = k cos θ,
/// Z = 1 + A e^{−k²/2}, γ the standard normal density.
///
/// # Example
/// ```
/// use onestep::NoiseLevel;
/// use onestep::law::Comb;
/// let p = Comb::new(0.5, 6.0)?.at(NoiseLevel::from_angle(0.1)?);
/// assert!((p.cdf(p.quantile(0.01)) - 0.01).abs() < 1e-15);
/// assert!((p.amplitude() - 0.5 * (-18.0 * 0.1f64.sin().powi(2)).exp()).abs() < 1e-16);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CombMarginal {
    pub(super) amplitude: f64,
    pub(super) wavenumber: f64,
    /// ln Z.
    pub(super) ln_norm: f64,
}

impl CombMarginal {
    /// A_θ.
    ///
    /// ```
    /// use onestep::{NoiseLevel, law::Comb};
    /// assert_eq!(Comb::new(0.5, 6.0)?.at(NoiseLevel::DATA).amplitude(), 0.5);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn amplitude(&self) -> f64 {
        self.amplitude
    }

    /// κ = k cos θ.
    ///
    /// ```
    /// use onestep::{NoiseLevel, law::Comb};
    /// assert_eq!(Comb::new(0.5, 6.0)?.at(NoiseLevel::DATA).wavenumber(), 6.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn wavenumber(&self) -> f64 {
        self.wavenumber
    }

    /// Whether no digit tells it from N(0, 1).
    pub(crate) fn is_flat(&self) -> bool {
        self.amplitude < FLAT
    }

    /// B(x) = 1 + A_θ cos κx.
    pub(crate) fn ripple(&self, x: f64) -> f64 {
        1.0 + self.amplitude * (self.wavenumber * x).cos()
    }

    /// ln p_θ(x).
    ///
    /// ```
    /// use onestep::{NoiseLevel, law::Comb};
    /// let p = Comb::new(0.0, 6.0)?.at(NoiseLevel::DATA); // N(0, 1)
    /// assert!((p.ln_density(30.0) + 450.0 + 0.5 * (2.0 * std::f64::consts::PI).ln()).abs() < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn ln_density(&self, x: f64) -> f64 {
        -0.5 * x * x - LN_SQRT_2PI + (self.ripple(x)).ln() - self.ln_norm
    }

    /// p_θ(x).
    ///
    /// ```
    /// use onestep::{NoiseLevel, law::Comb};
    /// let p = Comb::new(0.5, 40.0)?.at(NoiseLevel::DATA);
    /// assert!((p.density(0.0) - 1.5 / (2.0 * std::f64::consts::PI).sqrt()).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn density(&self, x: f64) -> f64 {
        normal::density(x) * self.ripple(x) / self.ln_norm.exp()
    }

    /// The score (ln p_θ)'(x).
    ///
    /// ```
    /// use onestep::{NoiseLevel, law::Comb};
    /// let p = Comb::new(0.5, 6.0)?.at(NoiseLevel::DATA);
    /// assert_eq!(p.score(0.0), 0.0); // the law is symmetric
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn score(&self, x: f64) -> f64 {
        -x - self.amplitude * self.wavenumber * (self.wavenumber * x).sin() / self.ripple(x)
    }

    /// The slope of the score, −1 − κ² A_θ (cos κx + A_θ)/B².
    ///
    /// ```
    /// use onestep::{NoiseLevel, law::Comb};
    /// let p = Comb::new(0.5, 6.0)?.at(NoiseLevel::DATA);
    /// assert!((p.score_slope(0.0) + 1.0 + 36.0 * 0.5 / 1.5).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn score_slope(&self, x: f64) -> f64 {
        -1.0 - self.wavenumber.powi(2) * self.amplitude * ((self.wavenumber * x).cos() + self.amplitude) / self.ripple(x).powi(2)
    }

    /// (ln p_θ)'''(x) = κ³ A_θ sin κx (1 − A_θ cos κx − 2A_θ²)/B³.
    ///
    /// ```
    /// use onestep::{NoiseLevel, law::Comb};
    /// let p = Comb::new(0.5, 6.0)?.at(NoiseLevel::DATA);
    /// let difference = (p.score_slope(0.3 + 1e-5) - p.score_slope(0.3 - 1e-5)) / 2e-5;
    /// assert!((p.score_bend(0.3) / difference - 1.0).abs() < 1e-7);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn score_bend(&self, x: f64) -> f64 {
        let (sin, cos) = (self.wavenumber * x).sin_cos();
        let a = self.amplitude;
        self.wavenumber.powi(3) * a * sin * (1.0 - a * cos - 2.0 * a * a) / self.ripple(x).powi(3)
    }

    /// 2 e^{x²/2} ∫_{−∞}^x γ B for x ≤ 0: w(−ix/√2) + A_θ Re e^{iκx} w((−κ − ix)/√2).
    fn scaled_tail(&self, x: f64) -> f64 {
        let y = -x * FRAC_1_SQRT_2;
        let plain = faddeeva(0.0, y).re;
        if self.is_flat() {
            return plain;
        }
        let w = faddeeva(self.wavenumber * FRAC_1_SQRT_2, y);
        let (sin, cos) = (self.wavenumber * x).sin_cos();
        plain + self.amplitude * (cos * w.re + sin * w.im)
    }

    /// ln ∫_{−∞}^x p_θ for x ≤ 0, times Z.
    pub(crate) fn ln_tail(&self, x: f64) -> f64 {
        -0.5 * x * x - LN_2 + self.scaled_tail(x).ln()
    }

    /// F(x) = P(X_θ ≤ x), relatively accurate in the lower tail.
    ///
    /// ```
    /// use onestep::{NoiseLevel, law::Comb};
    /// let p = Comb::new(0.5, 6.0)?.at(NoiseLevel::DATA);
    /// assert!((p.cdf(0.0) - 0.5).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        if x > 0.0 { 1.0 - self.survival(x) } else { (self.ln_tail(x) - self.ln_norm).exp() }
    }

    /// 1 − F(x), relatively accurate in the upper tail.
    ///
    /// ```
    /// use onestep::{NoiseLevel, law::Comb};
    /// let p = Comb::new(0.5, 6.0)?.at(NoiseLevel::DATA);
    /// assert_eq!(p.survival(9.0), p.cdf(-9.0));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn survival(&self, x: f64) -> f64 {
        if x > 0.0 { self.cdf(-x) } else { 1.0 - self.cdf(x) }
    }

    /// F^{−1}(u) for u in (0, 1); ∓∞ at 0 and 1, NaN outside.
    ///
    /// ```
    /// use onestep::{NoiseLevel, law::Comb};
    /// let p = Comb::new(0.5, 6.0)?.at(NoiseLevel::DATA);
    /// assert!((p.cdf(p.quantile(1e-200)) / 1e-200 - 1.0).abs() < 1e-11);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn quantile(&self, u: f64) -> f64 {
        if u > 0.5 {
            return self.upper_quantile(1.0 - u);
        }
        if !(u > 0.0) {
            return if u == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
        }
        let ln = u.ln() + self.ln_norm;
        self.at_ln_tail(ln, normal::quantile(u))
    }

    /// The x with 1 − F(x) = q, for q in (0, 1).
    ///
    /// ```
    /// use onestep::{NoiseLevel, law::Comb};
    /// let p = Comb::new(0.5, 6.0)?.at(NoiseLevel::DATA);
    /// assert_eq!(p.upper_quantile(1e-30), -p.quantile(1e-30));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn upper_quantile(&self, q: f64) -> f64 {
        -self.quantile(q)
    }

    /// The x ≤ 0 with [`ln_tail`](Self::ln_tail) equal to `ln`: Newton's method from `guess`, halving a bracket where it leaves it.
    pub(crate) fn at_ln_tail(&self, ln: f64, guess: f64) -> f64 {
        let mut x = guess.min(0.0);
        let mut bracket: Option<(f64, f64)> = None;
        for _ in 0..QUANTILE_STEPS {
            let scaled = self.scaled_tail(x);
            let gap = -0.5 * x * x - LN_2 + scaled.ln() - ln;
            // (ln tail)' = γB over the tail.
            let step = gap * scaled / (2.0 * INV_SQRT_2PI * self.ripple(x));
            if step.abs() <= 2.0 * f64::EPSILON * x.abs().max(f64::EPSILON) {
                return (x - step).min(0.0);
            }
            if let Some((low, high)) = &mut bracket {
                if gap > 0.0 {
                    *high = x;
                } else {
                    *low = x;
                }
                let next = x - step;
                let middle = 0.5 * (*low + *high);
                x = if *low < next && next < *high { next } else { middle };
                if !(*low < middle && middle < *high) {
                    return middle;
                }
            } else if step.abs() * (self.wavenumber + x.abs() + 1.0) < 1.0 {
                // Within the reach of the linearisation.
                x = (x - step).min(0.0);
            } else {
                // The tails of the normal law within a factor of 1 ± A_θ; a little more for rounding.
                let ends = [1.0 + self.amplitude, 1.0 - self.amplitude].map(|b| normal::quantile_of_ln(ln - b.ln()));
                let low = ends[0] - 1e-12 * (1.0 + ends[0].abs());
                let high = (ends[1] + 1e-12 * (1.0 + ends[1].abs())).min(0.0);
                bracket = Some((low, high));
                x = if x > low && x < high { x } else { 0.5 * (low + high) };
            }
        }
        x
    }

    /// The point of `self` that the monotone map from `from` takes `x` to; both are marginals of one comb.
    pub(crate) fn transport(&self, from: &Self, x: f64) -> f64 {
        self.transport_near(from, x, x)
    }

    /// As [`transport`](Self::transport), with a guess.
    pub(crate) fn transport_near(&self, from: &Self, x: f64, guess: f64) -> f64 {
        if self == from || (self.is_flat() && from.is_flat()) {
            return x;
        }
        if x > 0.0 {
            return -self.transport_near(from, -x, -guess);
        }
        if !(x > f64::NEG_INFINITY) {
            return x;
        }
        self.at_ln_tail(from.ln_tail(x), guess)
    }

    /// The second derivative at `x` of the monotone map Φ from `from`, Φ(x) = `y`, and an estimate from above of its rounding:
    /// Φ'' = Φ' (s_from(x) − s(y) Φ').
    pub(crate) fn bend(&self, from: &Self, x: f64, y: f64) -> (f64, f64) {
        /// Roundings of a score, of a slope and of the phases in both.
        const ROUNDINGS: f64 = 16.0 * f64::EPSILON;
        let slope = self.slope(from, x, y);
        let (here, there) = (from.score(x), self.score(y));
        let size = x.abs().max(y.abs()) + 1.0;
        let moved = from.score_slope(x).abs() + slope * self.score_slope(y).abs();
        let error = ROUNDINGS * slope * size * ((1.0 + slope) * (here.abs() + there.abs()) * (1.0 + from.wavenumber) + moved);
        (slope * (here - there * slope), error)
    }

    /// Slope of the monotone map from `from` at `x`, where it takes the value `y`: p_from(x)/p_self(y).
    pub(crate) fn slope(&self, from: &Self, x: f64, y: f64) -> f64 {
        (0.5 * (y - x) * (y + x)).exp() * from.ripple(x) / self.ripple(y)
    }
}
