//! Expectations over the angle of a von Mises–Fisher law.

use super::jacobi::legendre;

/// The window of the angle ends where the density has fallen by this, as a logarithm.
const DROP: f64 = 38.0;
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
        Self { dim, nodes, weights }
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
        let floor = self.ln_density(kappa, mode) - DROP;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::special::bessel::mean_ratio;

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
