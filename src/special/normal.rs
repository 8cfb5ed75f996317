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
