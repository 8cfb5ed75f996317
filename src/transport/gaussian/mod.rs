//! Distances between Gaussian laws, and the Gaussian lower bound on W_2 between any two clouds.
//!
//! | question | take |
//! | --- | --- |
//! | W_2 of two Gaussian laws whose means and covariances are known | [`gaussian_w2`] |
//! | W_1 of two Gaussian laws on the line, or isotropic in ℝ^d | [`gaussian_w1_line`], [`gaussian_w1_isotropic`] |
//! | the Fréchet distance (FID) of two clouds as they are | [`gelbrich_plug_in`] |
//! | a lower bound on W_2 between two clouds, rounding included | [`gelbrich_lower_bound`] |
//! | the same for the laws behind two samples: bias removed, standard error | [`gelbrich`] |

mod below;
mod gelbrich;
mod moments;
mod procrustes;
mod root;

pub use below::gelbrich_lower_bound;
pub use gelbrich::{Gelbrich, gelbrich, gelbrich_plug_in};

use crate::error::{check_entries, check_equal, check_range, check_some};
use crate::numeric::extremes::largest;
use crate::numeric::special::root_quadratic::{Direction, mean_norm};
use crate::transport::TransportError;
use ndarray::ArrayRef2;
use procrustes::bures;
use root::Given;

/// W_2 between N(m₁, Σ₁) and N(m₂, Σ₂); covariances may be singular.
///
/// ```math
/// W_2^2 = \lVert m_1 - m_2 \rVert^2 + \min_{U^\top U = I} \lVert A - B U \rVert_F^2, \qquad \Sigma_1 = A A^\top,\ \Sigma_2 = B B^\top
/// ```
///
/// The minimum is the Bures distance squared, tr Σ₁ + tr Σ₂ − 2 tr (Σ₁^{1/2} Σ₂ Σ₁^{1/2})^{1/2}; in the form above (the orthogonal Procrustes
/// problem, U the polar factor of BᵀA) it is a sum of squares, and two laws that are close lose no digits to cancellation.
///
/// # Errors
/// Lengths that disagree, entries that are not finite, or a covariance that is not symmetric positive semi-definite (within 1e−10 of its
/// largest eigenvalue).
///
/// # Accuracy
/// About ε √(tr Σ) absolute and 1e−11 relative, in practice 1e−13, in both orders of the arguments: a distance of 1e−10 between unit
/// covariances keeps 6 to 7 digits. Eigenvalues below d ε of the largest count as zero: next to a singular covariance the distance cannot be told
/// better than √(d ε) of the scale where the entries are rounded; where they are exact it is right to rounding. O(d³): U comes from Newton's
/// iteration below d = 32, from there on from Halley's, in single precision and then corrected where an estimate of what this costs is below
/// 1e−11 of the distance, in double precision elsewhere; that it is orthogonal and makes UᵀBᵀA symmetric is checked. Singular covariances,
/// and what fails the check, are treated by Cholesky's factor with pivoting and singular vectors by Jacobi's method, whose residual is checked.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::transport::gaussian::gaussian_w2;
/// // Commuting covariances: W_2² = Σ (√λ_i − √μ_i)².
/// let w = gaussian_w2(&[0.0, 0.0], &array![[4.0, 0.0], [0.0, 0.0]], &[0.0, 1.0], &array![[1.0, 0.0], [0.0, 9.0]])?;
/// assert!((w - 11f64.sqrt()).abs() < 1e-14); // 1² + (2 − 1)² + (0 − 3)²
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Dowson and Landau, J. Multivariate Anal. 12 (1982); Bhatia, Jain and Lim, "On the Bures–Wasserstein distance between positive definite
/// matrices", Expo. Math. 37 (2019), arXiv 1712.01504; for the iteration Nakatsukasa, Bai and Gygi, SIAM J. Matrix Anal. Appl. 31 (2010).
#[doc(alias = "Fréchet distance")]
#[doc(alias = "Bures")]
#[doc(alias = "Bures-Wasserstein")]
pub fn gaussian_w2(
    mean_a: &[f64],
    covariance_a: &ArrayRef2<f64>,
    mean_b: &[f64],
    covariance_b: &ArrayRef2<f64>,
) -> Result<f64, TransportError> {
    check_means(mean_a, mean_b)?;
    let dim = mean_a.len();
    let first = Given { name: "the first covariance", matrix: covariance_a, dim };
    let second = Given { name: "the second covariance", matrix: covariance_b, dim };
    let shift = norm(mean_a.iter().zip(mean_b).map(|(a, b)| a - b));
    Ok(shift.hypot(bures(dim, &first, &second)?))
}

/// W_1 between N(m₁, s₁²) and N(m₂, s₂²) on the line: E|m₁ − m₂ + (s₁ − s₂) Z|, the mean of a folded normal law.
///
/// # Units
/// `std_a`, `std_b` are standard deviations.
///
/// # Errors
/// A mean that is not finite, a standard deviation that is negative or not finite.
///
/// # Accuracy
/// Relative 1e−14.
///
/// # Example
/// ```
/// use onestep::transport::gaussian::gaussian_w1_line;
/// assert!((gaussian_w1_line(1.0, 2.0, -3.0, 2.0)? - 4.0).abs() < 1e-14);
/// assert!((gaussian_w1_line(0.0, 1.0, 0.0, 3.0)? - 2.0 * (2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn gaussian_w1_line(mean_a: f64, std_a: f64, mean_b: f64, std_b: f64) -> Result<f64, TransportError> {
    gaussian_w1_isotropic(&[mean_a], std_a, &[mean_b], std_b)
}

/// W_1 between N(m₁, s₁² I) and N(m₂, s₂² I) in ℝ^d: E‖m₁ − m₂ + (s₁ − s₂) Z‖, the mean of a noncentral χ_d law.
///
/// The map x ↦ m₂ + (s₂/s₁)(x − m₁) pushes the first law to the second. It moves every point along the ray from its fixed point c
/// (a translation if s₁ = s₂), so ‖· − c‖ or its negative is a 1-Lipschitz function that grows at unit rate along every move: the dual
/// value equals the cost, and the map is optimal for W_1.
///
/// # Units
/// `std_a`, `std_b` are standard deviations of one coordinate.
///
/// # Errors
/// Empty means or unequal lengths, a mean that is not finite, a standard deviation that is negative or not finite.
///
/// # Accuracy
/// Relative 1e−14 at any d and any ratio of shift to spread.
///
/// # Example
/// ```
/// use onestep::transport::gaussian::gaussian_w1_isotropic;
/// // E‖Z‖ = 2√(2/π) in three dimensions.
/// let w1 = gaussian_w1_isotropic(&[0.0; 3], 1.0, &[0.0; 3], 2.0)?;
/// assert!((w1 - 2.0 * (2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn gaussian_w1_isotropic(mean_a: &[f64], std_a: f64, mean_b: &[f64], std_b: f64) -> Result<f64, TransportError> {
    check_means(mean_a, mean_b)?;
    for (name, value) in [("std_a", std_a), ("std_b", std_b)] {
        check_range(name, value, value >= 0.0 && value.is_finite(), "[0, inf)")?;
    }
    let shift = norm(mean_a.iter().zip(mean_b).map(|(a, b)| a - b));
    // In units of the larger of the two, so that no square overflows or underflows.
    let unit = largest([shift, (std_a - std_b).abs()].into_iter());
    if !(unit > 0.0 && unit.is_finite()) {
        return Ok(unit);
    }
    let direction = Direction { scale: (std_a - std_b) / unit, shift_squared: (shift / unit).powi(2), multiplicity: mean_a.len() };
    Ok(unit * mean_norm(&[direction]))
}

fn check_means(mean_a: &[f64], mean_b: &[f64]) -> Result<(), TransportError> {
    for (name, mean) in [("mean_a", mean_a), ("mean_b", mean_b)] {
        check_some(name, mean)?;
        check_entries(name, mean, f64::is_finite, "(-inf, inf)")?;
    }
    Ok(check_equal("the length of mean_a", mean_a.len(), "the length of mean_b", mean_b.len())?)
}

/// Euclidean norm, scaled so that nothing overflows; NaN if an entry is.
fn norm(entries: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = largest(entries.clone().map(f64::abs));
    if !(most > 0.0 && most.is_finite()) {
        return most;
    }
    most * entries.map(|e| (e / most).powi(2)).sum::<f64>().sqrt()
}
