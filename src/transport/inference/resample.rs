//! Bootstrap and subsampling.

use crate::error::{OutOfRange, check_range};
use crate::float::Float;
use crate::numeric::parallel;
use crate::transport::{Distance, Measure, TransportError, check};
use ndarray::{ArrayRef2, Axis};
use rand::{Rng, RngCore};
use std::fmt;

/// The distance of two samples and how much it varies from sample to sample.
///
/// No interval: value ± 2 standard errors would cover neither W_p of the laws, from which the value is off by its bias, nor, close to equality,
/// anything else, the value being far from normal there. For an interval take [`confidence`](super::confidence).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Spread {
    /// The distance of the two samples.
    pub value: f64,
    /// Its standard error.
    pub std_error: f64,
    /// Replicates drawn.
    pub replicates: usize,
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6e} with a standard error of {:.1e} over {} replicates", self.value, self.std_error, self.replicates)
    }
}

/// The bootstrap: the standard error of the distance between two samples, by drawing both anew with replacement.
///
/// Rows of weighted clouds are drawn with replacement and keep their weights, which are then normalised: weights belong to their rows, as
/// importance weights do. A replicate whose rows all have weight zero is drawn again, a hundred times at most; then the cloud itself takes its
/// place.
///
/// The value is the plug-in distance itself, the standard error the standard deviation of the replicates.
///
/// # Errors
/// `replicates` < 2; weights that are not one a row, nonnegative, finite and of sum one (within [`weight_tolerance`](crate::error::weight_tolerance)); what the distance refuses.
///
/// # Accuracy
/// The standard error of the plug-in distance where the limit law is normal, that is for laws that differ and supports that are not finite: use
/// [`subsample`] or [`permutation_test`](super::permutation_test) elsewhere. It knows nothing of the bias, of order n^{−1/d} in d ≥ 3.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use onestep::Float;
/// use onestep::transport::Line;
/// use onestep::transport::inference::bootstrap;
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let x = Array2::from_shape_simple_fn((400, 1), || f64::standard_normal(&mut rng));
/// let y = Array2::from_shape_simple_fn((400, 1), || 3.0 + f64::standard_normal(&mut rng));
/// let w1 = bootstrap(&Line::new(1.0)?, &x, &y, 200, &mut rng)?;
/// // For laws far apart W_1 is the difference of the means, with variance 1/400 + 1/400.
/// assert!((w1.std_error / (2.0_f64 / 400.0).sqrt() - 1.0).abs() < 0.3);
/// assert!((w1.value - 3.0).abs() < 5.0 * w1.std_error);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// del Barrio and Loubes, Ann. Probab. 47 (2019), arXiv 1705.01299; Sommerfeld and Munk, JRSSB 2018, arXiv 1610.03287 (where it fails).
pub fn bootstrap<'a, 'b, F: Float>(
    distance: &(impl Distance<F> + ?Sized),
    x: impl Into<Measure<'a, F>>,
    y: impl Into<Measure<'b, F>>,
    replicates: usize,
    rng: &mut dyn RngCore,
) -> Result<Spread, TransportError> {
    let (x, y) = (x.into(), y.into());
    if x.weights().is_none() && y.weights().is_none() {
        let (x, y) = (x.points(), y.points());
        return resample(distance, &x, &y, (x.nrows(), y.nrows()), replicates, rng);
    }
    check_replicates(replicates, 2)?;
    let [a, b] = check::measures(x, y)?;
    let (x, y) = (x.points(), y.points());
    let value = known(distance.between(Measure::weighted(&x, &a), Measure::weighted(&y, &b))?)?;
    let mut draw = || (drawn(&a, rng), drawn(&b, rng));
    let replicate = |((i, a), (j, b)): &((Vec<usize>, Vec<f64>), (Vec<usize>, Vec<f64>))| {
        distance.between(Measure::weighted(&x.select(Axis(0), i), a), Measure::weighted(&y.select(Axis(0), j), b))
    };
    let values = in_batches(replicates, &mut draw, replicate)?;
    spread(value, &values, 1.0)
}

/// As many rows as there are weights, with replacement, and their weights, normalised.
fn drawn(weights: &[f64], rng: &mut dyn RngCore) -> (Vec<usize>, Vec<f64>) {
    for _ in 0..REDRAWS {
        let rows: Vec<usize> = weights.iter().map(|_| rng.random_range(0..weights.len())).collect();
        let total: f64 = rows.iter().map(|&i| weights[i]).sum();
        if total > 0.0 {
            let weights = rows.iter().map(|&i| weights[i] / total).collect();
            return (rows, weights);
        }
    }
    ((0..weights.len()).collect(), weights.to_vec())
}

/// Draws of a replicate before the cloud itself stands for it.
const REDRAWS: usize = 100;

/// The m-out-of-n bootstrap: as [`bootstrap`], with `size` rows drawn of either cloud and spreads scaled by √(m/n).
///
/// It stays consistent where the bootstrap fails (equal laws, finite supports) if m → ∞ and m/n → 0; usual choices are n^{1/2} to n^{2/3}.
/// For clouds of different sizes n is the harmonic mean of the two.
///
/// # Errors
/// `size` outside 1 to the smaller cloud's rows, `replicates` < 2, and what the distance refuses.
///
/// # Accuracy
/// As [`bootstrap`]. The spread at m stands for the spread at n: at √n scaling, which holds for d ≤ 3 and away from equality.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use onestep::Float;
/// use onestep::transport::Line;
/// use onestep::transport::inference::subsample;
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let x = Array2::from_shape_simple_fn((1000, 1), || f64::standard_normal(&mut rng));
/// let y = Array2::from_shape_simple_fn((1000, 1), || 3.0 + f64::standard_normal(&mut rng));
/// let w1 = subsample(&Line::new(1.0)?, &x, &y, 100, 200, &mut rng)?;
/// assert!((w1.std_error / (2.0_f64 / 1000.0).sqrt() - 1.0).abs() < 0.3);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Sommerfeld and Munk, JRSSB 2018, arXiv 1610.03287; Bickel, Götze and van Zwet, Statist. Sinica 7 (1997).
pub fn subsample<F: Float>(
    distance: &(impl Distance<F> + ?Sized),
    x: &ArrayRef2<F>,
    y: &ArrayRef2<F>,
    size: usize,
    replicates: usize,
    rng: &mut dyn RngCore,
) -> Result<Spread, TransportError> {
    if !(1..=x.nrows().min(y.nrows())).contains(&size) {
        return Err(OutOfRange { name: "size", value: size.into(), range: "[1, rows of the smaller cloud]" }.into());
    }
    resample(distance, x, y, (size, size), replicates, rng)
}

/// Most replicates, beyond which nobody waits for them.
pub(super) const MOST_REPLICATES: usize = 1 << 24;

/// Replicates whose indices are drawn before any is computed: the draws come from one generator in order, so threads do not change them.
const BATCH: usize = 64;

fn resample<F: Float>(
    distance: &(impl Distance<F> + ?Sized),
    x: &ArrayRef2<F>,
    y: &ArrayRef2<F>,
    sizes: (usize, usize),
    replicates: usize,
    rng: &mut dyn RngCore,
) -> Result<Spread, TransportError> {
    check_replicates(replicates, 2)?;
    let value = known(distance.distance(x, y)?)?;
    let mut draw = || {
        let mut rows = |n: usize, size: usize| (0..size).map(|_| rng.random_range(0..n)).collect::<Vec<_>>();
        (rows(x.nrows(), sizes.0), rows(y.nrows(), sizes.1))
    };
    let replicate = |(i, j): &(Vec<usize>, Vec<usize>)| distance.distance(&x.select(Axis(0), i), &y.select(Axis(0), j));
    let values = in_batches(replicates, &mut draw, replicate)?;
    // Variance goes like 1/n + 1/m: the harmonic mean of the sizes is what scales it.
    let harmonic = |(n, m): (usize, usize)| 1.0 / (1.0 / n as f64 + 1.0 / m as f64);
    let scale = (harmonic(sizes) / harmonic((x.nrows(), y.nrows()))).sqrt();
    spread(value, &values, scale)
}

/// From replicates whose spread is `1/scale` times that of the value.
fn spread(value: f64, values: &[f64], scale: f64) -> Result<Spread, TransportError> {
    let replicates = values.len();
    let mean = values.iter().sum::<f64>() / replicates as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (replicates - 1) as f64;
    let std_error = scale * variance.sqrt();
    check_range("the standard error", std_error, std_error.is_finite(), "the range of f64")?;
    Ok(Spread { value, std_error, replicates })
}

/// Draws and computes in batches.
pub(super) fn in_batches<T: Send + Sync>(
    count: usize,
    draw: &mut dyn FnMut() -> T,
    compute: impl Fn(&T) -> Result<f64, TransportError> + Send + Sync,
) -> Result<Vec<f64>, TransportError> {
    in_batches_of(count, &mut || Ok(draw()), compute)
}

/// The same with draws that may fail, and results of any kind.
pub(super) fn in_batches_of<T: Send + Sync, R: Send>(
    count: usize,
    draw: &mut dyn FnMut() -> Result<T, TransportError>,
    compute: impl Fn(&T) -> Result<R, TransportError> + Send + Sync,
) -> Result<Vec<R>, TransportError> {
    let mut values = Vec::new();
    while values.len() < count {
        let batch = (0..BATCH.min(count - values.len())).map(|_| draw()).collect::<Result<Vec<T>, _>>()?;
        for value in parallel::map(batch.len(), |k| compute(&batch[k])) {
            values.push(value?);
        }
    }
    Ok(values)
}

pub(super) fn check_replicates(replicates: usize, least: usize) -> Result<(), TransportError> {
    let range = if least == 1 { "[1, 16777216]" } else { "[2, 16777216]" };
    check_range("replicates", replicates, (least..=MOST_REPLICATES).contains(&replicates), range)?;
    Ok(())
}

/// A distance, which one that a user defined may not be a number.
pub(super) fn known(distance: f64) -> Result<f64, TransportError> {
    Ok(check_range("the distance", distance, distance >= 0.0 && distance.is_finite(), "[0, inf)")?)
}

/// Fisher–Yates.
pub(super) fn shuffle(order: &mut [usize], rng: &mut dyn RngCore) {
    for k in (1..order.len()).rev() {
        order.swap(k, rng.random_range(0..=k));
    }
}
