//! Over-relaxation: how far an iteration goes beyond Sinkhorn's update.

use crate::transport::sinkhorn::sweep::Sweep;

/// Iterations between two changes of ω, at least.
const WINDOW: usize = 8;
/// Largest ω: the rate ω − 1 that it allows is then that of a hard problem, without much noise.
const LARGEST: f64 = 1.98;
/// The error may grow by this factor before ω is lowered.
const GROWTH: f64 = 4.0;

/// Near the solution the iteration is the Gauss–Seidel method for a linear system with rate η, and u^{1−ω} (1/Kv)^ω in place of 1/Kv is
/// successive over-relaxation. At ω the error falls by a factor ρ an iteration with (ρ + ω − 1)² = ρ ω² η, until ω = 2/(1 + √(1 − η)), where
/// ρ = ω − 1. η is found from the decay seen: first at ω = 1, then from time to time at the ω of the moment.
///
/// # References
/// Young, Trans. Amer. Math. Soc. 76 (1954); for Sinkhorn's iteration Thibault, Chizat, Dossal and Papadakis, Algorithms 14 (2021), arXiv
/// 1711.01851; Lehmann, von Renesse, Sambale and Uschmajew, Optim. Lett. 16 (2022), arXiv 2012.12562.
#[derive(Debug)]
pub(super) struct Relaxation {
    omega: f64,
    largest: f64,
    tolerance: f64,
    /// Whether the iterate before the present sweep came from a plain one, so that its columns have their masses.
    plain: bool,
    best: f64,
    window: usize,
    middle: f64,
}

impl Relaxation {
    /// For iterations to an error of `tolerance`; without relaxation if not `allowed`.
    pub(super) fn new(tolerance: f64, allowed: bool) -> Self {
        let largest = if allowed { LARGEST } else { 1.0 };
        Self { omega: 1.0, largest, tolerance, plain: true, best: f64::INFINITY, window: 0, middle: f64::NAN }
    }

    pub(super) fn omega(&self) -> f64 {
        self.omega
    }

    /// Whether the iterate before `sweep` has both marginals within the tolerance.
    pub(super) fn converged(&self, sweep: &Sweep) -> bool {
        self.plain && sweep.row_error <= self.tolerance
    }

    /// Chooses ω for the next sweep.
    pub(super) fn adapt(&mut self, sweep: &Sweep) {
        self.plain = self.omega == 1.0;
        if self.largest == 1.0 {
            return;
        }
        let error = if self.plain { sweep.row_error } else { sweep.row_error.max(sweep.column_error) };
        if !self.plain && error <= 0.5 * self.tolerance {
            // The rest is Sinkhorn's own.
            (self.omega, self.largest) = (1.0, 1.0);
            return;
        }
        self.window += 1;
        if error > GROWTH * self.best {
            self.largest = self.largest.min(1.0 + 0.75 * (self.omega - 1.0));
            (self.omega, self.best, self.window) = (1.0 + 0.5 * (self.omega - 1.0), error, 0);
            return;
        }
        self.best = self.best.min(error);
        let window = WINDOW.max((2.0 - self.omega).recip() as usize);
        if self.window == window / 2 {
            self.middle = error;
        }
        if self.window >= window {
            self.faster((error / self.middle).powf(1.0 / (self.window - window / 2) as f64));
            self.window = 0;
        }
    }

    /// Raises ω where the error falls more slowly, by the factor `rate`, than ω allows; 2 − ω is halved at most.
    fn faster(&mut self, rate: f64) {
        let (omega, slack) = (self.omega, 0.02 * (2.0 - self.omega));
        if rate > 0.0 && rate < 1.0 && rate > omega - 1.0 + slack {
            let eta = ((rate + omega - 1.0) / omega).powi(2) / rate;
            let best = 2.0 / (1.0 + (1.0 - eta).max(0.0).sqrt());
            self.omega = best.min(0.5 * (2.0 + omega)).min(self.largest).max(1.0);
        }
    }
}
