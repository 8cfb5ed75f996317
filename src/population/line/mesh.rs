//! The nodes of the line recursion: labels that the probability flow carries along.
//!
//! A node is a trajectory of the flow. It is labelled by its position y at level 1, and at level t it stands at x = F_t^{−1}(F_1(y)).
//! Labels are placed so that at every level the nodes resolve both the marginal p_t and the flow map to it.

use crate::law::LineMixture;
use crate::level::NoiseLevel;
use crate::population::PopulationError;
use crate::population::line::nodes::{Nodes, Tracker};
use crate::population::mesh::{FAN, GAP, NodeDensity, Places, SWITCH, TAIL, candidates, clear_nodes, common_degrees, reference_levels};
use crate::schedule::Grid;

/// Neighbouring nodes closer than this, relative to the scale of the marginal, are merged.
const COINCIDENT: f64 = 1e-12;

/// A candidate whose density at level 1 is below the largest by this logarithm lies in a gap that one cell crosses.
const LN_DEEP: f64 = -300.0;

/// Labels and what depends on them alone.
#[derive(Debug, Clone)]
pub(super) struct Mesh {
    /// Positions at level 1, increasing.
    pub(super) labels: Vec<f64>,
    /// The stencil degree that every level allows at each node.
    pub(super) degrees: Vec<usize>,
}

/// The density of nodes asked for on the line, and the levels it was asked for at.
#[derive(Debug, Clone)]
pub(super) struct LineDensity {
    density: NodeDensity,
    reference: Vec<NoiseLevel>,
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

impl LineDensity {
    /// Tabulates the fourth-power mean over the levels of (local scale)^{−1} · dx_t/dy, faded out in empty gaps.
    pub(super) fn new(target: &LineMixture, grid: &Grid) -> Self {
        let reference = reference_levels(grid);
        let data = target.at(grid.level(1));
        let centres = data.means.iter().copied().zip(data.stds.iter().copied());
        let mut candidates = candidates(centres, data.quantile(TAIL), data.upper_quantile(TAIL));
        // Deep gaps hold no nodes, see `GAP`: left out before the density underflows on the way.
        let ln: Vec<f64> = candidates.iter().map(|&y| data.ln_density(y)).collect();
        let top = ln.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut deep = ln.iter().map(|l| l - top < LN_DEEP);
        candidates.retain(|_| deep.next() == Some(false));
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
        Self { density: NodeDensity::new(candidates, &density), reference }
    }

    /// The mesh with `spacing` local scales between neighbouring nodes.
    pub(super) fn mesh(&self, target: &LineMixture, grid: &Grid, spacing: f64) -> Result<Mesh, PopulationError> {
        let labels = self.density.labels(spacing)?;
        let tracker = Tracker::new(target, &labels, grid.level(1));
        let mut nodes = tracker.start(grid.level(1));
        let places: Vec<Places> = self
            .reference
            .iter()
            .map(|&level| {
                tracker.advance(level, &mut nodes);
                let smallest = nodes.marginal.stds.iter().copied().fold(f64::INFINITY, f64::min);
                Places { x: nodes.x.clone(), closest: COINCIDENT * smallest, relative: 0.01 * COINCIDENT }
            })
            .collect();
        let keep = clear_nodes(labels.len(), &places);
        let pick = |list: &[f64]| keep.iter().map(|&i| list[i]).collect::<Vec<_>>();
        let degrees = common_degrees(std::iter::once(pick(&labels)).chain(places.iter().map(|p| pick(&p.x))));
        Ok(Mesh { labels: pick(&labels), degrees })
    }
}
