//! Exact W_p between two weighted clouds: the transportation problem.

use super::assignment::Effort;
use super::{TransportError, check};
use crate::Float;
use ndarray::{Array2, ArrayRef2};

/// Exact W_p between two weighted clouds of any sizes.
///
/// ```math
/// W_p^p = \min_{P \ge 0} \sum_{ij} P_{ij} \lVert x_i - y_j \rVert^p, \qquad P 1 = a, \quad P^\top 1 = b
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NetworkSimplex {
    order: f64,
}

/// An optimal transport plan, its cost and the proof of its optimality.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Σ P_ij ‖x_i − y_j‖^p.
    pub cost: f64,
    /// W_p = cost^{1/p}.
    pub distance: f64,
    /// Lower bound on W_p from the dual potentials: (Σ a_i u_i + Σ b_j v_j)^{1/p}.
    pub lower: f64,
    /// Duality gap of the cost: cost − (Σ a_i u_i + Σ b_j v_j), at least 0.
    pub gap: f64,
    /// The support of the plan: (i, j, P_ij) with P_ij > 0, ordered by i, then j.
    pub plan: Vec<(usize, usize, f64)>,
    /// Dual potential of the first cloud: u_i + v_j ≤ ‖x_i − y_j‖^p for all i, j.
    pub u: Vec<f64>,
    /// Dual potential of the second cloud.
    pub v: Vec<f64>,
    /// What the solution took.
    pub effort: Effort,
}

impl NetworkSimplex {
    /// For the cost ‖x − y‖^p with `order` p ≥ 1.
    ///
    /// # Errors
    /// `order` is NaN, infinite or below 1.
    pub fn new(order: f64) -> Result<Self, TransportError> {
        Ok(Self { order: check::order(order)? })
    }

    /// Solves the transportation problem between `x` with masses `a` and `y` with masses `b`, each summing to one (within 1e−9).
    ///
    /// # Errors
    /// A cloud is empty or holds NaN or ∞; the clouds differ in dimension; weights are not one a row, nonnegative, finite and of sum 1.
    pub fn solve<F: Float>(&self, x: &ArrayRef2<F>, a: &[f64], y: &ArrayRef2<F>, b: &[f64]) -> Result<Plan, TransportError> {
        check::clouds(x, y)?;
        let a = check::weights(check::CLOUDS[0], x.nrows(), a)?;
        let b = check::weights(check::CLOUDS[1], y.nrows(), b)?;
        Ok(dense(self.order, x, &a, y, &b))
    }

    /// Solves with equal weights: mass 1/n on every row of `x`, 1/m on every row of `y`.
    ///
    /// # Errors
    /// A cloud is empty or holds NaN or ∞; the clouds differ in dimension.
    pub fn solve_uniform<F: Float>(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<Plan, TransportError> {
        check::clouds(x, y)?;
        let uniform = |n: usize| vec![1.0 / n as f64; n];
        Ok(dense(self.order, x, &uniform(x.nrows()), y, &uniform(y.nrows())))
    }
}

/// Successive shortest paths on the dense bipartite graph.
pub(super) fn dense<F: Float>(order: f64, x: &ArrayRef2<F>, a: &[f64], y: &ArrayRef2<F>, b: &[f64]) -> Plan {
    let (n, m) = (x.nrows(), y.nrows());
    let cost = Array2::from_shape_fn((n, m), |(i, j)| {
        let square: f64 = x.row(i).iter().zip(y.row(j)).map(|(a, b)| (a.as_f64() - b.as_f64()).powi(2)).sum();
        square.powf(order / 2.0)
    });
    let (mut supply, mut demand) = (a.to_vec(), b.to_vec());
    let mut flow = Array2::<f64>::zeros((n, m));
    let (mut u, mut v) = (vec![0.0; n], vec![0.0; m]);
    let mut paths = 0;
    for source in 0..n {
        while supply[source] > 1e-15 && demand.iter().any(|&b| b > 1e-15) {
            paths += 1;
            let (mut du, mut dv) = (vec![f64::INFINITY; n], vec![f64::INFINITY; m]);
            let (mut pu, mut pv) = (vec![usize::MAX; n], vec![usize::MAX; m]);
            let (mut done_u, mut done_v) = (vec![false; n], vec![false; m]);
            du[source] = 0.0;
            let mut sink = usize::MAX;
            loop {
                let i = (0..n).filter(|&i| !done_u[i]).min_by(|&p, &q| du[p].total_cmp(&du[q]));
                let j = (0..m).filter(|&j| !done_v[j]).min_by(|&p, &q| dv[p].total_cmp(&dv[q]));
                let (ki, kj) = (i.map_or(f64::INFINITY, |i| du[i]), j.map_or(f64::INFINITY, |j| dv[j]));
                if ki <= kj && ki < f64::INFINITY {
                    let i = i.unwrap_or(0);
                    done_u[i] = true;
                    for j in 0..m {
                        let key = du[i] + (cost[[i, j]] - u[i] - v[j]).max(0.0);
                        if !done_v[j] && key < dv[j] {
                            (dv[j], pv[j]) = (key, i);
                        }
                    }
                } else if kj < f64::INFINITY {
                    let j = j.unwrap_or(0);
                    done_v[j] = true;
                    if demand[j] > 1e-15 {
                        sink = j;
                        break;
                    }
                    for i in 0..n {
                        if flow[[i, j]] > 1e-15 && !done_u[i] && dv[j] < du[i] {
                            (du[i], pu[i]) = (dv[j], j);
                        }
                    }
                } else {
                    break;
                }
            }
            if sink == usize::MAX {
                break;
            }
            let reach = dv[sink];
            (0..n).filter(|&i| done_u[i]).for_each(|i| u[i] += reach - du[i]);
            (0..m).filter(|&j| done_v[j]).for_each(|j| v[j] -= reach - dv[j]);
            let (mut j, mut mass) = (sink, supply[source].min(demand[sink]));
            loop {
                let i = pv[j];
                if i == source {
                    break;
                }
                mass = mass.min(flow[[i, pu[i]]]);
                j = pu[i];
            }
            let mut j = sink;
            loop {
                let i = pv[j];
                flow[[i, j]] += mass;
                if i == source {
                    break;
                }
                flow[[i, pu[i]]] -= mass;
                j = pu[i];
            }
            supply[source] -= mass;
            demand[sink] -= mass;
        }
    }
    let plan: Vec<_> = flow.indexed_iter().filter(|(_, f)| **f > 1e-15).map(|((i, j), f)| (i, j, *f)).collect();
    let primal: f64 = plan.iter().map(|&(i, j, f)| f * cost[[i, j]]).sum();
    for i in 0..n {
        u[i] = (0..m).map(|j| cost[[i, j]] - v[j]).fold(f64::INFINITY, f64::min);
    }
    let dual: f64 = u.iter().zip(a).chain(v.iter().zip(b)).map(|(u, a)| u * a).sum();
    Plan {
        cost: primal,
        distance: primal.powf(1.0 / order),
        lower: dual.max(0.0).powf(1.0 / order),
        gap: (primal - dual).max(0.0),
        plan,
        u,
        v,
        effort: Effort { paths, ..Effort::default() },
    }
}
