//! Lines on standard output and error. A reader that goes away ends the program quietly; what cannot be written for another reason is an
//! error, with exit code 2, and never a panic.

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

/// Prints one line on standard output.
pub(crate) fn line(text: std::fmt::Arguments) {
    ended(writeln!(stdout().lock(), "{text}"), "standard output");
}

/// Prints one line on standard error.
pub(crate) fn remark_line(text: std::fmt::Arguments) {
    ended(writeln!(stderr().lock(), "{text}"), "standard error");
}

/// Ends the program where a line was not written.
fn ended(written: std::io::Result<()>, stream: &str) {
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => fail(&format!("{stream}: {error}")),
    }
}

/// Prints `message` on one line of standard error and ends the program with exit code 2.
pub(crate) fn fail(message: &dyn std::fmt::Display) -> ! {
    // There is nobody left to tell where standard error fails, too.
    let _ = writeln!(stderr().lock(), "error: {}", message.to_string().replace(['\n', '\r'], " "));
    std::process::exit(2);
}
