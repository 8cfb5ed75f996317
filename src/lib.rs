//! The known-answer bench for consistency training.
//!
//! Consistency models draw a sample in one step. Li, Huang and Wei (2025, arXiv 2402.07802) bound how far that sample is from the data when the
//! model is trained by T steps of the recursion f_t = argmin E‖f(X_t) − f_{t−1}(X_{t−1})‖². This crate holds the exact objects of that
//! theory, a routine that trains consistency functions from data, Wasserstein distances, and the bound itself term by term.
//!
//! # Example
//! ```
//! use onestep::VarianceSchedule;
//! use onestep::bound::{AccumulatedError, Theorem1};
//! use onestep::law::LineMixture;
//! use onestep::population::LineRecursion;
//! use onestep::schedule::LiHuangWei;
//!
//! let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.8, 0.8])?;
//! let grid = LiHuangWei::new(1024, 2.0, 4.0)?.grid()?;
//! let run = LineRecursion::new(&target, &grid).run()?; // population consistency training, exactly
//! let report = run.report();
//!
//! assert!(report.lower_bound <= report.w1.lower && report.w1.upper <= report.certificate + report.prior_mismatch);
//! let theorem = Theorem1::from_ln_lipschitz(1, report.ln_lipschitz, 1.0)?;
//! let bound = theorem.bound(1024, AccumulatedError::ZERO, AccumulatedError::ZERO)?;
//! assert!(report.w1.upper <= bound.total());
//! # Ok::<(), onestep::Error>(())
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
//! | f_t* | population optimum E[f_{t−1}(X_{t−1}) \| X_t = x] | [`population`] |
//! | L_f | Lipschitz constant of the flow maps | `lipschitz` |
//! | ε, ε_F | estimation and approximation error of training | [`AccumulatedError`](bound::AccumulatedError) |
//!
//! # Where to begin
//! The pages of [`doc`]: [`doc::guide`] goes from a first result to your own law, schedule, data and model in nine steps, [`doc::which`] has one table
//! for every choice, [`doc::coming_from`] translates from PyTorch, diffusers and POT, [`doc::theory`] has the statements with their proofs.
//!
//! # I want …
//! | I want | take |
//! | --- | --- |
//! | a schedule, its grid of levels, and whether it has the properties the proof asks for | [`schedule`]: [`LiHuangWei`](schedule::LiHuangWei), [`Karras`](schedule::Karras), …, [`Grid::properties`] |
//! | a law with known answers (sample, score, density, posterior) | [`law`]: [`Gaussian`](law::Gaussian), [`LineMixture`](law::LineMixture), [`Comb`](law::Comb), [`GaussianMixture`](law::GaussianMixture), [`Radial`](law::Radial), [`NoisyCurve`](law::NoisyCurve), products, rotations, translations |
//! | my own law, score, network or schedule in place of these | the traits [`Sample`], [`ScoreFunction`], [`Posterior`], [`PosteriorRule`], [`ConsistencyFunction`], [`VarianceSchedule`]: each asks for one or two methods |
//! | my own convention (DDPM, EDM, TrigFlow, flow matching) to and from the angle of this crate | [`path`] |
//! | to speak EDM, TrigFlow, flow matching or MeanFlow | [`path`]; [`consistency::PathConsistency`] and [`score::PathScore`] for models |
//! | the exact map from noise to data | [`flow`]: the laws themselves, or [`FlowSolver`](flow::FlowSolver) for any score |
//! | what perfect training would give: f_T*, its W_1, a certificate | [`population`]: [`LineRecursion`](population::LineRecursion) and its three siblings |
//! | to train from data and ask whether T was enough | [`training`]: [`Recursion`](training::Recursion) or [`Joint`](training::Joint), then [`audit::StepCheck`] |
//! | the distance between two clouds, exactly, with an error bar | [`transport`] |
//! | what theory promises for my T, d and L_f | [`bound`]: [`Theorem1`](bound::Theorem1), bounds without unknown constants, lower bounds, rival theories |
//! | to know which step of my model is wrong, and why | [`audit`]: [`Ledger`](audit::Ledger), or [`KnownAnswer`](audit::KnownAnswer) from values alone |
//! | what my loss should be when training is done | [`LossFloor`](audit::LossFloor) |
//!
//! Every module's page says which of its tools is for which question. A function that calls several modules returns [`onestep::Result`](Result).
//!
//! Rows are samples, columns coordinates. Sample clouds, scores, consistency functions and trained models are generic over [`Float`]
//! (`f32`, `f64`); schedules, population recursions and bounds are `f64`. Randomness is always an argument.

pub mod audit;
pub mod bound;
pub mod consistency;
mod delegate;
#[cfg(any(doc, doctest))]
pub mod doc;
pub mod error;
mod estimate;
mod float;
pub mod flow;
pub mod law;
pub mod level;
mod numeric;
pub mod path;
pub mod population;
pub mod process;
mod result;
pub mod schedule;
pub mod score;
mod space;
pub mod training;
pub mod transport;

pub use consistency::ConsistencyFunction;
pub use estimate::Estimate;
pub use float::Float;
pub use flow::{FlowJacobian, FlowMap};
pub use law::{LogDensity, Moments, Posterior, PosteriorRule, Sample};
pub use level::NoiseLevel;
pub use process::ForwardProcess;
pub use result::{Error, Result};
pub use schedule::{Grid, VarianceSchedule};
pub use score::{ScoreFunction, ScoreJacobian};
pub use space::{Family, Space};
pub use training::class::FunctionClass;
pub use transport::Distance;

pub use {ndarray, ndarray_rand, rand};

/// The snippets of the README are compiled and run as doc-tests, like those of the pages in `docs/`.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
