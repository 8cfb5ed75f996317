//! Population consistency training and distillation, computed exactly.
//!
//! With the class of all functions, step t of consistency training has the minimiser f_t*(x) = E[f_{t−1}(X_{t−1}) | X_t = x]
//! (the shared noise makes (X_{t−1}, X_t) a rotation of (X_0, Z)); consistency distillation with the exact score has
//! f_t(x) = f_{t−1}(E[X_{t−1} | X_t = x]). Each submodule computes these functions for one family of targets, together with a
//! [`PopulationReport`]: the error of the one-step samples and everything the theory says about it.

mod gaussian;
mod interpolant;
mod ledger;
mod line;
mod mesh;
mod quadrature;
mod radial;
mod settings;
mod tensor;

pub use gaussian::{GaussianConsistency, GaussianPopulation, GaussianRecursion};
pub use ledger::LocalError;
pub use line::{LineConsistency, LinePopulation, LineRecursion};
pub use radial::{RadialConsistency, RadialPopulation, RadialRecursion};
pub use tensor::{TensorConsistency, TensorPopulation, TensorRecursion, TensorReport};

use crate::flow::FlowError;
use crate::schedule::ScheduleError;

/// Why a population recursion could not be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PopulationError {
    /// A parameter is NaN or outside its range.
    #[error("{name} = {value:?} is outside {range}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The valid range.
        range: &'static str,
    },
    /// A level to keep is not a level of the grid.
    #[error("level {level} cannot be kept: levels run from 1 to {steps}")]
    NoSuchLevel {
        /// The level asked for.
        level: usize,
        /// T.
        steps: usize,
    },
    /// The grid could not be made or refined.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A flow map that the result is compared with could not be integrated.
    #[error(transparent)]
    Flow(#[from] FlowError),
}

/// Which recursion is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Consistency training (CT): f_t(x) = E[f_{t−1}(X_{t−1}) | X_t = x].
    #[default]
    Training,
    /// Consistency distillation (CD) with the exact score: f_t(x) = f_{t−1}(E[X_{t−1} | X_t = x]).
    Distillation,
}

/// Which of the functions f_1, …, f_T a recursion keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Keep {
    /// Only f_T: memory does not grow with T.
    #[default]
    Last,
    /// All of them.
    All,
    /// Those listed, and f_T.
    Levels(Vec<usize>),
}

impl Keep {
    /// Checks the list against T.
    ///
    /// # Errors
    /// A listed level outside 1..=`steps`.
    ///
    /// ```
    /// use onestep::population::Keep;
    /// assert!(Keep::Levels(vec![3]).check(8).is_ok());
    /// assert!(Keep::Levels(vec![9]).check(8).is_err());
    /// ```
    pub fn check(&self, steps: usize) -> Result<(), PopulationError> {
        match self {
            Self::Levels(levels) => match levels.iter().find(|l| !(1..=steps).contains(*l)) {
                Some(&level) => Err(PopulationError::NoSuchLevel { level, steps }),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Whether f_t is kept in a run of `steps` levels.
    ///
    /// ```
    /// use onestep::population::Keep;
    /// assert!(Keep::Last.keeps(8, 8) && !Keep::Last.keeps(7, 8) && Keep::All.keeps(7, 8));
    /// ```
    #[must_use]
    pub fn keeps(&self, t: usize, steps: usize) -> bool {
        match self {
            Self::Last => t == steps,
            Self::All => (1..=steps).contains(&t),
            Self::Levels(levels) => t == steps || levels.contains(&t),
        }
    }
}

/// A number known exactly or between two bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end; equal to `lower` where the number is exact.
    pub upper: f64,
}

impl Interval {
    /// An exact number.
    ///
    /// ```
    /// assert!(onestep::population::Interval::exact(2.0).is_exact());
    /// ```
    #[must_use]
    pub fn exact(value: f64) -> Self {
        Self { lower: value, upper: value }
    }

    /// Whether both ends agree.
    ///
    /// ```
    /// assert!(!onestep::population::Interval { lower: 1.0, upper: 2.0 }.is_exact());
    /// ```
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.lower == self.upper
    }

    /// The number itself where it is exact.
    ///
    /// ```
    /// assert_eq!(onestep::population::Interval { lower: 1.0, upper: 2.0 }.value(), None);
    /// ```
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.is_exact().then_some(self.lower)
    }
}

/// What a population recursion found: errors of the one-step sampler f_T and what bounds them.
///
/// # Units
/// Distances are in the units of the data; `energy_deficit` and `loss_sum` in their square.
#[derive(Debug, Clone, PartialEq)]
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
    pub w2_marginal: f64,
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
            (self.w2_marginal, other.w2_marginal),
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
            w1_marginal: between(self.w1_marginal.lower, self.w2_marginal),
            w2_marginal: root * self.w2_marginal,
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
