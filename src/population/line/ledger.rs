//! What a run adds up: the loss, local errors, the slopes of the flow; and the lower bound.

use crate::numeric::golden::golden_minimum;
use crate::population::LocalError;
use crate::population::line::law::LineLaw;
use crate::population::quadrature::Quadrature;
use crate::schedule::Grid;

/// What accumulates over the levels.
pub(super) struct Ledger {
    pub(super) loss_sum: f64,
    /// At the levels where they were computed.
    pub(super) locals: Vec<LocalError>,
    /// max over levels of p_t(x_t)/min_{k ≤ t} p_k(x_k) at every node, the slope of the flow maps, with t and k.
    slopes: Vec<(f64, usize, usize)>,
    /// min_{k ≤ t} p_k(x_k), with k.
    smallest_density: Vec<(f64, usize)>,
}

impl Ledger {
    pub(super) fn new(density: &[f64]) -> Self {
        let smallest_density = density.iter().map(|&p| (p, 1)).collect();
        Self { loss_sum: 0.0, locals: Vec::new(), slopes: vec![(1.0, 1, 1); density.len()], smallest_density }
    }

    /// Slope of Φ_{t→k} at a node is p_t(x_t)/p_k(x_k): keeps the largest over pairs of levels seen so far.
    pub(super) fn stretch(&mut self, t: usize, density: &[f64]) {
        for ((slope, smallest), &p) in self.slopes.iter_mut().zip(&mut self.smallest_density).zip(density) {
            let here = p / smallest.0;
            if here > slope.0 {
                *slope = (here, t, smallest.1);
            }
            if p < smallest.0 {
                *smallest = (p, t);
            }
        }
    }

    /// Where the flow is steepest among the nodes with the given labels.
    pub(super) fn steepest(&self, labels: &[f64]) -> Steepest {
        let best = (0..self.slopes.len()).fold(0, |best, i| if self.slopes[i].0 > self.slopes[best].0 { i } else { best });
        let (slope, from, to) = self.slopes[best];
        let last = labels.len() - 1;
        Steepest { ln_slope: slope.ln(), from, to, label: labels[best], low: labels[best.max(1) - 1], high: labels[(best + 1).min(last)] }
    }
}

/// The largest slope of the flow maps at a node: of Φ_{from→to} at the label, between the labels of its neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Steepest {
    ln_slope: f64,
    from: usize,
    to: usize,
    label: f64,
    low: f64,
    high: f64,
}

impl Steepest {
    /// ln of the largest slope between the neighbours of the steepest node, and over the levels near its own.
    pub(super) fn refined(&self, target: &impl LineLaw, grid: &Grid) -> f64 {
        /// Levels on either side that are tried.
        const NEARBY: usize = 8;
        if self.from == self.to {
            return 0.0;
        }
        let ln_density = |t: usize, y: f64| target.ln_density_along(grid.level(1), grid.level(t), y);
        let ln_slope = |y: f64| ln_density(self.from, y) - ln_density(self.to, y);
        let y = golden_minimum(|y| -ln_slope(y), self.low, self.high);
        let near = |t: usize| t.saturating_sub(NEARBY).max(1)..=(t + NEARBY).min(grid.steps());
        let mut best = self.ln_slope;
        for y in [self.label, y] {
            let to: Vec<(usize, f64)> = near(self.to).map(|t| (t, ln_density(t, y))).collect();
            for from in near(self.from) {
                let here = ln_density(from, y);
                best = to.iter().filter(|(to, _)| *to < from).fold(best, |best, (_, p)| if here - p > best { here - p } else { best });
            }
        }
        best
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
            let h = |x: f64| ((x - a) * (x - a) + b * b).sqrt();
            // h(y) − h(f) without cancellation.
            let gain = q.mean_of(
                #[inline(always)]
                |j| error[j] * ((y[j] - a) + (f[j] - a)) / (h(y[j]) + h(f[j])),
            );
            best = best.max(gain.abs());
        }
    }
    best
}
