//! The exponential function without branches, for loops over many numbers.

/// log₂ e, and ln 2 in two parts: the first has 21 trailing zeros, so that its multiples below 2^11 are exact.
const LOG2_E: f64 = std::f64::consts::LOG2_E;
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
/// 3 · 2^51: added to a number below 2^51, it leaves the nearest integer in the last bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// 1/k! for k = 13, 12, …, 0.
const TAYLOR: [f64; 14] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];

/// e^x within 2 ulp for x in [−708, 709]; the value at the nearest end outside, which is below 1e−307 or above 1e307. A NaN counts as −708.
///
/// x = n ln 2 + r with |r| ≤ (ln 2)/2, where Taylor's remainder of degree 13 is below 5e−18. A loop over this function vectorises.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    let x = if x > -708.0 { x } else { -708.0 };
    let x = if x < 709.0 { x } else { 709.0 };
    let shifted = x * LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let polynomial = TAYLOR.iter().fold(0.0, |sum, c| sum * r + c);
    polynomial * f64::from_bits((shifted.to_bits() << 52).wrapping_add(1.0_f64.to_bits()))
}

#[cfg(test)]
mod tests {
    use crate::numeric::special::exp::exp;

    #[test]
    fn agrees_with_the_standard_library() {
        for k in -70_800..=70_900 {
            let x = f64::from(k) * 0.01 + 1e-3 * f64::from(k % 7);
            let (ours, theirs) = (exp(x), x.clamp(-708.0, 709.0).exp());
            assert!((ours / theirs - 1.0).abs() <= 2.0 * f64::EPSILON, "e^{x}: {ours:e} and {theirs:e}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f64::NEG_INFINITY) < 1e-307 && exp(f64::NAN) < 1e-307 && exp(f64::INFINITY) > 1e307);
    }
}
