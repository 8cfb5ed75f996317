//! The answer of the assignment solver.

use crate::transport::effort::Effort;
use std::fmt;

/// An optimal matching, its cost and the proof of its optimality.
///
/// `lower` ≤ W_p ≤ `distance`, the first by weak duality, the second because the matching is feasible.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Matching {
    /// (1/n) Σ_i ‖x_i − y_π(i)‖^p of the matching.
    pub cost: f64,
    /// W_p = cost^{1/p}.
    pub distance: f64,
    /// Lower bound on W_p from the dual potentials: (mean u + mean v)^{1/p}.
    pub lower: f64,
    /// Duality gap of the cost: cost − (mean u + mean v), at least 0.
    pub gap: f64,
    /// Row i of the first cloud is matched with row `permutation[i]` of the second.
    pub permutation: Vec<usize>,
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
/// use onestep::transport::Assignment;
/// let matching = Assignment::new(2.0)?.solve(&array![[0.0]], &array![[0.5]])?;
/// assert!(matching.to_string().starts_with("W_p = 0.5"));
/// # Ok::<(), onestep::Error>(())
/// ```
impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cost, distance, lower, gap, permutation, effort, .. } = self;
        writeln!(f, "W_p = {distance}, at least {lower}: cost {cost} of {} pairs, gap {gap:e}", permutation.len())?;
        write!(f, "{effort}")
    }
}
