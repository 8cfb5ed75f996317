//! Bandwidths of kernels, relative to the data.

use crate::error::{check_entries, check_some};
use crate::numeric::stream::distinct_indices;
use crate::training::error::TrainingError;
use ndarray::{ArrayRef2, Zip};
use rand::RngCore;

/// Candidate bandwidths as multiples of the median distance between inputs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bandwidths(Vec<f64>);

impl Default for Bandwidths {
    /// 1/4, 1/2 and 1: the median distance suits one bump, a quarter of it a mixture whose modes have that width.
    fn default() -> Self {
        Self(vec![0.25, 0.5, 1.0])
    }
}

impl Bandwidths {
    pub(crate) fn new(multiples: &[f64]) -> Self {
        Self(multiples.to_vec())
    }

    pub(crate) fn check(&self) -> Result<(), TrainingError> {
        check_some("bandwidths", &self.0)?;
        Ok(check_entries("bandwidths", &self.0, |m| (1e-6..=1e6).contains(&m), "[1e-6, 1e6]")?)
    }

    pub(crate) fn times(&self, median: f64) -> impl Iterator<Item = f64> + '_ {
        self.0.iter().map(move |m| m * median)
    }
}

/// The median distance between the rows of a random subset of at most 256, positive.
pub(crate) fn median_distance(x: &ArrayRef2<f64>, rng: &mut dyn RngCore) -> f64 {
    const ROWS: usize = 256;
    let rows = distinct_indices(x.nrows(), ROWS.min(x.nrows()), rng);
    let mut distances = Vec::with_capacity(rows.len() * rows.len() / 2);
    for (i, &a) in rows.iter().enumerate() {
        for &b in &rows[..i] {
            let square = Zip::from(x.row(a)).and(x.row(b)).fold(0.0, |s, a, b| s + (a - b) * (a - b));
            distances.push(square.sqrt());
        }
    }
    let middle = distances.len() / 2;
    let median = *distances.select_nth_unstable_by(middle, f64::total_cmp).1;
    // More than half of the pairs are ties, or nearly: any scale will do, the inputs are standardised.
    if median > 1e-6 { median } else { 1.0 }
}
