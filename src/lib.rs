//! The known-answer bench for consistency training.

mod batch;
mod consistency;
mod estimate;
mod float;
mod flow;
mod level;
mod population;
mod schedule;
mod score;
mod special;
mod target;
mod transport;

pub use consistency::{ConsistencyFn, ConsistencyFunction};
pub use estimate::Estimate;
pub use float::Float;
pub use flow::{FlowJacobian, FlowMap};
pub use level::{LevelError, NoiseLevel};
pub use population::gaussian::{GaussianConsistency, GaussianPopulation, GaussianRecursion};
pub use population::line::{LineConsistency, LinePopulation, LineRecursion};
pub use population::radial::{RadialConsistency, RadialPopulation, RadialRecursion};
pub use population::{Interval, Keep, Method, PopulationError, PopulationReport};
pub use schedule::{CustomSchedule, Grid, ScheduleError, VarianceSchedule, li_huang_wei::LiHuangWei};
pub use score::{ScoreFn, ScoreFunction};
pub use target::atoms::PointMasses;
pub use target::covariance::Covariance;
pub use target::gaussian::Gaussian;
pub use target::line::{LineLabel, LineMarginal, LineMixture};
pub use target::mixture::GaussianMixture;
pub use target::product::Product;
pub use target::radial::Radial;
pub use target::rotated::Rotated;
pub use target::{LogDensity, Moments, Posterior, Sample, TargetError};
pub use transport::TransportError;
