//! A foreign model by files: first the points at which f is needed are written, then its values are read.

use super::Outcome;
use super::common::output::{Output, csv};
use super::common::remark;
use super::common::table::ReadOptions;
use ndarray::{Array2, ArrayRef2, Axis};
use onestep::path::{GaussianPath, Path, Place};
use onestep::{ConsistencyFunction, Family, Grid, Space};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path as File, PathBuf};
use std::sync::Mutex;

/// A level and the bits of a point.
type Key = (usize, Vec<u64>);

fn key(t: usize, x: impl IntoIterator<Item = f64>) -> Key {
    (t, x.into_iter().map(f64::to_bits).collect())
}

/// Writes down where it is evaluated. The points do not depend on its values.
#[derive(Debug)]
pub(crate) struct Recorder {
    dim: usize,
    steps: usize,
    points: Mutex<BTreeSet<Key>>,
}

impl Recorder {
    pub(crate) fn new(dim: usize, steps: usize) -> Self {
        Self { dim, steps, points: Mutex::new(BTreeSet::new()) }
    }

    /// The points in an order that does not depend on threads.
    fn points(self) -> Outcome<Vec<(usize, Vec<f64>)>> {
        let points = self.points.into_inner().map_err(|_| "a thread that wrote points down did not end well")?;
        Ok(points.into_iter().map(|(t, bits)| (t, bits.into_iter().map(f64::from_bits).collect())).collect())
    }
}

impl Space for Recorder {
    fn dim(&self) -> usize {
        self.dim
    }
}

impl Family for Recorder {
    fn steps(&self) -> usize {
        self.steps
    }
}

impl ConsistencyFunction for Recorder {
    fn eval_into(&self, t: usize, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        let mut points = self.points.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        points.extend(x.rows().into_iter().map(|row| key(t, row.iter().copied())));
        out.assign(x);
    }
}

/// The values of a file at the points of a recorder.
#[derive(Debug)]
pub(crate) struct Foreign {
    dim: usize,
    steps: usize,
    values: HashMap<Key, Vec<f64>>,
}

impl Space for Foreign {
    fn dim(&self) -> usize {
        self.dim
    }
}

impl Family for Foreign {
    fn steps(&self) -> usize {
        self.steps
    }
}

impl ConsistencyFunction for Foreign {
    fn eval_into(&self, t: usize, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        for (x, mut out) in x.rows().into_iter().zip(out.rows_mut()) {
            // A point that was not written down is not a number, which the ledger refuses.
            match self.values.get(&key(t, x.iter().copied())) {
                Some(values) => out.iter_mut().zip(values).for_each(|(o, v)| *o = *v),
                None => out.fill(f64::NAN),
            }
        }
    }
}

/// What the files say.
pub(crate) enum Exchange {
    /// The points were written, values are awaited.
    Written,
    Read(Foreign),
}

/// A point that came back agrees with what was written to this, relatively: single precision is not enough, text with all digits is.
const SAME_POINT: f64 = 1e-9;

fn names(dim: usize) -> Vec<String> {
    let numbered = |what: &'static str| (1..=dim).map(move |j| format!("{what}_{j}"));
    ["t", "sigma", "time"].map(String::from).into_iter().chain(numbered("x")).chain(numbered("f")).collect()
}

/// Writes the points to `points.csv` of the directory where there is none; reads values from there where there is one.
pub(crate) fn exchange(directory: &File, recorder: Recorder, grid: &Grid, path: &Path) -> Outcome<Exchange> {
    let (dim, steps) = (recorder.dim, recorder.steps);
    let points = recorder.points()?;
    let places = grid.levels().iter().map(|&level| Ok(path.on(level)?)).collect::<Outcome<Vec<Place>>>()?;
    let on_path: Vec<Vec<f64>> = points.iter().map(|(t, x)| x.iter().map(|v| v * places[t - 1].scale()).collect()).collect();
    let file: PathBuf = directory.join("points.csv");
    if !file.exists() {
        std::fs::create_dir_all(directory).map_err(|error| format!("--exchange {}: {error}", directory.display()))?;
        let output = Output::new("--exchange", &file, &[], &[])?;
        let times = grid.levels().iter().map(|&level| Ok(path.time(level)?)).collect::<Outcome<Vec<f64>>>()?;
        let row = |i: usize| {
            let (t, x) = (points[i].0, &on_path[i]);
            let level = [t as f64, grid.level(t).sigma(), times[t - 1]];
            level.into_iter().chain(x.iter().copied()).chain(std::iter::repeat_n(f64::NAN, dim)).collect::<Vec<_>>()
        };
        output.write(&csv(Some(&names(dim)), (0..points.len()).map(row)))?;
        remark!("{} points written to {}: put f into the columns f and run the same command again", points.len(), file.display());
        return Ok(Exchange::Written);
    }
    let table = ReadOptions::default().load(&file)?;
    let shown = &table.shown;
    if table.rows.nrows() != points.len() {
        let (found, expected) = (table.rows.nrows(), points.len());
        return Err(format!("{shown}: {found} rows, these arguments need {expected}: was it written for others?").into());
    }
    let columns = |what: &str| (1..=dim).map(|j| table.column(&format!("{what}_{j}"))).collect::<Outcome<Vec<_>>>();
    let (level, x, f) = (table.column("t")?, columns("x")?, columns("f")?);
    let f: Array2<f64> = table.rows.select(Axis(1), &f);
    let scale = places[0].scale();
    let mut values = HashMap::with_capacity(points.len());
    for (row, (t, point)) in points.iter().enumerate() {
        let same = |(&column, written): (&usize, &f64)| (table.rows[[row, column]] - written).abs() <= SAME_POINT * (1.0 + written.abs());
        if table.rows[[row, level]] != *t as f64 || !x.iter().zip(&on_path[row]).all(same) {
            return Err(format!("{}: this point is not the one that was written, or other arguments wrote it", table.row_place(row)).into());
        }
        if f.row(row).iter().any(|v| !v.is_finite()) {
            return Err(format!("{}: f is not filled in, or not a number", table.row_place(row)).into());
        }
        values.insert(key(*t, point.iter().copied()), f.row(row).iter().map(|v| v / scale).collect());
    }
    Ok(Exchange::Read(Foreign { dim, steps, values }))
}
