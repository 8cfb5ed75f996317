//! Why a recursion could not be run.

use crate::error::OutOfRange;
use crate::flow::FlowError;
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
    /// The grid could not be made or refined.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A flow map that the result is compared with could not be integrated.
    #[error(transparent)]
    Flow(#[from] FlowError),
}
