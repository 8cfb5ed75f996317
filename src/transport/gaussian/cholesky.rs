//! Cholesky's factor of a positive definite matrix, and division by that matrix, in products of tiles.

use super::product::{STRIP, Square, Strips, for_rows, tile};
use crate::Float;
use crate::vector::vectorised;
use std::array;
use std::ops::Range;

/// L, lower triangular, with M = L Lᵀ.
///
/// Columns are taken N at a time. The inverse D of each diagonal block of L is known, and the rows of L left of that block are kept
/// multiplied by −D: a block of the solution of y Lᵀ = x is then one product, of the blocks of y before it and its own block of x.
#[derive(Debug)]
pub(super) struct Cholesky<F, const N: usize> {
    pub(super) lower: Square<F>,
    /// For each block of columns J: −(D L_{J,<J})ᵀ, then Dᵀ.
    forward: Strips<F, N>,
    /// For each block of columns J: D, then −L_{>J,J} D: what `forward` is for the solution of z L = y, taken from the end.
    backward: Strips<F, N>,
    /// D of each block.
    inverses: Vec<[[F; N]; N]>,
}

impl<F: Float, const N: usize> Cholesky<F, N> {
    /// Room for matrices of this size.
    pub(super) fn zeros(dim: usize) -> Self {
        let backward = Strips { values: Vec::new(), depth: dim };
        Self { lower: Square::zeros(dim), forward: Strips::zeros(dim, dim), backward, inverses: Vec::with_capacity(dim.div_ceil(N)) }
    }

    /// Of a symmetric matrix; nothing where it is not positive definite.
    pub(super) fn of(matrix: &Square<F>) -> Option<Self> {
        let mut factor = Self::zeros(matrix.dim);
        factor.fill(matrix)?;
        Some(factor)
    }

    /// Of another symmetric matrix of the same size.
    pub(super) fn fill(&mut self, matrix: &Square<F>) -> Option<()> {
        self.inverses.clear();
        let n = matrix.dim;
        (0..n).step_by(N).try_for_each(|start| self.extend(matrix, start..n.min(start + N)))
    }

    /// The next rows of L: those of M, divided by the blocks of L above.
    fn extend(&mut self, matrix: &Square<F>, rows: Range<usize>) -> Option<()> {
        let (n, start) = (matrix.dim, rows.start);
        let mut strips = Strips::<F, STRIP>::rows(&matrix.entries[start * n..rows.end * n], n);
        for (j, panel) in (0..start).step_by(N).zip(self.forward.values.chunks_exact(n)) {
            advance(&mut strips, panel, 0..j + N, j..j + N);
        }
        let left = transposed::<F, N>(&strips, rows.len(), start);
        let mut block: [[F; N]; N] = array::from_fn(|i| {
            let row = if i < rows.len() { &matrix.entries[(start + i) * n + start..][..rows.len()] } else { &[] };
            array::from_fn(|j| row.get(j).copied().unwrap_or(if i == j { F::one() } else { F::zero() }))
        });
        for (s, block) in block.chunks_mut(STRIP).enumerate().take(strips.values.len() / n) {
            let sums = tile(&strips.get(s)[..start], &left);
            for (row, sums) in block.iter_mut().zip(&sums) {
                for (v, s) in row.iter_mut().zip(sums) {
                    *v -= *s;
                }
            }
        }
        let (upper, inverse) = factor_block(block)?;
        let panel = &mut self.forward.values[start / N * n..][..n];
        panel[..start].copy_from_slice(&left);
        combine(&mut panel[..start], &array::from_fn(|c| array::from_fn(|k| -inverse[k][c])));
        for (c, to) in panel[start..].iter_mut().enumerate().take(rows.len()) {
            *to = array::from_fn(|k| inverse[k][c]);
        }
        for (i, row) in self.lower.entries[start * n..rows.end * n].chunks_exact_mut(n).enumerate() {
            row.iter_mut().zip(&left).for_each(|(to, l)| *to = l[i]);
            row[start..=start + i].iter_mut().zip(&upper).for_each(|(to, u)| *to = u[i]);
        }
        self.inverses.push(inverse);
        Some(())
    }

    /// X ← join(X, X M^{−1}), entry by entry.
    pub(super) fn divide(&mut self, x: &mut Square<F>, join: impl Fn(F, F) -> F + Send + Sync) {
        let n = x.dim;
        self.fill_backward();
        for_rows(&mut x.entries, n, |_, block| {
            let mut strips = Strips::rows(block, n);
            let blocks = (0..n).step_by(N).map(|j| j..n.min(j + N));
            for (own, panel) in blocks.clone().zip(self.forward.values.chunks_exact(n)) {
                advance(&mut strips, panel, 0..own.end, own);
            }
            for (own, panel) in blocks.zip(self.backward.values.chunks_exact(n)).rev() {
                advance(&mut strips, panel, own.start..n, own);
            }
            for (rows, strip) in block.chunks_mut(STRIP * n).zip(strips.values.chunks_exact(n)) {
                for (r, row) in rows.chunks_exact_mut(n).enumerate() {
                    row.iter_mut().zip(strip).for_each(|(v, z)| *v = join(*v, z[r]));
                }
            }
        });
    }

    fn fill_backward(&mut self) {
        let n = self.lower.dim;
        self.backward.values.resize(self.forward.values.len(), [F::zero(); N]);
        self.backward.fill(&self.lower);
        let panels = self.backward.values.chunks_exact_mut(n).zip(&self.inverses);
        for (start, (panel, inverse)) in (0..n).step_by(N).zip(panels) {
            let end = n.min(start + N);
            panel[start..end].copy_from_slice(&inverse[..end - start]);
            combine(&mut panel[end..], &inverse.map(|row| row.map(|v| -v)));
        }
    }
}

/// Replaces the entries `own` of each strip by the products of its entries `terms` with those of a panel.
fn advance<F: Float, const N: usize>(strips: &mut Strips<F, STRIP>, panel: &[[F; N]], terms: Range<usize>, own: Range<usize>) {
    for strip in strips.values.chunks_exact_mut(strips.depth) {
        let sums = tile(&strip[terms.clone()], &panel[terms.clone()]);
        for (c, to) in strip[own.clone()].iter_mut().enumerate() {
            *to = array::from_fn(|r| sums[r][c]);
        }
    }
}

/// The first `depth` entries of up to N rows, held in strips of another width, as one strip; zero beyond the last row.
fn transposed<F: Float, const N: usize>(strips: &Strips<F, STRIP>, rows: usize, depth: usize) -> Vec<[F; N]> {
    let mut values = vec![[F::zero(); N]; depth];
    for r in 0..rows {
        for (to, v) in values.iter_mut().zip(strips.get(r / STRIP)) {
            to[r] = v[r % STRIP];
        }
    }
    values
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
    use crate::transport::gaussian::product::{Gram, product};

    fn largest_gap(a: &Square<f64>, b: &Square<f64>) -> f64 {
        a.entries.iter().zip(&b.entries).fold(0.0, |m, (a, b)| m.max((a - b).abs()))
    }

    #[test]
    fn factor_and_division_at_all_sizes() {
        for n in [1, 2, 5, 6, 7, 8, 9, 16, 17, 47, 97, 130, 200] {
            // XᵀX + I with |x| ≤ 1/√n: a condition number of a few.
            let entries = |phase: usize| (0..n * n).map(|e| ((e * 7 + e / n * 3 + phase) as f64).sin() / (n as f64).sqrt()).collect();
            let mut matrix = Gram::<f64, 8>::new(&Square { dim: n, entries: entries(0) }).squares;
            matrix.entries.iter_mut().step_by(n + 1).for_each(|v| *v += 1.0);
            let mut factor = Cholesky::<f64, 8>::of(&matrix).unwrap();
            let mut transpose = Square::zeros(n);
            transpose.zip_transposed(&factor.lower, |v, l| *v = l);
            assert!(largest_gap(&product::<f64, 8>(&factor.lower, &transpose), &matrix) < 1e-13, "n = {n}");
            let x = Square { dim: n, entries: entries(5) };
            let mut quotient = product::<f64, 8>(&x, &matrix);
            factor.divide(&mut quotient, |_, z| z);
            assert!(largest_gap(&quotient, &x) < 1e-13, "n = {n}");
        }
    }

    #[test]
    fn indefinite_matrices_have_no_factor() {
        let mut matrix = Square::<f64>::zeros(20);
        assert!(Cholesky::<f64, 8>::of(&matrix).is_none());
        matrix.entries.iter_mut().step_by(21).for_each(|v| *v = 1.0);
        assert!(Cholesky::<f64, 8>::of(&matrix).is_some());
        matrix.entries[13 * 21] = -1.0;
        assert!(Cholesky::<f64, 8>::of(&matrix).is_none());
    }
}
