//! What --help and --version say beside the options, and what a wrong argument is told.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, ValueEnum};

/// Commands to begin with, one example each.
const EXAMPLES: [(&str, &[&str]); 11] = [
    (
        "step_bound",
        &[
            "step_bound",
            "step_bound --weights .3,.7 --means=-1,.5 --stds .9,.35 --schedule cosine --steps 64,256,1024",
            "step_bound --target sphere --dims 2,8,32,128,512 --steps 256,1024 --plot dims.png",
            "step_bound --target gaussian --schedule angle --steps 50 --evaluations 2 --format json --plot none",
        ],
    ),
    ("schedules", &["schedules", "schedules --means=-1.5,1.5 --stds .5,.5 --steps 256,1024 --rank data"]),
    (
        "wasserstein",
        &[
            "wasserstein a.csv b.npy",
            "wasserstein a.csv b.csv --order 1 --confidence --seed 1",
            "wasserstein a.csv b.csv --weights w --normalise --method sinkhorn --reg .1",
        ],
    ),
    (
        "train",
        &[
            "train",
            "train --data points.csv --out samples.csv",
            "train --target ring --rows 20000 --steps 128",
            "train --target gaussian --class affine --steps 64 --samples 4000 --format json",
        ],
    ),
    ("digits", &["digits", "digits --iterations 3000 --picture digits.png"]),
    (
        "ledger",
        &["ledger", "ledger --function population --steps 64 --schedule paper", "ledger --function affine --target gaussian --dim 2"],
    ),
    (
        "known_answer",
        &[
            "known_answer --template points.csv --path edm --schedule karras --steps 18",
            "known_answer points.csv",
            "known_answer points.csv --tolerance 1e-3 --format csv",
        ],
    ),
    (
        "loss_floor",
        &[
            "loss_floor --loss edm --mean=-1.2 --std 1.2 --target ring",
            "loss_floor --loss ct --schedule karras --steps 18 --value .31",
            "loss_floor --loss meanflow --between .2,.8",
        ],
    ),
    ("worst_case", &["worst_case", "worst_case --help"]),
    ("coverage", &["coverage", "coverage 60 250 --dims 1,3 --format csv"]),
    ("onnx", &["onnx --help"]),
];

/// The command with its version and its examples.
pub(crate) fn completed(command: Command) -> Command {
    let command = command.version(env!("CARGO_PKG_VERSION"));
    let example = EXAMPLES.iter().find(|(name, _)| option_env!("CARGO_BIN_NAME") == Some(name));
    let Some((_, lines)) = example else { return command };
    let mut text = format!("Examples:\n  {}", lines.join("\n  "));
    if let Some(more) = command.get_after_help() {
        text = format!("{text}\n\n{more}");
    }
    command.after_help(text)
}

/// The command whose option `id` takes only the values `taken`; the others are neither listed nor read.
pub(crate) fn taking<T: ValueEnum + Clone + Send + Sync + 'static>(command: Command, id: &str, taken: &[T]) -> Command {
    let names: Vec<_> = taken.iter().filter_map(ValueEnum::to_possible_value).collect();
    let parser = PossibleValuesParser::new(names).map(|name| T::from_str(&name, false).expect("one of the names of the values"));
    command.mut_arg(id, |argument| argument.value_parser(parser))
}

/// A wrong argument on one line: what is wrong, what is expected, and clap's tip where it has one.
pub(crate) fn in_one_line(error: &clap::Error) -> String {
    let rendered = error.to_string();
    let mut paragraphs = rendered.split("\n\n");
    let joined = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let mut said = joined(paragraphs.next().unwrap_or_default()).trim_start_matches("error: ").to_string();
    for (found, expected) in [
        ("invalid digit found in string", "a whole number is expected"),
        ("cannot parse integer from empty string", "a whole number is expected"),
        ("number too large to fit in target type", "a smaller whole number is expected"),
        ("invalid float literal", "a number is expected"),
        ("cannot parse float from empty string", "a number is expected"),
    ] {
        said = said.replace(found, expected);
    }
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    match error.kind() {
        ErrorKind::UnknownArgument if is_number(&text(ContextKind::InvalidArg)) => {
            said.push_str("; tip: separate the values of a list by commas, as in 64,128");
        }
        ErrorKind::ValueValidation if text(ContextKind::InvalidValue).split([' ', ';']).filter(|part| !part.is_empty()).count() > 1 => {
            said.push_str("; tip: separate the values of a list by commas, as in 64,128");
        }
        _ => {
            let tips = paragraphs.map(joined).filter(|p| p.starts_with("tip: ") && !p.contains("as a value"));
            tips.for_each(|tip| said = format!("{said}; {tip}"));
        }
    }
    said
}
