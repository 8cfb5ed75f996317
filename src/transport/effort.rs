//! What an exact solution took.

use std::fmt;

/// Work counted during a solution. It does not depend on the number of threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Effort {
    /// Phases of ε-scaling, or rounds of pricing of the network simplex.
    pub phases: usize,
    /// Bids of the auction, or pivots of the network simplex.
    pub iterations: usize,
    /// Rows scanned against the whole second cloud.
    pub scans: usize,
    /// Shortest augmenting paths.
    pub paths: usize,
}

impl Effort {
    /// The work of two solvers, one after the other.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            phases: self.phases + other.phases,
            iterations: self.iterations + other.iterations,
            scans: self.scans + other.scans,
            paths: self.paths + other.paths,
        }
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phases, iterations, scans, paths } = self;
        write!(f, "{phases} phases, {iterations} bids or pivots, {scans} rows scanned, {paths} augmenting paths")
    }
}
