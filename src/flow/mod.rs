//! Probability-flow maps Φ_{θ→θ'}: exact ones, integrated ones, samplers, and the Lipschitz constant of Assumption 1.
//!
//! | question | take |
//! | --- | --- |
//! | Where does the flow take these points, for a law with a flow in closed form? | the law itself: [`Gaussian`](crate::law::Gaussian), [`LineMixture`](crate::law::LineMixture), [`Comb`](crate::law::Comb), [`Radial`](crate::law::Radial) and their products, rotations and shifts implement [`FlowMap`] |
//! | The same for any other law, or for a score of my own? | [`FlowSolver::flow_of`], an [`IntegratedFlow`]; [`FlowSolver::solve`] says why it failed and what it cost |
//! | What is the derivative of the flow? | [`FlowJacobian::jvp`], and [`FlowJacobian::second_derivative`]; all of it at once by [`FlowSolver::jacobian`], its transpose by [`FlowSolver::solve_transposed`] |
//! | How good are the samplers that people use, on T levels? | [`FixedStep`]: Euler, Heun, DDIM, any [`Tableau`] |
//! | What is L_f? | [`LipschitzProbe`], from below, for any score; exactly by [`Gaussian::lipschitz`](crate::law::Gaussian::lipschitz) and by the population recursions, whose reports hold it |

mod as_f64;
mod effort;
mod error;
mod exact;
pub(crate) mod field;
mod integrated;
mod lipschitz;
mod lipschitz_report;
mod quantile;
pub(crate) mod radial;
mod samplers;
mod second_derivative;
mod solution;
mod solver;
mod stepper;
mod tableau;

pub use effort::FlowEffort;
pub use error::FlowError;
pub use integrated::IntegratedFlow;
pub use lipschitz::LipschitzProbe;
pub use lipschitz_report::LipschitzReport;
pub use samplers::FixedStep;
pub use second_derivative::SecondDerivative;
pub use solution::{FlowSolution, TangentSolution};
pub use solver::FlowSolver;
pub use tableau::Tableau;

use crate::delegate::delegate;
use crate::float::Float;
use crate::level::NoiseLevel;
use crate::space::Space;
use ndarray::{Array2, ArrayRef2};

/// The two-time probability-flow map Φ_{θ→θ'}: transports the law p_θ of X_θ to p_θ'.
///
/// Φ solves dx/dθ = u(θ, x), u = −tan θ (x + s_θ(x)): the variance-preserving probability-flow ODE written in the noise angle
/// (Li, Huang and Wei 2025, eqs. (16)–(17), arXiv 2402.07802). Both directions are allowed.
///
/// # Shapes
/// Rows are points, columns coordinates: `x` and `out` are n × [`dim`](crate::Space::dim).
pub trait FlowMap<F: Float = f64>: Space + Send + Sync {
    /// Writes Φ_{from→to} of every row of `x` into the same row of `out`.
    ///
    /// # Panics
    /// `x` and `out` do not both have shape n × `dim()`.
    fn flow_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>);

    /// Allocating form of [`flow_into`](Self::flow_into).
    ///
    /// # Panics
    /// `x` does not have `dim()` columns.
    fn flow(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>) -> Array2<F> {
        let mut out = Array2::zeros(x.raw_dim());
        self.flow_into(from, to, x, &mut out);
        out
    }
}

/// Jacobian–vector products through a flow map: the derivative ∂Φ_{θ→θ'}(x) v.
pub trait FlowJacobian<F: Float = f64>: FlowMap<F> {
    /// Writes ∂Φ_{from→to}(x_i) v_i for every row i into `out`.
    ///
    /// # Panics
    /// `x`, `v` and `out` do not all have shape n × `dim()`.
    fn jvp_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>);

    /// Allocating form of [`jvp_into`](Self::jvp_into).
    ///
    /// # Panics
    /// `x` and `v` do not both have shape n × `dim()`.
    fn jvp(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>) -> Array2<F> {
        let mut out = Array2::zeros(x.raw_dim());
        self.jvp_into(from, to, x, v, &mut out);
        out
    }

    /// D²Φ_{from→to}(x_i)\[u_i, v_i\] of every row i, with its error. `None` where the map does not know it, whatever the points: then only
    /// differences of the Jacobian are left.
    ///
    /// # Panics
    /// `x`, `u` and `v` do not all have shape n × `dim()`.
    fn second_derivative(
        &self,
        _from: NoiseLevel,
        _to: NoiseLevel,
        _x: &ArrayRef2<F>,
        _u: &ArrayRef2<F>,
        _v: &ArrayRef2<F>,
    ) -> Option<SecondDerivative<F>> {
        None
    }
}

delegate! {
    impl[F: Float,] FlowMap<F> {
        fn flow_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>);
    }
}

delegate! {
    impl[F: Float,] FlowJacobian<F> {
        fn jvp_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>);
        fn second_derivative(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, u: &ArrayRef2<F>, v: &ArrayRef2<F>) -> Option<SecondDerivative<F>>;
    }
}
