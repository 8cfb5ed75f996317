//! What every recursion reports.

use crate::population::Interval;
use std::fmt;

/// What a population recursion found: errors of the one-step sampler f_T and what bounds them.
///
/// # Units
/// Distances are in the units of the data; `energy_deficit` and `loss_sum` in their square.
#[doc(alias = "discretisation error")]
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PopulationReport {
    /// T, the number of levels.
    pub steps: usize,
    /// d.
    pub dim: usize,
    /// W_1(f_T(Z), X_1) with Z ~ N(0, I): what a user of the sampler sees.
    pub w1: Interval,
    /// W_1(f_T(X_T), X_1) with X_T at its true law.
    pub w1_marginal: Interval,
    /// W_2(f_T(X_T), X_1) with X_T at its true law.
    pub w2_marginal: Interval,
    /// ‖E f_T(X_T) − E X_1‖; 0 up to numerical error for training, where the mean is kept exactly.
    pub mean_shift: f64,
    /// E‖X_1‖² − E‖f_T(X_T)‖².
    pub energy_deficit: f64,
    /// Σ_{t=2}^T of the minimal training losses E‖f_{t−1}(X_{t−1}) − f_t*(X_t)‖²; equal to `energy_deficit` for training. 0 for distillation.
    pub loss_sum: f64,
    /// A lower bound on `w1` and on `w1_marginal`, from convex 1-Lipschitz test functions.
    pub lower_bound: f64,
    /// Upper bound on `w1_marginal`: Σ_t of the errors made at step t, no unknown constant.
    pub certificate: f64,
    /// Numerical error of `certificate` (already added to it): from summing over a subset of the levels, and what the last refinement moved
    /// it.
    pub certificate_error: f64,
    /// W_1(f_T(X_T), f_T(Z)), or an upper bound on it: what starting from N(0, I) adds at most.
    pub prior_mismatch: f64,
    /// L_f of Assumption 1: the largest Lipschitz constant of the flow maps Φ_{t→k}, 1 ≤ k ≤ t ≤ T. Infinite where it overflows.
    pub lipschitz: f64,
    /// Estimated relative numerical error of `w1` and `w2_marginal`.
    pub resolution_error: f64,
    /// Whether `resolution_error` reached the tolerance that was asked for.
    pub resolved: bool,
}

impl PopulationReport {
    /// The largest relative change of a measured quantity against another run of the same problem; NaN where one of them is not a number.
    pub(crate) fn change_from(&self, other: &Self, scale: f64) -> f64 {
        // Changes below the rounding of the data's own scale are no changes.
        let relative =
            |a: f64, b: f64| if (a - b).abs() <= 4.0 * f64::EPSILON * scale { 0.0 } else { (a - b).abs() / a.abs().max(b.abs()) };
        [
            (self.w1.lower, other.w1.lower),
            (self.w1_marginal.lower, other.w1_marginal.lower),
            (self.w2_marginal.upper, other.w2_marginal.upper),
            (self.energy_deficit, other.energy_deficit),
            (self.loss_sum, other.loss_sum),
        ]
        .into_iter()
        .map(|(a, b)| relative(a, b))
        .fold(0.0, |worst, d| if d <= worst { worst } else { d })
    }

    /// The report of `copies` independent copies of a target on the line: consistency training from f_1 = id separates by coordinate.
    ///
    /// W_2² adds, and √d W_{1} ≤ W_1 ≤ min(√d W_2, d W_{1}) of one copy; the certificate is the smaller of d times the one-copy sum of
    /// first absolute moments and √d times the sum of root mean squares, so the caller passes the latter as `certificate_l2`; likewise
    /// `prior_w2` is the root mean square form of the mismatch and `w2` that of the distance from N(0, I).
    #[must_use]
    pub(crate) fn product(&self, copies: usize, w2: f64, certificate_l2: f64, prior_w2: f64) -> Self {
        if copies == 1 {
            return self.clone();
        }
        let d = copies as f64;
        let root = d.sqrt();
        let between = |w1: f64, w2: f64| Interval { lower: root * w1, upper: (root * w2).min(d * w1) };
        Self {
            steps: self.steps,
            dim: copies,
            w1: between(self.w1.lower, w2),
            w1_marginal: between(self.w1_marginal.lower, self.w2_marginal.upper),
            w2_marginal: Interval { lower: root * self.w2_marginal.lower, upper: root * self.w2_marginal.upper },
            mean_shift: root * self.mean_shift,
            energy_deficit: d * self.energy_deficit,
            loss_sum: d * self.loss_sum,
            lower_bound: root * self.lower_bound,
            certificate: (root * certificate_l2).min(d * self.certificate),
            certificate_error: d * self.certificate_error,
            prior_mismatch: (root * prior_w2).min(d * self.prior_mismatch),
            lipschitz: self.lipschitz,
            resolution_error: self.resolution_error,
            resolved: self.resolved,
        }
    }
}

impl fmt::Display for PopulationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "T = {}, d = {}", self.steps, self.dim)?;
        writeln!(f, "W1(f_T(Z), X_1)   = {:.6e}, started from N(0, I); prior mismatch {:.2e}", self.w1, self.prior_mismatch)?;
        writeln!(
            f,
            "W1(f_T(X_T), X_1) = {:.6e}, between {:.6e} and {:.6e} by bounds",
            self.w1_marginal, self.lower_bound, self.certificate
        )?;
        writeln!(f, "W2(f_T(X_T), X_1) = {:.6e}", self.w2_marginal)?;
        writeln!(
            f,
            "lost second moment {:.6e}, sum of the losses {:.6e}, shift of the mean {:.1e}",
            self.energy_deficit, self.loss_sum, self.mean_shift
        )?;
        let resolution = if self.resolved { "resolved" } else { "NOT resolved" };
        write!(f, "L_f = {:.6}; {resolution}: relative numerical error {:.1e}", self.lipschitz, self.resolution_error)
    }
}
