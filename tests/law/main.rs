//! Tests of the room `law`.

mod adapters;
mod curve;
mod laws;
mod line;
