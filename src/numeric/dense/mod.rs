//! Dense matrices: products, Cholesky and polar factors in packed panels; eigenvalues and singular values, checked by their residuals.
//!
//! | question | take |
//! | --- | --- |
//! | eigenvalues and eigenvectors of a symmetric matrix | [`eigen`] |
//! | the same of a tridiagonal one (Gauss rules) | [`tridiagonal`] |
//! | division by a positive definite matrix | [`cholesky`] |
//! | a root of a semidefinite matrix that may be singular | [`pivoted`] |
//! | singular values and vectors | [`singular`], by rotations of [`jacobi`] |
//! | inverse, polar factor and norm of a small matrix | [`small`] |
//! | the polar factor of a large regular matrix | [`polar`] |

pub(crate) mod cholesky;
pub(crate) mod eigen;
pub(crate) mod jacobi;
pub(crate) mod panels;
pub(crate) mod pivoted;
pub(crate) mod polar;
pub(crate) mod product;
pub(crate) mod singular;
pub(crate) mod small;
#[cfg(test)]
pub(crate) mod structured;
pub(crate) mod tridiagonal;
