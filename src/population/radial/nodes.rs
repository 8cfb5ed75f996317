//! Nodes in the radius that the probability flow carries along, and integrals over them.

use crate::batch;
use crate::flow::radial::half_angle;
use crate::population::interpolant::{DEGREE, Interpolant, stencil_degrees};
use crate::special::jacobi::legendre;
use crate::special::normal;
use crate::target::radial::Radial;
use crate::{Grid, NoiseLevel};

/// Nodes cover this range of normal scores of the radius, on either side.
const SCORES: f64 = 8.2;
/// The smallest radius of a node under pure noise; below it functions are odd polynomials.
const SMALLEST: f64 = 1e-12;
/// Cells of the table of normal scores.
const TABLE: usize = 12_000;
/// Levels at which neighbouring nodes are kept together, the multiple of the spacing that they may be apart there, the relative distance
/// under pure noise that is not divided further, and caps of the refinement.
const REFERENCE_LEVELS: usize = 24;
const APART: f64 = 2.0;
const CLOSEST: f64 = 1e-12;
const BISECTIONS: usize = 50;
const MOST_NODES: usize = 4000;
/// Points of the quadrature in every cell between two nodes.
const CELL_POINTS: usize = 12;

/// Trajectories of the radial flow.
#[derive(Debug, Clone)]
pub(super) struct Nodes {
    /// Radii under pure noise, increasing.
    pub(super) noise: Vec<f64>,
    /// Radii at level 1: the labels, Φ_t(r_t) for every t.
    pub(super) labels: Vec<f64>,
    /// Radii at level t.
    pub(super) radii: Vec<f64>,
    /// Step of the integration for each node.
    steps: Vec<f64>,
    /// A rule for the law of ‖Z‖ on the cells between the radii under pure noise.
    points: Vec<ChiPoint>,
    /// Stencil degrees of the radii under pure noise.
    noise_degrees: Vec<usize>,
}

/// ln of the unnormalised density of ‖Z‖ on ℝ^d, taken relative to its value at √d.
fn ln_chi(dim: usize, r: f64) -> f64 {
    let d = dim as f64;
    (d - 1.0) * (r / d.sqrt()).ln() - 0.5 * (r * r - d)
}

/// Radii whose normal scores are `spacing` apart, to table accuracy: only the density of nodes depends on it.
fn spread(dim: usize, spacing: f64) -> Vec<f64> {
    let root = (dim as f64).sqrt();
    let (low, high) = ((root - 12.0).max(SMALLEST).ln(), (root + 12.0).ln());
    let at = |i: usize| (low + (high - low) * i as f64 / TABLE as f64).exp();
    let masses: Vec<f64> = (0..=TABLE).map(at).map(|r| r * ln_chi(dim, r).exp()).collect();
    // Sums from either end keep both tails accurate. Below the table the mass is that of r^{d−1}.
    let head = masses[0] / dim as f64 * TABLE as f64 / (high - low);
    let mut below = vec![head];
    let mut above = vec![0.0; TABLE + 1];
    for i in 1..=TABLE {
        below.push(below[i - 1] + 0.5 * (masses[i - 1] + masses[i]));
        above[TABLE - i] = above[TABLE - i + 1] + 0.5 * (masses[TABLE - i] + masses[TABLE - i + 1]);
    }
    let total = below[TABLE];
    let mut nodes = Vec::new();
    let mut next = f64::NEG_INFINITY;
    for i in 0..TABLE {
        let score = if below[i] < above[i] { normal::quantile(below[i] / total) } else { -normal::quantile(above[i] / total) };
        if score > SCORES {
            break;
        }
        if score >= next.max(-SCORES) {
            nodes.push(at(i));
            next = next.max(score) + spacing;
        }
    }
    nodes
}

/// Levels from the last to the first, evenly spread in ln tan(θ/2).
fn reference_levels(grid: &Grid) -> Vec<f64> {
    let (first, last) = (half_angle(grid.level(1)), half_angle(grid.last()));
    (0..REFERENCE_LEVELS).map(|i| last + (first - last) * i as f64 / (REFERENCE_LEVELS - 1) as f64).collect()
}

/// Adds nodes where the flow pulls neighbours apart (between shells) by more than `APART` spacings of the noise's standard deviation at some
/// level, as far as the radii under pure noise can still be told from each other.
fn refined(target: &Radial, grid: &Grid, noise: Vec<f64>, spacing: f64) -> Vec<f64> {
    if target.radii().len() == 1 {
        return noise;
    }
    let levels = reference_levels(grid);
    let trajectory = |r: f64| {
        let (mut at, mut tau, mut step) = (r, 0.0, 0.1);
        let positions = levels.iter().map(|&to| {
            at = target.integrate(tau, to, at, &mut step);
            tau = to;
            at
        });
        (r, positions.collect::<Vec<f64>>())
    };
    let mut nodes: Vec<(f64, Vec<f64>)> = batch::map(noise.len(), |i| trajectory(noise[i]));
    for _ in 0..BISECTIONS {
        let apart = |w: &[(f64, Vec<f64>)]| {
            let room = w[1].0 - w[0].0 > CLOSEST * w[1].0;
            room && levels.iter().zip(w[0].1.iter().zip(&w[1].1)).any(|(tau, (a, b))| b - a > APART * spacing / tau.cosh())
        };
        let middles: Vec<f64> = nodes.windows(2).filter(|w| apart(w)).map(|w| 0.5 * (w[0].0 + w[1].0)).collect();
        if middles.is_empty() || nodes.len() + middles.len() > MOST_NODES {
            break;
        }
        nodes.extend(batch::map(middles.len(), |i| trajectory(middles[i])));
        nodes.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    nodes.into_iter().map(|n| n.0).collect()
}

impl Nodes {
    /// Nodes `spacing` normal scores apart, standing at level 1.
    pub(super) fn new(target: &Radial, grid: &Grid, spacing: f64) -> Self {
        let noise = refined(target, grid, spread(target.dim(), spacing), spacing);
        let labels = batch::map(noise.len(), |i| target.radius_map(NoiseLevel::NOISE, grid.level(1), noise[i]));
        // Trajectories that rounding has merged or crossed are one.
        let mut kept: Vec<usize> = Vec::new();
        for i in 0..labels.len() {
            let clear = kept.last().map_or(labels[i] > 0.0, |&k: &usize| labels[i] > labels[k] * (1.0 + 1e-13));
            if clear {
                kept.push(i);
            }
        }
        let pick = |list: &[f64]| kept.iter().map(|&i| list[i]).collect::<Vec<_>>();
        let (noise, labels) = (pick(&noise), pick(&labels));
        let (points, noise_degrees) = (chi_points(target.dim(), &noise), degrees(&noise));
        Self { radii: labels.clone(), steps: vec![0.1; labels.len()], noise, labels, points, noise_degrees }
    }

    /// Carries the nodes along.
    pub(super) fn advance(&mut self, target: &Radial, from: NoiseLevel, to: NoiseLevel) {
        let (from, to) = (half_angle(from), half_angle(to));
        let moved = batch::map(self.radii.len(), |i| {
            let mut step = self.steps[i];
            (target.integrate(from, to, self.radii[i], &mut step), step)
        });
        (self.radii, self.steps) = moved.into_iter().unzip();
    }

    /// The odd function with `values` at the present radii.
    pub(super) fn odd(&self, values: &[f64]) -> Interpolant {
        odd(&self.radii, values)
    }

    /// Weights ω with Σ ω_i h(r_i) = E h for smooth functions of the trajectory: the trajectories have the law of ‖Z‖ under pure noise,
    /// and so the law of ‖X_t‖ at every level.
    pub(super) fn weights(&self) -> Vec<f64> {
        let n = self.noise.len();
        batch::map(n, |i| {
            let mut unit = vec![0.0; n];
            unit[i] = 1.0;
            let basis = Interpolant::new(&self.noise, &unit, &self.noise_degrees);
            // The basis function lives on the stencils that hold node i.
            let near = i.saturating_sub(DEGREE)..=(i + DEGREE).min(n);
            self.points.iter().filter(|p| near.contains(&p.cell)).map(|p| p.weight * basis.eval(p.radius, i).0).sum()
        })
    }

    /// E of `map`(h) for a function h known at the nodes.
    pub(super) fn mean(&self, values: &[f64], map: impl Fn(f64) -> f64) -> f64 {
        let function = Interpolant::new(&self.noise, values, &self.noise_degrees);
        self.points.iter().map(|p| p.weight * map(function.eval(p.radius, p.cell).0)).sum()
    }
}

/// A Gauss rule on the cells between `nodes`, the first of which starts at the origin.
fn chi_points(dim: usize, nodes: &[f64]) -> Vec<ChiPoint> {
    let (x, w) = legendre(CELL_POINTS);
    let mut points = Vec::with_capacity(CELL_POINTS * nodes.len());
    let mut low = 0.0;
    for (cell, &high) in nodes.iter().enumerate() {
        for (x, w) in x.iter().zip(&w) {
            let radius = 0.5 * (low + high) + 0.5 * (high - low) * x;
            points.push(ChiPoint { cell, radius, weight: w * (high - low) * ln_chi(dim, radius).exp() });
        }
        low = high;
    }
    let total: f64 = points.iter().map(|p| p.weight).sum();
    points.iter_mut().for_each(|p| p.weight /= total);
    points
}

/// A point of the rule for the law of ‖Z‖.
#[derive(Debug, Clone, Copy)]
struct ChiPoint {
    cell: usize,
    radius: f64,
    weight: f64,
}

fn degrees(nodes: &[f64]) -> Vec<usize> {
    let mut degrees = vec![DEGREE; nodes.len()];
    stencil_degrees(nodes, &mut degrees);
    degrees
}

/// The odd function with `values` at positive increasing `radii`.
pub(super) fn odd(radii: &[f64], values: &[f64]) -> Interpolant {
    let mirror = |list: &[f64]| list.iter().rev().map(|v| -v).chain([0.0]).chain(list.iter().copied()).collect::<Vec<_>>();
    let nodes = mirror(radii);
    Interpolant::new(&nodes, &mirror(values), &degrees(&nodes))
}
