//! Cholesky's factor of a positive definite matrix, and division by that matrix, in products of tiles.
//!
//! Columns are taken N at a time. The inverse D of each diagonal block of L is known, and the rows of L left of that block are kept
//! multiplied by −D: a block of the solution of y Lᵀ = x is then one product, of the blocks of y before it and its own block of x.

use crate::float::Float;
use crate::numeric::dense::jacobi::dot;
use crate::numeric::dense::panels::{TILE_ROWS, store};
use crate::numeric::dense::product::{for_parts, for_rows, length, panels_len, products};
use crate::numeric::extremes::largest;
use crate::numeric::vector::vectorised;
use ndarray::{Array2, ArrayRef2};
use std::array;
use std::ops::Range;

/// Rows that are divided by the part of L above them side by side; a multiple of [`TILE_ROWS`] and of N.
const TOGETHER: usize = 96;
/// Rows of these that one thread takes at a time.
const PART: usize = 4 * TILE_ROWS;

/// M ← L, lower triangular, with M = L Lᵀ; nothing where M is not positive definite.
///
/// `forward`, of [`panels_len`](super::product::panels_len), receives for each block of columns J: −(D L_{J,<J})ᵀ, then Dᵀ.
pub(crate) fn factor<F: Float, const N: usize>(matrix: &mut [F], dim: usize, forward: &mut [[F; N]]) -> Option<()> {
    let mut left = Vec::with_capacity(dim);
    for top in (0..dim).step_by(TOGETHER) {
        let rows = &mut matrix[top * dim..dim.min(top + TOGETHER) * dim];
        for_parts(rows, PART * dim, |_, rows| solve(rows, dim, forward, 0..top));
        for (start, rows) in (top..).step_by(N).zip(rows.chunks_mut(N * dim)) {
            solve(rows, dim, forward, top..start);
            extend(rows, dim, start, &mut forward[start / N * dim..][..dim], &mut left)?;
        }
    }
    Some(())
}

/// M = L Lᵀ, kept for divisions.
#[derive(Debug, Clone)]
pub(crate) struct Factor {
    dim: usize,
    lower: Vec<f64>,
    forward: Vec<[f64; 8]>,
}

/// L Lᵀ z may miss M z by this many times n ε ‖M‖ ‖z‖ before the factor is refused; a tenth is seen.
const SLACK: f64 = 8.0;

impl Factor {
    /// Nothing where M is not positive definite, or its factor does not give it back.
    pub(crate) fn new(matrix: &ArrayRef2<f64>) -> Option<Self> {
        let dim = matrix.nrows();
        let mut lower: Vec<f64> = matrix.iter().copied().collect();
        let mut forward = vec![[0.0; 8]; panels_len::<8>(dim)];
        factor(&mut lower, dim, &mut forward)?;
        let z: Vec<f64> = (1..=dim).map(|i| (i as f64).sin()).collect();
        let mut half = vec![0.0; dim];
        for (row, z) in lower.chunks_exact(dim).zip(&z) {
            half.iter_mut().zip(row).for_each(|(h, v)| *h += v * z);
        }
        let size = length(&lower).powi(2) * length(&z);
        let gap = matrix.rows().into_iter().zip(lower.chunks_exact(dim)).map(|(own, row)| {
            let (given, factored): (f64, f64) = (own.iter().zip(&z).map(|(m, z)| m * z).sum(), dot(row, &half));
            (given - factored).abs()
        });
        (largest(gap) <= SLACK * dim as f64 * f64::EPSILON * size).then_some(Self { dim, lower, forward })
    }

    /// The diagonal of L.
    pub(crate) fn diagonal(&self) -> impl Iterator<Item = f64> + '_ {
        self.lower.iter().step_by(self.dim + 1).copied()
    }

    /// M^{−1} B.
    pub(crate) fn solve(&self, right: &ArrayRef2<f64>) -> Array2<f64> {
        let rows: Vec<f64> = right.t().iter().copied().collect();
        let (mut out, mut room) = (rows.clone(), vec![[0.0; 8]; self.forward.len()]);
        divide((&self.lower, &self.forward, &mut room), self.dim, (&rows, &mut out), |_, z| z);
        Array2::from_shape_fn(right.dim(), |(i, j)| out[j * self.dim + i])
    }

    /// X L^{−ᵀ}.
    pub(crate) fn whiten(&self, rows: &ArrayRef2<f64>) -> Array2<f64> {
        let mut out: Vec<f64> = rows.iter().copied().collect();
        for_rows(&mut out, self.dim, |_, rows| solve(rows, self.dim, &self.forward, 0..self.dim));
        Array2::from_shape_vec(rows.dim(), out).expect("as many entries as the rows had")
    }

    /// tr M^{−1} = ‖L^{−1}‖_F².
    pub(crate) fn trace_of_inverse(&self) -> f64 {
        self.whiten(&Array2::eye(self.dim)).iter().map(|v| v * v).sum()
    }
}

/// Turns the solution y in the rows of a block, followed by the rows of M, into the rows of L, and fills its panel of `forward`.
fn extend<F: Float, const N: usize>(rows: &mut [F], dim: usize, start: usize, panel: &mut [[F; N]], left: &mut Vec<[F; N]>) -> Option<()> {
    let height = rows.len() / dim;
    left.clear();
    left.resize(start, [F::zero(); N]);
    for (r, row) in rows.chunks_exact(dim).enumerate() {
        left.iter_mut().zip(row).for_each(|(to, v)| to[r] = *v);
    }
    let identity = |i: usize, j: usize| if i == j { F::one() } else { F::zero() };
    let mut block: [[F; N]; N] = array::from_fn(|i| {
        let row = if i < height { &rows[i * dim + start..][..height] } else { &[] };
        array::from_fn(|j| row.get(j).copied().unwrap_or(identity(i, j)))
    });
    for (rows, block) in rows.chunks(TILE_ROWS * dim).zip(block.chunks_mut(TILE_ROWS)) {
        for (row, sums) in block.iter_mut().zip(products(rows, dim, left, 0..start)).take(rows.len() / dim) {
            row.iter_mut().zip(sums).for_each(|(v, s)| *v -= s);
        }
    }
    let (upper, inverse) = factor_block(block)?;
    panel[..start].copy_from_slice(left);
    combine(&mut panel[..start], &array::from_fn(|c| array::from_fn(|k| -inverse[k][c])));
    for (c, to) in panel[start..].iter_mut().enumerate().take(height) {
        *to = array::from_fn(|k| inverse[k][c]);
    }
    for (i, row) in rows.chunks_exact_mut(dim).enumerate() {
        row[start..=start + i].iter_mut().zip(&upper).for_each(|(to, u)| *to = u[i]);
        row[start + i + 1..].fill(F::zero());
    }
    Some(())
}

/// out_ij = join(x_ij, (X M^{−1})_ij), with L and `forward` from [`factor`]; `backward` is room of the size of `forward`.
pub(crate) fn divide<F: Float, const N: usize>(
    (lower, forward, backward): (&[F], &[[F; N]], &mut [[F; N]]),
    dim: usize,
    (x, out): (&[F], &mut [F]),
    join: impl Fn(F, F) -> F + Send + Sync,
) {
    // For each block of columns J: D, then −L_{>J,J} D: what `forward` is for the solution of z L = y, taken from the end.
    for_parts(backward, dim, |block, panel| {
        let start = block * N;
        let own = start..dim.min(start + N);
        let transposed = &forward[block * dim + start..][..own.len()];
        let inverse: [[F; N]; N] = array::from_fn(|k| array::from_fn(|c| transposed.get(c).map_or(F::zero(), |column| column[k])));
        for (k, to) in own.clone().zip(&mut panel[own.clone()]) {
            *to = inverse[k - start];
        }
        for (row, to) in lower[own.end * dim..].chunks_exact(dim).zip(&mut panel[own.end..]) {
            // Rows below the block exist only if it is whole.
            to.copy_from_slice(&row[own.clone()]);
        }
        combine(&mut panel[own.end..], &inverse.map(|row| row.map(|v| -v)));
    });
    for_rows(out, dim, |first, block| {
        let given = &x[first * dim..][..block.len()];
        block.copy_from_slice(given);
        solve(block, dim, forward, 0..dim);
        for (start, panel) in (0..dim).step_by(N).zip(backward.chunks_exact(dim)).rev() {
            for rows in block.chunks_mut(TILE_ROWS * dim) {
                let sums = products(rows, dim, panel, start..dim);
                replace(rows, dim, start, &sums);
            }
        }
        block.iter_mut().zip(given).for_each(|(z, x)| *z = join(*x, *z));
    });
}

/// Replaces the columns `own` of some rows, the first of them that of a block, by those of the solution y; the columns before hold it.
fn solve<F: Float, const N: usize>(rows: &mut [F], dim: usize, forward: &[[F; N]], own: Range<usize>) {
    for (start, panel) in own.clone().step_by(N).zip(forward.chunks_exact(dim).skip(own.start / N)) {
        for rows in rows.chunks_mut(TILE_ROWS * dim) {
            let sums = products(rows, dim, panel, 0..dim.min(start + N));
            replace(rows, dim, start, &sums);
        }
    }
}

/// Writes sums to the columns from `start` on.
fn replace<F: Float, const N: usize>(rows: &mut [F], dim: usize, start: usize, sums: &[[F; N]]) {
    for (row, sums) in rows.chunks_exact_mut(dim).zip(sums) {
        store(sums, &mut row[start..dim.min(start + N)]);
    }
}

/// w_i ← Σ_k w_ik r_k, with the rows r_k of a small matrix.
fn combine<F: Float, const N: usize>(weights: &mut [[F; N]], rows: &[[F; N]; N]) {
    vectorised(
        #[inline(always)]
        |_| {
            for weights in weights {
                let mut sum = [F::zero(); N];
                for (w, row) in weights.iter().zip(rows) {
                    for c in 0..N {
                        sum[c] += *w * row[c];
                    }
                }
                *weights = sum;
            }
        },
    );
}

/// Lᵀ and L^{−1} of a small matrix, by elimination of its rows and of those of the identity.
fn factor_block<F: Float, const N: usize>(mut block: [[F; N]; N]) -> Option<([[F; N]; N], [[F; N]; N])> {
    let mut inverse: [[F; N]; N] = array::from_fn(|i| array::from_fn(|j| if i == j { F::one() } else { F::zero() }));
    vectorised(
        #[inline(always)]
        |_| {
            for j in 0..N {
                let pivot = block[j][j];
                if !(pivot > F::zero() && pivot.is_finite()) {
                    return None;
                }
                let scale = pivot.sqrt().recip();
                let (mut row, mut own) = (block[j], inverse[j]);
                for c in 0..N {
                    (row[c], own[c]) = (row[c] * scale, own[c] * scale);
                }
                (block[j], inverse[j]) = (row, own);
                for i in j + 1..N {
                    let factor = row[i];
                    for c in 0..N {
                        block[i][c] -= factor * row[c];
                        inverse[i][c] -= factor * own[c];
                    }
                }
            }
            Some(())
        },
    )?;
    Some((block, inverse))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::dense::product::tests::{Square, gram, largest_gap, product};
    use crate::numeric::dense::product::transpose;

    #[test]
    fn factor_and_division_at_all_sizes() {
        for n in [1, 2, 5, 6, 7, 8, 9, 16, 17, 47, 96, 97, 130, 200] {
            // XᵀX + I with |x| ≤ 1/√n: a condition number of a few.
            let entries = |phase: usize| (0..n * n).map(|e| ((e * 7 + e / n * 3 + phase) as f64).sin() / (n as f64).sqrt()).collect();
            let mut matrix = gram(&Square { dim: n, entries: entries(0) });
            matrix.entries.iter_mut().step_by(n + 1).for_each(|v| *v += 1.0);
            let (mut lower, mut forward) = (matrix.clone(), vec![[0.0; 8]; panels_len::<8>(n)]);
            factor(&mut lower.entries, n, &mut forward).unwrap();
            let mut upper = Square::zeros(n);
            transpose(&lower.entries, n, &mut upper.entries, |v: f64| v);
            assert!(lower.entries.iter().enumerate().all(|(e, v)| e % n <= e / n || *v == 0.0));
            assert!(largest_gap(&product(&lower, &upper).entries, &matrix.entries) < 1e-13, "n = {n}");
            let x = Square { dim: n, entries: entries(5) };
            let multiple = product(&x, &matrix);
            let (mut quotient, mut backward) = (Square::zeros(n), forward.clone());
            divide((&lower.entries, &forward, &mut backward), n, (&multiple.entries, &mut quotient.entries), |_, z| z);
            assert!(largest_gap(&quotient.entries, &x.entries) < 1e-13, "n = {n}");
        }
    }

    #[test]
    fn indefinite_matrices_have_no_factor() {
        let mut forward = vec![[0.0; 8]; panels_len::<8>(20)];
        let mut has_factor = |diagonal: f64, entry: f64| {
            let mut matrix = vec![0.0; 400];
            matrix.iter_mut().step_by(21).for_each(|v| *v = diagonal);
            matrix[13 * 21] = entry;
            factor(&mut matrix, 20, &mut forward).is_some()
        };
        assert!(!has_factor(0.0, 0.0));
        assert!(has_factor(1.0, 1.0));
        assert!(!has_factor(1.0, -1.0));
    }
}
