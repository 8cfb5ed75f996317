//! One error for the whole crate.
//!
//! Every room has its own enum (`schedule::ScheduleError`, `transport::TransportError`, …); [`Error`] holds any of them, so that a function
//! of your own returns [`onestep::Result`](Result) and uses `?` throughout.

use crate::audit::AuditError;
use crate::bound::BoundError;
use crate::consistency::ConsistencyError;
use crate::flow::FlowError;
use crate::law::LawError;
use crate::level::LevelError;
use crate::path::PathError;
use crate::population::PopulationError;
use crate::schedule::ScheduleError;
use crate::score::ScoreError;
#[cfg(feature = "serde")]
use crate::training::ModelError;
use crate::training::TrainingError;
use crate::transport::TransportError;

/// The result of a function that calls several rooms.
///
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::law::LineMixture;
/// use onestep::population::LineRecursion;
/// use onestep::schedule::UniformAngle;
/// fn one_step_error(modes: f64, steps: usize) -> onestep::Result<f64> {
///     let law = LineMixture::new(&[0.5, 0.5], &[-modes, modes], &[0.5, 0.5])?;
///     let grid = UniformAngle::new(steps, 0.05, 1.55)?.grid()?;
///     Ok(LineRecursion::new(&law, &grid).run()?.report().w1.upper)
/// }
/// assert!(one_step_error(1.0, 32)? > one_step_error(1.0, 64)?);
/// assert!(one_step_error(f64::NAN, 8).is_err());
/// # Ok::<(), onestep::Error>(())
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of the crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A noise level.
    #[error(transparent)]
    Level(#[from] LevelError),
    /// A conversion between paths.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A schedule or a grid.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A score with a planted error.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// A law.
    #[error(transparent)]
    Law(#[from] LawError),
    /// A flow, a sampler or a Lipschitz probe.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// Sampling with a consistency function.
    #[error(transparent)]
    Consistency(#[from] ConsistencyError),
    /// A distance.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A population recursion.
    #[error(transparent)]
    Population(#[from] PopulationError),
    /// A bound.
    #[error(transparent)]
    Bound(#[from] BoundError),
    /// Training from data.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// A saved model.
    #[cfg(feature = "serde")]
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An audit or a rate fit.
    #[error(transparent)]
    Audit(#[from] AuditError),
}
