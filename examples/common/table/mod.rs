//! Tables of numbers from files: the one reader of all examples. It refuses what can be read in two ways, and says which option decides.
//!
//! What a file is, its content says, not its name: NumPy arrays (`.npy`), archives of them (`.npz`, `file.npz:array`), or text with one row a
//! line; any of them compressed by gzip, or from standard input as `-`.

mod npy;
mod npz;
pub(crate) mod source;
mod text;

use clap::ValueEnum;
use ndarray::{Array1, Array2, Axis};
use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Whether the first line of a text holds the names of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Header {
    Yes,
    No,
    /// Names if no cell of the line is a number, numbers if all are; what is doubtful is refused.
    Auto,
}

/// What stands between the cells of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Separator {
    Comma,
    Tab,
    Semicolon,
    /// One or more spaces or tabs.
    Blanks,
}

impl Separator {
    /// For messages.
    fn plural(self) -> &'static str {
        match self {
            Self::Comma => "commas",
            Self::Tab => "tabs",
            Self::Semicolon => "semicolons",
            Self::Blanks => "blanks",
        }
    }
}

/// How files are read.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ReadOptions {
    /// Whether the first line of a text names the columns; auto refuses what is doubtful.
    #[arg(long, value_enum)]
    pub(crate) header: Option<Header>,
    /// What stands between the cells of a text; found out where all lines agree.
    #[arg(long, value_enum)]
    pub(crate) separator: Option<Separator>,
    /// The array of an .npz archive, also as `file.npz:array`.
    #[arg(long)]
    pub(crate) array: Option<String>,
}

impl ReadOptions {
    /// The first option that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let given = [("--header", self.header.is_some()), ("--separator", self.separator.is_some()), ("--array", self.array.is_some())];
        given.into_iter().find(|g| g.1).map(|g| g.0)
    }

    /// Reads one file.
    pub(crate) fn load(&self, path: &Path) -> Outcome<Table> {
        let [table] = self.load_all([path])?;
        Ok(table)
    }

    /// Reads several files; an option that belongs to none of them is refused.
    pub(crate) fn load_all<const N: usize>(&self, paths: [&Path; N]) -> Outcome<[Table; N]> {
        if paths.iter().filter(|p| is_stdin(p)).count() > 1 {
            return Err("standard input (-) can be read once: give a file for the other".into());
        }
        let mut tables = Vec::with_capacity(N);
        for path in paths {
            let shown = if is_stdin(path) { "standard input".to_string() } else { path.display().to_string() };
            tables.push(self.read(path, &shown).map_err(|error| format!("{shown}: {error}"))?);
        }
        let lacks = |kind| !tables.iter().any(|t| t.kind == kind);
        for (option, given, kind, what) in [
            ("--header", self.header.is_some(), Kind::Text, "text"),
            ("--separator", self.separator.is_some(), Kind::Text, "text"),
            ("--array", self.array.is_some(), Kind::Archive, "an .npz archive"),
        ] {
            if given && lacks(kind) {
                return Err(format!("{option} has no effect: {} is not {what}", tables[0].shown).into());
            }
        }
        tables.try_into().map_err(|_| "a table a file".into())
    }

    fn read(&self, path: &Path, shown: &str) -> Outcome<Table> {
        let (path, mut array) = archive_member(path);
        let bytes = source::read(&path)?;
        let table =
            |kind, names, rows: Array2<f64>, lines| Table { shown: shown.to_string(), kind, names, rows, lines, comments: Vec::new() };
        let read = if npz::is_npz(&bytes) {
            if let (Some(one), Some(other)) = (&array, &self.array)
                && one != other
            {
                return Err(format!("the array {one} is asked for, and by --array {other}").into());
            }
            array = array.or_else(|| self.array.clone());
            table(Kind::Archive, None, npy::parse(&npz::member(&bytes, array.as_deref())?)?, None)
        } else if array.is_some() {
            return Err("a name after the colon belongs to an .npz archive, this is none".into());
        } else if npy::is_npy(&bytes) {
            table(Kind::Array, None, npy::parse(&bytes)?, None)
        } else {
            if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy") || e.eq_ignore_ascii_case("npz")) {
                return Err("no NumPy file: its first bytes are others".into());
            }
            let read = text::parse(&bytes, self.header.unwrap_or(Header::Auto), self.separator)?;
            let text = std::str::from_utf8(&bytes)?;
            let comments = text.strip_prefix('\u{feff}').unwrap_or(text).lines().filter_map(|line| line.trim().strip_prefix('#'));
            let comments = comments.map(|comment| comment.trim().to_string()).collect();
            Table { comments, ..table(Kind::Text, read.names, read.rows, Some(read.lines)) }
        };
        if read.rows.is_empty() {
            return Err(format!("no numbers: {} rows and {} columns", read.rows.nrows(), read.rows.ncols()).into());
        }
        Ok(read)
    }
}

/// Whether a file is an archive of NumPy arrays; what can be read only once, standard input and pipes, is not looked at.
pub(crate) fn is_archive(path: &Path) -> Outcome<bool> {
    if is_stdin(path) || !std::fs::metadata(path)?.is_file() {
        return Ok(false);
    }
    let mut start = Vec::new();
    std::fs::File::open(path)?.take(4).read_to_end(&mut start)?;
    Ok(npz::is_npz(&start))
}

/// Whether a path stands for standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The file on the disk that a path of the command line means, without the name of an array behind it; none for standard input.
pub(crate) fn file_of(path: &Path) -> Option<PathBuf> {
    (!is_stdin(path)).then(|| archive_member(path).0)
}

/// Splits `file.npz:array`, unless there is a file of this name.
fn archive_member(path: &Path) -> (PathBuf, Option<String>) {
    let whole = || (path.to_path_buf(), None);
    if path.exists() {
        return whole();
    }
    let Some((file, array)) = path.to_str().and_then(|p| p.rsplit_once(':')) else { return whole() };
    let file = PathBuf::from(file);
    if file.is_file() && !array.is_empty() { (file, Some(array.to_string())) } else { whole() }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Array,
    Archive,
}

/// Numbers read from a file, one point a row.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// The file's name, for messages.
    pub(crate) shown: String,
    kind: Kind,
    /// Column names, where the file has them.
    pub(crate) names: Option<Vec<String>>,
    /// The numbers.
    pub(crate) rows: Array2<f64>,
    /// The comments of a text, without their sign.
    pub(crate) comments: Vec<String>,
    /// The line of every row, counted from 1 with comments and blank lines.
    lines: Option<Vec<usize>>,
}

impl Table {
    /// Where the entry in `row` and `column` (from 0) stands, counted from 1.
    pub(crate) fn place(&self, row: usize, column: usize) -> String {
        format!("{}, column {}{}", self.row_place(row), column + 1, self.name_of(column))
    }

    /// Where a row stands.
    pub(crate) fn row_place(&self, row: usize) -> String {
        match &self.lines {
            Some(lines) => format!("{}: line {}", self.shown, lines[row]),
            None => format!("{}: row {}", self.shown, row + 1),
        }
    }

    fn name_of(&self, column: usize) -> String {
        self.names.as_ref().map_or_else(String::new, |names| format!(" ({})", names[column]))
    }

    /// The number from 0 of a column given by its name or, where no name is so, its number from 0.
    pub(crate) fn column(&self, column: &str) -> Outcome<usize> {
        let names = self.names.as_deref().unwrap_or_default();
        let mut named = (0..names.len()).filter(|&i| names[i] == column);
        match (named.next(), named.next()) {
            (Some(index), None) => Ok(index),
            (Some(one), Some(other)) => {
                Err(format!("{}: columns {} and {} both have the name {column}", self.shown, one + 1, other + 1).into())
            }
            _ => match column.parse() {
                Ok(index) if index < self.rows.ncols() => Ok(index),
                _ => {
                    let names = if names.is_empty() { String::new() } else { format!("a name of {} or ", names.join(", ")) };
                    let last = self.rows.ncols() - 1;
                    Err(format!("{}: there is no column {column:?}: give {names}a number from 0 to {last}", self.shown).into())
                }
            },
        }
    }

    /// Takes out one column, given by its name or its number from 0.
    pub(crate) fn take_column(&mut self, column: &str) -> Outcome<Array1<f64>> {
        let index = self.column(column)?;
        let taken = self.rows.column(index).to_owned();
        let rest: Vec<usize> = (0..self.rows.ncols()).filter(|&i| i != index).collect();
        *self = self.pick(&rest);
        Ok(taken)
    }

    /// The columns given by names or numbers from 0, in the order given; without any, all of them, none of which may be nameless.
    pub(crate) fn choose(&self, columns: Option<&[String]>) -> Outcome<Self> {
        let Some(columns) = columns else {
            self.check_names().map_err(|error| format!("{error}, or choose columns by their names with --columns"))?;
            return Ok(self.clone());
        };
        let picked = columns.iter().map(|c| self.column(c)).collect::<Outcome<Vec<_>>>()?;
        if let Some(i) = (1..picked.len()).find(|&i| picked[..i].contains(&picked[i])) {
            return Err(format!("{}: column {} is asked for twice", self.shown, columns[i]).into());
        }
        Ok(self.pick(&picked))
    }

    fn pick(&self, columns: &[usize]) -> Self {
        let names = self.names.as_ref().map(|names| columns.iter().map(|&i| names[i].clone()).collect());
        Self { names, rows: self.rows.select(Axis(1), columns), ..self.clone() }
    }

    /// Refuses a column without a name beside columns with names: mostly the index of pandas or the row names of R, and no coordinate.
    pub(crate) fn check_names(&self) -> Outcome<()> {
        let nameless = |name: &String| name.is_empty() || name.starts_with("Unnamed: ");
        match self.names.as_ref().and_then(|names| names.iter().position(nameless)) {
            Some(column) => Err(format!(
                "{}: column {} has no name, as an index written by pandas or row names by R: write the file without it",
                self.shown,
                column + 1
            )
            .into()),
            None => Ok(()),
        }
    }

    /// Refuses entries that are not finite.
    pub(crate) fn check_finite(&self) -> Outcome<()> {
        match self.rows.indexed_iter().find(|(_, v)| !v.is_finite()) {
            Some(((row, column), value)) => Err(format!("{}: {value}, entries must be finite", self.place(row, column)).into()),
            None => Ok(()),
        }
    }

    /// This table with its columns in the order of those of `first`, where both have names.
    pub(crate) fn in_order_of(&self, first: &Self) -> Outcome<Self> {
        let (Some(wanted), Some(own)) = (&first.names, &self.names) else { return Ok(self.clone()) };
        if wanted == own {
            return Ok(self.clone());
        }
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        let repeated = sorted(own).windows(2).any(|w| w[0] == w[1]);
        if sorted(wanted) != sorted(own) || repeated {
            let (one, other) = (wanted.join(", "), own.join(", "));
            return Err(format!(
                "the columns are {one} in {} and {other} in {}: choose columns that both have, or numbers from 0, with --columns",
                first.shown, self.shown
            )
            .into());
        }
        self.choose(Some(wanted))
    }
}
