//! Differences between two functions over the rows of a level, and decreases of one.

use crate::estimate::Estimate;
use crate::numeric::rows::lengths;
use ndarray::Array2;
use std::fmt;

/// Lengths of differences over the rows of one level.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Gap {
    /// The mean, with its standard error for independent rows.
    pub mean: Estimate,
    /// The root mean square.
    pub root_mean_square: f64,
    /// The largest.
    pub largest: f64,
    /// The row of the table where it is, from 1.
    pub row: usize,
}

/// Two rows between which a function on the line decreases.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Decrease {
    /// The row of the smaller x, from 1.
    pub from: usize,
    /// The row of the larger x, from 1.
    pub to: usize,
    /// By how much f is smaller there.
    pub drop: f64,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mean, largest, row, .. } = self;
        write!(f, "{:.3e} ± {:.0e} (largest {largest:.3e}, row {row})", mean.value, mean.std_error)
    }
}

impl fmt::Display for Decrease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3e} from row {} to row {}", self.drop, self.from, self.to)
    }
}

pub(super) fn gap(a: &Array2<f64>, b: &Array2<f64>, rows: &[usize]) -> Gap {
    let lengths = lengths(&(a - b));
    let (mut at, mut squares) = (0, 0.0);
    for (i, length) in lengths.iter().enumerate() {
        squares += length * length;
        if *length > lengths[at] {
            at = i;
        }
    }
    Gap {
        mean: Estimate::from_samples(&lengths),
        root_mean_square: (squares / lengths.len() as f64).sqrt(),
        largest: lengths[at],
        row: rows[at] + 1,
    }
}

/// The largest fall of f below a value it took at a smaller x, where it exceeds `tolerance`.
pub(super) fn largest_decrease(x: &Array2<f64>, f: &Array2<f64>, rows: &[usize], tolerance: f64) -> Option<Decrease> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    // Equal points in the order of f: two values at one point are no decrease.
    order.sort_by(|&i, &j| x[[i, 0]].total_cmp(&x[[j, 0]]).then(f[[i, 0]].total_cmp(&f[[j, 0]])));
    let mut highest = *order.first()?;
    let mut found: Option<Decrease> = None;
    for &i in &order {
        let drop = f[[highest, 0]] - f[[i, 0]];
        if drop > tolerance && found.is_none_or(|d| drop > d.drop) {
            found = Some(Decrease { from: rows[highest] + 1, to: rows[i] + 1, drop });
        }
        if f[[i, 0]] > f[[highest, 0]] {
            highest = i;
        }
    }
    found
}
