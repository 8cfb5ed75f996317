//! Tests of the room `consistency`.

mod sampling;
