//! The known-answer bench for consistency training.
//!
//! Consistency models draw a sample in one step. Li, Huang and Wei (2025, arXiv 2402.07802) bound how far that sample is from the data when the
//! model is trained by T steps of the recursion f_t = argmin E‖f(X_t) − f_{t−1}(X_{t−1})‖². This crate holds the exact objects of that
//! theory, a routine that trains consistency functions from data, Wasserstein distances, and the bound itself term by term.
//!
//! # Example
//! ```
//! use onestep::{LiHuangWei, LineMixture, LineRecursion, Theorem1, AccumulatedError, VarianceSchedule};
//!
//! let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.8, 0.8])?;
//! let grid = LiHuangWei::new(1024, 2.0, 4.0)?.grid()?;
//! let run = LineRecursion::new(&target, &grid).run()?; // population consistency training, exactly
//! let report = run.report();
//!
//! assert!(report.lower_bound <= report.w1.lower && report.w1.upper <= report.certificate + report.prior_mismatch);
//! let theorem = Theorem1::new(1, report.lipschitz, 1.0)?;
//! let bound = theorem.bound(1024, AccumulatedError::ZERO, AccumulatedError::ZERO)?;
//! assert!(report.w1.upper <= bound.total());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Notation
//! | symbol | meaning | name in code |
//! | --- | --- | --- |
//! | d, T, t | dimension, number of steps, step 1..=T | `dim`, `steps`, `t` |
//! | β_t, α_t = 1−β_t | per-step variance, retention | `beta`, `alpha` |
//! | ᾱ_t = Π α_k | cumulative retention | `alpha_bar` |
//! | θ_t, cos θ_t = √ᾱ_t | noise angle: 0 = data, π/2 = noise | `angle` |
//! | X_t = cos θ_t X_0 + sin θ_t Z | forward process, Z ~ N(0, I) | [`ForwardProcess`] |
//! | p_t, s_t = ∇ log p_t | marginal density and score | [`LogDensity`], [`ScoreFunction`] |
//! | Φ_{t→k}, Φ_t = Φ_{t→1} | two-time probability-flow map | [`FlowMap`] |
//! | f_t, f_1 = id | consistency function | [`ConsistencyFunction`] |
//! | f_t* | population optimum E[f_{t−1}(X_{t−1}) \| X_t = x] | [`LineRecursion`], [`GaussianRecursion`], [`RadialRecursion`] |
//! | L_f | Lipschitz constant of the flow maps | `lipschitz` |
//! | ε, ε_F | estimation and approximation error of training | [`AccumulatedError`] |
//!
//! # Map
//! - Levels and schedules: [`NoiseLevel`], [`VarianceSchedule`], [`Grid`], [`LiHuangWei`], [`audit`](fn@audit).
//! - Targets: [`Gaussian`], [`GaussianMixture`], [`PointMasses`], [`LineMixture`], [`Radial`], [`NoisyCurve`],
//!   [`Product`], [`Rotated`], [`Shifted`]; [`PerturbedScore`] adds an error of known size.
//! - Flows: the targets themselves, and [`FlowSolver`] for any score; [`LipschitzProbe`] measures Assumption 1.
//! - Population recursions: [`LineRecursion`], [`GaussianRecursion`], [`RadialRecursion`], with a [`PopulationReport`];
//!   [`TensorRecursion`] for mixtures in up to three dimensions.
//! - Sampling: [`one_step`], [`MultiStep`], and [`FixedStep`] for comparison.
//! - Training from data: [`Recursion`] over any [`FunctionClass`], [`Joint`], with a [`StepReport`].
//! - Transport: [`Assignment`], [`NetworkSimplex`], [`Line`], [`Sliced`], [`Sinkhorn`], [`gaussian_w2`], [`Sandwich`].
//! - Bounds: [`Theorem1`], [`check`], [`rivals`](fn@rivals), [`RateModel`].
//! - Audit of any consistency function: [`Ledger`] splits its error into the terms of the proof and names the one to blame, [`KnownAnswer`]
//!   checks it from values alone.
//!
//! Rows are samples, columns coordinates. Sample clouds, scores, consistency functions and trained models are generic over [`Float`]
//! (`f32`, `f64`); schedules, population recursions and bounds are `f64`. Randomness is always an argument.

mod audit;
mod batch;
mod bound;
mod consistency;
#[cfg(doc)]
pub mod doc;
mod estimate;
mod float;
mod flow;
mod level;
mod panels;
mod parallel;
mod population;
mod process;
mod schedule;
mod score;
mod special;
mod stream;
mod target;
mod training;
mod transport;
mod vector;

pub use audit::AuditError;
pub use audit::known_answer::{Decrease, Finding, Gap, KnownAnswer, KnownAnswerReport, LevelAnswer};
pub use audit::ledger::{Blame, Ledger, LedgerReport, LedgerStep, LedgerTerm, LedgerTerms, LocalPart};
pub use audit::rates::{RateError, RateFit, RateModel};
pub use bound::BoundError;
pub use bound::check::{Comparison, Verdict, check};
pub use bound::lower::{ConvexLowerBound, convex_lower_bound, gaussian_lower_bound, mean_norm, second_moment_lower_bound};
pub use bound::rivals::{Provenance, RateInputs, Rival, rivals};
pub use bound::theorem::{AccumulatedError, Bound, StepCount, Theorem1};
pub use consistency::sampling::{MultiStep, SamplingError, one_step};
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
pub use population::ledger::LocalError;
pub use population::line::{LineConsistency, LinePopulation, LineRecursion};
pub use population::radial::{RadialConsistency, RadialPopulation, RadialRecursion};
pub use population::tensor::{TensorConsistency, TensorPopulation, TensorRecursion, TensorReport};
pub use population::{Interval, Keep, Method, PopulationError, PopulationReport};
pub use process::{ForwardProcess, SharedNoisePair};
pub use schedule::angle::UniformAngle;
pub use schedule::audit::{ScheduleAudit, ScheduleWarning, audit};
pub use schedule::classic::{CosineSchedule, LinearSchedule};
pub use schedule::equidistributed::Equidistributed;
pub use schedule::karras::Karras;
pub use schedule::li_huang_wei::LiHuangWei;
pub use schedule::{CustomSchedule, Grid, ScheduleError, VarianceSchedule};
pub use score::perturbed::{ErrorScale, PerturbationError, PerturbedScore};
pub use score::{DifferencedScore, ScoreFn, ScoreFunction, ScoreJacobian};
pub use target::atoms::PointMasses;
pub use target::covariance::Covariance;
pub use target::curve::NoisyCurve;
pub use target::gaussian::Gaussian;
pub use target::line::{LineLabel, LineMarginal, LineMixture};
pub use target::mixture::GaussianMixture;
pub use target::product::Product;
pub use target::radial::Radial;
pub use target::rotated::Rotated;
pub use target::shifted::Shifted;
pub use target::{LogDensity, Moments, Posterior, Sample, TargetError};
#[cfg(feature = "serde")]
pub use training::ModelError;
pub use training::{
    Activation, Affine, Coupling, DiscreteLaw, FitSummary, Fitted, FittedMap, FunctionClass, Independent, Joint, JointModel, JointProgress,
    KernelRidge, KnownErrors, KnownTarget, Learned, LearnedScore, LevelSampling, Loss, NearestNeighbours, OptimalPairs, Penalty,
    Perceptron, Polynomial, PosteriorRule, RandomFourier, Recursion, Regression, Sandwiched, Scaling, ScoreMatching, Source, Spline,
    Standardisation, StepCheck, StepErrors, StepProgress, StepReport, Trained, TrainingError, Weighting,
};
pub use transport::TransportError;
pub use transport::assignment::{Assignment, Effort, Matching};
pub use transport::bounds::{CTransform, Sandwich, coupling_upper, lipschitz_lower};
pub use transport::distance::{Bures, Distance, DistanceFn};
pub use transport::gaussian::{
    Gelbrich, gaussian_w1_isotropic, gaussian_w1_line, gaussian_w2, gelbrich, gelbrich_plug_in, gelbrich_weighted,
};
pub use transport::inference::{
    Centred, PermutationTest, Resolution, baseline, bootstrap, centred, debiased, permutation_test, resolution, split_baseline, subsample,
    weighted_bootstrap,
};
pub use transport::line::{Line, LineQuantile, QuantileFn};
pub use transport::network::{NetworkSimplex, Plan};
pub use transport::sinkhorn::{Sinkhorn, SinkhornDivergence, SinkhornSolution};
pub use transport::sliced::{MaxSliced, MaxSlicedDistance, Sliced, SlicedDistance};

/// The snippets of the README are compiled and run as doc-tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
