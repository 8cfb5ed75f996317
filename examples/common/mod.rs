//! What the examples share: output formats, numbers in JSON, one-line errors.

#![allow(dead_code, reason = "every example uses a part of it")]

pub(crate) mod help;
pub(crate) mod law;
pub(crate) mod limits;
pub(crate) mod loss;
pub(crate) mod output;
pub(crate) mod path;
pub(crate) mod plot;
pub(crate) mod print;
pub(crate) mod provenance;
pub(crate) mod record;
pub(crate) mod replicates;
pub(crate) mod schedule;
pub(crate) mod slopes;
pub(crate) mod table;
pub(crate) mod target;

#[allow(unused_imports, reason = "every example uses a part of it")]
pub(crate) use print::{fail, remark, say};
#[allow(unused_imports, reason = "every example uses a part of it")]
pub(crate) use record::{Provenance, print_last_row, print_row};

use clap::{Command, Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
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

/// Parses the arguments; a wrong one is reported on one line, with exit code 2.
pub(crate) fn arguments<A: Parser>() -> A {
    arguments_of(|command| command)
}

/// [`arguments`] of a command that is changed before: what it takes, what its help lists.
pub(crate) fn arguments_of<A: Parser>(change: impl FnOnce(Command) -> Command) -> A {
    let parsed = change(help::completed(A::command())).try_get_matches().and_then(|matches| A::from_arg_matches(&matches));
    parsed.unwrap_or_else(|error| {
        if !error.use_stderr() {
            // --help and --version.
            let text = error.render();
            let text = if std::io::stdout().is_terminal() { text.ansi().to_string() } else { text.to_string() };
            say!("{}", text.trim_end());
            std::process::exit(0);
        }
        fail(&help::in_one_line(&error))
    })
}

/// Whether an option stands on the command line.
pub(crate) fn is_given(option: &str) -> bool {
    std::env::args().any(|word| word.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
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

/// A bar of `length` steps of training, with a message beside it; hidden where standard error is no terminal.
pub(crate) fn training_progress(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(length as u64).with_finish(ProgressFinish::AndClear);
    match ProgressStyle::with_template("training {bar:40} {pos}/{len} {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The name of a choice as it is given on the command line.
pub(crate) fn name(choice: impl ValueEnum) -> String {
    choice.to_possible_value().map_or_else(String::new, |v| v.get_name().to_string())
}

/// Numbers as a list on the command line, with all their digits.
pub(crate) fn joined(values: &[f64]) -> String {
    values.iter().map(f64::to_string).collect::<Vec<_>>().join(",")
}

/// Options and their values in words: the first value with the others in parentheses, as in `paper (c0 2, c1 4)`.
pub(crate) fn told(options: &[(&'static str, String)]) -> String {
    let Some(((_, name), others)) = options.split_first() else { return String::new() };
    let short = |v: &str| match v.parse::<f64>() {
        Ok(x) if v.len() > 8 => format!("{x:.5}").trim_end_matches('0').to_string(),
        _ => v.to_string(),
    };
    let values = |list: &str| list.split(',').map(short).collect::<Vec<_>>().join(", ").replace('-', "−");
    let word = |(option, value): &(&str, String)| format!("{} {}", option.trim_start_matches('-'), values(value));
    let others: Vec<String> = others.iter().map(word).collect();
    if others.is_empty() { name.clone() } else { format!("{name} ({})", others.join("; ")) }
}

/// Numbers in words: the ends of a long list.
pub(crate) fn listed(values: &[usize]) -> String {
    match values {
        [first, .., last] if values.len() > 4 => format!("{first} … {last}"),
        _ => values.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
    }
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
