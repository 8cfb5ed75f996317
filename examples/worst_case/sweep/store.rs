//! A folder of finished cases, one file of one line each: written whole or not at all, read again instead of computed twice.

use super::{Case, SweepError, Task};
use crate::common::output::Output;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A folder of rows.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// A row that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    /// As it was written, without the end of the line.
    pub(crate) line: String,
    pub(crate) values: Value,
}

/// Bytes of a row, at most.
const LONGEST: u64 = 1 << 20;
/// Cases that a message names.
const NAMED: usize = 12;
/// Cases of a sweep, at most.
pub(crate) const MOST_CASES: usize = 99_999;

fn io(path: &Path, error: &std::io::Error) -> SweepError {
    SweepError::Io(format!("{}: {error}", path.display()))
}

impl Stored {
    /// Reads one line.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let values: Value = serde_json::from_str(line).map_err(|e| format!("no row of a sweep: {e}"))?;
        let row = Self { line: line.to_string(), values };
        match (row.count("case"), row.count("cases")) {
            (Some(case), Some(cases)) if 1 <= case && case <= cases && cases <= MOST_CASES => Ok(row),
            _ => Err("no row of a sweep: \"case\" and \"cases\" are missing".to_string()),
        }
    }

    pub(crate) fn count(&self, name: &str) -> Option<usize> {
        self.values.get(name)?.as_u64().map(|n| n as usize)
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.values.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A number, NaN where it is null. All its digits are read.
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.values.get(name).map_or(f64::NAN, |v| v.to_string().parse().unwrap_or(f64::NAN))
    }
}

impl Store {
    /// The folder, made if it is not there.
    pub(crate) fn create(folder: &Path) -> Result<Self, SweepError> {
        std::fs::create_dir_all(folder).map_err(|e| SweepError::Io(format!("--out {}: {e}", folder.display())))?;
        Ok(Self { folder: folder.to_path_buf() })
    }

    /// The folder, which must be there.
    pub(crate) fn open(folder: &Path) -> Result<Self, SweepError> {
        std::fs::read_dir(folder).map_err(|e| SweepError::Io(format!("--collect {}: {e}", folder.display())))?;
        Ok(Self { folder: folder.to_path_buf() })
    }

    fn path(&self, case: usize) -> PathBuf {
        self.folder.join(format!("case-{case:05}.json"))
    }

    /// The row of a case, where it is finished. One of another sweep is an error.
    pub(crate) fn find(&self, case: usize, sweep: &str) -> Result<Option<Stored>, SweepError> {
        let path = self.path(case);
        let Some(row) = read(&path)? else { return Ok(None) };
        if row.text("sweep") != sweep || row.count("case") != Some(case) {
            return Err(SweepError::Foreign { path, found: row.text("sweep").to_string(), expected: sweep.to_string() });
        }
        Ok(Some(row))
    }

    /// Keeps the row of a case.
    pub(crate) fn keep(&self, case: usize, line: &str) -> Result<(), SweepError> {
        let write = || Output::new("--out", &self.path(case), &[], &[]).and_then(|output| output.write(format!("{line}\n").as_bytes()));
        // Another run of this task that starts meanwhile removes what it takes for unfinished.
        write().or_else(|_| write()).map_err(|e| SweepError::Io(e.to_string()))
    }

    /// Removes what a killed run of this task has left unfinished.
    pub(crate) fn clear_unfinished(&self, task: Task, cases: &[Case]) -> Result<(), SweepError> {
        let entries = std::fs::read_dir(&self.folder).map_err(|e| io(&self.folder, &e))?;
        for entry in entries {
            let path = entry.map_err(|e| io(&self.folder, &e))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let unfinished = |case: &Case| {
                name.starts_with(&format!(".case-{:05}.json.", case.number)) && path.extension().is_some_and(|end| end == "part")
            };
            if cases.iter().any(|case| task.holds(case.number) && unfinished(case)) {
                // Another run of the task may have been quicker.
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(&path, &error)),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// That the folder holds no rows of another sweep, looked at in the first and the last: all others were written beside one of them.
    pub(crate) fn check_sweep(&self, expected: &str) -> Result<(), SweepError> {
        let paths = self.paths()?;
        for path in [paths.first(), paths.last()].into_iter().flatten() {
            if let Some(row) = read(path)?
                && row.text("sweep") != expected
            {
                return Err(SweepError::Foreign {
                    path: path.clone(),
                    found: row.text("sweep").to_string(),
                    expected: expected.to_string(),
                });
            }
        }
        Ok(())
    }

    /// The files of the cases, in order.
    fn paths(&self) -> Result<Vec<PathBuf>, SweepError> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(|e| io(&self.folder, &e))? {
            let path = entry.map_err(|e| io(&self.folder, &e))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("case-") && path.extension().is_some_and(|end| end == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// All rows of one sweep, in order: none is missing and none is of another.
    pub(crate) fn collect(&self) -> Result<Vec<Stored>, SweepError> {
        let paths = self.paths()?;
        let Some(first) = paths.first() else { return Err(SweepError::Empty { path: self.folder.clone() }) };
        let first = read(first)?.ok_or_else(|| SweepError::Empty { path: self.folder.clone() })?;
        let (cases, sweep) = (first.count("cases").unwrap_or_default(), first.text("sweep").to_string());
        for path in &paths {
            if let Some(row) = read(path)?
                && (row.text("sweep") != sweep
                    || row.count("cases") != Some(cases)
                    || row.count("case").is_none_or(|i| self.path(i) != *path))
            {
                return Err(SweepError::Foreign { path: path.clone(), found: row.text("sweep").to_string(), expected: sweep });
            }
        }
        let mut rows = Vec::with_capacity(cases.min(paths.len()));
        let mut missing = Vec::new();
        for case in 1..=cases {
            match self.find(case, &sweep)? {
                Some(row) => rows.push(row),
                None => missing.push(case),
            }
        }
        if missing.is_empty() {
            return Ok(rows);
        }
        let mut named: Vec<String> = missing.iter().take(NAMED).map(usize::to_string).collect();
        if missing.len() > NAMED {
            named.push("…".to_string());
        }
        Err(SweepError::Missing { path: self.folder.clone(), count: missing.len(), cases, missing: named.join(", ") })
    }
}

/// The row in a file; `None` where there is no file.
fn read(path: &Path) -> Result<Option<Stored>, SweepError> {
    let damaged = |reason: String| SweepError::Damaged { path: path.to_path_buf(), reason };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(path, &error)),
        Ok(found) if !found.is_file() => return Err(damaged("not a file".to_string())),
        Ok(found) if found.len() > LONGEST => return Err(damaged(format!("{} bytes are no row of a sweep", found.len()))),
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(path).map_err(|e| io(path, &e))?;
    match text.strip_suffix('\n') {
        Some(line) if !line.contains('\n') => Stored::parse(line).map(Some).map_err(damaged),
        _ => Err(damaged("a row of a sweep is one whole line".to_string())),
    }
}
