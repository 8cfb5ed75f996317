//! The known-answer bench for consistency training.

mod consistency;
mod estimate;
mod float;
mod flow;
mod level;
mod schedule;
mod score;
mod target;
mod training;
mod transport;

pub use consistency::{ConsistencyFn, ConsistencyFunction};
pub use estimate::Estimate;
pub use float::Float;
pub use flow::{FlowJacobian, FlowMap};
pub use level::{LevelError, NoiseLevel};
pub use schedule::{CustomSchedule, Grid, ScheduleError, VarianceSchedule, li_huang_wei::LiHuangWei};
pub use score::{ScoreFn, ScoreFunction};
pub use target::{LogDensity, Moments, Posterior, Sample, TargetError};
pub use training::{
    Activation, Affine, Coupling, FitSummary, Fitted, FittedMap, FunctionClass, Independent, Joint, JointModel, JointProgress, KernelRidge,
    Learned, LevelSampling, Loss, NearestNeighbours, Penalty, Perceptron, Polynomial, RandomFourier, Recursion, Regression, Scaling, Source, Spline, Standardisation, StepProgress, TrainingError,
    Weighting,
};
pub use transport::TransportError;
