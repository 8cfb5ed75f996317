//! The recursion on a mixture: nodes by their labels, posteriors component by component.

use crate::error::check_range;
use crate::law::{LineMarginal, LineMixture};
use crate::level::NoiseLevel;
use crate::numeric::golden::golden_minimum;
use crate::numeric::special::exp::exp;
use crate::numeric::special::normal;
use crate::numeric::vector::{LANES, load, store, vectorised};
use crate::population::PopulationError;
use crate::population::line::law::{Before, LineLaw, Nodes, Part, Tracker};
use crate::population::line::rules::rule_for;
use crate::population::mesh::{FAN, GAP, NodeDensity, SWITCH, TAIL, candidates};
use crate::schedule::Grid;
use std::f64::consts::FRAC_PI_4;

/// Largest ratio of a coordinate to a standard deviation that is accepted.
const LARGEST_RATIO: f64 = 1e7;
/// Smallest standard deviation that is accepted, and one over the largest coordinate: their fourth powers are representable.
const SMALLEST: f64 = 1e-50;
/// A candidate whose density at level 1 is below the largest by this logarithm lies in a gap that one cell crosses.
const LN_DEEP: f64 = -300.0;
/// Steps before a node is placed by the safeguarded search instead.
const NEWTON_STEPS: usize = 12;
/// A step below this many local scales ends the iteration: the next would be its cube.
const PLACED: f64 = 1e-6;
/// A step above this many local scales is not trusted.
const TRUSTED: f64 = 0.5;
/// Densities below this are left to the search: the exponential of the blocks ends near 1e-307.
const LEAST_DENSITY: f64 = 1e-280;
/// Responsibilities below this contribute nothing.
const NEGLIGIBLE: f64 = 1e-17;

/// What a mixture knows at its nodes.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    /// P(component k | x_i), component-major: entry k·n + i.
    responsibility: Vec<f64>,
    /// The marginal p_t.
    marginal: LineMarginal,
}

impl LineLaw for LineMixture {
    type Own = Shares;
    type Backward = Backward;

    fn check(&self, grid: &Grid) -> Result<f64, PopulationError> {
        let data = self.at(grid.level(1));
        let size = data.means.iter().zip(&data.stds).map(|(m, s)| m.abs() + s).fold(0.0, f64::max);
        let smallest = data.stds.iter().copied().fold(f64::INFINITY, f64::min);
        if !(size <= LARGEST_RATIO * smallest) {
            let name = "(largest |mean| + standard deviation)/(smallest standard deviation at level 1)";
            check_range(name, size / smallest, false, "(0, 1e7], what double precision resolves")?;
        }
        check_range("smallest standard deviation at level 1", smallest, smallest >= SMALLEST, "[1e-50, inf)")?;
        check_range("largest |mean| + standard deviation", size, size <= 1.0 / SMALLEST, "[0, 1e50]")?;
        Ok(size.max(size * size))
    }

    /// The fourth-power mean over the levels of (local scale)^{−1} · dx_t/dy, faded out in empty gaps.
    fn node_density(&self, grid: &Grid, reference: &[NoiseLevel]) -> NodeDensity {
        let data = self.at(grid.level(1));
        let centres = data.means.iter().copied().zip(data.stds.iter().copied());
        let mut candidates = candidates(centres, data.quantile(TAIL), data.upper_quantile(TAIL));
        // Deep gaps hold no nodes, see `GAP`: left out before the density underflows on the way.
        let ln: Vec<f64> = candidates.iter().map(|&y| data.ln_density(y)).collect();
        let top = ln.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut deep = ln.iter().map(|l| l - top < LN_DEEP);
        candidates.retain(|_| deep.next() == Some(false));
        let tracker = MixtureTracker::new(self, &candidates, grid.level(1));
        let start = tracker.start(grid.level(1));
        let own: Vec<f64> = (0..candidates.len()).map(|i| inverse_scale(&start, i)).collect();
        let mut fourth: Vec<f64> = own.iter().map(|s| s.powi(4)).collect();
        let mut nodes = start.clone();
        for &level in reference {
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
        NodeDensity::new(candidates, &density)
    }

    fn finest(&self, own: &Shares) -> f64 {
        own.marginal.stds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn tracker<'a>(&'a self, labels: &'a [f64], first: NoiseLevel) -> impl Tracker<Shares> + 'a {
        MixtureTracker::new(self, labels, first)
    }

    fn backward(&self, grid: &Grid, t: usize) -> Backward {
        Backward::new(self, grid, t)
    }

    fn mean_change(&self, backward: &Backward, nodes: &Nodes<Shares>, i: usize) -> f64 {
        let (n, x) = (nodes.x.len(), nodes.x[i]);
        backward.components.iter().enumerate().map(|(k, c)| nodes.own.responsibility[k * n + i] * c.mean_change(x)).sum()
    }

    fn noise_variance(&self, level: NoiseLevel, nodes: &Nodes<Shares>, i: usize) -> f64 {
        let (n, x) = (nodes.x.len(), nodes.x[i]);
        let p = &nodes.own.marginal;
        let component = |k: usize| {
            let (variance, v) = (self.stds()[k] * self.stds()[k], p.stds[k] * p.stds[k]);
            (nodes.own.responsibility[k * n + i], self.means()[k] + level.cos() * variance / v * (x - p.means[k]), variance / v)
        };
        let mean: f64 = (0..p.means.len()).map(component).map(|(r, m, _)| r * m).sum();
        let part = |(r, m, own): (f64, f64, f64)| r * (own + ((m - mean) / level.sin()).powi(2));
        (0..p.means.len()).map(component).map(part).sum()
    }

    fn average_blocks(
        &self,
        backward: &Backward,
        nodes: &Nodes<Shares>,
        before: Before<'_>,
        averages: (&mut [f64], &mut [f64]),
        left: &mut Vec<usize>,
    ) {
        vectorised(
            #[inline(always)]
            |_| {
                for (b, (first, second)) in averages.0.chunks_mut(LANES).zip(averages.1.chunks_mut(LANES)).enumerate() {
                    match backward.average_block(nodes, b * LANES, before) {
                        Some((ones, twos)) => {
                            store(first, 0, &ones);
                            store(second, 0, &twos);
                        }
                        None => left.extend(b * LANES..b * LANES + first.len()),
                    }
                }
            },
        );
    }

    #[inline]
    fn average(&self, backward: &Backward, nodes: &Nodes<Shares>, i: usize, Before { g, scales, rules }: Before<'_>) -> (f64, f64) {
        let n = nodes.x.len();
        let (x, before) = (nodes.x[i], g.nodes()[i]);
        let (mut first, mut second) = (0.0, 0.0);
        for (k, component) in backward.components.iter().enumerate() {
            let r = nodes.own.responsibility[k * n + i];
            if r < NEGLIGIBLE {
                continue;
            }
            let middle = (x - before) + component.mean_change(x);
            if component.width == 0.0 {
                let (d, _) = g.rise(i, middle, i);
                first += r * d;
                second += r * d * d;
                continue;
            }
            let near = g.nearest(before + middle, i);
            let rule = rule_for(rules, component.width / scales[near]);
            let (mut one, mut two) = (0.0, 0.0);
            for &(z, w) in &rule.nodes {
                let (d, _) = g.rise(i, middle + component.width * z, near);
                one += w * d;
                two += w * d * d;
            }
            first += r * one;
            second += r * two;
        }
        (first, second - first * first)
    }

    fn parts(&self, backward: &Backward, nodes: &Nodes<Shares>, i: usize, before: f64, parts: &mut Vec<Part>) {
        let (n, x) = (nodes.x.len(), nodes.x[i]);
        parts.clear();
        parts.extend(backward.components.iter().enumerate().filter_map(|(k, component)| {
            let weight = nodes.own.responsibility[k * n + i];
            (weight >= NEGLIGIBLE).then(|| Part { weight, middle: (x - before) + component.mean_change(x), width: component.width })
        }));
    }

    fn density(&self, level: NoiseLevel) -> Box<dyn Fn(f64) -> f64 + Send + Sync + '_> {
        let p = self.at(level);
        Box::new(move |x| p.density(x))
    }

    fn ln_density_along(&self, first: NoiseLevel, level: NoiseLevel, y: f64) -> f64 {
        let data = self.at(first);
        if level == first {
            return data.ln_density(y);
        }
        let p = self.at(level);
        p.ln_density(p.transport(&data, y))
    }

    fn transport(&self, from: NoiseLevel, to: NoiseLevel) -> Box<dyn Fn(f64) -> f64 + '_> {
        let (from, to) = (self.at(from), self.at(to));
        Box::new(move |x| to.transport(&from, x))
    }

    fn spread(&self, level: NoiseLevel) -> f64 {
        let p = self.at(level);
        let mean: f64 = p.weights.iter().zip(&p.means).map(|(w, m)| w * m).sum();
        p.weights.iter().zip(&p.means).zip(&p.stds).map(|((w, m), s)| w * (s * s + (m - mean) * (m - mean))).sum::<f64>().sqrt()
    }

    /// At the valleys of p_1 between neighbouring components the flow is steepest and nodes may be missing.
    fn ln_gap_slope(&self, grid: &Grid) -> f64 {
        const SEARCH: usize = 400;
        const LEVELS: usize = 64;
        let data = self.at(grid.level(1));
        let mut largest: f64 = 0.0;
        for pair in data.means.windows(2) {
            let place = |i: f64| pair[0] + (pair[1] - pair[0]) * i / SEARCH as f64;
            let Some(lowest) = (1..SEARCH).min_by(|&a, &b| data.ln_density(place(a as f64)).total_cmp(&data.ln_density(place(b as f64))))
            else {
                continue;
            };
            let y = golden_minimum(|y| data.ln_density(y), place(lowest as f64 - 1.0), place(lowest as f64 + 1.0));
            let bottom = data.ln_density(y);
            for level in 0..LEVELS {
                let t = 2 + (grid.steps() - 2) * level / (LEVELS - 1);
                let p = self.at(grid.level(t));
                let ln_slope = p.ln_density(p.transport(&data, y)) - bottom;
                if ln_slope > largest {
                    largest = ln_slope;
                }
            }
        }
        largest
    }
}

/// One over the local scale at node `i`: of the components, and of the switching of their responsibilities.
fn inverse_scale(nodes: &Nodes<Shares>, i: usize) -> f64 {
    let (n, x) = (nodes.x.len(), nodes.x[i]);
    let (mut fourth, mut first, mut second) = (0.0, 0.0, 0.0);
    for (k, (&m, &s)) in nodes.own.marginal.means.iter().zip(&nodes.own.marginal.stds).enumerate() {
        fourth += (s * s + (FAN * (x - m)).powi(2)).powi(-2);
        let pull = (x - m) / (s * s);
        let r = nodes.own.responsibility[k * n + i];
        first += r * pull;
        second += r * pull * pull;
    }
    // The variance of the pulls is the rate at which one component takes over from another.
    let switching = (second - first * first).max(0.0);
    (fourth.sqrt() + SWITCH * SWITCH * switching).sqrt()
}

/// Moves the nodes from level to level.
#[derive(Debug)]
struct MixtureTracker<'a> {
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
    fn new(target: &'a LineMixture, labels: &'a [f64], first: NoiseLevel) -> Self {
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
                    let tail = gauss * normal::mills(z.abs());
                    // The mass on the side that is counted: above x for the components on the left, below for the others.
                    let (sign, far) = if k < split[l] { (-w, z > 0.0) } else { (w, z < 0.0) };
                    excess[l] += sign * if far { tail } else { 1.0 - tail };
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

/// The posterior of X_{t−1} given X_t = x, component by component: how far its mean lies from x, an affine function of x that vanishes with
/// Δθ and is known to full relative accuracy, and its standard deviation.
pub(super) struct Backward {
    components: Vec<BackwardComponent>,
}

struct BackwardComponent {
    /// (cos θ_{t−1} − cos θ_t) m_k.
    shift: f64,
    /// Cov(X_{t−1}, X_t | k)/v_k − 1.
    stretch: f64,
    /// cos θ_t m_k.
    origin: f64,
    /// σ_k sin Δθ_t/√v_k.
    width: f64,
}

impl Backward {
    fn new(target: &LineMixture, grid: &Grid, t: usize) -> Self {
        let (from, sin_delta) = (grid.level(t), grid.sin_delta(t));
        let (cos_change, sin_change) = grid.changes(t);
        let components = target
            .means()
            .iter()
            .zip(target.stds())
            .map(|(&m, &s)| {
                let v = (from.cos() * s).powi(2) + from.one_minus_alpha_bar();
                BackwardComponent {
                    shift: cos_change * m,
                    stretch: (from.cos() * s * s * cos_change + from.sin() * sin_change) / v,
                    origin: from.cos() * m,
                    width: s * sin_delta / v.sqrt(),
                }
            })
            .collect();
        Self { components }
    }
}

impl Backward {
    /// E[g(X_{t−1}) | X_t = x_i] − g_i and the variance at the nodes from `start` on, side by side; nothing where a posterior reaches beyond the
    /// piece of g at its node.
    #[inline(always)]
    fn average_block(
        &self,
        nodes: &Nodes<Shares>,
        start: usize,
        Before { g, scales, rules }: Before<'_>,
    ) -> Option<([f64; LANES], [f64; LANES])> {
        let n = nodes.x.len();
        let block = g.block(start);
        let (x, before) = (load(&nodes.x, start), load(g.nodes(), start));
        let mut per_scale = load(scales, start);
        for l in 0..LANES {
            per_scale[l] = 1.0 / per_scale[l];
        }
        let (mut first, mut second) = ([0.0; LANES], [0.0; LANES]);
        for (k, component) in self.components.iter().enumerate() {
            let mut share = load(&nodes.own.responsibility[k * n..(k + 1) * n], start);
            let (mut middle, mut ratio) = ([0.0; LANES], 0.0_f64);
            for l in 0..LANES {
                share[l] = if share[l] < NEGLIGIBLE { 0.0 } else { share[l] };
                let change = (x[l] - before[l]) + component.mean_change(x[l]);
                middle[l] = if share[l] > 0.0 { change } else { 0.0 };
                let here = if share[l] > 0.0 { component.width * per_scale[l] } else { 0.0 };
                ratio = if here > ratio { here } else { ratio };
            }
            let rule = if component.width > 0.0 { &rule_for(rules, ratio).nodes[..] } else { &[(0.0, 1.0)] };
            let reach = component.width * rule[rule.len() - 1].0;
            let mut inside = true;
            for l in 0..LANES {
                inside &= middle[l] - reach >= block.low[l] && middle[l] + reach <= block.high[l] || share[l] == 0.0;
            }
            if !inside {
                return None;
            }
            let (mut one, mut two) = ([0.0; LANES], [0.0; LANES]);
            for &(z, w) in rule {
                let mut d = middle;
                for l in 0..LANES {
                    d[l] += component.width * z;
                }
                block.rise(&mut d);
                for l in 0..LANES {
                    one[l] += w * d[l];
                    two[l] += w * d[l] * d[l];
                }
            }
            for l in 0..LANES {
                first[l] += share[l] * one[l];
                second[l] += share[l] * two[l];
            }
        }
        for l in 0..LANES {
            second[l] -= first[l] * first[l];
        }
        Some((first, second))
    }
}

impl BackwardComponent {
    /// E[X_{t−1} | X_t = x, k] − x.
    #[inline]
    fn mean_change(&self, x: f64) -> f64 {
        self.shift + self.stretch * (x - self.origin)
    }
}
