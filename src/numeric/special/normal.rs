//! The standard normal law, accurate in both tails.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2};

/// 1/√(2π).
pub(crate) const INV_SQRT_2PI: f64 = 0.398_942_280_401_432_7;
/// ln √(2π).
pub(crate) const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_7;

/// The density φ(z).
#[inline]
pub(crate) fn density(z: f64) -> f64 {
    INV_SQRT_2PI * (-0.5 * z * z).exp()
}

/// The distribution function N(z) = P(Z ≤ z), to full relative accuracy in the lower tail (it underflows at z ≈ −38).
/// The upper tail is `cdf(-z)`.
#[inline]
pub(crate) fn cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// Mills' ratio e^{z²/2} N(−z) for z ≥ 0, within 2e−15 of itself and without branches: a loop over it vectorises.
///
/// A polynomial in t = (z − 5)/(z + 5) over z + 5: the Chebyshev series of (z + 5) e^{z²/2} N(−z), cut off below 1e−17 (`tests/golden/mills.py`).
/// The substitution is that of Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞", Math. Comp. 36
/// (1981), 249–253.
#[inline(always)]
pub(crate) fn mills(z: f64) -> f64 {
    /// Coefficients of t^23, …, t^0.
    const SERIES: [f64; 24] = [
        -1.331_210_743_010_702e-10,
        -7.854_458_583_247_658e-10,
        1.271_375_926_027_823_1e-09,
        9.275_082_241_537_343e-09,
        -6.940_847_374_044_867e-09,
        -6.741_689_051_823_604e-08,
        3.857_144_856_725_758_7e-08,
        4.334_766_428_513_756_7e-07,
        -3.335_427_141_231_054e-07,
        -2.768_878_783_672_091_5e-06,
        3.979_361_513_829_216e-06,
        1.668_085_271_992_539_4e-05,
        -4.976_232_792_457_951_5e-05,
        -5.937_558_833_377_767e-05,
        0.000_544_898_968_373_562_9,
        -0.000_797_869_427_747_529_7,
        -0.002_993_376_758_978_478,
        0.020_795_066_803_234_04,
        -0.069_118_638_707_071_62,
        0.165_020_366_170_195_17,
        -0.313_533_156_671_281_4,
        0.495_305_615_969_980_5,
        -0.665_382_502_890_057,
        0.769_193_049_750_063,
    ];
    let inverse = 1.0 / (z + 5.0);
    let t = (z - 5.0) * inverse;
    SERIES.iter().fold(0.0, |sum, c| sum * t + c) * inverse
}

/// ln N(z), accurate everywhere: in the lower tail by the asymptotic series of Mills' ratio where `cdf` would underflow.
pub(crate) fn ln_cdf(z: f64) -> f64 {
    if z > 0.0 {
        (-cdf(-z)).ln_1p()
    } else if z > -36.0 {
        cdf(z).ln()
    } else if z == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else {
        // N(z) = φ(z)/|z| · (1 − 1/z² + 3/z⁴ − 15/z⁶ + 105/z⁸ − …); the next term is below 1e-13 of the sum at |z| = 36.
        let w = 1.0 / (z * z);
        let series = -w * (1.0 - w * (3.0 - w * (15.0 - 105.0 * w)));
        -0.5 * z * z - LN_SQRT_2PI - (-z).ln() + series.ln_1p()
    }
}

/// The quantile N^{−1}(p) for p ∈ [0, 1], to full relative accuracy for small p. For the upper tail use `-quantile(1 − p)` with 1 − p
/// known to full accuracy.
pub(crate) fn quantile(p: f64) -> f64 {
    if !(p > 0.0) {
        return if p == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    }
    if p > 0.5 {
        return -quantile(1.0 - p);
    }
    quantile_of_ln(p.ln())
}

/// N^{−1}(e^{l}) for l ≤ −ln 2: Newton's method on ln N, which is concave, so the iteration converges from the left from any start.
pub(crate) fn quantile_of_ln(l: f64) -> f64 {
    if l == f64::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    if l >= -LN_2 {
        return 0.0;
    }
    // Leading behaviour ln N(z) ≈ −z²/2 − ln(|z|√(2π)) solved once more by substitution.
    let mut z = {
        let first = (-2.0 * l).sqrt();
        -(2.0 * (-l - LN_SQRT_2PI - first.max(1.0).ln())).max(1e-4).sqrt()
    };
    for _ in 0..60 {
        let ln = ln_cdf(z);
        // N/φ, the inverse of the slope of ln N.
        let ratio = (ln + 0.5 * z * z + LN_SQRT_2PI).exp();
        let step = (ln - l) * ratio;
        z -= step;
        if step.abs() <= 4.0 * f64::EPSILON * z.abs().max(1e-300) {
            break;
        }
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_inverts_the_distribution_function_in_both_tails() {
        for exponent in -3000..-3 {
            let l = f64::from(exponent) * 0.25;
            let z = quantile_of_ln(l);
            assert!((ln_cdf(z) - l).abs() <= 1e-14 * l.abs(), "ln p = {l}: z = {z}, ln N = {}", ln_cdf(z));
        }
        for k in 1..1000 {
            let p = f64::from(k) / 1000.0;
            assert!((cdf(quantile(p)) - p).abs() < 4e-16);
        }
    }

    #[test]
    fn logarithm_is_smooth_where_the_series_takes_over() {
        // ln N at z = −36 ± δ: the difference quotient is the inverse Mills ratio, about 36 + 1/36.
        let slope = (ln_cdf(-36.0 + 1e-6) - ln_cdf(-36.0 - 1e-6)) / 2e-6;
        assert!((slope - (36.0 + 1.0 / 36.0)).abs() < 1e-4, "slope {slope}");
    }

    #[test]
    fn mills_ratio_agrees_with_erfc() {
        for i in 0..3750 {
            let z = f64::from(i) * 0.01;
            // e^{−z²/2} is itself off by z²/2 roundings.
            let allowed = (3e-15 + z * z * f64::EPSILON) * cdf(-z);
            let tail = (-0.5 * z * z).exp() * mills(z);
            assert!((tail - cdf(-z)).abs() <= allowed, "z = {z}: {tail} for {}", cdf(-z));
        }
    }

    #[test]
    fn known_values() {
        // N(−1), N(−5), N(−10): Abramowitz and Stegun, table 26.1, to their digits.
        for (z, p) in [(-1.0, 0.158_655_253_931_457_05), (-5.0, 2.866_515_718_791_94e-7), (-10.0, 7.619_853_024_160_6e-24)] {
            assert!((cdf(z) / p - 1.0).abs() < 1e-12);
        }
        assert_eq!(quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(quantile(1.0), f64::INFINITY);
        assert!(quantile(f64::NAN).is_nan());
    }
}
