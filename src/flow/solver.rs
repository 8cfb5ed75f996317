//! Integration of the probability-flow ODE.

use crate::float::Float;
use crate::flow::Tableau;
use crate::flow::field::{ScoreField, TangentField};
use crate::flow::stepper::Plan;
use crate::flow::stepper::run_blocks;
use crate::flow::{FlowJacobian, FlowMap};
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::score::{ScoreFunction, ScoreJacobian};
use crate::space::{Space, inherent_dim};
use ndarray::{Array2, Array3, ArrayRef2, Axis, Slice};

/// Why a flow could not be integrated.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// A parameter is NaN or outside its range.
    #[error("{name} = {value} is outside {range}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The valid range.
        range: &'static str,
    },
    /// The method has no embedded error estimate.
    #[error("{method} has no embedded method: it cannot control its error")]
    NoErrorEstimate {
        /// The method's name.
        method: &'static str,
    },
    /// A starting point is NaN or infinite.
    #[error("x holds {value} in row {row}, column {column}: coordinates must be finite")]
    Start {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value there.
        value: f64,
    },
    /// The score is NaN or infinite along a trajectory.
    #[error("the score of row {row} is not finite at angle {angle}")]
    ScoreNotFinite {
        /// The row, from 0.
        row: usize,
        /// The noise angle θ in radians at which it was evaluated.
        angle: f64,
    },
    /// The cap on the number of steps was reached.
    #[error("{steps} steps did not reach the end: row {row} asks for the smallest steps, at angle {angle}")]
    StepLimit {
        /// The row, from 0, whose error was the largest at the last attempt.
        row: usize,
        /// The angle reached, in radians.
        angle: f64,
        /// Steps attempted.
        steps: usize,
    },
}

/// What an integration cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FlowEffort {
    /// Evaluations of the score, counted by the point: a call on n rows counts n.
    pub point_evaluations: u64,
    /// Accepted steps, summed over the blocks of rows.
    pub accepted: u64,
    /// Rejected steps, summed over the blocks of rows.
    pub rejected: u64,
}

impl FlowEffort {
    pub(crate) fn add(&mut self, other: Self) {
        self.point_evaluations += other.point_evaluations;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
    }
}

/// Points carried along the flow to one or more levels.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FlowSolution<F> {
    /// The points at every stop, in the order asked for.
    pub points: Vec<Array2<F>>,
    /// What it cost.
    pub effort: FlowEffort,
}

/// Points and tangent vectors carried along the flow.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TangentSolution<F> {
    /// Φ(x_i), one a row.
    pub points: Array2<F>,
    /// ∂Φ(x_i) v_i, one a row.
    pub tangents: Array2<F>,
    /// What it cost.
    pub effort: FlowEffort,
}

/// Adaptive integration of the probability-flow ODE dx/dθ = −tan θ (x + s_θ(x)), in either direction, for any score.
///
/// Rows are integrated in blocks (8192 numbers, at least 32 and at most 1024 rows; it depends on d alone). A block has one step size,
/// and a step is accepted only if **every row's own** error estimate meets the tolerance
///
/// ```text
/// RMS over coordinates of  e_j / (tolerance · (1 + max(|x_j|, |x_j'|)))  ≤  1,
/// ```
///
/// so that no row's error hides in the average of a batch, while the score is still called on batches at one level. Blocks are spread over
/// threads; results depend neither on the number of threads nor on how many other rows there are in other blocks.
///
/// **The ends.** At θ = π/2 the velocity is the limit (cos θ x − D(x))/sin θ → −E X_0, which a score alone cannot give: x + s_θ(x) is
/// of order cos θ and cancels. The last ε^{1/3} radians (6e−6 in `f64`, 5e−3 in `f32`) are therefore crossed by one implicit midpoint step,
/// whose error is the cube of that. At θ = 0 the velocity is evaluated at θ = 1e−10, so that laws without density are integrated to their
/// support.
///
/// # Accuracy
/// The tolerance bounds the error of each step; the error of the map is usually a few times that, times the map's own Lipschitz constant.
/// Below 1e−11 in `f64` (1e−4 in `f32`) rounding near the noise end limits it.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{FlowMap, NoiseLevel};
/// use onestep::flow::FlowSolver;
/// use onestep::law::{Covariance, Gaussian};
/// let target = Gaussian::new(&[1.0, -1.0], Covariance::diagonal(&[4.0, 0.25])?)?;
/// let x = array![[0.3, -0.8], [2.0, 1.0]];
/// let solution = FlowSolver::new(1e-9)?.solve(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x)?;
/// let exact = target.flow(NoiseLevel::NOISE, NoiseLevel::DATA, &x);
/// assert!((&solution.points[0] - &exact).iter().all(|gap: &f64| gap.abs() < 1e-8));
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Song et al., "Score-based generative modeling through stochastic differential equations", 2021, §4.3, arXiv 2011.13456 (the ODE);
/// Hairer, Nørsett and Wanner 1993, II.4 (step size control).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlowSolver {
    tolerance: f64,
    tableau: Tableau,
    max_steps: usize,
}

impl FlowSolver {
    /// Dormand–Prince 5(4) with the given tolerance and at most 100 000 steps a block.
    ///
    /// # Errors
    /// The tolerance is not in (0, 1).
    ///
    /// ```
    /// assert!(onestep::flow::FlowSolver::new(1e-6).is_ok());
    /// assert!(onestep::flow::FlowSolver::new(0.0).is_err());
    /// ```
    pub fn new(tolerance: f64) -> Result<Self, FlowError> {
        if !(tolerance > 0.0 && tolerance < 1.0) {
            return Err(FlowError::OutOfRange { name: "tolerance", value: tolerance, range: "(0, 1)" });
        }
        Ok(Self { tolerance, tableau: Tableau::DORMAND_PRINCE, max_steps: 100_000 })
    }

    /// Uses another method; it must have an embedded one.
    ///
    /// # Errors
    /// The tableau has no error weights.
    ///
    /// ```
    /// use onestep::flow::{FlowSolver, Tableau};
    /// assert!(FlowSolver::new(1e-3).unwrap().with_tableau(Tableau::HEUN).is_ok());
    /// assert!(FlowSolver::new(1e-3).unwrap().with_tableau(Tableau::EULER).is_err());
    /// ```
    pub fn with_tableau(mut self, tableau: Tableau) -> Result<Self, FlowError> {
        if tableau.error_weights().is_empty() {
            return Err(FlowError::NoErrorEstimate { method: tableau.name() });
        }
        self.tableau = tableau;
        Ok(self)
    }

    /// Sets the cap on attempted steps for each block of rows and each stop.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::flow::{FlowError, FlowSolver};
    /// use onestep::law::Gaussian;
    /// let solver = FlowSolver::new(1e-12).unwrap().with_max_steps(2);
    /// let narrow = Gaussian::new(&[1.0], onestep::law::Covariance::isotropic(1, 1e-4).unwrap()).unwrap();
    /// let end = solver.solve(&narrow, NoiseLevel::NOISE, NoiseLevel::DATA, &ndarray::array![[0.5]]);
    /// assert!(matches!(end, Err(FlowError::StepLimit { row: 0, steps: 2, .. })));
    /// ```
    #[must_use]
    pub fn with_max_steps(mut self, max_steps: usize) -> Self {
        self.max_steps = max_steps;
        self
    }

    /// The tolerance.
    ///
    /// ```
    /// assert_eq!(onestep::flow::FlowSolver::new(1e-6).unwrap().tolerance(), 1e-6);
    /// ```
    #[must_use]
    pub fn tolerance(&self) -> f64 {
        self.tolerance
    }

    pub(super) fn plan(&self) -> Plan {
        Plan { tolerance: self.tolerance, tableau: self.tableau, max_steps: self.max_steps }
    }

    /// Carries every row of `x` from level `from` to level `to`; the solution has one stop.
    ///
    /// # Errors
    /// [`FlowError`]: a start or a score that is not finite, with its row and level; the step cap.
    ///
    /// # Panics
    /// `x` does not have as many columns as the score has dimensions.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::NoiseLevel;
    /// use onestep::flow::{FlowError, FlowSolver};
    /// use onestep::score::ScoreFn;
    /// // A score that fails on one row is named with that row and its level.
    /// let broken = ScoreFn::new(1, |_: NoiseLevel, x: &[f64], out: &mut [f64]| out[0] = if x[0] > 5.0 { f64::NAN } else { -x[0] });
    /// let end = FlowSolver::new(1e-6)?.solve(&broken, NoiseLevel::NOISE, NoiseLevel::DATA, &array![[1.0], [9.0]]);
    /// assert!(matches!(end, Err(FlowError::ScoreNotFinite { row: 1, .. })));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn solve<F: Float, S: ScoreFunction<F> + ?Sized>(
        &self,
        score: &S,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
    ) -> Result<FlowSolution<F>, FlowError> {
        self.trajectory(score, from, &[to], x)
    }

    /// Carries every row of `x` from level `from` through all `stops`, in their order, whichever direction each leg has.
    /// Steps end at the stops exactly, so the points there have the accuracy of the method itself.
    ///
    /// # Errors
    /// As [`solve`](Self::solve).
    ///
    /// # Panics
    /// As [`solve`](Self::solve).
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::NoiseLevel;
    /// use onestep::flow::FlowSolver;
    /// use onestep::law::Gaussian;
    /// // There and back again.
    /// let target = Gaussian::new(&[2.0], onestep::law::Covariance::isotropic(1, 0.5)?)?;
    /// let stops = [NoiseLevel::DATA, NoiseLevel::from_angle(1.0)?];
    /// let path = FlowSolver::new(1e-10)?.trajectory(&target, stops[1], &stops, &array![[0.7]])?;
    /// assert!((path.points[1][[0, 0]] - 0.7f64).abs() < 1e-9);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn trajectory<F: Float, S: ScoreFunction<F> + ?Sized>(
        &self,
        score: &S,
        from: NoiseLevel,
        stops: &[NoiseLevel],
        x: &ArrayRef2<F>,
    ) -> Result<FlowSolution<F>, FlowError> {
        assert_eq!(x.ncols(), score.dim(), "flow: x has {} columns, the score dimension {}", x.ncols(), score.dim());
        let (points, effort) = run_blocks(&ScoreField { score }, &self.plan(), from, stops, x)?;
        Ok(FlowSolution { points, effort })
    }

    /// Carries points x and tangent vectors v along together: Φ(x_i) and ∂Φ(x_i) v_i, by the variational equation
    /// dv/dθ = −tan θ (v + ∂s_θ(x) v). The tolerance holds for both.
    ///
    /// # Errors
    /// As [`solve`](Self::solve).
    ///
    /// # Panics
    /// `x` and `v` do not both have as many columns as the score has dimensions, or unequal numbers of rows.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::NoiseLevel;
    /// use onestep::flow::FlowSolver;
    /// use onestep::law::{Covariance, Gaussian};
    /// // From the noise to the data the derivative of a Gaussian flow is √Σ.
    /// let target = Gaussian::new(&[1.0, 0.0], Covariance::diagonal(&[4.0, 0.25])?)?;
    /// let (x, v) = (array![[0.3, 0.1]], array![[1.0, 1.0]]);
    /// let end = FlowSolver::new(1e-10)?.solve_tangent(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x, &v)?;
    /// assert!((end.tangents - array![[2.0, 0.5]]).iter().all(|gap: &f64| gap.abs() < 1e-8));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn solve_tangent<F: Float, S: ScoreJacobian<F> + ?Sized>(
        &self,
        score: &S,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        v: &ArrayRef2<F>,
    ) -> Result<TangentSolution<F>, FlowError> {
        self.tangent(score, from, to, x, v, false)
    }

    /// The transposed derivative along a trajectory that **ends** in `x` at `to`: with Φ(y_i) = x_i, returns y_i and ∂Φ(y_i)ᵀ w_i.
    ///
    /// ∂s is symmetric, being a Hessian, so the adjoint equation is the variational one with the sign changed, integrated back from `to`
    /// to `from`. For a score that is not a gradient (a network) this is not the transpose.
    ///
    /// # Errors
    /// As [`solve`](Self::solve).
    ///
    /// # Panics
    /// As [`solve_tangent`](Self::solve_tangent).
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::NoiseLevel;
    /// use onestep::flow::FlowSolver;
    /// use onestep::law::{Covariance, Gaussian};
    /// let target = Gaussian::new(&[1.0, 0.0], Covariance::diagonal(&[4.0, 0.25])?)?;
    /// let (x, w) = (array![[1.6, 0.05]], array![[1.0, 1.0]]);
    /// let start = FlowSolver::new(1e-10)?.solve_transposed(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x, &w)?;
    /// // Φ(y) = m + √Σ y: y = (0.3, 0.1); √Σ is symmetric.
    /// assert!((start.points - array![[0.3, 0.1]]).iter().all(|gap: &f64| gap.abs() < 1e-8));
    /// assert!((start.tangents - array![[2.0, 0.5]]).iter().all(|gap: &f64| gap.abs() < 1e-8));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn solve_transposed<F: Float, S: ScoreJacobian<F> + ?Sized>(
        &self,
        score: &S,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        w: &ArrayRef2<F>,
    ) -> Result<TangentSolution<F>, FlowError> {
        self.tangent(score, to, from, x, w, true)
    }

    /// Rows (x, e_1, …, e_d).
    pub(super) fn with_unit_tangents<F: Float>(x: &ArrayRef2<F>) -> Array2<F> {
        let dim = x.ncols();
        Array2::from_shape_fn((x.nrows(), dim * (dim + 1)), |(i, j)| match (j / dim, j % dim) {
            (0, column) => x[[i, column]],
            (tangent, column) if tangent == column + 1 => F::one(),
            _ => F::zero(),
        })
    }

    fn tangent<F: Float, S: ScoreJacobian<F> + ?Sized>(
        &self,
        score: &S,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        v: &ArrayRef2<F>,
        transposed: bool,
    ) -> Result<TangentSolution<F>, FlowError> {
        let dim = score.dim();
        assert_shapes("tangent", dim, x, v);
        let start = ndarray::concatenate(Axis(1), &[x.view(), v.view()]).expect("x and v have equal numbers of rows: asserted above");
        let (points, effort) = run_blocks(&TangentField { score, tangents: 1, transposed }, &self.plan(), from, &[to], &start)?;
        let part = |i: usize| points[0].slice_axis(Axis(1), Slice::from(i * dim..(i + 1) * dim)).to_owned();
        Ok(TangentSolution { points: part(0), tangents: part(1), effort })
    }

    /// The full Jacobian ∂Φ(x_i) of every row, n × d × d, entry (i, j, k) = ∂Φ_j/∂x_k: d tangent vectors carried along together.
    /// For small d; the cost is d + 1 score evaluations where the flow takes one.
    ///
    /// # Errors
    /// As [`solve`](Self::solve).
    ///
    /// # Panics
    /// As [`solve`](Self::solve).
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::NoiseLevel;
    /// use onestep::flow::FlowSolver;
    /// use onestep::law::{Covariance, Gaussian};
    /// let sigma = Covariance::full(&array![[2.0, 1.0], [1.0, 2.0]])?;
    /// let target = Gaussian::new(&[0.0, 0.0], sigma)?;
    /// let j = FlowSolver::new(1e-10)?.jacobian(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &array![[0.4, -1.0]])?;
    /// // √Σ squared is Σ.
    /// let j = j.index_axis_move(ndarray::Axis(0), 0);
    /// assert!((j.dot(&j) - array![[2.0, 1.0], [1.0, 2.0]]).iter().all(|gap: &f64| gap.abs() < 1e-8));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn jacobian<F: Float, S: ScoreJacobian<F> + ?Sized>(
        &self,
        score: &S,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
    ) -> Result<Array3<F>, FlowError> {
        let dim = score.dim();
        assert_eq!(x.ncols(), dim, "jacobian: x has {} columns, the score dimension {dim}", x.ncols());
        let start = Self::with_unit_tangents(x);
        let (points, _) = run_blocks(&TangentField { score, tangents: dim, transposed: false }, &self.plan(), from, &[to], &start)?;
        Ok(Array3::from_shape_fn((x.nrows(), dim, dim), |(i, j, k)| points[0][[i, (k + 1) * dim + j]]))
    }
}

/// The flow map of a score, integrated at every call: a [`FlowMap`] for any score.
///
/// [`FlowMap`] cannot fail. Where the integration does (a score that is not finite, the step cap) **every entry of `out` is NaN**; call
/// [`FlowSolver::solve`] to learn why.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{FlowMap, NoiseLevel};
/// use onestep::flow::{FlowSolver, IntegratedFlow};
/// use onestep::law::Gaussian;
/// use onestep::score::ScoreFn;
/// let flow = IntegratedFlow::new(Gaussian::standard(2)?, FlowSolver::new(1e-8)?);
/// let x = array![[1.0, -2.0]];
/// // N(0, I) stays where it is.
/// assert!((flow.flow(NoiseLevel::NOISE, NoiseLevel::DATA, &x) - &x).iter().all(|d: &f64| d.abs() < 1e-14));
/// let broken = ScoreFn::new(1, |_: NoiseLevel, _: &[f64], out: &mut [f64]| out[0] = f64::NAN);
/// let flow = IntegratedFlow::new(broken, FlowSolver::new(1e-8)?);
/// assert!(flow.flow(NoiseLevel::NOISE, NoiseLevel::DATA, &array![[1.0]])[[0, 0]].is_nan());
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct IntegratedFlow<S> {
    score: S,
    solver: FlowSolver,
}

impl<S> IntegratedFlow<S> {
    /// The flow of `score`, integrated by `solver`.
    ///
    /// ```
    /// use onestep::flow::{FlowSolver, IntegratedFlow};
    /// use onestep::law::Gaussian;
    /// let flow = IntegratedFlow::new(Gaussian::standard(2)?, FlowSolver::new(1e-8)?);
    /// assert_eq!(flow.solver().tolerance(), 1e-8);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(score: S, solver: FlowSolver) -> Self {
        Self { score, solver }
    }

    /// The solver.
    ///
    /// ```
    /// use onestep::flow::{FlowSolver, IntegratedFlow};
    /// use onestep::law::Gaussian;
    /// let flow = IntegratedFlow::new(Gaussian::standard(2)?, FlowSolver::new(1e-3)?);
    /// assert_eq!(flow.solver().tolerance(), 1e-3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn solver(&self) -> &FlowSolver {
        &self.solver
    }

    /// The score.
    ///
    /// ```
    /// use onestep::flow::{FlowSolver, IntegratedFlow};
    /// use onestep::law::Gaussian;
    /// let flow = IntegratedFlow::new(Gaussian::standard(2)?, FlowSolver::new(1e-3)?);
    /// assert_eq!(flow.score().dim(), 2);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn score(&self) -> &S {
        &self.score
    }
}

impl<S: Space> Space for IntegratedFlow<S> {
    fn dim(&self) -> usize {
        self.score.dim()
    }
}

inherent_dim!([S: Space] IntegratedFlow<S>);

impl<F: Float, S: ScoreFunction<F>> FlowMap<F> for IntegratedFlow<S> {
    fn flow_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("flow", self.score.dim(), x, out);
        match self.solver.solve(&self.score, from, to, x) {
            Ok(solution) => out.assign(&solution.points[0]),
            Err(_) => out.fill(F::nan()),
        }
    }
}

impl<F: Float, S: ScoreJacobian<F>> FlowJacobian<F> for IntegratedFlow<S> {
    fn jvp_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("jvp", self.score.dim(), x, out);
        match self.solver.solve_tangent(&self.score, from, to, x, v) {
            Ok(solution) => out.assign(&solution.tangents),
            Err(_) => out.fill(F::nan()),
        }
    }
}
