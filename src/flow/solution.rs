//! Where an integration led.

use crate::flow::effort::FlowEffort;
use ndarray::Array2;
use std::fmt;

/// Points carried along the flow to one or more levels.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FlowSolution<F> {
    /// The points at every stop, in the order asked for.
    pub points: Vec<Array2<F>>,
    /// What it cost.
    pub effort: FlowEffort,
}

/// Points and tangent vectors carried along the flow.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TangentSolution<F> {
    /// Φ(x_i), one a row.
    pub points: Array2<F>,
    /// ∂Φ(x_i) v_i, one a row.
    pub tangents: Array2<F>,
    /// What it cost.
    pub effort: FlowEffort,
}

impl<F> fmt::Display for FlowSolution<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.points.first().map_or(0, Array2::nrows);
        write!(f, "{rows} points at {} levels: {}", self.points.len(), self.effort)
    }
}

impl<F> fmt::Display for TangentSolution<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} points with a tangent each: {}", self.points.nrows(), self.effort)
    }
}
