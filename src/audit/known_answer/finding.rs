//! The verdict on a table of values.

use crate::audit::known_answer::gap::Decrease;
use crate::population::{Loss, Method};
use std::fmt;

/// The verdict on a table of values. It is about the error of the last level of the table, ‖f_t − Φ_t‖; the errors beside it are means over its
/// rows, in the units of the angle.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "verdict", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Finding {
    /// The points have the size of those of another path.
    Units {
        /// The level where the two differ most.
        step: usize,
        /// √ of the mean ‖x‖² of its rows.
        rows: f64,
        /// √E‖x‖² of the law there, in the convention that was said.
        law: f64,
        /// What points have to be divided by there to be in that convention.
        factor: f64,
        /// The convention whose size they have.
        convention: &'static str,
    },
    /// The levels are counted from the noise, t = T for the data.
    Reversed {
        /// T.
        steps: usize,
    },
    /// The points of t have the size of those of t + 1 at every level: levels are counted from 0.
    FromZero {
        /// A level of the table where the sizes differ most.
        step: usize,
        /// √ of the mean ‖x‖² of its rows.
        rows: f64,
        /// √E‖x‖² of the law there.
        law: f64,
    },
    /// f_1 is not the identity: the contract of a consistency function is broken.
    NotIdentity {
        /// A row where it is not, from 1.
        row: usize,
        /// ‖f_1(x) − x‖ there.
        gap: f64,
    },
    /// The rows of level t hold the function of the next level, f_{t+by} at the same point in the units of the table: the flow map's or an
    /// optimum's, to a quarter of the distance to what is right. The network is given the time of another level than that of its point.
    Shifted {
        /// The last level of the table that shows it.
        step: usize,
        /// 1 for the next noisier level, −1 for the next one towards the data.
        by: i8,
        /// The mean of the distance to the other level's function there.
        distance: f64,
        /// The mean of the distance to the nearest of flow map and optima there.
        error: f64,
    },
    /// f is c_skip x + (f* − c_skip x)/σ_data, f* the flow map or an optimum, to a quarter of the distance to what is right: c_out lacks σ_data.
    Unscaled {
        /// The last level of the table.
        step: usize,
        /// σ_data.
        sigma_data: f64,
        /// The mean of the distance to that function there.
        distance: f64,
        /// The mean of the distance to the nearest of flow map and optima there.
        error: f64,
    },
    /// f is the optimum of training whose pairs do not share their noise, to a quarter of the distance to what is right.
    NoiseApart {
        /// The last level of the table.
        step: usize,
        /// The mean of the distance to that optimum there.
        distance: f64,
        /// The mean of the distance to the nearest of flow map and optima there.
        error: f64,
    },
    /// f_1 is the identity and there is no other level: nothing is known of f.
    FirstLevelOnly,
    /// f_t decreases, which neither the flow map nor any population optimum on the line does.
    Decreasing {
        /// t.
        step: usize,
        /// Where, and by how much.
        decrease: Decrease,
    },
    /// f_t is the identity at every level of the table, which the flow map is not: what training ends with whose target is taken at the point
    /// of the student, f_{t−1}(X_t) or f_t(X_t), in place of f_{t−1}(X_{t−1}).
    Collapsed {
        /// The last level of the table.
        step: usize,
        /// The mean of ‖f_t − Φ_t‖ there.
        error: f64,
    },
    /// Nearest to the optimum of training under another loss than the squared one, which is told what it costs.
    OtherLoss {
        /// The last level of the table.
        step: usize,
        /// Which loss.
        loss: Loss,
        /// The mean of ‖f_t − Φ_t‖ there.
        error: f64,
        /// The mean of ‖f_t − f_t*‖ there, f_t* the optimum under that loss.
        training: f64,
        /// The mean of ‖f_t* − Φ_t‖ there.
        discretisation: f64,
        /// The same of the optimum under the squared loss, where it was given.
        squared: Option<f64>,
    },
    /// All rows agree with the exact flow map within the tolerance.
    Exact,
    /// All rows agree with a population optimum within the tolerance: what is left is discretisation.
    Optimal {
        /// The last level of the table.
        step: usize,
        /// Whose optimum.
        method: Method,
        /// The mean of ‖f_t* − Φ_t‖ there.
        discretisation: f64,
    },
    /// Nearer to the flow map than every optimum is, and nearer to it than to any: better than the loss asks for.
    Better {
        /// The last level of the table.
        step: usize,
        /// The optimum beside: that of training where it is known.
        method: Method,
        /// The mean of ‖f_t − Φ_t‖ there.
        error: f64,
        /// The mean of ‖f_t − f_t*‖ there.
        training: f64,
        /// The mean of ‖f_t* − Φ_t‖ there.
        discretisation: f64,
    },
    /// The training error is larger than the error of the optimum: more training, not more steps.
    Training {
        /// The last level of the table.
        step: usize,
        /// The nearest optimum.
        method: Method,
        /// The mean of ‖f_t − Φ_t‖ there.
        error: f64,
        /// The mean of ‖f_t − f_t*‖ there.
        training: f64,
        /// The mean of ‖f_t* − Φ_t‖ there.
        discretisation: f64,
    },
    /// The error of the optimum is the larger part: more or better placed steps, not more training.
    Discretisation {
        /// The last level of the table.
        step: usize,
        /// The nearest optimum.
        method: Method,
        /// The mean of ‖f_t − Φ_t‖ there.
        error: f64,
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

impl Finding {
    /// Whether a fault that makes another function of a good one may be behind it.
    pub(super) fn may_be_a_fault(&self) -> bool {
        let of_level = matches!(self, Self::NotIdentity { .. } | Self::Unsplit { .. } | Self::Better { .. });
        of_level || matches!(self, Self::Training { .. } | Self::Discretisation { .. } | Self::OtherLoss { .. })
    }

    /// What makes another function of a good one, in words.
    fn write_fault(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Shifted { step, by, distance, error } => {
                let (sign, next) = if by > 0 { ('+', "noisier") } else { ('-', "less noisy") };
                write!(
                    f,
                    "the rows of t hold the function of level t {sign} 1: at step {step} they are {} away from it and {} from what is right; \
                     the network is given the time of the next {next} level",
                    short(distance),
                    short(error)
                )
            }
            Self::Unscaled { step, sigma_data, distance, error } => write!(
                f,
                "c_out lacks sigma_data = {sigma_data}: at step {step} f is {} away from c_skip x + (f* - c_skip x)/sigma_data and {} from \
                 what is right",
                short(distance),
                short(error)
            ),
            Self::NoiseApart { step, distance, error } => write!(
                f,
                "the noise of the two points of a pair is not shared: at step {step} f is {} away from what that leads to and {} from what is \
                 right",
                short(distance),
                short(error)
            ),
            _ => Ok(()),
        }
    }
}

/// A loss whose optimum has this many times the error of that of the squared loss costs more than the steps do.
const COSTLY: f64 = 1.5;

/// A length in a sentence.
fn short(x: f64) -> String {
    if (1e-3..1e4).contains(&x) { format!("{x:.4}") } else { format!("{x:.3e}") }
}

/// What an optimum is called.
fn name(method: Method) -> &'static str {
    match method {
        Method::Training => "the optimum of consistency training",
        Method::Distillation => "the optimum of consistency distillation",
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Units { step, rows, law, factor, convention } => write!(
                f,
                "the points are in the units of {convention}: at step {step} their root mean square is {}, the law's is {}; \
                 divide x by {} there, or say that the path is {convention}",
                short(rows),
                short(law),
                short(factor)
            ),
            Self::Reversed { steps } => {
                write!(f, "t is reversed: t = {steps} is at the data here, t = 1 should be; take {steps} + 1 - t")
            }
            Self::FromZero { step, rows, law } => write!(
                f,
                "t counts from 0: at every step the points have the size of the next one (step {step}: root mean square {}, the law's is {}); \
                 add 1 to t",
                short(rows),
                short(law)
            ),
            Self::NotIdentity { row, gap } => write!(f, "f_1 is not the identity: it moves the point of row {row} by {gap:.3e}"),
            Self::Shifted { .. } | Self::Unscaled { .. } | Self::NoiseApart { .. } => self.write_fault(f),
            Self::FirstLevelOnly => f.write_str("f_1 is the identity, and no row has t > 1: nothing is known of f"),
            Self::Decreasing { step, decrease: Decrease { from, to, drop } } => {
                write!(
                    f,
                    "f_{step} decreases by {drop:.3e} from row {from} to row {to}, which no flow map or population optimum on the line does"
                )
            }
            Self::Collapsed { step, error } => write!(
                f,
                "f is the identity at every level, at step {step} with the error {}: its target was taken at the student's own point or level",
                short(error)
            ),
            Self::OtherLoss { step, loss, error, training, discretisation, squared } => {
                write!(
                    f,
                    "at step {step} the error is {}: {} away from the optimum under the {loss} loss, whose own error is {}",
                    short(error),
                    short(training),
                    short(discretisation)
                )?;
                match squared {
                    Some(squared) if discretisation > COSTLY * squared => write!(
                        f,
                        "; the squared loss has {}: {}",
                        short(squared),
                        if loss == Loss::Absolute { "the median does not follow the flow" } else { "c is too small for these steps" }
                    ),
                    Some(squared) => write!(f, "; the squared loss has {}", short(squared)),
                    None => Ok(()),
                }
            }
            Self::Exact => f.write_str("agrees with the exact flow map"),
            Self::Optimal { step, method, discretisation } => {
                write!(
                    f,
                    "agrees with {}, whose own error at step {step} is {}: what is left is discretisation",
                    name(method),
                    short(discretisation)
                )
            }
            Self::Better { step, method, error, training, discretisation } => {
                let loss = if method == Method::Training { "CT" } else { "CD" };
                write!(
                    f,
                    "at step {step} nearer to the flow map ({}) than {} is ({}), and {} away from that: \
                     this model does not minimise the {loss} loss, it does better",
                    short(error),
                    name(method),
                    short(discretisation),
                    short(training)
                )
            }
            Self::Training { step, method, error, training, discretisation } => write!(
                f,
                "at step {step} the error is {}: {} away from {}, whose own error is {}: training error outweighs discretisation error",
                short(error),
                short(training),
                name(method),
                short(discretisation)
            ),
            Self::Discretisation { step, method, error, training, discretisation } => write!(
                f,
                "at step {step} the error is {}: {} away from {}, whose own error is {}: discretisation error outweighs training error",
                short(error),
                short(training),
                name(method),
                short(discretisation)
            ),
            Self::Unsplit { step, error } => {
                write!(f, "the error at step {step} is {}; no population optimum is known to split it", short(error))
            }
        }
    }
}
