//! Whether a table is what it is said to be: sizes of points, the order of levels.

use crate::audit::known_answer::finding::Finding;
use crate::audit::known_answer::report::Size;
use crate::estimate::Estimate;
use crate::numeric::rows::lengths;
use crate::path::{GaussianPath, Path};
use crate::schedule::Grid;
use ndarray::{ArrayRef2, Axis};
use std::collections::BTreeMap;

/// Levels of fewer rows say nothing about sizes.
const FEWEST_ROWS: usize = 8;
/// A mean square agrees with the law's within this many standard errors and this share: at 6 of them a table of draws is doubted once in 10⁸
/// levels.
const STANDARD_ERRORS: f64 = 6.0;
const SHARE: f64 = 0.02;

/// What the rows of one level show.
#[derive(Debug)]
struct Level {
    step: usize,
    squares: Estimate,
    /// Whether f is the identity on its rows.
    identity: bool,
    /// Whether there are rows enough.
    telling: bool,
}

/// The sizes of the points of all levels, and what they should be.
#[derive(Debug)]
pub(super) struct Plausibility<'a> {
    grid: &'a Grid,
    /// m_t of the convention that was said.
    scales: &'a [f64],
    /// E‖X_t‖² of the law at every level, in the units of the angle.
    law: Option<Vec<f64>>,
    levels: Vec<Level>,
}

impl<'a> Plausibility<'a> {
    pub(super) fn new(
        grid: &'a Grid,
        scales: &'a [f64],
        second_moment: Option<f64>,
        tolerance: f64,
        rows_of: &BTreeMap<usize, Vec<usize>>,
        x: &ArrayRef2<f64>,
        f: &ArrayRef2<f64>,
    ) -> Self {
        let dim = x.ncols() as f64;
        let law = second_moment.map(|m| grid.levels().iter().map(|l| l.alpha_bar() * m + l.one_minus_alpha_bar() * dim).collect());
        let levels = rows_of
            .iter()
            .map(|(&step, rows)| {
                let (x, f) = (x.select(Axis(0), rows), f.select(Axis(0), rows));
                let squares: Vec<f64> = lengths(&x).into_iter().map(|l| l * l).collect();
                let identity = lengths(&(&f - &x)).into_iter().all(|moved| moved <= tolerance * scales[0]);
                Level { step, squares: Estimate::from_samples(&squares), identity, telling: rows.len() >= FEWEST_ROWS }
            })
            .collect();
        Self { grid, scales, law, levels }
    }

    /// Whether f is the identity on the rows of a level, in the convention of the table.
    pub(super) fn is_identity(&self, step: usize) -> bool {
        self.levels.iter().any(|l| l.step == step && l.identity)
    }

    /// The size of the points of a level beside the law's.
    pub(super) fn size(&self, step: usize) -> Option<Size> {
        let level = self.levels.iter().find(|l| l.step == step)?;
        Some(Size { rows: level.squares, law: self.expected(self.scales, step)? })
    }

    /// E‖x‖² of a level where points are scaled by `scales`.
    fn expected(&self, scales: &[f64], step: usize) -> Option<f64> {
        Some(scales[step - 1] * scales[step - 1] * self.law.as_ref()?[step - 1])
    }

    /// Whether every telling level has the size that `expected` gives for its step.
    fn fits(&self, expected: impl Fn(usize) -> Option<f64>) -> bool {
        self.levels.iter().filter(|l| l.telling).all(|level| {
            let Some(right) = expected(level.step) else { return false };
            let room = STANDARD_ERRORS * level.squares.std_error + SHARE * right;
            (level.squares.value - right).abs() <= room
        })
    }

    /// What the table is instead of what it is said to be.
    pub(super) fn finding(&self) -> Option<Finding> {
        let steps = self.grid.steps();
        let identity = |step: usize| self.levels.iter().find(|l| l.step == step).map(|l| l.identity);
        let everywhere = self.levels.iter().all(|l| l.identity);
        if identity(steps) == Some(true) && identity(1) != Some(true) && !everywhere && self.levels.len() > 1 {
            return Some(Finding::Reversed { steps });
        }
        self.law.as_ref()?;
        if self.fits(|step| self.expected(self.scales, step)) {
            return None;
        }
        if self.fits(|step| self.expected(self.scales, steps + 1 - step)) {
            return Some(Finding::Reversed { steps });
        }
        for (convention, path) in [("vp", Path::vp()), ("edm", Path::edm()), ("linear", Path::linear())] {
            let scales =
                self.grid.levels().iter().map(|&level| Ok(path.on(level)?.scale())).collect::<Result<Vec<_>, crate::path::PathError>>();
            if let Ok(scales) = scales
                && self.fits(|step| self.expected(&scales, step))
            {
                let step = self.largest_miss();
                let (rows, law) = self.roots(step)?;
                return Some(Finding::Units { step, rows, law, factor: scales[step - 1] / self.scales[step - 1], convention });
            }
        }
        if self.fits(|step| if step < steps { self.expected(self.scales, step + 1) } else { None }) {
            let step = self.largest_miss();
            let (rows, law) = self.roots(step)?;
            return Some(Finding::FromZero { step, rows, law });
        }
        None
    }

    /// The level whose size is furthest from the law's, by their ratio.
    fn largest_miss(&self) -> usize {
        let miss = |level: &&Level| {
            let right = self.expected(self.scales, level.step).unwrap_or(f64::NAN);
            (level.squares.value / right).ln().abs()
        };
        self.levels.iter().filter(|l| l.telling).max_by(|a, b| miss(a).total_cmp(&miss(b))).map_or(1, |l| l.step)
    }

    /// Root mean squares of the rows of a level and of the law.
    fn roots(&self, step: usize) -> Option<(f64, f64)> {
        let size = self.size(step)?;
        Some((size.rows.value.sqrt(), size.law.sqrt()))
    }
}
