//! Population consistency training and distillation, computed exactly.
//!
//! With the class of all functions, step t of consistency training has the minimiser f_t*(x) = E[f_{t−1}(X_{t−1}) | X_t = x]
//! (the shared noise makes (X_{t−1}, X_t) a rotation of (X_0, Z)); consistency distillation with the exact score has
//! f_t(x) = f_{t−1}(E[X_{t−1} | X_t = x]). Each recursion computes these functions for one family of laws, together with a
//! [`PopulationReport`]: the error of the one-step samples and everything the theory says about it.
//!
//! # Which one to take
//!
//! | the law | take | what it knows |
//! |---|---|---|
//! | a mixture of Gaussians or point masses on the line | [`LineRecursion`] | W_1 exactly, to 1e−9 |
//! | a [`Comb`](crate::law::Comb) | [`LineRecursion`] | the same |
//! | independent copies of one | [`LinePopulation::copies`] | W_2 exactly, W_1 between bounds |
//! | a Gaussian in any dimension | [`GaussianRecursion`] | closed form; W_1 exactly where it is isotropic |
//! | an isotropic Gaussian with noise that is correlated with it | [`CoupledGaussian`] | closed form, the best schedule |
//! | a sphere, a ball, shells | [`RadialRecursion`] | W_1 exactly, in any dimension |
//! | any other Gaussian mixture in up to three dimensions | [`LatticeRecursion`] | all distances between bounds |
//! | one of these, chosen at run time | [`PopulationLaw`] and [`Population`] | the same report |
//! | a mixture on the line, trained with noise that is not shared | [`noise_apart`] | what that fault leads to, to 1e−6 |
//! | what T·W_1 tends to on the line as T grows, and the schedule with the smallest certificate | [`LineLimits`] | the leading term |
//!
//! Numbers that are enclosed by computation are [`Interval`]s; an [`Estimate`](crate::Estimate) is a number that was sampled, with a standard
//! error.

mod error;
mod few_steps;
mod gaussian;
mod growth;
mod interpolant;
mod interval;
mod lattice;
mod line;
mod local_error;
mod loss;
mod mesh;
mod method;
mod quadrature;
mod radial;
mod report;
mod settings;
mod traits;

pub use error::PopulationError;
pub use few_steps::{Evaluations, FewSteps};
pub use gaussian::{CoupledGaussian, GaussianConsistency, GaussianPopulation, GaussianRecursion};
pub use growth::LipschitzBounds;
pub use interval::Interval;
pub use lattice::{LatticeConsistency, LatticePopulation, LatticeRecursion};
pub use line::{LeadingOrder, LineConsistency, LineLimits, LinePopulation, LineRecursion, LineTarget, noise_apart};
pub use local_error::LocalError;
pub use loss::Loss;
pub use method::{Keep, Method};
pub use radial::{RadialConsistency, RadialPopulation, RadialRecursion};
pub use report::PopulationReport;
pub use settings::Settings;
pub use traits::{Population, PopulationLaw};
