//! The header of a table that was made for a model: the options that describe law, path, schedule and T, in comment lines; what is read back is
//! held against the command line.

use super::table::Table;
use std::error::Error;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The word that begins the header.
const WORD: &str = "onestep";

/// Options with their values.
pub(crate) type Options = Vec<(&'static str, String)>;

/// The lines of a header: one a group of options.
pub(crate) fn header(groups: &[(&str, Options)]) -> Outcome<String> {
    let mut lines = String::new();
    for (group, options) in groups {
        let mut line = format!("# {WORD} {group}:");
        for (option, value) in options {
            if value.is_empty() || value.contains(char::is_whitespace) {
                return Err(format!("{option} {value:?} cannot stand in the header of a table: take a value without blanks").into());
            }
            line.extend([" ", option, " ", value]);
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    Ok(lines)
}

/// The options in the header of a table, in order; none where the table has no header.
pub(crate) fn options_of(table: &Table) -> Outcome<Vec<(String, String)>> {
    let mut found = Vec::new();
    for comment in &table.comments {
        let Some(rest) = comment.strip_prefix(WORD).and_then(|rest| rest.split_once(':')) else { continue };
        // A spreadsheet pads comment lines with separators.
        let words: Vec<&str> = rest.1.trim_end_matches([',', ';', '\t', ' ', '"']).split_whitespace().collect();
        for pair in words.chunks(2) {
            match pair {
                [option, value] if option.starts_with("--") => found.push(((*option).to_string(), (*value).to_string())),
                _ => return Err(format!("{}: the header line {comment:?} is damaged", table.shown).into()),
            }
        }
    }
    Ok(found)
}

/// The options of the command line `given`, among the `known` ones, that say something else than the header.
pub(crate) fn check(header: &[(String, String)], given: &[String], known: &[&str], shown: &str) -> Outcome<()> {
    for (i, word) in given.iter().enumerate() {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value.to_string())),
            None => (word.as_str(), given.get(i + 1).cloned()),
        };
        if !known.contains(&option) {
            continue;
        }
        let Some(value) = value else { continue };
        match header.iter().find(|(name, _)| name == option) {
            Some((_, written)) if same(written, &value) => {}
            Some((_, written)) => {
                return Err(format!("{option} {value} disagrees with the header of {shown}, which says {option} {written}").into());
            }
            None => return Err(format!("{option} {value} disagrees with the header of {shown}, which has no {option}").into()),
        }
    }
    Ok(())
}

/// Whether two values are equal, as lists of numbers where they are such.
fn same(one: &str, other: &str) -> bool {
    let numbers = |list: &str| list.split(',').map(str::parse::<f64>).collect::<Result<Vec<_>, _>>();
    match (numbers(one), numbers(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
