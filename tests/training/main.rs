//! Tests of the room `training`.

mod classes;
#[cfg(feature = "serde")]
mod io;
mod joint;
mod recursion;
