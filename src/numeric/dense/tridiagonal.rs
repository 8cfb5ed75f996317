//! Eigenvalues of a symmetric tridiagonal matrix by the implicit QL iteration, and the rotations that diagonalise it.

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
/// they leave the eigenvectors in the rows. `beside[i]` stands in rows i and i + 1. Nothing where the iteration does not end, which for
/// finite entries has not been seen.
pub(crate) fn diagonalise(diagonal: &mut [f64], beside: &mut [f64], mut apply: impl FnMut(Sweep)) -> Option<()> {
    let n = diagonal.len();
    let largest = diagonal.iter().chain(&*beside).fold(0.0, |m: f64, v| if v.abs() > m { v.abs() } else { m });
    let floor = NOTHING * largest;
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
