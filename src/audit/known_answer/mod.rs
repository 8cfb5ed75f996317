//! Somebody else's consistency function, checked from its values alone.

mod fault;
mod finding;
mod gap;
mod plausibility;
mod report;

pub use finding::Finding;
pub use gap::{Decrease, Gap};
pub use report::{KnownAnswerReport, LevelAnswer, Size};

use crate::audit::error::check_values;
use crate::audit::{AuditError, flow_to_first};
use crate::consistency::ConsistencyFunction;
use crate::error::{check_equal, check_finite, check_range, check_some};
use crate::flow::FlowMap;
use crate::law::Moments;
use crate::path::{GaussianPath, Path};
use crate::population::Loss;
use crate::schedule::Grid;
use gap::{gap, largest_decrease};
use ndarray::{Array2, ArrayRef2, Axis};
use plausibility::Plausibility;
use std::collections::BTreeMap;

/// Tests a consistency function that is known by its values only, rows (t, x, f_t(x)) from any framework, against the exact flow map and,
/// where it is known, the population optimum f_t* of training.
///
/// ‖f_t − Φ_t‖ is the whole error, and the verdict is about it: a small one is good whatever recursion it came from. Beside it stand the
/// distances to the optima of consistency training and distillation, where they are given, and the errors of these: the error splits at the
/// same points into the training error f_t − f_t* and the discretisation error f_t* − Φ_t, which training has at any budget.
///
/// Before the verdict the table is asked whether it is what it is said to be, with the [moments](Self::moments) of the law: E‖X_t‖² of the rows
/// of every level, the identity at the first level, the order of t.
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
    path: &'a dyn GaussianPath,
    second_moment: Option<f64>,
    training: Option<&'a dyn ConsistencyFunction>,
    distillation: Option<&'a dyn ConsistencyFunction>,
    under: Option<(Loss, &'a dyn ConsistencyFunction)>,
    sigma_data: Option<f64>,
    apart: Option<&'a dyn ConsistencyFunction>,
    tolerance: f64,
}

/// The rows of one level, in the units of the angle.
struct Table {
    step: usize,
    x: Array2<f64>,
    f: Array2<f64>,
}

/// The optima, in messages.
const TRAINING: &str = "the population optimum";
const DISTILLATION: &str = "the population optimum of distillation";
const UNDER: &str = "the population optimum under another loss";
const APART: &str = "the optimum of pairs without shared noise";

/// The path of the crate.
static ANGLE: std::sync::LazyLock<Path> = std::sync::LazyLock::new(Path::vp);

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
        Self {
            flow,
            grid,
            path: &*ANGLE,
            second_moment: None,
            training: None,
            distillation: None,
            under: None,
            sigma_data: None,
            apart: None,
            tolerance: 1e-6,
        }
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
        self.training = Some(optimum);
        self
    }

    /// The population optimum of consistency distillation with the exact score, beside that of training.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::audit::{Finding, KnownAnswer};
    /// use onestep::law::LineMixture;
    /// use onestep::population::{LineRecursion, Method};
    /// use onestep::{ConsistencyFunction, Grid};
    /// let (target, grid) = (LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.4, 0.4])?, Grid::from_angles(&[0.1, 0.5, 0.9])?);
    /// let run = |method| LineRecursion::new(&target, &grid).method(method).run();
    /// let (training, distillation) = (run(Method::Training)?, run(Method::Distillation)?);
    /// let x = array![[-1.0], [0.5]];
    /// let check = KnownAnswer::new(&target, &grid).population(training.consistency()).distillation(distillation.consistency());
    /// let finding = check.check(&[3, 3], &x, &distillation.consistency().eval(3, &x))?.finding();
    /// assert!(matches!(finding, Finding::Optimal { method: Method::Distillation, .. }));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn distillation(mut self, optimum: &'a dyn ConsistencyFunction) -> Self {
        self.distillation = Some(optimum);
        self
    }

    /// The population optimum of training under the loss that was trained, where that is not the squared one, such as that of
    /// [`LineRecursion::loss`](crate::population::LineRecursion::loss). A table that is nearest to it is told what the loss costs.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::audit::{Finding, KnownAnswer};
    /// use onestep::law::LineMixture;
    /// use onestep::population::{LineRecursion, Loss};
    /// use onestep::schedule::UniformAngle;
    /// use onestep::{ConsistencyFunction, VarianceSchedule};
    /// let target = LineMixture::new(&[0.3, 0.7], &[-1.0, 0.5], &[0.9, 0.35])?;
    /// let grid = UniformAngle::new(20, 0.01, 1.57)?.grid()?;
    /// let run = |loss| LineRecursion::new(&target, &grid).loss(loss).tolerance(1e-6).run();
    /// let (mean, median) = (run(Loss::Squared)?, run(Loss::Absolute)?);
    /// let check = KnownAnswer::new(&target, &grid).population(mean.consistency()).under(Loss::Absolute, median.consistency());
    /// let x = array![[-1.0], [0.3], [0.9]];
    /// let finding = check.check(&[20; 3], &x, &median.consistency().eval(20, &x))?.finding();
    /// assert!(matches!(finding, Finding::OtherLoss { loss: Loss::Absolute, training: 0.0, .. }));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn under(mut self, loss: Loss, optimum: &'a dyn ConsistencyFunction) -> Self {
        self.under = Some((loss, optimum));
        self
    }

    /// The convention of the table: points at level t are m_t X_t, values m_1 f_t. By default those of the angle, where every m is 1.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::audit::{Finding, KnownAnswer};
    /// use onestep::law::Gaussian;
    /// use onestep::path::Path;
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_sigmas(&[0.002, 80.0])?);
    /// // The flow of N(0, 1) as EDM writes it: x √((1 + σ_min²)/(1 + σ²)).
    /// let (x, f) = (array![[100.0]], array![[100.0 * 1f64.hypot(0.002) / 1f64.hypot(80.0)]]);
    /// let edm = Path::edm();
    /// assert_eq!(KnownAnswer::new(&target, &grid).path(&edm).check(&[2], &x, &f)?.finding(), Finding::Exact);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn path(mut self, path: &'a dyn GaussianPath) -> Self {
        self.path = path;
        self
    }

    /// The law's moments: then E‖X_t‖² of the rows of every level is compared with the law's, for tables whose points are draws of X_t. Points
    /// in the units of another path, and levels counted from the other end or from 0, are found so.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use onestep::Grid;
    /// use onestep::audit::{Finding, KnownAnswer};
    /// use onestep::law::Gaussian;
    /// let (target, grid) = (Gaussian::standard(1)?, Grid::from_sigmas(&[0.002, 80.0])?);
    /// // Points X_0 + σZ where X_t was asked for: about 80 in size, not 1.
    /// let x = Array2::from_shape_fn((50, 1), |(i, _)| 80.0 * ((i as f64 - 24.5) / 14.4));
    /// let report = KnownAnswer::new(&target, &grid).moments(&target).check(&[2; 50], &x, &x)?;
    /// assert!(matches!(report.finding(), Finding::Units { step: 2, convention: "edm", factor, .. } if (factor - 80.0).abs() < 0.01));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn moments(mut self, law: &dyn Moments) -> Self {
        self.second_moment = Some(law.second_moment());
        self
    }

    /// σ_data of the preconditioning c_skip x + c_out F behind the values: then a c_out that lacks it is named, f = c_skip x + (f* − c_skip x)/σ_data
    /// for the flow map or an optimum f*. That of EDM's code is ½; 1 makes no difference.
    ///
    /// ```
    /// use ndarray::{Array2, Axis, concatenate};
    /// use onestep::audit::{Finding, KnownAnswer};
    /// use onestep::law::LineMixture;
    /// use onestep::schedule::Karras;
    /// use onestep::{FlowMap, VarianceSchedule};
    /// let target = LineMixture::new(&[0.3, 0.7], &[-1.0, 1.0], &[0.4, 0.4])?;
    /// let grid = Karras::new(18)?.grid()?;
    /// let x = Array2::from_shape_fn((20, 1), |(i, _)| 0.1 * i as f64 - 0.95);
    /// let f = |t: usize| {
    ///     let level = grid.level(t);
    ///     let skip = 0.25 / ((level.sigma() - 0.002).powi(2) + 0.25) * grid.level(1).cos() / level.cos();
    ///     let right: Array2<f64> = target.flow(level, grid.level(1), &x);
    ///     &x * skip + (right - &x * skip) / 0.5
    /// };
    /// let (both, values) = (concatenate![Axis(0), x, x], concatenate![Axis(0), f(9), f(18)]);
    /// let t: Vec<usize> = (0..40).map(|i| if i < 20 { 9 } else { 18 }).collect();
    /// let finding = KnownAnswer::new(&target, &grid).sigma_data(0.5).check(&t, &both, &values)?.finding();
    /// assert!(matches!(finding, Finding::Unscaled { step: 18, distance, .. } if distance < 1e-12));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn sigma_data(mut self, sigma_data: f64) -> Self {
        self.sigma_data = Some(sigma_data);
        self
    }

    /// What training ends with whose pairs do not share their noise, [`noise_apart`](crate::population::noise_apart): a table that is nearest to
    /// it is told so.
    ///
    /// ```
    /// use ndarray::{Axis, array, concatenate};
    /// use onestep::audit::{Finding, KnownAnswer};
    /// use onestep::law::LineMixture;
    /// use onestep::population::{Keep, noise_apart};
    /// use onestep::{ConsistencyFunction, Grid};
    /// let target = LineMixture::new(&[0.3, 0.7], &[-1.0, 1.0], &[0.4, 0.4])?;
    /// let grid = Grid::from_angles(&[0.1, 0.6, 1.1, 1.5])?;
    /// let wrong = noise_apart(&target, &grid, &Keep::All)?;
    /// let x = array![[-1.0], [0.2], [1.3]];
    /// let f = concatenate![Axis(0), wrong.eval(3, &x), wrong.eval(4, &x)];
    /// let check = KnownAnswer::new(&target, &grid).noise_apart(&wrong);
    /// let finding = check.check(&[3, 3, 3, 4, 4, 4], &concatenate![Axis(0), x, x], &f)?.finding();
    /// assert!(matches!(finding, Finding::NoiseApart { step: 4, .. }));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn noise_apart(mut self, optimum: &'a dyn ConsistencyFunction) -> Self {
        self.apart = Some(optimum);
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
    /// assert_eq!(check.tolerance(0.01).check(&[1], &values.0, &values.1)?.finding(), Finding::FirstLevelOnly);
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
    /// No rows; numbers of rows or columns that differ; a level outside 1..=T or an entry that is not finite, with its row; a path that does not
    /// reach a level of the grid; a population optimum of another dimension or number of steps, or without a level that occurs; a negative
    /// tolerance; a σ_data outside [1e−6, 1e6]; a flow map or population optimum that is not finite somewhere.
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
        let scales = self.grid.levels().iter().map(|&level| Ok(self.path.on(level)?.scale())).collect::<Result<Vec<_>, AuditError>>()?;
        let plausibility = Plausibility::new(self.grid, &scales, self.second_moment, self.tolerance, &rows_of, x, f);
        let of_level = |(&step, rows): (&usize, &Vec<usize>)| {
            let (x, f) = (x.select(Axis(0), rows) / scales[step - 1], f.select(Axis(0), rows) / scales[0]);
            Table { step, x, f }
        };
        let tables: Vec<Table> = rows_of.iter().map(of_level).collect();
        let levels = tables
            .iter()
            .zip(rows_of.values())
            .map(|(table, rows)| self.level(table.step, rows, &table.x, &table.f, &plausibility))
            .collect::<Result<Vec<_>, _>>()?;
        let (grid_steps, under) = (self.grid.steps(), self.under.map(|(loss, _)| loss));
        let implausible = plausibility.finding();
        let mut report = KnownAnswerReport { grid_steps, levels, tolerance: self.tolerance, under, implausible, fault: None };
        if report.finding().may_be_a_fault() {
            report.fault = fault::fault(self, &tables, &scales, !matches!(report.finding(), Finding::NotIdentity { .. }))?;
        }
        Ok(report)
    }

    fn check_table(&self, t: &[usize], x: &ArrayRef2<f64>, f: &ArrayRef2<f64>) -> Result<(), AuditError> {
        check_range("tolerance", self.tolerance, self.tolerance >= 0.0 && self.tolerance.is_finite(), "[0, inf)")?;
        if let Some(sigma_data) = self.sigma_data {
            check_range("sigma_data", sigma_data, (1e-6..=1e6).contains(&sigma_data), "[1e-6, 1e6]")?;
        }
        check_some("table", t)?;
        let (dim, last) = (self.flow.dim(), self.grid.steps());
        check_equal("number of levels t", t.len(), "rows of x", x.nrows())?;
        check_equal("number of levels t", t.len(), "rows of f", f.nrows())?;
        check_equal("dimension of the flow map", dim, "columns of x", x.ncols())?;
        check_equal("dimension of the flow map", dim, "columns of f", f.ncols())?;
        if let Some(index) = t.iter().position(|t| !(1..=last).contains(t)) {
            let from_zero = t[index] == 0 && t.iter().all(|&t| t < last);
            return Err(if from_zero {
                AuditError::CountsFromZero { index: index + 1, last }
            } else {
                AuditError::NoSuchStep { name: "t", index: index + 1, step: t[index], first: 1, last }
            });
        }
        check_finite("x", x)?;
        check_finite("f", f)?;
        for (name, optimum) in self.optima() {
            check_equal("dimension of the flow map", dim, "dimension of the population optimum", optimum.dim())?;
            check_equal("steps of the grid", last, "steps of the population optimum", optimum.steps())?;
            if let Some(&step) = t.iter().find(|&&t| !optimum.holds(t)) {
                return Err(AuditError::NotHeld { name, step });
            }
        }
        Ok(())
    }

    /// The optima that are known, with their names.
    fn optima(&self) -> impl Iterator<Item = (&'static str, &'a dyn ConsistencyFunction)> {
        let under = self.under.map(|(_, optimum)| optimum);
        let named = [(TRAINING, self.training), (DISTILLATION, self.distillation), (UNDER, under), (APART, self.apart)];
        named.into_iter().filter_map(|(name, optimum)| Some((name, optimum?)))
    }

    fn level(
        &self,
        step: usize,
        rows: &[usize],
        x: &Array2<f64>,
        f: &Array2<f64>,
        plausibility: &Plausibility<'_>,
    ) -> Result<LevelAnswer, AuditError> {
        let level = self.grid.level(step);
        let flowed = flow_to_first(self.flow, self.grid, step, x)?;
        let beside = |name, optimum: Option<&dyn ConsistencyFunction>| {
            let Some(optimum) = optimum else { return Ok((None, None)) };
            let values = optimum.eval(step, x);
            check_values(name, step, x, &values)?;
            Ok::<_, AuditError>((Some(gap(f, &values, rows)), Some(gap(&values, &flowed, rows))))
        };
        let (training, discretisation) = beside(TRAINING, self.training)?;
        let (distillation, distillation_error) = beside(DISTILLATION, self.distillation)?;
        let (under, under_error) = beside(UNDER, self.under.map(|(_, optimum)| optimum))?;
        Ok(LevelAnswer {
            step,
            angle: level.angle(),
            rows: rows.len(),
            size: plausibility.size(step),
            identity: plausibility.is_identity(step),
            error: gap(f, &flowed, rows),
            training,
            discretisation,
            distillation,
            distillation_error,
            under,
            under_error,
            decrease: if x.ncols() == 1 { largest_decrease(x, f, rows, self.tolerance) } else { None },
        })
    }
}
