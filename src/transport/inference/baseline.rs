//! The distance between two samples of one law, and what is left of a measured distance without it.

use crate::error::check_range;
use crate::estimate::Estimate;
use crate::float::Float;
use crate::transport::inference::resample::{check_replicates, known, shuffle};
use crate::transport::{Distance, TransportError, check};
use ndarray::{Array2, ArrayRef2, Axis};
use rand::RngCore;
use std::fmt;

/// The two-sample baseline: the mean distance between two independent samples of the target, each drawn by `draw()`.
///
/// A model's samples can not be expected to be closer to the data than this. Draw as many rows as the clouds of the measured distance
/// have: the baseline falls like n^{−1/d}.
///
/// # Errors
/// `replicates` = 0, and what the distance refuses.
///
/// # Accuracy
/// Mean over replicates with its standard error and 95 % interval; one replicate has no standard error (infinite).
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use onestep::Float;
/// use onestep::transport::Line;
/// use onestep::transport::inference::baseline;
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let draw = || Array2::from_shape_simple_fn((100, 1), || f64::standard_uniform(&mut rng));
/// let b = baseline(&Line::new(1.0)?, 200, draw)?;
/// // E W_1 of two uniform samples: ∫E|F_n − G_n| ≈ √(2/π) √(2/n) ∫√(u(1−u)) du = √(2/π) √(2/n) π/8.
/// assert!((b.value - (2.0_f64 / 100.0).sqrt() * (2.0 / std::f64::consts::PI).sqrt() * std::f64::consts::PI / 8.0).abs() < 5.0 * b.std_error);
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn baseline<F: Float>(
    distance: &(impl Distance<F> + ?Sized),
    replicates: usize,
    mut draw: impl FnMut() -> Array2<F>,
) -> Result<Estimate, TransportError> {
    check_replicates(replicates, 1)?;
    let values = (0..replicates).map(|_| known(distance.distance(&draw(), &draw())?)).collect::<Result<Vec<_>, _>>()?;
    Ok(Estimate::from_samples(&values))
}

/// The baseline from data alone: the mean distance between two random halves of one sample, ⌊n/2⌋ rows each.
///
/// Replicates share their rows, so the standard error is that of the splitting only, and the value belongs to n/2 rows.
///
/// # Errors
/// Fewer than two rows, `replicates` = 0, and what the distance refuses.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::transport::Line;
/// use onestep::transport::inference::split_baseline;
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let b = split_baseline(&Line::new(1.0)?, &array![[0.0], [3.0]], 4, &mut rng)?;
/// assert_eq!((b.value, b.std_error), (3.0, 0.0));
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn split_baseline<F: Float>(
    distance: &(impl Distance<F> + ?Sized),
    x: &ArrayRef2<F>,
    replicates: usize,
    rng: &mut dyn RngCore,
) -> Result<Estimate, TransportError> {
    check_replicates(replicates, 1)?;
    check::cloud("the cloud", x)?;
    let half = x.nrows() / 2;
    check_range("rows", x.nrows(), half > 0, "[2, inf)")?;
    let mut order: Vec<usize> = (0..x.nrows()).collect();
    let values = (0..replicates).map(|_| {
        shuffle(&mut order, rng);
        known(distance.distance(&x.select(Axis(0), &order[..half]), &x.select(Axis(0), &order[half..2 * half]))?)
    });
    Ok(Estimate::from_samples(&values.collect::<Result<Vec<_>, _>>()?))
}

/// A measured distance less its baseline, with the standard errors of both.
///
/// Simple and often close, but no bound either way: W_p is not additive in bias. For p = 2 [`centred`](super::centred) gives an upper
/// bound and a lower one.
///
/// ```
/// use onestep::Estimate;
/// use onestep::transport::inference::debiased;
/// let d = debiased(&Estimate::normal(3.0, 0.3, 10), &Estimate::normal(2.0, 0.4, 20));
/// assert!((d.value - 1.0).abs() < 1e-15 && (d.std_error - 0.5).abs() < 1e-15);
/// ```
#[must_use]
pub fn debiased(measured: &Estimate, baseline: &Estimate) -> Estimate {
    let evaluations = measured.evaluations + baseline.evaluations;
    Estimate::normal(measured.value - baseline.value, measured.std_error.hypot(baseline.std_error), evaluations)
}

/// Whether a sample size is enough to see an effect through the bias of the plug-in distance.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Resolution {
    /// Measured distance less the baseline.
    pub effect: Estimate,
    /// The baseline over the effect: how many times the bias exceeds what is to be measured. ∞ where there is no effect.
    pub bias_ratio: f64,
    /// n^{−1/max(d, 2)}, the rate at which the baseline falls.
    pub rate: f64,
    /// Rows at which the baseline would have fallen to the effect: n · `bias_ratio`^{max(d, 2)}. ∞ where there is no effect.
    pub rows_needed: f64,
    /// Whether the effect is below three standard errors: it can not be told from 0.
    pub undetected: bool,
    /// Whether the baseline exceeds the effect: the raw distance mostly measures n, not the laws.
    pub swamped: bool,
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "effect {}", self.effect)?;
        if self.undetected {
            return write!(f, ": below three standard errors, it cannot be told from 0");
        }
        write!(f, ", bias {:.2} times as large", self.bias_ratio)?;
        if self.swamped { write!(f, ": about {:.1e} rows are needed to see it undisguised", self.rows_needed) } else { Ok(()) }
    }
}

/// Compares a measured distance with its baseline at the same n, in dimension d.
///
/// # Example
/// At d = 16 two samples of 2000 points of one law are 3.06 apart; a true distance of 0.5 shows as 3.11.
/// ```
/// use onestep::Estimate;
/// use onestep::transport::inference::resolution;
/// let r = resolution(&Estimate::normal(3.11, 0.01, 1), &Estimate::normal(3.06, 0.01, 1), 2000, 16);
/// assert!(r.swamped && r.bias_ratio > 60.0 && r.rows_needed > 1e30);
/// ```
#[must_use]
pub fn resolution(measured: &Estimate, baseline: &Estimate, rows: usize, dim: usize) -> Resolution {
    let effect = debiased(measured, baseline);
    let exponent = dim.max(2) as f64;
    let bias_ratio = if effect.value > 0.0 { baseline.value / effect.value } else { f64::INFINITY };
    Resolution {
        effect,
        bias_ratio,
        rate: (rows as f64).powf(-1.0 / exponent),
        rows_needed: rows as f64 * bias_ratio.powf(exponent),
        // Negated, so that NaN counts as undetected and infinite errors do.
        undetected: !(effect.value > 3.0 * effect.std_error),
        swamped: bias_ratio > 1.0,
    }
}
