//! Bootstrap and subsampling.

use crate::error::{OutOfRange, check_range};
use crate::estimate::Estimate;
use crate::float::Float;
use crate::numeric::parallel;
use crate::transport::{Distance, Measure, TransportError, check};
use ndarray::{ArrayRef2, Axis};
use rand::{Rng, RngCore};

/// The bootstrap: standard error and interval of the distance between two samples, by drawing both anew with replacement.
///
/// Rows of weighted clouds are drawn with replacement and keep their weights, which are then normalised: weights belong to their rows, as
/// importance weights do. A replicate whose rows all have weight zero is drawn again, a hundred times at most; then the cloud itself takes its
/// place.
///
/// The value is the plug-in distance itself. With D* the distances of the replicates, the standard error is their standard deviation and
/// the interval is value − (q_{97.5 %}(D*) − mean D*) to value − (q_{2.5 %}(D*) − mean D*).
///
/// # Errors
/// `replicates` < 2; weights that are not one a row, nonnegative, finite and of sum one (within 1e−9); what the distance refuses.
///
/// # Accuracy
/// The interval covers the **expectation of the plug-in distance at this n**, not W_p itself in d ≥ 3, where the bias n^{−1/d} is larger
/// than the noise: subtract a [`baseline`](super::baseline). The bootstrap fails where the limit law is not normal, that is for equal laws
/// and for finite supports: use [`subsample`] or [`permutation_test`] there.
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
) -> Result<Estimate, TransportError> {
    let (x, y) = (x.into(), y.into());
    if x.weights().is_none() && y.weights().is_none() {
        let (x, y) = (x.points(), y.points());
        return resample(distance, &x, &y, (x.nrows(), y.nrows()), replicates, rng);
    }
    check_replicates(replicates, 2)?;
    let [a, b] = check::measures(x, y)?;
    let (x, y) = (x.points(), y.points());
    let value = distance.between(Measure::weighted(&x, &a), Measure::weighted(&y, &b))?;
    let mut draw = || (drawn(&a, rng), drawn(&b, rng));
    let replicate = |((i, a), (j, b)): &((Vec<usize>, Vec<f64>), (Vec<usize>, Vec<f64>))| {
        distance.between(Measure::weighted(&x.select(Axis(0), i), a), Measure::weighted(&y.select(Axis(0), j), b))
    };
    let values = in_batches(replicates, &mut draw, replicate)?;
    Ok(interval(value, values, 1.0))
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
) -> Result<Estimate, TransportError> {
    if !(1..=x.nrows().min(y.nrows())).contains(&size) {
        return Err(OutOfRange { name: "size", value: size.into(), range: "[1, rows of the smaller cloud]" }.into());
    }
    resample(distance, x, y, (size, size), replicates, rng)
}

/// Replicates whose indices are drawn before any is computed: the draws come from one generator in order, so threads do not change them.
const BATCH: usize = 64;

fn resample<F: Float>(
    distance: &(impl Distance<F> + ?Sized),
    x: &ArrayRef2<F>,
    y: &ArrayRef2<F>,
    sizes: (usize, usize),
    replicates: usize,
    rng: &mut dyn RngCore,
) -> Result<Estimate, TransportError> {
    check_replicates(replicates, 2)?;
    let value = distance.distance(x, y)?;
    let mut draw = || {
        let mut rows = |n: usize, size: usize| (0..size).map(|_| rng.random_range(0..n)).collect::<Vec<_>>();
        (rows(x.nrows(), sizes.0), rows(y.nrows(), sizes.1))
    };
    let replicate = |(i, j): &(Vec<usize>, Vec<usize>)| distance.distance(&x.select(Axis(0), i), &y.select(Axis(0), j));
    let values = in_batches(replicates, &mut draw, replicate)?;
    // Variance goes like 1/n + 1/m: the harmonic mean of the sizes is what scales it.
    let harmonic = |(n, m): (usize, usize)| 1.0 / (1.0 / n as f64 + 1.0 / m as f64);
    let scale = (harmonic(sizes) / harmonic((x.nrows(), y.nrows()))).sqrt();
    Ok(interval(value, values, scale))
}

/// Standard error and basic interval from replicates whose spread is `1/scale` times that of the value.
fn interval(value: f64, mut values: Vec<f64>, scale: f64) -> Estimate {
    let replicates = values.len();
    let mean = values.iter().sum::<f64>() / replicates as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (replicates - 1) as f64;
    values.sort_unstable_by(f64::total_cmp);
    let spread = |level: f64| scale * (quantile(&values, level) - mean);
    Estimate {
        value,
        std_error: scale * variance.sqrt(),
        lower: value - spread(0.975),
        upper: value - spread(0.025),
        evaluations: replicates,
    }
}

/// Draws and computes in batches.
pub(super) fn in_batches<T: Send + Sync>(
    count: usize,
    draw: &mut dyn FnMut() -> T,
    compute: impl Fn(&T) -> Result<f64, TransportError> + Send + Sync,
) -> Result<Vec<f64>, TransportError> {
    let mut values = Vec::with_capacity(count);
    while values.len() < count {
        let batch: Vec<T> = (0..BATCH.min(count - values.len())).map(|_| draw()).collect();
        for value in parallel::map(batch.len(), |k| compute(&batch[k])) {
            values.push(value?);
        }
    }
    Ok(values)
}

/// The quantile of sorted values, linear between order statistics.
fn quantile(sorted: &[f64], level: f64) -> f64 {
    let at = level * (sorted.len() - 1) as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + part * (sorted[high] - sorted[low])
}

pub(super) fn check_replicates(replicates: usize, least: usize) -> Result<(), TransportError> {
    let range = if least == 1 { "[1, inf)" } else { "[2, inf)" };
    check_range("replicates", replicates, replicates >= least, range)?;
    Ok(())
}

/// Fisher–Yates.
pub(super) fn shuffle(order: &mut [usize], rng: &mut dyn RngCore) {
    for k in (1..order.len()).rev() {
        order.swap(k, rng.random_range(0..=k));
    }
}
