//! The nodes of the line recursion: labels that the probability flow carries along.
//!
//! A node is a trajectory of the flow. It is labelled by its position y at level 1, and at level t it stands at x = F_t^{−1}(F_1(y)).
//! Labels are placed so that at every level the nodes resolve both the marginal p_t and the flow map to it.

use crate::level::NoiseLevel;
use crate::population::PopulationError;
use crate::population::line::law::{LineLaw, Tracker};
use crate::population::mesh::{NodeDensity, Places, clear_nodes, common_degrees, reference_levels};
use crate::schedule::Grid;

/// Neighbouring nodes closer than this, relative to the scale of the marginal, are merged.
const COINCIDENT: f64 = 1e-12;

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

impl LineDensity {
    /// Asks the law.
    pub(super) fn new(target: &impl LineLaw, grid: &Grid) -> Self {
        let reference = reference_levels(grid);
        Self { density: target.node_density(grid, &reference), reference }
    }

    /// The mesh with `spacing` local scales between neighbouring nodes.
    pub(super) fn mesh(&self, target: &impl LineLaw, grid: &Grid, spacing: f64) -> Result<Mesh, PopulationError> {
        let labels = self.density.labels(spacing)?;
        let tracker = target.tracker(&labels, grid.level(1));
        let mut nodes = tracker.start(grid.level(1));
        let places: Vec<Places> = self
            .reference
            .iter()
            .map(|&level| {
                tracker.advance(level, &mut nodes);
                Places { x: nodes.x.clone(), closest: COINCIDENT * target.finest(&nodes.own), relative: 0.01 * COINCIDENT }
            })
            .collect();
        let keep = clear_nodes(labels.len(), &places);
        let pick = |list: &[f64]| keep.iter().map(|&i| list[i]).collect::<Vec<_>>();
        let degrees = common_degrees(std::iter::once(pick(&labels)).chain(places.iter().map(|p| pick(&p.x))));
        Ok(Mesh { labels: pick(&labels), degrees })
    }
}
