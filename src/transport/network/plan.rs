//! The answer of the transport solver.

use crate::transport::effort::Effort;
use std::fmt;

/// An optimal transport plan, its cost and the proof of its optimality.
///
/// `lower` ≤ W_p ≤ `distance`, the first by weak duality, the second because the plan is feasible.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Plan {
    /// Σ P_ij ‖x_i − y_j‖^p.
    pub cost: f64,
    /// W_p = cost^{1/p}.
    pub distance: f64,
    /// Lower bound on W_p from the dual potentials: (Σ a_i u_i + Σ b_j v_j)^{1/p}.
    pub lower: f64,
    /// Duality gap of the cost: cost − (Σ a_i u_i + Σ b_j v_j), at least 0.
    pub gap: f64,
    /// The support of the plan: (i, j, P_ij) with P_ij > 0, ordered by i, then j.
    pub plan: Vec<(usize, usize, f64)>,
    /// Dual potential of the first cloud. u_i + v_j ≤ ‖x_i − y_j‖^p holds for all i, j: the solver's last step takes
    /// u_i = min_j(‖x_i − y_j‖^p − v_j) over all columns.
    pub u: Vec<f64>,
    /// Dual potential of the second cloud.
    pub v: Vec<f64>,
    /// What the solution took.
    pub effort: Effort,
}

/// The distance, its bounds and the work in two lines.
///
/// ```
/// use ndarray::array;
/// use onestep::transport::NetworkSimplex;
/// let plan = NetworkSimplex::new(1.0)?.solve(&array![[0.0]], &array![[0.5]])?;
/// assert!(plan.to_string().starts_with("W_p = 0.5"));
/// # Ok::<(), onestep::Error>(())
/// ```
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cost, distance, lower, gap, plan, effort, .. } = self;
        writeln!(f, "W_p = {distance}, at least {lower}: cost {cost} of {} pairs, gap {gap:e}", plan.len())?;
        write!(f, "{effort}")
    }
}
