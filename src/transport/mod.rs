//! Wasserstein distances between clouds, laws and maps.
//!
//! W_p(μ, ν) = (inf E‖X − Y‖^p)^{1/p} over all couplings of X ~ μ and Y ~ ν, with the Euclidean norm and p ≥ 1.

mod assignment;
mod bounds;
mod certificate;
pub(crate) mod check;
mod cost;
mod distance;
mod error;
pub mod gaussian;
pub mod inference;
mod line;
mod lists;
mod measure;
mod network;
pub(crate) mod order;
mod screen;
mod sinkhorn;
mod sliced;

pub use assignment::{Assignment, Effort, Matching};
pub use bounds::{CTransform, Sandwich, coupling_upper, lipschitz_lower};
pub use distance::{Bures, Distance, DistanceFn};
pub use error::TransportError;
pub use line::{Line, LineQuantile, QuantileFn};
pub use measure::Measure;
pub use network::{NetworkSimplex, Plan};
pub use sinkhorn::{Sinkhorn, SinkhornDivergence, SinkhornSolution};
pub use sliced::{MaxSliced, MaxSlicedDistance, Sliced, SlicedDistance};
