//! Function classes: what f_t is sought in.

mod affine;
mod bandwidth;
pub(crate) mod fitted;
mod function_class;
pub(crate) mod kernel;
pub(crate) mod least_squares;
pub(crate) mod linear;
mod nearest;
mod polynomial;
mod random_features;
pub(crate) mod regression;
mod spline;

pub use super::network::{Activation, Perceptron};
pub use affine::Affine;
pub use fitted::{FitSummary, Fitted, FittedMap};
pub use function_class::FunctionClass;
pub use kernel::KernelRidge;
pub use least_squares::Penalty;
pub use nearest::NearestNeighbours;
pub use polynomial::Polynomial;
pub use random_features::RandomFourier;
pub use regression::Regression;
pub use spline::Spline;
