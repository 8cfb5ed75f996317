//! What a step check found.

use crate::bound::{AccumulatedError, Verdict};
use crate::estimate::Estimate;
use std::fmt;

/// What a [`StepCheck`](crate::audit::StepCheck) found. Distances are on the scale of the data, errors of single functions on the scale the
/// family acts on.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StepReport {
    /// T.
    pub steps: usize,
    /// d.
    pub dim: usize,
    /// Rows in each cloud of a distance.
    pub samples: usize,
    /// W_1 between one-step samples and a random half of the held-out rows: mean over replicates and their standard deviation.
    pub w1: Estimate,
    /// W_1 between the two halves: what a perfect sampler would show at this size.
    pub w1_baseline: Estimate,
    /// Sliced W_1 between the same clouds as `w1`.
    pub sliced_w1: Estimate,
    /// Σ_t loss_t(f_t) − (E‖f_1(X_1)‖² − E‖f_T(X_T)‖²) on shared fresh noise and held-out data: zero at the optimum of any linear class,
    /// whatever its approximation error; signed. A training residual only.
    pub energy_residual: Estimate,
    /// What needs the law.
    pub known: Option<KnownErrors>,
    /// The step-count check, where the errors and a theorem were given.
    pub verdict: Option<Verdict>,
}

/// Errors of the single steps against the exact posterior expectation.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct KnownErrors {
    /// E‖f_t(X_t) − E[f_{t−1}(X_{t−1}) | X_t]‖ for t = 2..=T: estimation plus approximation error of each step.
    pub steps: Vec<Estimate>,
    /// Their sum, and their maximum times T: both normalisations of Assumption 2.
    pub errors: AccumulatedError,
    /// ε: E‖f_t(X_t) − f_t^F(X_t)‖, where [`separate`](crate::audit::StepCheck::separate) was asked for and the class is linear. The bias of a penalty
    /// counts here, since f_t^F is the best function of the span. For networks and neighbours only `errors` is known.
    pub estimation: Option<StepErrors>,
    /// ε_F: E‖f_t^F(X_t) − f_t*(X_t)‖, under the same conditions. Here f_t* is the posterior expectation of the *trained* f_{t−1}.
    pub approximation: Option<StepErrors>,
    /// Bounds on W_1(f_T(X_T), X_1), X_T at its true law: `upper` = E‖f_T(X_T) − Φ_T(X_T)‖ at the same X_T; `lower` the larger of
    /// ‖E f_T − E Φ_T‖ and |E‖f_T‖ − E‖Φ_T‖|. Both are sample means.
    pub sandwich: Sandwiched,
}

/// One part of the errors of the single steps.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StepErrors {
    /// The error of step t = 2..=T.
    pub steps: Vec<Estimate>,
    /// Their sum, and their maximum times T.
    pub accumulated: AccumulatedError,
}

/// A lower and an upper bound, each a sample mean.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Sandwiched {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Standard error of the upper bound; that of the lower bound is not larger.
    pub std_error: f64,
}

/// The distances with their standard deviations, the errors where the law is known, and the verdict.
impl fmt::Display for StepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |e: &Estimate| format!("{:.4e} ± {:.0e}", e.value, e.std_error);
        writeln!(f, "T = {}, d = {}, {} rows a cloud", self.steps, self.dim, self.samples)?;
        writeln!(f, "W1 of one-step samples to held-out data  {}", show(&self.w1))?;
        writeln!(f, "W1 between halves of held-out data       {}", show(&self.w1_baseline))?;
        writeln!(f, "sliced W1                                {}", show(&self.sliced_w1))?;
        write!(f, "energy residual                          {}", show(&self.energy_residual))?;
        if let Some(known) = &self.known {
            write!(f, "\n{known}")?;
        }
        if let Some(verdict) = &self.verdict {
            write!(f, "\n{verdict}")?;
        }
        Ok(())
    }
}

impl fmt::Display for KnownErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "training error, sum over steps           {:.4e}", self.errors.sum)?;
        for (name, part) in [("of it estimation", &self.estimation), ("of it approximation", &self.approximation)] {
            if let Some(part) = part {
                write!(f, "\n{name:<40} {part}")?;
            }
        }
        write!(f, "\nW1 at the true law of X_T lies in        {}", self.sandwich)
    }
}

impl fmt::Display for StepErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4e} over {} steps", self.accumulated.sum, self.steps.len())
    }
}

impl fmt::Display for Sandwiched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:.4e}, {:.4e}] ± {:.0e}", self.lower, self.upper, self.std_error)
    }
}
