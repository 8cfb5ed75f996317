//! The posterior of a mixture over one step.

use crate::law::LineMixture;
use crate::numeric::vector::{LANES, load};
use crate::population::line::law::{Before, Nodes};
use crate::population::line::mixture::{NEGLIGIBLE, Shares};
use crate::population::line::rules::rule_for;
use crate::schedule::Grid;

/// The posterior of X_{t−1} given X_t = x, component by component: how far its mean lies from x, an affine function of x that vanishes with
/// Δθ and is known to full relative accuracy, and its standard deviation.
pub(in crate::population::line) struct Backward {
    pub(super) components: Vec<BackwardComponent>,
}

pub(super) struct BackwardComponent {
    /// (cos θ_{t−1} − cos θ_t) m_k.
    shift: f64,
    /// Cov(X_{t−1}, X_t | k)/v_k − 1.
    stretch: f64,
    /// cos θ_t m_k.
    origin: f64,
    /// σ_k sin Δθ_t/√v_k.
    pub(super) width: f64,
}

impl Backward {
    pub(super) fn new(target: &LineMixture, grid: &Grid, t: usize) -> Self {
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

    /// E[g(X_{t−1}) | X_t = x_i] − g_i and the variance at the nodes from `start` on, side by side; nothing where a posterior reaches beyond the
    /// piece of g at its node.
    #[inline(always)]
    pub(super) fn average_block(
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
    pub(super) fn mean_change(&self, x: f64) -> f64 {
        self.shift + self.stretch * (x - self.origin)
    }
}
