//! The polar factor of a matrix by Halley's iteration.

use crate::float::Float;
use crate::numeric::dense::cholesky::{divide, factor};
use crate::numeric::dense::product::{length, multiply_symmetric, pack, panels_len, parts, transpose};
use crate::numeric::vector::vectorised;

/// Singular values below this part of the largest are lifted as if they were this part of it. The weight c of Halley's iteration is 96
/// there, and I + c XᵀX has a condition number that costs two digits of a correction, not of the result.
const LEAST: f64 = 0.05;
/// Steps of a power iteration: a norm good to some per cent, which is made up for by these factors.
const POWER: usize = 8;
const SLACK: (f64, f64) = (1.1, 1.02);
/// A smallest singular value above this is read off the norm of I − XᵀX to within a tenth.
const RELIABLE: f64 = 0.3;

/// Matrices of one size for the iteration, in one block of memory.
#[derive(Debug)]
pub(crate) struct Halley<F, const N: usize> {
    dim: usize,
    memory: Vec<F>,
}

/// The matrices, and room for two matrices in panels.
#[derive(Debug)]
pub(crate) struct Parts<'a, F, const N: usize> {
    /// The matrix given, in the end its polar factor.
    pub(crate) x: &'a mut [F],
    pub(crate) y: &'a mut [F],
    pub(crate) squares: &'a mut [F],
    pub(crate) panels: [&'a mut [[F; N]]; 2],
}

impl<F: Float, const N: usize> Halley<F, N> {
    pub(crate) fn new(dim: usize) -> Self {
        Self { dim, memory: vec![F::zero(); 3 * dim * dim + 2 * N * panels_len::<N>(dim)] }
    }

    pub(crate) fn parts(&mut self) -> Parts<'_, F, N> {
        let (square, panels) = (self.dim * self.dim, N * panels_len::<N>(self.dim));
        let [x, y, squares, first, second] = parts(&mut self.memory, [square, square, square, panels, panels]);
        Parts { x, y, squares, panels: [first.as_chunks_mut().0, second.as_chunks_mut().0] }
    }

    /// Puts the orthogonal U nearest to X into its place, by X ← X (a I + b XᵀX)(I + c XᵀX)^{−1}, and returns the smallest singular value of
    /// X, or somewhat less; nothing where it takes more than `steps`.
    ///
    /// The iteration moves the singular values, in [ℓ, 1] after a division by the largest, to 1 and leaves the singular vectors alone. Its
    /// weights make the least of the images of [ℓ, 1] as large as it can be; ℓ comes from the norm of I − XᵀX. At the end a = b/1 = 3 = c, and
    /// 1 − s falls to (1 − s)³/4. Two to four steps for condition numbers up to 20, one more for every factor of 18 beyond.
    ///
    /// # References
    /// Nakatsukasa, Bai and Gygi, "Optimizing Halley's iteration for computing the matrix polar decomposition", SIAM J. Matrix Anal. Appl. 31
    /// (2010); with c ≤ 100 the form by Cholesky's factor is backward stable: Nakatsukasa and Higham, SIAM J. Sci. Comput. 35 (2013).
    pub(crate) fn run(&mut self, steps: usize) -> Option<f64> {
        let dim = self.dim;
        let Parts { x, y, squares, panels: [right, forward] } = self.parts();
        multiply_by_transpose(x, y, right, dim, squares);
        let largest = (SLACK.0 * norm(squares, dim, 0.0)).sqrt();
        if !(largest > 0.0 && largest.is_finite()) {
            return None;
        }
        let scale = F::of(largest.recip());
        x.iter_mut().for_each(|v| *v *= scale);
        squares.iter_mut().for_each(|v| *v *= scale * scale);
        // The step leaves 1/16 of the cube of the norm of I − X^⊤X.
        let last = (16.0 * F::epsilon().as_f64()).cbrt();
        let (mut smallest, mut lifted) = (0.0_f64, 1.0);
        for _ in 0..steps {
            let gap = norm(squares, dim, 1.0);
            let least = (1.0 - SLACK.1 * gap).max(0.0).sqrt();
            if least > RELIABLE {
                smallest = smallest.max(least / lifted);
            }
            let [a, b, c] = if gap <= last { [3.0, 1.0, 3.0] } else { weights(least.max(LEAST)) };
            lifted *= a;
            squares.iter_mut().for_each(|v| *v *= F::of(c));
            squares.iter_mut().step_by(dim + 1).for_each(|v| *v += F::one());
            factor(squares, dim, forward)?;
            let (kept, rest) = (F::of(b / c), F::of(a - b / c));
            divide((squares, forward, right), dim, (x, y), |x, quotient| kept * x + rest * quotient);
            x.copy_from_slice(y);
            if gap <= last {
                return Some(smallest * largest);
            }
            multiply_by_transpose(x, y, right, dim, squares);
        }
        None
    }
}

/// squares = XᵀX; the transpose and the panels are room for the factors.
fn multiply_by_transpose<F: Float, const N: usize>(x: &[F], transposed: &mut [F], panels: &mut [[F; N]], dim: usize, squares: &mut [F]) {
    transpose(x, dim, transposed, |v| v);
    pack(x, dim, panels, |v| v);
    multiply_symmetric(transposed, panels, dim, squares);
}

/// a, b, c of the step for singular values in [ℓ, 1], ℓ < 1.
fn weights(least: f64) -> [f64; 3] {
    let square = least * least;
    let gamma = (4.0 * (1.0 - square) / (square * square)).cbrt();
    let root = (1.0 + gamma).sqrt();
    let a = root + 0.5 * (8.0 - 4.0 * gamma + 8.0 * (2.0 - square) / (square * root)).sqrt();
    let b = (a - 1.0).powi(2) / 4.0;
    [a, b, a + b - 1.0]
}

/// The norm of σI − S, S symmetric, from below, by power iteration.
pub(crate) fn norm<F: Float>(s: &[F], dim: usize, shift: f64) -> f64 {
    let mut vector: Vec<F> = (1..=dim).map(|i| F::of((i as f64).sin())).collect();
    let mut norm = length(&vector);
    for _ in 0..POWER {
        let unit = F::of(norm.recip());
        vector.iter_mut().for_each(|v| *v *= unit);
        let mut image: Vec<F> = vector.iter().map(|&v| F::of(shift) * v).collect();
        vectorised(
            #[inline(always)]
            |_| {
                for (row, v) in s.chunks_exact(dim).zip(&vector) {
                    for (image, s) in image.iter_mut().zip(row) {
                        *image -= *s * *v;
                    }
                }
            },
        );
        vector = image;
        norm = length(&vector);
        if !(norm > 0.0 && norm.is_finite()) {
            break;
        }
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::dense::product::tests::{Square, gram, product};

    /// A rotation of all coordinates: the reflection I − 2vv^⊤/‖v‖² with v_i = sin(i + 1).
    fn reflection(n: usize) -> Square<f64> {
        let v: Vec<f64> = (0..n).map(|i| (i as f64 + 1.0).sin()).collect();
        let scale = 2.0 / v.iter().map(|v| v * v).sum::<f64>();
        let entry = |i: usize, k: usize| f64::from(u8::from(i == k)) - scale * v[i] * v[k];
        Square { dim: n, entries: (0..n * n).map(|e| entry(e / n, e % n)).collect() }
    }

    fn largest_gap(a: &Square<f64>, b: impl Fn(usize, usize) -> f64) -> f64 {
        let n = a.dim;
        a.entries.iter().enumerate().fold(0.0, |m, (e, v)| m.max((v - b(e / n, e % n)).abs()))
    }

    #[test]
    fn factor_of_a_product_of_a_rotation_and_a_positive_matrix() {
        // U P with P = H diag(s) H: the orthogonal factor is U, whatever s > 0.
        for (n, span) in [(3, 1.0), (8, 4.0), (60, 10.0), (200, 1e6)] {
            let h = reflection(n);
            let u = Square { dim: n, entries: (0..n * n).map(|e| h.entries[e / n * n + (e + 1) % n]).collect() };
            let mut stretched = product(&u, &h);
            let s = |i: usize| f64::powf(span, -(i as f64) / n as f64);
            stretched.entries.iter_mut().enumerate().for_each(|(e, v)| *v *= s(e % n));
            let mut halley = Halley::<f64, 8>::new(n);
            halley.parts().x.copy_from_slice(&product(&stretched, &h).entries);
            let smallest = halley.run(12).unwrap();
            let factor = Square { dim: n, entries: halley.parts().x.to_vec() };
            let identity = |i, k| f64::from(u8::from(i == k));
            assert!(largest_gap(&gram(&factor), identity) < 1e-14, "n = {n}");
            // The factor of a perturbed matrix moves by the perturbation over the smallest singular value.
            assert!(largest_gap(&factor, |i, k| u.entries[i * n + k]) < 1e-14 * span, "n = {n}");
            assert!(smallest <= 1.02 * s(n - 1) && smallest > 1e-3 * s(n - 1), "{:e} for {:e}", smallest, s(n - 1));
        }
        assert!(Halley::<f64, 8>::new(2).run(12).is_none());
    }
}
