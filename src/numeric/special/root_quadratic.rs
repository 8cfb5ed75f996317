//! Mean norms of Gaussian vectors.

/// One eigenspace of a Gaussian vector: deviation `scale` in `multiplicity` orthogonal directions, in which the mean has the squared
/// length `shift_squared`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Direction {
    /// Standard deviation, of either sign.
    pub(crate) scale: f64,
    /// Squared length of the mean within the eigenspace.
    pub(crate) shift_squared: f64,
    /// Dimension of the eigenspace.
    pub(crate) multiplicity: usize,
}

/// Spacing of the trapezoidal rule in ln u. The integrand is analytic for |Im ln u| < π/2, so the error is of order e^{−π²/h} ≈ 1e−17.
const SPACING: f64 = 0.25;
/// Nodes on either side; the integrand decays like e^{y/2} to the left and at least like e^{−y/2} to the right.
const REACH: f64 = 84.0;
/// Products of 1 + 2us² ≤ 1 + 2e^84 are kept below this times one factor.
const FACTORS: f64 = 1e200;

/// E‖a + diag(s) Z‖, Z ~ N(0, I), to about 1e−14 relatively.
///
/// With Q = ‖a + diag(s)Z‖² and φ(u) = E e^{−uQ} = Π (1+2us²)^{−1/2} exp(−u a²/(1+2us²)),
///
/// ```math
/// E\sqrt Q = \frac{1}{\sqrt\pi} \int_0^\infty \frac{-\varphi'(u)}{\sqrt u}\, du , \qquad
/// -\varphi' = \varphi \sum \Big(\frac{s^2}{1+2us^2} + \frac{a^2}{(1+2us^2)^2}\Big) ,
/// ```
///
/// where every term is positive; with u = e^y the integrand is analytic in a strip and the trapezoidal rule converges geometrically.
pub(crate) fn mean_norm(directions: &[Direction]) -> f64 {
    let square: f64 = directions.iter().map(|d| d.multiplicity as f64 * d.scale * d.scale + d.shift_squared).sum();
    if !(square > 0.0 && square.is_finite()) {
        return if square == 0.0 { 0.0 } else { square };
    }
    let nodes = (REACH / SPACING) as i32;
    let total: f64 = (-nodes..=nodes)
        .map(|i| {
            let y = f64::from(i) * SPACING;
            let u = y.exp();
            // ln φ needs absolute accuracy only, so factors are multiplied up and their logarithm is taken now and then.
            let (mut exponent, mut factors, mut slope) = (0.0, 1.0_f64, 0.0);
            for d in directions {
                let shift = d.shift_squared / square;
                let spread = 1.0 + 2.0 * u * d.scale * d.scale / square;
                let n = d.multiplicity as f64;
                if d.multiplicity == 1 {
                    factors *= spread;
                    if factors > FACTORS {
                        exponent -= 0.5 * factors.ln();
                        factors = 1.0;
                    }
                } else {
                    exponent -= 0.5 * n * (2.0 * u * d.scale * d.scale / square).ln_1p();
                }
                exponent -= u * shift / spread;
                slope += (n * d.scale * d.scale / square + shift / spread) / spread;
            }
            let ln_phi = exponent - 0.5 * factors.ln();
            (ln_phi + 0.5 * y).exp() * slope
        })
        .sum();
    square.sqrt() * SPACING * total / std::f64::consts::PI.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::special::normal;

    /// Measured error of the rule: a few ulp of a sum of 300 terms.
    const TOLERANCE: f64 = 1e-14;

    fn one(scale: f64, shift: f64, multiplicity: usize) -> Direction {
        Direction { scale, shift_squared: shift * shift, multiplicity }
    }

    #[test]
    fn isotropic_means_are_ratios_of_gamma_functions() {
        for (dim, exact) in [
            (1, (2.0 / std::f64::consts::PI).sqrt()),
            (2, (std::f64::consts::PI / 2.0).sqrt()),
            (3, 2.0 * (2.0 / std::f64::consts::PI).sqrt()),
            (10_000, std::f64::consts::SQRT_2 * (libm::lgamma(5000.5) - libm::lgamma(5000.0)).exp()),
        ] {
            let tolerance = if dim > 3 { 2e-11 } else { TOLERANCE }; // lgamma(5000) ≈ 4e4 has 4e4 · 1e-16 of absolute error
            let mean = mean_norm(&[one(1.0, 0.0, dim)]);
            assert!((mean / exact - 1.0).abs() < tolerance, "d = {dim}: {mean} for {exact}");
        }
    }

    #[test]
    fn folded_normal() {
        // E|a + sZ| = 2 s φ(a/s) + a (1 − 2 N(−a/s)).
        for (a, s) in [(1.0, 1.0), (0.3, 2.0), (5.0, 0.1), (2.0, 1e-8), (0.0, 3.0)] {
            let r: f64 = a / s;
            let exact = 2.0 * s * normal::density(r) + a * (1.0 - 2.0 * normal::cdf(-r));
            assert!((mean_norm(&[one(s, a, 1)]) / exact - 1.0).abs() < TOLERANCE, "a = {a}, s = {s}: {}", mean_norm(&[one(s, a, 1)]));
        }
    }

    #[test]
    fn degenerate_vectors() {
        assert_eq!(mean_norm(&[]), 0.0);
        assert_eq!(mean_norm(&[one(0.0, 0.0, 5)]), 0.0);
        assert!((mean_norm(&[one(0.0, 3.0, 5), one(0.0, 4.0, 1)]) - 5.0).abs() < 5.0 * TOLERANCE);
        assert!(mean_norm(&[one(f64::NAN, 0.0, 1)]).is_nan());
    }
}
