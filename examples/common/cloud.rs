//! Clouds of points from CSV and NPY files.

use ndarray::{Array1, Array2, Axis};
use std::error::Error;
use std::path::Path;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Numbers read from a file, one point a row.
#[derive(Debug)]
pub(crate) struct Table {
    /// Column names, where the file has them.
    pub(crate) names: Option<Vec<String>>,
    /// The numbers.
    pub(crate) rows: Array2<f64>,
}

impl Table {
    /// Takes out one column, given by its name or its number from 0.
    pub(crate) fn take_column(&mut self, column: &str) -> Outcome<Array1<f64>> {
        let named = self.names.as_ref().and_then(|names| names.iter().position(|name| name == column));
        let index = match named.or_else(|| column.parse().ok()) {
            Some(index) if index < self.rows.ncols() => index,
            _ => return Err(format!("there is no column {column}: give a name or a number from 0 to {}", self.rows.ncols() - 1).into()),
        };
        let taken = self.rows.column(index).to_owned();
        self.rows.remove_index(Axis(1), index);
        if let Some(names) = &mut self.names {
            names.remove(index);
        }
        Ok(taken)
    }
}

/// Reads a `.npy` array of one or two dimensions (f32 or f64), or a CSV with or without a line of names.
pub(crate) fn load(path: &Path) -> Outcome<Table> {
    let table = if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy")) { load_npy(path) } else { load_csv(path) };
    table.map_err(|error| format!("{}: {error}", path.display()).into())
}

fn load_npy(path: &Path) -> Outcome<Table> {
    let column = |a: Array1<f64>| a.insert_axis(Axis(1));
    let rows = ndarray_npy::read_npy(path).or_else(|error| {
        ndarray_npy::read_npy(path)
            .map(|a: Array2<f32>| a.mapv(f64::from))
            .or_else(|_| ndarray_npy::read_npy(path).map(column))
            .or_else(|_| ndarray_npy::read_npy(path).map(|a: Array1<f32>| column(a.mapv(f64::from))))
            .map_err(|_| error)
    })?;
    Ok(Table { names: None, rows })
}

fn load_csv(path: &Path) -> Outcome<Table> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).comment(Some(b'#')).from_path(path)?;
    let (mut names, mut values, mut columns) = (None, Vec::new(), 0);
    for (line, record) in reader.records().enumerate() {
        let record = record?;
        columns = record.len();
        let numbers: Result<Vec<f64>, &str> = record.iter().map(|cell| cell.parse().map_err(|_| cell)).collect();
        match numbers {
            Ok(numbers) => values.extend(numbers),
            Err(_) if line == 0 => names = Some(record.iter().map(str::to_string).collect()),
            Err(cell) => return Err(format!("line {}: {cell:?} is not a number", line + 1).into()),
        }
    }
    let rows = values.len() / columns.max(1);
    Ok(Table { names, rows: Array2::from_shape_vec((rows, columns), values)? })
}
