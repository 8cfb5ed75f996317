//! Gauss rules from their Jacobi matrices.

use crate::numeric::dense::tridiagonal::diagonalise;
use crate::numeric::extremes::largest;

/// The nodes, increasing, and the weights, summing to one, of the rule whose orthonormal polynomials have the recurrence coefficients
/// `diagonal` and `beside` (the square roots of the off-diagonal ones): Golub and Welsch (1969).
pub(crate) fn golub_welsch(diagonal: &[f64], beside: impl Fn(usize) -> f64) -> (Vec<f64>, Vec<f64>) {
    let n = diagonal.len();
    let (mut nodes, mut off) = (diagonal.to_vec(), (1..n).map(beside).collect::<Vec<f64>>());
    // The first entry of each eigenvector.
    let mut first: Vec<f64> = (0..n).map(|k| f64::from(u8::from(k == 0))).collect();
    diagonalise(&mut nodes, &mut off, |sweep| {
        for (i, (c, s)) in (0..sweep.end).rev().zip(&sweep.rotations) {
            (first[i], first[i + 1]) = (c * first[i] - s * first[i + 1], s * first[i] + c * first[i + 1]);
        }
    })
    .expect("the shifted iteration ends for every Jacobi matrix of finite coefficients");
    let mut rule: Vec<(f64, f64)> = nodes.into_iter().zip(first).map(|(x, q)| (x, q * q)).collect();
    rule.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = rule.iter().map(|r| r.1).sum();
    rule.into_iter().map(|(x, w)| (x, w / total)).unzip()
}

/// The Gauss rule of `order` points for the discrete law with the given nodes and weights (summing to one), or the law itself where it has no
/// more points: Stieltjes' procedure with every polynomial made orthogonal to all before it, then Golub and Welsch.
pub(crate) fn gauss_of(law: &[f64], weights: &[f64], order: usize) -> (Vec<f64>, Vec<f64>) {
    /// A polynomial whose norm falls by this factor vanishes on the law but for rounding: the law has no more points.
    const VANISHES: f64 = 1e-12;
    if law.len() <= order {
        return (law.to_vec(), weights.to_vec());
    }
    // In units of a power of two, so that no square of a node overflows or vanishes.
    let most = largest(law.iter().map(|x| x.abs()));
    if !most.is_finite() {
        return (law.to_vec(), weights.to_vec());
    }
    let exponent = if most > 0.0 { libm::ilogb(most) } else { 0 };
    let law: Vec<f64> = law.iter().map(|&x| libm::scalbn(x, -exponent)).collect();
    let inner = |p: &[f64], q: &[f64]| p.iter().zip(q).zip(weights).map(|((p, q), w)| w * p * q).sum::<f64>();
    let (mut diagonal, mut beside) = (Vec::with_capacity(order), vec![0.0]);
    let mut basis: Vec<Vec<f64>> = vec![vec![1.0; law.len()]];
    for k in 0..order {
        let mut next: Vec<f64> = law.iter().zip(&basis[k]).map(|(x, p)| x * p).collect();
        let mean = inner(&next, &basis[k]);
        let size = inner(&next, &next).sqrt();
        diagonal.push(mean);
        for _ in 0..2 {
            for p in &basis {
                let along = inner(&next, p);
                next.iter_mut().zip(p).for_each(|(n, p)| *n -= along * p);
            }
        }
        let norm = inner(&next, &next).sqrt();
        if !(norm > VANISHES * size) {
            break;
        }
        beside.push(norm);
        next.iter_mut().for_each(|n| *n /= norm);
        basis.push(next);
    }
    let (nodes, weights) = golub_welsch(&diagonal, |k| beside[k]);
    (nodes.into_iter().map(|x| libm::scalbn(x, exponent)).collect(), weights)
}

/// Gauss–Legendre for the uniform law on [−1, 1].
pub(crate) fn legendre(points: usize) -> (Vec<f64>, Vec<f64>) {
    golub_welsch(&vec![0.0; points], |k| {
        let k = k as f64;
        k / (4.0 * k * k - 1.0).sqrt()
    })
}

/// The rule for the density `power` · r^{power−1} on [0, 1], power > 0: Gauss–Jacobi with exponents 0 and power − 1.
pub(crate) fn power_law(points: usize, power: f64) -> (Vec<f64>, Vec<f64>) {
    let b = power - 1.0;
    let diagonal: Vec<f64> = (0..points)
        .map(|k| {
            let s = 2.0 * k as f64 + b;
            // (b² − a²)/((s)(s+2)) with a = 0, on [−1, 1]; at k = 0 it is b/(b+2).
            0.5 + 0.5 * if k == 0 { b / (b + 2.0) } else { b * b / (s * (s + 2.0)) }
        })
        .collect();
    golub_welsch(&diagonal, |k| {
        let k = k as f64;
        let s = 2.0 * k + b;
        let square = if k == 1.0 {
            4.0 * (1.0 + b) / ((2.0 + b).powi(2) * (3.0 + b))
        } else {
            4.0 * k * k * (k + b).powi(2) / (s * s * (s * s - 1.0))
        };
        0.5 * square.sqrt()
    })
}

/// The rule for the law of χ²_d/2, density ∝ y^{d/2−1}e^{−y}: generalised Gauss–Laguerre.
pub(crate) fn half_chi_square(points: usize, dim: usize) -> (Vec<f64>, Vec<f64>) {
    let a = 0.5 * dim as f64 - 1.0;
    let diagonal: Vec<f64> = (0..points).map(|k| 2.0 * k as f64 + a + 1.0).collect();
    golub_welsch(&diagonal, |k| (k as f64 * (k as f64 + a)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eigenvalues and eigenvectors to a few ulp.
    const ROUNDING: f64 = 1e-13;

    fn moment(rule: &(Vec<f64>, Vec<f64>), k: i32) -> f64 {
        rule.0.iter().zip(&rule.1).map(|(x, w)| w * x.powi(k)).sum()
    }

    #[test]
    fn a_rule_follows_the_scale_of_its_law() {
        let law: Vec<f64> = (0..40).map(|k| (7.3 * f64::from(k)).sin()).collect();
        let weights = vec![1.0 / 40.0; 40];
        let rule = gauss_of(&law, &weights, 5);
        for exponent in [-1000, -520, 511, 1020] {
            let scaled: Vec<f64> = law.iter().map(|&x| libm::scalbn(x, exponent)).collect();
            let (nodes, shares) = gauss_of(&scaled, &weights, 5);
            assert_eq!(shares, rule.1);
            assert!(nodes.iter().zip(&rule.0).all(|(a, b)| *a == libm::scalbn(*b, exponent)));
        }
        // What is not finite comes back as it is, and nothing panics.
        assert_eq!(gauss_of(&[f64::INFINITY; 3], &[1.0 / 3.0; 3], 2).0, [f64::INFINITY; 3]);
        assert_eq!(gauss_of(&[0.0; 3], &[1.0 / 3.0; 3], 2).0, [0.0]);
    }

    #[test]
    fn rules_are_exact_for_polynomials() {
        let uniform = legendre(12);
        let (square, ball, chi) = (power_law(9, 1.0), power_law(9, 7.0), half_chi_square(9, 5));
        let mut chi_moment = 1.0;
        for k in 0..17 {
            let n = f64::from(k);
            assert!((moment(&uniform, k) - if k % 2 == 0 { 1.0 / (n + 1.0) } else { 0.0 }).abs() < ROUNDING);
            assert!((moment(&square, k) - 1.0 / (n + 1.0)).abs() < ROUNDING);
            assert!((moment(&ball, k) - 7.0 / (n + 7.0)).abs() < ROUNDING);
            assert!((moment(&chi, k) / chi_moment - 1.0).abs() < ROUNDING);
            chi_moment *= 2.5 + n;
        }
    }
}
