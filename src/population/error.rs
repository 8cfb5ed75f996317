//! Why a recursion could not be run.

use crate::error::OutOfRange;
use crate::flow::FlowError;
use crate::population::Loss;
use crate::schedule::ScheduleError;

/// Why a population recursion could not be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PopulationError {
    /// A parameter is NaN or outside its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// A level to keep is not a level of the grid.
    #[error("level {level} cannot be kept: levels run from 1 to {steps}")]
    NoSuchLevel {
        /// The level asked for.
        level: usize,
        /// T.
        steps: usize,
    },
    /// There is no recursion under this loss for the law.
    #[error("the recursion under the {loss} loss takes mixtures on the line, not {law}")]
    LossNotKnown {
        /// The loss.
        loss: Loss,
        /// What the law is.
        law: &'static str,
    },
    /// Rounding or underflow left nothing of a number that the report needs.
    #[error("{quantity} is {value}: the law and the grid are beyond what double precision holds")]
    NotFinite {
        /// The number.
        quantity: &'static str,
        /// Its value.
        value: f64,
    },
    /// The lattice does not hold the law: its nodes are too few or too far apart.
    #[error(
        "the probabilities of the lattice's nodes add up to {mass} at level {level}, not to 1 (within 1e-3): take more than {nodes} nodes"
    )]
    LatticeTooCoarse {
        /// The sum.
        mass: f64,
        /// The level, from 1.
        level: usize,
        /// Nodes along an axis.
        nodes: usize,
    },
    /// The grid could not be made or refined.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A flow map that the result is compared with could not be integrated.
    #[error(transparent)]
    Flow(#[from] FlowError),
}
