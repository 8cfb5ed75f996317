//! Roots of covariances.

use super::cholesky::Cholesky;
use super::product::Square;
use super::sweeps;
use crate::transport::TransportError;
use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::ArrayRef2;

/// A covariance may miss symmetry or a nonnegative spectrum by this much of its largest entry or eigenvalue.
const COVARIANCE_TOLERANCE: f64 = 1e-10;

/// Some A with Σ = A Aᵀ.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) matrix: Square<f64>,
    /// Whether A is lower triangular, and regular.
    pub(super) triangular: bool,
}

impl Root {
    /// Of a covariance matrix that was handed in: Cholesky's factor, or V √λ where Σ is singular.
    pub(super) fn of_covariance(name: &'static str, dim: usize, covariance: &ArrayRef2<f64>) -> Result<Self, TransportError> {
        let fail = |reason: String| TransportError::Covariance { name, reason };
        if covariance.dim() != (dim, dim) {
            return Err(fail(format!("it has shape {:?}, the mean has length {dim}", covariance.dim())));
        }
        let given = Square { dim, entries: covariance.iter().copied().collect() };
        let place = |entry: usize| (entry / dim, entry % dim);
        if let Some(k) = given.entries.iter().position(|v| !v.is_finite()) {
            return Err(fail(format!("entry {:?} is {}", place(k), given.entries[k])));
        }
        let allowed = COVARIANCE_TOLERANCE * given.largest();
        let (mut symmetric, mut whole) = (given.clone(), true);
        symmetric.zip_transposed(&given, |v, w| {
            whole &= (*v - w).abs() <= allowed;
            *v = 0.5 * (*v + w);
        });
        if !whole {
            let gap = |k: usize| (given.entries[k] - given.entries[k % dim * dim + k / dim]).abs();
            let (i, j) = place((0..dim * dim).max_by(|&k, &l| gap(k).total_cmp(&gap(l))).unwrap_or(0));
            return Err(fail(format!("entries ({i}, {j}) and ({j}, {i}) differ by {:e}", gap(i * dim + j))));
        }
        Self::of_symmetric(&symmetric).map_err(|smallest| fail(format!("its smallest eigenvalue is {smallest:e}")))
    }

    /// Of a symmetric matrix; its smallest eigenvalue where that is negative.
    pub(super) fn of_symmetric(symmetric: &Square<f64>) -> Result<Self, f64> {
        if let Some(cholesky) = Cholesky::<f64, 8>::of(symmetric) {
            return Ok(Self { matrix: cholesky.lower, triangular: true });
        }
        let dim = symmetric.dim;
        let matrix = DMatrix::from_row_slice(dim, dim, &symmetric.entries);
        let Some(mut eigen) = SymmetricEigen::try_new(matrix, f64::EPSILON, sweeps(dim)) else { return Err(f64::NAN) };
        let (smallest, largest) = (eigen.eigenvalues.min(), eigen.eigenvalues.amax());
        if smallest.is_nan() || smallest < -COVARIANCE_TOLERANCE * largest {
            return Err(smallest);
        }
        for (mut column, &value) in eigen.eigenvectors.column_iter_mut().zip(eigen.eigenvalues.iter()) {
            column *= value.max(0.0).sqrt();
        }
        let entries = eigen.eigenvectors.transpose().as_slice().to_vec();
        Ok(Self { matrix: Square { dim, entries }, triangular: false })
    }
}
