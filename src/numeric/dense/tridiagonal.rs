//! Eigenvalues of a symmetric tridiagonal matrix by the implicit QL iteration, and the rotations that diagonalise it.

use crate::numeric::extremes::largest;

/// Most sweeps for one eigenvalue. With the shift used here convergence is cubic; two are the rule.
const SWEEPS: usize = 60;
/// What stands beside the diagonal is zero below this part of the largest entry: a thousandth of what rounding does to an eigenvalue.
const NOTHING: f64 = 1e-19;

/// The rotations of rows m − 1 and m, …, l and l + 1, in this order: (x_i, x_{i+1}) ← (c x_i − s x_{i+1}, s x_i + c x_{i+1}).
#[derive(Debug)]
pub(crate) struct Sweep {
    /// m; the first rotation is of m − 1 and m.
    pub(crate) end: usize,
    /// (c, s).
    pub(crate) rotations: Vec<(f64, f64)>,
}

/// Turns `diagonal` into the eigenvalues, in no order, and hands every sweep of rotations to `apply`: applied to the rows of the identity
/// they leave the eigenvectors in the rows. `beside[i]` stands in rows i and i + 1. Nothing where an entry is not finite, or the iteration does
/// not end, which for finite entries has not been seen.
pub(crate) fn diagonalise(diagonal: &mut [f64], beside: &mut [f64], mut apply: impl FnMut(Sweep)) -> Option<()> {
    let n = diagonal.len();
    let most = largest(diagonal.iter().chain(&*beside).map(|v| v.abs()));
    if !most.is_finite() {
        return None;
    }
    let floor = NOTHING * most;
    for first in 0..n {
        let mut sweeps = 0;
        loop {
            let negligible = |k: &usize| beside[*k].abs() <= f64::EPSILON * (diagonal[*k].abs() + diagonal[*k + 1].abs()) + floor;
            let end = (first..n - 1).find(negligible).unwrap_or(n - 1);
            if end == first {
                break;
            }
            if sweeps == SWEEPS {
                return None;
            }
            sweeps += 1;
            apply(sweep(diagonal, beside, first, end));
        }
    }
    diagonal.iter().all(|v| v.is_finite()).then_some(())
}

/// One sweep with Wilkinson's shift over the rows `first..=end`, where nothing beside the diagonal is negligible.
fn sweep(d: &mut [f64], e: &mut [f64], first: usize, end: usize) -> Sweep {
    let ratio = (d[first + 1] - d[first]) / (2.0 * e[first]);
    let mut g = d[end] - d[first] + e[first] / (ratio + ratio.hypot(1.0).copysign(ratio));
    let (mut sine, mut cosine, mut p) = (1.0, 1.0, 0.0);
    let mut rotations = Vec::with_capacity(end - first);
    for i in (first..end).rev() {
        let (f, b) = (sine * e[i], cosine * e[i]);
        let r = (f * f + g * g).sqrt();
        if i + 1 < end {
            e[i + 1] = r;
        }
        if r == 0.0 {
            // The matrix falls apart between rows i and i + 1.
            d[i + 1] -= p;
            return Sweep { end, rotations };
        }
        (sine, cosine) = (f / r, g / r);
        g = d[i + 1] - p;
        let r = (d[i] - g) * sine + 2.0 * cosine * b;
        p = sine * r;
        d[i + 1] = g + p;
        g = cosine * r - b;
        rotations.push((cosine, sine));
    }
    d[first] -= p;
    e[first] = g;
    Sweep { end, rotations }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// Values in increasing order, and the rows that the rotations make of the identity.
    fn solved(diagonal: &[f64], beside: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
        let n = diagonal.len();
        let (mut d, mut e) = (diagonal.to_vec(), beside.to_vec());
        let mut rows: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
        diagonalise(&mut d, &mut e, |sweep| {
            for (i, (c, s)) in (0..sweep.end).rev().zip(&sweep.rotations) {
                for k in 0..n {
                    let (a, b) = (rows[i][k], rows[i + 1][k]);
                    (rows[i][k], rows[i + 1][k]) = (c * a - s * b, s * a + c * b);
                }
            }
        })
        .unwrap();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&i, &j| d[i].total_cmp(&d[j]));
        (order.iter().map(|&k| d[k]).collect(), order.iter().map(|&k| rows[k].clone()).collect())
    }

    /// T v = λ v for every row v, and rows of length one that are orthogonal.
    fn sound(diagonal: &[f64], beside: &[f64], values: &[f64], rows: &[Vec<f64>], size: f64) {
        let n = diagonal.len();
        let tolerance = 8.0 * f64::EPSILON * (n as f64 + 8.0);
        for (value, v) in values.iter().zip(rows) {
            for i in 0..n {
                let left = if i > 0 { beside[i - 1] * v[i - 1] } else { 0.0 };
                let right = if i + 1 < n { beside[i] * v[i + 1] } else { 0.0 };
                assert!((left + diagonal[i] * v[i] + right - value * v[i]).abs() <= tolerance * size);
            }
            for w in rows {
                let product: f64 = v.iter().zip(w).map(|(a, b)| a * b).sum();
                assert!((product - f64::from(u8::from(std::ptr::eq(v, w)))).abs() <= tolerance);
            }
        }
    }

    #[test]
    fn known_spectra() {
        for n in [1, 2, 3, 10, 41, 120] {
            // Second differences: 4 sin²(kπ/(2n + 2)).
            let (values, rows) = solved(&vec![2.0; n], &vec![-1.0; n - 1]);
            for (k, value) in values.iter().enumerate() {
                let exact = 4.0 * (0.5 * (k + 1) as f64 * PI / (n + 1) as f64).sin().powi(2);
                assert!((value - exact).abs() <= 4.0 * f64::EPSILON * (n + 8) as f64, "n = {n}: {value} {exact}");
            }
            sound(&vec![2.0; n], &vec![-1.0; n - 1], &values, &rows, 4.0);
            // Clement's matrix: √(k (n − k)) beside a zero diagonal has the eigenvalues n − 1, n − 3, …, 1 − n.
            let beside: Vec<f64> = (1..n).map(|k| ((k * (n - k)) as f64).sqrt()).collect();
            let (values, rows) = solved(&vec![0.0; n], &beside);
            for (k, value) in values.iter().enumerate() {
                let exact = 2.0 * k as f64 + 1.0 - n as f64;
                assert!((value - exact).abs() <= 4.0 * f64::EPSILON * (n + 8) as f64 * n as f64, "n = {n}: {value} {exact}");
            }
            sound(&vec![0.0; n], &beside, &values, &rows, n as f64);
        }
    }

    /// Wilkinson's matrix has pairs that agree to fourteen digits; the largest is 10.746194182903393, 10.746194182903322.
    #[test]
    fn close_pairs_and_zeros() {
        let diagonal: Vec<f64> = (0..21).map(|k| f64::from(i32::abs(k - 10))).collect();
        let (values, rows) = solved(&diagonal, &[1.0; 20]);
        assert!((values[20] - 10.746_194_182_903_393).abs() < 2e-14 && (values[19] - 10.746_194_182_903_322).abs() < 2e-14);
        sound(&diagonal, &[1.0; 20], &values, &rows, 11.0);
        let (values, _) = solved(&[3.0, 0.0, 0.0, -1.0], &[0.0, 1e-200, 0.0]);
        assert_eq!(values, [-1.0, 0.0, 0.0, 3.0]);
        assert_eq!(solved(&[0.0; 5], &[0.0; 4]).0, [0.0; 5]);
    }

    #[test]
    fn what_is_not_finite_ends_without_values() {
        for bad in [f64::NAN, f64::INFINITY] {
            for n in [1, 2, 7] {
                for at in 0..2 * n - 1 {
                    let (mut d, mut e) = (vec![1.0; n], vec![0.5; n - 1]);
                    if at < n {
                        d[at] = bad;
                    } else {
                        e[at - n] = bad;
                    }
                    assert!(diagonalise(&mut d, &mut e, |_| ()).is_none(), "{bad} at {at} of {n}");
                }
            }
        }
    }
}
