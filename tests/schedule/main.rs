//! Tests of the room `schedule`.

mod grids;
mod hostile;
mod level;
