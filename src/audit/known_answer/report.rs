//! What the values of a consistency function showed, and the verdict.

use crate::estimate::Estimate;
use std::fmt;

/// Lengths of differences over the rows of one level.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Gap {
    /// The mean, with its standard error for independent rows.
    pub mean: Estimate,
    /// The root mean square.
    pub root_mean_square: f64,
    /// The largest.
    pub largest: f64,
    /// The row of the table where it is, from 1.
    pub row: usize,
}

/// Two rows between which a function on the line decreases.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Decrease {
    /// The row of the smaller x, from 1.
    pub from: usize,
    /// The row of the larger x, from 1.
    pub to: usize,
    /// By how much f is smaller there.
    pub drop: f64,
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
    /// ‖f_t − Φ_t‖: the whole error. At t = 1 it is ‖f_1 − id‖.
    pub error: Gap,
    /// ‖f_t − f_t*‖, where the population optimum was given.
    pub training: Option<Gap>,
    /// ‖f_t* − Φ_t‖, likewise.
    pub discretisation: Option<Gap>,
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
}

/// The verdict on a table of values.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "verdict", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Finding {
    /// f_1 is not the identity: the contract of a consistency function is broken.
    NotIdentity {
        /// A row where it is not, from 1.
        row: usize,
        /// ‖f_1(x) − x‖ there.
        gap: f64,
    },
    /// f_t decreases, which neither the flow map nor any population optimum on the line does.
    Decreasing {
        /// t.
        step: usize,
        /// Where, and by how much.
        decrease: Decrease,
    },
    /// All rows agree with the exact flow map within the tolerance.
    Exact,
    /// All rows agree with the population optimum within the tolerance: what is left is discretisation.
    Optimal {
        /// The last level of the table.
        step: usize,
        /// The mean of ‖f_t* − Φ_t‖ there.
        discretisation: f64,
    },
    /// The training error is the larger part of the error.
    Training {
        /// The last level of the table.
        step: usize,
        /// The mean of ‖f_t − f_t*‖ there.
        training: f64,
        /// The mean of ‖f_t* − Φ_t‖ there.
        discretisation: f64,
    },
    /// The discretisation error is the larger part of the error: more or better placed steps, not more training.
    Discretisation {
        /// The last level of the table.
        step: usize,
        /// The mean of ‖f_t − f_t*‖ there.
        training: f64,
        /// The mean of ‖f_t* − Φ_t‖ there.
        discretisation: f64,
    },
    /// No population optimum was given: the error cannot be split.
    Unsplit {
        /// The last level of the table.
        step: usize,
        /// The mean of ‖f_t − Φ_t‖ there.
        error: f64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotIdentity { row, gap } => write!(f, "f_1 is not the identity: it moves the point of row {row} by {gap:.3e}"),
            Self::Decreasing { step, decrease: Decrease { from, to, drop } } => {
                write!(
                    f,
                    "f_{step} decreases by {drop:.3e} from row {from} to row {to}, which no flow map or population optimum on the line does"
                )
            }
            Self::Exact => f.write_str("agrees with the exact flow map"),
            Self::Optimal { step, discretisation } => {
                write!(f, "agrees with the population optimum; the discretisation error at step {step} is {discretisation:.3e}")
            }
            Self::Training { step, training, discretisation } => {
                write!(f, "at step {step} training error {training:.3e} outweighs discretisation error {discretisation:.3e}")
            }
            Self::Discretisation { step, training, discretisation } => {
                write!(f, "at step {step} discretisation error {discretisation:.3e} outweighs training error {training:.3e}")
            }
            Self::Unsplit { step, error } => {
                write!(f, "the error at step {step} is {error:.3e}; no population optimum is known to split it")
            }
        }
    }
}

impl KnownAnswerReport {
    /// The verdict: broken contracts first, then agreement, then which part of the error is the larger at the last level of the table.
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
        let within = |gap: Option<Gap>| gap.is_some_and(|g| g.largest <= self.tolerance);
        if let Some(first) = self.levels.first().filter(|l| l.step == 1 && !within(Some(l.error))) {
            return Finding::NotIdentity { row: first.error.row, gap: first.error.largest };
        }
        if let Some((step, decrease)) = self.levels.iter().find_map(|l| l.decrease.map(|d| (l.step, d))) {
            return Finding::Decreasing { step, decrease };
        }
        if self.levels.iter().all(|l| within(Some(l.error))) {
            return Finding::Exact;
        }
        let last = &self.levels[self.levels.len() - 1];
        let (step, error) = (last.step, last.error.mean.value);
        let (Some(training), Some(discretisation)) = (last.training, last.discretisation) else {
            return Finding::Unsplit { step, error };
        };
        let optimal = self.levels.iter().all(|l| within(l.training));
        let (training, discretisation) = (training.mean.value, discretisation.mean.value);
        if optimal {
            Finding::Optimal { step, discretisation }
        } else if training > discretisation {
            Finding::Training { step, training, discretisation }
        } else {
            Finding::Discretisation { step, training, discretisation }
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mean, largest, row, .. } = self;
        write!(f, "{:.3e} ± {:.0e} (largest {largest:.3e}, row {row})", mean.value, mean.std_error)
    }
}

impl fmt::Display for Decrease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3e} from row {} to row {}", self.drop, self.from, self.to)
    }
}

/// One line, such as `step 9, 200 rows: error 1.3e-2 ± 1e-4 (largest …), training …, discretisation …`.
impl fmt::Display for LevelAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}, {} rows: error {}", self.step, self.rows, self.error)?;
        for (name, part) in [("training", &self.training), ("discretisation", &self.discretisation)] {
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
