//! Tests of the room `population`.

mod gaussian;
mod hostile;
mod lattice;
mod line;
mod radial;
mod reports;
