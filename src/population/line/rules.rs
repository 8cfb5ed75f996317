//! Rules that average over N(0, 1).

use crate::numeric::special::hermite::gauss_hermite;
use crate::numeric::special::normal::density;

/// A quadrature rule for N(0, 1) and the largest ratio (posterior width)/(local scale of f) it serves.
#[derive(Debug)]
pub(super) struct HermiteRule {
    pub(super) largest_ratio: f64,
    pub(super) nodes: Vec<(f64, f64)>,
}

/// The rule for a ratio.
pub(super) fn rule_for(rules: &[HermiteRule], ratio: f64) -> &HermiteRule {
    rules.iter().find(|rule| ratio <= rule.largest_ratio).unwrap_or(&rules[rules.len() - 1])
}

/// Gauss–Hermite rules by increasing ratio R, and the trapezoidal rule for the rest.
///
/// With poles of f at twice the local scale, q points leave q! (R/2)^{2q} against a leading term (R/2)²: the bounds on R make the
/// quotient 1e−10 for q = 3, 4, 5, 6, 8, 10, 14, 20. Beyond, f_{t−1} is itself an average over the width of the posterior, hence smooth on
/// that width, and the trapezoidal rule at a spacing of 0.36 standard deviations is exact to 1e−16.
pub(super) fn hermite_rules() -> Vec<HermiteRule> {
    let mut rules: Vec<HermiteRule> = [3, 4, 5, 6, 8, 10, 14, 20]
        .into_iter()
        .map(|points: usize| {
            let factorial: f64 = (1..=points).map(|k| k as f64).product();
            let (z, w) = gauss_hermite(points);
            HermiteRule {
                largest_ratio: 2.0 * (1e-10 / factorial).powf(0.5 / (points as f64 - 1.0)),
                nodes: z.into_iter().zip(w).collect(),
            }
        })
        .collect();
    let points = (0..48).map(|i| 0.36 * (f64::from(i) - 23.5));
    let total: f64 = points.clone().map(density).sum();
    rules.push(HermiteRule { largest_ratio: f64::INFINITY, nodes: points.map(|z| (z, density(z) / total)).collect() });
    rules
}
