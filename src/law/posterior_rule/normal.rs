//! Rules for normal laws, and what rules are made of.

use crate::law::DiscreteLaw;
use crate::numeric::special::hermite::gauss_hermite;
use ndarray::{Array2, ArrayRef2, Axis, aview1};
use std::borrow::Cow;
use std::sync::OnceLock;

/// Which of the two rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Main,
    Comparison,
}

/// Weights below this are dropped.
pub(super) const NEGLIGIBLE: f64 = 1e-13;

impl DiscreteLaw {
    pub(super) fn pruned(nodes: &ArrayRef2<f64>, weights: &[f64]) -> Self {
        let kept: Vec<usize> = (0..weights.len()).filter(|&k| weights[k] > NEGLIGIBLE).collect();
        let total: f64 = kept.iter().map(|&k| weights[k]).sum();
        Self { nodes: nodes.select(Axis(0), &kept), weights: kept.iter().map(|&k| weights[k] / total).collect() }
    }

    /// All pairs of a node of `self` and a node of `other`, side by side.
    pub(super) fn tensor(&self, other: &Self) -> Self {
        let (m, n) = (self.weights.len(), other.weights.len());
        let split = self.nodes.ncols();
        let entry = |row: usize, j: usize| if j < split { self.nodes[[row / n, j]] } else { other.nodes[[row % n, j - split]] };
        let nodes = Array2::from_shape_fn((m * n, split + other.nodes.ncols()), |(row, j)| entry(row, j));
        let weights: Vec<f64> = (0..m * n).map(|row| self.weights[row / n] * other.weights[row % n]).collect();
        Self::pruned(&nodes, &weights)
    }

    /// A rule for N(0, I) in `dim` dimensions.
    pub(super) fn standard_normal(dim: usize, which: Rule) -> Cow<'static, Self> {
        /// Nodes a coordinate on the line, in the plane and in space.
        const POINTS: [[usize; 3]; 2] = [[16, 8, 6], [12, 6, 5]];
        static RULES: [[OnceLock<DiscreteLaw>; 3]; 2] = [const { [const { OnceLock::new() }; 3] }; 2];
        let which = usize::from(which == Rule::Comparison);
        match POINTS[which].get(dim - 1) {
            Some(&points) => Cow::Borrowed(RULES[which][dim - 1].get_or_init(|| Self::normal_grid(dim, points))),
            None => Cow::Owned(Self::symmetric_points(dim, which == 1)),
        }
    }

    /// Gauss–Hermite with `points` nodes a coordinate.
    pub(super) fn normal_grid(dim: usize, points: usize) -> Self {
        let (nodes, weights) = gauss_hermite(points);
        let line = Self { nodes: Array2::from_shape_fn((points, 1), |(k, _)| nodes[k]), weights };
        (1..dim).fold(line.clone(), |rule, _| rule.tensor(&line))
    }

    /// ±√d e_j with equal weights; `turned` by the reflection that takes e_1 to (1, …, 1)/√d.
    pub(super) fn symmetric_points(dim: usize, turned: bool) -> Self {
        let radius = (dim as f64).sqrt();
        let mut nodes =
            Array2::from_shape_fn((2 * dim, dim), |(k, j)| if k / 2 == j { radius * (1.0 - 2.0 * (k % 2) as f64) } else { 0.0 });
        if turned {
            // I − 2uuᵀ/‖u‖² with u = e_1 − (1, …, 1)/√d.
            let u: Vec<f64> = (0..dim).map(|j| f64::from(u8::from(j == 0)) - 1.0 / radius).collect();
            let twice = 2.0 / u.iter().map(|u| u * u).sum::<f64>();
            for mut node in nodes.rows_mut() {
                let along: f64 = node.iter().zip(&u).map(|(n, u)| n * u).sum();
                node.zip_mut_with(&aview1(&u), |n, u| *n -= twice * along * u);
            }
        }
        Self { nodes, weights: vec![0.5 / dim as f64; 2 * dim] }
    }
}

/// (Σw)²/Σw², the number of equal weights that would average as well.
pub(crate) fn effective_size(weights: &[f64]) -> f64 {
    let (sum, square) = weights.iter().fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
    sum * sum / square
}
