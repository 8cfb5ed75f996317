//! What the examples share, tested as a part of `cargo test`: the reader of tables, the writer of files, pictures; and the parts of sweeps.

#[path = "../../examples/common/mod.rs"]
mod common;
#[allow(dead_code, reason = "what is printed is tested by running the example")]
#[path = "../../examples/worst_case/sweep/mod.rs"]
mod sweep;

mod cases;
mod schema;
mod sweep_rows;
