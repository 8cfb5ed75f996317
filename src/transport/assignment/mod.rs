//! Exact W_p between two clouds of equal size with equal weights: the assignment problem.

use super::{TransportError, check};
use crate::Float;
use ndarray::ArrayRef2;

/// Exact W_p between two clouds of n points each, every point of mass 1/n.
///
/// ```math
/// W_p^p = \min_{\pi \in S_n} \frac1n \sum_i \lVert x_i - y_{\pi(i)} \rVert^p
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assignment {
    order: f64,
    memory: usize,
}

/// An optimal matching, its cost and the proof of its optimality.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    /// (1/n) Σ_i ‖x_i − y_π(i)‖^p.
    pub cost: f64,
    /// W_p = cost^{1/p}.
    pub distance: f64,
    /// Lower bound on W_p from the dual potentials: (mean u + mean v)^{1/p}.
    pub lower: f64,
    /// Duality gap of the cost: cost − (mean u + mean v), at least 0.
    pub gap: f64,
    /// Row i of the first cloud is matched with row `permutation[i]` of the second.
    pub permutation: Vec<usize>,
    /// Dual potential of the first cloud: u_i + v_j ≤ ‖x_i − y_j‖^p for all i, j.
    pub u: Vec<f64>,
    /// Dual potential of the second cloud.
    pub v: Vec<f64>,
    /// What the solution took.
    pub effort: Effort,
}

/// Work counted during a solution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effort {
    /// ε-scaling phases.
    pub phases: usize,
    /// Bids of the auction, or pivots of the network simplex.
    pub iterations: usize,
    /// Rows scanned against the whole second cloud.
    pub scans: usize,
    /// Shortest augmenting paths.
    pub paths: usize,
}

impl Assignment {
    /// For the cost ‖x − y‖^p with `order` p ≥ 1.
    ///
    /// # Errors
    /// `order` is NaN, infinite or below 1.
    pub fn new(order: f64) -> Result<Self, TransportError> {
        Ok(Self { order: check::order(order)?, memory: 1 << 30 })
    }

    /// Most bytes the solver may spend on stored costs.
    #[must_use]
    pub fn memory(self, bytes: usize) -> Self {
        Self { memory: bytes, ..self }
    }

    /// Solves the assignment problem between the rows of `x` and of `y`.
    ///
    /// # Errors
    /// A cloud is empty or holds NaN or ∞; the clouds differ in dimension or in size.
    pub fn solve<F: Float>(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<Matching, TransportError> {
        check::clouds(x, y)?;
        check::equal_sizes(x, y)?;
        let weights = vec![1.0 / x.nrows() as f64; x.nrows()];
        let plan = super::network::dense(self.order, x, &weights, y, &weights);
        let mut permutation = vec![0; x.nrows()];
        let mut best = vec![0.0; x.nrows()];
        for &(i, j, mass) in &plan.plan {
            if mass > best[i] {
                best[i] = mass;
                permutation[i] = j;
            }
        }
        Ok(Matching {
            cost: plan.cost,
            distance: plan.distance,
            lower: plan.lower,
            gap: plan.gap,
            permutation,
            u: plan.u,
            v: plan.v,
            effort: plan.effort,
        })
    }
}
