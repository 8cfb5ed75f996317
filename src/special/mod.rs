//! Special functions the exact answers need.

pub(crate) mod hermite;
pub(crate) mod kronrod;
pub(crate) mod normal;
pub(crate) mod root_quadratic;
pub(crate) mod student;
pub(crate) mod sum;
