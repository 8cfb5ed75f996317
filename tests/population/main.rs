//! Tests of the room `population`.

mod gaussian;
mod line;
mod radial;
mod tensor;
