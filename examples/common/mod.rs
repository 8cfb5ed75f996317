//! What the examples share: output formats, numbers in JSON, one-line errors.

#![allow(dead_code, reason = "every example uses a part of it")]

pub(crate) mod cloud;
pub(crate) mod plot;
pub(crate) mod schedule;
pub(crate) mod target;

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::io::IsTerminal;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for reading.
    Table,
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object a line.
    Json,
}

/// Prints `message` on one line of standard error and ends the program with exit code 2.
pub(crate) fn fail(message: &dyn std::fmt::Display) -> ! {
    eprintln!("error: {}", message.to_string().replace('\n', " "));
    std::process::exit(2);
}

/// Parses the arguments; a wrong one is reported on one line, with exit code 2.
pub(crate) fn arguments<A: Parser>() -> A {
    A::try_parse().unwrap_or_else(|error| {
        if !error.use_stderr() {
            error.exit(); // --help and --version
        }
        let message = error.to_string();
        let said: Vec<&str> = message.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
        fail(&said.join(" ").trim_start_matches("error: "))
    })
}

/// A bar of `length` steps on standard error, a spinner for one step; hidden where standard error is no terminal. It first appears after a
/// second, so short runs show nothing.
pub(crate) fn progress(length: u64, what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = if length > 1 { "{msg} [{bar:40}] {pos}/{len}, {eta} left" } else { "{msg} {spinner} {elapsed}" };
    let bar = ProgressBar::new(length).with_message(what);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_secs(1));
    bar
}

/// The name of a choice as it is given on the command line.
pub(crate) fn name(choice: impl ValueEnum) -> String {
    choice.to_possible_value().map_or_else(String::new, |v| v.get_name().to_string())
}

/// One result: named values in the order they are printed.
pub(crate) type Row = Vec<(&'static str, Value)>;

/// A number as JSON; `null` where it is not finite.
pub(crate) fn number(x: f64) -> Value {
    Value::from(x)
}

/// A count as JSON: an integer where it has one, else as [`number`].
pub(crate) fn count(x: f64) -> Value {
    if (0.0..9e15).contains(&x) { Value::from(x as u64) } else { number(x) }
}

/// Prints rows as CSV or JSON, one line each, the CSV header before the first.
pub(crate) fn print_row(format: Format, first: bool, row: &Row) {
    match format {
        Format::Json => println!("{{{}}}", row.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect::<Vec<_>>().join(",")),
        Format::Csv | Format::Table => {
            if first {
                println!("{}", row.iter().map(|(k, _)| *k).collect::<Vec<_>>().join(","));
            }
            let cell = |v: &Value| match v {
                Value::Null => String::new(),
                Value::String(s) => s.clone(),
                other => other.to_string(),
            };
            println!("{}", row.iter().map(|(_, v)| cell(v)).collect::<Vec<_>>().join(","));
        }
    }
}
