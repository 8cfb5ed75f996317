//! The flow map of any score.

use crate::float::Float;
use crate::flow::solver::FlowSolver;
use crate::flow::{FlowJacobian, FlowMap, SecondDerivative};
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::score::{ScoreFunction, ScoreJacobian};
use crate::space::{Space, inherent_dim};
use ndarray::{Array2, ArrayRef2};

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

impl FlowSolver {
    /// The flow map of a score, for whoever asks for a [`FlowMap`]: [`IntegratedFlow`] with this solver.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{FlowMap, NoiseLevel};
    /// use onestep::flow::FlowSolver;
    /// use onestep::law::GaussianMixture;
    /// // A mixture has no flow in closed form; a symmetric one keeps its centre.
    /// let law = GaussianMixture::isotropic(&[0.5, 0.5], &array![[-1.0], [1.0]], &[0.2, 0.2])?;
    /// let centre = FlowSolver::new(1e-8)?.flow_of(&law).flow(NoiseLevel::NOISE, NoiseLevel::DATA, &array![[0.0_f64]]);
    /// assert!(centre[[0, 0]].abs() < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn flow_of<S>(&self, score: S) -> IntegratedFlow<S> {
        IntegratedFlow::new(score, *self)
    }
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

    /// By the second variational equation, where the score knows its second derivative. NaN where the integration fails.
    fn second_derivative(
        &self,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        u: &ArrayRef2<F>,
        v: &ArrayRef2<F>,
    ) -> Option<SecondDerivative<F>> {
        self.solver
            .solve_second(&self.score, from, to, x, u, v)
            .unwrap_or_else(|_| Some(SecondDerivative::new(Array2::from_elem(x.raw_dim(), F::nan()), vec![f64::INFINITY; x.nrows()])))
    }
}
