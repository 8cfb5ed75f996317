//! Function classes: what f_t is sought in.
//!
//! | question | class | cost of a fit to n rows in d dimensions | limits |
//! | --- | --- | --- | --- |
//! | Gaussian data, or a baseline | [`Affine`] | n d² | the optimum is affine only where the data are Gaussian |
//! | the line | [`Spline`] | n knots² | d = 1 |
//! | a smooth function of few variables | [`Polynomial`] | n m², m = C(d + k, k) ≤ 4000 | grows in the tails |
//! | d up to a few dozen, exact and fast: the default | [`RandomFourier`] | n m² + m³ for m waves, three bandwidths | m ≤ 4000 |
//! | the same with bumps where the data are | [`KernelRidge`] | n m² + m³ for m centres | m ≤ 4000; needs n ≥ m |
//! | a check that assumes no shape | [`NearestNeighbours`] | n² d, and n d an evaluation | keeps the data; piecewise constant |
//! | many dimensions, or a network as practitioners train it | [`Perceptron`] | iterations · batch · parameters | not convex: nearly stationary, not certified |
//! | anything else | [`FunctionClass`] of your own, [`Fitted::custom`] | yours | cannot be saved |
//!
//! The linear classes (all but the last three) are fitted exactly, and their part of the error can be split into estimation and
//! approximation by [`StepCheck`](crate::audit::StepCheck).

pub(crate) mod affine;
pub(crate) mod function_class;
pub(crate) mod kernel;
pub(crate) mod nearest;
pub(crate) mod perceptron;
pub(crate) mod polynomial;
pub(crate) mod random_features;
pub(crate) mod spline;

pub use crate::training::features::least_squares::Penalty;
pub use crate::training::fitted::{Fitted, FittedMap};
pub use crate::training::network::activation::Activation;
pub use crate::training::regression::Regression;
pub use crate::training::summary::FitSummary;
pub use affine::Affine;
pub use function_class::FunctionClass;
pub use kernel::KernelRidge;
pub use nearest::NearestNeighbours;
pub use perceptron::Perceptron;
pub use polynomial::Polynomial;
pub use random_features::RandomFourier;
pub use spline::Spline;
