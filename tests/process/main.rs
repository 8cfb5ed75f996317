//! Tests of the room `process`.

mod pairs;
