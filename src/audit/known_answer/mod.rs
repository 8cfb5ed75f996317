//! Somebody else's consistency function, checked from its values alone.

mod report;

pub use report::{Decrease, Finding, Gap, KnownAnswerReport, LevelAnswer};

use crate::audit::error::check_values;
use crate::audit::{AuditError, flow_to_first};
use crate::consistency::ConsistencyFunction;
use crate::error::{check_equal, check_finite, check_range, check_some};
use crate::estimate::Estimate;
use crate::flow::FlowMap;
use crate::numeric::rows::lengths;
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
    /// assert!(matches!(check.check(&[1], &values.0, &values.1)?.finding(), Finding::NotIdentity { row: 1, .. }));
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
    /// assert!(matches!(check.check(&[1, 3], &x, &x), Err(AuditError::NoSuchStep { index: 2, step: 3, .. })));
    /// assert!(matches!(check.check(&[1, 2], &x, &f), Err(AuditError::NotFinite(bad)) if (bad.row, bad.column) == (2, 1)));
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
        check_range("tolerance", self.tolerance, self.tolerance >= 0.0 && self.tolerance.is_finite(), "[0, inf)")?;
        check_some("table", t)?;
        let (dim, last) = (self.flow.dim(), self.grid.steps());
        check_equal("number of levels t", t.len(), "rows of x", x.nrows())?;
        check_equal("number of levels t", t.len(), "rows of f", f.nrows())?;
        check_equal("dimension of the flow map", dim, "columns of x", x.ncols())?;
        check_equal("dimension of the flow map", dim, "columns of f", f.ncols())?;
        if let Some(index) = t.iter().position(|t| !(1..=last).contains(t)) {
            return Err(AuditError::NoSuchStep { name: "t", index: index + 1, step: t[index], first: 1, last });
        }
        check_finite("x", x)?;
        check_finite("f", f)?;
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
        row: rows[at] + 1,
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
            found = Some(Decrease { from: rows[highest] + 1, to: rows[i] + 1, drop });
        }
        if f[[i, 0]] > f[[highest, 0]] {
            highest = i;
        }
    }
    found
}
