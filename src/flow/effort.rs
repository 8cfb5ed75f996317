//! What an integration cost.

use std::fmt;

/// What an integration cost.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::NoiseLevel;
/// use onestep::flow::FlowSolver;
/// use onestep::law::Gaussian;
/// let (law, x) = (Gaussian::standard(1)?, array![[0.5_f64], [1.0]]);
/// let effort = FlowSolver::new(1e-6)?.solve(&law, NoiseLevel::NOISE, NoiseLevel::DATA, &x)?.effort;
/// // Both rows are in one block: every evaluation counts two points.
/// assert!(effort.point_evaluations % 2 == 0 && effort.accepted > 0);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FlowEffort {
    /// Evaluations of the score, counted by the point: a call on n rows counts n.
    pub point_evaluations: u64,
    /// Accepted steps, summed over the blocks of rows.
    pub accepted: u64,
    /// Rejected steps, summed over the blocks of rows.
    pub rejected: u64,
}

impl FlowEffort {
    pub(crate) fn add(&mut self, other: Self) {
        self.point_evaluations += other.point_evaluations;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
    }
}

/// One line, such as `1040 score evaluations, 80 steps, 3 rejected`.
impl fmt::Display for FlowEffort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} score evaluations, {} steps, {} rejected", self.point_evaluations, self.accepted, self.rejected)
    }
}
