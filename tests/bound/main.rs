//! Tests of the room `bound`.

mod explicit;
mod theorem;
