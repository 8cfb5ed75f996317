//! The levels, points and values of a file.

use super::common::table::{ReadOptions, Table};
use super::{Outcome, Problem};
use ndarray::{Array2, Axis};
use onestep::path::GaussianPath;
use onestep::{Grid, NoiseLevel};
use std::path::{Path, PathBuf};

/// The levels t, the points and the values of a file.
pub(crate) struct Values {
    pub(crate) t: Vec<usize>,
    pub(crate) x: Array2<f64>,
    pub(crate) f: Array2<f64>,
}

/// A quantity of a column agrees with that of its level to this: more than single precision leaves of it.
const SAME_LEVEL: f64 = 1e-5;

/// The columns that describe a level beside t.
const QUANTITIES: [&str; 4] = ["sigma", "angle", "alpha_bar", "time"];

/// A quantity of a level; near an end ᾱ and a time hold few digits of the rest, and the columns are compared in absolute terms.
fn quantity(name: &str, problem: &Problem, level: NoiseLevel) -> Outcome<f64> {
    Ok(match name {
        "sigma" => level.sigma(),
        "angle" => level.angle(),
        "alpha_bar" => level.alpha_bar(),
        _ => problem.path.time(level)?,
    })
}

fn numbered(what: &str, dim: usize) -> Vec<String> {
    (1..=dim).map(|j| format!("{what}_{j}")).collect()
}

impl Values {
    /// From a table with columns.
    pub(crate) fn of_table(table: &Table, problem: &Problem) -> Outcome<Self> {
        let dim = problem.law.dim();
        let expected = format!("t, x_1..x_{dim}, f_1..f_{dim}");
        let Some(names) = &table.names else {
            let (columns, wanted) = (table.rows.ncols(), 1 + 2 * dim);
            if columns != wanted {
                return Err(format!("{}: {columns} columns without names, expected {wanted}: {expected}", table.shown).into());
            }
            let pick = |columns: Vec<usize>| table.rows.select(Axis(1), &columns);
            let t = steps(table, 0)?;
            check_filled(table, 1 + dim..=2 * dim)?;
            let (x, f) = (pick((1..=dim).collect()), pick((1 + dim..=2 * dim).collect()));
            return Ok(Self { t, x, f });
        };
        table.check_names()?;
        let wanted = [numbered("x", dim), numbered("f", dim)];
        let known = [wanted.concat(), numbered("phi", dim), numbered("best", dim)].concat();
        let level = |name: &String| name == "t" || QUANTITIES.contains(&name.as_str());
        if let Some(name) = wanted.iter().flatten().find(|name| !names.contains(name)) {
            return Err(format!("{}: no column {name} among {}, expected {expected}", table.shown, names.join(", ")).into());
        }
        if let Some(other) = names.iter().position(|name| !known.contains(name) && !level(name)) {
            return Err(format!("{}: column {} ({}) is not one of {expected}", table.shown, other + 1, names[other]).into());
        }
        let t = if names.iter().any(|name| name == "t") {
            steps(table, table.column("t")?)?
        } else if let Some(name) = QUANTITIES.iter().find(|q| names.iter().any(|name| name == *q)) {
            nearest(table, name, problem)?
        } else {
            return Err(format!("{}: no column t among {}, expected {expected}", table.shown, names.join(", ")).into());
        };
        check_levels(table, names, problem, &t)?;
        let columns = |names: &[String]| names.iter().map(|name| table.column(name)).collect::<Outcome<Vec<_>>>();
        let (x, f) = (columns(&wanted[0])?, columns(&wanted[1])?);
        check_filled(table, f.iter().copied())?;
        Ok(Self { t, x: table.rows.select(Axis(1), &x), f: table.rows.select(Axis(1), &f) })
    }

    /// From the arrays t, x and f of an archive.
    pub(crate) fn of_archive(reading: &ReadOptions, file: &Path, dim: usize) -> Outcome<Self> {
        let array = |name: &str| reading.load(&PathBuf::from(format!("{}:{name}", file.display())));
        let (t, x, f) = (array("t")?, array("x")?, array("f")?);
        for (name, table, columns) in [("t", &t, 1), ("x", &x, dim), ("f", &f, dim)] {
            let (rows, found) = table.rows.dim();
            if rows != t.rows.nrows() || found != columns {
                let expected = t.rows.nrows();
                return Err(
                    format!("{}: {name} has {rows} rows and {found} columns, expected {expected} and {columns}", file.display()).into()
                );
            }
        }
        check_filled(&f, 0..dim)?;
        Ok(Self { t: steps(&t, 0)?, x: x.rows, f: f.rows })
    }
}

/// Refuses values that are not finite, such as those of a template.
fn check_filled(table: &Table, columns: impl Iterator<Item = usize> + Clone) -> Outcome<()> {
    for row in 0..table.rows.nrows() {
        if let Some(column) = columns.clone().find(|&column| !table.rows[[row, column]].is_finite()) {
            let (place, value) = (table.place(row, column), table.rows[[row, column]]);
            return Err(format!("{place}: f is {value}: not filled in, or not a number").into());
        }
    }
    Ok(())
}

/// A column of numbers of levels.
fn steps(table: &Table, column: usize) -> Outcome<Vec<usize>> {
    let step = |row: usize| {
        let t = table.rows[[row, column]];
        if t >= 0.0 && t.fract() == 0.0 && t <= 1e9 {
            Ok(t as usize)
        } else {
            Err(format!("{}: t = {t} is not the number of a level", table.row_place(row)).into())
        }
    };
    (0..table.rows.nrows()).map(step).collect()
}

/// The levels whose quantity is that of a column.
fn nearest(table: &Table, name: &str, problem: &Problem) -> Outcome<Vec<usize>> {
    let grid = &problem.grid;
    let of_levels = grid.levels().iter().map(|&level| quantity(name, problem, level)).collect::<Outcome<Vec<_>>>()?;
    let column = table.column(name)?;
    let level = |row: usize| {
        let value = table.rows[[row, column]];
        let gap = |t: &usize| (of_levels[*t] - value).abs();
        let best = (0..grid.steps()).min_by(|a, b| gap(a).total_cmp(&gap(b)));
        match best {
            Some(t) if gap(&t) <= SAME_LEVEL * of_levels[t].abs() => Ok(t + 1),
            _ => Err(format!("{}: {name} = {value} is that of no level of the schedule", table.row_place(row)).into()),
        }
    };
    (0..table.rows.nrows()).map(level).collect()
}

/// Refuses a table whose columns describe other levels than its t on this grid.
fn check_levels(table: &Table, names: &[String], problem: &Problem, t: &[usize]) -> Outcome<()> {
    let grid: &Grid = &problem.grid;
    for name in QUANTITIES.iter().filter(|q| names.iter().any(|name| name == *q)) {
        let column = table.column(name)?;
        for (row, &t) in t.iter().enumerate().filter(|(_, t)| (1..=grid.steps()).contains(*t)) {
            let (value, right) = (table.rows[[row, column]], quantity(name, problem, grid.level(t))?);
            // Written so that NaN is refused.
            if !((value - right).abs() <= SAME_LEVEL * right.abs() + 1e-12) && value != right {
                let place = table.place(row, column);
                let hint = if *name == "time" { ": is --path that of the table?" } else { "" };
                return Err(format!("{place}: {value}, but level {t} of this schedule has {name} = {right}{hint}").into());
            }
        }
    }
    Ok(())
}
