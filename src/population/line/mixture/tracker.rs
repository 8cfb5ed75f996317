//! The nodes of a mixture, placed by the mass below them.

use crate::law::{LineMarginal, LineMixture, signed_share};
use crate::level::NoiseLevel;
use crate::numeric::special::exp::exp;
use crate::numeric::special::normal;
use crate::numeric::vector::{LANES, load, store, vectorised};
use crate::population::line::law::{Nodes, Tracker};
use crate::population::line::mixture::Shares;
use std::f64::consts::FRAC_PI_4;

/// Steps before a node is placed by the safeguarded search instead.
const NEWTON_STEPS: usize = 12;
/// A step below this many local scales ends the iteration: the next would be its cube.
const PLACED: f64 = 1e-6;
/// A step above this many local scales is not trusted.
const TRUSTED: f64 = 0.5;
/// Densities below this are left to the search: the exponential of the blocks ends near 1e-307.
const LEAST_DENSITY: f64 = 1e-280;

/// Moves the nodes from level to level.
#[derive(Debug)]
pub(super) struct MixtureTracker<'a> {
    target: &'a LineMixture,
    labels: &'a [f64],
    data: LineMarginal,
    /// Number of components counted as left of each node, see `LineLabel`.
    splits: Vec<usize>,
    /// Signed mass between each label and the modes, Σ_{right} w N(z) − Σ_{left} w N(−z): constant along the flow.
    masses: Vec<f64>,
}

impl<'a> MixtureTracker<'a> {
    /// Trajectories through the positions `labels` at the level `first`.
    pub(super) fn new(target: &'a LineMixture, labels: &'a [f64], first: NoiseLevel) -> Self {
        let data = target.at(first);
        let splits: Vec<usize> = labels.iter().map(|&y| data.label(y).split).collect();
        let masses = labels.iter().zip(&splits).map(|(&y, &split)| signed_mass(&data, y, split)).collect();
        Self { target, labels, data, splits, masses }
    }

    /// Newton's method on the signed mass, all nodes; and what is known of them at their places.
    fn settle(&self, nodes: &mut Nodes<Shares>, level: NoiseLevel) {
        let n = nodes.x.len();
        vectorised(
            #[inline(always)]
            |_| {
                for start in (0..n).step_by(LANES) {
                    if !self.settle_block(nodes, start) {
                        (start..n.min(start + LANES)).for_each(|i| self.search(nodes, i));
                    }
                }
                nodes.posterior(self.target, level);
            },
        );
    }

    /// Places the nodes from `start` on, side by side, and leaves w_k p_k(x_i) in `responsibility` and their sum in `density`; false where one of
    /// them does not settle.
    ///
    /// A step solves F + p δ + p' δ²/2 = mass, so that one of δ local scales leaves δ³.
    #[inline(always)]
    fn settle_block(&self, nodes: &mut Nodes<Shares>, start: usize) -> bool {
        let n = nodes.x.len();
        let p = &nodes.own.marginal;
        let (mut x, mass) = (load(&nodes.x, start), load(&self.masses, start));
        let (mut split, mut smallest) = ([0_usize; LANES], [0.0; LANES]);
        for l in 0..LANES {
            split[l] = self.splits[(start + l).min(n - 1)];
            smallest[l] = 1.0 / p.stds[split[l].min(p.stds.len() - 1)];
        }
        for _ in 0..NEWTON_STEPS {
            let (mut excess, mut density, mut slope, mut pull) = ([0.0; LANES], [0.0; LANES], [0.0; LANES], [0.0; LANES]);
            for (k, ((&w, &m), &s)) in p.weights.iter().zip(&p.means).zip(&p.stds).enumerate() {
                let (inverse, height) = (1.0 / s, w / s * normal::INV_SQRT_2PI);
                let mut own = [0.0; LANES];
                for l in 0..LANES {
                    let z = (x[l] - m) * inverse;
                    let gauss = exp(-0.5 * z * z);
                    excess[l] += signed_share(w, k < split[l], z, gauss);
                    own[l] = height * gauss;
                    density[l] += own[l];
                    let part = own[l] * z * inverse;
                    slope[l] -= part;
                    pull[l] += part.abs();
                }
                store(&mut nodes.own.responsibility[k * n..(k + 1) * n], start, &own);
            }
            let (mut step, mut largest) = ([0.0; LANES], 0.0_f64);
            let mut finite = true;
            for l in 0..LANES {
                let first = (mass[l] - excess[l]) / density[l];
                // In units of the local scale 1/|(ln p)'| this is how far the linearisation was asked to reach.
                let scale = pull[l] / density[l];
                let relative = first.abs() * if scale > smallest[l] { scale } else { smallest[l] };
                finite &= relative <= TRUSTED && density[l] > LEAST_DENSITY;
                largest = if relative > largest { relative } else { largest };
                step[l] = first - 0.5 * slope[l] / density[l] * first * first;
                x[l] += step[l];
            }
            if !finite {
                return false;
            }
            if largest < PLACED {
                let mut density = [0.0; LANES];
                for (k, (&m, &s)) in p.means.iter().zip(&p.stds).enumerate() {
                    let inverse = 1.0 / s;
                    let list = &mut nodes.own.responsibility[k * n..(k + 1) * n];
                    let mut kept = load(list, start);
                    for l in 0..LANES {
                        // e^q, q the change of the exponent, is exact to q³ < 1e-18.
                        let z = (x[l] - 0.5 * step[l] - m) * inverse;
                        let q = -z * step[l] * inverse;
                        kept[l] *= 1.0 + q * (1.0 + 0.5 * q);
                        density[l] += kept[l];
                    }
                    store(list, start, &kept);
                }
                store(&mut nodes.x, start, &x);
                store(&mut nodes.density, start, &density);
                return true;
            }
        }
        false
    }

    /// Places one node by the safeguarded search.
    fn search(&self, nodes: &mut Nodes<Shares>, i: usize) {
        let n = nodes.x.len();
        let p = &nodes.own.marginal;
        let x = p.transport(&self.data, self.labels[i]);
        let density = p.density(x);
        p.for_responsibilities(x, |k, r| nodes.own.responsibility[k * n + i] = r * density);
        (nodes.x[i], nodes.density[i]) = (x, density);
    }
}

impl Tracker<Shares> for MixtureTracker<'_> {
    fn start(&self, first: NoiseLevel) -> Nodes<Shares> {
        let n = self.labels.len();
        let marginal = self.target.at(first);
        let own = Shares { responsibility: vec![0.0; n * marginal.weights.len()], marginal };
        let mut nodes = Nodes { x: self.labels.to_vec(), density: vec![0.0; n], velocity: vec![0.0; n], own };
        self.settle(&mut nodes, first);
        nodes
    }

    fn advance(&self, level: NoiseLevel, nodes: &mut Nodes<Shares>) {
        nodes.own.marginal = self.target.at(level);
        self.settle(nodes, level);
    }
}

fn signed_mass(p: &LineMarginal, x: f64, split: usize) -> f64 {
    p.weights
        .iter()
        .zip(&p.means)
        .zip(&p.stds)
        .enumerate()
        .map(|(k, ((&w, &m), &s))| {
            let z = (x - m) / s;
            if k < split { -w * normal::cdf(-z) } else { w * normal::cdf(z) }
        })
        .sum()
}

impl Nodes<Shares> {
    /// Normalises the responsibilities and computes the velocity u = −tan θ (x + s) = (cos θ x − D)/sin θ, the first form near the data
    /// and the second near the noise.
    #[inline(always)]
    fn posterior(&mut self, target: &LineMixture, level: NoiseLevel) {
        let n = self.x.len();
        let near_data = level.angle() < FRAC_PI_4;
        self.velocity.fill(0.0);
        for (k, ((&m, &sigma), (&mu, &s))) in
            target.means().iter().zip(target.stds()).zip(self.own.marginal.means.iter().zip(&self.own.marginal.stds)).enumerate()
        {
            let v = s * s;
            let gain = level.cos() * sigma * sigma / v;
            let own = &mut self.own.responsibility[k * n..(k + 1) * n];
            // The mean of X_0, or near the data minus the score, which is where it lies in units of the variance.
            let (constant, slope) = if near_data { (0.0, 1.0 / v) } else { (m, gain) };
            for (((r, &p), &x), u) in own.iter_mut().zip(&self.density).zip(&self.x).zip(&mut self.velocity) {
                *r = if p > 0.0 { *r / p } else { 0.0 };
                *u += *r * (constant + slope * (x - mu));
            }
        }
        let (own, pull) = if near_data { (-level.tan(), level.tan()) } else { (level.cos() / level.sin(), -1.0 / level.sin()) };
        for (u, &x) in self.velocity.iter_mut().zip(&self.x) {
            *u = own * x + pull * *u;
        }
    }
}
