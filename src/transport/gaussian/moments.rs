//! Means and covariances of clouds, and how far rounding may have moved them.

use crate::error::OutOfRange;
use crate::float::Float;
use crate::transport::gaussian::norm;
use crate::transport::gaussian::root::Covariance;
use crate::transport::{Measure, TransportError};
use ndarray::{Array1, Array2, ArrayRef2, ArrayView1, Axis};

/// Mean and covariance of a cloud.
#[derive(Debug)]
pub(super) struct MeanAndCovariance {
    pub(super) mean: Vec<f64>,
    pub(super) covariance: Vec<f64>,
}

impl Covariance for MeanAndCovariance {
    fn name(&self) -> &'static str {
        "an empirical covariance"
    }

    fn write(&self, to: &mut [f64]) -> Result<(), TransportError> {
        if let Some(&entry) = self.covariance.iter().find(|v| !v.is_finite()) {
            return Err(beyond("an entry of an empirical covariance", entry));
        }
        to.copy_from_slice(&self.covariance);
        Ok(())
    }
}

/// A number that coordinates beyond 1e150 left without value.
pub(super) fn beyond(name: &'static str, value: f64) -> TransportError {
    OutOfRange { name, value: value.into(), range: "the range of f64" }.into()
}

/// How far the moments of a cloud may be from what was computed, over all roundings.
///
/// With ε twice the unit roundoff u, sums of m terms are off by at most m u of the sum of absolute values, in any order. Let c be the centre,
/// Y² the mean of ‖x − c‖² and t the mean of x − c. An entry of the mean of (x − c)(x − c)ᵀ is the sum of n products of differences: off by
/// at most (n + 4) u Y_i Y_j, and 2n + 6 for n + 4 under weights, whose own roundings and whose sum come in. t is off by (n + 1) u Y, or
/// (2n + 4) u Y, and t tᵀ by 2 ‖t‖ times this. Numbers below the normal ones add n d times the least of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct MomentErrors {
    /// Of t, in the Euclidean norm.
    pub(super) shift: f64,
    /// Of the covariance, in the Frobenius norm.
    pub(super) covariance: f64,
}

/// Roundings of a mean that are not those of its sum, at most.
const OTHERS: usize = 8;

/// Count, sum and sum of squares of every group, about a common centre.
#[derive(Debug)]
pub(super) struct Moments {
    pub(super) centre: Array1<f64>,
    groups: Vec<(f64, Array1<f64>, Array2<f64>)>,
}

impl Moments {
    pub(super) fn of<F: Float>(x: &ArrayRef2<F>, groups: usize) -> Self {
        let x = x.mapv(Float::as_f64);
        let centre = x.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(x.ncols()));
        let x = x - &centre;
        let groups = (0..groups)
            .map(|k| {
                let rows: Vec<usize> = (k..x.nrows()).step_by(groups).collect();
                let part = x.select(Axis(0), &rows);
                (rows.len() as f64, part.sum_axis(Axis(0)), part.t().dot(&part))
            })
            .collect();
        Self { centre, groups }
    }

    /// Of a cloud with these weights, of sum one.
    pub(super) fn of_measure<F: Float>(x: Measure<'_, F>, weights: &[f64]) -> Self {
        if x.weights().is_some() { Self::weighted(&x.points(), weights) } else { Self::of(&x.points(), 1) }
    }

    /// One group, in which a row counts as much as its weight.
    fn weighted<F: Float>(x: &ArrayRef2<F>, weights: &[f64]) -> Self {
        let x = x.mapv(Float::as_f64);
        let weights = ArrayView1::from(weights);
        let total = weights.sum();
        let centre = weights.dot(&x) / total;
        let x = x - &centre;
        let squares = (&x * &weights.insert_axis(Axis(1))).t().dot(&x);
        Self { groups: vec![(total, weights.dot(&x), squares)], centre }
    }

    pub(super) fn whole(&self) -> MeanAndCovariance {
        self.without(usize::MAX)
    }

    /// Mean and covariance of all groups but one.
    pub(super) fn without(&self, left_out: usize) -> MeanAndCovariance {
        let dim = self.centre.len();
        let (mut count, mut sum, mut squares) = (0.0, Array1::<f64>::zeros(dim), Array2::<f64>::zeros((dim, dim)));
        for (_, (n, s, q)) in self.groups.iter().enumerate().filter(|(k, _)| *k != left_out) {
            count += n;
            sum += s;
            squares += q;
        }
        let shift = &sum / count;
        let entry = |i: usize, j: usize| 0.5 * (squares[[i, j]] + squares[[j, i]]) / count - shift[i] * shift[j];
        let covariance = (0..dim * dim).map(|e| entry(e / dim, e % dim)).collect();
        MeanAndCovariance { mean: (&self.centre + &shift).to_vec(), covariance }
    }

    /// The mean of x − c over all rows of the one group there is.
    pub(super) fn shift(&self) -> Vec<f64> {
        let (count, sum, _) = &self.groups[0];
        sum.iter().map(|s| s / count).collect()
    }

    /// What rounding may have done to the moments of one group of `rows` rows.
    pub(super) fn errors(&self, rows: usize, weighted: bool) -> MomentErrors {
        let (count, _, squares) = &self.groups[0];
        let unit = f64::EPSILON * (if weighted { 2 * rows } else { rows } + OTHERS) as f64;
        let underflow = f64::MIN_POSITIVE * (rows * self.centre.len()) as f64;
        let spread = (squares.diag().sum() / count + underflow).sqrt();
        MomentErrors { shift: unit * spread, covariance: unit * spread * (spread + 2.0 * norm(self.shift().into_iter())) + underflow }
    }
}
