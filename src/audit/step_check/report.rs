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
    /// The difference f_t(X_t) − f_{t−1}(X_{t−1}) of a held-out row that stands out most among those of its step; `None` where all are zero.
    pub largest_jump: Option<Jump>,
    /// What needs the law.
    pub known: Option<KnownErrors>,
    /// The step-count check, where the errors and a theorem were given.
    pub verdict: Option<Verdict>,
}

/// A difference f_t(X_t) − f_{t−1}(X_{t−1}), the same X_0 and Z in both, beside the others of its step.
///
/// A fit that is sound on average may be far off at one point: where features oscillate or a polynomial grows, one row can move a distance as much as all
/// the others together. Lengths are on the scale the family acts on.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Jump {
    /// t.
    pub step: usize,
    /// The row of the held-out data, from 1.
    pub row: usize,
    /// ‖f_t(X_t) − f_{t−1}(X_{t−1})‖ there.
    pub length: f64,
    /// The root mean square of the other rows.
    pub typical: f64,
}

/// A row this many times the root mean square of the others is called an outlier. Of 10⁶ normal differences the largest is 4.9.
const OUTLYING: f64 = 10.0;

impl Jump {
    /// How many times the others' root mean square.
    ///
    /// See [`is_outlier`](Self::is_outlier) for an example.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.length / self.typical
    }

    /// Whether it is more than ten times the others' root mean square.
    ///
    /// ```
    /// use onestep::{Grid, Sample};
    /// use onestep::audit::StepCheck;
    /// use onestep::law::Gaussian;
    /// use onestep::training::{Recursion, Scaling, class::Affine};
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let law = Gaussian::standard(1)?;
    /// let data = law.sample(1000, &mut rng);
    /// let learned = Recursion::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, 1000).scaling(Scaling::None).train(&data, &Affine::new(), &mut rng)?;
    /// let jump = StepCheck::new().measure(&learned, &data, &mut rng)?.largest_jump.unwrap();
    /// // The differences of an affine family on normal data are normal: the largest of a thousand is a few standard deviations.
    /// assert!(jump.ratio() > 2.5 && !jump.is_outlier());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn is_outlier(&self) -> bool {
        self.ratio() > OUTLYING
    }
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, row, length, .. } = self;
        write!(f, "{length:.4e} at step {step}, held-out row {row}: {:.1} times the others' root mean square", self.ratio())?;
        if self.is_outlier() { f.write_str(", an outlier: distances rest on this row") } else { Ok(()) }
    }
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

/// Standard errors of the energy residual that count as none.
const BALANCED: f64 = 3.0;

/// The distances with their standard deviations, the errors where the law is known, and the verdict.
impl fmt::Display for StepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |e: &Estimate| format!("{:.4e} ± {:.0e}", e.value, e.std_error);
        writeln!(f, "T = {}, d = {}, {} rows a cloud", self.steps, self.dim, self.samples)?;
        writeln!(f, "W1 of one-step samples to held-out data  {}", show(&self.w1))?;
        writeln!(f, "W1 between halves of held-out data       {}", show(&self.w1_baseline))?;
        writeln!(f, "sliced W1                                {}", show(&self.sliced_w1))?;
        let within = if self.energy_residual.value.abs() <= BALANCED * self.energy_residual.std_error { "within" } else { "outside" };
        write!(f, "energy residual                          {}, {within} {BALANCED} standard errors of 0", show(&self.energy_residual))?;
        if let Some(jump) = &self.largest_jump {
            write!(f, "\nlargest jump between levels              {jump}")?;
        }
        if let Some(known) = &self.known {
            write!(f, "\n{known}")?;
        }
        match (&self.verdict, &self.known) {
            (Some(verdict), _) => write!(f, "\n{verdict}"),
            (None, None) => f.write_str("\nno verdict on T: the errors of the steps need the law of the data (`StepCheck::known`)"),
            (None, Some(_)) => f.write_str("\nno verdict on T: it needs the bound to check against (`StepCheck::theorem`)"),
        }
    }
}

impl fmt::Display for KnownErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "training error, sum over steps           {:.4e}", self.errors.sum)?;
        if let Some((i, worst)) = self.steps.iter().enumerate().max_by(|a, b| a.1.value.total_cmp(&b.1.value)) {
            write!(f, ", most at step {}: {:.4e} ± {:.0e}", i + 2, worst.value, worst.std_error)?;
        }
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
