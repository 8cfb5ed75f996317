//! Probability-flow maps.

mod exact;
pub(crate) mod field;
mod lipschitz;
mod quantile;
pub(crate) mod radial;
mod samplers;
mod solver;
mod stepper;
mod tableau;

pub use lipschitz::{LipschitzError, LipschitzProbe, LipschitzReport};
pub use samplers::{FixedStep, SamplerError};
pub use solver::{FlowEffort, FlowError, FlowSolution, FlowSolver, IntegratedFlow, TangentSolution};
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
/// Rows are points, columns coordinates: `x` and `out` are n × [`dim`](Self::dim).
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
}

delegate! {
    impl[F: Float,] FlowMap<F> {
        fn flow_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>);
    }
}

delegate! {
    impl[F: Float,] FlowJacobian<F> {
        fn jvp_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>);
    }
}
