//! Consistency functions trained from data: the CPU reference routine.
//!
//! | question | take |
//! | --- | --- |
//! | a good sampler of a table, without settings | [`Auto`]: some ways of training, held-out rows decide |
//! | the paper's algorithm (14) as it stands: f_1 = id, then f_2, …, f_T in turn, each by regression of f_{t−1}(X_{t−1}) on X_t | [`Recursion`], with any class of [`class`] |
//! | one time-conditioned network for all levels at once, as practitioners train it, from pairs or from a score | [`Joint`] |
//! | a score from samples, to distil, to solve the flow with or to fit a network to its flow | [`ScoreMatching`], [`Joint::distil_flow`] |
//! | which function class | the table of [`class`] |
//! | a class of one's own | [`FunctionClass`], returning [`Fitted::custom`] |
//! | data of any scale, or a law that is sampled anew | [`Scaling`], [`Source`] |
//! | pairs of data and noise that are not independent | [`Coupling`], [`OptimalPairs`] |
//! | was T enough, and whose is the error? | [`StepCheck`](crate::audit::StepCheck) on anything [`Trained`] |
//!
//! A class minimises the empirical loss Σ_i w_i ‖g(x_i) − y_i‖² over its functions g, some with a penalty. What exactly it minimises, and
//! how well, is in the [`FitSummary`] of what it returns, because Assumption 2 of the theory splits the error of training into the
//! approximation error of the class and the estimation error of the fit.
//!
//! Settings are checked where they are used: setters take anything, `train` and `fit` refuse what is out of range with the name of the
//! parameter.
//!
//! # Reproducibility
//! A seed gives the same numbers whatever the number of threads, with the feature `rayon` and without, as long as the processor has the same
//! instructions. Sums of products are rounded differently with AVX2 and FMA than without them. Measured on twelve levels of 600 rows in three
//! dimensions, relative to the largest value of f_T: affine, polynomial and perceptron classes, joint networks and learned scores in `f64`
//! (3000 iterations) agree to 6e−16, joint networks in `f32` to 2.3e−7; ridge problems with nearly dependent features lose digits,
//! [`KernelRidge`](class::KernelRidge) agrees to 4e−11, [`RandomFourier`](class::RandomFourier) to 1e−9 after twelve steps (2e−16 after
//! one); nearest neighbours are equal. A training run that is unstable amplifies such differences without limit.

pub(crate) mod auto;
pub mod class;
pub(crate) mod coupling;
pub(crate) mod error;
pub(crate) mod features;
pub(crate) mod fitted;
pub(crate) mod hull;
#[cfg(feature = "serde")]
mod io;
pub(crate) mod joint;
pub(crate) mod learned;
pub(crate) mod learned_score;
pub(crate) mod limits;
pub(crate) mod network;
pub(crate) mod pairs;
pub(crate) mod posterior;
pub(crate) mod recursion;
pub(crate) mod regression;
pub(crate) mod score_matching;
pub(crate) mod source;
pub(crate) mod standardisation;
pub(crate) mod summary;
pub(crate) mod trained;

pub use crate::population::Loss;
pub use auto::{Auto, Candidate, Selected, Trial, Winner};
pub use class::FunctionClass;
pub use coupling::{Coupling, Independent, OptimalPairs, effective_correlation};
pub use error::TrainingError;
pub use fitted::{Fitted, FittedMap};
#[cfg(feature = "serde")]
pub use io::ModelError;
pub use joint::{BatchGradient, Joint, JointModel, JointProgress, LevelSampling, Weighting};
pub use learned::{Learned, StepProgress};
pub use learned_score::LearnedScore;
pub use recursion::Recursion;
pub use regression::Regression;
pub use score_matching::ScoreMatching;
pub use source::Source;
pub use standardisation::{Scaling, Standardisation};
pub use summary::FitSummary;
pub use trained::Trained;
