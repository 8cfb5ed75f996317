//! Lines on standard output and error. A reader of standard output that goes away ends the program quietly; what cannot be written for another
//! reason is an error, with exit code 2, and never a panic. A stream that was closed before the program began is like `/dev/null`: so Rust
//! opens it.

use std::io::{ErrorKind, Write, stderr, stdout};

/// Prints a line on standard output.
macro_rules! say {
    ($($arguments:tt)*) => { $crate::common::print::line(format_args!($($arguments)*)) };
}

/// Prints a line on standard error.
macro_rules! remark {
    ($($arguments:tt)*) => { $crate::common::print::remark_line(format_args!($($arguments)*)) };
}

pub(crate) use {remark, say};

/// Prints one line on standard output. Without a reader there is nothing left to do.
pub(crate) fn line(text: std::fmt::Arguments) {
    match writeln!(stdout().lock(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => written.unwrap_or_else(|error| fail(&format!("standard output: {error}"))),
    }
}

/// Prints one line on standard error. Without a reader the results on standard output go on.
pub(crate) fn remark_line(text: std::fmt::Arguments) {
    match writeln!(stderr().lock(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        written => written.unwrap_or_else(|error| fail(&format!("standard error: {error}"))),
    }
}

/// Prints `message` on one line of standard error and ends the program with exit code 2.
pub(crate) fn fail(message: &dyn std::fmt::Display) -> ! {
    // There is nobody left to tell where standard error fails, too.
    let _ = writeln!(stderr().lock(), "error: {}", message.to_string().replace(['\n', '\r'], " "));
    std::process::exit(2);
}
