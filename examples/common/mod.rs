//! What the examples share: output formats, numbers in JSON, one-line errors.

#![allow(dead_code, reason = "every example uses a part of it")]

use clap::ValueEnum;
use serde_json::Value;

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

/// One result: named values in the order they are printed.
pub(crate) type Row = Vec<(&'static str, Value)>;

/// A number as JSON; `null` where it is not finite.
pub(crate) fn number(x: f64) -> Value {
    Value::from(x)
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
