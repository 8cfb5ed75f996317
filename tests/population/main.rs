//! Tests of the room `population`.

mod gaussian;
mod lattice;
mod line;
mod radial;
