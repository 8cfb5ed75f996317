//! Expectations over the angle of a von Mises–Fisher law.

use crate::numeric::special::chebyshev::ChebyshevTable;
use crate::numeric::special::jacobi::{gauss_of, legendre};
use std::sync::OnceLock;

/// The window of the angle ends where the density has fallen by this, as a logarithm.
const DROP: f64 = 38.0;
/// The same for the rule that Gauss rules are made from: their last nodes feel moments up to the 23rd.
const WIDE_DROP: f64 = 120.0;
/// First half-width of the window in standard deviations; it grows until the density has fallen.
const REACH: f64 = 8.8;
const GROWTH: f64 = 1.4;
/// Widenings of one end; each multiplies the half-width, so that the whole half circle is reached.
const WIDENINGS: usize = 200;

/// A rule for the angle φ between U and the pole μ, density ∝ sin^{d−2}φ e^{κ cos φ} on [0, π].
#[derive(Debug, Clone)]
pub(crate) struct AngularRule {
    dim: usize,
    nodes: Vec<f64>,
    weights: Vec<f64>,
    drop: f64,
}

/// One node: 1 − cos φ (without cancellation), cos φ, sin φ, and the probability it stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Angle {
    pub(crate) versine: f64,
    pub(crate) cos: f64,
    pub(crate) sin: f64,
    pub(crate) weight: f64,
}

impl AngularRule {
    /// A rule of `points` nodes, of which d = 1 (the two poles) needs only two.
    pub(crate) fn new(dim: usize, points: usize) -> Self {
        let (nodes, weights) = legendre(points);
        Self { dim, nodes, weights, drop: DROP }
    }

    /// The same rule in another dimension.
    pub(crate) fn in_dimension(&self, dim: usize) -> Self {
        Self { dim, ..self.clone() }
    }

    /// The logarithm of the density, up to a constant.
    fn ln_density(&self, kappa: f64, phi: f64) -> f64 {
        let half = (0.5 * phi).sin();
        let power = if self.dim == 2 { 0.0 } else { (self.dim as f64 - 2.0) * phi.sin().ln() };
        power - 2.0 * kappa * half * half
    }

    /// Writes the rule for concentration `kappa` into `out`; the weights sum to one.
    ///
    /// Gauss–Legendre over the window of the angle that holds all but e^{−38} of the density, which is unimodal.
    pub(crate) fn at(&self, kappa: f64, out: &mut Vec<Angle>) {
        out.clear();
        if self.dim == 1 {
            let far = (-2.0 * kappa).exp() / (1.0 + (-2.0 * kappa).exp());
            out.push(Angle { versine: 0.0, cos: 1.0, sin: 0.0, weight: 1.0 - far });
            out.push(Angle { versine: 2.0, cos: -1.0, sin: 0.0, weight: far });
            return;
        }
        let (low, high) = self.window(kappa);
        let (middle, half) = (0.5 * (low + high), 0.5 * (high - low));
        let mut top = f64::NEG_INFINITY;
        for node in &self.nodes {
            let phi = middle + half * node;
            let ln = self.ln_density(kappa, phi);
            top = top.max(ln);
            let sin = (0.5 * phi).sin();
            out.push(Angle { versine: 2.0 * sin * sin, cos: phi.cos(), sin: phi.sin(), weight: ln });
        }
        let mut sum = 0.0;
        for (angle, weight) in out.iter_mut().zip(&self.weights) {
            angle.weight = weight * (angle.weight - top).exp();
            sum += angle.weight;
        }
        out.iter_mut().for_each(|a| a.weight /= sum);
    }

    fn window(&self, kappa: f64) -> (f64, f64) {
        let n = self.dim as f64 - 2.0;
        // The mode solves n cos φ = κ sin²φ.
        let cos = if kappa > 0.0 { 2.0 * kappa / (n + n.hypot(2.0 * kappa)) } else { 0.0 };
        let mode = if self.dim == 2 { 0.0 } else { (if kappa > 0.0 { (n * cos / kappa).sqrt() } else { 1.0 }).atan2(cos) };
        let curvature = if self.dim == 2 { kappa } else { n / mode.sin().powi(2) + kappa * cos };
        let width = REACH / curvature.sqrt();
        let floor = self.ln_density(kappa, mode) - self.drop;
        let end = |sign: f64| {
            let mut reach = width;
            for _ in 0..WIDENINGS {
                let phi = mode + sign * reach;
                if !(phi > 0.0 && phi < std::f64::consts::PI) {
                    return if sign < 0.0 { 0.0 } else { std::f64::consts::PI };
                }
                if self.ln_density(kappa, phi) < floor {
                    return phi;
                }
                reach *= GROWTH;
            }
            mode + sign * reach
        };
        (end(-1.0), end(1.0))
    }
}

/// Orders of the tabulated Gauss rules.
const ORDERS: [usize; 6] = [3, 4, 5, 6, 8, 12];
/// Points of the rule they are made from.
const BASE: usize = 128;
/// Length of a piece of the tables in ln κ.
const PIECE: f64 = 0.2;
/// The tables reach from this multiple of d up to κ = 1e14 and a multiple of d².
const SMALL: f64 = 1e-4;
const LARGE: f64 = 1e4;

/// Gauss rules for the law of 1 − cos φ with few points, tabulated against κ.
#[derive(Debug)]
pub(crate) struct GaussRules {
    dim: usize,
    rules: Vec<GaussRule>,
}

#[derive(Debug)]
struct GaussRule {
    order: usize,
    /// The largest ratio (width of the law)/(local scale of the function) it serves.
    largest_ratio: f64,
    /// (1 − cos φ_k)(κ + d)/d, then the weights, against ln κ.
    tables: OnceLock<Vec<ChebyshevTable>>,
}

impl GaussRules {
    /// Rules on the unit sphere of ℝ^`dim`; a table is made when it is first asked for.
    ///
    /// For large κ and small d the law of 1 − cos φ is close to exponential, where q points leave (q!)² (R/2)^{2q} for a function with poles
    /// at twice its local scale, R the ratio of the width to that scale, against a leading term (R/2)²: the bounds on R make the
    /// quotient 1e−10. For large d it is closer to normal, and the remainder smaller.
    pub(crate) fn new(dim: usize) -> Self {
        let rules = ORDERS.into_iter().map(|order| {
            let factorial: f64 = (1..=order).map(|k| k as f64).product();
            let largest_ratio = 2.0 * (1e-10 / (factorial * factorial)).powf(0.5 / (order as f64 - 1.0));
            GaussRule { order, largest_ratio, tables: OnceLock::new() }
        });
        Self { dim, rules: if dim == 1 { Vec::new() } else { rules.collect() } }
    }

    /// Writes a rule for concentration `kappa` into `out`, for functions whose local scale is 1/`ratio` widths of the law, or
    /// that of `wide` where more points are needed than a table has.
    pub(crate) fn at(&self, kappa: f64, ratio: f64, wide: &AngularRule, out: &mut Vec<Angle>) {
        if let Some(rule) = self.rules.iter().find(|rule| ratio <= rule.largest_ratio) {
            let tables = rule.tables.get_or_init(|| self.tabulate(rule.order));
            let u = kappa.ln();
            if tables[0].covers(u) {
                let (nodes, weights) = tables.split_at(rule.order);
                let scale = self.dim as f64 / (kappa + self.dim as f64);
                let mut sum = 0.0;
                out.clear();
                for (node, weight) in nodes.iter().zip(weights) {
                    let (versine, weight) = (scale * node.at(u), weight.at(u));
                    sum += weight;
                    out.push(Angle { versine, cos: 1.0 - versine, sin: (versine * (2.0 - versine)).max(0.0).sqrt(), weight });
                }
                out.iter_mut().for_each(|a| a.weight /= sum);
                return;
            }
        }
        wide.at(kappa, out);
    }

    fn tabulate(&self, order: usize) -> Vec<ChebyshevTable> {
        let d = self.dim as f64;
        let base = AngularRule { drop: WIDE_DROP, ..AngularRule::new(self.dim, BASE) };
        let (low, high) = ((SMALL * d).ln(), (LARGE * d * d).max(1e14).ln());
        ChebyshevTable::several(low, high, PIECE, 2 * order, |u, out| {
            let kappa = u.exp();
            let mut angles = Vec::with_capacity(BASE);
            base.at(kappa, &mut angles);
            let scale = (kappa + d) / d;
            angles.iter_mut().for_each(|a| a.versine *= scale);
            let (versines, masses): (Vec<f64>, Vec<f64>) = angles.iter().map(|a| (a.versine, a.weight)).unzip();
            let (nodes, weights) = gauss_of(&versines, &masses, order);
            out[..order].copy_from_slice(&nodes);
            out[order..].copy_from_slice(&weights);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::special::bessel::mean_ratio;

    #[test]
    fn tabulated_gauss_rules_have_the_moments() {
        let (mut few, mut many) = (Vec::new(), Vec::new());
        for dim in [2, 3, 10, 1000] {
            let (rules, base) = (GaussRules::new(dim), AngularRule { drop: WIDE_DROP, ..AngularRule::new(dim, BASE) });
            for (index, order) in ORDERS.into_iter().enumerate() {
                for i in 0..150 {
                    let kappa = 10f64.powf(-3.0 + 0.0917 * f64::from(i)) * dim as f64;
                    rules.at(kappa, 0.999 * rules.rules[index].largest_ratio, &base, &mut few);
                    base.at(kappa, &mut many);
                    assert_eq!(few.len(), order);
                    let scale: f64 = many.iter().map(|a| a.weight * a.versine).sum();
                    for power in 1..(2 * order).min(9) as i32 {
                        let moment = |rule: &[Angle]| rule.iter().map(|a| a.weight * (a.versine / scale).powi(power)).sum::<f64>();
                        let error = (moment(&few) / moment(&many) - 1.0).abs();
                        // Rounding of the nodes and of the 128 weights behind them, times the power.
                        let tolerance = 1e-13 * f64::from(power);
                        assert!(error < tolerance, "d = {dim}, q = {order}, κ = {kappa:e}, power {power}: {error:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn means_are_the_bessel_ratios() {
        let mut angles = Vec::new();
        for dim in [1, 2, 3, 4, 10, 101, 1000, 10_000] {
            let rule = AngularRule::new(dim, 48);
            for exponent in -6..13 {
                let kappa = 10f64.powi(exponent);
                rule.at(kappa, &mut angles);
                let deficit: f64 = angles.iter().map(|a| a.weight * a.versine).sum();
                // 1 − A to the accuracy with which A itself is known, and the mean to that of the rule.
                let error = (deficit - (1.0 - mean_ratio(dim, kappa))).abs();
                assert!(error < 2e-14, "d = {dim}, κ = {kappa:e}: {error:e}");
            }
        }
    }
}
