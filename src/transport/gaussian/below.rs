//! The Gelbrich bound, less all that rounding may have added to it.

use crate::float::Float;
use crate::numeric::dense::eigen::symmetric;
use crate::numeric::dense::product::length;
use crate::numeric::extremes::positive;
use crate::numeric::parallel;
use crate::transport::gaussian::moments::{MeanAndCovariance, Moments, beyond};
use crate::transport::gaussian::norm;
use crate::transport::gaussian::procrustes::bures_below;
use crate::transport::gaussian::root::{Columns, columns};
use crate::transport::{Measure, TransportError, check};

/// The Gelbrich bound between two clouds, weighted or not, moved down by all that rounding may have added: **a lower bound on W_2**, hence on W_p
/// for every p ≥ 2, **that holds in floating point**.
///
/// What is given away bounds the rounding of the sums over the rows, of the roots of the covariances and of the singular vectors, each by its
/// residual. The Bures distance is a metric, and with Σ = A Aᵀ computed and Σ + δ true it moves by at most
///
/// ```math
/// \min_U \lVert A - \sqrt{\Sigma + \delta}\, U \rVert_F \le \lVert \sqrt{\Sigma} - \sqrt{\Sigma + \delta} \rVert_F
///   \le \min\Bigl( \sqrt{\lVert \delta \rVert_*},\ \frac{\lVert \delta \rVert_F}{2\sqrt{\lambda}} \Bigr)
/// ```
///
/// for any λ that is below the eigenvalues of both: the first is Powers and Størmer's inequality; for the second let S be the sum and X the
/// difference of the two roots, so that (S X + X S)/2 = −δ; in the eigenbasis of S an entry of this is X_ij (s_i + s_j)/2, at least
/// 2√λ |X_ij|.
///
/// # Errors
/// As [`gelbrich_plug_in`](super::gelbrich_plug_in); squares of coordinates beyond the range of `f64`.
///
/// # Accuracy
/// For 2d points of uniform noise 3e−12 of the bound is given away at d = 20, 2e−11 at d = 60 and 3e−10 at d = 250, of order d² ε. Where the
/// Bures distance B is small against the spread s, about d² ε s²/B is, and nothing is left of a B below d √ε s; where a covariance is singular
/// or nearly so, about √(n d ε) of the spread, since a variance of zero cannot be told from rounding. The distance of the means loses n ε of the
/// spread only. O(n d² + d³) with singular vectors by Jacobi's method: 7 ms at d = 60, 0.3 s at d = 250.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::transport::gaussian::gelbrich_lower_bound;
/// // A translation by (3, 4): W_2 = 5.
/// let lower = gelbrich_lower_bound(&array![[0.0, 0.0], [2.0, 0.0]], &array![[3.0, 4.0], [5.0, 4.0]])?;
/// assert!(lower <= 5.0 && lower > 5.0 - 1e-13);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// As [`gelbrich_plug_in`](super::gelbrich_plug_in); Powers and Størmer, "Free states of the canonical anticommutation relations", Comm. Math.
/// Phys. 16 (1970); van Hemmen and Ando, "An inequality for trace ideals", Comm. Math. Phys. 76 (1980).
pub fn gelbrich_lower_bound<'a, 'b, F: Float>(x: impl Into<Measure<'a, F>>, y: impl Into<Measure<'b, F>>) -> Result<f64, TransportError> {
    let (x, y) = (x.into(), y.into());
    let [a, b] = check::measures(x, y)?;
    let (first, second) = (Side::new(x, &a)?, Side::new(y, &b)?);
    let dim = first.centre.len();
    let spread = positive(bures_below(dim, &first.root, &second.root)? - first.spread_error - second.spread_error);
    let shift = positive(first.shift_below(&second) - first.shift_error - second.shift_error);
    let bound = shift.hypot(spread) * (1.0 - 8.0 * f64::EPSILON);
    if bound.is_finite() { Ok(bound) } else { Err(beyond("the Gelbrich bound", bound)) }
}

/// Centre, mean about it and root of the covariance of a cloud, and how far they may be from the exact ones.
#[derive(Debug)]
struct Side {
    centre: Vec<f64>,
    shift: Vec<f64>,
    root: Columns,
    /// Of `shift`, in the Euclidean norm.
    shift_error: f64,
    /// Of A Aᵀ, in the Bures distance.
    spread_error: f64,
}

impl Side {
    fn new<F: Float>(x: Measure<'_, F>, weights: &[f64]) -> Result<Self, TransportError> {
        let moments = Moments::of_measure(x, weights);
        let errors = moments.errors(weights.len(), x.weights().is_some());
        let whole = moments.whole();
        let dim = whole.mean.len();
        let root = columns(&whole, dim)?;
        let spread_error = bures_error(&whole, dim, errors.covariance + remainder(&whole.covariance, &root, dim));
        Ok(Self { centre: moments.centre.to_vec(), shift: moments.shift(), root, shift_error: errors.shift, spread_error })
    }

    /// A number below the distance of c + t of both sides, for the centres c and the means t about them as they stand here.
    fn shift_below(&self, other: &Self) -> f64 {
        let difference = |(a, b): (&f64, &f64)| a - b;
        let centres = self.centre.iter().zip(&other.centre).map(difference);
        let shifts = self.shift.iter().zip(&other.shift).map(difference);
        let rounding = 2.0 * f64::EPSILON * (norm(centres.clone()) + norm(shifts.clone()));
        norm(centres.zip(shifts).map(|(c, t)| c + t)) * (1.0 - f64::EPSILON * (self.centre.len() + 8) as f64) - rounding
    }
}

/// ‖Σ − A Aᵀ‖_F with the rounding of its own computation, at most: every entry is off by (r + 1) u of the sum of absolute values.
fn remainder(covariance: &[f64], root: &Columns, dim: usize) -> f64 {
    let mut rest = covariance.to_vec();
    parallel::for_blocks(&mut rest, dim, |i, row| {
        for column in root.entries.chunks_exact(dim) {
            row.iter_mut().zip(column).for_each(|(v, a)| *v -= column[i] * a);
        }
    });
    length(&rest) + f64::EPSILON * (root.rank + 4) as f64 * (length(covariance) + length(&root.entries).powi(2))
}

/// The Bures distance of two covariances that differ by at most `difference` in the Frobenius norm, at most; one of them is within that of
/// the given one.
fn bures_error(covariance: &MeanAndCovariance, dim: usize, difference: f64) -> f64 {
    let singular = ((dim as f64).sqrt() * difference).sqrt();
    let Ok(eigen) = symmetric(&covariance.covariance, dim) else { return singular };
    let least = eigen.values[dim - 1] - eigen.error - difference;
    let regular = difference / (2.0 * least.sqrt());
    // A singular covariance makes `regular` NaN.
    if least > 0.0 && regular < singular { regular } else { singular }
}
