//! Products of square matrices, tile by tile: a tile of the product stays in registers while its sums are formed.

use crate::vector::vectorised;
use crate::{Float, parallel};
use std::array;
use std::ops::Range;

/// Rows of a tile: with two vectors a row, twelve sums and three operands fill sixteen registers. Its columns, two vectors of 32 bytes, are
/// the parameter `N` throughout: 8 in double precision, 16 in single.
pub(super) const STRIP: usize = 6;
/// Strips that share one pass over the other factor, while they are in the cache.
const BLOCK: usize = 16;
/// Matrices with fewer entries are not shared among threads: to wake one takes longer than the work.
const SHARED: usize = 1 << 15;

/// A square matrix, row after row.
#[derive(Debug, Clone)]
pub(super) struct Square<F> {
    pub(super) dim: usize,
    pub(super) entries: Vec<F>,
}

impl<F: Float> Square<F> {
    pub(super) fn zeros(dim: usize) -> Self {
        Self { dim, entries: vec![F::zero(); dim * dim] }
    }

    pub(super) fn rows(&self) -> std::slice::ChunksExact<'_, F> {
        self.entries.chunks_exact(self.dim)
    }

    pub(super) fn map<G>(&self, f: impl Fn(F) -> G) -> Square<G> {
        Square { dim: self.dim, entries: self.entries.iter().map(|&v| f(v)).collect() }
    }

    /// The largest absolute value of an entry.
    pub(super) fn largest(&self) -> F {
        self.entries.iter().fold(F::zero(), |m, v| m.max(v.abs()))
    }

    /// Calls f(v_ij, w_ji) for all entries v of this matrix and w of another, square by square, so that both are read from the cache.
    pub(super) fn zip_transposed(&mut self, other: &Self, mut f: impl FnMut(&mut F, F)) {
        const SIDE: usize = 16;
        let n = self.dim;
        for (block, rows) in self.entries.chunks_mut(SIDE * n).enumerate() {
            for first in (0..n).step_by(SIDE) {
                for (i, row) in (block * SIDE..).zip(rows.chunks_exact_mut(n)) {
                    for (j, v) in (first..n).zip(&mut row[first..n.min(first + SIDE)]) {
                        f(v, other.entries[j * n + i]);
                    }
                }
            }
        }
    }
}

impl Square<f64> {
    /// ‖X‖_F.
    pub(super) fn norm(&self) -> f64 {
        length(&self.entries)
    }
}

/// √Σ x_i², in eight lanes.
pub(super) fn length<F: Float>(x: &[F]) -> f64 {
    distance(x, x, |v, _| v)
}

/// √Σ f(x_i, y_i)², in eight lanes.
pub(super) fn distance<F: Float>(x: &[F], y: &[F], f: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    for (x, y) in x.chunks(8).zip(y.chunks(8)) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            let v = f(x.as_f64(), y.as_f64());
            *lane += v * v;
        }
    }
    lanes.iter().sum::<f64>().sqrt()
}

/// Rows, or columns, of a matrix in strips of W. A strip holds them entry by entry: the W first ones, the W second ones, …
#[derive(Debug)]
pub(super) struct Strips<F, const W: usize> {
    pub(super) values: Vec<[F; W]>,
    /// Entries of a row, or column.
    pub(super) depth: usize,
}

impl<F: Float, const W: usize> Strips<F, W> {
    /// Strips of `count` rows or columns of `depth` entries, all zero.
    pub(super) fn zeros(count: usize, depth: usize) -> Self {
        Self { values: vec![[F::zero(); W]; count.div_ceil(W) * depth], depth }
    }

    /// Of the columns of a matrix.
    pub(super) fn columns(matrix: &Square<F>) -> Self {
        let mut strips = Self::zeros(matrix.dim, matrix.dim);
        strips.fill(matrix);
        strips
    }

    /// Of the columns of another matrix of the same size.
    pub(super) fn fill(&mut self, matrix: &Square<F>) {
        for (k, row) in matrix.rows().enumerate() {
            for (part, strip) in row.chunks(W).zip(self.values.chunks_exact_mut(matrix.dim)) {
                match part.try_into() {
                    Ok(whole) => strip[k] = whole,
                    Err(_) => strip[k][..part.len()].copy_from_slice(part),
                }
            }
        }
    }

    /// Strip number s.
    pub(super) fn get(&self, s: usize) -> &[[F; W]] {
        &self.values[s * self.depth..(s + 1) * self.depth]
    }
}

impl<F: Float> Strips<F, STRIP> {
    /// Of the rows, each of `depth` entries, of a matrix.
    pub(super) fn rows(matrix: &[F], depth: usize) -> Self {
        let mut values = Vec::with_capacity(matrix.len().div_ceil(STRIP) + STRIP * depth);
        for rows in matrix.chunks(STRIP * depth) {
            // Beyond the last row it is repeated.
            let [a, b, c, d, e, f] = array::from_fn(|r| &rows[(r * depth).min(rows.len() - depth)..][..depth]);
            let entries = a.iter().zip(b).zip(c.iter().zip(d)).zip(e.iter().zip(f));
            values.extend(entries.map(|(((a, b), (c, d)), (e, f))| [*a, *b, *c, *d, *e, *f]));
        }
        Self { values, depth }
    }
}

/// The product with a few columns of the matrix whose rows are in the strips.
pub(super) fn times<F: Float, const N: usize>(left: &Strips<F, STRIP>, z: &[[F; N]]) -> Vec<[F; N]> {
    left.values.chunks_exact(left.depth).flat_map(|strip| tile(strip, z)).take(z.len()).collect()
}

/// Σ_k a_k b_k^⊤. A function of its own, so that its sums stay in registers whatever it is called from.
pub(super) fn tile<F: Float, const N: usize>(a: &[[F; STRIP]], b: &[[F; N]]) -> [[F; N]; STRIP] {
    vectorised(
        #[inline(always)]
        |fused| {
            let mut sums = [[F::zero(); N]; STRIP];
            for (a, b) in a.iter().zip(b) {
                for i in 0..STRIP {
                    for j in 0..N {
                        sums[i][j] = if fused { a[i].mul_add(b[j], sums[i][j]) } else { sums[i][j] + a[i] * b[j] };
                    }
                }
            }
            sums
        },
    )
}

/// Calls `work(first, rows)` on blocks of rows of a matrix, whole strips, `first` the number of the first row; over threads where the matrix
/// is large.
pub(super) fn for_rows<F: Float>(matrix: &mut [F], columns: usize, work: impl Fn(usize, &mut [F]) + Send + Sync) {
    let height = BLOCK * STRIP;
    if matrix.len() < SHARED {
        matrix.chunks_mut(height * columns).enumerate().for_each(|(b, rows)| work(b * height, rows));
    } else {
        parallel::for_blocks(matrix, height * columns, |b, rows| work(b * height, rows));
    }
}

/// out_ij = Σ_k a_ik b_kj, of the rows i in `left` and the columns j in `right`. `terms(i, j)` are the k that count for the tile whose first
/// entry is (i, j).
fn multiply<F: Float, const N: usize>(
    left: &Strips<F, STRIP>,
    right: &Strips<F, N>,
    out: &mut Square<F>,
    terms: impl Fn(usize, usize) -> Range<usize> + Send + Sync,
) {
    let dim = out.dim;
    for_rows(&mut out.entries, dim, |first, block| {
        for (j, panel) in (0..dim).step_by(N).zip(right.values.chunks_exact(dim)) {
            for (i, rows) in (first..).step_by(STRIP).zip(block.chunks_mut(STRIP * dim)) {
                let terms = terms(i, j);
                let sums = tile(&left.get(i / STRIP)[terms.clone()], &panel[terms]);
                for (row, sums) in rows.chunks_exact_mut(dim).zip(&sums) {
                    match <&mut [F; N]>::try_from(&mut row[j..dim.min(j + N)]) {
                        Ok(whole) => *whole = *sums,
                        Err(_) => row[j..].copy_from_slice(&sums[..dim - j]),
                    }
                }
            }
        }
    });
}

/// X Y.
pub(super) fn product<F: Float, const N: usize>(x: &Square<F>, y: &Square<F>) -> Square<F> {
    let mut out = Square::zeros(x.dim);
    multiply::<F, N>(&Strips::rows(&x.entries, x.dim), &Strips::columns(y), &mut out, |_, _| 0..x.dim);
    out
}

/// L X with L lower triangular.
pub(super) fn triangular_product<F: Float, const N: usize>(l: &Square<F>, x: &Square<F>) -> Square<F> {
    let mut out = Square::zeros(x.dim);
    multiply::<F, N>(&Strips::rows(&l.entries, x.dim), &Strips::columns(x), &mut out, |i, _| 0..x.dim.min(i + STRIP));
    out
}

/// BᵀA of lower triangular matrices.
pub(super) fn triangular_gram<F: Float, const N: usize>(b: &Square<F>, a: &Square<F>) -> Square<F> {
    let mut out = Square::zeros(a.dim);
    multiply::<F, N>(&Strips::columns(b), &Strips::columns(a), &mut out, |i, j| i.max(j)..a.dim);
    out
}

/// XᵀX of matrices of one size, and the room for it.
#[derive(Debug)]
pub(super) struct Gram<F, const N: usize> {
    pub(super) squares: Square<F>,
    left: Strips<F, STRIP>,
    right: Strips<F, N>,
}

impl<F: Float, const N: usize> Gram<F, N> {
    pub(super) fn new(x: &Square<F>) -> Self {
        let n = x.dim;
        let mut gram = Self { squares: Square::zeros(n), left: Strips::zeros(n, n), right: Strips::zeros(n, n) };
        gram.fill(x);
        gram
    }

    /// Holds XᵀX from here on.
    pub(super) fn fill(&mut self, x: &Square<F>) {
        let n = x.dim;
        self.left.fill(x);
        self.right.fill(x);
        // Tiles above the diagonal are left out.
        multiply(&self.left, &self.right, &mut self.squares, |i, j| if j < i + STRIP { 0..n } else { 0..0 });
        for i in 0..n {
            let (above, row) = self.squares.entries.split_at_mut(i * n);
            for (j, v) in row[..i].iter().enumerate() {
                above[j * n + i] = *v;
            }
        }
    }
}
