//! Integration of the probability-flow ODE.

use crate::error::check_range;
use crate::float::Float;
use crate::flow::error::FlowError;
use crate::flow::field::{BendField, ScoreField, TangentField};
use crate::flow::second_derivative::SecondDerivative;
use crate::flow::solution::{FlowSolution, TangentSolution};
use crate::flow::stepper::{Plan, run_blocks};
use crate::flow::tableau::Tableau;
use crate::level::NoiseLevel;
use crate::numeric::rows::{lengths, normalise};
use crate::numeric::shapes::assert_shapes;
use crate::score::{ScoreFunction, ScoreJacobian};
use ndarray::{Array2, Array3, ArrayRef2, Axis, Slice};

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
        check_range("tolerance", tolerance, tolerance > 0.0 && tolerance < 1.0, "(0, 1)")?;
        Ok(Self { tolerance, tableau: Tableau::DORMAND_PRINCE, max_steps: 100_000 })
    }

    /// Uses another method; it must have an embedded one, or every integration is refused.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::NoiseLevel;
    /// use onestep::flow::{FlowError, FlowSolver, Tableau};
    /// use onestep::law::Gaussian;
    /// let (target, x) = (Gaussian::standard(1)?, array![[0.5_f64]]);
    /// let with = |method| FlowSolver::new(1e-3)?.tableau(method).solve(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x);
    /// assert!((with(Tableau::HEUN)?.points[0][[0, 0]] - 0.5).abs() < 1e-12); // N(0, 1) does not move
    /// assert_eq!(with(Tableau::EULER), Err(FlowError::NoErrorEstimate { method: "Euler" }));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn tableau(mut self, tableau: Tableau) -> Self {
        self.tableau = tableau;
        self
    }

    /// Sets the cap on attempted steps for each block of rows and each stop.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::flow::{FlowError, FlowSolver};
    /// use onestep::law::Gaussian;
    /// let solver = FlowSolver::new(1e-12).unwrap().max_steps(2);
    /// let narrow = Gaussian::new(&[1.0], onestep::law::Covariance::isotropic(1, 1e-4).unwrap()).unwrap();
    /// let end = solver.solve(&narrow, NoiseLevel::NOISE, NoiseLevel::DATA, &ndarray::array![[0.5]]);
    /// assert!(matches!(end, Err(FlowError::StepLimit { row: 1, steps: 2, .. })));
    /// ```
    #[must_use]
    pub fn max_steps(mut self, max_steps: usize) -> Self {
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

    /// What every block is integrated with; refused without an error estimate.
    pub(super) fn plan(&self) -> Result<Plan, FlowError> {
        if self.tableau.error_weights().is_empty() {
            return Err(FlowError::NoErrorEstimate { method: self.tableau.name() });
        }
        Ok(Plan { tolerance: self.tolerance, tableau: self.tableau, max_steps: self.max_steps })
    }

    /// Carries every row of `x` from level `from` to level `to`; the solution has one stop.
    ///
    /// # Errors
    /// [`FlowError`]: a start or a score that is not finite, with its row and level; the step cap; a method without error estimate.
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
    /// assert!(matches!(end, Err(FlowError::ScoreNotFinite { row: 2, .. })));
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
        let (points, effort) = run_blocks(&ScoreField { score }, &self.plan()?, from, stops, x)?;
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

    /// Carries points and two tangent vectors along with the second derivative: D²Φ(x_i)\[u_i, v_i\], by the second variational equation
    /// dw/dθ = −tan θ (w + ∂s_θ w + ∂²s_θ\[u, v\]), w = 0 at the start. Integrated twice, once with ten times the tolerance: the difference is
    /// the error that is reported. `None` for a score that does not know its second derivative.
    ///
    /// # Errors
    /// As [`solve`](Self::solve).
    ///
    /// # Panics
    /// `x`, `u` and `v` do not all have as many columns as the score has dimensions, or unequal numbers of rows.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{FlowJacobian, NoiseLevel};
    /// use onestep::flow::FlowSolver;
    /// use onestep::law::LineMixture;
    /// // On the line the second derivative has a closed form.
    /// let law = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5])?;
    /// let (from, to) = (NoiseLevel::from_angle(1.2)?, NoiseLevel::from_angle(0.1)?);
    /// let (x, one) = (array![[0.3_f64]], array![[1.0_f64]]);
    /// let exact = law.second_derivative(from, to, &x, &one, &one).unwrap();
    /// let integrated = FlowSolver::new(1e-9)?.solve_second(&law, from, to, &x, &one, &one)?.unwrap();
    /// assert!((integrated.value[[0, 0]] - exact.value[[0, 0]]).abs() <= integrated.error[0] + exact.error[0]);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn solve_second<F: Float, S: ScoreJacobian<F> + ?Sized>(
        &self,
        score: &S,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        u: &ArrayRef2<F>,
        v: &ArrayRef2<F>,
    ) -> Result<Option<SecondDerivative<F>>, FlowError> {
        let dim = score.dim();
        assert_shapes("second derivative", dim, x, u);
        assert_shapes("second derivative", dim, x, v);
        let none = Array2::zeros((0, dim));
        if score.score_second_derivative(from, &none, &none, &none).is_none() {
            return Ok(None);
        }
        // The equation is bilinear: unit vectors keep the tolerance in proportion.
        let (mut u, mut v, w) = (u.to_owned(), v.to_owned(), Array2::zeros(x.raw_dim()));
        let scale: Vec<f64> = normalise(&mut u).into_iter().zip(normalise(&mut v)).map(|(a, b)| a * b).collect();
        let start = ndarray::concatenate![Axis(1), x.view(), u, v, w];
        let run = |tolerance: f64| {
            let plan = Plan { tolerance, ..self.plan()? };
            let (points, _) = run_blocks(&BendField { score }, &plan, from, &[to], &start)?;
            Ok::<_, FlowError>(points[0].slice_axis(Axis(1), Slice::from(3 * dim..)).to_owned())
        };
        let (mut value, rough) = (run(self.tolerance)?, run((10.0 * self.tolerance).min(0.5))?);
        let mut error = lengths(&(&rough - &value));
        let sizes = lengths(&value);
        for (i, mut row) in value.rows_mut().into_iter().enumerate() {
            // Equal roundings of both runs do not show in their difference.
            error[i] = scale[i] * (error[i] + 16.0 * F::epsilon().as_f64() * sizes[i]);
            row.mapv_inplace(|c| c * F::of(scale[i]));
        }
        Ok(Some(SecondDerivative::new(value, error)))
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
        let (points, effort) = run_blocks(&TangentField { score, tangents: 1, transposed }, &self.plan()?, from, &[to], &start)?;
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
        let (points, _) = run_blocks(&TangentField { score, tangents: dim, transposed: false }, &self.plan()?, from, &[to], &start)?;
        Ok(Array3::from_shape_fn((x.nrows(), dim, dim), |(i, j, k)| points[0][[i, (k + 1) * dim + j]]))
    }
}
