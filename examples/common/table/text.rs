//! Rows of numbers in text, one a line. What can be read in two ways is refused with the option that decides: whether the first line holds
//! names (`--header`), and what separates cells (`--separator`).
//!
//! Blank lines and lines that begin with `#` are passed over and counted. Cells may stand in double quotes.

use super::{Header, Outcome, Separator};
use ndarray::Array2;

/// Numbers, the names of their columns, and the line each row stands in, from 1.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) names: Option<Vec<String>>,
    pub(super) rows: Array2<f64>,
    pub(super) lines: Vec<usize>,
}

/// A line that holds cells.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    text: &'a str,
}

/// Words for a missing value. As the whole first line they may be a row without values or names.
const MISSING: [&str; 8] = ["n/a", "na", "#n/a", "null", "none", "missing", "-", "?"];

pub(super) fn parse(bytes: &[u8], header: Header, separator: Option<Separator>) -> Outcome<Text> {
    let lines = lines(bytes)?;
    let Some((&first, rest)) = lines.split_first() else { return Err("no numbers: every line is blank or a comment".into()) };
    let separator = match separator {
        Some(given) => Some(given),
        None => common_separator(if rest.is_empty() { &lines } else { rest })?,
    };
    let said = separator.map_or_else(|| "one cell a line".to_string(), |s| format!("cells separated by {}", s.plural()));
    let first_cells = cells(first, separator)?;
    let columns = match rest.first() {
        Some(&second) => cells(second, separator)?.len(),
        None => first_cells.len(),
    };
    let like = rest.first().unwrap_or(&first).number;
    let ragged = |line: usize, found: usize| {
        let cells = if found == 1 { "cell" } else { "cells" };
        format!("line {line} has {found} {cells}, line {like} has {columns} ({said})")
    };
    if first_cells.len() != columns {
        let row_names = first_cells.len() + 1 == columns && !first_cells.iter().any(|c| number(c).is_ok() || begins_as_number(c));
        let hint = if row_names { ": where R wrote row names, write the file without them" } else { "" };
        return Err(format!("{}{hint}", ragged(first.number, first_cells.len())).into());
    }
    let named = match header {
        Header::Yes => true,
        Header::No => false,
        Header::Auto => has_names(first, &first_cells, rest, separator)?,
    };
    let (names, data) = if named { (Some(first_cells), rest) } else { (None, &lines[..]) };
    let mut values = Vec::new();
    for &line in data {
        let row = cells(line, separator)?;
        if row.len() != columns {
            return Err(ragged(line.number, row.len()).into());
        }
        for (column, cell) in row.iter().enumerate() {
            let name = names.as_ref().map_or_else(String::new, |names| format!(" ({})", names[column]));
            let place = || format!("line {}, column {}{name}", line.number, column + 1);
            values.push(number(cell).map_err(|problem| format!("{}: {problem} ({said})", place()))?);
        }
    }
    let rows = Array2::from_shape_vec((data.len(), columns), values)?;
    Ok(Text { names, rows, lines: data.iter().map(|l| l.number).collect() })
}

/// The lines that hold cells.
fn lines(bytes: &[u8]) -> Outcome<Vec<Line<'_>>> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("the text is UTF-16: save it as UTF-8".into());
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut lines = Vec::new();
    for (i, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let number = i + 1;
        let text = std::str::from_utf8(line).map_err(|_| format!("line {number} is no UTF-8 text"))?;
        let text = text.strip_suffix('\r').unwrap_or(text);
        if let Some(control) = text.chars().find(|c| c.is_control() && *c != '\t') {
            return Err(format!("line {number} holds the control character {control:?}").into());
        }
        let blank = text.trim_matches([' ', '\t']);
        if !blank.is_empty() && !blank.starts_with('#') {
            lines.push(Line { number, text });
        }
    }
    Ok(lines)
}

/// The one separator that occurs in `lines`; none where every line has one cell.
fn common_separator(lines: &[Line]) -> Outcome<Option<Separator>> {
    let mut found: Option<(Separator, usize)> = None;
    for line in lines {
        for candidate in separators_in(line.text) {
            match found {
                Some((one, at)) if one != candidate => {
                    let (one, other, n) = (one.plural(), candidate.plural(), line.number);
                    return Err(
                        format!("line {at} holds {one} and line {n} holds {other}: say with --separator what separates cells").into()
                    );
                }
                Some(_) => {}
                None => found = Some((candidate, line.number)),
            }
        }
    }
    Ok(found.map(|f| f.0))
}

/// What could separate the cells of a line. Blanks beside another separator are none.
fn separators_in(text: &str) -> Vec<Separator> {
    let (mut found, mut quoted) = (Vec::new(), false);
    // Whether blanks stand behind a character that is no separator.
    let (mut inside, mut pending) = (false, false);
    for c in text.chars() {
        let separator = match c {
            ',' => Some(Separator::Comma),
            ';' => Some(Separator::Semicolon),
            '\t' => Some(Separator::Tab),
            _ => None,
        };
        quoted ^= c == '"';
        if quoted {
            (inside, pending) = (true, false);
            continue;
        }
        match separator {
            Some(s) => {
                found.extend((!found.contains(&s)).then_some(s));
                (inside, pending) = (false, false);
            }
            None if c == ' ' => pending = inside,
            None => {
                if pending && !found.contains(&Separator::Blanks) {
                    found.push(Separator::Blanks);
                }
                (inside, pending) = (true, false);
            }
        }
    }
    // Tabs at the ends of a line set off by blanks are indentation.
    if found.contains(&Separator::Tab) && !text.trim_matches([' ', '\t']).contains('\t') {
        found.retain(|&s| s != Separator::Tab);
    }
    found
}

/// The cells of a line, without the blanks around them and the quotes.
fn cells(line: Line, separator: Option<Separator>) -> Outcome<Vec<String>> {
    let text = if separator == Some(Separator::Tab) { line.text.trim_matches(' ') } else { line.text.trim_matches([' ', '\t']) };
    let splits = |c: char| match separator {
        Some(Separator::Comma) => c == ',',
        Some(Separator::Semicolon) => c == ';',
        Some(Separator::Tab) => c == '\t',
        Some(Separator::Blanks) => c == ' ' || c == '\t',
        None => false,
    };
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        quoted ^= c == '"';
        if quoted || !splits(c) {
            cell.push(c);
        } else if separator != Some(Separator::Blanks) || !cell.is_empty() {
            cells.push(std::mem::take(&mut cell));
        }
    }
    cells.push(cell);
    if quoted {
        return Err(format!("line {}: a quotation mark is open at its end", line.number).into());
    }
    Ok(cells.iter().map(|c| unquoted(c.trim_matches([' ', '\t']))).collect())
}

fn unquoted(cell: &str) -> String {
    match cell.strip_prefix('"').and_then(|c| c.strip_suffix('"')) {
        Some(inside) => inside.replace("\"\"", "\"").trim_matches([' ', '\t']).to_string(),
        None => cell.to_string(),
    }
}

/// The number in a cell, or what is wrong with it.
fn number(cell: &str) -> Result<f64, String> {
    match cell.parse::<f64>() {
        Ok(value) if value.is_infinite() && cell.contains(|c: char| c.is_ascii_digit()) => {
            Err(format!("{cell} is beyond the range of double precision"))
        }
        Ok(value) => Ok(value),
        Err(_) if cell.is_empty() => Err("the cell is empty".to_string()),
        Err(_) => Err(format!("{cell:?} is not a number")),
    }
}

/// Whether a cell that is no number begins like one, as 1,5 or 3.0.1 do.
fn begins_as_number(cell: &str) -> bool {
    cell.trim_start_matches(['+', '-', '.', '$', '€']).starts_with(|c: char| c.is_ascii_digit())
}

/// Whether the first line is a line of names; refused where it could be names and numbers.
fn has_names(first: Line, cells: &[String], rest: &[Line], separator: Option<Separator>) -> Outcome<bool> {
    const DECIDE: &str = "say --header yes if the line holds names, --header no if it holds numbers";
    let n = first.number;
    let numbers: Vec<bool> = cells.iter().map(|c| number(c).is_ok()).collect();
    if numbers.iter().all(|&is| is) {
        return match counts_columns(cells) || (!rest.is_empty() && alone_has_integers(cells, rest, separator)?) {
            true => Err(format!("line {n} ({}) may be numbers of columns or a row: {DECIDE}", cells.join(", ")).into()),
            false => Ok(false),
        };
    }
    let doubtful = |c: &String| begins_as_number(c) || MISSING.contains(&c.to_lowercase().as_str());
    let some_number = numbers.contains(&true);
    // A line of nothing but names may lack some: the table's names are checked where columns are chosen.
    let is_bad = |(i, c): (usize, &String)| !numbers[i] && (some_number || doubtful(c));
    match cells.iter().enumerate().position(is_bad) {
        Some(i) => Err(format!("line {n}, column {}: {}: {DECIDE}", i + 1, number(&cells[i]).err().unwrap_or_default()).into()),
        None if cells.iter().all(String::is_empty) => Err(format!("line {n}: every cell is empty").into()),
        None => Ok(true),
    }
}

/// 0, 1, 2, … in order, as pandas names columns that have no name.
fn counts_columns(cells: &[String]) -> bool {
    cells.iter().enumerate().all(|(i, c)| *c == i.to_string())
}

/// Whether the first line is of integers and no other cell is written as one: the same writer would not write a row so.
fn alone_has_integers(cells: &[String], rest: &[Line], separator: Option<Separator>) -> Outcome<bool> {
    let integer = |c: &String| c.parse::<i64>().is_ok();
    if !cells.iter().all(integer) {
        return Ok(false);
    }
    for &line in rest {
        if self::cells(line, separator)?.iter().any(integer) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Text {
        parse(text.as_bytes(), Header::Auto, None).unwrap()
    }

    fn refusal(text: &str) -> String {
        parse(text.as_bytes(), Header::Auto, None).unwrap_err().to_string()
    }

    #[test]
    fn names_are_a_line_without_numbers() {
        let table = read("x,y\n1,2\n3,4\n");
        assert_eq!(table.names.unwrap(), ["x", "y"]);
        assert_eq!(table.rows, ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(table.lines, [2, 3]);
        assert!(read("1,2\n3,4\n").names.is_none());
        assert_eq!(read("\u{feff}\"first, name\",y\r\n1,\"2\"\r\n").names.unwrap(), ["first, name", "y"]);
    }

    #[test]
    fn a_bad_cell_in_the_first_row_makes_no_names() {
        assert!(refusal("n/a,5.0\n0.0,0.0\n").starts_with("line 1, column 1: \"n/a\" is not a number"));
        assert!(refusal(",5.0\n0.0,0.0\n").starts_with("line 1, column 1: the cell is empty"));
        assert!(refusal("5.0,1.2.3\n0.0,0.0\n").starts_with("line 1, column 2"));
        // No cell is a number, and still it may be a row.
        for row in ["n/a,NULL", "1.5x,2.0y", "-,-", "1O,l"] {
            assert!(refusal(&format!("{row}\n0.5,0.25\n")).contains("--header"), "{row}");
        }
        assert!(refusal("n/a\n1\n").contains("--header"));
    }

    #[test]
    fn numbers_that_may_be_names_are_refused_and_read_by_option() {
        for text in ["0,1\n0.0,0.0\n1.0,0.0\n", "0,1\n1,1\n", "0\n1.5\n", "1,2\n0.5,0.5\n", "7;3\n0.5;1e3\n"] {
            assert!(refusal(text).contains("--header yes"), "{text}");
        }
        let text = b"0,1\n0.0,0.5\n1.0,0.0\n";
        let named = parse(text, Header::Yes, None).unwrap();
        assert_eq!((named.names.unwrap(), named.rows.nrows()), (vec!["0".to_string(), "1".to_string()], 2));
        assert_eq!(parse(text, Header::No, None).unwrap().rows.nrows(), 3);
        // Integers further down are written as in the first line: it is a row.
        assert_eq!(read("1,2\n0.5,3\n").rows.nrows(), 2);
    }

    #[test]
    fn lines_are_counted_with_blanks_and_comments() {
        let message = refusal("# c\n# c\n\nx,y\n0.0,0.0\n1.0,oops\n2.0,1.0\n");
        assert_eq!(message, "line 6, column 2 (y): \"oops\" is not a number (cells separated by commas)");
        assert_eq!(read("\n# c\n1,2\n\n3,4").lines, [3, 5]);
    }

    #[test]
    fn separators_are_found_where_lines_agree() {
        let rows = ndarray::array![[1.5, 2.0], [3.0, 4.0]];
        for text in
            ["1.5,2\n3,4", "1.5\t2\n3\t4", "1.5;2\n3; 4", "1.5 2\n  3   4  ", "1.5 , 2\n3 ,4", "x y\n1.5 2\n3 4", "x 1,y 1\n1.5,2\n3,4"]
        {
            assert_eq!(read(text).rows, rows, "{text}");
        }
        assert_eq!(read("my column\n1\n2\n").rows, ndarray::array![[1.0], [2.0]]);
        assert!(refusal("1,5;2,5\n3,5;4,5\n").contains("--separator"));
        assert_eq!(refusal("1,2\n3;4\n"), "line 1 has 1 cell, line 2 has 2 (cells separated by semicolons)");
        assert!(refusal("1,2\n3,4\n5;6\n").contains("--separator"));
        assert!(refusal("1,2 3\n3,4 5\n").contains("--separator"));
        let blanks = parse(b"1 2\t3\n4\t5 6\n", Header::Auto, Some(Separator::Blanks)).unwrap();
        assert_eq!(blanks.rows.dim(), (2, 3));
        // A decimal comma stays no number under the separator that the file has.
        let message = parse(b"1,5;2,5\n", Header::No, Some(Separator::Semicolon)).unwrap_err().to_string();
        assert_eq!(message, "line 1, column 1: \"1,5\" is not a number (cells separated by semicolons)");
    }

    #[test]
    fn lines_of_other_lengths_and_damaged_text() {
        assert_eq!(refusal("1,2\n3,4,5\n"), "line 1 has 2 cells, line 2 has 3 (cells separated by commas)");
        assert_eq!(refusal("x,y\n1,2\n3\n"), "line 3 has 1 cell, line 2 has 2 (cells separated by commas)");
        assert!(refusal("x y\n1 0.5 0.5\n2 1.5 1.5\n").contains("row names"));
        assert!(refusal("1,2,\n3,4,\n").starts_with("line 1, column 3: the cell is empty"));
        assert!(refusal("1,\"2\n3,4\n").contains("quotation mark"));
        assert!(refusal("1,2\r3,4\r").contains("control character"));
        assert!(refusal("1e400,2\n").contains("beyond the range"));
        assert!(refusal("").contains("no numbers"));
        assert!(parse(b"\xff\xfe1\x00", Header::Auto, None).unwrap_err().to_string().contains("UTF-16"));
        assert!(parse(b"1,\xe9\n", Header::Auto, None).unwrap_err().to_string().contains("line 1"));
    }
}
