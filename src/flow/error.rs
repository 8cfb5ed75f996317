//! What can go wrong along a flow.

use crate::error::{Empty, NotFinite, OutOfRange};

/// Why a flow could not be integrated, sampled or measured.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// A parameter is NaN or outside its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// There are no points.
    #[error(transparent)]
    Empty(#[from] Empty),
    /// A starting point is NaN or infinite.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    /// The method has no embedded error estimate.
    #[error("{method} has no embedded method: it cannot control its error")]
    NoErrorEstimate {
        /// The method's name.
        method: &'static str,
    },
    /// The score is NaN or infinite along a trajectory.
    #[error("the score of row {row} is not finite at angle {angle}")]
    ScoreNotFinite {
        /// The row, from 1.
        row: usize,
        /// The noise angle θ in radians at which it was evaluated.
        angle: f64,
    },
    /// The cap on the number of steps was reached.
    #[error("{steps} steps did not reach the end: row {row} asks for the smallest steps, at angle {angle}")]
    StepLimit {
        /// The row, from 1, whose error was the largest at the last attempt.
        row: usize,
        /// The angle reached, in radians.
        angle: f64,
        /// Steps attempted.
        steps: usize,
    },
    /// The derivative of the flow overflowed at a point.
    #[error("the derivative of the flow at row {row} is not finite")]
    DerivativeNotFinite {
        /// The row, from 1.
        row: usize,
    },
    /// A fixed-step sampler took a point to NaN or infinity.
    #[error("row {row} is not finite after the step from level {t}")]
    PointNotFinite {
        /// The row, from 1.
        row: usize,
        /// The level t the step started from.
        t: usize,
    },
}
