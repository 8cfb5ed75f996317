//! Where the nodes of a recursion are placed: labels spread by a density, thinned where trajectories merge.

use crate::error::check_range;
use crate::level::NoiseLevel;
use crate::numeric::vector::vectorised;
use crate::population::PopulationError;
use crate::population::interpolant::{DEGREE, stencil_degrees};
use crate::schedule::Grid;

/// The scale of a function grows with the distance to what bends it, as this fraction.
pub(crate) const FAN: f64 = 0.25;
/// Weight of the switching between components against their own scale.
pub(crate) const SWITCH: f64 = 1.5;
/// Gaps between modes whose density (in units of one over the local scale) is below this are crossed by one cell.
pub(crate) const GAP: f64 = 1e-13;
/// Mass that is left out in each tail.
pub(crate) const TAIL: f64 = 1e-20;
/// Levels at which the resolution is required.
const REFERENCE_LEVELS: usize = 40;
/// Most nodes of one run.
const MOST_NODES: f64 = 2e5;
/// Candidates beyond this number are thinned.
const MANY: usize = 4000;
/// Candidates per standard deviation.
const CANDIDATES: f64 = 16.0;

/// The density of nodes asked for, tabulated over candidate labels; one table serves all resolutions.
#[derive(Debug, Clone)]
pub(crate) struct NodeDensity {
    candidates: Vec<f64>,
    /// ∫ of the density up to each candidate.
    cumulative: Vec<f64>,
    /// The most nodes that are made.
    most: f64,
}

impl NodeDensity {
    /// From the density at increasing candidates.
    pub(crate) fn new(candidates: Vec<f64>, density: &[f64]) -> Self {
        let mut cumulative = vec![0.0; candidates.len()];
        for i in 1..candidates.len() {
            cumulative[i] = cumulative[i - 1] + 0.5 * (density[i] + density[i - 1]) * (candidates[i] - candidates[i - 1]);
        }
        Self { candidates, cumulative, most: MOST_NODES }
    }

    /// With another limit.
    #[must_use]
    pub(crate) fn at_most(self, most: f64) -> Self {
        Self { most, ..self }
    }

    /// Increasing labels, `spacing` units of the density apart. More of them than the limit, or a density that is not finite, are an
    /// error.
    pub(crate) fn labels(&self, spacing: f64) -> Result<Vec<f64>, PopulationError> {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let needed = (total / spacing).ceil();
        check_range(
            "nodes that the law and the grid ask for",
            needed,
            needed <= self.most,
            if self.most > MOST_NODES { "[0, 2e6]" } else { "[0, 2e5]" },
        )?;
        let cells = (needed as usize).max(2 * DEGREE);
        let mut labels: Vec<f64> = Vec::with_capacity(cells + 1);
        let mut i = 0;
        for n in 0..=cells {
            let asked = total * n as f64 / cells as f64;
            while i + 2 < self.cumulative.len() && self.cumulative[i + 1] < asked {
                i += 1;
            }
            let width = self.cumulative[i + 1] - self.cumulative[i];
            let part = if width > 0.0 { ((asked - self.cumulative[i]) / width).clamp(0.0, 1.0) } else { 0.0 };
            labels.push(self.candidates[i] + part * (self.candidates[i + 1] - self.candidates[i]));
        }
        labels.dedup_by(|b, a| *b <= *a);
        Ok(labels)
    }
}

/// Where the nodes stand at one level, and the distance below which two of them are one: `closest` + `relative` · |x|.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) x: Vec<f64>,
    pub(crate) closest: f64,
    pub(crate) relative: f64,
}

/// The indices of nodes that keep clear of the one before at every level.
pub(crate) fn clear_nodes(count: usize, places: &[Places]) -> Vec<usize> {
    let mut keep = vec![0];
    for i in 1..count {
        let before = keep[keep.len() - 1];
        if places.iter().all(|p| p.x[i] - p.x[before] > p.closest.max(p.relative * p.x[i].abs())) {
            keep.push(i);
        }
    }
    keep
}

/// The stencil degrees that the nodes allow at all of the levels.
pub(crate) fn common_degrees(places: impl IntoIterator<Item = Vec<f64>>) -> Vec<usize> {
    let mut degrees = Vec::new();
    for x in places {
        degrees.resize(x.len(), DEGREE);
        stencil_degrees(&x, &mut degrees);
    }
    degrees
}

/// Levels spread over the path, half of them evenly in the angle and half evenly in ln tan θ.
pub(crate) fn reference_levels(grid: &Grid) -> Vec<NoiseLevel> {
    let (first, last) = (grid.level(1), grid.last());
    let half = REFERENCE_LEVELS / 2;
    let (a, b) = (first.angle(), last.angle());
    let even = (0..half).map(|i| a + (b - a) * i as f64 / (half - 1) as f64);
    let (low, high) = (first.tan().ln(), last.tan().min(1e3).ln());
    let geometric = (1..half).map(|i| (low + (high - low) * i as f64 / half as f64).exp().atan());
    let mut angles: Vec<f64> = even.chain(geometric).collect();
    angles.sort_by(f64::total_cmp);
    angles.iter().filter_map(|&a| NoiseLevel::from_angle(a.clamp(0.0, std::f64::consts::FRAC_PI_2)).ok()).collect()
}

/// Points dense enough to integrate the node density: a fan around every centre with its standard deviation.
pub(crate) fn candidates(centres: impl IntoIterator<Item = (f64, f64)>, low: f64, high: f64) -> Vec<f64> {
    let mut points = vec![low, high];
    let mut smallest = f64::INFINITY;
    let centres: Vec<(f64, f64)> = centres.into_iter().collect();
    for &(m, s) in &centres {
        smallest = smallest.min(s);
        // Spacing s/CANDIDATES near the mean, growing in proportion to the distance beyond four standard deviations.
        let reach = ((high - m).max(m - low) / s).max(1.0);
        let mut z: f64 = 0.5 / CANDIDATES;
        while z < reach {
            points.extend([m - s * z, m + s * z]);
            z += (1.0 + FAN * z) / CANDIDATES;
        }
    }
    points.retain(|p| (low..=high).contains(p));
    points.sort_by(f64::total_cmp);
    let tiny = 1e-3 / CANDIDATES * smallest;
    points.dedup_by(|b, a| *b - *a < tiny);
    if points.len() > MANY {
        // Where many fans overlap, the finest of them is dense enough.
        let mut before = f64::NEG_INFINITY;
        points.retain(|&p| {
            let finest = centres.iter().map(|(m, s)| s + FAN * (p - m).abs()).fold(f64::INFINITY, f64::min);
            let stays = p - before >= 0.5 / CANDIDATES * finest || p == high;
            if stays {
                before = p;
            }
            stays
        });
    }
    points
}

/// The local scale of a function held at the nodes `x`: the smallest neighbouring cell in units of the spacing asked for, allowed to grow with
/// distance.
pub(crate) fn local_scales(x: &[f64], spacing: f64, scales: &mut [f64]) {
    /// A scale a distance r away from a finer one is at least r times this.
    const GROWTH: f64 = 0.2;
    let n = x.len();
    let per_spacing = 1.0 / spacing;
    vectorised(
        #[inline(always)]
        |_| {
            scales[0] = (x[1] - x[0]) * per_spacing;
            scales[n - 1] = (x[n - 1] - x[n - 2]) * per_spacing;
            for i in 1..n - 1 {
                let (left, right) = (x[i] - x[i - 1], x[i + 1] - x[i]);
                scales[i] = if left < right { left } else { right } * per_spacing;
            }
            // min_j h_j + GROWTH |x_i − x_j|: the smallest h_j − GROWTH x_j from the left, then the smallest h_j + GROWTH x_j from the right.
            for (s, x) in scales.iter_mut().zip(x) {
                *s -= GROWTH * x;
            }
            let mut least = f64::INFINITY;
            for s in scales.iter_mut() {
                least = if *s < least { *s } else { least };
                *s = least;
            }
            for (s, x) in scales.iter_mut().zip(x) {
                *s += 2.0 * GROWTH * x;
            }
            let mut least = f64::INFINITY;
            for s in scales.iter_mut().rev() {
                least = if *s < least { *s } else { least };
                *s = least;
            }
            for (s, x) in scales.iter_mut().zip(x) {
                *s -= GROWTH * x;
            }
        },
    );
}
