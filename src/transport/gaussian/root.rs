//! Roots of covariances.

use crate::numeric::dense::cholesky::factor;
use crate::numeric::dense::product::update_pairs;
use crate::transport::TransportError;
use crate::transport::gaussian::sweeps;
use nalgebra::{DMatrix, SymmetricEigen};
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
        let largest = to.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
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

/// Puts some A with Σ = A Aᵀ into `to`: Cholesky's factor, or V √λ where Σ is singular. Whether it is the former, lower triangular and
/// regular. `room` is of [`panels_len`](super::product::panels_len).
pub(super) fn write_root(covariance: &impl Covariance, dim: usize, to: &mut [f64], room: &mut [[f64; 8]]) -> Result<bool, TransportError> {
    covariance.write(to)?;
    if factor(to, dim, room).is_some() {
        return Ok(true);
    }
    covariance.write(to)?;
    let fail =
        |smallest: f64| TransportError::Covariance { name: covariance.name(), reason: format!("its smallest eigenvalue is {smallest:e}") };
    let matrix = DMatrix::from_row_slice(dim, dim, to);
    let Some(mut eigen) = SymmetricEigen::try_new(matrix, f64::EPSILON, sweeps(dim)) else { return Err(fail(f64::NAN)) };
    let (smallest, largest) = (eigen.eigenvalues.min(), eigen.eigenvalues.amax());
    if smallest.is_nan() || smallest < -COVARIANCE_TOLERANCE * largest {
        return Err(fail(smallest));
    }
    for (mut column, &value) in eigen.eigenvectors.column_iter_mut().zip(eigen.eigenvalues.iter()) {
        column *= value.max(0.0).sqrt();
    }
    to.copy_from_slice(eigen.eigenvectors.transpose().as_slice());
    Ok(false)
}
