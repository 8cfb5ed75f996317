//! Tests of the room `law`.

mod adapters;
mod curve;
mod hostile;
mod laws;
mod line;
mod posterior_sample;
