//! Consistency functions in the conventions of others, both ways.

use crate::consistency::{ConsistencyError, ConsistencyFunction, assert_evaluable};
use crate::float::Float;
use crate::path::{GaussianPath, Place};
use crate::schedule::Grid;
use crate::space::{Family, Space, inherent_dim, inherent_family};
use ndarray::{Array2, ArrayRef2};

/// The levels of a grid on a path: times and places.
fn stations<P: GaussianPath>(grid: &Grid, path: &P) -> Result<Vec<(f64, Place)>, ConsistencyError> {
    grid.levels().iter().map(|&level| Ok((path.time(level)?, path.on(level)?))).collect()
}

/// A consistency function in the convention of its path, as one of this crate: f_t(x) = f^path(m_t x)/m_1.
///
/// The function is a closure on a batch, `f(time, points, out)`: time and points in the convention of the path, one point a row; its values
/// are points of the path at the first level of the grid. It is called for t ≥ 2 only, f_1 = id; whether it is the identity at the first level
/// itself says [`boundary_gap`](Self::boundary_gap).
///
/// # Example
/// ```
/// use ndarray::{ArrayRef2, array};
/// use onestep::consistency::PathConsistency;
/// use onestep::law::Gaussian;
/// use onestep::path::Path;
/// use onestep::{ConsistencyFunction, FlowMap, VarianceSchedule};
/// use onestep::schedule::Karras;
/// let grid = Karras::new(18)?.grid()?;
/// // The flow of N(0, 1) in the convention of EDM: x √((1 + σ_min²)/(1 + σ²)), the identity in the angle.
/// let flow = |sigma: f64, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| {
///     out.assign(&x.mapv(|x| x * 1f64.hypot(0.002) / 1f64.hypot(sigma)));
/// };
/// let f = PathConsistency::new(Path::edm(), &grid, 1, flow)?;
/// assert!((f.eval(18, &array![[1.5]])[[0, 0]] - 1.5).abs() < 1e-14);
/// assert!(f.boundary_gap(&array![[1.5], [-9.0]]) < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Clone)]
pub struct PathConsistency<C> {
    stations: Vec<(f64, Place)>,
    dim: usize,
    f: C,
}

impl<C> std::fmt::Debug for PathConsistency<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PathConsistency").field("dim", &self.dim).field("steps", &self.stations.len()).finish_non_exhaustive()
    }
}

impl<C> PathConsistency<C> {
    /// The function `f` on `path`, in dimension `dim`, at the levels of `grid`.
    ///
    /// # Errors
    /// The path does not reach a level of the grid.
    ///
    /// ```
    /// use ndarray::ArrayRef2;
    /// use onestep::Grid;
    /// use onestep::consistency::PathConsistency;
    /// use onestep::path::Path;
    /// let to_noise = Grid::from_angles(&[0.1, std::f64::consts::FRAC_PI_2])?;
    /// let copy = |_: f64, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| out.assign(x);
    /// assert!(PathConsistency::new(Path::edm(), &to_noise, 1, copy).is_err());
    /// assert!(PathConsistency::new(Path::linear(), &to_noise, 1, copy).is_ok());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new<F, P: GaussianPath>(path: P, grid: &Grid, dim: usize, f: C) -> Result<Self, ConsistencyError>
    where
        C: Fn(f64, &ArrayRef2<F>, &mut ArrayRef2<F>) + Send + Sync,
    {
        Ok(Self { stations: stations(grid, &path)?, dim, f })
    }

    /// The largest |f(x) − x| of a coordinate at the first level, in the units of the angle, at rows `x` of X_1; NaN where a value is.
    ///
    /// A family of this crate is the identity there by contract; a network that is not, because its scaling leaves out σ_min, has learned
    /// another function than it is asked for.
    ///
    /// # Panics
    /// `x` does not have `dim` columns.
    ///
    /// ```
    /// use ndarray::{ArrayRef2, array};
    /// use onestep::Grid;
    /// use onestep::consistency::PathConsistency;
    /// use onestep::path::Path;
    /// let grid = Grid::from_sigmas(&[0.002, 80.0])?;
    /// let denoiser = |sigma: f64, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| out.assign(&x.mapv(|x| x / (1.0 + sigma * sigma)));
    /// let gap = PathConsistency::new(Path::edm(), &grid, 1, denoiser)?.boundary_gap(&array![[1.0]]);
    /// assert!((gap / 4e-6 - 1.0).abs() < 1e-5);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn boundary_gap<F: Float>(&self, x: &ArrayRef2<F>) -> f64
    where
        C: Fn(f64, &ArrayRef2<F>, &mut ArrayRef2<F>) + Send + Sync,
    {
        assert_eq!(x.ncols(), self.dim, "boundary_gap: x has {} columns, the functions dimension {}", x.ncols(), self.dim);
        let mut out = Array2::zeros(x.raw_dim());
        self.call(1, x, &mut out);
        // NaN is kept.
        out.iter().zip(x).map(|(f, x)| (*f - *x).as_f64().abs()).fold(0.0, |a, gap| if gap <= a { a } else { gap })
    }

    fn call<F: Float>(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>)
    where
        C: Fn(f64, &ArrayRef2<F>, &mut ArrayRef2<F>) + Send + Sync,
    {
        let (time, place) = self.stations[t - 1];
        (self.f)(time, &place.from_vp(x), out);
        let scale = F::of(self.stations[0].1.scale());
        out.mapv_inplace(|v| v / scale);
    }
}

impl<C> Space for PathConsistency<C> {
    fn dim(&self) -> usize {
        self.dim
    }
}

impl<C> Family for PathConsistency<C> {
    fn steps(&self) -> usize {
        self.stations.len()
    }
}

inherent_dim!([C] PathConsistency<C>);
inherent_family!([C] PathConsistency<C>);

impl<F: Float, C: Fn(f64, &ArrayRef2<F>, &mut ArrayRef2<F>) + Send + Sync> ConsistencyFunction<F> for PathConsistency<C> {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        if t == 1 {
            out.assign(x);
        } else {
            self.call(t, x, out);
        }
    }
}

/// A consistency function of this crate in the convention of a path: f^path(x) = m_1 f_t(x/m_t).
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::consistency::ConsistencyOnPath;
/// use onestep::law::LineMixture;
/// use onestep::path::Path;
/// use onestep::population::LineRecursion;
/// use onestep::schedule::Karras;
/// use onestep::{ConsistencyFunction, VarianceSchedule};
/// let (target, grid) = (LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.4, 0.4])?, Karras::new(18)?.grid()?);
/// let run = LineRecursion::new(&target, &grid).run()?;
/// // The optimum at x = 40 and σ = 80, as EDM writes it.
/// let edm = ConsistencyOnPath::new(run.consistency(), Path::edm(), &grid)?;
/// let value = edm.eval(18, &array![[40.0]])[[0, 0]];
/// let here = run.consistency().eval(18, &array![[40.0 * grid.last().cos()]])[[0, 0]];
/// assert!((value - here / grid.level(1).cos()).abs() < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ConsistencyOnPath<C> {
    f: C,
    stations: Vec<(f64, Place)>,
}

impl<C: Family> ConsistencyOnPath<C> {
    /// `f`, a family on `grid`, seen on `path`.
    ///
    /// # Errors
    /// The path does not reach a level of the grid, or the family has another number of levels than the grid.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::consistency::{ConsistencyFn, ConsistencyOnPath};
    /// use onestep::path::Path;
    /// let f = ConsistencyFn::new(1, 3, |_t, x: &[f64], out: &mut [f64]| out[0] = x[0]);
    /// assert!(ConsistencyOnPath::new(&f, Path::edm(), &Grid::from_angles(&[0.1, 0.5])?).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new<P: GaussianPath>(f: C, path: P, grid: &Grid) -> Result<Self, ConsistencyError> {
        crate::error::check_equal("levels of the consistency function", f.steps(), "levels of the grid", grid.steps())?;
        Ok(Self { f, stations: stations(grid, &path)? })
    }

    /// The time of level t on the path.
    ///
    /// # Panics
    /// `t` is not in 1..=T.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::consistency::{ConsistencyFn, ConsistencyOnPath};
    /// use onestep::path::Path;
    /// let f = ConsistencyFn::new(1, 2, |_t, x: &[f64], out: &mut [f64]| out[0] = x[0]);
    /// let edm = ConsistencyOnPath::new(&f, Path::edm(), &Grid::from_sigmas(&[0.5, 2.0])?)?;
    /// assert!((edm.time(2) - 2.0).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn time(&self, t: usize) -> f64 {
        self.stations[t - 1].0
    }

    /// f^path at level t and points of the path, one a row.
    ///
    /// # Panics
    /// `x` does not have `dim()` columns, or the family does not hold level `t`.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::consistency::{ConsistencyFn, ConsistencyOnPath};
    /// use onestep::path::Path;
    /// let f = ConsistencyFn::new(1, 2, |_t, x: &[f64], out: &mut [f64]| out[0] = x[0]);
    /// let linear = ConsistencyOnPath::new(&f, Path::linear(), &Grid::from_angles(&[0.1, 0.5])?)?;
    /// // The identity of the angle rescales: m_1/m_2.
    /// let scale = |angle: f64| 1.0 / (angle.sin() + angle.cos());
    /// assert!((linear.eval(2, &array![[3.0]])[[0, 0]] - 3.0 * scale(0.1) / scale(0.5)).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn eval<F: Float>(&self, t: usize, x: &ArrayRef2<F>) -> Array2<F>
    where
        C: ConsistencyFunction<F>,
    {
        if t == 1 {
            // The identity, without rounding.
            return self.f.eval(1, x);
        }
        let first = self.stations[0].1;
        first.from_vp(&self.f.eval(t, &self.stations[t - 1].1.to_vp(x)))
    }
}

impl<C: Space> Space for ConsistencyOnPath<C> {
    fn dim(&self) -> usize {
        self.f.dim()
    }
}

inherent_dim!([C: Space] ConsistencyOnPath<C>);
