//! Products of square matrices, tile by tile. A left factor is held by rows; of a right factor the columns are packed into panels.

use crate::float::Float;
use crate::numeric::dense::panels::{TILE_ROWS, store, tile_of};
use crate::numeric::parallel;
use std::ops::Range;

/// Rows that share one pass over the other factor, while they are in the cache.
const BLOCK_ROWS: usize = 16 * TILE_ROWS;
/// What has fewer bytes is not shared among threads: to wake one takes longer than the work.
const SHARED: usize = 1 << 17;
/// Side of the squares in which matrices are transposed: both sides of one are in the cache.
const SIDE: usize = 16;

/// √Σ x_i².
pub(crate) fn length<F: Float>(x: &[F]) -> f64 {
    distance_by(x, x, |v, _| v)
}

/// √Σ (x_i − y_i)².
pub(crate) fn distance(x: &[f64], y: &[f64]) -> f64 {
    distance_by(x, y, |x, y| x - y)
}

/// √Σ f(x_i, y_i)², in eight lanes.
fn distance_by<F: Float>(x: &[F], y: &[F], f: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    for (x, y) in x.chunks(8).zip(y.chunks(8)) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            let v = f(x.as_f64(), y.as_f64());
            *lane += v * v;
        }
    }
    lanes.iter().sum::<f64>().sqrt()
}

/// Calls `work(first, rows)` on blocks of rows of a matrix, `first` the number of the first; over threads where the matrix is large.
pub(crate) fn for_rows<F: Float>(matrix: &mut [F], columns: usize, work: impl Fn(usize, &mut [F]) + Send + Sync) {
    for_parts(matrix, BLOCK_ROWS * columns, |part, rows| work(part * BLOCK_ROWS, rows));
}

/// Calls `work(k, part)` on parts of `len` entries; over threads from [`SHARED`] bytes on.
pub(crate) fn for_parts<T: Send>(entries: &mut [T], len: usize, work: impl Fn(usize, &mut [T]) + Send + Sync) {
    if size_of_val(entries) < SHARED {
        entries.chunks_mut(len).enumerate().for_each(|(k, part)| work(k, part));
    } else {
        parallel::for_blocks(entries, len, work);
    }
}

/// to_ij = of(x_ji).
pub(crate) fn transpose<S: Copy + Sync, F: Float>(x: &[S], dim: usize, to: &mut [F], of: impl Fn(S) -> F + Send + Sync) {
    for_parts(to, SIDE * dim, |block, rows| {
        for first in (0..dim).step_by(SIDE) {
            for (i, row) in (block * SIDE..).zip(rows.chunks_exact_mut(dim)) {
                for (j, v) in (first..dim).zip(&mut row[first..dim.min(first + SIDE)]) {
                    *v = of(x[j * dim + i]);
                }
            }
        }
    });
}

/// (x_ij, x_ji) ← f(x_ij, x_ji) for all i < j.
pub(crate) fn update_pairs<F: Float>(x: &mut [F], dim: usize, mut f: impl FnMut(F, F) -> (F, F)) {
    for (first, second) in (0..dim).step_by(SIDE).flat_map(|a| (a..dim).step_by(SIDE).map(move |b| (a, b))) {
        for i in first..dim.min(first + SIDE) {
            for j in second.max(i + 1)..dim.min(second + SIDE) {
                (x[i * dim + j], x[j * dim + i]) = f(x[i * dim + j], x[j * dim + i]);
            }
        }
    }
}

/// Arrays of N that hold the columns of a matrix: for N columns the entries of each row, then for the N next ones, and zeros beyond the last.
pub(crate) const fn panels_len<const N: usize>(dim: usize) -> usize {
    dim.div_ceil(N) * dim
}

/// Packs the columns of a matrix with the entries of(x_ij).
pub(crate) fn pack<S: Copy + Sync, F: Float, const N: usize>(
    x: &[S],
    dim: usize,
    panels: &mut [[F; N]],
    of: impl Fn(S) -> F + Send + Sync,
) {
    for_parts(panels, dim, |k, panel| {
        let columns = k * N..dim.min((k + 1) * N);
        for (row, to) in x.chunks_exact(dim).zip(panel) {
            let row = &row[columns.clone()];
            if let Some(whole) = row.first_chunk::<N>() {
                *to = whole.map(&of);
            } else {
                *to = [F::zero(); N];
                to.iter_mut().zip(row).for_each(|(to, v)| *to = of(*v));
            }
        }
    });
}

/// The products of up to [`TILE_ROWS`] rows of `dim` entries with a panel, over some of the terms; beyond the last row it is repeated.
pub(crate) fn products<F: Float, const N: usize>(rows: &[F], dim: usize, panel: &[[F; N]], terms: Range<usize>) -> [[F; N]; TILE_ROWS] {
    let row = |r: usize| &rows[(r * dim).min(rows.len() - dim)..][terms.clone()];
    tile_of([row(0), row(1), row(2), row(3), row(4), row(5)], &panel[terms.clone()])
}

/// out_ij = Σ_k left_ik right_kj, over the terms k in `terms(i, j)` for the tile whose first entry is (i, j).
pub(crate) fn multiply<F: Float, const N: usize>(
    left: &[F],
    right: &[[F; N]],
    dim: usize,
    out: &mut [F],
    terms: impl Fn(usize, usize) -> Range<usize> + Send + Sync,
) {
    for_rows(out, dim, |first, block| {
        for (j, panel) in (0..dim).step_by(N).zip(right.chunks_exact(dim)) {
            for (i, rows) in (first..).step_by(TILE_ROWS).zip(block.chunks_mut(TILE_ROWS * dim)) {
                let sums = products(&left[i * dim..][..rows.len()], dim, panel, terms(i, j));
                for (row, sums) in rows.chunks_exact_mut(dim).zip(&sums) {
                    store(sums, &mut row[j..dim.min(j + N)]);
                }
            }
        }
    });
}

/// out = XᵀX from the rows and the packed columns of Xᵀ and X.
pub(crate) fn multiply_symmetric<F: Float, const N: usize>(left: &[F], right: &[[F; N]], dim: usize, out: &mut [F]) {
    // Tiles above the diagonal are left out.
    multiply(left, right, dim, out, |i, j| if j < i + TILE_ROWS { 0..dim } else { 0..0 });
    update_pairs(out, dim, |_, below| (below, below));
}

/// Cuts memory into parts of these lengths.
pub(crate) fn parts<T, const K: usize>(memory: &mut [T], lengths: [usize; K]) -> [&mut [T]; K] {
    let mut rest = memory;
    lengths.map(|len| {
        let (part, others) = std::mem::take(&mut rest).split_at_mut(len);
        rest = others;
        part
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A square matrix, row after row.
    #[derive(Debug, Clone)]
    pub(crate) struct Square<F> {
        pub(crate) dim: usize,
        pub(crate) entries: Vec<F>,
    }

    impl Square<f64> {
        pub(crate) fn zeros(dim: usize) -> Self {
            Self { dim, entries: vec![0.0; dim * dim] }
        }
    }

    /// X Y.
    pub(crate) fn product(x: &Square<f64>, y: &Square<f64>) -> Square<f64> {
        let mut out = Square::zeros(x.dim);
        let mut panels = vec![[0.0; 8]; panels_len::<8>(x.dim)];
        pack(&y.entries, x.dim, &mut panels, |v| v);
        multiply(&x.entries, &panels, x.dim, &mut out.entries, |_, _| 0..x.dim);
        out
    }

    /// XᵀX.
    pub(crate) fn gram(x: &Square<f64>) -> Square<f64> {
        let mut transposed = Square::zeros(x.dim);
        transpose(&x.entries, x.dim, &mut transposed.entries, |v: f64| v);
        product(&transposed, x)
    }

    pub(crate) fn largest_gap(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).fold(0.0, |m, (a, b)| m.max((a - b).abs()))
    }

    #[test]
    fn products_of_all_sizes() {
        for n in [1, 5, 6, 7, 8, 9, 16, 17, 97, 190] {
            let entries = |phase: usize| (0..n * n).map(|e| ((e * 7 + e / n * 3 + phase) as f64).sin() / (n as f64).sqrt()).collect();
            let (x, y): (Square<f64>, Square<f64>) = (Square { dim: n, entries: entries(0) }, Square { dim: n, entries: entries(5) });
            let sum = |i: usize, j: usize| (0..n).map(|k| x.entries[i * n + k] * y.entries[k * n + j]).sum::<f64>();
            let sums: Vec<f64> = (0..n * n).map(|e| sum(e / n, e % n)).collect();
            assert!(largest_gap(&product(&x, &y).entries, &sums) < 1e-14, "n = {n}");
            let (mut transposed, mut symmetric, mut panels) = (Square::zeros(n), Square::zeros(n), vec![[0.0; 8]; panels_len::<8>(n)]);
            transpose(&x.entries, n, &mut transposed.entries, |v: f64| v);
            pack(&x.entries, n, &mut panels, |v| v);
            multiply_symmetric(&transposed.entries, &panels, n, &mut symmetric.entries);
            assert!(largest_gap(&symmetric.entries, &gram(&x).entries) < 1e-14, "n = {n}");
        }
    }
}
