//! Special functions the exact answers need.

pub(crate) mod bessel;
pub(crate) mod chebyshev;
pub(crate) mod direction;
pub(crate) mod exp;
pub(crate) mod faddeeva;
pub(crate) mod hermite;
pub(crate) mod jacobi;
pub(crate) mod kronrod;
pub(crate) mod normal;
pub(crate) mod root_quadratic;
pub(crate) mod student;
pub(crate) mod sum;
pub(crate) mod von_mises_fisher;
