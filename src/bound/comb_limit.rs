//! How fast the error of population consistency training falls on combs whose wavenumber grows with T.

use crate::bound::BoundError;
use crate::error::check_range;
use crate::numeric::special::sum::Sum;
use std::f64::consts::{PI, TAU};
use std::fmt;

/// What √T·W_1(f_T*(X_T), X_1) does not fall below on combs p ∝ γ(x)(1 + A cos kx) with k = K√T, as T → ∞: on uniform angles with θ_1√T → 0
/// and θ_T → π/2,
///
/// ```text
/// liminf √T·W_1 ≥ (1/K) · mean |g − G_s g|,    g(M) = −A sin E,  M = E + A sin E,  s = π²K²/4,
/// ```
///
/// G_s the Gaussian smoothing of variance s, the mean over M in a period. All these combs have L_f ≤ 1/(1 − A). On the schedule of Li, Huang and
/// Wei with k = K√(T/log T) the same holds for √(T/log T)·W_1 with s = 0.309044944875 c_1 K². The wording that this allows, and no stronger one, is
/// in `docs/lipschitz_is_not_enough.md`.
///
/// # Accuracy
/// Ten digits where g − G_s g keeps its sign on either half of the period, as it did for all A and K that were tried: then the mean is a sum of
/// Fourier coefficients. Otherwise it is a trapezoidal sum over a function with kinks, with six digits.
///
/// # Example
/// ```
/// use onestep::bound::CombLimit;
/// let limit = CombLimit::on_uniform_angles(0.5, 1.2)?;
/// assert!((limit.value - 0.2217583).abs() < 5e-8);
/// assert!(limit.first_harmonic < limit.value);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// THEORY 2.21 (ii), proved there (`docs/theory.md`).
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CombLimit {
    /// A.
    pub amplitude: f64,
    /// K.
    pub ratio: f64,
    /// s.
    pub smoothing: f64,
    /// (1/K) mean |g − G_s g|.
    pub value: f64,
    /// What the test function sin kx alone gives, less than `value`: (1/K) J_1(A)(1 − e^{−s/2}).
    pub first_harmonic: f64,
}

/// 2C(1) of THEORY 2.7: Σ sin²Δθ_t is this times c_1 log T/T to leading order on the paper's schedule.
const PAPER: f64 = 0.309_044_944_875;
/// Amplitudes up to this: the coefficients fall like e^{−n w}, w the width of the strip in which g is analytic.
const LARGEST: f64 = 0.9;
/// Coefficients below e to the minus this are below rounding.
const BELOW: f64 = 37.0;
/// Points of half a period.
const POINTS: usize = 2048;

impl CombLimit {
    /// On uniform angles, from A in (0, 0.9] and K in [0.01, 100].
    ///
    /// # Errors
    /// A number outside its range, or NaN.
    ///
    /// ```
    /// use onestep::bound::CombLimit;
    /// assert!(CombLimit::on_uniform_angles(0.95, 1.0).is_err() && CombLimit::on_uniform_angles(0.5, 0.0).is_err());
    /// // At A = 1/2 no K does better than .97855.
    /// let at = |ratio| CombLimit::on_uniform_angles(0.5, ratio).unwrap().value;
    /// assert!((at(0.97855) - 0.2285543).abs() < 5e-8 && at(0.9) < at(0.97855) && at(1.1) < at(0.97855));
    /// ```
    pub fn on_uniform_angles(amplitude: f64, ratio: f64) -> Result<Self, BoundError> {
        Self::new(amplitude, ratio, 0.25 * PI * PI * ratio * ratio)
    }

    /// On the schedule of Li, Huang and Wei with the constant c_1 in (0, 1000], from A and K.
    ///
    /// # Errors
    /// A number outside its range, or NaN.
    ///
    /// ```
    /// use onestep::bound::CombLimit;
    /// let limit = CombLimit::on_the_paper_s_schedule(0.5, 1.4257, 4.0)?;
    /// assert!((limit.value - 0.1616691).abs() < 5e-8);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn on_the_paper_s_schedule(amplitude: f64, ratio: f64, c1: f64) -> Result<Self, BoundError> {
        check_range("c1", c1, c1 > 0.0 && c1 <= 1000.0, "(0, 1000]")?;
        Self::new(amplitude, ratio, PAPER * c1 * ratio * ratio)
    }

    fn new(amplitude: f64, ratio: f64, smoothing: f64) -> Result<Self, BoundError> {
        check_range("amplitude", amplitude, amplitude > 0.0 && amplitude <= LARGEST, "(0, 0.9]")?;
        check_range("ratio", ratio, (0.01..=100.0).contains(&ratio), "[0.01, 100]")?;
        let coefficients = kepler(amplitude);
        let kept = |n: usize| -(-0.5 * smoothing * (n * n) as f64).exp_m1();
        let at = |j: usize| {
            let (mut sum, angle) = (Sum::default(), PI * j as f64 / POINTS as f64);
            for (i, b) in coefficients.iter().enumerate() {
                sum.add(b * kept(i + 1) * ((i + 1) as f64 * angle).sin());
            }
            sum.value()
        };
        // Odd in M: half a period is enough.
        let values: Vec<f64> = (1..POINTS).map(at).collect();
        let mean = if values.iter().all(|v| *v < 0.0) {
            let odd = coefficients.iter().enumerate().step_by(2);
            -2.0 / PI * odd.map(|(i, b)| b * kept(i + 1) / (i + 1) as f64).collect::<Sum>().value()
        } else {
            values.iter().map(|v| v.abs()).collect::<Sum>().value() / POINTS as f64
        };
        // g is −2J_1(A) sin M to first order.
        let first_harmonic = 0.5 * coefficients[0].abs() * kept(1) / ratio;
        Ok(Self { amplitude, ratio, smoothing, value: mean / ratio, first_harmonic })
    }
}

/// The sine coefficients of g: (1/π) ∫ g sin nM dM over a period, as sums over E, in which the integrand is entire.
fn kepler(amplitude: f64) -> Vec<f64> {
    let strip = amplitude.recip().acosh() - ((1.0 - amplitude) * (1.0 + amplitude)).sqrt();
    let count = (BELOW / strip).ceil() as usize;
    let points = 4 * count + 64;
    let places: Vec<(f64, f64)> = (1..points / 2)
        .map(|j| {
            let (sin, cos) = (TAU * j as f64 / points as f64).sin_cos();
            (TAU * j as f64 / points as f64 + amplitude * sin, -amplitude * sin * (1.0 + amplitude * cos))
        })
        .collect();
    // Odd integrands times sines: both halves of the period are equal.
    let coefficient = |n: usize| places.iter().map(|(m, g)| g * (n as f64 * m).sin()).collect::<Sum>().value() * 4.0 / points as f64;
    (1..=count).map(coefficient).collect()
}

impl fmt::Display for CombLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "A = {}, K = {}: at least {:.7}; by the first harmonic alone {:.7}",
            self.amplitude, self.ratio, self.value, self.first_harmonic
        )
    }
}
