//! Tests of the room `bound`.

mod theorem;
