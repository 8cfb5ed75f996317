//! Somebody else's consistency function, checked from its values alone.

use crate::audit::error::{check_equal, check_values};
use crate::audit::{AuditError, flow_to_first, lengths};
use crate::consistency::ConsistencyFunction;
use crate::estimate::Estimate;
use crate::flow::FlowMap;
use crate::schedule::Grid;
use ndarray::{Array2, ArrayRef2, Axis};
use std::collections::BTreeMap;

/// Tests a consistency function that is known by its values only, rows (t, x, f_t(x)) from any framework, against the exact flow map and,
/// where it is known, the population optimum f_t* of training.
///
/// ‖f_t − Φ_t‖ is the whole error. It splits at the same points into the training error f_t − f_t* and the discretisation error f_t* − Φ_t,
/// which consistency training has at any budget.
///
/// Where the rows of level t are draws of X_t, the mean of ‖f_t − Φ_t‖ estimates E‖ξ_t‖, an upper bound on W_1(f_t(X_t), X_1); otherwise
/// it is the mean over the points that were given and no more.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use onestep::{ConsistencyFunction, Grid};
/// use onestep::audit::{Finding, KnownAnswer};
/// use onestep::law::LineMixture;
/// use onestep::population::{Keep, LineRecursion};
/// let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.6, 0.6])?;
/// let grid = Grid::from_angles(&(1..=12).map(|i| 0.13 * i as f64).collect::<Vec<_>>())?;
/// let run = LineRecursion::new(&target, &grid).keep(Keep::All).run()?;
/// // Somebody's values: the population optimum plus a constant.
/// let t: Vec<usize> = (0..120).map(|i| 1 + i / 10).collect();
/// let x = Array2::from_shape_fn((120, 1), |(i, _)| (i % 10) as f64 - 4.5);
/// let mut f = Array2::from_shape_fn((120, 1), |(i, _)| run.consistency().eval(t[i], &x.select(ndarray::Axis(0), &[i]))[[0, 0]]);
/// let check = KnownAnswer::new(&target, &grid).population(run.consistency());
/// assert!(matches!(check.check(&t, &x, &f)?.finding(), Finding::Optimal { .. }));
/// f.iter_mut().zip(&t).filter(|(_, t)| **t > 1).for_each(|(f, _)| *f += 0.5);
/// let report = check.check(&t, &x, &f)?;
/// assert!((report.levels[11].training.unwrap().mean.value - 0.5).abs() < 1e-12);
/// assert!(matches!(report.finding(), Finding::Training { step: 12, .. }));
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct KnownAnswer<'a> {
    flow: &'a dyn FlowMap,
    grid: &'a Grid,
    population: Option<&'a dyn ConsistencyFunction>,
    tolerance: f64,
}

impl std::fmt::Debug for KnownAnswer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KnownAnswer").field("tolerance", &self.tolerance).finish_non_exhaustive()
    }
}

/// Lengths of differences over the rows of one level.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Gap {
    /// The mean, with its standard error for independent rows.
    pub mean: Estimate,
    /// The root mean square.
    pub root_mean_square: f64,
    /// The largest.
    pub largest: f64,
    /// The row of the table where it is, from 0.
    pub row: usize,
}

/// Two rows between which a function on the line decreases.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Decrease {
    /// The row of the smaller x, from 0.
    pub from: usize,
    /// The row of the larger x.
    pub to: usize,
    /// By how much f is smaller there.
    pub drop: f64,
}

/// What was found at one level.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LevelAnswer {
    /// t.
    pub step: usize,
    /// θ_t in radians.
    pub angle: f64,
    /// Rows of this level.
    pub rows: usize,
    /// ‖f_t − Φ_t‖: the whole error. At t = 1 it is ‖f_1 − id‖.
    pub error: Gap,
    /// ‖f_t − f_t*‖, where the population optimum was given.
    pub training: Option<Gap>,
    /// ‖f_t* − Φ_t‖, likewise.
    pub discretisation: Option<Gap>,
    /// On the line the largest decrease of f_t: Φ_t and f_t* increase. `None` in more dimensions and where there is none above the tolerance.
    pub decrease: Option<Decrease>,
}

/// What a [`KnownAnswer`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct KnownAnswerReport {
    /// T.
    pub grid_steps: usize,
    /// The levels that occur in the table, in increasing order.
    pub levels: Vec<LevelAnswer>,
    /// The tolerance of the checks, in the units of the data.
    pub tolerance: f64,
}

/// The verdict on a table of values.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// f_1 is not the identity: the contract of a consistency function is broken.
    NotIdentity {
        /// A row where it is not, from 0.
        row: usize,
        /// ‖f_1(x) − x‖ there.
        gap: f64,
    },
    /// f_t decreases, which neither the flow map nor any population optimum on the line does.
    Decreasing {
        /// t.
        step: usize,
        /// Where, and by how much.
        decrease: Decrease,
    },
    /// All rows agree with the exact flow map within the tolerance.
    Exact,
    /// All rows agree with the population optimum within the tolerance: what is left is discretisation.
    Optimal {
        /// The last level of the table.
        step: usize,
        /// The mean of ‖f_t* − Φ_t‖ there.
        discretisation: f64,
    },
    /// The training error is the larger part of the error.
    Training {
        /// The last level of the table.
        step: usize,
        /// The mean of ‖f_t − f_t*‖ there.
        training: f64,
        /// The mean of ‖f_t* − Φ_t‖ there.
        discretisation: f64,
    },
    /// The discretisation error is the larger part of the error: more or better placed steps, not more training.
    Discretisation {
        /// The last level of the table.
        step: usize,
        /// The mean of ‖f_t − f_t*‖ there.
        training: f64,
        /// The mean of ‖f_t* − Φ_t‖ there.
        discretisation: f64,
    },
    /// No population optimum was given: the error cannot be split.
    Unsplit {
        /// The last level of the table.
        step: usize,
        /// The mean of ‖f_t − Φ_t‖ there.
        error: f64,
    },
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::NotIdentity { row, gap } => write!(f, "f_1 is not the identity: it moves the point of row {row} by {gap:.3e}"),
            Self::Decreasing { step, decrease: Decrease { from, to, drop } } => {
                write!(
                    f,
                    "f_{step} decreases by {drop:.3e} from row {from} to row {to}, which no flow map or population optimum on the line does"
                )
            }
            Self::Exact => f.write_str("agrees with the exact flow map"),
            Self::Optimal { step, discretisation } => {
                write!(f, "agrees with the population optimum; the discretisation error at step {step} is {discretisation:.3e}")
            }
            Self::Training { step, training, discretisation } => {
                write!(f, "at step {step} training error {training:.3e} outweighs discretisation error {discretisation:.3e}")
            }
            Self::Discretisation { step, training, discretisation } => {
                write!(f, "at step {step} discretisation error {discretisation:.3e} outweighs training error {training:.3e}")
            }
            Self::Unsplit { step, error } => {
                write!(f, "the error at step {step} is {error:.3e}; no population optimum is known to split it")
            }
        }
    }
}

impl<'a> KnownAnswer<'a> {
    /// Against the flow map of a target (most targets are their own) along `grid`.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::audit::{Finding, KnownAnswer};
    /// use onestep::law::Gaussian;
    /// let (target, grid) = (Gaussian::standard(2)?, Grid::from_angles(&[0.1, 1.5])?);
    /// let x = array![[1.0_f64, -2.0], [0.5, 0.5]];
    /// let report = KnownAnswer::new(&target, &grid).check(&[1, 2], &x, &x)?; // the flow of N(0, I) is the identity
    /// assert_eq!(report.finding(), Finding::Exact);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(flow: &'a dyn FlowMap, grid: &'a Grid) -> Self {
        Self { flow, grid, population: None, tolerance: 1e-6 }
    }

    /// Splits the error with the population optimum, such as that of a [`LineRecursion`](crate::population::LineRecursion), of a
    /// [`GaussianRecursion`](crate::population::GaussianRecursion), or a [`Product`](crate::law::Product) of them; it must hold the levels of the table.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::audit::KnownAnswer;
    /// use onestep::law::Gaussian;
    /// use onestep::population::GaussianRecursion;
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8])?);
    /// let run = GaussianRecursion::new(&target, &grid).run()?;
    /// let report = KnownAnswer::new(&target, &grid).population(run.consistency()).check(&[2], &array![[1.0_f64]], &array![[1.0]])?;
    /// // The exact flow of N(0, 1) is not the optimum of training, which shrinks by cos Δθ.
    /// assert!((report.levels[0].training.unwrap().largest - (1.0 - 0.7_f64.cos())).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn population(mut self, optimum: &'a dyn ConsistencyFunction) -> Self {
        self.population = Some(optimum);
        self
    }

    /// How far f_1 may be from the identity, f_t may fall on the line, and values that agree may differ, in the units of the data; 1e−6 by
    /// default, the rounding of single precision for values of order one, with room to spare.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::audit::{Finding, KnownAnswer};
    /// use onestep::law::Gaussian;
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8])?);
    /// let check = KnownAnswer::new(&target, &grid);
    /// let values = (array![[1.0_f64]], array![[1.001_f64]]);
    /// assert!(matches!(check.check(&[1], &values.0, &values.1)?.finding(), Finding::NotIdentity { row: 0, .. }));
    /// assert_eq!(check.tolerance(0.01).check(&[1], &values.0, &values.1)?.finding(), Finding::Exact);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Checks the rows (t_i, x_i, f_i), f_i the value of f at level t_i and point x_i, in any order.
    ///
    /// # Errors
    /// No rows; numbers of rows or columns that differ; a level outside 1..=T or an entry that is not finite, with its row; a population
    /// optimum of another dimension or number of steps, or without a level that occurs; a negative tolerance; a flow map or population
    /// optimum that is not finite somewhere.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::audit::{AuditError, KnownAnswer};
    /// use onestep::law::Gaussian;
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8])?);
    /// let check = KnownAnswer::new(&target, &grid);
    /// let (x, f) = (array![[0.0_f64], [1.0]], array![[0.0_f64], [f64::NAN]]);
    /// assert!(matches!(check.check(&[1, 3], &x, &x), Err(AuditError::NoSuchStep { index: 1, step: 3, .. })));
    /// assert!(matches!(check.check(&[1, 2], &x, &f), Err(AuditError::Entry { row: 1, column: 0, .. })));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn check(&self, t: &[usize], x: &ArrayRef2<f64>, f: &ArrayRef2<f64>) -> Result<KnownAnswerReport, AuditError> {
        self.check_table(t, x, f)?;
        let mut rows_of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (row, &step) in t.iter().enumerate() {
            rows_of.entry(step).or_default().push(row);
        }
        let levels = rows_of
            .iter()
            .map(|(&step, rows)| self.level(step, rows, &x.select(Axis(0), rows), &f.select(Axis(0), rows)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(KnownAnswerReport { grid_steps: self.grid.steps(), levels, tolerance: self.tolerance })
    }

    fn check_table(&self, t: &[usize], x: &ArrayRef2<f64>, f: &ArrayRef2<f64>) -> Result<(), AuditError> {
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            return Err(AuditError::OutOfRange { name: "tolerance", value: self.tolerance, range: "[0, inf)" });
        }
        if t.is_empty() {
            return Err(AuditError::Empty { name: "table" });
        }
        let (dim, last) = (self.flow.dim(), self.grid.steps());
        check_equal("number of levels t", t.len(), "rows of x", x.nrows())?;
        check_equal("number of levels t", t.len(), "rows of f", f.nrows())?;
        check_equal("dimension of the flow map", dim, "columns of x", x.ncols())?;
        check_equal("dimension of the flow map", dim, "columns of f", f.ncols())?;
        if let Some(index) = t.iter().position(|t| !(1..=last).contains(t)) {
            return Err(AuditError::NoSuchStep { name: "t", index, step: t[index], first: 1, last });
        }
        for (name, table) in [("x", x), ("f", f)] {
            if let Some(((row, column), &value)) = table.indexed_iter().find(|(_, v)| !v.is_finite()) {
                return Err(AuditError::Entry { name, row, column, value });
            }
        }
        let Some(optimum) = self.population else { return Ok(()) };
        check_equal("dimension of the flow map", dim, "dimension of the population optimum", optimum.dim())?;
        check_equal("steps of the grid", last, "steps of the population optimum", optimum.steps())?;
        match t.iter().find(|&&t| !optimum.holds(t)) {
            Some(&step) => Err(AuditError::NotHeld { name: "the population optimum", step }),
            None => Ok(()),
        }
    }

    fn level(&self, step: usize, rows: &[usize], x: &Array2<f64>, f: &Array2<f64>) -> Result<LevelAnswer, AuditError> {
        let level = self.grid.level(step);
        let flowed = flow_to_first(self.flow, self.grid, step, x)?;
        let optimum = self.population.map(|optimum| optimum.eval(step, x));
        if let Some(optimum) = &optimum {
            check_values("the population optimum", step, x, optimum)?;
        }
        Ok(LevelAnswer {
            step,
            angle: level.angle(),
            rows: rows.len(),
            error: gap(f, &flowed, rows),
            training: optimum.as_ref().map(|optimum| gap(f, optimum, rows)),
            discretisation: optimum.as_ref().map(|optimum| gap(optimum, &flowed, rows)),
            decrease: if x.ncols() == 1 { largest_decrease(x, f, rows, self.tolerance) } else { None },
        })
    }
}

fn gap(a: &Array2<f64>, b: &Array2<f64>, rows: &[usize]) -> Gap {
    let lengths = lengths(&(a - b));
    let (mut at, mut squares) = (0, 0.0);
    for (i, length) in lengths.iter().enumerate() {
        squares += length * length;
        if *length > lengths[at] {
            at = i;
        }
    }
    Gap {
        mean: Estimate::from_samples(&lengths),
        root_mean_square: (squares / lengths.len() as f64).sqrt(),
        largest: lengths[at],
        row: rows[at],
    }
}

/// The largest fall of f below a value it took at a smaller x, where it exceeds `tolerance`.
fn largest_decrease(x: &Array2<f64>, f: &Array2<f64>, rows: &[usize], tolerance: f64) -> Option<Decrease> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    // Equal points in the order of f: two values at one point are no decrease.
    order.sort_by(|&i, &j| x[[i, 0]].total_cmp(&x[[j, 0]]).then(f[[i, 0]].total_cmp(&f[[j, 0]])));
    let mut highest = *order.first()?;
    let mut found: Option<Decrease> = None;
    for &i in &order {
        let drop = f[[highest, 0]] - f[[i, 0]];
        if drop > tolerance && found.is_none_or(|d| drop > d.drop) {
            found = Some(Decrease { from: rows[highest], to: rows[i], drop });
        }
        if f[[i, 0]] > f[[highest, 0]] {
            highest = i;
        }
    }
    found
}

impl KnownAnswerReport {
    /// The verdict: broken contracts first, then agreement, then which part of the error is the larger at the last level of the table.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::audit::{Finding, KnownAnswer};
    /// use onestep::law::Gaussian;
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.8])?);
    /// let (x, f) = (array![[-1.0_f64], [1.0]], array![[1.0_f64], [-1.0]]);
    /// let finding = KnownAnswer::new(&target, &grid).check(&[2, 2], &x, &f)?.finding();
    /// assert!(matches!(finding, Finding::Decreasing { step: 2, decrease } if decrease.drop == 2.0));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn finding(&self) -> Finding {
        let within = |gap: Option<Gap>| gap.is_some_and(|g| g.largest <= self.tolerance);
        if let Some(first) = self.levels.first().filter(|l| l.step == 1 && !within(Some(l.error))) {
            return Finding::NotIdentity { row: first.error.row, gap: first.error.largest };
        }
        if let Some((step, decrease)) = self.levels.iter().find_map(|l| l.decrease.map(|d| (l.step, d))) {
            return Finding::Decreasing { step, decrease };
        }
        if self.levels.iter().all(|l| within(Some(l.error))) {
            return Finding::Exact;
        }
        let last = &self.levels[self.levels.len() - 1];
        let (step, error) = (last.step, last.error.mean.value);
        let (Some(training), Some(discretisation)) = (last.training, last.discretisation) else {
            return Finding::Unsplit { step, error };
        };
        let optimal = self.levels.iter().all(|l| within(l.training));
        let (training, discretisation) = (training.mean.value, discretisation.mean.value);
        if optimal {
            Finding::Optimal { step, discretisation }
        } else if training > discretisation {
            Finding::Training { step, training, discretisation }
        } else {
            Finding::Discretisation { step, training, discretisation }
        }
    }
}
