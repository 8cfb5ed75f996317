//! Singular values and vectors of any matrix, checked before they are handed out.

use crate::numeric::dense::eigen::Unsolved;
use crate::numeric::dense::jacobi::{dot, orthogonalise};
use crate::numeric::extremes::largest;

/// Residuals may be this many times ε √(rows + columns) before they are refused; a tenth is seen.
const SLACK: f64 = 64.0;

/// M = Σ_i σ_i w_i z_iᵀ.
#[derive(Debug, Clone)]
pub(crate) struct Singular {
    /// σ, decreasing, as many as M has columns.
    pub(crate) values: Vec<f64>,
    /// The number of σ above rounding.
    pub(crate) rank: usize,
    /// The w_i with i < rank, one a row.
    pub(crate) left: Vec<f64>,
    /// All z_i, one a row: orthonormal also where σ_i = 0.
    pub(crate) right: Vec<f64>,
    /// ‖M − Σ σ w zᵀ‖_F over the i < rank, with the rounding of its computation, at most.
    pub(crate) lost: f64,
    /// ‖W Wᵀ − I‖_F and ‖Z Zᵀ − I‖_F, likewise.
    pub(crate) gap: f64,
}

/// The decomposition of a matrix of `rows` × `columns` finite entries by one-sided Jacobi on its columns.
pub(crate) fn decompose(matrix: &[f64], rows: usize, columns: usize) -> Result<Singular, Unsolved> {
    let scale = largest(matrix.iter().map(|v| v.abs()));
    let identity = |i: usize, j: usize| f64::from(u8::from(i == j));
    if !(scale > 0.0 && scale.is_finite()) {
        let right = (0..columns * columns).map(|e| identity(e / columns, e % columns)).collect();
        let solved = Singular { values: vec![0.0; columns], rank: 0, left: Vec::new(), right, lost: 0.0, gap: 0.0 };
        return if scale == 0.0 || matrix.is_empty() { Ok(solved) } else { Err(Unsolved { residual: f64::NAN }) };
    }
    let stride = rows + columns;
    let mut table = vec![0.0; stride * columns];
    for (j, row) in table.chunks_exact_mut(stride).enumerate() {
        row[..rows].iter_mut().zip(matrix.iter().skip(j).step_by(columns)).for_each(|(to, v)| *to = v / scale);
        row[rows + j] = 1.0;
    }
    orthogonalise(&mut table, stride, rows).ok_or(Unsolved { residual: f64::INFINITY })?;
    let lengths: Vec<f64> = table.chunks_exact(stride).map(|row| dot(&row[..rows], &row[..rows]).sqrt()).collect();
    let mut order: Vec<usize> = (0..columns).collect();
    order.sort_by(|&i, &j| lengths[j].total_cmp(&lengths[i]));
    let values: Vec<f64> = order.iter().map(|&i| lengths[i]).collect();
    let nothing = rows.max(columns) as f64 * f64::EPSILON * values[0];
    let rank = values.iter().take_while(|v| **v > nothing).count();
    let row = |i: usize| &table[order[i] * stride..][..stride];
    let left: Vec<f64> = (0..rank).flat_map(|i| row(i)[..rows].iter().map(move |v| (i, v))).map(|(i, v)| v / values[i]).collect();
    let right: Vec<f64> = (0..columns).flat_map(|i| row(i)[rows..].iter().copied()).collect();
    let mut solved = Singular { values, rank, left, right, lost: 0.0, gap: 0.0 };
    let (left, right) = (Gap::of(&solved.left, rows), Gap::of(&solved.right, columns));
    let rest = solved.rest(matrix, scale);
    let nothing = solved.values.get(rank).copied().unwrap_or(0.0);
    let residual = largest([largest(rest.iter().map(|v| v.abs())) - nothing, left.largest, right.largest].into_iter());
    if !(residual <= SLACK * f64::EPSILON * (stride as f64).sqrt() * solved.values[0].max(1.0)) {
        return Err(Unsolved { residual });
    }
    let size = dot(matrix, matrix).sqrt() / scale + solved.values.iter().sum::<f64>();
    solved.lost = scale * (dot(&rest, &rest).sqrt() + f64::EPSILON * (rank + 4) as f64 * size);
    solved.gap = if left.norm > right.norm { left.norm } else { right.norm };
    solved.values.iter_mut().for_each(|v| *v *= scale);
    Ok(solved)
}

impl Singular {
    /// M/s − Σ σ w zᵀ.
    fn rest(&self, matrix: &[f64], scale: f64) -> Vec<f64> {
        let (rows, columns) = (matrix.len() / self.values.len(), self.values.len());
        let mut rest: Vec<f64> = matrix.iter().map(|v| v / scale).collect();
        for k in 0..self.rank {
            let (w, z) = (&self.left[k * rows..][..rows], &self.right[k * columns..][..columns]);
            for (row, w) in rest.chunks_exact_mut(columns).zip(w) {
                let weight = self.values[k] * w;
                row.iter_mut().zip(z).for_each(|(v, z)| *v -= weight * z);
            }
        }
        rest
    }
}

/// X Xᵀ − I.
struct Gap {
    /// The largest entry; NaN if there is one.
    largest: f64,
    /// The Frobenius norm and what rounding may have taken from it.
    norm: f64,
}

impl Gap {
    /// For rows of `len` entries.
    fn of(rows: &[f64], len: usize) -> Self {
        let (mut largest, mut squares) = (0.0, 0.0);
        for (i, x) in rows.chunks_exact(len).enumerate() {
            for (j, y) in rows.chunks_exact(len).take(i + 1).enumerate() {
                let gap = (dot(x, y) - f64::from(u8::from(i == j))).abs();
                largest = if gap > largest || gap.is_nan() { gap } else { largest };
                squares += if i == j { 1.0 } else { 2.0 } * gap * gap;
            }
        }
        let rounding = f64::EPSILON * (rows.len() / len * (len + 2)) as f64;
        Self { largest, norm: squares.sqrt() + rounding }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::dense::structured::known;

    /// What W and Z miss of M, in double the digits it would take: sums of a few products, in units of the largest singular value.
    fn miss(solved: &Singular, matrix: &[f64], rows: usize, columns: usize) -> f64 {
        let entry = |i: usize, j: usize| {
            let terms = (0..solved.rank).map(|k| solved.values[k] * solved.left[k * rows + i] * solved.right[k * columns + j]);
            matrix[i * columns + j] - terms.sum::<f64>()
        };
        let squares = (0..rows * columns).map(|e| entry(e / columns, e % columns).powi(2)).sum::<f64>();
        squares.sqrt()
    }

    fn sound(solved: &Singular, matrix: &[f64], rows: usize, columns: usize) {
        let most = solved.values[0];
        let miss = miss(solved, matrix, rows, columns);
        // The bound is its own rounding, mostly, of sums of `rank` terms.
        let units = 4.0 * f64::EPSILON * (solved.rank + 4) as f64 * solved.values.iter().sum::<f64>();
        assert!(miss <= solved.lost + 1e-15 * most && solved.lost <= units, "{rows} x {columns}: {miss:e} {:e}", solved.lost);
        assert!(solved.gap <= 1e-13 * rows.max(columns) as f64, "{rows} x {columns}: {:e}", solved.gap);
        assert!(solved.values.windows(2).all(|v| v[0] >= v[1]));
    }

    /// For symmetric semidefinite matrices singular values are eigenvalues.
    #[test]
    fn values_of_structured_matrices() {
        for dim in [1, 2, 3, 5, 15, 40, 60] {
            for matrix in known(dim) {
                let solved = decompose(&matrix.entries, dim, dim).unwrap();
                let gap = largest(solved.values.iter().zip(&matrix.values).map(|(v, k)| (v - k).abs()));
                assert!(gap <= 1e-15 * (dim + 4) as f64 * matrix.values[0], "{} {dim}: {gap:e}", matrix.name);
                sound(&solved, &matrix.entries, dim, dim);
                if matrix.name != "sixteen decades" {
                    assert_eq!(solved.rank, matrix.rank(), "{} {dim}", matrix.name);
                }
            }
        }
    }

    /// One row or column that is not zero, where bidiagonalisations have been seen to fail: σ is its length, the others are zero.
    #[test]
    fn one_row_or_one_column() {
        for (rows, columns) in [(1, 1), (2, 2), (3, 5), (5, 3), (7, 7), (1, 9), (9, 1)] {
            for at in 0..rows.max(columns) {
                for by_row in [true, false] {
                    if at >= if by_row { rows } else { columns } {
                        continue;
                    }
                    let entry = |i: usize, j: usize| {
                        let (place, k) = if by_row { (i, j) } else { (j, i) };
                        if place == at { f64::from((3 * k as i32 + at as i32) % 5 - 2) } else { 0.0 }
                    };
                    let matrix: Vec<f64> = (0..rows * columns).map(|e| entry(e / columns, e % columns)).collect();
                    let length = matrix.iter().map(|v| v * v).sum::<f64>().sqrt();
                    let solved = decompose(&matrix, rows, columns).unwrap();
                    assert!((solved.values[0] - length).abs() <= 4.0 * f64::EPSILON * length);
                    assert!(solved.values[1..].iter().all(|v| *v <= 4.0 * f64::EPSILON * length));
                    assert_eq!(solved.rank, usize::from(length > 0.0));
                    sound(&solved, &matrix, rows, columns);
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        for bad in [f64::NAN, f64::INFINITY] {
            for (rows, columns) in [(1, 1), (2, 3), (60, 50)] {
                let mut matrix = vec![1.0; rows * columns];
                matrix[rows * columns - 1] = bad;
                assert!(decompose(&matrix, rows, columns).is_err());
            }
        }
    }

    #[test]
    fn empty_and_zero_matrices_have_rank_zero() {
        for (rows, columns) in [(0, 3), (3, 0), (2, 2)] {
            let solved = decompose(&vec![0.0; rows * columns], rows, columns).unwrap();
            assert_eq!((solved.rank, solved.values.len(), solved.right.len()), (0, columns, columns * columns));
        }
    }
}
