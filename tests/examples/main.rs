//! What the examples share, tested as a part of `cargo test`: the reader of tables, the writer of files, pictures.

#[path = "../../examples/common/mod.rs"]
mod common;

mod cases;
