//! Ratios and normalisers of modified Bessel functions: the von Mises–Fisher law.
//!
//! A point U on the unit sphere of ℝ^d with density ∝ e^{κ⟨μ,U⟩} has the mean A_d(κ) μ, A_d = I_{d/2}/I_{d/2−1}, and the normaliser
//! Λ_d(κ) = E e^{κ U_1} = Γ(d/2) (2/κ)^{d/2−1} I_{d/2−1}(κ) against the uniform law.

use std::sync::OnceLock;

/// Terms of the continued fraction; it needs at most about 60 for any κ and d.
const TERMS: usize = 10_000;

/// A_d(κ) = I_{d/2}(κ)/I_{d/2−1}(κ) for κ ≥ 0, to a few ulp.
///
/// Perron's continued fraction, with all-positive denominators and fast for small, equal and large κ alike
/// (Gautschi and Slavik 1978), by Lentz's algorithm. d = 1 gives tanh κ, d = 3 coth κ − 1/κ.
#[cfg(test)]
pub(crate) fn mean_ratio(dim: usize, kappa: f64) -> f64 {
    ratio(0.5 * dim as f64, kappa)
}

/// From κ = this · d² on the slope of A_d comes from its series in 1/κ.
const SLOPE_SERIES: f64 = 20.0;
/// Terms of the series: at κ = 20 d² each is below the one before by a factor of 20 at least.
const SLOPE_TERMS: usize = 12;

/// A_d'(κ), from A_d(κ) = `a`.
///
/// Riccati's equation A' = 1 − A² − (d − 1) A/κ, with an absolute error of an ulp of one. For large κ, where A' ~ (d − 1)/(2κ²) would lose
/// its digits, the series A = 1 − Σ a_m κ^{−m} that solves the equation: a_1 = (d − 1)/2,
/// a_{m+1} = \[(m − d + 1) a_m + Σ_{i+j=m+1} a_i a_j\]/2. d = 1 gives 1/cosh² κ.
pub(crate) fn mean_ratio_slope(dim: usize, kappa: f64, a: f64) -> f64 {
    let d = dim as f64;
    if dim == 1 {
        return kappa.cosh().powi(-2);
    }
    if !(kappa > SLOPE_SERIES * d * d) {
        let per_kappa = if kappa > 0.0 { a / kappa } else { 1.0 / d };
        return 1.0 - a * a - (d - 1.0) * per_kappa;
    }
    // b[m] = a_{m+1} κ^{−m−1}, so that no power overflows.
    let mut b = [0.0; SLOPE_TERMS];
    b[0] = 0.5 * (d - 1.0) / kappa;
    for m in 1..SLOPE_TERMS {
        let products: f64 = (0..m).map(|i| b[i] * b[m - 1 - i]).sum();
        b[m] = 0.5 * ((m as f64 - d + 1.0) * b[m - 1] / kappa + products);
    }
    b.iter().enumerate().rev().map(|(m, b)| (m as f64 + 1.0) * b).sum::<f64>() / kappa
}

/// I_ν(x)/I_{ν−1}(x).
fn ratio(nu: f64, x: f64) -> f64 {
    if !(x > 0.0) {
        return if x == 0.0 { 0.0 } else { f64::NAN };
    }
    if x == f64::INFINITY {
        return 1.0;
    }
    let first = x + 2.0 * nu;
    let (mut f, mut c, mut d) = (first, first, 0.0);
    for k in 1..TERMS {
        let k = k as f64;
        let a = -(2.0 * nu + 2.0 * k - 1.0) * x;
        let b = 2.0 * nu + k + 2.0 * x;
        d = 1.0 / (b + a * d);
        c = b + a / c;
        let change = c * d;
        f *= change;
        if (change - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    (x / f).min(1.0)
}

/// Order from which the uniform expansion is used; smaller orders come down from it by ratios.
const DEBYE_ORDER: f64 = 40.0;
/// Terms of the uniform expansion: the next one is below 1e−14 at order 40.
const DEBYE_TERMS: usize = 8;

/// The von Mises–Fisher law in one dimension d: what does not depend on κ is prepared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct VonMisesFisher {
    dim: usize,
    /// Orders that the uniform expansion lies above d/2 − 1.
    lift: usize,
    /// ln Σ u_k(1)/ν^k at the order of the expansion: Stirling's series.
    stirling: f64,
}

impl VonMisesFisher {
    /// On the unit sphere of ℝ^`dim`.
    pub(crate) fn new(dim: usize) -> Self {
        let base = 0.5 * dim as f64 - 1.0;
        let lift = (DEBYE_ORDER - base).ceil().max(0.0);
        Self { dim, lift: lift as usize, stirling: debye_sum(base + lift, 1.0).ln() }
    }

    /// A_d(κ) and ln Λ_d(κ) − κ, the latter minus a number between 0 and about d/2 · ln κ with absolute error below 1e−12.
    ///
    /// With ν = d/2 − 1, κ = νz and q = √(1+z²), Debye's uniform expansion and Stirling's series combine without cancellation to
    ///
    /// ```math
    /// \ln\Lambda = \nu\Big[(q-1) - \ln\frac{1+q}{2}\Big] - \tfrac12 \ln q + \ln\sum_k \frac{u_k(1/q)}{\nu^k} - \ln\sum_k \frac{u_k(1)}{\nu^k} ,
    /// ```
    ///
    /// where the last sum is Stirling's series because Λ(0) = 1. Below order 40, Λ_ν/Λ_{ν+1} = κ/(2(ν+1) A) is multiplied up, A coming down
    /// by the stable recurrence.
    pub(crate) fn at(&self, kappa: f64) -> (f64, f64) {
        if !(kappa > 0.0) {
            let value = if kappa == 0.0 { 0.0 } else { f64::NAN };
            return (value, value);
        }
        if self.dim == 1 {
            return (kappa.tanh(), (0.5 * (-2.0 * kappa).exp_m1()).ln_1p());
        }
        let nu = 0.5 * self.dim as f64 - 1.0 + self.lift as f64;
        let z = kappa / nu;
        let q = z.hypot(1.0);
        // q − 1 − z = −2z/(1 + q + z).
        let mut ln = nu * (-2.0 * z / (1.0 + q + z) - (0.5 * z * (z / (1.0 + q))).ln_1p()) - 0.5 * q.ln() + debye_sum(nu, 1.0 / q).ln()
            - self.stirling;
        // I_{μ+1}/I_μ from μ = ν down.
        let mut a = ratio(nu + 1.0, kappa);
        let mut factors = 1.0;
        for k in 0..self.lift {
            let order = nu - k as f64;
            // I_μ/I_{μ−1} = 1/(2μ/κ + I_{μ+1}/I_μ).
            a = 1.0 / (2.0 * order / kappa + a);
            factors *= kappa / (2.0 * order * a);
            if factors > FACTORS || kappa > FACTORS {
                ln += factors.ln();
                factors = 1.0;
            }
        }
        (a, ln + factors.ln())
    }
}

/// Factors are multiplied up to this before their logarithm is taken.
const FACTORS: f64 = 1e100;

fn debye_sum(nu: f64, p: f64) -> f64 {
    static TABLE: OnceLock<Vec<Vec<f64>>> = OnceLock::new();
    let table = TABLE.get_or_init(debye_polynomials);
    table.iter().rev().fold(0.0, |sum, u| sum / nu + u.iter().rev().fold(0.0, |value, c| value * p + c))
}

/// u_0, u_1, … by u_{k+1}(p) = ½p²(1−p²)u_k'(p) + ⅛∫_0^p (1−5s²)u_k(s) ds (Abramowitz and Stegun 9.3.10); constant term first.
fn debye_polynomials() -> Vec<Vec<f64>> {
    let mut table = vec![vec![1.0]];
    for k in 0..DEBYE_TERMS {
        let mut next = vec![0.0; 3 * k + 4];
        for (j, &c) in table[k].iter().enumerate() {
            let n = j as f64;
            next[j + 1] += c * (0.5 * n + 0.125 / (n + 1.0));
            next[j + 3] -= c * (0.5 * n + 0.625 / (n + 3.0));
        }
        table.push(next);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A few ulp of the fraction's fifty steps.
    const RATIO: f64 = 5e-15;

    #[test]
    fn closed_forms_in_one_and_three_dimensions() {
        for i in -30..30 {
            let kappa = 10f64.powf(f64::from(i) * 0.2);
            assert!((mean_ratio(1, kappa) / kappa.tanh() - 1.0).abs() < RATIO);
            if kappa > 1e-2 {
                // coth κ − 1/κ cancels like 1/κ² for small κ.
                assert!((mean_ratio(3, kappa) / (1.0 / kappa.tanh() - 1.0 / kappa) - 1.0).abs() < RATIO + 1e-15 / (kappa * kappa));
                let exact = ((-2.0 * kappa).exp_m1() / (-2.0 * kappa)).ln(); // Λ_3 = sinh κ/κ
                assert!(
                    (VonMisesFisher::new(3).at(kappa).1 - exact).abs() < 2e-13,
                    "κ = {kappa}: {} {exact}",
                    VonMisesFisher::new(3).at(kappa).1
                );
            }
        }
    }

    #[test]
    fn against_high_precision_arithmetic() {
        for line in include_str!("../../../tests/golden/bessel.csv").lines().skip(1) {
            let v: Vec<f64> = line.split(',').map(|v| v.parse().unwrap()).collect();
            let (dim, kappa) = (v[0] as usize, v[1]);
            assert!((mean_ratio(dim, kappa) / v[2] - 1.0).abs() < RATIO, "d = {dim}, κ = {kappa}: {} for {}", mean_ratio(dim, kappa), v[2]);
            assert!((VonMisesFisher::new(dim).at(kappa).0 / v[2] - 1.0).abs() < RATIO);
            // Rounding of a sum of forty logarithms of up to 28, or of the exponent itself where that is large.
            let tolerance = 1e-12 + 4e-16 * v[3].abs();
            assert!(
                (VonMisesFisher::new(dim).at(kappa).1 - v[3]).abs() < tolerance,
                "d = {dim}, κ = {kappa}: {} for {}",
                VonMisesFisher::new(dim).at(kappa).1,
                v[3]
            );
        }
    }

    #[test]
    fn limits() {
        assert_eq!(mean_ratio(5, 0.0), 0.0);
        assert_eq!(mean_ratio(5, f64::INFINITY), 1.0);
        assert_eq!(VonMisesFisher::new(5).at(0.0), (0.0, 0.0));
        assert!(mean_ratio(5, f64::NAN).is_nan() && VonMisesFisher::new(5).at(f64::NAN).1.is_nan());
    }
}
