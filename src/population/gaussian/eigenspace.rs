//! The recursion along one eigenspace of the covariance.

use crate::law::Gaussian;
use crate::numeric::special::root_quadratic::Direction;
use crate::numeric::special::sum::Sum;
use crate::schedule::Grid;

/// The recursion along one eigenspace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Eigenspace {
    /// λ.
    pub(super) variance: f64,
    pub(super) multiplicity: f64,
    /// Squared length of the mean within the eigenspace.
    pub(super) mean_squared: f64,
    /// v_1 and v_t.
    pub(super) first: f64,
    pub(super) now: f64,
    /// ln ρ_t.
    pub(super) ln_shrink: Sum,
    /// Σ_{s≤t} v_1 ρ²_{s−1} sin²Δψ_s, the losses along one direction.
    pub(super) loss: Sum,
    /// √v_1 (1 − cos Δψ_t): the error of step t is this times a standard normal.
    pub(super) local: f64,
}

impl Eigenspace {
    /// One step: `cosines` = cos θ_{t−1} cos θ_t, `sines` the same of sines.
    pub(super) fn step(&mut self, now: f64, sin_delta: f64, cosines: f64, sines: f64) {
        let root = (now * self.now).sqrt();
        let sin = self.variance.sqrt() * sin_delta / root;
        let cos = (self.variance * cosines + sines) / root;
        let square = sin * sin;
        self.loss.add(self.first * (2.0 * self.ln_shrink.value()).exp() * square);
        self.ln_shrink.add(if square < 0.5 { 0.5 * (-square).ln_1p() } else { cos.ln() });
        self.local = self.first.sqrt() * square / (1.0 + cos);
        self.now = now;
    }

    /// √(v_1/v_t) ρ_t.
    pub(super) fn gain(&self) -> f64 {
        (self.first / self.now).sqrt() * self.ln_shrink.value().exp()
    }

    /// 1 − ρ_t.
    pub(super) fn shrinkage(&self) -> f64 {
        -self.ln_shrink.value().exp_m1()
    }

    /// √v_T − 1 at the last level, without cancellation.
    pub(super) fn prior_gap(&self, alpha_bar: f64) -> f64 {
        alpha_bar * (self.variance - 1.0) / (1.0 + self.now.sqrt())
    }

    /// The vector with deviation `scale` and mean `shift` · m in this eigenspace.
    pub(super) fn direction(&self, scale: f64, shift: f64) -> Direction {
        Direction { scale, shift_squared: shift * shift * self.mean_squared, multiplicity: self.multiplicity as usize }
    }
}

/// The distinct eigenvalues at t = 1, and for each slot of the covariance the eigenspace it belongs to.
pub(super) fn eigenspaces(target: &Gaussian, grid: &Grid) -> (Vec<Eigenspace>, Vec<usize>) {
    let covariance = target.covariance();
    let projections = covariance.squared_projections(target.mean_slice());
    let entries: Vec<(f64, usize)> = covariance.eigenvalues().collect();
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by(|&i, &j| entries[i].0.total_cmp(&entries[j].0));
    let mut spaces: Vec<Eigenspace> = Vec::new();
    let mut slots = vec![0; entries.len()];
    for i in order {
        let (variance, multiplicity) = entries[i];
        if spaces.last().is_none_or(|s| s.variance != variance) {
            let first = grid.level(1).noisy_variance(variance);
            let zero = Sum::default();
            spaces.push(Eigenspace {
                variance,
                multiplicity: 0.0,
                mean_squared: 0.0,
                first,
                now: first,
                ln_shrink: zero,
                loss: zero,
                local: 0.0,
            });
        }
        slots[i] = spaces.len() - 1;
        if let Some(space) = spaces.last_mut() {
            space.multiplicity += multiplicity as f64;
            space.mean_squared += projections[i];
        }
    }
    (spaces, slots)
}
