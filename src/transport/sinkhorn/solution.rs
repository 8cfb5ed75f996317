//! Results.

use std::fmt;

/// An entropic plan, summarised.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SinkhornSolution {
    /// Σ P_ij ‖x_i − y_j‖^p: the cost of the plan rounded to the exact marginals, without the entropy.
    pub cost: f64,
    /// OT_ε as the dual value Σ a_i f_i + Σ b_j g_j − ε (Σ P_ij − 1).
    pub entropic: f64,
    /// Certified lower bound on W_p, from the potentials made feasible by c-transforms, less all rounding errors.
    pub lower: f64,
    /// Certified upper bound on W_p: the root of `cost`, and all rounding errors.
    pub upper: f64,
    /// Σ_i |Σ_j P_ij − a_i|: the total error of the marginals.
    pub marginal_error: f64,
    /// Iterations, over all values of ε.
    pub iterations: usize,
    /// Potential f of the first cloud.
    pub f: Vec<f64>,
    /// Potential g of the second cloud: P_ij = a_i b_j exp((f_i + g_j − ‖x_i − y_j‖^p)/ε).
    pub g: Vec<f64>,
}

/// The Sinkhorn divergence and its three parts.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SinkhornDivergence {
    /// S_ε = OT_ε(μ, ν) − (OT_ε(μ, μ) + OT_ε(ν, ν))/2.
    pub value: f64,
    /// OT_ε(μ, ν).
    pub cross: f64,
    /// OT_ε(μ, μ).
    pub first: f64,
    /// OT_ε(ν, ν).
    pub second: f64,
    /// Largest marginal error of the three.
    pub marginal_error: f64,
    /// Iterations of all three.
    pub iterations: usize,
}

impl fmt::Display for SinkhornSolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cost, entropic, lower, upper, marginal_error, iterations, .. } = self;
        writeln!(f, "cost of the plan {cost:.6e}, OT_ε {entropic:.6e}; W_p lies in [{lower:.6e}, {upper:.6e}]")?;
        write!(f, "marginal error {marginal_error:.1e} after {iterations} iterations")
    }
}

impl fmt::Display for SinkhornDivergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, cross, first, second, marginal_error, iterations } = self;
        writeln!(f, "S_ε = {value:.6e} = {cross:.6e} − ({first:.6e} + {second:.6e})/2")?;
        write!(f, "marginal error {marginal_error:.1e} after {iterations} iterations")
    }
}
