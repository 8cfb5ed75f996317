//! Tests of the room `flow`.

mod exact;
mod lipschitz;
mod radial;
mod solver;
