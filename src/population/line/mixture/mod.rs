//! The recursion on a mixture: nodes by their labels, posteriors component by component.

mod backward;
mod tracker;

use crate::error::check_range;
use crate::law::{LineMarginal, LineMixture};
use crate::level::NoiseLevel;
use crate::numeric::golden::golden_minimum;
use crate::numeric::vector::{LANES, store, vectorised};
use crate::population::PopulationError;
use crate::population::line::law::{Before, LineLaw, Nodes, Part, Tracker};
use crate::population::line::rules::rule_for;
use crate::population::mesh::{FAN, GAP, NodeDensity, SWITCH, TAIL, candidates};
use crate::schedule::Grid;
use backward::Backward;
use tracker::MixtureTracker;

/// Largest ratio of a coordinate to a standard deviation that is accepted.
const LARGEST_RATIO: f64 = 1e7;
/// Smallest standard deviation that is accepted, and one over the largest coordinate: their fourth powers are representable.
const SMALLEST: f64 = 1e-50;
/// A candidate whose density at level 1 is below the largest by this logarithm lies in a gap that one cell crosses.
const LN_DEEP: f64 = -300.0;
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
