//! The nodes of the radial recursion: labels that the probability flow carries along.
//!
//! A node is a trajectory of the radius, labelled by where it stands at level 1. From there the flow contracts towards the noise, so that
//! trajectories in a gap between shells keep their digits. The first node is the origin.

use crate::flow::radial::half_angle;
use crate::law::Radial;
use crate::level::NoiseLevel;
use crate::numeric::golden::golden_minimum;
use crate::numeric::parallel;
use crate::population::mesh::{FAN, GAP, NodeDensity, Places, SWITCH, TAIL, candidates, clear_nodes, common_degrees, reference_levels};
use crate::schedule::Grid;

/// Neighbouring nodes closer than this part of the noise's standard deviation, or of their radius, are merged.
const COINCIDENT: f64 = 1e-12;
const COINCIDENT_RADII: f64 = 1e-10;
/// Tolerance of the trajectories that only tell where nodes are needed, and of those that tell which of them merge.
const PLACING: f64 = 1e-7;
const MERGING: f64 = 1e-11;
/// Candidates closer than this part of the noise's standard deviation are thinned.
const THINNEST: f64 = 0.03;
/// Standard deviations from the shells that the candidates reach.
const REACH: f64 = 14.0;

/// Labels and what depends on them alone.
#[derive(Debug, Clone)]
pub(super) struct Mesh {
    /// Radii at level 1, increasing from 0.
    pub(super) labels: Vec<f64>,
    /// The stencil degree that every level allows at each of the nodes −r_n, …, −r_1, 0, r_1, …, r_n.
    pub(super) degrees: Vec<usize>,
}

/// The density of nodes asked for, and the levels it was asked for at.
#[derive(Debug, Clone)]
pub(super) struct RadialDensity {
    density: NodeDensity,
    reference: Vec<NoiseLevel>,
}

/// −r_n, …, −r_1, 0, r_1, …, r_n for an odd function's nodes or values 0, r_1, …, r_n.
pub(super) fn mirrored(list: &[f64]) -> impl Iterator<Item = f64> + '_ {
    list.iter().skip(1).rev().map(|v| -v).chain(list.iter().copied())
}

/// ln of the density of the radius at `level`, up to a constant that does not depend on the level.
pub(super) fn ln_radius_density(target: &Radial, level: NoiseLevel, r: f64) -> f64 {
    let d = target.dim() as f64;
    let area = if target.dim() > 1 { (d - 1.0) * r.ln() } else { 0.0 };
    area + ln_density(target, level, r)
}

/// ln p_θ up to a constant.
pub(super) fn ln_density(target: &Radial, level: NoiseLevel, r: f64) -> f64 {
    target.ln_mass(level.cos(), level.sin(), r) - target.dim() as f64 * level.sin().ln()
}

/// Where the law of the radius given that of X_0 has its centre.
fn centre(target: &Radial, level: NoiseLevel, rho: f64) -> f64 {
    (level.cos() * rho).hypot((target.dim() as f64 - 1.0).sqrt() * level.sin())
}

/// One over the local scale at radius r: of the shells, and of the switching between the points of the posterior.
fn inverse_scale(target: &Radial, level: NoiseLevel, r: f64) -> f64 {
    let s2 = level.one_minus_alpha_bar();
    let fourth: f64 = target.radii().iter().map(|&rho| (s2 + (FAN * (r - centre(target, level, rho))).powi(2)).powi(-2)).sum();
    // How much faster than a single Gaussian the denoiser moves.
    let pull = level.alpha_bar() * target.variance_along(level.cos(), level.sin(), r) / (s2 * s2);
    let switching = (pull - 1.0 / s2).max(0.0);
    (fourth.sqrt() + SWITCH * SWITCH * switching).sqrt()
}

/// Positions of trajectories at the successive levels.
fn carried(target: &Radial, first: NoiseLevel, levels: &[NoiseLevel], labels: &[f64], tolerance: f64) -> Vec<Vec<f64>> {
    let paths = parallel::map(labels.len(), |i| {
        let (mut r, mut tau, mut step) = (labels[i], half_angle(first), 0.1);
        let place = |&level: &NoiseLevel| {
            let to = half_angle(level);
            r = target.integrate_within(tolerance, tau, to, r, &mut step);
            tau = to;
            r
        };
        levels.iter().map(place).collect::<Vec<f64>>()
    });
    (0..levels.len()).map(|l| paths.iter().map(|path| path[l]).collect()).collect()
}

impl RadialDensity {
    /// Tabulates the fourth-power mean over the levels of (local scale)^{−1} · dr_t/dy, faded out in empty gaps.
    pub(super) fn new(target: &Radial, grid: &Grid) -> Self {
        let (reference, first) = (reference_levels(grid), grid.level(1));
        let noise = first.sin();
        let centres: Vec<f64> = target.radii().iter().map(|&rho| centre(target, first, rho)).collect();
        let high = centres.iter().copied().fold(0.0, f64::max) + REACH * noise;
        let fans = centres.iter().copied().chain([0.0]).map(|m| (m, noise));
        let mut candidates = candidates(fans, 0.0, high);
        let mut before = 0.0;
        candidates.retain(|&y| {
            let stays = y - before > THINNEST * noise;
            if stays {
                before = y;
            }
            stays
        });
        // Masses on either side, by the trapezoidal rule: enough to place nodes.
        let ln: Vec<f64> = candidates.iter().map(|&y| ln_radius_density(target, first, y)).collect();
        let top = ln.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mass: Vec<f64> = ln.iter().map(|l| (l - top).exp()).collect();
        let cell = |i: usize| 0.5 * (mass[i] + mass[i + 1]) * (candidates[i + 1] - candidates[i]);
        let last = candidates.len() - 1;
        let mut below = vec![mass[0] * candidates[0]; last + 1];
        let mut above = vec![0.0; last + 1];
        for i in 0..last {
            below[i + 1] = below[i] + cell(i);
            above[last - 1 - i] = above[last - i] + cell(last - 1 - i);
        }
        let total = below[last];
        let within = |i: &usize| below[*i] > TAIL * total && above[*i] > TAIL * total;
        let chosen: Vec<usize> = (0..=last).filter(within).collect();
        let pick = |list: &[f64]| chosen.iter().map(|&i| list[i]).collect::<Vec<f64>>();
        let (labels, mass, below, above) = (pick(&candidates), pick(&mass), pick(&below), pick(&above));
        let n = labels.len();
        let own: Vec<f64> = labels.iter().map(|&y| inverse_scale(target, first, y)).collect();
        let mut fourth: Vec<f64> = own.iter().map(|s| s.powi(4)).collect();
        for (level, x) in reference.iter().zip(carried(target, first, &reference, &labels, PLACING)) {
            let scales = parallel::map(n, |i| inverse_scale(target, *level, x[i]));
            for i in 0..n {
                let (a, b) = (i.saturating_sub(1), (i + 1).min(n - 1));
                let stretch = ((x[b] - x[a]) / (labels[b] - labels[a])).max(0.0);
                fourth[i] += (stretch * scales[i]).powi(4);
            }
        }
        let density: Vec<f64> = (0..n)
            .map(|i| {
                let held = mass[i] / own[i];
                let empty = GAP * 4.0 * below[i] * above[i] / total;
                if held > 0.0 { fourth[i].powf(0.25) * held / (held + empty) } else { 0.0 }
            })
            .collect();
        Self { density: NodeDensity::new(labels, &density), reference }
    }

    /// The mesh with `spacing` local scales between neighbouring nodes.
    pub(super) fn mesh(&self, target: &Radial, grid: &Grid, spacing: f64) -> Mesh {
        let mut labels = vec![0.0];
        labels.extend(self.density.labels(spacing));
        let first = grid.level(1);
        let places: Vec<Places> = carried(target, first, &self.reference, &labels, MERGING)
            .into_iter()
            .zip(&self.reference)
            .map(|(x, level)| Places { x, closest: COINCIDENT * level.sin(), relative: COINCIDENT_RADII })
            .collect();
        let keep = clear_nodes(labels.len(), &places);
        let pick = |list: &[f64]| keep.iter().map(|&i| list[i]).collect::<Vec<_>>();
        let degrees = common_degrees(places.iter().map(|p| mirrored(&pick(&p.x)).collect()));
        Mesh { labels: pick(&labels), degrees }
    }

    /// ln of the largest slope of Φ_{t→1} along the radius where the flow parts, between neighbouring shells.
    pub(super) fn valley_slope(&self, target: &Radial, grid: &Grid) -> f64 {
        let first = grid.level(1);
        let mut centres: Vec<f64> = target.radii().iter().map(|&rho| centre(target, first, rho)).collect();
        centres.sort_by(f64::total_cmp);
        let mut largest: f64 = 0.0;
        for pair in centres.windows(2) {
            let y = golden_minimum(|y| ln_radius_density(target, first, y), pair[0], pair[1]);
            let at_data = ln_radius_density(target, first, y);
            for (level, x) in self.reference.iter().zip(carried(target, first, &self.reference, &[y], PLACING)) {
                largest = largest.max(ln_radius_density(target, *level, x[0]) - at_data);
            }
        }
        largest
    }
}
