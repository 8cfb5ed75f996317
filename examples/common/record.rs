//! Results as data: rows that say by themselves what they are results of. `docs/output.md` lists the fields, and a test holds it to that.

use super::provenance::Options;
use super::{Format, Row, say};
use serde_json::{Map, Value};
use std::sync::OnceLock;

/// What all rows of a run have in common; a row that has a field of the same name keeps its own.
#[derive(Debug, Default)]
pub(crate) struct Provenance {
    pub(crate) law: Options,
    pub(crate) path: Options,
    pub(crate) schedule: Options,
    pub(crate) method: Option<String>,
    pub(crate) seed: Option<u64>,
    pub(crate) steps: Option<usize>,
    pub(crate) dim: Option<usize>,
}

static COMMON: OnceLock<Row> = OnceLock::new();

impl Provenance {
    /// A row of this run, whatever was published.
    pub(crate) fn complete(&self, row: &Row) -> Row {
        with(row, &self.row(), Value::Null)
    }

    /// Puts this into every row from here on; once a run.
    pub(crate) fn publish(self) {
        let _ = COMMON.set(self.row());
    }

    fn row(&self) -> Row {
        let named = |options: &Options| if options.is_empty() { Value::Null } else { Value::Object(object(options, "name")) };
        vec![
            ("example", option_env!("CARGO_BIN_NAME").into()),
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("law", named(&self.law)),
            ("path", named(&self.path)),
            ("schedule", self.schedule.first().map(|(_, name)| name.as_str()).into()),
            ("schedule_constants", constants(&self.schedule)),
            ("method", self.method.as_deref().into()),
            ("seed", self.seed.into()),
            ("steps", self.steps.into()),
            ("dim", self.dim.into()),
        ]
    }
}

/// The constants of a schedule as an object, without its name.
pub(crate) fn constants(schedule: &Options) -> Value {
    if schedule.is_empty() { Value::Null } else { Value::Object(object(&schedule[1..], "")) }
}

/// Options as an object: the first under `first` unless that is empty, lists as arrays, numbers as numbers.
fn object(options: &[(&'static str, String)], first: &str) -> Map<String, Value> {
    let key = |i: usize, option: &str| match i {
        0 if !first.is_empty() => first.to_string(),
        _ => option.trim_start_matches('-').replace('-', "_"),
    };
    options.iter().enumerate().map(|(i, (option, value))| (key(i, option), self::value(option, value))).collect()
}

/// Options that take lists.
const LISTS: [&str; 7] = ["--weights", "--means", "--stds", "--radius", "--sigmas", "--alpha-bars", "--times"];

fn value(option: &str, text: &str) -> Value {
    // The shortest form of a number is kept: 2 is an integer, 0.5 is none.
    let number = |text: &str| match text.parse::<i64>() {
        Ok(integer) => Some(Value::from(integer)),
        Err(_) => text.parse::<f64>().ok().filter(|x| x.is_finite()).map(Value::from),
    };
    let list: Option<Vec<Value>> = text.split(',').map(number).collect();
    match list {
        Some(list) if LISTS.contains(&option) => Value::Array(list),
        Some(list) if list.len() == 1 => list.into_iter().next().unwrap_or_default(),
        _ => text.into(),
    }
}

/// Prints a row as CSV or JSON on one line, the CSV header before the first.
pub(crate) fn print_row(format: Format, first: bool, row: &Row) {
    print_last_row(format, first, row, Value::Null);
}

/// Prints the last row of a run, with what all rows say together.
pub(crate) fn print_last_row(format: Format, first: bool, row: &Row, summary: Value) {
    let row = completed(row, summary);
    match format {
        Format::Json => say!("{}", json(&row)),
        Format::Csv | Format::Table => {
            if first {
                say!("{}", row.iter().map(|(k, _)| *k).collect::<Vec<_>>().join(","));
            }
            say!("{}", row.iter().map(|(_, v)| cell(v)).collect::<Vec<_>>().join(","));
        }
    }
}

/// A row with what the run has in common, and the summary.
fn completed(row: &Row, summary: Value) -> Row {
    with(row, COMMON.get_or_init(|| Provenance::default().row()), summary)
}

fn with(row: &Row, common: &Row, summary: Value) -> Row {
    let mut row = row.clone();
    for (name, value) in common {
        if row.iter().all(|(k, _)| k != name) {
            row.push((name, value.clone()));
        }
    }
    row.push(("summary", summary));
    row
}

fn json(row: &Row) -> String {
    format!("{{{}}}", row.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect::<Vec<_>>().join(","))
}

/// A cell of a table; quoted where a comma or a quote would part it.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn options_become_objects_with_their_numbers() {
        let options = vec![("--target", "mixture".to_string()), ("--weights", "0.5,0.5".into()), ("--means", "-1,1".into())];
        assert_eq!(Value::Object(object(&options, "name")), json!({"name": "mixture", "weights": [0.5, 0.5], "means": [-1, 1]}));
        let schedule = vec![("--schedule", "paper".to_string()), ("--c0", "2".into()), ("--angle-min", "0.01".into())];
        assert_eq!(constants(&schedule), json!({"c0": 2, "angle_min": 0.01}));
        assert_eq!(value("--digest", "00ab"), json!("00ab"));
        assert_eq!(value("--stds", "0.6"), json!([0.6]));
    }

    #[test]
    fn a_row_keeps_its_own_fields_and_gets_the_common_ones() {
        let row = completed(&vec![("steps", 64.into()), ("w1", 0.5.into())], json!({"sum": 1}));
        let names: Vec<&str> = row.iter().map(|(k, _)| *k).collect();
        let common = ["example", "version", "law", "path", "schedule", "schedule_constants", "method", "seed", "dim", "summary"];
        assert_eq!(names, [&["steps", "w1"], &common[..]].concat());
        assert_eq!(row[0].1, json!(64));
    }

    #[test]
    fn cells_that_hold_commas_are_quoted() {
        assert_eq!(cell(&json!({"a": [1, 2]})), "\"{\"\"a\"\":[1,2]}\"");
        assert_eq!((cell(&json!("x")), cell(&json!("30,12")), cell(&Value::Null)), ("x".into(), "\"30,12\"".into(), String::new()));
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader("\"{\"\"a\"\":[1,2]}\",3\n".as_bytes());
        assert_eq!(reader.records().next().unwrap().unwrap().get(0), Some("{\"a\":[1,2]}"));
    }
}
