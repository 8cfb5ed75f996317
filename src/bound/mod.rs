//! Bounds on the one-step error: what theory promises, and what nothing can beat.
//!
//! # Which one to take
//!
//! | the question | take |
//! |---|---|
//! | what does Theorem 1 give at this T, term by term? | [`Theorem1::bound`] |
//! | how many steps does it ask for? | [`Theorem1::required_steps`] |
//! | was T enough for the W_1 that was measured? | [`check`] |
//! | an upper bound without an unknown constant, from Λ, or from α ≤ ∇²V ≤ β, and its step count | [`LipschitzMaps`], [`LogConcave`] |
//! | how small can W_1 be at this T, on N(0, I)? | [`gaussian_lower_bound`] |
//! | a lower bound from two samples or second moments | [`convex_lower_bound`], [`second_moment_lower_bound`] |
//! | how slowly can W_1 fall though L_f ≤ 1/(1 − A)? | [`CombLimit`] |
//! | what do other theories ask for? | [`rivals`] |
//!
//! The certificate, an upper bound computed with the law itself, is in
//! [`PopulationReport`](crate::population::PopulationReport).

mod check;
mod comb_limit;
mod error;
mod explicit;
mod lower;
mod rivals;
mod theorem;

pub use check::{Comparison, Verdict, check};
pub use comb_limit::CombLimit;
pub use error::BoundError;
pub use explicit::{LipschitzBound, LipschitzMaps, LogConcave, LogConcaveBound, LogConcaveRate, SufficientSteps};
pub use lower::{ConvexLowerBound, convex_lower_bound, gaussian_lower_bound, mean_norm, second_moment_lower_bound};
pub use rivals::{Provenance, RateInputs, Rival, rivals};
pub use theorem::{AccumulatedError, Bound, StepCount, Theorem1};
