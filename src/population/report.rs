//! What every recursion reports.

use crate::population::{Interval, PopulationError};
use std::fmt;

/// What a population recursion found: errors of the one-step sampler f_T and what bounds them.
///
/// # Units
/// Distances are in the units of the data; `energy_deficit` in their square, and so is `loss_sum` of the squared loss.
///
/// # Example
/// ```
/// use onestep::Grid;
/// use onestep::law::LineMixture;
/// use onestep::population::{LineRecursion, Method};
/// let (law, grid) = (LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.6, 0.6])?, Grid::from_angles(&[0.1, 0.5, 1.0, 1.5])?);
/// let report = LineRecursion::new(&law, &grid).run()?.report().clone();
/// let w2 = report.w2_marginal;
/// assert!(report.energy_lower <= w2.lower && w2.upper <= report.energy_upper.unwrap());
/// // Distilled functions are no conditional expectations: their losses bound nothing.
/// assert_eq!(LineRecursion::new(&law, &grid).method(Method::Distillation).run()?.report().energy_upper, None);
/// # Ok::<(), onestep::Error>(())
/// ```
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
    /// √tr Cov X_1: a sampler with the mean of X_1 and no larger spread is at most √2 times this away in W_1, whatever it does.
    pub spread: f64,
    /// ‖E f_T(X_T) − E X_1‖; 0 up to numerical error for training under the squared loss, where the mean is kept exactly.
    pub mean_shift: f64,
    /// E‖X_1‖² − E‖f_T(X_T)‖².
    pub energy_deficit: f64,
    /// Σ_{t=2}^T of the minimal training losses E‖f_{t−1}(X_{t−1}) − f_t*(X_t)‖², equal to `energy_deficit`; under another
    /// [`Loss`](crate::population::Loss) of the means of that one, which no identity ties to moments. 0 for distillation.
    pub loss_sum: f64,
    /// A lower bound on `w2_marginal` from moments alone (2.15): √tr Cov X_1 − √tr Cov f_T(X_T); for distillation and other losses than the
    /// squared one, which move the mean, the root of the sum of the squares of that and of `mean_shift`. Numerical error is taken off: 0
    /// where it is unknown.
    pub energy_lower: f64,
    /// An upper bound on `w2_marginal` that needs no hypothesis (2.15): √`loss_sum`, numerical error added. `None` for distillation and other
    /// losses than the squared one, whose steps are no conditional expectations, and where the numerical error is unknown.
    pub energy_upper: Option<f64>,
    /// A lower bound on `w1` and on `w1_marginal`, from 1-Lipschitz test functions.
    pub lower_bound: f64,
    /// Upper bound on `w1_marginal`: Σ_t of the errors made at step t, no unknown constant.
    pub certificate: f64,
    /// Numerical error of `certificate` (already added to it): from summing over a subset of the levels, and from the nodes, judged by how far
    /// their refinement moved it.
    pub certificate_error: f64,
    /// W_1(f_T(X_T), f_T(Z)), or an upper bound on it: what starting from N(0, I) adds at most.
    pub prior_mismatch: f64,
    /// ln L_f, L_f the constant of Assumption 1: the largest Lipschitz constant of the flow maps Φ_{t→k}, 1 ≤ k ≤ t ≤ T. Between modes L_f
    /// grows like the exponential of a squared distance, hence the logarithm.
    pub ln_lipschitz: f64,
    /// Estimated relative numerical error of `w1` and `w2_marginal`.
    pub resolution_error: f64,
    /// Whether `resolution_error` reached the tolerance that was asked for.
    pub resolved: bool,
}

/// Relative rounding of the moments of a report: they keep about thirteen digits at T = 10⁶.
const MOMENTS: f64 = 1e-12;
/// Rounding of a mean of squares, relative to the squared size of the data.
const SQUARES: f64 = 16.0 * f64::EPSILON;

/// √V − √(V − `deficit`) for the variance V = `spread`², without cancellation.
pub(crate) fn narrowing(spread: f64, deficit: f64) -> f64 {
    let rest = (spread * spread - deficit).max(0.0).sqrt();
    if deficit == 0.0 { 0.0 } else { deficit / (spread + rest) }
}

impl PopulationReport {
    /// Sets both ends of the bracket of 2.15 from the moments that were computed, without their numerical error: `narrowing` is
    /// √tr Cov X_1 − √tr Cov f_T(X_T), and `projects` says that every f_t is the conditional expectation of its target.
    #[must_use]
    pub(crate) fn with_moments(mut self, projects: bool, narrowing: f64) -> Self {
        (self.energy_lower, self.energy_upper) = if projects {
            // Conditional expectations keep the mean.
            (narrowing.max(0.0), Some(self.loss_sum.max(self.energy_deficit).max(0.0).sqrt()))
        } else {
            (narrowing.hypot(self.mean_shift), None)
        };
        self
    }

    /// Moves both ends of the bracket outwards by the numerical error of the moments: `error` is the relative one of the nodes, `scale` the
    /// size of the squared data.
    pub(crate) fn enclose_moments(&mut self, error: f64, scale: f64) {
        if !error.is_finite() {
            (self.energy_lower, self.energy_upper) = (0.0, None);
            return;
        }
        let (relative, rounding) = (error + MOMENTS, SQUARES * scale);
        // What is left of the spread is the root of a difference of squares: near a collapse its rounding is the root of theirs.
        let rest = (self.spread - self.energy_lower).max(0.0);
        let shift = if rounding > 0.0 { rounding / (rest + (rest * rest + rounding).sqrt()) } else { 0.0 };
        let off = relative * self.energy_lower.max(self.w2_marginal.upper) + shift;
        self.energy_lower = if off < self.energy_lower { self.energy_lower - off } else { 0.0 };
        self.energy_upper = self.energy_upper.map(|upper| (upper * upper * (1.0 + 2.0 * relative) + rounding).sqrt() * (1.0 + MOMENTS));
    }

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
        .fold(0.0, |worst: f64, d| if worst.is_nan() || d <= worst { worst } else { d })
    }

    /// L_f; infinite where it is beyond double precision, though its logarithm is not.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineRecursion;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// // A narrow Gaussian contracts: the identity is the steepest map.
    /// let run = LineRecursion::new(&LineMixture::gaussian(0.0, 0.5)?, &grid).run()?;
    /// assert_eq!(run.report().lipschitz(), 1.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn lipschitz(&self) -> f64 {
        self.ln_lipschitz.exp()
    }

    /// Whether every number is finite.
    pub(crate) fn check(&self) -> Result<(), PopulationError> {
        let numbers = [
            ("W1", self.w1.lower),
            ("W1", self.w1.upper),
            ("W1 at X_T", self.w1_marginal.lower),
            ("W1 at X_T", self.w1_marginal.upper),
            ("W2 at X_T", self.w2_marginal.lower),
            ("W2 at X_T", self.w2_marginal.upper),
            ("the spread of X_1", self.spread),
            ("the shift of the mean", self.mean_shift),
            ("the energy deficit", self.energy_deficit),
            ("the sum of the losses", self.loss_sum),
            ("the lower bound from moments", self.energy_lower),
            ("the upper bound from the losses", self.energy_upper.unwrap_or(0.0)),
            ("the lower bound", self.lower_bound),
            ("the certificate", self.certificate),
            ("the numerical error of the certificate", self.certificate_error),
            ("the prior mismatch", self.prior_mismatch),
            ("ln L_f", self.ln_lipschitz),
        ];
        match numbers.into_iter().find(|(_, value)| !value.is_finite()) {
            Some((quantity, value)) => Err(PopulationError::NotFinite { quantity, value }),
            None => Ok(()),
        }
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
            spread: root * self.spread,
            mean_shift: root * self.mean_shift,
            energy_deficit: d * self.energy_deficit,
            loss_sum: d * self.loss_sum,
            energy_lower: root * self.energy_lower,
            energy_upper: self.energy_upper.map(|upper| root * upper),
            lower_bound: root * self.lower_bound,
            certificate: (root * certificate_l2).min(d * self.certificate),
            certificate_error: d * self.certificate_error,
            prior_mismatch: (root * prior_w2).min(d * self.prior_mismatch),
            ln_lipschitz: self.ln_lipschitz,
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
        match self.energy_upper {
            Some(upper) => writeln!(
                f,
                "W2(f_T(X_T), X_1) = {:.6e}, between {:.6e} and {upper:.6e} by second moments",
                self.w2_marginal, self.energy_lower
            )?,
            None => writeln!(f, "W2(f_T(X_T), X_1) = {:.6e}, at least {:.6e} by second moments", self.w2_marginal, self.energy_lower)?,
        }
        writeln!(
            f,
            "lost second moment {:.6e}, sum of the losses {:.6e}, shift of the mean {:.1e}",
            self.energy_deficit, self.loss_sum, self.mean_shift
        )?;
        let resolution = if self.resolved { "resolved" } else { "NOT resolved" };
        write!(f, "L_f = {}; {resolution}: relative numerical error {:.1e}", Magnitude(self.ln_lipschitz), self.resolution_error)
    }
}

/// A number that is known by its logarithm.
struct Magnitude(f64);

impl fmt::Display for Magnitude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 16.0 { write!(f, "{:.6}", self.0.exp()) } else { write!(f, "exp({:.2})", self.0) }
    }
}
