//! Tests of the room `consistency`.

mod extrapolated;
mod sampling;
mod two_time;
