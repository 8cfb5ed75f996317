//! The ground floor: numerical tools that know nothing of the theory.

pub(crate) mod batch;
pub(crate) mod dense;
pub(crate) mod extremes;
pub(crate) mod golden;
pub(crate) mod parallel;
pub(crate) mod rows;
pub(crate) mod shapes;
pub(crate) mod special;
pub(crate) mod stream;
pub(crate) mod vector;
