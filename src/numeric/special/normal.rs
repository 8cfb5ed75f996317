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

/// N(−z), the mass above z, from z and e^{−z²/2}: the exponential is shared with the density.
///
/// Rational Chebyshev approximations of erf and of e^{y²} erfc(y), y = |z|/√2, on [0, 0.46875], [0.46875, 4] and beyond:
/// Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969), 631–637. Relative error below 2e−15 where
/// e^{−z²/2} is exact.
#[inline]
pub(crate) fn upper_tail(z: f64, gauss: f64) -> f64 {
    const NEAR: [f64; 5] =
        [1.857_777_061_846_031_5e-1, 3.161_123_743_870_565_6, 1.138_641_541_510_501_6e2, 3.774_852_376_853_02e2, 3.209_377_589_138_469_4e3];
    const NEAR_BELOW: [f64; 5] =
        [1.0, 2.360_129_095_234_412_2e1, 2.440_246_379_344_441_7e2, 1.282_616_526_077_372_3e3, 2.844_236_833_439_171e3];
    const MIDDLE: [f64; 9] = [
        2.153_115_354_744_038_3e-8,
        5.641_884_969_886_701e-1,
        8.883_149_794_388_377,
        6.611_919_063_714_163e1,
        2.986_351_381_974_001e2,
        8.819_522_212_417_69e2,
        1.712_047_612_634_070_7e3,
        2.051_078_377_826_071_6e3,
        1.230_339_354_797_997_2e3,
    ];
    const MIDDLE_BELOW: [f64; 9] = [
        1.0,
        1.574_492_611_070_983_3e1,
        1.176_939_508_913_125e2,
        5.371_811_018_620_099e2,
        1.621_389_574_566_690_3e3,
        3.290_799_235_733_459_7e3,
        4.362_619_090_143_247e3,
        3.439_367_674_143_721_6e3,
        1.230_339_354_803_749_5e3,
    ];
    const FAR: [f64; 6] = [
        1.631_538_713_730_209_7e-2,
        3.053_266_349_612_323_6e-1,
        3.603_448_999_498_044_5e-1,
        1.257_817_261_112_292_6e-1,
        1.608_378_514_874_227_5e-2,
        6.587_491_615_298_378e-4,
    ];
    const FAR_BELOW: [f64; 6] = [
        1.0,
        2.568_520_192_289_822,
        1.872_952_849_923_460_4,
        5.279_051_029_514_285e-1,
        6.051_834_131_244_132e-2,
        2.335_204_976_268_691_8e-3,
    ];
    const INV_SQRT_PI: f64 = 0.564_189_583_547_756_3;
    let y = z.abs() * FRAC_1_SQRT_2;
    let above = if y <= 0.468_75 {
        let w = y * y;
        return 0.5 - 0.5 * z * FRAC_1_SQRT_2 * horner(&NEAR, w) / horner(&NEAR_BELOW, w);
    } else if y <= 4.0 {
        0.5 * gauss * horner(&MIDDLE, y) / horner(&MIDDLE_BELOW, y)
    } else {
        let w = 1.0 / (y * y);
        0.5 * gauss / y * (INV_SQRT_PI - w * horner(&FAR, w) / horner(&FAR_BELOW, w))
    };
    if z > 0.0 { above } else { 1.0 - above }
}

/// Polynomial with the coefficient of the highest power first.
#[inline]
fn horner<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, c| sum * x + c)
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
    fn tail_from_the_exponential_agrees_with_erfc() {
        for i in -3750..3750 {
            let z = f64::from(i) * 0.01;
            // e^{−z²/2} is itself off by z²/2 roundings.
            let allowed = (3e-15 + z * z * f64::EPSILON) * cdf(-z);
            assert!(
                (upper_tail(z, (-0.5 * z * z).exp()) - cdf(-z)).abs() <= allowed,
                "z = {z}: {} for {}",
                upper_tail(z, (-0.5 * z * z).exp()),
                cdf(-z)
            );
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
