//! Wasserstein distances between clouds, laws and maps.
//!
//! W_p(μ, ν) = (inf E‖X − Y‖^p)^{1/p} over all couplings of X ~ μ and Y ~ ν, with the Euclidean norm and p ≥ 1.
//!
//! # Which one to take
//! | question | take | cost | what is certified |
//! | --- | --- | --- | --- |
//! | W_p of two clouds of equal size | [`Assignment`] | about n², memory O(n d): 4000 points of ℝ^16 in 0.2 s | [`Matching::lower`] ≤ W_p ≤ [`Matching::upper`], rounding included |
//! | W_p of weighted clouds, of any sizes | [`NetworkSimplex`] | several times that | the same, [`Plan::lower`] and [`Plan::upper`] |
//! | W_∞, the way of the worst point | [`Bottleneck`] | about 25 n² distances and as many flows | the same |
//! | W_p on the line: samples, weighted samples, laws, maps | [`Line`] | a sort; quadrature for laws | a few ulp; an interval for laws |
//! | W_p of clouds too large for these, from below | [`Sliced`], [`MaxSliced`] | a sort a direction | [`SlicedDistance::lower_bound`], 95 % over directions |
//! | W_2 of Gaussian laws (FID), W_2 from below by means and covariances | [`gaussian`] | n d² + d³ | closed form |
//! | a smooth statistic whose sampling error does not suffer from the dimension | [`Sinkhorn::divergence`] | n m an iteration | [`SinkhornSolution::lower`] ≤ W_p ≤ [`SinkhornSolution::upper`] |
//! | W_p of two *laws* from samples, without the bias n^{−1/d} | [`coupling_upper`], [`CTransform`] in a [`Sandwich`] | n | confidence limits |
//! | error bars, bias, a test for equal laws | [`inference`] | replicates of the distance | stated there |
//!
//! Clouds come with or without weights: see [`Measure`]. All of them are [`Distance`]s, one number for two clouds.

mod answer;
mod assignment;
mod bottleneck;
mod bounds;
mod certificate;
pub(crate) mod check;
mod cost;
mod distance;
mod effort;
mod error;
mod exact;
pub mod gaussian;
pub mod inference;
mod integer;
mod length;
mod line;
mod lists;
mod measure;
mod network;
pub(crate) mod order;
mod sandwich;
mod screen;
mod sinkhorn;
mod sliced;
mod spanning;
mod sum;

pub use assignment::{Assignment, Matching};
pub use bottleneck::{Bottleneck, BottleneckPlan};
pub use bounds::{CTransform, coupling_upper, lipschitz_lower};
pub use distance::{Bures, Distance, DistanceFn};
pub use effort::Effort;
pub use error::TransportError;
pub use line::{Line, LineQuantile, QuantileFn};
pub use measure::Measure;
pub use network::{NetworkSimplex, Plan};
pub use sandwich::Sandwich;
pub use sinkhorn::{Sinkhorn, SinkhornDivergence, SinkhornSolution};
pub use sliced::{MaxSliced, MaxSlicedDistance, Sliced, SlicedDistance};
