//! Products of a batch of rows with a matrix packed once for many of them: the weights of a layer, a cloud of points.

use crate::float::Float;
use crate::numeric::vector::vectorised;
use std::ops::Range;

/// A k × n matrix B cut into panels of a few columns, each stored row after row and padded with zeros: what the inner loop reads in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Panels<F> {
    values: Vec<F>,
    rows: usize,
    columns: usize,
}

/// Rows of a tile, the part of a product held in registers: with two vectors a row, twelve sums and three operands fill sixteen registers.
pub(crate) const TILE_ROWS: usize = 6;

/// So many rows are multiplied one by one.
const FEW_ROWS: usize = 2;

/// Rows of the product that are finished while they are in the cache.
const BLOCK_ROWS: usize = 16 * TILE_ROWS;

/// Columns of a panel: two vectors of 32 bytes, or one where the matrix is that narrow.
const fn panel_columns<F>(columns: usize) -> usize {
    if size_of::<F>() == 4 && columns > 8 { 16 } else { 8 }
}

impl<F: Float> Panels<F> {
    /// Holds the matrix with these row-major entries from here on.
    pub(crate) fn pack(&mut self, entries: &[F], rows: usize, columns: usize) {
        let width = self.reshape(rows, columns);
        for (j, panel) in self.values.chunks_exact_mut(rows * width).enumerate() {
            let own = j * width..columns.min((j + 1) * width);
            for (row, to) in entries.chunks_exact(columns).zip(panel.chunks_exact_mut(width)) {
                to[..own.len()].copy_from_slice(&row[own.clone()]);
            }
        }
    }

    /// The same for the matrix whose transpose has these row-major entries.
    pub(crate) fn pack_transposed(&mut self, entries: &[F], rows: usize, columns: usize) {
        let width = self.reshape(rows, columns);
        for (own, panel) in entries.chunks(rows * width).zip(self.values.chunks_exact_mut(rows * width)) {
            for (j, column) in own.chunks_exact(rows).enumerate() {
                for (to, v) in panel.chunks_exact_mut(width).zip(column) {
                    to[j] = *v;
                }
            }
        }
    }

    /// Makes room, zero wherever there is padding, and returns the columns of a panel.
    fn reshape(&mut self, rows: usize, columns: usize) -> usize {
        let width = panel_columns::<F>(columns);
        (self.rows, self.columns) = (rows, columns);
        self.values.resize(columns.div_ceil(width) * width * rows, F::zero());
        if !columns.is_multiple_of(width) {
            let start = self.values.len() - rows * width;
            self.values[start..].fill(F::zero());
        }
        width
    }

    /// out = A B for row-major tables. Calls `finish(first, rows)` for each block of whole rows of the product, which it may change, while
    /// the block is in the cache; `first` is the number of its first entry. Sums run over k in order, whatever the number of rows.
    #[inline(always)]
    pub(crate) fn multiply(&self, a: &[F], out: &mut [F], finish: impl FnMut(usize, &mut [F])) {
        match panel_columns::<F>(self.columns) {
            16 => vectorised(
                #[inline(always)]
                |fused| self.blocks::<16>(a, out, fused, finish),
            ),
            _ => vectorised(
                #[inline(always)]
                |fused| self.blocks::<8>(a, out, fused, finish),
            ),
        }
    }

    #[inline(always)]
    fn blocks<const N: usize>(&self, a: &[F], out: &mut [F], fused: bool, mut finish: impl FnMut(usize, &mut [F])) {
        let blocks = a.chunks(BLOCK_ROWS * self.rows).zip(out.chunks_mut(BLOCK_ROWS * self.columns));
        for (b, (a, out)) in blocks.enumerate() {
            self.part::<N>(a, 0..self.columns, out, fused);
            finish(b * BLOCK_ROWS * self.columns, out);
        }
    }

    /// The given columns of A B alone, beginning with the first of a panel; `fused` is that of [`vectorised`], inside of which this is to be
    /// called.
    #[inline(always)]
    pub(crate) fn multiply_columns(&self, a: &[F], columns: Range<usize>, out: &mut [F], fused: bool) {
        match panel_columns::<F>(self.columns) {
            16 => self.part::<16>(a, columns, out, fused),
            _ => self.part::<8>(a, columns, out, fused),
        }
    }

    #[inline(always)]
    fn part<const N: usize>(&self, a: &[F], columns: Range<usize>, out: &mut [F], fused: bool) {
        let (k, n) = (self.rows, columns.len());
        let m = a.len() / k;
        let (rows, _) = self.values.as_chunks::<N>();
        for (j, panel) in rows[columns.start / N * k..columns.end.div_ceil(N) * k].chunks_exact(k).enumerate() {
            let columns = j * N..n.min((j + 1) * N);
            for first in (0..m).step_by(TILE_ROWS) {
                // Below the last row it is repeated, and the result not used.
                let row = |i: usize| &a[(first + i).min(m - 1) * k..][..k];
                if m - first <= FEW_ROWS {
                    for (i, out) in out.chunks_exact_mut(n).skip(first).enumerate() {
                        store(&single(row(i), panel, fused), &mut out[columns.clone()]);
                    }
                    break;
                }
                let sums = tile([row(0), row(1), row(2), row(3), row(4), row(5)], panel, fused);
                for (sums, out) in sums.iter().zip(out.chunks_exact_mut(n).skip(first)) {
                    store(sums, &mut out[columns.clone()]);
                }
            }
        }
    }
}

/// Writes the sums of the columns that `out` has.
#[inline(always)]
pub(crate) fn store<F: Float, const N: usize>(sums: &[F; N], out: &mut [F]) {
    match <&mut [F; N]>::try_from(&mut *out) {
        Ok(whole) => *whole = *sums,
        Err(_) => out.copy_from_slice(&sums[..out.len()]),
    }
}

/// The products of one row with a panel.
#[inline(always)]
fn single<F: Float, const N: usize>(row: &[F], panel: &[[F; N]], fused: bool) -> [F; N] {
    let mut sums = [F::zero(); N];
    for (b, a) in panel.iter().zip(row) {
        accumulate(&mut sums, *a, b, fused);
    }
    sums
}

/// The products of a tile of rows with a panel.
#[inline(always)]
fn tile<F: Float, const N: usize>(rows: [&[F]; TILE_ROWS], panel: &[[F; N]], fused: bool) -> [[F; N]; TILE_ROWS] {
    // One name a row: an array of sums, and a loop over it, may be left in memory.
    let zero = [F::zero(); N];
    let (mut s0, mut s1, mut s2, mut s3, mut s4, mut s5) = (zero, zero, zero, zero, zero, zero);
    let [r0, r1, r2, r3, r4, r5] = rows;
    let columns = r0.iter().zip(r1).zip(r2.iter().zip(r3)).zip(r4.iter().zip(r5));
    for (b, (((a0, a1), (a2, a3)), (a4, a5))) in panel.iter().zip(columns) {
        accumulate(&mut s0, *a0, b, fused);
        accumulate(&mut s1, *a1, b, fused);
        accumulate(&mut s2, *a2, b, fused);
        accumulate(&mut s3, *a3, b, fused);
        accumulate(&mut s4, *a4, b, fused);
        accumulate(&mut s5, *a5, b, fused);
    }
    [s0, s1, s2, s3, s4, s5]
}

/// The products of a tile of rows with a panel, by a function of its own: its sums stay in registers whatever it is called from.
#[inline(never)]
pub(crate) fn tile_of<F: Float, const N: usize>(rows: [&[F]; TILE_ROWS], panel: &[[F; N]]) -> [[F; N]; TILE_ROWS] {
    vectorised(
        #[inline(always)]
        |fused| tile(rows, panel, fused),
    )
}

/// sums += a b.
#[inline(always)]
fn accumulate<F: Float, const N: usize>(sums: &mut [F; N], a: F, b: &[F; N], fused: bool) {
    for k in 0..N {
        sums[k] = if fused { a.mul_add(b[k], sums[k]) } else { sums[k] + a * b[k] };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::stream::Stream;

    /// A · B with B packed both ways, the tiles with and without fused operations, against sums in double precision.
    fn check<F: Float>(m: usize, k: usize, n: usize) {
        let mut stream = Stream::nth(1, (m * k * n) as u64);
        let mut draws = |count: usize| -> Vec<F> { (0..count).map(|_| F::standard_normal(&mut stream)).collect() };
        let (a, b) = (draws(m * k), draws(k * n));
        let transpose: Vec<F> = (0..n * k).map(|e| b[e % k * n + e / k]).collect();
        let mut panels = Panels::default();
        // What was packed before must not show.
        panels.pack(&draws(3 * (n + 1)), 3, n + 1);
        for fused in [None, Some(false), Some(true)] {
            for transposed in [false, true] {
                if transposed {
                    panels.pack_transposed(&transpose, k, n);
                } else {
                    panels.pack(&b, k, n);
                }
                let mut out = vec![F::nan(); m * n];
                let mut seen = 0;
                let finish = |first: usize, block: &mut [F]| {
                    assert_eq!((first, block.len() % n), (seen, 0));
                    seen += block.len();
                    block.iter_mut().for_each(|v| *v += F::one());
                };
                match (fused, panel_columns::<F>(n)) {
                    (None, _) => panels.multiply(&a, &mut out, finish),
                    (Some(fused), 16) => panels.blocks::<16>(&a, &mut out, fused, finish),
                    (Some(fused), _) => panels.blocks::<8>(&a, &mut out, fused, finish),
                }
                assert_eq!(seen, m * n);
                for (e, value) in out.iter().enumerate() {
                    let (i, j) = (e / n, e % n);
                    let terms = || (0..k).map(|p| (a[i * k + p] * b[p * n + j]).as_f64());
                    let (sum, size) = (1.0 + terms().sum::<f64>(), 1.0 + terms().map(f64::abs).sum::<f64>());
                    // k additions, each rounded once or twice, of terms below `size`.
                    assert!((value.as_f64() - sum).abs() <= (k + 2) as f64 * F::epsilon().as_f64() * size, "{m} {k} {n}: {value} {sum}");
                }
            }
        }
    }

    #[test]
    fn products_of_all_shapes() {
        for (m, k, n) in [(1, 1, 1), (5, 3, 2), (6, 7, 8), (7, 1, 9), (13, 20, 16), (97, 11, 17), (200, 33, 40)] {
            check::<f32>(m, k, n);
            check::<f64>(m, k, n);
        }
    }
}
