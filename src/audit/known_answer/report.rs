//! What the values of a consistency function showed.

use crate::audit::known_answer::finding::Finding;
use crate::audit::known_answer::gap::{Decrease, Gap};
use crate::estimate::Estimate;
use crate::population::{Loss, Method};
use std::fmt;

/// E‖x‖² of a level in the units of the table: over its rows, and of the law.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Size {
    /// The mean over the rows, with its standard error for independent rows.
    pub rows: Estimate,
    /// m_t² (ᾱ_t E‖X_0‖² + (1 − ᾱ_t) d).
    pub law: f64,
}

/// What was found at one level.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LevelAnswer {
    /// t.
    pub step: usize,
    /// θ_t in radians.
    pub angle: f64,
    /// Rows of this level.
    pub rows: usize,
    /// E‖x‖² of the rows beside the law's, where its moments were given.
    pub size: Option<Size>,
    /// ‖f_t − Φ_t‖: the whole error. At t = 1 it is ‖f_1 − id‖.
    pub error: Gap,
    /// ‖f_t − f_t*‖, where the population optimum was given.
    pub training: Option<Gap>,
    /// ‖f_t* − Φ_t‖, likewise.
    pub discretisation: Option<Gap>,
    /// The distance to the population optimum of distillation, where it was given.
    pub distillation: Option<Gap>,
    /// The distance of that optimum to Φ_t, likewise.
    pub distillation_error: Option<Gap>,
    /// The distance to the population optimum of training under another loss, where it was given.
    pub under: Option<Gap>,
    /// The distance of that optimum to Φ_t, likewise.
    pub under_error: Option<Gap>,
    /// Whether f_t is the identity on the rows, in the convention of the table.
    pub identity: bool,
    /// On the line the largest decrease of f_t: Φ_t and f_t* increase. `None` in more dimensions and where there is none above the tolerance.
    pub decrease: Option<Decrease>,
}

/// What a [`KnownAnswer`](crate::audit::KnownAnswer) found.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct KnownAnswerReport {
    /// T.
    pub grid_steps: usize,
    /// The levels that occur in the table, in increasing order.
    pub levels: Vec<LevelAnswer>,
    /// The tolerance of the checks, in the units of the data.
    pub tolerance: f64,
    /// The loss of the optimum `under` another one.
    pub under: Option<Loss>,
    /// What the table is instead of what it is said to be: units of another path, levels in another order.
    pub implausible: Option<Finding>,
    /// The fault that makes f of the flow map or an optimum, where one does: [`Finding::Shifted`], [`Finding::Unscaled`] or
    /// [`Finding::NoiseApart`].
    pub fault: Option<Finding>,
}

impl KnownAnswerReport {
    /// The verdict: a table that is not what it is said to be, known faults and broken contracts first, then agreement, then the error of the last
    /// level of the table, beside those of the optima.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::audit::{Finding, KnownAnswer};
    /// use onestep::law::Gaussian;
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8])?);
    /// let (x, f) = (array![[-1.0_f64], [1.0]], array![[1.0_f64], [-1.0]]);
    /// let finding = KnownAnswer::new(&target, &grid).check(&[2, 2], &x, &f)?.finding();
    /// assert!(matches!(finding, Finding::Decreasing { step: 2, decrease } if decrease.drop == 2.0));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn finding(&self) -> Finding {
        self.implausible.or(self.fault).unwrap_or_else(|| self.verdict())
    }

    fn verdict(&self) -> Finding {
        let within = |gap: Option<Gap>| gap.is_some_and(|g| g.largest <= self.tolerance);
        if let Some(first) = self.levels.first().filter(|l| l.step == 1 && !within(Some(l.error))) {
            return Finding::NotIdentity { row: first.error.row, gap: first.error.largest };
        }
        if self.levels.iter().all(|l| l.step == 1) {
            return Finding::FirstLevelOnly;
        }
        if let Some((step, decrease)) = self.levels.iter().find_map(|l| l.decrease.map(|d| (l.step, d))) {
            return Finding::Decreasing { step, decrease };
        }
        if self.levels.iter().all(|l| within(Some(l.error))) {
            return Finding::Exact;
        }
        let last = &self.levels[self.levels.len() - 1];
        let (step, error) = (last.step, last.error.mean.value);
        if step > 1 && self.levels.iter().all(|l| l.identity) {
            return Finding::Collapsed { step, error };
        }
        if let Some(found) = self.other_loss(last) {
            return found;
        }
        let optima = [
            (Method::Training, last.training, last.discretisation, self.levels.iter().all(|l| within(l.training))),
            (Method::Distillation, last.distillation, last.distillation_error, self.levels.iter().all(|l| within(l.distillation))),
        ];
        // The nearest optimum, its distance, its own error, and whether all rows agree with it.
        let known =
            optima.into_iter().filter_map(|(method, distance, own, agrees)| Some((method, distance?.mean.value, own?.mean.value, agrees)));
        let Some((method, training, discretisation, agrees)) = known.clone().min_by(|a, b| a.1.total_cmp(&b.1)) else {
            return Finding::Unsplit { step, error };
        };
        if agrees {
            Finding::Optimal { step, method, discretisation }
        } else if error < training && known.clone().all(|optimum| error < optimum.2) {
            // Better than all of them: the first is named.
            let (method, training, discretisation, _) = known.clone().next().unwrap_or((method, training, discretisation, agrees));
            Finding::Better { step, method, error, training, discretisation }
        } else if training > discretisation {
            Finding::Training { step, method, error, training, discretisation }
        } else {
            Finding::Discretisation { step, method, error, training, discretisation }
        }
    }
}

impl KnownAnswerReport {
    /// The verdict on a table that is nearest to the optimum under another loss than the squared one, among all that it is compared with.
    fn other_loss(&self, last: &LevelAnswer) -> Option<Finding> {
        let mean = |gap: Option<Gap>| gap.map(|g| g.mean.value);
        let (loss, training, discretisation) = (self.under?, mean(last.under)?, mean(last.under_error)?);
        let others = [Some(last.error.mean.value), mean(last.training), mean(last.distillation)];
        if others.into_iter().flatten().any(|other| other <= training) {
            return None;
        }
        let squared = mean(last.discretisation);
        Some(Finding::OtherLoss { step: last.step, loss, error: last.error.mean.value, training, discretisation, squared })
    }
}

/// One line, such as `step 9, 200 rows: error 1.3e-2 ± 1e-4 (largest …), training …, discretisation …`.
impl fmt::Display for LevelAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}, {} rows: error {}", self.step, self.rows, self.error)?;
        let parts = [
            ("training", &self.training),
            ("discretisation", &self.discretisation),
            ("distillation", &self.distillation),
            ("error of distillation", &self.distillation_error),
            ("under the other loss", &self.under),
            ("error of that", &self.under_error),
        ];
        for (name, part) in parts {
            if let Some(part) = part {
                write!(f, ", {name} {part}")?;
            }
        }
        match &self.decrease {
            Some(decrease) => write!(f, ", decreases by {decrease}"),
            None => Ok(()),
        }
    }
}

/// The verdict, then the last level of the table.
impl fmt::Display for KnownAnswerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.finding())?;
        match self.levels.last() {
            Some(level) => write!(f, "\n{level}"),
            None => Ok(()),
        }
    }
}
