//! Roots of covariances.

use super::cholesky::factor;
use super::product::{Square, panels_len, update_pairs};
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
        let mut symmetric = Square { dim, entries: Vec::with_capacity(dim * dim) };
        match covariance.as_slice() {
            Some(entries) => symmetric.entries.extend_from_slice(entries),
            None => symmetric.entries.extend(covariance),
        }
        if let Some(e) = symmetric.entries.iter().position(|v| !v.is_finite()) {
            return Err(fail(format!("entry {:?} is {}", (e / dim, e % dim), symmetric.entries[e])));
        }
        let allowed = COVARIANCE_TOLERANCE * symmetric.largest();
        let mut largest_gap = 0.0_f64;
        update_pairs(&mut symmetric.entries, dim, |v, w| {
            let gap = (v - w).abs();
            largest_gap = if gap > largest_gap { gap } else { largest_gap };
            (0.5 * (v + w), 0.5 * (v + w))
        });
        if largest_gap > allowed {
            let gap = |(i, j)| (covariance[[i, j]] - covariance[[j, i]]).abs();
            let pairs = (0..dim).flat_map(|i| (i + 1..dim).map(move |j| (i, j)));
            let (i, j) = pairs.max_by(|&p, &q| gap(p).total_cmp(&gap(q))).unwrap_or((0, 0));
            return Err(fail(format!("entries ({i}, {j}) and ({j}, {i}) differ by {largest_gap:e}")));
        }
        Self::of_symmetric(&symmetric).map_err(|smallest| fail(format!("its smallest eigenvalue is {smallest:e}")))
    }

    /// Of a symmetric matrix; its smallest eigenvalue where that is negative.
    pub(super) fn of_symmetric(symmetric: &Square<f64>) -> Result<Self, f64> {
        let dim = symmetric.dim;
        let (mut lower, mut forward) = (symmetric.clone(), vec![[0.0; 8]; panels_len::<8>(dim)]);
        if factor(&mut lower.entries, dim, &mut forward).is_some() {
            return Ok(Self { matrix: lower, triangular: true });
        }
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
