//! The known-answer bench for consistency training.

mod consistency;
mod estimate;
mod float;
mod flow;
mod level;
mod parallel;
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
pub use population::{Interval, Keep, Method, PopulationError, PopulationReport};
pub use schedule::{CustomSchedule, Grid, ScheduleError, VarianceSchedule, li_huang_wei::LiHuangWei};
pub use score::{ScoreFn, ScoreFunction};
pub use target::line::{LineLabel, LineMarginal, LineMixture};
pub use target::{LogDensity, Moments, Posterior, Sample, TargetError};
pub use transport::TransportError;
pub use transport::assignment::{Assignment, Effort, Matching};
pub use transport::gaussian::{Gelbrich, gaussian_w1_isotropic, gaussian_w1_line, gaussian_w2, gelbrich, gelbrich_plug_in};
pub use transport::line::{Line, LineQuantile, QuantileFn};
pub use transport::network::{NetworkSimplex, Plan};
pub use transport::sinkhorn::{Sinkhorn, SinkhornDivergence, SinkhornSolution};
pub use transport::sliced::{MaxSliced, MaxSlicedDistance, Sliced, SlicedDistance};
