//! Wasserstein distances between clouds, laws and maps.
//!
//! W_p(μ, ν) = (inf E‖X − Y‖^p)^{1/p} over all couplings of X ~ μ and Y ~ ν, with the Euclidean norm and p ≥ 1.

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
mod screen;
mod sinkhorn;
mod sliced;
mod spanning;
mod sum;

pub use assignment::{Assignment, Matching};
pub use bottleneck::{Bottleneck, BottleneckPlan};
pub use bounds::{CTransform, Sandwich, coupling_upper, lipschitz_lower};
pub use distance::{Bures, Distance, DistanceFn};
pub use effort::Effort;
pub use error::TransportError;
pub use line::{Line, LineQuantile, QuantileFn};
pub use measure::Measure;
pub use network::{NetworkSimplex, Plan};
pub use sinkhorn::{Sinkhorn, SinkhornDivergence, SinkhornSolution};
pub use sliced::{MaxSliced, MaxSlicedDistance, Sliced, SlicedDistance};
