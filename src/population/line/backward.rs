//! The posterior of X_{t−1} given X_t, and the rules that average over it.

use crate::law::LineMixture;
use crate::numeric::special::hermite::gauss_hermite;
use crate::numeric::special::normal::density;
use crate::schedule::Grid;

/// A quadrature rule for N(0, 1) and the largest ratio (posterior width)/(local scale of f) it serves.
pub(super) struct HermiteRule {
    pub(super) largest_ratio: f64,
    pub(super) nodes: Vec<(f64, f64)>,
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

/// The posterior of X_{t−1} given X_t = x, component by component: how far its mean lies from x, an affine function of x that vanishes with
/// Δθ and is known to full relative accuracy, and its standard deviation.
pub(super) struct Backward {
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
}

impl BackwardComponent {
    /// E[X_{t−1} | X_t = x, k] − x.
    #[inline]
    pub(super) fn mean_change(&self, x: f64) -> f64 {
        self.shift + self.stretch * (x - self.origin)
    }
}
