//! The answer of the transport solver.

use crate::transport::TransportError;
use crate::transport::answer::{Answer, Written};
use crate::transport::effort::Effort;
use std::fmt;

/// An optimal transport plan, its cost and bounds on the optimum.
///
/// `lower` ≤ W_p ≤ `upper` for the points as given and the weights as given over their sums, all rounding included: the first by weak
/// duality or by an optimum in integers, the second because the plan is feasible.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Plan {
    /// Σ P_ij ‖x_i − y_j‖^p, in p-th powers of [`unit`](Self::unit).
    pub cost: f64,
    /// W_p: the p-th root of the cost.
    pub distance: f64,
    /// W_p is at least this.
    pub lower: f64,
    /// W_p is at most this.
    pub upper: f64,
    /// How far the optimal cost may lie below the cost of the plan: bounds on either and the rounding of both, at least 0. In p-th powers
    /// of [`unit`](Self::unit).
    pub gap: f64,
    /// The length whose p-th power is the unit of `cost`, `gap`, `u` and `v`: 1, that is the unit of the coordinates, unless p-th powers
    /// of the distances or the potentials in it would leave the range of `f64`.
    pub unit: f64,
    /// The support of the plan: (i, j, P_ij) with P_ij > 0, ordered by i, then j.
    pub plan: Vec<(usize, usize, f64)>,
    /// Dual potential of the first cloud. u_i + v_j ≤ ‖x_i − y_j‖^p holds for all i, j within the rounding of the largest of the
    /// three; potentials that no `f64` holds in this unit are cut to its range.
    pub u: Vec<f64>,
    /// Dual potential of the second cloud.
    pub v: Vec<f64>,
    /// What the solution took.
    pub effort: Effort,
}

impl Plan {
    /// The answer in writing.
    pub(super) fn new(answer: Answer, plan: Vec<(usize, usize, f64)>, effort: Effort) -> Result<Self, TransportError> {
        let Written { unit, cost, distance, lower, upper, gap, u, v } = answer.write()?;
        Ok(Self { cost, distance, lower, upper, gap, unit, plan, u, v, effort })
    }
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
        let Self { distance, lower, upper, plan, effort, .. } = self;
        writeln!(f, "W_p = {distance} in [{lower}, {upper}], {} pairs", plan.len())?;
        write!(f, "{effort}")
    }
}
