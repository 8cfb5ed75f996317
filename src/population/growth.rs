//! Upper bounds on Lipschitz constants along a grid, from the curvature of ln p.

use crate::law::{Comb, LineMixture};
use crate::level::NoiseLevel;
use crate::schedule::Grid;

/// Upper bounds on the Lipschitz constants of a law along a grid, as logarithms: they grow like the exponential of a squared distance.
///
/// On the line, with e_θ = sup_x 1 + (ln p_θ)''(x), the probability flow expands by the rate tan θ e_θ at most, and one step of the recursion
/// multiplies slopes by m_t' ≤ cos Δθ_t + sin Δθ_t tan θ_t e_{θ_t} at most. For mixtures e is bounded by branch and bound, between levels by
/// e_{θ'} ≤ e (1 − q)/(1 − e q), q = (sin²θ' − sin²θ)/cos²θ, so that ln Lip Φ_{θ'→θ} ≤ −½ ln(1 − e q). Where e is large, near point masses, by
/// sup_x Var(X_0|X_θ = x) instead, which grows with θ.
///
/// # Accuracy
/// Upper bounds, rounding included. A few per cent above the constants where these are attained along one trajectory, such as the middle of a
/// symmetric pair; exact for Gaussians.
///
/// # Example
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::law::LineMixture;
/// use onestep::population::{LineRecursion, PopulationLaw};
/// use onestep::schedule::UniformAngle;
/// let law = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.6, 0.6])?;
/// let grid = UniformAngle::new(64, 0.01, 1.57)?.grid()?;
/// let bounds = law.lipschitz_bounds(&grid).unwrap();
/// let run = LineRecursion::new(&law, &grid).run()?;
/// assert!(run.report().ln_lipschitz <= bounds.ln_flow && bounds.ln_flow <= 1.05 * run.report().ln_lipschitz);
/// assert!(run.consistency().lipschitz(64).unwrap().ln() <= bounds.ln_maps);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LipschitzBounds {
    /// ln of a bound on L_f = max Lip Φ_{t→k}, k ≤ t; at least 0.
    pub ln_flow: f64,
    /// ln of a bound on Λ = max_t Lip f_t*; at least 0.
    pub ln_maps: f64,
}

/// Relative rounding of a rate.
const OUTWARDS: f64 = 1e-12;
/// Levels at which the curvature is bounded afresh, at most, while the bounds from the level before serve.
const FRESH: usize = 512;
/// A piece of the flow that expands by more than this is halved, so often, and later only where it expands by more than `ROUGH`.
const FINE: f64 = 0.05;
const ROUGH: f64 = 0.5;
const HALVINGS: usize = 16;
const MOST_HALVINGS: usize = 60;

impl LipschitzBounds {
    /// From logarithms.
    pub(crate) fn new(ln_flow: f64, ln_maps: f64) -> Self {
        Self { ln_flow, ln_maps }
    }
}

/// A law on the line by its curvature: `excess` bounds sup_x 1 + (ln p_θ)''(x).
pub(crate) fn bounds_on_the_line(grid: &Grid, excess: impl Fn(NoiseLevel) -> f64) -> LipschitzBounds {
    let steps = grid.steps();
    let fresh = |t: usize| steps <= FRESH || t * FRESH / steps != (t - 1) * FRESH / steps;
    let mut here = excess(grid.level(1));
    let (mut flow, mut longest) = (0.0_f64, 0.0_f64);
    let (mut maps, mut largest) = (0.0_f64, 0.0_f64);
    for t in 2..=steps {
        let (from, to) = (grid.level(t - 1), grid.level(t));
        // Sums over neighbouring steps: the largest of them all.
        flow = (flow + piece(from, here, to, None, &excess, 0)).max(0.0);
        longest = longest.max(flow);
        here = match carried(here, share(from, to)) {
            Some(next) if !fresh(t) => next,
            _ => excess(to),
        };
        // (cos Δ − 1) + sin Δ tan θ e; at the noise end the second term is 0.
        let half = (0.5 * grid.delta(t)).sin();
        let rate = if to.cos() == 0.0 { 0.0 } else { grid.sin_delta(t) * to.tan() * here };
        maps += (rate - 2.0 * half * half + OUTWARDS * rate.abs()).ln_1p() + 4.0 * f64::EPSILON;
        largest = largest.max(maps);
        if maps.is_nan() || flow.is_nan() {
            return LipschitzBounds::new(f64::INFINITY, f64::INFINITY);
        }
    }
    let out = |ln: f64| if ln > 0.0 { ln * (1.0 + OUTWARDS) + OUTWARDS } else { 0.0 };
    LipschitzBounds::new(out(longest), out(largest))
}

/// q.
fn share(from: NoiseLevel, to: NoiseLevel) -> f64 {
    (to.angle() - from.angle()).sin() * (to.sin() * from.cos() + to.cos() * from.sin()) / from.alpha_bar()
}

/// The bound at the end of a piece, if it is not far above that at its start.
fn carried(excess: f64, q: f64) -> Option<f64> {
    let left = 1.0 - excess * q;
    (left > ROUGH).then(|| excess * (1.0 - q) / left * (1.0 + OUTWARDS) + f64::MIN_POSITIVE)
}

/// A bound on ln Lip of the flow from `to` back to `from`, given the excess at `from`, and that at `to` where it is known.
fn piece(from: NoiseLevel, excess: f64, to: NoiseLevel, there: Option<f64>, law: &impl Fn(NoiseLevel) -> f64, halved: usize) -> f64 {
    let product = excess * share(from, to);
    let enough = if halved < HALVINGS { FINE } else { ROUGH };
    if product <= enough || halved >= MOST_HALVINGS {
        let product = product + OUTWARDS * product.abs();
        return if product < 1.0 { -0.5 * (-product).ln_1p() } else { f64::INFINITY };
    }
    let there = there.unwrap_or_else(|| law(to));
    let (low, high) = by_variance(from, excess, to, there);
    if high - low <= 0.5 * FINE * high {
        return high;
    }
    match NoiseLevel::from_angle(0.5 * (from.angle() + to.angle())) {
        Ok(middle) if from.angle() < middle.angle() && middle.angle() < to.angle() => {
            let between = law(middle);
            piece(from, excess, middle, Some(between), law, halved + 1) + piece(middle, between, to, Some(there), law, halved + 1)
        }
        _ => f64::INFINITY,
    }
}

/// ∫ −cot θ + C_θ cos θ/sin³θ dθ over a piece, with C_θ = sup_x Var(X_0|x) = sin²θ (1 + e tan²θ) as at its start and as at its end.
///
/// C grows with the noise. In λ = cot²θ and y = λx/cos θ the posterior is an exponential family, ∝ exp(ym − λm²/2): where ∂_y Var, the third central
/// moment, is 0, ∂_λ Var = −½ Cov(m², (m − μ)²) = −½ Var((m − μ)²) ≤ 0. So the second number is an upper bound, exact for two point masses.
fn by_variance(from: NoiseLevel, excess: f64, to: NoiseLevel, there: f64) -> (f64, f64) {
    let contraction = (from.sin() / to.sin()).ln();
    let half = 0.5 * share(from, to) * from.alpha_bar();
    let low = half * (1.0 + excess * from.tan() * from.tan()) / to.one_minus_alpha_bar();
    let high = half * (1.0 + there * to.tan() * to.tan()) / from.one_minus_alpha_bar();
    (contraction + low, contraction + high + OUTWARDS * (high - contraction))
}

/// Of a mixture.
pub(crate) fn of_mixture(law: &LineMixture, grid: &Grid) -> LipschitzBounds {
    bounds_on_the_line(grid, |level| law.excess_curvature(level))
}

/// Of a comb: e = κ² A_θ/(1 − A_θ), and L_f in closed form.
pub(crate) fn of_comb(law: &Comb, grid: &Grid) -> LipschitzBounds {
    let excess = |level: NoiseLevel| {
        let p = law.at(level);
        p.wavenumber().powi(2) * p.amplitude() / (1.0 - p.amplitude())
    };
    let bounds = bounds_on_the_line(grid, excess);
    LipschitzBounds::new(bounds.ln_flow.min(law.flow_lipschitz_bound(grid.level(1)).ln()), bounds.ln_maps)
}
