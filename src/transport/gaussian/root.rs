//! Roots of covariances.

use crate::numeric::dense::cholesky::factor;
use crate::numeric::dense::eigen::{Unsolved, symmetric};
use crate::numeric::dense::pivoted::root;
use crate::numeric::dense::product::update_pairs;
use crate::numeric::extremes::largest;
use crate::transport::TransportError;
use ndarray::ArrayRef2;

/// A covariance may miss symmetry or a nonnegative spectrum by this much of its largest entry or eigenvalue.
const COVARIANCE_TOLERANCE: f64 = 1e-10;

/// A covariance matrix and what messages call it.
pub(super) trait Covariance: Sync {
    /// In messages.
    fn name(&self) -> &'static str;

    /// Writes the entries, symmetric to the last digit.
    fn write(&self, to: &mut [f64]) -> Result<(), TransportError>;
}

/// A covariance matrix that was handed in.
#[derive(Debug)]
pub(super) struct Given<'a> {
    pub(super) name: &'static str,
    pub(super) matrix: &'a ArrayRef2<f64>,
    /// The length of the mean that belongs to it.
    pub(super) dim: usize,
}

impl Given<'_> {
    fn fail(&self, reason: String) -> TransportError {
        TransportError::Covariance { name: self.name, reason }
    }
}

impl Covariance for Given<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn write(&self, to: &mut [f64]) -> Result<(), TransportError> {
        let (dim, matrix) = (self.dim, self.matrix);
        if matrix.dim() != (dim, dim) {
            return Err(self.fail(format!("it has shape {:?}, the mean has length {dim}", matrix.dim())));
        }
        match matrix.as_slice() {
            Some(entries) => to.copy_from_slice(entries),
            None => to.iter_mut().zip(matrix).for_each(|(to, v)| *to = *v),
        }
        if let Some(e) = to.iter().position(|v| !v.is_finite()) {
            return Err(self.fail(format!("entry {:?} is {}", (e / dim + 1, e % dim + 1), to[e])));
        }
        let largest = largest(to.iter().map(|v| v.abs()));
        let mut largest_gap = 0.0_f64;
        update_pairs(to, dim, |v, w| {
            let gap = (v - w).abs();
            largest_gap = if gap > largest_gap { gap } else { largest_gap };
            (0.5 * (v + w), 0.5 * (v + w))
        });
        if largest_gap > COVARIANCE_TOLERANCE * largest {
            let gap = |(i, j)| (matrix[[i, j]] - matrix[[j, i]]).abs();
            let pairs = (0..dim).flat_map(|i| (i + 1..dim).map(move |j| (i, j)));
            let (i, j) = pairs.max_by(|&p, &q| gap(p).total_cmp(&gap(q))).unwrap_or((0, 0));
            let (i, j) = (i + 1, j + 1);
            return Err(self.fail(format!("entries ({i}, {j}) and ({j}, {i}) differ by {largest_gap:e}")));
        }
        Ok(())
    }
}

/// Puts Cholesky's factor of Σ into `to`, unless Σ is singular to working accuracy: a pivot below dim · ε of the largest entry. Whether it is
/// there. `room` is of [`panels_len`](crate::numeric::dense::product::panels_len).
pub(super) fn write_factor(
    covariance: &impl Covariance,
    dim: usize,
    to: &mut [f64],
    room: &mut [[f64; 8]],
) -> Result<bool, TransportError> {
    covariance.write(to)?;
    let largest = largest(to.iter().step_by(dim + 1).copied());
    let floor = dim as f64 * f64::EPSILON * largest;
    Ok(factor(to, dim, room).is_some() && to.iter().step_by(dim + 1).all(|v| v * v > floor))
}

/// Columns a_k with Σ = Σ_k a_k a_kᵀ, one a row, as many as Σ has rank.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) rank: usize,
    pub(super) entries: Vec<f64>,
}

/// The columns for any covariance: Cholesky's factor with pivoting, or eigenvectors where an eigenvalue is negative by rounding.
pub(super) fn columns(covariance: &impl Covariance, dim: usize) -> Result<Columns, TransportError> {
    let mut matrix = vec![0.0; dim * dim];
    covariance.write(&mut matrix)?;
    let scale = largest(matrix.iter().map(|v| v.abs()));
    if scale == 0.0 {
        return Ok(Columns { rank: 0, entries: Vec::new() });
    }
    matrix.iter_mut().for_each(|v| *v /= scale);
    let unit = scale.sqrt();
    if let Ok(mut root) = root(&matrix, dim) {
        root.columns.iter_mut().for_each(|v| *v *= unit);
        return Ok(Columns { rank: root.rank, entries: root.columns });
    }
    let fail = |reason| TransportError::Covariance { name: covariance.name(), reason };
    let eigen = symmetric(&matrix, dim).map_err(|Unsolved { residual }| fail(format!("its eigenvectors miss it by {residual:e}")))?;
    let (most, least) = (eigen.values[0], eigen.values[dim - 1]);
    if !(least >= -COVARIANCE_TOLERANCE * most) {
        return Err(fail(format!("its smallest eigenvalue is {:e}", least * scale)));
    }
    let rank = eigen.values.iter().take_while(|v| **v > dim as f64 * f64::EPSILON * most).count();
    let kept = eigen.vectors.rows().into_iter().zip(&eigen.values).take(rank);
    let entries = kept.flat_map(|(row, value)| row.iter().map(|v| v * value.sqrt() * unit).collect::<Vec<_>>()).collect();
    Ok(Columns { rank, entries })
}
