//! Singular values and vectors of any matrix, checked before they are handed out.

use crate::numeric::dense::eigen::{Unsolved, largest};
use crate::numeric::dense::jacobi::{dot, orthogonalise};

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
    /// The largest entry of W Wᵀ − I, Z Zᵀ − I and, relative to that of M, of M − Σ σ w zᵀ.
    pub(crate) residual: f64,
}

/// The decomposition of a matrix of `rows` × `columns` finite entries by one-sided Jacobi on its columns.
pub(crate) fn decompose(matrix: &[f64], rows: usize, columns: usize) -> Result<Singular, Unsolved> {
    let scale = largest(matrix.iter().map(|v| v.abs()));
    let identity = |i: usize, j: usize| f64::from(u8::from(i == j));
    if !(scale > 0.0 && scale.is_finite()) {
        let right = (0..columns * columns).map(|e| identity(e / columns, e % columns)).collect();
        let solved = Singular { values: vec![0.0; columns], rank: 0, left: Vec::new(), right, residual: 0.0 };
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
    let solved = Singular { values, rank, left, right, residual: 0.0 };
    let residual = solved.residual(matrix, scale, rows, columns);
    if !(residual <= SLACK * f64::EPSILON * (stride as f64).sqrt() * solved.values[0].max(1.0)) {
        return Err(Unsolved { residual });
    }
    Ok(Singular { values: solved.values.iter().map(|v| v * scale).collect(), residual, ..solved })
}

impl Singular {
    /// The largest entry of M/s − Σ σ w zᵀ, W Wᵀ − I and Z Zᵀ − I.
    fn residual(&self, matrix: &[f64], scale: f64, rows: usize, columns: usize) -> f64 {
        let mut rest: Vec<f64> = matrix.iter().map(|v| v / scale).collect();
        for k in 0..self.rank {
            let (w, z) = (&self.left[k * rows..][..rows], &self.right[k * columns..][..columns]);
            for (row, w) in rest.chunks_exact_mut(columns).zip(w) {
                let weight = self.values[k] * w;
                row.iter_mut().zip(z).for_each(|(v, z)| *v -= weight * z);
            }
        }
        let nothing = self.values.get(self.rank).copied().unwrap_or(0.0);
        let reconstruction = (largest(rest.iter().map(|v| v.abs())) - nothing).max(0.0);
        let reconstruction = if rest.iter().any(|v| v.is_nan()) { f64::NAN } else { reconstruction };
        largest([reconstruction, gap(&self.left, rows), gap(&self.right, columns)].into_iter())
    }
}

/// The largest entry of X Xᵀ − I for rows of `len` entries.
fn gap(rows: &[f64], len: usize) -> f64 {
    let pairs = rows.chunks_exact(len).enumerate().flat_map(|(i, x)| {
        rows.chunks_exact(len).take(i + 1).enumerate().map(move |(j, y)| (dot(x, y) - f64::from(u8::from(i == j))).abs())
    });
    largest(pairs)
}
