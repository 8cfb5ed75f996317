//! Spanning trees of rows and columns, the bases of the transportation problem, for masses and costs of any kind of number.

pub(in crate::transport) mod basis;
pub(in crate::transport) mod tree;
