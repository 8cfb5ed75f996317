//! Consistency functions trained from data: the CPU reference routine.
//!
//! [`Recursion`] is the paper's algorithm (14) as it stands: f_1 = id, and f_2, …, f_T in turn, each by regression of f_{t−1}(X_{t−1}) on
//! X_t, where (X_{t−1}, X_t) share their noise. The regression is done by any [`FunctionClass`]: one fits, another is the user's own.
//! [`Joint`] trains one time-conditioned network for all levels at once, as practitioners do.
//!
//! A class minimises the empirical loss Σ_i w_i ‖g(x_i) − y_i‖² over its functions g, some with a penalty. What exactly it minimises, and
//! how well, is in the [`FitSummary`] of what it returns, because Assumption 2 of the theory splits the error of training into the
//! approximation error of the class and the estimation error of the fit.

pub mod class;
mod coupling;
mod error;
#[cfg(feature = "serde")]
mod io;
mod joint;
mod learned;
mod learned_score;
mod network;
pub(crate) mod pairs;
mod posterior;
mod recursion;
mod score_matching;
mod standardisation;
mod trained;

pub use class::{FitSummary, Fitted, FittedMap, FunctionClass, Regression};
pub use coupling::{Coupling, Independent, OptimalPairs};
pub use error::TrainingError;
#[cfg(feature = "serde")]
pub use io::ModelError;
pub use joint::{Joint, JointModel, JointProgress, LevelSampling, Loss, Weighting};
pub use learned::{Learned, StepProgress};
pub use learned_score::LearnedScore;
pub use pairs::Source;
pub use recursion::Recursion;
pub use score_matching::ScoreMatching;
pub use standardisation::{Scaling, Standardisation};
pub use trained::Trained;

pub(crate) use error::check_range;
