//! What a ledger found, and the verdict.

use crate::estimate::Estimate;

/// The terms of step t, each the mean length of a vector over the same draws of X_t, with standard error and 95 % interval.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LedgerStep {
    /// t.
    pub step: usize,
    /// θ_t in radians.
    pub angle: f64,
    /// Δθ_t in radians.
    pub delta: f64,
    /// E‖ξ_t‖, ξ_t = f_t − Φ_t.
    pub error: Estimate,
    /// E‖E[ξ_{t−1}(X_{t−1}) | X_t]‖, at most E‖ξ_{t−1}‖.
    pub inherited: Estimate,
    /// E‖f_t − f_t*‖: what training left at this step, estimation and approximation error together.
    pub own: Estimate,
    /// E‖f_t − f_t*‖².
    pub own_square: Estimate,
    /// E tr Var(f_{t−1}(X_{t−1}) | X_t): the training loss that the best f_t leaves.
    pub spread: Estimate,
    /// E‖local_t‖: the discretisation error of this step.
    pub local: Estimate,
    /// E(‖f_t − f_t*‖ + ‖local_t‖): what this step adds to the bound.
    pub made: Estimate,
    /// E‖T_1‖: the drift, E[X_{t−1} | X_t] against the flow. The proof bounds it by a multiple of d^{3/2}.
    pub first_order: Estimate,
    /// E‖T_2‖: the posterior's spread against the flow's curvature. The proof bounds it by a multiple of d^{5/2}.
    pub second_order: Estimate,
    /// E‖local_t − T_1 − T_2‖.
    pub remainder: Estimate,
    /// max ‖ξ_t − inherited − own − local‖ over the draws: what rounding leaves of identity (34).
    pub identity_gap: f64,
    /// Estimated error of the conditional expectations of f_{t−1} and Φ_{t−1}: the mean, over the first 64 draws, of the larger of the two
    /// differences between the target's rule and its comparison rule. `None` where the target has no comparison rule.
    pub quadrature_error: Option<f64>,
    /// Mean estimated numerical error of the length of T_2, and so of the remainder.
    pub second_order_error: f64,
}

/// What a [`Ledger`](crate::audit::Ledger) found.
///
/// # Units
/// All errors are lengths in the units of the data.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LedgerReport {
    /// d.
    pub dim: usize,
    /// T.
    pub grid_steps: usize,
    /// Draws of X_t at each step.
    pub samples: usize,
    /// The measured steps, in increasing order.
    pub steps: Vec<LedgerStep>,
    /// E‖ξ_T(X_T)‖, an upper bound on W_1(f_T(X_T), X_1) with X_T at its true law, whatever steps were measured.
    pub error: Estimate,
    /// A lower bound on W_2(f_T(X_T), X_1) from second moments, 2.15: |√tr Cov X_1 − √tr Cov f_T(X_T)|, over the draws of X_T. It holds for any
    /// f, whatever steps were measured, up to its sampling error; 0 with an infinite error where squares are beyond double precision.
    pub energy_lower: Estimate,
    /// E‖f_T(cos θ_T X_0 + sin θ_T Z) − f_T(Z)‖, the same Z: what starting from N(0, I) adds to W_1 at most.
    pub prior_mismatch: Estimate,
}

/// The three terms that the bound on the one-step error is a sum of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LedgerTerm {
    /// Σ_t E‖f_t − f_t*‖: training.
    Own,
    /// Σ_t E‖local_t‖: too few steps, or badly placed ones.
    Local,
    /// Starting from N(0, I) instead of the law of X_T: the schedule ends too early.
    Prior,
}

/// The parts of a local error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LocalPart {
    /// T_1.
    FirstOrder,
    /// T_2.
    SecondOrder,
    /// What T_1 and T_2 leave: the steps are too long for the expansion of the proof.
    Remainder,
}

/// The term with the largest share of Σ_t (own + local) + prior mismatch over the measured steps.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Blame {
    /// The term.
    pub term: LedgerTerm,
    /// Its share of the sum, in [1/3, 1].
    pub share: f64,
    /// Whether its 95 % interval lies above those of both other terms.
    pub clear: bool,
    /// The step that contributes most to the term; `None` for the prior mismatch.
    pub step: Option<usize>,
    /// That step's share of the term; 1 for the prior mismatch.
    pub step_share: f64,
    /// For [`LedgerTerm::Local`] the part with the largest sum of mean lengths.
    pub part: Option<LocalPart>,
}

impl std::fmt::Display for LedgerTerm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Own => "own errors of f (training)",
            Self::Local => "local errors (discretisation)",
            Self::Prior => "prior mismatch (start from N(0, I))",
        })
    }
}

impl std::fmt::Display for LocalPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::FirstOrder => "T1",
            Self::SecondOrder => "T2",
            Self::Remainder => "the remainder",
        })
    }
}

/// One line, such as `local errors (discretisation): 87 % of the sum, most at step 9 (12 % of them), largest part T1`.
impl std::fmt::Display for Blame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:.0} % of the sum", self.term, 100.0 * self.share)?;
        if let Some(step) = self.step {
            write!(f, ", most at step {step} ({:.0} % of them)", 100.0 * self.step_share)?;
        }
        if let Some(part) = self.part {
            write!(f, ", largest part {part}")?;
        }
        if self.clear { Ok(()) } else { write!(f, "; the lead is within the sampling error") }
    }
}

/// One line: the step, its error and the terms of it.
impl std::fmt::Display for LedgerStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "step {}: error {}, inherited {}, own {}, local {} (T1 {}, T2 {}, remainder {})",
            self.step,
            show(self.error),
            show(self.inherited),
            show(self.own),
            show(self.local),
            show(self.first_order),
            show(self.second_order),
            show(self.remainder)
        )
    }
}

/// The three terms, the error with its bound, and which term is to blame.
impl std::fmt::Display for LedgerReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "sum of own errors               {}", show(self.own()))?;
        writeln!(f, "sum of local errors             {}", show(self.local()))?;
        writeln!(f, "prior mismatch                  {}", show(self.prior_mismatch))?;
        match self.bound() {
            Some(bound) => writeln!(f, "E|f_T - flow|, at most the sum  {} <= {}", show(self.error), show(bound))?,
            None => writeln!(
                f,
                "E|f_T - flow|                   {}; {} of {} steps were measured: their sum is part of a bound and no bound",
                show(self.error),
                self.steps.len(),
                self.grid_steps - 1
            )?,
        }
        match self.energy_upper() {
            Some(upper) => writeln!(f, "W2 at X_T by second moments     {} to {}", show(self.energy_lower), show(upper))?,
            None => writeln!(f, "W2 at X_T by second moments     at least {}", show(self.energy_lower))?,
        }
        match self.blame() {
            Some(blame) => write!(f, "to blame: {blame}"),
            None => f.write_str("to blame: nothing above the numerical error"),
        }
    }
}

fn show(e: Estimate) -> String {
    format!("{:.4e} ± {:.0e}", e.value, e.std_error)
}

/// The sum of means over independent samples.
fn sum<'a>(terms: impl Iterator<Item = &'a Estimate>) -> Estimate {
    let (mut value, mut variance, mut evaluations) = (0.0, 0.0, 0);
    for term in terms {
        value += term.value;
        variance += term.std_error * term.std_error;
        evaluations += term.evaluations;
    }
    Estimate::normal(value, variance.sqrt(), evaluations)
}

impl LedgerReport {
    /// Σ E‖f_t − f_t*‖ over the measured steps: ε + ε_F of Theorem 1, in the L¹ sum of Assumption 2, where all steps were measured.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::Ledger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// // The population optimum of N(0, 1): one step multiplies by cos Δθ. A constant 0.25 added at the last step is its only own error.
    /// let f = ConsistencyFn::new(1, 3, |t, x: &[f64], out: &mut [f64]| {
    ///     out[0] = x[0] * 0.7_f64.cos().powi(t as i32 - 1) + if t == 3 { 0.25 } else { 0.0 };
    /// });
    /// let report = Ledger::new(&target, &grid).measure(&f, &mut rng)?;
    /// assert!((report.own().value - 0.25).abs() < 1e-12 && report.own().std_error < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn own(&self) -> Estimate {
        sum(self.steps.iter().map(|s| &s.own))
    }

    /// Σ E‖local_t‖ over the measured steps: the certificate, where all steps were measured.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::Ledger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// let f = ConsistencyFn::new(1, 3, |_t, x: &[f64], out: &mut [f64]| out[0] = x[0]);
    /// let local = Ledger::new(&target, &grid).measure(&f, &mut rng)?.local();
    /// // 2 (1 − cos Δθ) E|Z| for N(0, 1), whatever f is; five standard errors.
    /// let exact = 2.0 * (1.0 - 0.7_f64.cos()) * (2.0 / std::f64::consts::PI).sqrt();
    /// assert!((local.value - exact).abs() < 5.0 * local.std_error);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn local(&self) -> Estimate {
        sum(self.steps.iter().map(|s| &s.local))
    }

    /// Whether every step 2..=T was measured.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::Ledger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// let f = ConsistencyFn::new(1, 3, |_t, x: &[f64], out: &mut [f64]| out[0] = x[0]);
    /// assert!(Ledger::new(&target, &grid).measure(&f, &mut rng)?.is_complete());
    /// assert!(!Ledger::new(&target, &grid).steps(&[2]).measure(&f, &mut rng)?.is_complete());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.steps.len() + 1 == self.grid_steps
    }

    /// Σ_{t=2}^T (E‖f_t − f_t*‖ + E‖local_t‖), an upper bound on E‖ξ_T(X_T)‖ and so on W_1(f_T(X_T), X_1), up to its sampling error.
    ///
    /// `None` where steps were left out: the sum over some of the steps is a lower bound on the whole sum and bounds no error.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::Ledger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (target, grid) = (Gaussian::standard(2)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// let f = ConsistencyFn::new(2, 3, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(&[0.5 * x[0], 0.5 * x[1]]));
    /// let report = Ledger::new(&target, &grid).measure(&f, &mut rng)?;
    /// assert!(report.error.value < report.bound().unwrap().lower); // 0.50 E‖Z‖ against 0.97 E‖Z‖
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn bound(&self) -> Option<Estimate> {
        self.is_complete().then(|| sum(self.steps.iter().map(|s| &s.made)))
    }

    /// An upper bound on W_2(f_T(X_T), X_1) from second moments, 2.15: √(Σ_t E tr Var(f_{t−1}(X_{t−1}) | X_t)) + Σ_t (E‖f_t − f_t*‖²)^{1/2}, up
    /// to its sampling error (by the delta method). It needs no flow map and no smoothness, but is of order √(1/T) where the truth is 1/T.
    /// `None` where steps were left out, or where squares are beyond double precision.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::Ledger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// // The population optimum of N(0, 1) loses 1 − ∏ cos²Δθ of the second moment, and W_2 is 1 − ∏ cos Δθ.
    /// let f = ConsistencyFn::new(1, 3, |t, x: &[f64], out: &mut [f64]| out[0] = x[0] * 0.7_f64.cos().powi(t as i32 - 1));
    /// let report = Ledger::new(&target, &grid).measure(&f, &mut rng)?;
    /// assert!((report.energy_upper().unwrap().value - (1.0 - 0.7_f64.cos().powi(4)).sqrt()).abs() < 1e-12);
    /// assert!((report.energy_lower.value - (1.0 - 0.7_f64.cos().powi(2))).abs() < 5.0 * report.energy_lower.std_error);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn energy_upper(&self) -> Option<Estimate> {
        if !self.is_complete() {
            return None;
        }
        let root = |square: Estimate| {
            let value = square.value.max(0.0).sqrt();
            let std_error = if square.std_error > 0.0 { square.std_error / (2.0 * value) } else { 0.0 };
            Estimate::normal(value, std_error, square.evaluations)
        };
        let spread = root(sum(self.steps.iter().map(|s| &s.spread)));
        let own: Vec<Estimate> = self.steps.iter().map(|s| root(s.own_square)).collect();
        Some(sum(std::iter::once(&spread).chain(&own))).filter(|bound| bound.value.is_finite())
    }

    /// Σ_t of what rounding leaves of (34) and of the estimated quadrature errors: no term below it means anything.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::Ledger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// let linear = ConsistencyFn::new(1, 3, |_t, x: &[f64], out: &mut [f64]| out[0] = 0.5 * x[0]);
    /// assert!(Ledger::new(&target, &grid).measure(&linear, &mut rng)?.numerical_error() < 1e-13); // linear functions: exact
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn numerical_error(&self) -> f64 {
        self.steps.iter().map(|s| s.identity_gap + s.quadrature_error.unwrap_or(0.0)).sum()
    }

    /// Which term is to blame for the bound; `None` where all of them together do not exceed the numerical error.
    /// Where steps were left out only the measured ones are judged.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::{Ledger, LedgerTerm, LocalPart};
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.3, 1.5])?);
    /// let best = ConsistencyFn::new(1, 3, |t, x: &[f64], out: &mut [f64]| {
    ///     out[0] = x[0] * 0.2_f64.cos() * if t == 3 { 1.2_f64.cos() } else { 1.0 };
    /// });
    /// let blame = Ledger::new(&target, &grid).measure(&best, &mut rng)?.blame().unwrap();
    /// assert_eq!((blame.term, blame.step, blame.part), (LedgerTerm::Local, Some(3), Some(LocalPart::FirstOrder)));
    /// assert!(blame.clear && blame.to_string().starts_with("local errors (discretisation): "));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn blame(&self) -> Option<Blame> {
        let mut terms = [(LedgerTerm::Own, self.own()), (LedgerTerm::Local, self.local()), (LedgerTerm::Prior, self.prior_mismatch)];
        let total: f64 = terms.iter().map(|(_, e)| e.value).sum();
        if !(total > self.numerical_error()) {
            return None;
        }
        terms.sort_by(|a, b| b.1.value.total_cmp(&a.1.value));
        let (term, first) = terms[0];
        let of_term: fn(&LedgerStep) -> f64 = match term {
            LedgerTerm::Own => |s| s.own.value,
            LedgerTerm::Local => |s| s.local.value,
            LedgerTerm::Prior => |_| 0.0,
        };
        let worst = self.steps.iter().max_by(|a, b| of_term(a).total_cmp(&of_term(b))).filter(|_| term != LedgerTerm::Prior);
        Some(Blame {
            term,
            share: first.value / total,
            clear: terms[1..].iter().all(|(_, other)| other.upper < first.lower),
            step: worst.map(|s| s.step),
            step_share: worst.map_or(1.0, |s| of_term(s) / first.value),
            part: (term == LedgerTerm::Local).then(|| self.largest_part()),
        })
    }

    fn largest_part(&self) -> LocalPart {
        let total = |part: fn(&LedgerStep) -> f64| self.steps.iter().map(part).sum::<f64>();
        let (first, second, rest) = (total(|s| s.first_order.value), total(|s| s.second_order.value), total(|s| s.remainder.value));
        if first >= second.max(rest) {
            LocalPart::FirstOrder
        } else if second >= rest {
            LocalPart::SecondOrder
        } else {
            LocalPart::Remainder
        }
    }
}
