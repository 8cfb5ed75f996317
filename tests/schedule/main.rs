//! Tests of the room `schedule`.

mod grids;
mod level;
