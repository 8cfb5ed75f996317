//! What a run adds up: the loss, local errors, the slopes of the flow; and the lower bound.

use crate::law::LineMixture;
use crate::numeric::golden::golden_minimum;
use crate::population::LocalError;
use crate::population::quadrature::Quadrature;
use crate::schedule::Grid;

/// What accumulates over the levels.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) loss_sum: f64,
    /// At the levels where they were computed.
    pub(super) locals: Vec<LocalError>,
    /// max over levels of p_t(x_t)/min_{k ≤ t} p_k(x_k) at every node: the slope of the flow maps.
    pub(super) slopes: Vec<f64>,
    pub(super) smallest_density: Vec<f64>,
}

impl Ledger {
    /// Slope of Φ_{t→k} at a node is p_t(x_t)/p_k(x_k): keeps the largest over pairs of levels seen so far.
    pub(super) fn stretch(&mut self, density: &[f64]) {
        for ((slope, smallest), &p) in self.slopes.iter_mut().zip(&mut self.smallest_density).zip(density) {
            *slope = slope.max(p / *smallest);
            *smallest = smallest.min(p);
        }
    }

    pub(super) fn largest_slope(&self) -> f64 {
        self.slopes.iter().copied().filter(|s| s.is_finite()).fold(1.0, f64::max)
    }
}

/// The best of |E h(X_1) − E h(f)| over h(x) = √((x−a)² + b²), which is convex and 1-Lipschitz, and over h(x) = x.
///
/// A width b of a few cells keeps the quadrature exact; b → 0 is |x − a|, b → ∞ the second moment. Centres a are quantiles of the data
/// and evenly spaced points, which also fall into gaps between modes.
pub(super) fn lower_bound(q: &Quadrature, y: &[f64], error: &[f64]) -> f64 {
    const CENTRES: usize = 48;
    /// Width of the smoothed kink in cells of f.
    const SMOOTHING: [f64; 3] = [3.0, 10.0, 40.0];
    let last = y.len() - 1;
    let (low, high) = (y[last / 10], y[last - last / 10]);
    let quantiles = (1..=CENTRES).map(|c| y[last * c / (CENTRES + 1)]);
    let even = (1..=CENTRES).map(|c| low + (high - low) * c as f64 / (CENTRES + 1) as f64);
    let f: Vec<f64> = y.iter().zip(error).map(|(y, e)| y + e).collect();
    let mut best = q.mean(error).abs();
    for a in quantiles.chain(even) {
        let i = f.partition_point(|&f| f < a).clamp(1, last);
        for smoothing in SMOOTHING {
            let b = smoothing * (f[i] - f[i - 1]).abs();
            let h = |x: f64| (x - a).hypot(b);
            // h(y) − h(f) without cancellation.
            let gain = q.mean_of(|j| error[j] * ((y[j] - a) + (f[j] - a)) / (h(y[j]) + h(f[j])));
            best = best.max(gain.abs());
        }
    }
    best
}

/// The largest slope of Φ_{t→1} at the valleys of p_1 between neighbouring components, where it is steepest and nodes may be missing.
pub(super) fn valley_slope(target: &LineMixture, grid: &Grid) -> f64 {
    const SEARCH: usize = 400;
    const LEVELS: usize = 64;
    let data = target.at(grid.level(1));
    let mut largest: f64 = 1.0;
    for pair in data.means.windows(2) {
        let place = |i: f64| pair[0] + (pair[1] - pair[0]) * i / SEARCH as f64;
        let Some(lowest) = (1..SEARCH).min_by(|&a, &b| data.ln_density(place(a as f64)).total_cmp(&data.ln_density(place(b as f64))))
        else {
            continue;
        };
        let y = golden_minimum(|y| data.ln_density(y), place(lowest as f64 - 1.0), place(lowest as f64 + 1.0));
        for level in 0..LEVELS {
            let t = 2 + (grid.steps() - 2) * level / (LEVELS - 1);
            let p = target.at(grid.level(t));
            largest = largest.max((p.ln_density(p.transport(&data, y)) - data.ln_density(y)).exp());
        }
    }
    largest
}
