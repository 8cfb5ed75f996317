//! Student's t distribution.

/// The incomplete beta function I_x(a, b) for x ≤ (a+1)/(a+b+2), by the continued fraction DLMF 8.17.22 (Lentz's method), as the
/// logarithm of the prefactor and the fraction.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    /// The fraction converges in O(√max(a, b)) terms here; the cap covers a, b to 10⁷.
    const CAP: usize = 20_000;
    const TINY: f64 = 1e-300;
    let nonzero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let (mut c, mut d) = (1.0, 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for k in 1..CAP {
        let m = k as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for term in [even, odd] {
            d = 1.0 / nonzero(1.0 + term * d);
            c = nonzero(1.0 + term / c);
            fraction *= c * d;
        }
        if (c * d - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    fraction
}

/// I_x(a, b), given x and 1−x both to full accuracy.
fn incomplete_beta(a: f64, b: f64, x: f64, one_minus_x: f64) -> f64 {
    let ln_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    if x < (a + 1.0) / (a + b + 2.0) {
        (a * x.ln() + b * one_minus_x.ln() - ln_beta).exp() / a * beta_fraction(a, b, x)
    } else {
        1.0 - (b * one_minus_x.ln() + a * x.ln() - ln_beta).exp() / b * beta_fraction(b, a, one_minus_x)
    }
}

/// P(|t_ν| > t) = I_{ν/(ν+t²)}(ν/2, ½), t ≥ 0.
pub(crate) fn two_sided_tail(t: f64, freedom: f64) -> f64 {
    let square = t * t;
    incomplete_beta(0.5 * freedom, 0.5, freedom / (freedom + square), square / (freedom + square))
}

/// The t with P(|t_ν| ≤ t) = `confidence`, for `confidence` in (0, 1) and ν ≥ 1 (not necessarily an integer).
/// Relative accuracy about 1e−12, limited by the logarithm of the gamma function for large ν.
pub(crate) fn two_sided_quantile(confidence: f64, freedom: f64) -> f64 {
    /// Halvings of ln t over the bracket below to the last bit.
    const CAP: usize = 120;
    let (mut low, mut high) = (-700.0_f64, 700.0_f64);
    for _ in 0..CAP {
        let middle = 0.5 * (low + high);
        if two_sided_tail(middle.exp(), freedom) > 1.0 - confidence {
            low = middle;
        } else {
            high = middle;
        }
        if high - low <= f64::EPSILON {
            break;
        }
    }
    (0.5 * (low + high)).exp()
}
