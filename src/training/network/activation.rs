//! Activation functions, with their derivatives, in vectorisable form.

use crate::float::Float;

/// The activation of a multilayer perceptron.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Activation {
    /// SiLU, z/(1 + e^{−z}): smooth, the usual choice for diffusion and consistency networks.
    #[default]
    Silu,
    /// tanh z: smooth and bounded.
    Tanh,
    /// max(z, 0): piecewise linear.
    Relu,
}

/// tanh for `f32`: x P(x²)/Q(x²) on |x| ≤ 8 by a weighted least-squares (Lawson) fit to the relative error, 1.8e−9 in exact arithmetic,
/// 3.1e−7 evaluated in `f32`; ±1 beyond. No table and no branch, so that a loop over it becomes vector code.
mod rational {
    pub(super) const BOUND: f64 = 8.0;
    pub(super) const P: [f64; 7] = [
        9.999_999_982_244_103e-1,
        1.312_434_917_033_786_8e-1,
        3.149_364_052_620_863_4e-3,
        1.164_243_664_314_259_2e-5,
        -2.231_463_232_771_477_4e-8,
        6.365_517_208_021_307e-11,
        -1.156_426_152_786_653_7e-13,
    ];
    pub(super) const Q: [f64; 4] = [1.0, 4.645_768_067_336_661e-1, 2.467_499_773_989_959_7e-2, 2.612_973_277_329_416_6e-4];
}

/// P(u) and Q(u) by Estrin's scheme, whose short chains of dependent operations keep the arithmetic units of a core busy.
#[expect(clippy::inline_always, reason = "a call in the loop over units would keep it from becoming vector code")]
#[inline(always)]
fn quotient<F: Float>(u: F) -> F {
    let pair = |c: &[f64], i: usize| F::of(c[i]) + F::of(c[i + 1]) * u;
    let (p, q) = (&rational::P, &rational::Q);
    let square = u * u;
    let numerator = (pair(p, 0) + pair(p, 2) * square) + (pair(p, 4) + F::of(p[6]) * square) * (square * square);
    numerator / (pair(q, 0) + pair(q, 2) * square)
}

/// tanh x: within 4e−7 for `f32`, the standard library's for `f64`.
#[expect(clippy::inline_always, reason = "a call in the loop over units would keep it from becoming vector code")]
#[inline(always)]
pub(crate) fn tanh<F: Float>(x: F) -> F {
    if size_of::<F>() == 4 {
        let bound = F::of(rational::BOUND);
        let x = if x > bound { bound } else { x };
        let x = if x < -bound { -bound } else { x };
        x * quotient(x * x)
    } else {
        x.tanh()
    }
}

impl Activation {
    /// The standard deviation of initial weights, times the root of the fan-in, that keeps the variance of the signal.
    pub(crate) fn gain(self) -> f64 {
        match self {
            Self::Silu => 1.68,
            Self::Tanh => 1.59,
            Self::Relu => std::f64::consts::SQRT_2,
        }
    }

    /// Replaces each z of `rows` (whole rows of `bias.len()` entries, contiguous) by the activation of z + bias, and writes its derivative.
    #[inline(always)]
    pub(crate) fn apply_with_slope<F: Float>(self, bias: &[F], rows: &mut [F], slopes: &mut [F]) {
        let half = F::of(0.5);
        for (row, slope) in rows.chunks_exact_mut(bias.len()).zip(slopes.chunks_exact_mut(bias.len())) {
            let entries = row.iter_mut().zip(slope).zip(bias);
            match self {
                Self::Silu => {
                    for ((z, d), b) in entries {
                        let x = *z + *b;
                        let s = half * tanh(half * x) + half;
                        *z = x * s;
                        *d = s + *z * (F::one() - s);
                    }
                }
                Self::Tanh => {
                    for ((z, d), b) in entries {
                        *z = tanh(*z + *b);
                        *d = F::one() - *z * *z;
                    }
                }
                Self::Relu => {
                    for ((z, d), b) in entries {
                        let x = *z + *b;
                        *d = if x > F::zero() { F::one() } else { F::zero() };
                        *z = x * *d;
                    }
                }
            }
        }
    }

    /// The same without the derivative; bit for bit the same values.
    #[inline(always)]
    pub(crate) fn apply<F: Float>(self, bias: &[F], rows: &mut [F]) {
        let half = F::of(0.5);
        for row in rows.chunks_exact_mut(bias.len()) {
            let entries = row.iter_mut().zip(bias);
            match self {
                Self::Silu => {
                    for (z, b) in entries {
                        let x = *z + *b;
                        *z = x * (half * tanh(half * x) + half);
                    }
                }
                Self::Tanh => {
                    for (z, b) in entries {
                        *z = tanh(*z + *b);
                    }
                }
                Self::Relu => {
                    for (z, b) in entries {
                        let x = *z + *b;
                        *z = if x > F::zero() { x } else { x * F::zero() };
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measured 3.1e−7 on a grid of two million points.
    const TANH_ERROR: f64 = 4e-7;

    #[test]
    fn single_precision_tanh_is_accurate_odd_and_saturates() {
        for i in -120_000..=120_000_i32 {
            let x = i as f32 * 1e-4;
            assert!((f64::from(tanh(x)) - f64::from(x).tanh()).abs() <= TANH_ERROR, "tanh({x})");
            assert_eq!(tanh(-x), -tanh(x));
        }
        assert_eq!(tanh(f32::INFINITY), tanh(8.0_f32));
        assert!(tanh(f32::NAN).is_nan());
    }
}
