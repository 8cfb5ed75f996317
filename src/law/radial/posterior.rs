//! The posterior of the radius and of the direction given a noisy point.

use crate::law::SMALLEST;
use crate::law::radial::{Law, Radial};
use crate::level::NoiseLevel;
use crate::numeric::special::jacobi::legendre;
use std::sync::OnceLock;

/// One radius of X_0 given x: ρ, A_d(κ) at it, and its posterior probability (its logit while that is being computed).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shell {
    pub(crate) radius: f64,
    pub(crate) ratio: f64,
    pub(crate) probability: f64,
}

/// Concentrations are cut here, where the direction is that of x.
const MOST_CONCENTRATION: f64 = 1e300;
/// Posteriors of up to this many radii live on the stack.
const STACK: usize = 48;
/// Points of the Gauss rule over the posterior of a continuous radius.
const RADIUS_POINTS: usize = 44;
/// The window of that rule ends where the density has fallen by this, as a logarithm; it is reached from this many standard deviations by
/// growing, and the mode is found by Newton's method.
const DROP: f64 = 38.0;
const REACH: f64 = 8.8;
const GROWTH: f64 = 1.3;
const WIDENINGS: usize = 60;
const NEWTON: usize = 60;

/// Squared noise is floored here, where the posterior is the limit of small noise.
const TINY_NOISE: f64 = 1e-200;
/// Moments of the length and direction of X_0 given a point at radius r.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moment {
    /// E⟨X_0, x⟩/‖x‖.
    pub(super) along: f64,
    /// E⟨X_0, x⟩²/‖x‖².
    pub(super) along_squared: f64,
    /// E‖X_0‖².
    pub(super) squared: f64,
}

impl Radial {
    /// The concentration κ = cos θ ρ r/sin²θ.
    #[inline]
    pub(crate) fn concentration(rho: f64, cos: f64, sin: f64, r: f64) -> f64 {
        let kappa = cos * rho * (r / (sin * sin).max(TINY_NOISE));
        if kappa > MOST_CONCENTRATION { MOST_CONCENTRATION } else { kappa }
    }

    /// The radius whose shell is nearest to x at radius r; of several the largest.
    fn nearest(&self, cos: f64, r: f64) -> f64 {
        match self.law {
            Law::Ball => {
                let most = self.radii[0];
                if cos * most > r { r / cos } else { most }
            }
            Law::Shells => {
                let gap = |rho: f64| (r - cos * rho).abs();
                let closer = |rho: f64, best: f64| gap(rho) < gap(best) || (gap(rho) == gap(best) && rho > best);
                self.radii.iter().copied().reduce(|best, rho| if closer(rho, best) { rho } else { best }).unwrap_or(0.0)
            }
        }
    }

    /// A_d(κ) and the logit ln w − ((r − cos θ ρ)² − (r − cos θ ρ₀)²)/(2 sin²θ) + ln Λ(κ) − κ of the radius ρ, with ρ₀ the nearest one: the
    /// difference of squares is a product of sum and difference, so that nothing cancels or overflows far away.
    fn shell(&self, rho: f64, ln_weight: f64, (cos, sin, r, nearest): (f64, f64, f64, f64)) -> Shell {
        let noise = (sin * sin).max(TINY_NOISE);
        let (sum, gap) = (2.0 * (r - cos * (0.5 * (rho + nearest))), cos * (nearest - rho));
        let fall = if gap == 0.0 { 0.0 } else { 0.5 * gap * (sum / noise) };
        let (ratio, ln) = self.direction.at(Self::concentration(rho, cos, sin, r));
        Shell { radius: rho, ratio, probability: ln_weight - fall + ln }
    }

    /// Calls `visit` with the radii that X_0 may have, their probabilities given ‖x‖ = r, and the ln of the sum of the exponentials of the
    /// logits, up to −(r − cos θ ρ₀)²/(2 sin²θ), which is the third argument.
    fn with_posterior<T>(&self, cos: f64, sin: f64, r: f64, visit: impl FnOnce(&[Shell], f64, f64) -> T) -> T {
        let at = (cos, sin, r, self.nearest(cos, r));
        let count = if self.law == Law::Ball { RADIUS_POINTS } else { self.radii.len() };
        let mut stack = [Shell::default(); STACK];
        let mut heap = if count > STACK { vec![Shell::default(); count] } else { Vec::new() };
        let shells = if count > STACK { &mut heap[..] } else { &mut stack[..count] };
        match self.law {
            Law::Shells => {
                for (shell, (&rho, w)) in shells.iter_mut().zip(self.radii.iter().zip(&self.weights)) {
                    *shell = self.shell(rho, w.ln(), at);
                }
            }
            Law::Ball => self.ball_posterior(at, shells),
        }
        let top = shells.iter().map(|s| s.probability).fold(f64::NEG_INFINITY, f64::max);
        let deviation = (r - cos * at.3) / (sin * sin).max(TINY_NOISE).sqrt();
        if top == f64::NEG_INFINITY && !r.is_nan() {
            // The posterior is narrower than the distance of the radii: all to the nearest.
            let gap = |shell: &Shell| (shell.radius - at.3).abs();
            let best = (0..count).min_by(|&i, &j| gap(&shells[i]).total_cmp(&gap(&shells[j]))).unwrap_or(0);
            shells.iter_mut().enumerate().for_each(|(k, s)| s.probability = if k == best { 1.0 } else { 0.0 });
            return visit(shells, f64::NEG_INFINITY, -0.5 * deviation * deviation);
        }
        let mut sum = 0.0;
        for shell in shells.iter_mut() {
            shell.probability = (shell.probability - top).exp();
            sum += shell.probability;
        }
        shells.iter_mut().for_each(|s| s.probability /= sum);
        visit(shells, top + sum.ln(), -0.5 * deviation * deviation)
    }

    /// The Gauss rule on the window of [0, R] that holds the posterior of ρ, whose log-density in ρ is concave.
    fn ball_posterior(&self, at: (f64, f64, f64, f64), shells: &mut [Shell]) {
        static RULE: OnceLock<(Vec<f64>, Vec<f64>)> = OnceLock::new();
        let (cos, sin, r, _) = at;
        let (nodes, weights) = RULE.get_or_init(|| legendre(RADIUS_POINTS));
        let (most, d, noise) = (self.radii[0], self.dim as f64, (sin * sin).max(TINY_NOISE));
        let ln_density = |rho: f64| self.shell(rho, (d - 1.0) * (rho / most).ln(), at).probability;
        // (ln density)' and −(ln density)'' in ρ, with A' = 1 − A² − (d−1)A/κ.
        let slopes = |rho: f64| {
            let kappa = Self::concentration(rho, cos, sin, r);
            let a = self.direction.ratio(kappa);
            let per_kappa = if kappa > 0.0 { a / kappa } else { 1.0 / d };
            let pull = cos * r / noise;
            let slope = (1.0 - a * a - (d - 1.0) * per_kappa).max(0.0);
            let bend = if slope > 0.0 { pull * pull * slope } else { 0.0 };
            ((d - 1.0) / rho - cos * cos * rho / noise + pull * a, (d - 1.0) / (rho * rho) + cos * cos / noise - bend)
        };
        let (mut low, mut high) = (0.0, most);
        let mut mode = most.min((r / cos.max(f64::MIN_POSITIVE)).max(0.5 * most * sin));
        for _ in 0..NEWTON {
            let (slope, curvature) = slopes(mode);
            if slope > 0.0 {
                low = mode;
            } else {
                high = mode;
            }
            let step = slope / curvature;
            let next = if curvature > 0.0 && mode + step < high && mode + step > low { mode + step } else { 0.5 * (low + high) };
            let moved = (next - mode).abs();
            // At the edge, or placed to a small part of the width.
            if low >= most || moved * moved * curvature.abs() < 1e-4 {
                break;
            }
            mode = next;
        }
        let (slope, curvature) = slopes(mode);
        let floor = ln_density(mode) - DROP;
        // From the mode a Gaussian falls by DROP within REACH deviations; from an edge with a slope it falls sooner.
        // No window is narrower than a few floats.
        let width = (REACH / curvature.max(f64::MIN_POSITIVE).sqrt())
            .min(if slope > 0.0 { DROP / slope } else { f64::INFINITY })
            .max(16.0 * f64::EPSILON * mode);
        let end = |sign: f64| {
            let mut reach = width;
            for _ in 0..WIDENINGS {
                let rho = mode + sign * reach;
                if !(rho > 0.0 && rho < most) {
                    return if sign < 0.0 { 0.0 } else { most };
                }
                if ln_density(rho) < floor {
                    return rho;
                }
                reach *= GROWTH;
            }
            mode + sign * reach
        };
        let (from, to) = (end(-1.0), end(1.0));
        let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
        for (shell, (x, w)) in shells.iter_mut().zip(nodes.iter().zip(weights)) {
            let rho = middle + half * x;
            // The mass of the rule is d ρ^{d−1}/R^d times twice the half-width (the weights sum to one).
            let ln_weight = (d - 1.0) * (rho / most).ln() + (2.0 * half * w * d / most).ln();
            *shell = self.shell(rho, ln_weight, at);
        }
    }

    /// ln Σ_j of the exponentials of the logits, which is ln p_θ + d ln(√(2π) sin θ).
    pub(crate) fn ln_mass(&self, cos: f64, sin: f64, r: f64) -> f64 {
        self.with_posterior(cos, sin, r, |_, ln_mass, nearest| ln_mass + nearest)
    }

    /// Calls `visit` for every radius that X_0 may have given x at radius r.
    #[inline]
    pub(crate) fn for_posterior(&self, cos: f64, sin: f64, r: f64, mut visit: impl FnMut(Shell)) {
        if self.radii.len() == 1 && self.law == Law::Shells {
            let radius = self.radii[0];
            visit(Shell { radius, ratio: self.direction.ratio(Self::concentration(radius, cos, sin, r)), probability: 1.0 });
            return;
        }
        self.with_posterior(cos, sin, r, |shells, _, _| shells.iter().copied().for_each(visit));
    }

    /// The radius of the denoiser, ‖D(x)‖ at ‖x‖ = r.
    pub(crate) fn denoised_radius(&self, cos: f64, sin: f64, r: f64) -> f64 {
        let mut sum = 0.0;
        self.for_posterior(cos, sin, r, |s| sum += s.probability * s.radius * s.ratio);
        sum
    }

    /// Var(⟨X_0, x⟩/‖x‖) given x at radius r.
    pub(crate) fn variance_along(&self, cos: f64, sin: f64, r: f64) -> f64 {
        let m = self.moments(cos, sin, r);
        (m.along_squared - m.along * m.along).max(0.0)
    }

    pub(super) fn moments(&self, cos: f64, sin: f64, r: f64) -> Moment {
        let mut m = Moment::default();
        let d = self.dim as f64;
        self.for_posterior(cos, sin, r, |Shell { radius: rho, ratio: a, probability: p }| {
            let kappa = Self::concentration(rho, cos, sin, r);
            let per_kappa = if kappa > 0.0 { a / kappa } else { 1.0 / d };
            m.along += p * rho * a;
            m.along_squared += p * rho * rho * (1.0 - (d - 1.0) * per_kappa);
            m.squared += p * rho * rho;
        });
        m
    }

    /// ‖D(x)‖/‖x‖, finite at the origin.
    pub(crate) fn denoiser_factor(&self, level: NoiseLevel, r: f64) -> f64 {
        let r = if r < SMALLEST { SMALLEST } else { r };
        self.denoised_radius(level.cos(), level.sin(), r) / r
    }
}
