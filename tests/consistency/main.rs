//! Tests of the room `consistency`.

mod sampling;
mod two_time;
