//! Tests of the room `population`.

mod comb;
mod coupled;
mod energy;
mod few_steps;
mod gaussian;
mod hostile;
mod lattice;
mod leading;
mod line;
mod line_resolution;
mod losses;
mod radial;
mod reports;
