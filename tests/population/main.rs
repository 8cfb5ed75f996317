//! Tests of the room `population`.

mod comb;
mod energy;
mod few_steps;
mod gaussian;
mod hostile;
mod lattice;
mod line;
mod losses;
mod radial;
mod reports;
