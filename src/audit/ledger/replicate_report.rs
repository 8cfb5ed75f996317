//! What a ledger by posterior draws found, and the verdict.

use crate::audit::ledger::report::{Blame, LedgerTerm};
use crate::estimate::Estimate;

/// The squared terms of step t, each a mean over the same draws of X_t, with standard error and 95 % interval.
///
/// # Units
/// Squares of lengths in the units of the data.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ReplicateStep {
    /// t.
    pub step: usize,
    /// θ_t in radians.
    pub angle: f64,
    /// Δθ_t in radians.
    pub delta: f64,
    /// E‖f_t(X_t) − f_{t−1}(X_{t−1})‖², shared noise: the training loss.
    pub loss: Estimate,
    /// E‖f_t − E\[f_{t−1}(X_{t−1}) | X_t\]‖²: what training left at this step. Unbiased, so it can come out below 0.
    pub own_square: Estimate,
    /// E tr Var(f_{t−1}(X_{t−1}) | X_t): the floor of the loss.
    pub spread: Estimate,
    /// E‖E\[Φ_{t−1}(X_{t−1}) | X_t\] − Φ_t‖²: the discretisation error. `None` without a flow map; unbiased as `own_square`.
    pub local_square: Option<Estimate>,
    /// E‖f_t − Φ_t‖²; `None` without a flow map.
    pub error_square: Option<Estimate>,
}

/// What a [`ReplicateLedger`](crate::audit::ReplicateLedger) found.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ReplicateReport {
    /// d.
    pub dim: usize,
    /// T.
    pub grid_steps: usize,
    /// Draws of X_t at each step.
    pub samples: usize,
    /// Draws of X_{t−1} given each of them.
    pub replicates: usize,
    /// The measured steps, in increasing order.
    pub steps: Vec<ReplicateStep>,
    /// E‖f_T(cos θ_T X_0 + sin θ_T Z) − f_T(Z)‖², the same Z: its root is what starting from N(0, I) adds to W_2 at most.
    pub prior_square: Estimate,
}

/// The root of a square that was estimated without bias, so perhaps below 0; its interval is the image of that of the square.
fn root(square: Estimate) -> Estimate {
    let value = square.value.max(0.0).sqrt();
    // By the delta method where the square is known to its own size, by the size of its error where it is not.
    let std_error = if square.value > square.std_error { square.std_error / (2.0 * value) } else { square.std_error.sqrt() };
    let (lower, upper) = (square.lower.max(0.0).sqrt(), square.upper.max(0.0).sqrt());
    Estimate { value, std_error, lower, upper, evaluations: square.evaluations }
}

/// Sums of values and of ends of intervals: the interval holds the sum wherever every interval holds its part.
fn sum(terms: impl Iterator<Item = Estimate>) -> Estimate {
    let mut total = Estimate { value: 0.0, std_error: 0.0, lower: 0.0, upper: 0.0, evaluations: 0 };
    for term in terms {
        total.value += term.value;
        total.std_error = total.std_error.hypot(term.std_error);
        total.lower += term.lower;
        total.upper += term.upper;
        total.evaluations += term.evaluations;
    }
    total
}

impl ReplicateReport {
    /// Σ_t ‖own_t‖ over the measured steps, roots of mean squares.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::ReplicateLedger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (law, grid) = (Gaussian::standard(9)?, Grid::from_angles(&[0.1, 0.8])?);
    /// // The optimum with 2 added to every coordinate: ‖own‖ = 2√d.
    /// let f = ConsistencyFn::new(9, 2, |t, x: &[f64], out: &mut [f64]| {
    ///     out.iter_mut().zip(x).for_each(|(o, x)| *o = if t == 1 { *x } else { x * 0.7_f64.cos() + 2.0 });
    /// });
    /// assert!(ReplicateLedger::new(&law, &grid).measure(&f, &mut rng)?.own().contains(6.0));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn own(&self) -> Estimate {
        sum(self.steps.iter().map(|s| root(s.own_square)))
    }

    /// Σ_t ‖local_t‖ over the measured steps, roots of mean squares; `None` without a flow map.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::ReplicateLedger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (law, grid) = (Gaussian::standard(9)?, Grid::from_angles(&[0.1, 0.8])?);
    /// let f = ConsistencyFn::new(9, 2, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    /// let local = ReplicateLedger::new(&law, &grid).flow(&law).measure(&f, &mut rng)?.local().unwrap();
    /// assert!((local.value - 3.0 * (1.0 - 0.7_f64.cos())).abs() < 5.0 * local.std_error); // (1 − cos Δθ) √E‖Z‖²
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn local(&self) -> Option<Estimate> {
        self.steps.iter().map(|s| s.local_square.map(root)).collect::<Option<Vec<_>>>().map(|roots| sum(roots.into_iter()))
    }

    /// What starting from N(0, I) adds to W_2 at most, the root of [`prior_square`](Self::prior_square).
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::ReplicateLedger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::{Covariance, Gaussian};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// // A point mass at 3: X_T and Z differ by 3 cos θ_T and a part of the noise.
    /// let (law, grid) = (Gaussian::new(&[3.0], Covariance::isotropic(1, 0.0)?)?, Grid::from_angles(&[0.1, 1.5])?);
    /// let f = ConsistencyFn::new(1, 2, |_t, x: &[f64], out: &mut [f64]| out[0] = x[0]);
    /// let prior = ReplicateLedger::new(&law, &grid).measure(&f, &mut rng)?.prior();
    /// assert!((prior.value - (9.0 * 1.5_f64.cos().powi(2) + (1.0 - 1.5_f64.sin()).powi(2)).sqrt()).abs() < 5.0 * prior.std_error);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn prior(&self) -> Estimate {
        root(self.prior_square)
    }

    /// Whether every step 2..=T was measured.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::ReplicateLedger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// let f = ConsistencyFn::new(1, 3, |_t, x: &[f64], out: &mut [f64]| out[0] = x[0]);
    /// assert!(!ReplicateLedger::new(&law, &grid).steps(&[2]).measure(&f, &mut rng)?.is_complete());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.steps.len() + 1 == self.grid_steps
    }

    /// Σ_t (‖own_t‖ + ‖local_t‖), an upper bound on ‖ξ_T‖ and so on W_2(f_T(X_T), X_1), up to its sampling error; `None` where steps were
    /// left out or without a flow map.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::ReplicateLedger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (law, grid) = (Gaussian::standard(2)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// let f = ConsistencyFn::new(2, 3, |t, x: &[f64], out: &mut [f64]| {
    ///     out.iter_mut().zip(x).for_each(|(o, x)| *o = x * 0.7_f64.powi(t as i32 - 1));
    /// });
    /// let report = ReplicateLedger::new(&law, &grid).flow(&law).measure(&f, &mut rng)?;
    /// assert!(0.51 * 2f64.sqrt() < report.bound().unwrap().upper); // ‖ξ_3‖ = (1 − 0.49)√d
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn bound(&self) -> Option<Estimate> {
        let local = self.local().filter(|_| self.is_complete())?;
        Some(sum([self.own(), local].into_iter()))
    }

    /// √(Σ_t E tr Var(f_{t−1}(X_{t−1}) | X_t)) + Σ_t ‖own_t‖, an upper bound on W_2(f_T(X_T), X_1) that needs no flow map, up to its sampling
    /// error; `None` where steps were left out.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::ReplicateLedger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// // The optimum of N(0, 1): √(1 − ∏ cos²Δθ), and the sampling error of own errors that are 0.
    /// let f = ConsistencyFn::new(1, 3, |t, x: &[f64], out: &mut [f64]| out[0] = x[0] * 0.7_f64.cos().powi(t as i32 - 1));
    /// let upper = ReplicateLedger::new(&law, &grid).replicates(16).measure(&f, &mut rng)?.energy_upper().unwrap();
    /// assert!(upper.contains((1.0 - 0.7_f64.cos().powi(4)).sqrt()));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn energy_upper(&self) -> Option<Estimate> {
        let spread = || {
            let parts = self.steps.iter().map(|s| s.spread);
            root(sum(parts))
        };
        self.is_complete().then(|| sum([spread(), self.own()].into_iter()))
    }

    /// Which term has the largest share of Σ_t (‖own_t‖ + ‖local_t‖) + prior mismatch; `None` without a flow map, or where all of them are 0.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::{LedgerTerm, ReplicateLedger};
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let (law, grid) = (Gaussian::standard(20)?, Grid::from_angles(&[0.1, 0.2, 0.3, 1.56])?);
    /// // The optimum of N(0, I), but for a constant at step 3.
    /// let f = ConsistencyFn::new(20, 4, |t, x: &[f64], out: &mut [f64]| {
    ///     let gain: f64 = [1.0, 0.1_f64.cos(), 0.1_f64.cos().powi(2), 0.1_f64.cos().powi(2) * 1.26_f64.cos()][t - 1];
    ///     out.iter_mut().zip(x).for_each(|(o, x)| *o = x * gain + if t == 3 { 9.0 } else { 0.0 });
    /// });
    /// let blame = ReplicateLedger::new(&law, &grid).flow(&law).measure(&f, &mut rng)?.blame().unwrap();
    /// assert_eq!(blame.term, LedgerTerm::Own);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn blame(&self) -> Option<Blame> {
        let mut terms = [(LedgerTerm::Own, self.own()), (LedgerTerm::Local, self.local()?), (LedgerTerm::Prior, self.prior())];
        let total: f64 = terms.iter().map(|(_, e)| e.value).sum();
        if !(total > 0.0) {
            return None;
        }
        terms.sort_by(|a, b| b.1.value.total_cmp(&a.1.value));
        let (term, first) = terms[0];
        let of_term = |s: &ReplicateStep| match term {
            LedgerTerm::Own => root(s.own_square).value,
            LedgerTerm::Local => s.local_square.map_or(0.0, |local| root(local).value),
            LedgerTerm::Prior => 0.0,
        };
        let worst = self.steps.iter().max_by(|a, b| of_term(a).total_cmp(&of_term(b))).filter(|_| term != LedgerTerm::Prior);
        Some(Blame {
            term,
            share: first.value / total,
            clear: terms[1..].iter().all(|(_, other)| other.upper < first.lower),
            step: worst.map(|s| s.step),
            step_share: worst.map_or(1.0, |s| of_term(s) / first.value),
            part: None,
        })
    }
}

fn show(e: Estimate) -> String {
    format!("{:.4e} [{:.4e}, {:.4e}]", e.value, e.lower, e.upper)
}

/// The squares with their standard errors.
impl std::fmt::Display for ReplicateStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let show = |e: Estimate| format!("{:.4e} ± {:.0e}", e.value, e.std_error);
        write!(f, "step {}: loss {}, own² {}, spread {}", self.step, show(self.loss), show(self.own_square), show(self.spread))?;
        if let (Some(local), Some(error)) = (self.local_square, self.error_square) {
            write!(f, ", local² {}, error² {}", show(local), show(error))?;
        }
        Ok(())
    }
}

/// The sums of roots with 95 % intervals, the bounds, and which term is to blame.
impl std::fmt::Display for ReplicateReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "sum of own errors               {}", show(self.own()))?;
        if let Some(local) = self.local() {
            writeln!(f, "sum of local errors             {}", show(local))?;
        }
        write!(f, "prior mismatch                  {}", show(self.prior()))?;
        if let Some(upper) = self.energy_upper() {
            write!(f, "\nW2 at X_T by second moments     at most {}", show(upper))?;
        }
        if let Some(bound) = self.bound() {
            write!(f, "\nW2 at X_T by the sums           at most {}", show(bound))?;
        }
        if let Some(blame) = self.blame() {
            write!(f, "\nto blame: {blame}")?;
        }
        Ok(())
    }
}
