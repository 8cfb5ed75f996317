//! Why a conversion is not possible.

use crate::error::OutOfRange;
use crate::level::LevelError;

/// Why a conversion is not possible.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// A parameter is NaN or outside its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// A noise level could not be made.
    #[error(transparent)]
    Level(#[from] LevelError),
    /// The path does not reach a level.
    #[error("the path does not reach the noise level of angle {angle}")]
    NotReached {
        /// θ in radians.
        angle: f64,
    },
    /// A prediction does not determine another at a level, as the noise does not tell the data where there is only noise.
    #[error("at the noise level of angle {angle}, {from} does not determine {to} in floating point")]
    Undetermined {
        /// What is given.
        from: &'static str,
        /// What is asked for.
        to: &'static str,
        /// θ in radians.
        angle: f64,
    },
}
