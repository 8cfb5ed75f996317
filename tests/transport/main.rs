//! Tests of the room `transport`.

mod assignment;
mod clouds;
mod double_double;
mod gaussian;
mod hostile;
mod inference;
mod line;
mod network;
mod sinkhorn;
mod sliced;
mod structured;
