//! Two-time maps: from any level to any level below.

use crate::consistency::{ConsistencyError, ConsistencyFunction, assert_evaluable};
use crate::delegate::delegate;
use crate::error::{check_equal, check_range};
use crate::float::Float;
use crate::flow::FlowMap;
use crate::numeric::rows::lengths;
use crate::numeric::shapes::assert_shapes;
use crate::path::{GaussianPath, Path, Place};
use crate::schedule::Grid;
use crate::space::{Family, Space, inherent_dim, inherent_family};
use ndarray::{Array2, ArrayRef2, Zip};

/// A family of maps f_{t→k}, 1 ≤ k ≤ t ≤ T: a point at level t of a [`Grid`] goes to an approximate sample of X_k.
///
/// **Contract: f_{t→t} = id**, exactly. A consistency function is the part k = 1 ([`ToFirst`]); flow maps, shortcut models and `MeanFlow` have
/// all of them.
///
/// # Shapes
/// Rows are points: `x` and `out` are n × [`dim`](crate::Space::dim).
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::Grid;
/// use onestep::consistency::{ExactMaps, TwoTimeMap, semigroup_defect};
/// use onestep::law::LineMixture;
/// let law = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.4, 0.4])?;
/// let grid = Grid::from_angles(&[0.1, 0.6, 1.1, 1.5])?;
/// let maps = ExactMaps::new(&law, &grid);
/// // Through level 2 or at once: the same.
/// assert!(semigroup_defect(&maps, (4, 2, 1), &array![[-1.3_f64], [0.2], [2.0]])? < 1e-13);
/// # Ok::<(), onestep::Error>(())
/// ```
pub trait TwoTimeMap<F: Float = f64>: Family + Send + Sync {
    /// Writes f_{t→k} of every row of `x` into the same row of `out`.
    ///
    /// # Panics
    /// Not 1 ≤ k ≤ t ≤ T, or `x` and `out` do not both have shape n × `dim()`.
    fn map_into(&self, t: usize, k: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>);

    /// Allocating form of [`map_into`](Self::map_into).
    ///
    /// # Panics
    /// As [`map_into`](Self::map_into).
    fn map(&self, t: usize, k: usize, x: &ArrayRef2<F>) -> Array2<F> {
        let mut out = Array2::zeros(x.raw_dim());
        self.map_into(t, k, x, &mut out);
        out
    }
}

delegate! {
    impl[F: Float,] TwoTimeMap<F> {
        fn map_into(&self, t: usize, k: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>);
    }
}

fn assert_times(t: usize, k: usize, steps: usize) {
    assert!(1 <= k && k <= t && t <= steps, "map: {t} to {k} is not downwards in 1..={steps}");
}

/// The mean length of f_{k→j}(f_{t→k}(x)) − f_{t→j}(x) over the rows of `x`, which are points of level t: 0 for exact maps, and what a map that is
/// trained to jump lacks of one that can be cut anywhere. NaN where a value is.
///
/// # Errors
/// Not 1 ≤ j ≤ k ≤ t ≤ T.
///
/// # Panics
/// `x` does not have `dim()` columns.
///
/// ```
/// use ndarray::{ArrayRef2, array};
/// use onestep::Grid;
/// use onestep::consistency::{AverageVelocity, semigroup_defect};
/// let grid = Grid::from_angles(&[0.1, 0.6, 1.1])?;
/// // A velocity that is constant makes straight lines: they can be cut anywhere.
/// let straight = AverageVelocity::new(&grid, 1, |_r: f64, _t: f64, _x: &ArrayRef2<f64>, u: &mut ArrayRef2<f64>| u.fill(2.0))?;
/// assert!(semigroup_defect(&straight, (3, 2, 1), &array![[0.3], [-1.0]])? < 1e-15);
/// assert!(semigroup_defect(&straight, (1, 2, 3), &array![[0.3]]).is_err());
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn semigroup_defect<F: Float, M: TwoTimeMap<F> + ?Sized>(
    maps: &M,
    (t, k, j): (usize, usize, usize),
    x: &ArrayRef2<F>,
) -> Result<f64, ConsistencyError> {
    let ordered = 1 <= j && j <= k && k <= t && t <= maps.steps();
    check_range("levels (t, k, j): k", k, ordered, "levels with 1 <= j <= k <= t <= T")?;
    let gaps = lengths(&(maps.map(k, j, &maps.map(t, k, x)) - maps.map(t, j, x)));
    Ok(gaps.iter().sum::<f64>() / gaps.len() as f64)
}

/// The exact maps Φ_{t→k} of a law along a grid: two-time maps, and the exact consistency function Φ_{t→1}.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::consistency::{ExactMaps, TwoTimeMap};
/// use onestep::law::Gaussian;
/// use onestep::{ConsistencyFunction, Grid};
/// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 0.6])?);
/// let maps = ExactMaps::new(&law, &grid);
/// // N(0, 1) stays where it is.
/// assert!((maps.eval(2, &array![[1.5_f64]])[[0, 0]] - 1.5).abs() < 1e-15);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ExactMaps<'g, M> {
    flow: M,
    grid: &'g Grid,
}

impl<'g, M> ExactMaps<'g, M> {
    /// Those of a flow map; a law without one in closed form has that of [`FlowSolver::flow_of`](crate::flow::FlowSolver::flow_of).
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::consistency::ExactMaps;
    /// use onestep::law::Gaussian;
    /// let grid = Grid::from_angles(&[0.1, 0.6])?;
    /// assert_eq!(ExactMaps::new(Gaussian::standard(3)?, &grid).steps(), 2);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(flow: M, grid: &'g Grid) -> Self {
        Self { flow, grid }
    }
}

impl<M: Space> Space for ExactMaps<'_, M> {
    fn dim(&self) -> usize {
        self.flow.dim()
    }
}

impl<M: Space> Family for ExactMaps<'_, M> {
    fn steps(&self) -> usize {
        self.grid.steps()
    }
}

inherent_dim!([M: Space] ExactMaps<'_, M>);
inherent_family!([M: Space] ExactMaps<'_, M>);

impl<F: Float, M: FlowMap<F>> TwoTimeMap<F> for ExactMaps<'_, M> {
    fn map_into(&self, t: usize, k: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_times(t, k, self.grid.steps());
        assert_shapes("map", self.flow.dim(), x, out);
        if t == k {
            out.assign(x);
        } else {
            self.flow.flow_into(self.grid.level(t), self.grid.level(k), x, out);
        }
    }
}

impl<F: Float, M: FlowMap<F>> ConsistencyFunction<F> for ExactMaps<'_, M> {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        self.map_into(t, 1, x, out);
    }
}

/// The consistency function f_{t→1} of two-time maps.
///
/// ```
/// use ndarray::array;
/// use onestep::consistency::{ExactMaps, ToFirst};
/// use onestep::law::Gaussian;
/// use onestep::{ConsistencyFunction, Grid};
/// let grid = Grid::from_angles(&[0.1, 0.6])?;
/// let f = ToFirst(ExactMaps::new(Gaussian::standard(1)?, &grid));
/// assert_eq!(f.eval(1, &array![[0.7_f64]]), array![[0.7]]);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ToFirst<M>(pub M);

impl<M: Space> Space for ToFirst<M> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
}

impl<M: Family> Family for ToFirst<M> {
    fn steps(&self) -> usize {
        self.0.steps()
    }

    fn holds(&self, t: usize) -> bool {
        self.0.holds(t)
    }
}

inherent_dim!([M: Space] ToFirst<M>);
inherent_family!([M: Family] ToFirst<M>);

impl<F: Float, M: TwoTimeMap<F>> ConsistencyFunction<F> for ToFirst<M> {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        self.0.map_into(t, 1, x, out);
    }
}

/// `MeanFlow`'s average velocity u on the linear path x = (1−s) X_0 + s Z, as two-time maps: z_r = z_t − (t − r) u(z_t, r, t), rescaled to the angle.
///
/// A shortcut model has the same with u(z, t − h, t) for its step of length h. The velocity is a closure on a batch, `velocity(r, t, points, out)`,
/// with times 0 ≤ r < t ≤ 1 (noise at 1) and points of the linear path; it is not called for r = t.
///
/// # Example
/// ```
/// use ndarray::{ArrayRef2, array};
/// use onestep::consistency::{AverageVelocity, TwoTimeMap};
/// use onestep::{Grid, NoiseLevel};
/// // The law N(0, 1): its flow on the linear path is x √(v_r/v_t), v = (1−s)² + s², and the identity in the angle.
/// let length = |s: f64| s.hypot(1.0 - s);
/// let velocity = |r: f64, t: f64, x: &ArrayRef2<f64>, u: &mut ArrayRef2<f64>| u.assign(&x.mapv(|x| x * (1.0 - length(r) / length(t)) / (t - r)));
/// let maps = AverageVelocity::new(&Grid::from_angles(&[0.1, 0.8, 1.5])?, 1, velocity)?;
/// assert!((maps.map(3, 2, &array![[1.2]])[[0, 0]] - 1.2).abs() < 1e-15);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Geng et al., "Mean flows for one-step generative modeling", 2025, arXiv 2505.13447; Frans et al., "One step diffusion via shortcut models",
/// 2025, arXiv 2410.12557.
#[doc(alias = "MeanFlow")]
#[derive(Clone)]
pub struct AverageVelocity<C> {
    stations: Vec<(f64, Place)>,
    dim: usize,
    velocity: C,
}

impl<C> std::fmt::Debug for AverageVelocity<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AverageVelocity").field("dim", &self.dim).field("steps", &self.stations.len()).finish_non_exhaustive()
    }
}

impl<C> AverageVelocity<C> {
    /// The maps of `velocity` in dimension `dim` between the levels of `grid`.
    ///
    /// # Errors
    /// A level that the linear path does not reach.
    ///
    /// ```
    /// use ndarray::ArrayRef2;
    /// use onestep::Grid;
    /// use onestep::consistency::AverageVelocity;
    /// let none = |_r: f64, _t: f64, _x: &ArrayRef2<f32>, u: &mut ArrayRef2<f32>| u.fill(0.0);
    /// assert_eq!(AverageVelocity::new(&Grid::from_angles(&[0.1, 0.8])?, 2, none)?.dim(), 2);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new<F>(grid: &Grid, dim: usize, velocity: C) -> Result<Self, ConsistencyError>
    where
        C: Fn(f64, f64, &ArrayRef2<F>, &mut ArrayRef2<F>) + Send + Sync,
    {
        let path = Path::linear();
        let station = |&level| Ok::<_, ConsistencyError>((path.time(level)?, path.on(level)?));
        Ok(Self { stations: grid.levels().iter().map(station).collect::<Result<_, _>>()?, dim, velocity })
    }
}

impl<C> Space for AverageVelocity<C> {
    fn dim(&self) -> usize {
        self.dim
    }
}

impl<C> Family for AverageVelocity<C> {
    fn steps(&self) -> usize {
        self.stations.len()
    }
}

inherent_dim!([C] AverageVelocity<C>);
inherent_family!([C] AverageVelocity<C>);

impl<F: Float, C: Fn(f64, f64, &ArrayRef2<F>, &mut ArrayRef2<F>) + Send + Sync> TwoTimeMap<F> for AverageVelocity<C> {
    fn map_into(&self, t: usize, k: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_times(t, k, self.stations.len());
        assert_shapes("map", self.dim, x, out);
        if t == k {
            out.assign(x);
            return;
        }
        let ((time, from), (end, to)) = (self.stations[t - 1], self.stations[k - 1]);
        let z = from.from_vp(x);
        (self.velocity)(end, time, &z, out);
        let (step, scale) = (F::of(time - end), F::of(to.scale()));
        Zip::from(out).and(&z).for_each(|o, &z| *o = (z - step * *o) / scale);
    }
}

/// The average velocity u(z, r, t) = (z − f_{t→r}(z))/(t − r) of two-time maps, at points z of the linear path at level t: what `MeanFlow` with these
/// maps would return. With [`ExactMaps`] its known answer.
///
/// # Errors
/// Not 1 ≤ k < t ≤ T, or a grid of another number of levels.
///
/// # Panics
/// `z` does not have `dim()` columns.
///
/// ```
/// use ndarray::array;
/// use onestep::Grid;
/// use onestep::consistency::{ExactMaps, average_velocity};
/// use onestep::law::PointMasses;
/// use onestep::flow::FlowSolver;
/// // One point mass at 3: x = (1−s) 3 + s Z moves on a straight line, with the velocity Z − 3 = (x − 3)/s.
/// let law = PointMasses::empirical(&array![[3.0]])?;
/// let grid = Grid::from_sigmas(&[0.25, 1.0, 4.0])?; // s = 0.2, 0.5, 0.8
/// let maps = ExactMaps::new(FlowSolver::new(1e-10)?.flow_of(&law), &grid);
/// let u = average_velocity(&maps, &grid, 3, 1, &array![[2.0_f64]])?[[0, 0]];
/// assert!((u - (2.0 - 3.0) / 0.8).abs() < 1e-8);
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn average_velocity<F: Float, M: TwoTimeMap<F> + ?Sized>(
    maps: &M,
    grid: &Grid,
    t: usize,
    k: usize,
    z: &ArrayRef2<F>,
) -> Result<Array2<F>, ConsistencyError> {
    check_equal("levels of the maps", maps.steps(), "levels of the grid", grid.steps())?;
    check_range("k", k, 1 <= k && k < t && t <= grid.steps(), "[1, t - 1] with t <= T")?;
    let path = Path::linear();
    let (from, to) = (grid.level(t), grid.level(k));
    let step = F::of(path.time(from)? - path.time(to)?);
    let mut u = path.on(to)?.from_vp(&maps.map(t, k, &path.on(from)?.to_vp(z)));
    u.zip_mut_with(z, |u, &z| *u = (z - *u) / step);
    Ok(u)
}
