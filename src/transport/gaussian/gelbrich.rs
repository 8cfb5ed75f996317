//! The Gelbrich bound: W_2 of two laws is at least W_2 of the Gaussians with their means and covariances.

use crate::estimate::Estimate;
use crate::float::Float;
use crate::transport::gaussian::moments::{MeanAndCovariance, Moments, beyond};
use crate::transport::gaussian::norm;
use crate::transport::gaussian::procrustes::bures;
use crate::transport::order::Order;
use crate::transport::{Measure, TransportError, check};
use ndarray::ArrayRef2;
use std::fmt;

/// The Gelbrich lower bound on W_2, measured on two clouds.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Gelbrich {
    /// The bound between the two empirical measures, to rounding ([`gelbrich_lower_bound`](super::gelbrich_lower_bound) includes it): biased
    /// upwards by order d²/n for the laws behind them.
    pub plug_in: f64,
    /// Jackknife estimate of the **square** of the bound between the laws; may be negative when they are close.
    pub squared: Estimate,
    /// Jackknife estimate of the bound itself: the roots of `squared`, cut at 0. `lower` is a lower confidence limit on W_2 at 97.5 %.
    pub distance: Estimate,
}

impl fmt::Display for Gelbrich {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Estimate { value, lower, upper, .. } = self.distance;
        write!(f, "W_2 ≥ {value:.6} (95 % interval {lower:.6} to {upper:.6}); between the clouds themselves ≥ {:.6}", self.plug_in)
    }
}

/// Groups of the jackknife: enough for a standard error good to a sixth, few enough to be cheap.
const GROUPS: usize = 20;

/// The Gelbrich bound between two clouds, weighted or not: W_2 ≥ W_2(N(m₁, Σ₁), N(m₂, Σ₂)), Σ with divisor n or under the weights.
///
/// # Errors
/// A cloud is empty or holds NaN or ∞; the clouds differ in dimension; weights that are not one a row, nonnegative, finite and of sum one
/// (within [`weight_tolerance`](crate::error::weight_tolerance)).
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::transport::Measure;
/// use onestep::transport::gaussian::gelbrich_plug_in;
/// // A translation by (3, 4): the bound is attained.
/// let g = gelbrich_plug_in(&array![[0.0, 0.0], [2.0, 0.0]], &array![[3.0, 4.0], [5.0, 4.0]])?;
/// assert!((g - 5.0).abs() < 1e-14);
/// // Mass 1/4 at 4 against a point at 0: √(mean² + variance) = √(1 + 3).
/// let g = gelbrich_plug_in(Measure::weighted(&array![[0.0], [4.0]], &[0.75, 0.25]), &array![[0.0]])?;
/// assert!((g - 2.0).abs() < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Gelbrich, "On a formula for the L² Wasserstein metric between measures on Euclidean and Hilbert spaces", Math. Nachr. 147 (1990).
#[doc(alias = "FID")]
#[doc(alias = "Fréchet distance")]
pub fn gelbrich_plug_in<'a, 'b, F: Float>(x: impl Into<Measure<'a, F>>, y: impl Into<Measure<'b, F>>) -> Result<f64, TransportError> {
    let (x, y) = (x.into(), y.into());
    let [a, b] = check::measures(x, y)?;
    distance(&Moments::of_measure(x, &a).whole(), &Moments::of_measure(y, &b).whole())
}

/// The Gelbrich bound between the laws behind two samples, with its bias removed and a standard error, by a grouped jackknife.
///
/// Row i belongs to group i mod K, K = min(20, n, m); with G² of all rows and G²₍ₖ₎ without group k of both clouds,
/// the estimate K G² − (K−1) mean G²₍ₖ₎ has no bias of order 1/n, and (K−1)/K Σ (G²₍ₖ₎ − mean)² estimates its variance.
/// Rows must be exchangeable.
///
/// # Errors
/// A cloud is empty or holds NaN or ∞, or the clouds differ in dimension.
///
/// # Accuracy
/// The plug-in bound is too large by about d²/n when the laws agree; of this the jackknife leaves order 1/n². Normal 95 % intervals.
/// With one row in a cloud nothing is known of the error: infinite intervals.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use onestep::Float;
/// use onestep::transport::gaussian::gelbrich;
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let mut cloud = |shift: f64| Array2::from_shape_simple_fn((2000, 4), || shift + f64::standard_normal(&mut rng));
/// let g = gelbrich(&cloud(0.0), &cloud(0.5))?; // W_2 = ‖(0.5, …)‖ = 1
/// assert!((g.squared.value - 1.0).abs() < 5.0 * g.squared.std_error && g.squared.std_error < 0.1);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// As [`gelbrich_plug_in`]; Efron and Stein, "The jackknife estimate of variance", Ann. Statist. 9 (1981).
#[doc(alias = "FID")]
#[doc(alias = "Fréchet distance")]
#[doc(alias = "Fréchet inception distance")]
pub fn gelbrich<F: Float>(x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<Gelbrich, TransportError> {
    check::clouds(x, y)?;
    let groups = GROUPS.min(x.nrows()).min(y.nrows());
    let (mx, my) = (Moments::of(x, groups), Moments::of(y, groups));
    let plug_in = distance(&mx.whole(), &my.whole())?;
    let evaluations = x.nrows() + y.nrows();
    let squared = if groups < 2 {
        Estimate::normal(plug_in * plug_in, f64::INFINITY, evaluations)
    } else {
        let left_out =
            (0..groups).map(|k| Ok(distance(&mx.without(k), &my.without(k))?.powi(2))).collect::<Result<Vec<_>, TransportError>>()?;
        let k = groups as f64;
        let mean = left_out.iter().sum::<f64>() / k;
        let variance = (k - 1.0) / k * left_out.iter().map(|g| (g - mean).powi(2)).sum::<f64>();
        Estimate::normal(k * plug_in * plug_in - (k - 1.0) * mean, variance.sqrt(), evaluations)
    };
    Ok(Gelbrich { plug_in, squared, distance: Order::TWO.root_of(squared) })
}

fn distance(a: &MeanAndCovariance, b: &MeanAndCovariance) -> Result<f64, TransportError> {
    let shift = norm(a.mean.iter().zip(&b.mean).map(|(a, b)| a - b));
    let distance = shift.hypot(bures(a.mean.len(), a, b)?);
    if distance.is_finite() { Ok(distance) } else { Err(beyond("the Gelbrich bound", distance)) }
}
