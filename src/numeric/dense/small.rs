//! Small matrices: inverse, polar factor, largest singular value.

use crate::numeric::dense::jacobi::{dot, orthogonalise};
use crate::numeric::extremes::largest;
use crate::numeric::vector::vectorised;

/// Most steps of Newton's iteration: nine do for condition numbers up to 1/ε.
const STEPS: usize = 16;
/// A step that moved X by less than this leaves it orthogonal to rounding: convergence is quadratic.
const LAST: f64 = 1e-8;

/// X^{−1} by elimination with the largest pivot of each column; nothing where X is singular to working accuracy or holds what is not finite.
#[cfg(test)]
fn inverse(matrix: &[f64], dim: usize) -> Option<Vec<f64>> {
    let mut table = Vec::new();
    let mut inverse = vec![0.0; dim * dim];
    invert(matrix, dim, &mut table, &mut inverse).then_some(inverse)
}

/// The same into `out`, with `table` as room.
fn invert(matrix: &[f64], dim: usize, table: &mut Vec<f64>, out: &mut [f64]) -> bool {
    let width = 2 * dim;
    table.clear();
    table.resize(width * dim, 0.0);
    for (i, (to, row)) in table.chunks_exact_mut(width).zip(matrix.chunks_exact(dim)).enumerate() {
        to[..dim].copy_from_slice(row);
        to[dim + i] = 1.0;
    }
    let regular = vectorised(
        #[inline(always)]
        |fused| {
            for k in 0..dim {
                if !eliminate(table, dim, k, fused) {
                    return false;
                }
            }
            true
        },
    );
    for (to, row) in out.chunks_exact_mut(dim).zip(table.chunks_exact(width)) {
        to.copy_from_slice(&row[dim..]);
    }
    regular && out.iter().all(|v| v.is_finite())
}

/// Step k of the elimination.
#[inline(always)]
fn eliminate(table: &mut [f64], dim: usize, k: usize, fused: bool) -> bool {
    let width = 2 * dim;
    let mut at = k;
    for i in k + 1..dim {
        if table[i * width + k].abs() > table[at * width + k].abs() {
            at = i;
        }
    }
    let (before, from) = table.split_at_mut(k * width);
    if at > k {
        let (first, second) = from.split_at_mut((at - k) * width);
        first[..width].swap_with_slice(&mut second[..width]);
    }
    let (own, after) = from.split_at_mut(width);
    let pivot = own[k];
    if !(pivot != 0.0 && pivot.is_finite()) {
        return false;
    }
    let scale = pivot.recip();
    for v in &mut *own {
        *v *= scale;
    }
    for row in before.chunks_exact_mut(width) {
        subtract(row, own, k, fused);
    }
    for row in after.chunks_exact_mut(width) {
        subtract(row, own, k, fused);
    }
    true
}

/// row −= row_k own, from entry k on: what stands before is zero in `own`.
#[inline(always)]
fn subtract(row: &mut [f64], own: &[f64], k: usize, fused: bool) {
    let factor = row[k];
    for (v, p) in row[k..].iter_mut().zip(&own[k..]) {
        *v = if fused { (-factor).mul_add(*p, *v) } else { *v - factor * p };
    }
}

/// Puts the orthogonal matrix nearest to X into its place by Newton's iteration X ← (ζX + X^{−⊤}/ζ)/2; nothing where X is singular or the
/// steps do not suffice. What comes out is to be checked.
///
/// # References
/// Higham, "Computing the polar decomposition — with applications", SIAM J. Sci. Stat. Comput. 7 (1986).
pub(crate) fn polar(matrix: &mut [f64], dim: usize) -> Option<()> {
    let (mut table, mut inverse) = (Vec::new(), vec![0.0; dim * dim]);
    let mut scaled = true;
    for _ in 0..STEPS {
        if !invert(matrix, dim, &mut table, &mut inverse) {
            return None;
        }
        let zeta = if scaled { (norms(&inverse, dim) / norms(matrix, dim)).sqrt().sqrt() } else { 1.0 };
        if !(zeta > 0.0 && zeta.is_finite()) {
            return None;
        }
        let (own, other) = (0.5 * zeta, 0.5 / zeta);
        let mut moved = 0.0;
        for i in 0..dim {
            for j in 0..dim {
                let v = &mut matrix[i * dim + j];
                let new = own * *v + other * inverse[j * dim + i];
                moved += (new - *v).powi(2);
                *v = new;
            }
        }
        if !(moved > LAST * LAST) {
            return moved.is_finite().then_some(());
        }
        // Close to the end scaling only disturbs.
        scaled = moved > 1e-4 * dim as f64;
    }
    None
}

/// The product of the largest sums of absolute values of a row and of a column.
fn norms(matrix: &[f64], dim: usize) -> f64 {
    let rows = largest(matrix.chunks_exact(dim).map(|row| row.iter().map(|v| v.abs()).sum()));
    let columns = largest((0..dim).map(|j| matrix.iter().skip(j).step_by(dim).map(|v| v.abs()).sum()));
    rows * columns
}

/// The largest singular value of a matrix of rows of `columns` entries; NaN where the matrix holds what is not finite, or does not come to
/// rest.
pub(crate) fn largest_singular_value(matrix: &[f64], columns: usize) -> f64 {
    let scale = largest(matrix.iter().map(|v| v.abs()));
    if scale == 0.0 || !scale.is_finite() {
        return if scale == 0.0 { 0.0 } else { f64::NAN };
    }
    let mut rows: Vec<f64> = matrix.iter().map(|v| v / scale).collect();
    match orthogonalise(&mut rows, columns, columns) {
        Some(()) => scale * largest(rows.chunks_exact(columns).map(|row| dot(row, row))).sqrt(),
        None => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(i: usize, j: usize) -> f64 {
        ((7 * i + 3 * j * j + 1) as f64).sin()
    }

    fn product(x: &[f64], y: &[f64], dim: usize, transposed: bool) -> Vec<f64> {
        let left = |i: usize, k: usize| if transposed { x[k * dim + i] } else { x[i * dim + k] };
        (0..dim * dim).map(|e| (0..dim).map(|k| left(e / dim, k) * y[k * dim + e % dim]).sum()).collect()
    }

    fn gap(x: &[f64], dim: usize) -> f64 {
        largest(x.iter().enumerate().map(|(e, v)| (v - f64::from(u8::from(e % (dim + 1) == 0))).abs()))
    }

    #[test]
    fn inverse_polar_factor_and_norm() {
        for dim in [1, 2, 3, 7, 10, 25] {
            let x: Vec<f64> = (0..dim * dim).map(|e| entry(e / dim, e % dim)).collect();
            let inverse = inverse(&x, dim).unwrap();
            let size = largest(inverse.iter().map(|v| v.abs()));
            assert!(gap(&product(&x, &inverse, dim, false), dim) < 1e-14 * size * dim as f64, "{dim}");
            let mut u = x.clone();
            polar(&mut u, dim).unwrap();
            assert!(gap(&product(&u, &u, dim, true), dim) < 1e-14 * dim as f64);
            // UᵀX is symmetric.
            let h = product(&u, &x, dim, true);
            assert!((0..dim * dim).all(|e| (h[e] - h[e % dim * dim + e / dim]).abs() < 1e-14 * dim as f64));
            // ‖X‖ = ‖UᵀX‖ is between the largest row and the Frobenius norm.
            let norm = largest_singular_value(&x, dim);
            let frobenius = dot(&x, &x).sqrt();
            assert!(norm <= frobenius * (1.0 + 1e-14) && norm * (dim as f64).sqrt() >= frobenius * (1.0 - 1e-14));
        }
        assert!(inverse(&[1.0, 2.0, 2.0, 4.0], 2).is_none());
        assert!(inverse(&[f64::NAN], 1).is_none());
        assert!(polar(&mut [0.0], 1).is_none());
        assert_eq!(largest_singular_value(&[0.0, 0.0, 0.0, 3.0], 2), 3.0);
        assert!(largest_singular_value(&[f64::NAN, 0.0, 0.0, 3.0], 2).is_nan());
    }
}
