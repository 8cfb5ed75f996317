//! Consistency functions trained from data: the CPU reference routine.
//!
//! [`Recursion`] is the paper's algorithm (14) as it stands: f_1 = id, and f_2, …, f_T in turn, each by regression of f_{t−1}(X_{t−1}) on
//! X_t, where (X_{t−1}, X_t) share their noise. The regression is done by any [`FunctionClass`]: one fits, another is the user's own.
//! [`Joint`] trains one time-conditioned network for all levels at once, as practitioners do.
//!
//! A class minimises the empirical loss Σ_i w_i ‖g(x_i) − y_i‖² over its functions g, some with a penalty. What exactly it minimises, and
//! how well, is in the [`FitSummary`] of what it returns, because Assumption 2 of the theory splits the error of training into the
//! approximation error of the class and the estimation error of the fit.

mod affine;
mod bandwidth;
pub(crate) mod conditional;
mod coupling;
mod error;
mod fitted;
mod function_class;
#[cfg(feature = "serde")]
mod io;
mod joint;
mod kernel;
mod learned;
mod learned_score;
mod least_squares;
mod linear;
mod mlp;
mod nearest;
mod pairs;
mod polynomial;
mod posterior;
mod posterior_rule;
mod random_features;
mod recursion;
mod regression;
mod report;
mod score_matching;
mod spline;
mod standardisation;
mod step_errors;

pub use affine::Affine;
pub use coupling::{Coupling, Independent, OptimalPairs};
pub use error::TrainingError;
pub use fitted::{FitSummary, Fitted, FittedMap};
pub use function_class::FunctionClass;
#[cfg(feature = "serde")]
pub use io::ModelError;
pub use joint::{Joint, JointModel, JointProgress, LevelSampling, Loss, Weighting};
pub use kernel::KernelRidge;
pub use learned::{Learned, StepProgress};
pub use learned_score::LearnedScore;
pub use least_squares::Penalty;
pub use mlp::{Activation, Perceptron};
pub use nearest::NearestNeighbours;
pub use pairs::Source;
pub use polynomial::Polynomial;
pub use posterior_rule::{DiscreteLaw, PosteriorRule};
pub use random_features::RandomFourier;
pub use recursion::Recursion;
pub use regression::Regression;
pub use report::{KnownErrors, KnownTarget, Sandwiched, StepCheck, StepErrors, StepReport, Trained};
pub use score_matching::ScoreMatching;
pub use spline::Spline;
pub use standardisation::{Scaling, Standardisation};
