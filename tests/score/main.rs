//! Tests of the room `score`.

mod perturbed;
