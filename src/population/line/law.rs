//! What the recursion on the line asks of a law: nodes on its flow, and averages over its posterior.

use crate::level::NoiseLevel;
use crate::population::PopulationError;
use crate::population::interpolant::Interpolant;
use crate::population::line::rules::HermiteRule;
use crate::population::mesh::NodeDensity;
use crate::schedule::Grid;

/// All nodes at one level, and what the law knows of them.
#[derive(Debug, Clone)]
pub(super) struct Nodes<E> {
    /// x_i = F_t^{−1}(F_1(y_i)).
    pub(super) x: Vec<f64>,
    /// p_t(x_i).
    pub(super) density: Vec<f64>,
    /// dx/dθ of the probability flow at x_i.
    pub(super) velocity: Vec<f64>,
    /// The marginal p_t, and what the posterior at the nodes needs.
    pub(super) own: E,
}

/// Moves the nodes from level to level.
pub(super) trait Tracker<E> {
    /// The nodes at the first level, where they stand at their labels.
    fn start(&self, first: NoiseLevel) -> Nodes<E>;

    /// The nodes at `level`: `nodes.x` is a prediction of their positions.
    fn advance(&self, level: NoiseLevel, nodes: &mut Nodes<E>);
}

/// A function at the nodes of the level before, and the scales on which it varies there.
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) g: &'a Interpolant,
    pub(super) scales: &'a [f64],
    pub(super) rules: &'a [HermiteRule],
}

/// A part of a posterior: N(x_i + middle, width²) with this weight, x_i the position of the node at the level before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) weight: f64,
    pub(super) middle: f64,
    pub(super) width: f64,
}

/// A law on the line.
pub(super) trait LineLaw: std::fmt::Debug + Sync {
    /// What the law knows at the nodes of one level.
    type Own: Clone + Sync;
    /// The posterior of X_{t−1} given X_t, for one t.
    type Backward: Sync;

    /// Whether double precision holds the law on this grid; the size of its squared data.
    fn check(&self, grid: &Grid) -> Result<f64, PopulationError>;

    /// The density of nodes that resolves p_t and the flow map at all of the levels `reference`.
    fn node_density(&self, grid: &Grid, reference: &[NoiseLevel]) -> NodeDensity;

    /// The smallest length on which p_t varies.
    fn finest(&self, own: &Self::Own) -> f64;

    /// The trajectories through the positions `labels` at the level `first`.
    fn tracker<'a>(&'a self, labels: &'a [f64], first: NoiseLevel) -> impl Tracker<Self::Own> + 'a;

    /// The posterior of X_{t−1} given X_t.
    fn backward(&self, grid: &Grid, t: usize) -> Self::Backward;

    /// E[X_{t−1} | X_t = x_i] − x_i.
    fn mean_change(&self, backward: &Self::Backward, nodes: &Nodes<Self::Own>, i: usize) -> f64;

    /// C_θ(x_i) = Var(dX_θ/dθ | X_θ = x_i) = Var(X_0 | x_i)/sin²θ, the nodes at this level.
    fn noise_variance(&self, level: NoiseLevel, nodes: &Nodes<Self::Own>, i: usize) -> f64;

    /// The averages of [`average`](Self::average) and their variances at all nodes where they can be computed side by side; the other nodes are `left`.
    fn average_blocks(
        &self,
        _backward: &Self::Backward,
        nodes: &Nodes<Self::Own>,
        _before: Before<'_>,
        _averages: (&mut [f64], &mut [f64]),
        left: &mut Vec<usize>,
    ) {
        left.extend(0..nodes.x.len());
    }

    /// E[g(X_{t−1}) | X_t = x_i] − g_i and Var(g(X_{t−1}) | X_t = x_i), g_i the value of g at node i.
    fn average(&self, backward: &Self::Backward, nodes: &Nodes<Self::Own>, i: usize, before: Before<'_>) -> (f64, f64);

    /// The parts of X_{t−1} given X_t = x_i relative to `before`, the node's position at the level before; none where it has no such parts.
    fn parts(&self, backward: &Self::Backward, nodes: &Nodes<Self::Own>, i: usize, before: f64, parts: &mut Vec<Part>);

    /// The density of X_θ.
    fn density(&self, level: NoiseLevel) -> Box<dyn Fn(f64) -> f64 + Send + Sync + '_>;

    /// ln p at `level` on the trajectory through y at `first`.
    fn ln_density_along(&self, first: NoiseLevel, level: NoiseLevel, y: f64) -> f64;

    /// The flow map from one level to another.
    fn transport(&self, from: NoiseLevel, to: NoiseLevel) -> Box<dyn Fn(f64) -> f64 + '_>;

    /// The standard deviation of X_θ.
    fn spread(&self, level: NoiseLevel) -> f64;

    /// ln of the largest slope of Φ_{t→1} where the law has no nodes; 0 where it has nodes everywhere.
    fn ln_gap_slope(&self, grid: &Grid) -> f64;
}
