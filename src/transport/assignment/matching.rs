//! The answer of the assignment solver.

use crate::transport::TransportError;
use crate::transport::answer::{Answer, Written};
use crate::transport::effort::Effort;
use std::fmt;

/// An optimal matching, its cost and bounds on the optimum.
///
/// `lower` ≤ W_p ≤ `upper` for the points as given, all rounding included: the first by weak duality or by an optimum in integers, the
/// second because the matching is feasible.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Matching {
    /// (1/n) Σ_i ‖x_i − y_π(i)‖^p of the matching, in p-th powers of [`unit`](Self::unit).
    pub cost: f64,
    /// W_p: the p-th root of the cost.
    pub distance: f64,
    /// W_p is at least this.
    pub lower: f64,
    /// W_p is at most this.
    pub upper: f64,
    /// How far the optimal cost may lie below the cost of the matching: bounds on either and the rounding of both, at least 0. In p-th
    /// powers of [`unit`](Self::unit).
    pub gap: f64,
    /// The length whose p-th power is the unit of `cost`, `gap`, `u` and `v`: 1, that is the unit of the coordinates, unless p-th powers
    /// of the distances or the potentials in it would leave the range of `f64`.
    pub unit: f64,
    /// Row i of the first cloud is matched with row `permutation[i]` of the second.
    pub permutation: Vec<usize>,
    /// Dual potential of the first cloud. u_i + v_j ≤ ‖x_i − y_j‖^p holds for all i, j within the rounding of the largest of the three;
    /// potentials that no `f64` holds in this unit are cut to its range.
    pub u: Vec<f64>,
    /// Dual potential of the second cloud.
    pub v: Vec<f64>,
    /// What the solution took.
    pub effort: Effort,
}

impl Matching {
    /// The answer in writing.
    pub(super) fn new(answer: Answer, permutation: Vec<usize>, effort: Effort) -> Result<Self, TransportError> {
        let Written { unit, cost, distance, lower, upper, gap, u, v } = answer.write()?;
        Ok(Self { cost, distance, lower, upper, gap, unit, permutation, u, v, effort })
    }
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
        let Self { distance, lower, upper, permutation, effort, .. } = self;
        writeln!(f, "W_p = {distance} in [{lower}, {upper}], {} pairs", permutation.len())?;
        write!(f, "{effort}")
    }
}
