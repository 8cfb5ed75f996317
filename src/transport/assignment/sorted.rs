//! One dimension: the sorted matching and its duals, in O(n log n).
//!
//! |x − y|^p with p ≥ 1 is a Monge cost: for x ≤ x' and y ≤ y', c(x, y) + c(x', y') ≤ c(x, y') + c(x', y). So matching in sorted order
//! is optimal, and dual potentials that are feasible for neighbours in that order are feasible for all pairs.

use crate::transport::cost::Geometry;

/// The permutation and the duals u, v.
pub(super) fn solve(geometry: &Geometry) -> (Vec<usize>, Vec<f64>, Vec<f64>) {
    let n = geometry.rows();
    let sorted = |point: &dyn Fn(usize) -> f64| {
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| point(a).total_cmp(&point(b)));
        order
    };
    let (x, y) = (sorted(&|i| geometry.x(i)[0]), sorted(&|j| geometry.y(j)[0]));
    let cost = |i: usize, j: usize| geometry.cost(x[i], y[j]);
    let mut permutation = vec![0; n];
    let (mut u, mut v) = (vec![0.0; n], vec![0.0; n]);
    let mut potential = 0.0;
    for i in 0..n {
        if i > 0 {
            // Feasibility leaves the step an interval. Its middle keeps the potentials, and their rounding, small.
            let (highest, lowest) = (cost(i - 1, i) - cost(i - 1, i - 1), cost(i, i) - cost(i, i - 1));
            potential += 0.5 * (highest + lowest);
        }
        permutation[x[i]] = y[i];
        v[y[i]] = potential;
    }
    for i in 0..n {
        let near = i.saturating_sub(1)..(i + 2).min(n);
        u[x[i]] = near.map(|j| cost(i, j) - v[y[j]]).fold(f64::INFINITY, f64::min);
    }
    (permutation, u, v)
}
