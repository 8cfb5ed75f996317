//! The known-answer bench for consistency training.

mod audit;
mod batch;
mod bound;
mod consistency;
mod estimate;
mod float;
mod flow;
mod level;
mod parallel;
mod population;
mod process;
mod schedule;
mod score;
mod special;
mod target;
mod training;
mod transport;

pub use audit::rates::{RateError, RateFit, RateModel};
pub use bound::BoundError;
pub use bound::check::{Comparison, Verdict, check};
pub use bound::lower::{ConvexLowerBound, convex_lower_bound, gaussian_lower_bound, mean_norm, second_moment_lower_bound};
pub use bound::rivals::{Provenance, RateInputs, Rival, rivals};
pub use bound::theorem::{AccumulatedError, Bound, StepCount, Theorem1};
pub use consistency::{ConsistencyFn, ConsistencyFunction};
pub use estimate::Estimate;
pub use float::Float;
pub use flow::lipschitz::{LipschitzError, LipschitzProbe, LipschitzReport};
pub use flow::samplers::{FixedStep, SamplerError};
pub use flow::solver::{FlowEffort, FlowError, FlowSolution, FlowSolver, IntegratedFlow, TangentSolution};
pub use flow::tableau::Tableau;
pub use flow::{FlowJacobian, FlowMap};
pub use level::{LevelError, NoiseLevel};
pub use population::gaussian::{GaussianConsistency, GaussianPopulation, GaussianRecursion};
pub use population::line::{LineConsistency, LinePopulation, LineRecursion};
pub use population::{Interval, Keep, Method, PopulationError, PopulationReport};
pub use process::{ForwardProcess, SharedNoisePair};
pub use schedule::angle::UniformAngle;
pub use schedule::audit::{ScheduleAudit, ScheduleWarning, audit};
pub use schedule::classic::{CosineSchedule, LinearSchedule};
pub use schedule::equidistributed::Equidistributed;
pub use schedule::karras::Karras;
pub use schedule::li_huang_wei::LiHuangWei;
pub use schedule::{CustomSchedule, Grid, ScheduleError, VarianceSchedule};
pub use score::{DifferencedScore, ScoreFn, ScoreFunction, ScoreJacobian};
pub use target::atoms::PointMasses;
pub use target::covariance::Covariance;
pub use target::gaussian::Gaussian;
pub use target::line::{LineLabel, LineMarginal, LineMixture};
pub use target::mixture::GaussianMixture;
pub use target::product::Product;
pub use target::rotated::Rotated;
pub use target::{LogDensity, Moments, Posterior, Sample, TargetError};
pub use training::{
    Activation, Affine, Coupling, FitSummary, Fitted, FittedMap, FunctionClass, Independent, Joint, JointModel, JointProgress, KernelRidge,
    Learned, LevelSampling, Loss, NearestNeighbours, Penalty, Perceptron, Polynomial, RandomFourier, Recursion, Regression, Scaling,
    Source, Spline, Standardisation, StepProgress, TrainingError, Weighting,
};
pub use transport::TransportError;
pub use transport::assignment::{Assignment, Effort, Matching};
pub use transport::bounds::{CTransform, Sandwich, coupling_upper, lipschitz_lower};
pub use transport::distance::{Bures, Distance, DistanceFn};
pub use transport::gaussian::{Gelbrich, gaussian_w1_isotropic, gaussian_w1_line, gaussian_w2, gelbrich, gelbrich_plug_in};
pub use transport::inference::{
    Centred, PermutationTest, Resolution, baseline, bootstrap, centred, debiased, permutation_test, resolution, split_baseline, subsample,
};
pub use transport::line::{Line, LineQuantile, QuantileFn};
pub use transport::network::{NetworkSimplex, Plan};
pub use transport::sinkhorn::{Sinkhorn, SinkhornDivergence, SinkhornSolution};
pub use transport::sliced::{MaxSliced, MaxSlicedDistance, Sliced, SlicedDistance};
