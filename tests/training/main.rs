//! Tests of the room `training`.

mod auto;
mod classes;
#[cfg(feature = "serde")]
mod hostile;
mod io;
mod joint;
mod recursion;
mod reports;
