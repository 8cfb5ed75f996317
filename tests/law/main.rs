//! Tests of the room `law`.

mod curve;
mod laws;
mod line;
