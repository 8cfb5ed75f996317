//! The nodes at one level: positions on the exact flow, densities, posterior responsibilities, velocity.

use crate::law::{LineMarginal, LineMixture};
use crate::level::NoiseLevel;
use crate::numeric::special::normal;
use std::f64::consts::FRAC_PI_4;

/// Newton steps before a node is placed by the safeguarded search instead.
const NEWTON_STEPS: usize = 24;
/// A Newton step below this many local standard deviations ends the iteration.
const PLACED: f64 = 1e-9;
/// A Newton step above this many local standard deviations is shortened to it.
const TRUSTED: f64 = 0.5;
/// Responsibilities below this contribute nothing.
pub(super) const NEGLIGIBLE: f64 = 1e-17;

/// All nodes at one level.
#[derive(Debug, Clone)]
pub(super) struct Nodes {
    /// x_i = F_t^{−1}(F_1(y_i)).
    pub(super) x: Vec<f64>,
    /// p_t(x_i).
    pub(super) density: Vec<f64>,
    /// P(component k | x_i), component-major: entry k·n + i.
    pub(super) responsibility: Vec<f64>,
    /// dx/dθ of the probability flow at x_i.
    pub(super) velocity: Vec<f64>,
    /// The marginal p_t.
    pub(super) marginal: LineMarginal,
}

/// Moves the nodes from level to level.
#[derive(Debug)]
pub(super) struct Tracker<'a> {
    target: &'a LineMixture,
    labels: &'a [f64],
    data: LineMarginal,
    /// Number of components counted as left of each node, see `LineLabel`.
    splits: Vec<usize>,
    /// Signed mass between each label and the modes, Σ_{right} w N(z) − Σ_{left} w N(−z): constant along the flow.
    masses: Vec<f64>,
}

impl<'a> Tracker<'a> {
    /// Trajectories through the positions `labels` at the level `first`.
    pub(super) fn new(target: &'a LineMixture, labels: &'a [f64], first: NoiseLevel) -> Self {
        let data = target.at(first);
        let splits: Vec<usize> = labels.iter().map(|&y| data.label(y).split).collect();
        let masses = labels.iter().zip(&splits).map(|(&y, &split)| signed_mass(&data, y, split)).collect();
        Self { target, labels, data, splits, masses }
    }

    /// The nodes at the first level, where they stand at their labels.
    pub(super) fn start(&self, first: NoiseLevel) -> Nodes {
        self.place(first, self.labels.to_vec())
    }

    /// The nodes at `level`, from predicted positions.
    fn place(&self, level: NoiseLevel, predicted: Vec<f64>) -> Nodes {
        let n = predicted.len();
        let marginal = self.target.at(level);
        let components = marginal.weights.len();
        let mut nodes =
            Nodes { x: predicted, density: vec![0.0; n], responsibility: vec![0.0; n * components], velocity: vec![0.0; n], marginal };
        self.settle(&mut nodes);
        nodes.posterior(self.target, level);
        nodes
    }

    /// As [`place`](Self::place), reusing the memory of `nodes`, whose positions are the prediction.
    pub(super) fn advance(&self, level: NoiseLevel, nodes: &mut Nodes) {
        nodes.marginal = self.target.at(level);
        self.settle(nodes);
        nodes.posterior(self.target, level);
    }

    /// Newton's method on the signed mass, all nodes; leaves w_k p_k(x_i) in `responsibility` and their sum in `density`.
    fn settle(&self, nodes: &mut Nodes) {
        let n = nodes.x.len();
        let p = &nodes.marginal;
        for i in 0..n {
            let (mut x, split) = (nodes.x[i], self.splits[i]);
            let mut placed = false;
            for _ in 0..NEWTON_STEPS {
                let (mut excess, mut density, mut pull) = (-self.masses[i], 0.0, 0.0_f64);
                for (k, ((&w, &m), &s)) in p.weights.iter().zip(&p.means).zip(&p.stds).enumerate() {
                    let z = (x - m) / s;
                    let gauss = (-0.5 * z * z).exp();
                    let own = w / s * normal::INV_SQRT_2PI * gauss;
                    excess += if k < split { -w * normal::upper_tail(z, gauss) } else { w * normal::upper_tail(-z, gauss) };
                    nodes.responsibility[k * n + i] = own;
                    density += own;
                    pull += own * z.abs() / s;
                }
                nodes.density[i] = density;
                let step = excess / density;
                // In units of the local scale 1/|(ln p)'| this is how far the linearisation was asked to reach.
                let relative = step.abs() * (pull / density).max(1.0 / p.stds[split.min(p.stds.len() - 1)]);
                if !relative.is_finite() {
                    break;
                }
                // The signed mass increases with x: shortened steps reach its only zero.
                if relative > TRUSTED {
                    x -= step * (TRUSTED / relative);
                    continue;
                }
                x -= step;
                if relative < PLACED {
                    // First-order update of the component densities, exact to relative² < 1e−18.
                    let mut density = 0.0;
                    for (k, (&m, &s)) in p.means.iter().zip(&p.stds).enumerate() {
                        let own = &mut nodes.responsibility[k * n + i];
                        *own *= 1.0 + step * (x - m) / (s * s);
                        density += *own;
                    }
                    nodes.density[i] = density;
                    placed = true;
                    break;
                }
            }
            if !placed {
                x = p.transport(&self.data, self.labels[i]);
                nodes.density[i] = p.density(x);
                p.for_responsibilities(x, |k, r| nodes.responsibility[k * n + i] = r * nodes.density[i]);
            }
            nodes.x[i] = x;
        }
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

impl Nodes {
    /// Normalises the responsibilities and computes the velocity u = −tan θ (x + s) = (cos θ x − D)/sin θ, the first form near the data
    /// and the second near the noise.
    fn posterior(&mut self, target: &LineMixture, level: NoiseLevel) {
        let n = self.x.len();
        let near_data = level.angle() < FRAC_PI_4;
        self.velocity.fill(0.0);
        for (k, ((&m, &sigma), (&mu, &s))) in
            target.means().iter().zip(target.stds()).zip(self.marginal.means.iter().zip(&self.marginal.stds)).enumerate()
        {
            let v = s * s;
            let gain = level.cos() * sigma * sigma / v;
            let own = &mut self.responsibility[k * n..(k + 1) * n];
            for (((r, &p), &x), u) in own.iter_mut().zip(&self.density).zip(&self.x).zip(&mut self.velocity) {
                *r = if p > 0.0 { *r / p } else { 0.0 };
                *u += *r * if near_data { (x - mu) / v } else { m + gain * (x - mu) };
            }
        }
        for (u, &x) in self.velocity.iter_mut().zip(&self.x) {
            *u = if near_data { -level.tan() * (x - *u) } else { (level.cos() * x - *u) / level.sin() };
        }
    }
}
