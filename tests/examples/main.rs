//! What the examples share, tested as a part of `cargo test`: the reader of tables and the writer of files.

#![allow(dead_code, reason = "every example uses a part of it")]

#[path = "../../examples/common/table/mod.rs"]
mod table;

#[path = "../../examples/common/output.rs"]
mod output;

mod cases;
