//! Tests of the room `transport`.

mod assignment;
mod clouds;
mod gaussian;
mod inference;
mod line;
mod network;
mod sinkhorn;
mod sliced;
