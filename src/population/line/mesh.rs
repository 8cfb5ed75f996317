//! The nodes of the line recursion: labels that the probability flow carries along.
//!
//! A node is a trajectory of the flow. It is labelled by its position y at level 1, and at level t it stands at x = F_t^{−1}(F_1(y)).
//! Labels are placed so that at every level the nodes resolve both the marginal p_t and the flow map to it.

use super::nodes::{Nodes, Tracker};
use crate::population::interpolant::{DEGREE, stencil_degrees};
use crate::target::line::{LineMarginal, LineMixture};
use crate::{Grid, NoiseLevel};

/// Mass that is left out in each tail.
const TAIL: f64 = 1e-20;
/// Gaps between modes whose density (in units of one over the local scale) is below this are crossed by one cell.
const GAP: f64 = 1e-13;
/// The scale of a component grows with the distance to it, as this fraction.
const FAN: f64 = 0.25;
/// Weight of the switching of responsibilities against the components' own scale.
const SWITCH: f64 = 1.5;
/// Levels at which the resolution is required.
const REFERENCE_LEVELS: usize = 40;
/// Neighbouring nodes closer than this, relative to the scale of the marginal, are merged.
const COINCIDENT: f64 = 1e-12;
/// Candidates per standard deviation.
const CANDIDATES: f64 = 16.0;

/// Labels and what depends on them alone.
#[derive(Debug, Clone)]
pub(super) struct Mesh {
    /// Positions at level 1, increasing.
    pub(super) labels: Vec<f64>,
    /// The stencil degree that every level allows at each node.
    pub(super) degrees: Vec<usize>,
}

/// The density of nodes asked for, tabulated over candidate labels; one table serves all resolutions.
#[derive(Debug, Clone)]
pub(super) struct NodeDensity {
    candidates: Vec<f64>,
    /// ∫ of the density up to each candidate.
    cumulative: Vec<f64>,
    reference: Vec<NoiseLevel>,
}

/// Levels spread over the path, half of them evenly in the angle and half evenly in ln tan θ.
fn reference_levels(grid: &Grid) -> Vec<NoiseLevel> {
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

/// One over the local scale at node `i`: of the components, and of the switching of their responsibilities.
fn inverse_scale(nodes: &Nodes, i: usize) -> f64 {
    let (n, x) = (nodes.x.len(), nodes.x[i]);
    let (mut fourth, mut first, mut second) = (0.0, 0.0, 0.0);
    for (k, (&m, &s)) in nodes.marginal.means.iter().zip(&nodes.marginal.stds).enumerate() {
        fourth += (s * s + (FAN * (x - m)).powi(2)).powi(-2);
        let pull = (x - m) / (s * s);
        let r = nodes.responsibility[k * n + i];
        first += r * pull;
        second += r * pull * pull;
    }
    // The variance of the pulls is the rate at which one component takes over from another.
    let switching = (second - first * first).max(0.0);
    (fourth.sqrt() + SWITCH * SWITCH * switching).sqrt()
}

impl NodeDensity {
    /// Tabulates the fourth-power mean over the levels of (local scale)^{−1} · dx_t/dy, faded out in empty gaps.
    pub(super) fn new(target: &LineMixture, grid: &Grid) -> Self {
        let reference = reference_levels(grid);
        let data = target.at(grid.level(1));
        let candidates = candidates(&data, data.quantile(TAIL), data.upper_quantile(TAIL));
        let tracker = Tracker::new(target, &candidates, grid.level(1));
        let start = tracker.start(grid.level(1));
        let own: Vec<f64> = (0..candidates.len()).map(|i| inverse_scale(&start, i)).collect();
        let mut fourth: Vec<f64> = own.iter().map(|s| s.powi(4)).collect();
        let mut nodes = start.clone();
        for &level in &reference {
            tracker.advance(level, &mut nodes);
            for (i, sum) in fourth.iter_mut().enumerate() {
                *sum += (start.density[i] / nodes.density[i] * inverse_scale(&nodes, i)).powi(4);
            }
        }
        let density: Vec<f64> = (0..candidates.len())
            .map(|i| {
                let mass = start.density[i] / own[i];
                let empty = GAP * 4.0 * data.cdf(candidates[i]) * data.survival(candidates[i]);
                if mass > 0.0 { fourth[i].powf(0.25) * mass / (mass + empty) } else { 0.0 }
            })
            .collect();
        let mut cumulative = vec![0.0; candidates.len()];
        for i in 1..candidates.len() {
            cumulative[i] = cumulative[i - 1] + 0.5 * (density[i] + density[i - 1]) * (candidates[i] - candidates[i - 1]);
        }
        Self { candidates, cumulative, reference }
    }

    /// The mesh with `spacing` local scales between neighbouring nodes.
    pub(super) fn mesh(&self, target: &LineMixture, grid: &Grid, spacing: f64) -> Mesh {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let cells = ((total / spacing).ceil() as usize).max(2 * DEGREE);
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
        let tracker = Tracker::new(target, &labels, grid.level(1));
        let mut nodes = tracker.start(grid.level(1));
        let places: Vec<(Vec<f64>, f64)> = self
            .reference
            .iter()
            .map(|&level| {
                tracker.advance(level, &mut nodes);
                (nodes.x.clone(), nodes.marginal.stds.iter().copied().fold(f64::INFINITY, f64::min))
            })
            .collect();
        // A label stays when its node keeps clear of the one before at every level.
        let mut keep = vec![0];
        for i in 1..labels.len() {
            let before = keep[keep.len() - 1];
            if places.iter().all(|(x, smallest)| x[i] - x[before] > COINCIDENT * smallest.max(x[i].abs() * 0.01)) {
                keep.push(i);
            }
        }
        let pick = |list: &[f64]| keep.iter().map(|&i| list[i]).collect::<Vec<_>>();
        let mut degrees = vec![DEGREE; keep.len()];
        stencil_degrees(&pick(&labels), &mut degrees);
        for (x, _) in &places {
            stencil_degrees(&pick(x), &mut degrees);
        }
        Mesh { labels: pick(&labels), degrees }
    }
}

/// Points dense enough to integrate the node density: a fan around every component.
fn candidates(data: &LineMarginal, low: f64, high: f64) -> Vec<f64> {
    let mut points = vec![low, high];
    for (&m, &s) in data.means.iter().zip(&data.stds) {
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
    let tiny = 1e-3 / CANDIDATES * data.stds.iter().copied().fold(f64::INFINITY, f64::min);
    points.dedup_by(|b, a| *b - *a < tiny);
    points
}
