//! One-sided Jacobi: the rows of a table are made orthogonal by rotations of two rows at a time.
//!
//! A rotation of two rows of X changes X Xᵀ as a step of Jacobi's method for eigenvalues does. Once all rows are orthogonal, X = D V with
//! orthonormal V: the lengths D are the singular values of X and V its right singular vectors. Small singular values come out with as many
//! correct digits as the scaled rows allow, which no method that forms X Xᵀ or a bidiagonal matrix achieves.
//!
//! # References
//! Demmel and Veselić, "Jacobi's method is more accurate than QR", SIAM J. Matrix Anal. Appl. 13 (1992); Veselić and Hari, "A note on a
//! one-sided Jacobi algorithm", Numer. Math. 56 (1989); de Rijk, "A one-sided Jacobi algorithm for computing the singular value
//! decomposition on a vector computer", SIAM J. Sci. Stat. Comput. 10 (1989).

use crate::numeric::parallel;
use crate::numeric::vector::vectorised;

/// Most sweeps over all pairs; convergence is quadratic, and ten are rarely used.
const SWEEPS: usize = 60;
/// Rows of a block. Pairs of blocks are worked on at the same time, each while it is in the cache; the order of the pairs does not depend on
/// the number of threads.
const BLOCK: usize = 16;
/// A table of at most so many rows is one block.
const FEW: usize = 48;
/// Rows shorter than this are orthogonal to all others as far as anyone can tell: the entries of the table are of unit size at most, and
/// squares below are no longer normal numbers.
const NOTHING: f64 = 1e-140;
/// The square of a length that fell to this part of what it was is summed anew, since little is left of its digits.
const CANCELLED: f64 = 0.1;

/// Some successive rows and the squares of their lengths.
#[derive(Debug, Default)]
struct Block {
    rows: Vec<f64>,
    squares: Vec<f64>,
}

/// Makes the first `len` entries of all rows of `stride` entries orthogonal to one another, to a few units in the last place of the product
/// of their lengths; the other entries take part in the rotations. Long rows come first in the end. Nothing where the sweeps do not
/// suffice.
///
/// The first `len` entries must not exceed 1 by more than a modest factor.
pub(crate) fn orthogonalise(rows: &mut [f64], stride: usize, len: usize) -> Option<()> {
    let count = rows.len() / stride;
    // The rounding error of a sum of `len` products, as it is on average.
    let tolerance = f64::EPSILON * (len as f64).sqrt().max(2.0);
    if count <= FEW {
        return one_block(rows, &mut vec![0.0; count], (stride, len), tolerance);
    }
    let mut blocks: Vec<Block> = rows.chunks(BLOCK * stride).map(|rows| Block { rows: rows.to_vec(), squares: Vec::new() }).collect();
    // Rounds of a tournament: in each of them every block meets another one; an empty block makes their number even.
    blocks.resize_with(blocks.len().next_multiple_of(2), Block::default);
    let mut converged = false;
    for _ in 0..SWEEPS {
        let mut rotations = parallel::map_items(blocks.iter_mut().collect(), |block: &mut Block| {
            block.squares = block.rows.chunks_exact(stride).map(|row| dot(&row[..len], &row[..len])).collect();
            within(&mut block.rows, &mut block.squares, (stride, len), tolerance)
        })
        .into_iter()
        .sum::<usize>();
        for round in 1..blocks.len() {
            let pairs = tournament(blocks.len(), round);
            let taken: Vec<_> = pairs.iter().map(|&(i, j)| (std::mem::take(&mut blocks[i]), std::mem::take(&mut blocks[j]))).collect();
            let done = parallel::map_items(taken, |(mut first, mut second)| {
                let rotations = between(&mut first, &mut second, (stride, len), tolerance);
                (first, second, rotations)
            });
            for (&(i, j), (first, second, count)) in pairs.iter().zip(done) {
                (blocks[i], blocks[j]) = (first, second);
                rotations += count;
            }
        }
        if rotations == 0 {
            converged = true;
            break;
        }
    }
    for (to, block) in rows.chunks_mut(BLOCK * stride).zip(&blocks) {
        to.copy_from_slice(&block.rows);
    }
    converged.then_some(())
}

/// The pairs (i, j), i < j, of one of the `count` − 1 rounds of a tournament of an even number: each number stands in one pair.
fn tournament(count: usize, round: usize) -> Vec<(usize, usize)> {
    let last = count - 1;
    let opponent = |k: usize| (last + round - 1 - k) % last;
    let stays = (0..last).find(|&k| opponent(k) == k);
    let others = (0..last).map(|k| (k, opponent(k))).filter(|(i, j)| i < j);
    stays.map(|k| (k, last)).into_iter().chain(others).collect()
}

fn one_block(rows: &mut [f64], squares: &mut [f64], (stride, len): (usize, usize), tolerance: f64) -> Option<()> {
    (0..SWEEPS)
        .any(|_| {
            for (square, row) in squares.iter_mut().zip(rows.chunks_exact(stride)) {
                *square = dot(&row[..len], &row[..len]);
            }
            within(rows, squares, (stride, len), tolerance) == 0
        })
        .then_some(())
}

/// All pairs of rows of one block; the number of rotations.
fn within(rows: &mut [f64], squares: &mut [f64], (stride, len): (usize, usize), tolerance: f64) -> usize {
    let mut rotations = 0;
    for i in 0..squares.len() {
        let (before, after) = rows.split_at_mut((i + 1) * stride);
        let (own, others) = squares.split_at_mut(i + 1);
        let row = &mut before[i * stride..];
        rotations += against((row, &mut own[i]), (after, others), len, tolerance);
    }
    rotations
}

/// All pairs of a row of the first and a row of the second block.
fn between(first: &mut Block, second: &mut Block, (stride, len): (usize, usize), tolerance: f64) -> usize {
    let rows = first.rows.chunks_exact_mut(stride).zip(&mut first.squares);
    rows.map(|row| against(row, (&mut second.rows, &mut second.squares), len, tolerance)).sum()
}

/// One row against others that stand behind it.
fn against((x, a): (&mut [f64], &mut f64), (others, squares): (&mut [f64], &mut [f64]), len: usize, tolerance: f64) -> usize {
    let mut rotations = 0;
    let stride = x.len();
    for (y, b) in others.chunks_exact_mut(stride).zip(squares) {
        vectorised(
            #[inline(always)]
            |fused| rotations += usize::from(pair((x, a), (y, b), len, tolerance, fused)),
        );
    }
    rotations
}

/// Rotates two rows such that they are orthogonal and the first is the longer one; whether anything was moved.
#[inline(always)]
fn pair((x, a): (&mut [f64], &mut f64), (y, b): (&mut [f64], &mut f64), len: usize, tolerance: f64, fused: bool) -> bool {
    let nothing = NOTHING * NOTHING;
    let orthogonal = *a < nothing || *b < nothing;
    let product = if orthogonal { 0.0 } else { dot_inline(&x[..len], &y[..len], fused) };
    let size = a.sqrt() * b.sqrt();
    if !(product.abs() > tolerance * size) {
        // Rows that change places have not met all the others in this sweep.
        let turned = *a < *b;
        if turned {
            x.swap_with_slice(y);
            std::mem::swap(a, b);
        }
        return turned;
    }
    let zeta = (*b - *a) / (2.0 * product);
    let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
    let cosine = (1.0 + tangent * tangent).sqrt().recip();
    let sine = cosine * tangent;
    let (shorter, longer) = (*a - tangent * product, *b + tangent * product);
    if *a >= *b {
        rotate(x, y, cosine, sine, fused);
        (*a, *b) = (updated(*a, shorter, &x[..len], fused), updated(*b, longer, &y[..len], fused));
    } else {
        // The same, and the rows change places, one of them with its sign turned.
        rotate(x, y, sine, -cosine, fused);
        let old = (*a, *b);
        (*a, *b) = (updated(old.1, longer, &x[..len], fused), updated(old.0, shorter, &y[..len], fused));
    }
    true
}

/// The square of the length of a row, `new` if that is not what a cancellation left over.
#[inline(always)]
fn updated(old: f64, new: f64, row: &[f64], fused: bool) -> f64 {
    if new > CANCELLED * old { new } else { dot_inline(row, row, fused) }
}

/// (x, y) ← (c x − s y, s x + c y).
#[inline(always)]
fn rotate(x: &mut [f64], y: &mut [f64], c: f64, s: f64, fused: bool) {
    for (x, y) in x.iter_mut().zip(y) {
        let (p, q) = (*x, *y);
        if fused {
            *x = c.mul_add(p, -(s * q));
            *y = s.mul_add(p, c * q);
        } else {
            *x = c * p - s * q;
            *y = s * p + c * q;
        }
    }
}

/// Σ x_i y_i, in lanes.
pub(crate) fn dot(x: &[f64], y: &[f64]) -> f64 {
    vectorised(
        #[inline(always)]
        |fused| dot_inline(x, y, fused),
    )
}

#[inline(always)]
fn dot_inline(x: &[f64], y: &[f64], fused: bool) -> f64 {
    const LANES: usize = 16;
    let mut lanes = [0.0; LANES];
    let (xs, x) = x.as_chunks::<LANES>();
    let (ys, y) = y.as_chunks::<LANES>();
    for (x, y) in xs.iter().zip(ys) {
        for k in 0..LANES {
            lanes[k] = if fused { x[k].mul_add(y[k], lanes[k]) } else { lanes[k] + x[k] * y[k] };
        }
    }
    let mut rest = 0.0;
    for (x, y) in x.iter().zip(y) {
        rest = if fused { x.mul_add(*y, rest) } else { rest + x * y };
    }
    let mut width = LANES / 2;
    while width > 0 {
        for k in 0..width {
            lanes[k] += lanes[k + width];
        }
        width /= 2;
    }
    lanes[0] + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::dense::structured::known;

    /// Rows become orthogonal relative to their lengths, and no longer or shorter taken together; few rows and many, in blocks.
    #[test]
    fn rows_become_orthogonal() {
        for dim in [1, 2, 5, 15, 48, 49, 100] {
            for matrix in known(dim) {
                let size = matrix.entries.iter().fold(f64::MIN_POSITIVE, |m: f64, v| m.max(v.abs()));
                let before: Vec<f64> = matrix.entries.iter().map(|v| v / size).collect();
                let mut rows = before.clone();
                orthogonalise(&mut rows, dim, dim).unwrap();
                let lengths: Vec<f64> = rows.chunks_exact(dim).map(|row| dot(row, row).sqrt()).collect();
                for (i, x) in rows.chunks_exact(dim).enumerate() {
                    for (j, y) in rows.chunks_exact(dim).enumerate().take(i) {
                        // Rows of rounding are as orthogonal as the others, while their squares are numbers.
                        if lengths[i] < 2.0 * NOTHING || lengths[j] < 2.0 * NOTHING {
                            continue;
                        }
                        let cosine = dot(x, y).abs() - 2.0 * f64::EPSILON * (dim as f64).sqrt().max(2.0) * lengths[i] * lengths[j];
                        assert!(cosine <= 0.0, "{} {dim}: rows {i} and {j}", matrix.name);
                    }
                }
                let (old, new) = (dot(&before, &before), dot(&rows, &rows));
                assert!((old - new).abs() <= 8.0 * f64::EPSILON * dim as f64 * old, "{} {dim}: {old} {new}", matrix.name);
            }
        }
    }

    /// The last two rows change places with the first one after the other, and must still meet.
    #[test]
    fn rows_that_change_places_meet_all_others() {
        let mut rows = [4.7e-17, 0.7, -0.6, 0.0, 1.0, 0.0];
        orthogonalise(&mut rows, 2, 2).unwrap();
        let lengths: Vec<f64> = rows.chunks_exact(2).map(|row| dot(row, row).sqrt()).collect();
        assert!((lengths[0] - 1.36_f64.sqrt()).abs() < 1e-15 && (lengths[1] - 0.7).abs() < 1e-15 && lengths[2] < 1e-15);
        // The same in blocks: the longest row last, and every row twice.
        let (count, len) = (100, 50);
        let entry = |e: usize| if e % len == e / len / 2 { 1.0 + (e / len) as f64 / count as f64 } else { 0.0 };
        let mut rows: Vec<f64> = (0..count * len).map(entry).collect();
        orthogonalise(&mut rows, len, len).unwrap();
        let mut exact: Vec<f64> = (0..len).map(|k| entry(2 * k * len + k).hypot(entry((2 * k + 1) * len + k))).collect();
        exact.sort_by(|a, b| b.total_cmp(a));
        let mut found: Vec<f64> = rows.chunks_exact(len).map(|row| dot(row, row).sqrt()).collect();
        found.sort_by(|a, b| b.total_cmp(a));
        assert!(found[..len].iter().zip(&exact).all(|(a, b)| (a - b).abs() < 1e-14) && found[len] < 1e-14);
    }

    /// Whatever comes out of it: it ends.
    #[test]
    fn what_is_not_finite_ends() {
        for bad in [f64::NAN, f64::INFINITY, 1e200] {
            for dim in [2, 60] {
                let mut rows = vec![0.5; dim * dim];
                rows[dim + 1] = bad;
                let _ = orthogonalise(&mut rows, dim, dim);
                assert!(bad == 1e200 || rows.iter().any(|v| !v.is_finite()));
            }
        }
    }

    #[test]
    fn every_pair_meets_once_in_a_tournament() {
        for count in [2, 4, 6, 10] {
            let mut met: Vec<(usize, usize)> = (1..count).flat_map(|round| tournament(count, round)).collect();
            met.sort_unstable();
            let all: Vec<(usize, usize)> = (0..count).flat_map(|i| (i + 1..count).map(move |j| (i, j))).collect();
            assert_eq!(met, all);
        }
    }
}
