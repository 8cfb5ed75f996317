//! Dense matrices in packed panels: products, Cholesky and polar factors.

pub(crate) mod cholesky;
pub(crate) mod panels;
pub(crate) mod polar;
pub(crate) mod product;
