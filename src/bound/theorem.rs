//! Theorem 1 of the paper and its step count.

use crate::bound::BoundError;
use crate::bound::error::{check_dim, check_steps, is_nonnegative, nonnegative, positive};
use crate::error::{check_entries, check_range};

/// An error of training, in both normalisations of Assumption 2.
///
/// The errors of the steps add in the bound, so the normalisation that enters it is the sum Σ_t e_t; stated per step it is e_t ≤ ε/T for
/// every t, whose total is T · max_t e_t. The second is never smaller than the first.
///
/// # Example
/// ```
/// use onestep::bound::AccumulatedError;
/// let e = AccumulatedError::from_steps("estimation", 4, &[0.1, 0.2, 0.3])?; // t = 2, 3, 4
/// assert!((e.sum - 0.6).abs() < 1e-15 && (e.max_times_steps - 1.2).abs() < 1e-15);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AccumulatedError {
    /// Σ_{t=2}^T E‖·‖, the normalisation under which the errors add.
    pub sum: f64,
    /// T · max_t E‖·‖.
    pub max_times_steps: f64,
}

impl AccumulatedError {
    /// No error: the population optimum.
    pub const ZERO: Self = Self { sum: 0.0, max_times_steps: 0.0 };

    /// From the errors of the steps t = 2, …, T (at most T of them), each an E‖·‖.
    ///
    /// # Errors
    /// T < 2, more than T entries, or one that is negative or not finite.
    ///
    /// ```
    /// assert!(onestep::bound::AccumulatedError::from_steps("estimation", 3, &[0.1, -0.1]).is_err());
    /// ```
    pub fn from_steps(name: &'static str, steps: usize, errors: &[f64]) -> Result<Self, BoundError> {
        check_steps(steps)?;
        check_range("number of errors", errors.len(), errors.len() <= steps, "[0, steps]")?;
        check_entries(name, errors, is_nonnegative, "[0, inf)")?;
        let max = errors.iter().fold(0.0_f64, |m, &e| m.max(e));
        Ok(Self { sum: errors.iter().sum(), max_times_steps: max * steps as f64 })
    }

    /// From a total ε spread evenly, ε/T a step: both normalisations are ε.
    ///
    /// # Errors
    /// ε is negative or not finite.
    ///
    /// ```
    /// let e = onestep::bound::AccumulatedError::even("estimation", 0.5).unwrap();
    /// assert_eq!((e.sum, e.max_times_steps), (0.5, 0.5));
    /// ```
    pub fn even(name: &'static str, total: f64) -> Result<Self, BoundError> {
        let total = nonnegative(name, total)?;
        Ok(Self { sum: total, max_times_steps: total })
    }
}

/// How many steps (25) asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum StepCount {
    /// Every T ≥ 2 will do: C_1 L_f³ d^{5/2} log⁵T/T stays below ε + ε_F throughout, because log⁵T/T ≤ 5⁵/e⁵.
    Every,
    /// T ≥ exp(`ln_steps`), the root on the branch T > e⁵ where log⁵T/T decreases. It can be astronomically large, hence the logarithm.
    /// (Below e⁵ the bound may hold again for a few very small T; the theorem does not speak of those.)
    AtLeast {
        /// ln T.
        ln_steps: f64,
    },
    /// ε + ε_F = 0: no finite T will do.
    Never,
}

impl StepCount {
    /// The least T as a number; infinite where T overflows or there is none, 2 where every T will do.
    ///
    /// ```
    /// use onestep::bound::StepCount;
    /// assert_eq!(StepCount::Every.steps(), 2.0);
    /// assert_eq!(StepCount::AtLeast { ln_steps: 2000.0 }.steps(), f64::INFINITY);
    /// ```
    #[must_use]
    pub fn steps(&self) -> f64 {
        match *self {
            Self::Every => 2.0,
            Self::AtLeast { ln_steps } => ln_steps.exp().ceil(),
            Self::Never => f64::INFINITY,
        }
    }

    /// Whether T steps are enough.
    ///
    /// ```
    /// use onestep::bound::StepCount;
    /// let count = StepCount::AtLeast { ln_steps: 1000f64.ln() };
    /// assert!(count.is_met_by(1001) && !count.is_met_by(999));
    /// assert!(!StepCount::Never.is_met_by(usize::MAX));
    /// ```
    #[must_use]
    pub fn is_met_by(&self, steps: usize) -> bool {
        match *self {
            Self::Every => true,
            Self::AtLeast { ln_steps } => (steps as f64).ln() >= ln_steps,
            Self::Never => false,
        }
    }
}

/// Theorem 1: W_1(f_T(X_T), X_1) ≤ C_1 · L_f³ d^{5/2} log⁵T/T + ε + ε_F.
///
/// Assumptions, and whether this crate can check them: the flow maps are L_f-Lipschitz (can be measured); ε and ε_F bound the errors of
/// training (exact where the target is known); bounded support; the schedule (23) with constants large enough (see
/// [`Grid::properties`](crate::schedule::Grid::properties)). **C_1 is universal and not stated in the paper**: here it is an argument. With C_1 = 1 the bound is a
/// shape, not a certificate.
///
/// # Units
/// W_1, ε and ε_F are lengths in the units of the data; L_f is dimensionless.
///
/// # Example
/// ```
/// use onestep::bound::{AccumulatedError, Theorem1};
/// let theorem = Theorem1::new(4, 2.0, 0.5)?;
/// let bound = theorem.bound(1000, AccumulatedError::even("estimation", 0.1)?, AccumulatedError::ZERO)?;
/// // 0.5 · 2³ · 4^{5/2} · ln⁵1000/1000 + 0.1
/// assert!((bound.total() / (128.0 * 1000f64.ln().powi(5) / 1000.0 + 0.1) - 1.0).abs() < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Li, Huang and Wei 2025, Theorem 1, (19)–(25), arXiv 2402.07802.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Theorem1 {
    dim: usize,
    lipschitz: f64,
    constant: f64,
}

/// The bound (24), term by term.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Bound {
    /// T.
    pub steps: usize,
    /// d.
    pub dim: usize,
    /// L_f.
    pub lipschitz: f64,
    /// C_1, the caller's.
    pub constant: f64,
    /// L_f³.
    pub lipschitz_factor: f64,
    /// d^{5/2}.
    pub dimension_factor: f64,
    /// log⁵T/T.
    pub rate_factor: f64,
    /// C_1 L_f³ d^{5/2} log⁵T/T.
    pub discretisation: f64,
    /// ε, in both normalisations.
    pub estimation: AccumulatedError,
    /// ε_F, in both normalisations.
    pub approximation: AccumulatedError,
}

impl Bound {
    /// The right-hand side of (24) with ε and ε_F as sums over the steps.
    ///
    /// ```
    /// use onestep::bound::{AccumulatedError, Theorem1};
    /// let e = AccumulatedError::from_steps("estimation", 100, &[0.1, 0.0]).unwrap();
    /// let bound = Theorem1::new(1, 1.0, 1.0).unwrap().bound(100, e, AccumulatedError::ZERO).unwrap();
    /// assert_eq!(bound.total(), bound.discretisation + 0.1);
    /// ```
    #[must_use]
    pub fn total(&self) -> f64 {
        self.discretisation + self.estimation.sum + self.approximation.sum
    }

    /// The same with T times the largest per-step error, as Assumption 2 is stated.
    ///
    /// ```
    /// use onestep::bound::{AccumulatedError, Theorem1};
    /// let e = AccumulatedError::from_steps("estimation", 100, &[0.1, 0.0]).unwrap();
    /// let bound = Theorem1::new(1, 1.0, 1.0).unwrap().bound(100, e, AccumulatedError::ZERO).unwrap();
    /// assert!((bound.total_of_maxima() - bound.discretisation - 10.0).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn total_of_maxima(&self) -> f64 {
        self.discretisation + self.estimation.max_times_steps + self.approximation.max_times_steps
    }
}

impl std::fmt::Display for AccumulatedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.4e} as a sum over the steps, {:.4e} as T times the largest", self.sum, self.max_times_steps)
    }
}

impl std::fmt::Display for StepCount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Every => f.write_str("every T"),
            Self::AtLeast { ln_steps } if ln_steps < 34.0 => write!(f, "T >= {:.0}", ln_steps.exp().ceil()),
            Self::AtLeast { ln_steps } => write!(f, "T >= exp({ln_steps:.2})"),
            Self::Never => f.write_str("no T"),
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "W1 <= {:.4e} at T = {}, d = {}, L_f = {:.4}, C1 = {}",
            self.total(),
            self.steps,
            self.dim,
            self.lipschitz,
            self.constant
        )?;
        write!(
            f,
            "discretisation {:.4e}, estimation {:.4e}, approximation {:.4e}",
            self.discretisation, self.estimation.sum, self.approximation.sum
        )
    }
}

/// 5 − 5 ln 5: ln K at and below which the bound holds at every T.
const LN_EVERY: f64 = 5.0 - 5.0 * 1.609_437_912_434_100_3;

impl Theorem1 {
    /// The theorem in dimension d for flow maps with Lipschitz constant L_f, with the constant C_1.
    ///
    /// # Errors
    /// d = 0; L_f or C_1 not in (0, ∞).
    ///
    /// ```
    /// use onestep::bound::Theorem1;
    /// assert!(Theorem1::new(0, 1.0, 1.0).is_err());
    /// assert!(Theorem1::new(1, f64::INFINITY, 1.0).is_err()); // point masses: Assumption 1 fails
    /// ```
    pub fn new(dim: usize, lipschitz: f64, constant: f64) -> Result<Self, BoundError> {
        Ok(Self { dim: check_dim(dim)?, lipschitz: positive("lipschitz", lipschitz)?, constant: positive("constant", constant)? })
    }

    /// The bound (24) at T = `steps`.
    ///
    /// # Errors
    /// T < 2.
    ///
    /// ```
    /// use onestep::bound::{AccumulatedError, Theorem1};
    /// // log⁵T/T is largest at T = e⁵ ≈ 148.
    /// let theorem = Theorem1::new(1, 1.0, 1.0)?;
    /// let at = |steps| theorem.bound(steps, AccumulatedError::ZERO, AccumulatedError::ZERO).map(|b| b.total());
    /// assert!(at(148)? > at(100)? && at(148)? > at(200)?);
    /// assert!((at(148)? - 21.05608).abs() < 1e-3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn bound(&self, steps: usize, estimation: AccumulatedError, approximation: AccumulatedError) -> Result<Bound, BoundError> {
        check_steps(steps)?;
        let lipschitz_factor = self.lipschitz.powi(3);
        let dimension_factor = (self.dim as f64).powf(2.5);
        let rate_factor = (steps as f64).ln().powi(5) / steps as f64;
        let discretisation = self.constant * lipschitz_factor * dimension_factor * rate_factor;
        let Self { dim, lipschitz, constant } = *self;
        Ok(Bound {
            steps,
            dim,
            lipschitz,
            constant,
            lipschitz_factor,
            dimension_factor,
            rate_factor,
            discretisation,
            estimation,
            approximation,
        })
    }

    /// ln K, K = C_1 L_f³ d^{5/2}/`error`.
    fn ln_scale(&self, error: f64) -> f64 {
        self.constant.ln() + 3.0 * self.lipschitz.ln() + 2.5 * (self.dim as f64).ln() - error.ln()
    }

    /// The step count (25): the T from which C_1 L_f³ d^{5/2} log⁵T/T ≤ ε + ε_F, so that W_1 ≤ 2(ε + ε_F).
    ///
    /// With K = C_1 L_f³ d^{5/2}/(ε + ε_F) and y = ln T the equation is y − 5 ln y = ln K on y ≥ 5, that is
    /// T = exp(−5 W_{−1}(−K^{−1/5}/5)). For K ≤ e⁵/5⁵ = 0.0474922 every T will do.
    ///
    /// # Errors
    /// `error` = ε + ε_F is negative or not finite.
    ///
    /// # Accuracy
    /// ln T to about 1e−15 relative, except just above K = e⁵/5⁵, where the two branches meet and the root itself is ill conditioned
    /// (the square root of the rounding of ln K).
    ///
    /// ```
    /// use onestep::bound::{StepCount, Theorem1};
    /// let theorem = Theorem1::new(10, 3.0, 1.0)?;
    /// let StepCount::AtLeast { ln_steps } = theorem.required_steps(0.01)? else { panic!("K is large") };
    /// let k = 27.0 * 10f64.powf(2.5) / 0.01;
    /// assert!((ln_steps - 5.0 * ln_steps.ln() - k.ln()).abs() < 1e-13);
    /// assert_eq!(theorem.required_steps(1e6)?, StepCount::Every);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn required_steps(&self, error: f64) -> Result<StepCount, BoundError> {
        /// Newton's method on a convex function converges monotonically from the right; double roots take one step a bit.
        const CAP: usize = 200;
        let error = nonnegative("error", error)?;
        if error == 0.0 {
            return Ok(StepCount::Never);
        }
        let ln_scale = self.ln_scale(error);
        if ln_scale <= LN_EVERY {
            return Ok(StepCount::Every);
        }
        // y − 5 ln y − ln K is positive here: for ln K ≤ 20 at y = 40, above at y = 2 ln K. So the start lies right of the root.
        let mut y = (2.0 * ln_scale.max(5.0)).max(40.0);
        for _ in 0..CAP {
            let next = (y - (y - 5.0 * y.ln() - ln_scale) * y / (y - 5.0)).max(5.0);
            if !(next < y) {
                break;
            }
            y = next;
            if y == 5.0 {
                break;
            }
        }
        Ok(StepCount::AtLeast { ln_steps: y })
    }

    /// The smallest C_1 for which (24) holds for a measured W_1: (W_1 − ε − ε_F)₊ T/(L_f³ d^{5/2} log⁵T).
    ///
    /// # Errors
    /// T < 2, or W_1 negative or not finite.
    ///
    /// ```
    /// use onestep::bound::{AccumulatedError, Theorem1};
    /// let theorem = Theorem1::new(3, 1.5, 1.0)?;
    /// let c = theorem.fitted_constant(500, 0.02, AccumulatedError::ZERO, AccumulatedError::ZERO)?;
    /// let bound = Theorem1::new(3, 1.5, c)?.bound(500, AccumulatedError::ZERO, AccumulatedError::ZERO)?;
    /// assert!((bound.total() / 0.02 - 1.0).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn fitted_constant(
        &self,
        steps: usize,
        w1: f64,
        estimation: AccumulatedError,
        approximation: AccumulatedError,
    ) -> Result<f64, BoundError> {
        nonnegative("w1", w1)?;
        let bound = self.bound(steps, estimation, approximation)?;
        let shape = bound.lipschitz_factor * bound.dimension_factor * bound.rate_factor;
        Ok((w1 - estimation.sum - approximation.sum).max(0.0) / shape)
    }
}
