//! Exact W_p between two weighted clouds: the transportation problem.

mod auction;
pub(super) mod merge;
mod simplex;
mod tree;

use super::assignment::Effort;
use super::cost::Geometry;
use super::order::Order;
use super::screen::Screen;
use super::{TransportError, certificate, check};
use crate::Float;
use merge::Merged;
use ndarray::ArrayRef2;

/// Exact W_p between two weighted clouds of any sizes.
///
/// ```math
/// W_p^p = \min_{P \ge 0} \sum_{ij} P_{ij} \lVert x_i - y_j \rVert^p, \qquad P 1 = a, \quad P^\top 1 = b
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NetworkSimplex {
    order: Order,
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
        Ok(Self { order: Order::new(order)? })
    }

    /// Solves the transportation problem between `x` with masses `a` and `y` with masses `b`, each summing to one (within 1e−9).
    ///
    /// # Errors
    /// A cloud is empty or holds NaN or ∞; the clouds differ in dimension; weights are not one a row, nonnegative, finite and of sum 1.
    pub fn solve<F: Float>(&self, x: &ArrayRef2<F>, a: &[f64], y: &ArrayRef2<F>, b: &[f64]) -> Result<Plan, TransportError> {
        check::clouds(x, y)?;
        let a = check::weights(check::CLOUDS[0], x.nrows(), a)?;
        let b = check::weights(check::CLOUDS[1], y.nrows(), b)?;
        plan(&Geometry::new(self.order, x, y), &integers(&a), &integers(&b))
    }

    /// Solves with equal weights: mass 1/n on every row of `x`, 1/m on every row of `y`.
    ///
    /// # Errors
    /// A cloud is empty or holds NaN or ∞; the clouds differ in dimension.
    pub fn solve_uniform<F: Float>(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<Plan, TransportError> {
        check::clouds(x, y)?;
        let uniform = |n: usize| integers(&vec![1.0 / n as f64; n]);
        plan(&Geometry::new(self.order, x, y), &uniform(x.nrows()), &uniform(y.nrows()))
    }
}

/// Mass one in integer units.
const ONE: i64 = 1 << 60;

/// Masses as integers that sum to [`ONE`]; the rounding, at most 2⁻⁶¹ each, is made up by the largest.
fn integers(masses: &[f64]) -> Vec<i64> {
    let mut integers: Vec<i64> = masses.iter().map(|&mass| (mass * ONE as f64).round() as i64).collect();
    let missing = ONE - integers.iter().sum::<i64>();
    if let Some(most) = integers.iter_mut().max() {
        *most += missing;
    }
    integers
}

/// Integer masses, flows between rows and columns, and feasible duals in the units of the geometry.
#[derive(Debug)]
pub(in crate::transport) struct Solution {
    pub(in crate::transport) flows: Vec<(usize, usize, i64)>,
    pub(in crate::transport) u: Vec<f64>,
    pub(in crate::transport) v: Vec<f64>,
    pub(in crate::transport) effort: Effort,
}

/// Solves for integer masses of equal sums on the rows and columns of `geometry`.
pub(in crate::transport) fn solve(geometry: &Geometry, supply: &[i64], demand: &[i64]) -> Result<Solution, TransportError> {
    let (x, y) = (Merged::new(|i| geometry.x(i), supply), Merged::new(|j| geometry.y(j), demand));
    let small = geometry.select(&x.first(), &y.first());
    let (screen, turned) = (Screen::new(&small), Screen::new(&small.turned()));
    let optimum = simplex::solve(&small, &screen, &turned, &x.masses, &y.masses)?;
    let mut v = y.spread(&optimum.v, demand.len(), f64::NAN);
    let massless: Vec<u32> = (0..demand.len() as u32).filter(|&j| demand[j as usize] == 0).collect();
    if !massless.is_empty() {
        // Columns without mass constrain nothing: the largest feasible dual will do.
        let u = certificate::potential(&small, &screen, &optimum.v);
        let others = geometry.select(&x.first(), &massless).turned();
        let free = certificate::potential(&others, &Screen::new(&others), &u);
        massless.iter().zip(free).for_each(|(&j, value)| v[j as usize] = value);
    }
    let u = certificate::potential(geometry, &Screen::new(geometry), &v);
    let flows = merge::split(&optimum.flows, (&x, supply), (&y, demand));
    let scans = optimum.rounds * x.len() + geometry.rows();
    Ok(Solution { flows, u, v, effort: Effort { phases: optimum.rounds, iterations: optimum.pivots, scans, paths: 0 } })
}

fn plan(geometry: &Geometry, supply: &[i64], demand: &[i64]) -> Result<Plan, TransportError> {
    let Solution { flows, u, v, effort } = solve(geometry, supply, demand)?;
    let unit = 1.0 / ONE as f64;
    let cost = unit * certificate::sum(flows.iter().map(|&(i, j, flow)| flow as f64 * geometry.cost(i, j)));
    let terms = u.iter().zip(supply).chain(v.iter().zip(demand));
    let dual = unit * certificate::sum(terms.map(|(dual, &mass)| dual * mass as f64));
    Ok(Plan {
        cost: geometry.restore_cost(cost),
        distance: geometry.restore_distance(cost),
        lower: geometry.restore_distance(dual.clamp(0.0, cost)),
        gap: geometry.restore_cost((cost - dual).max(0.0)),
        plan: flows.iter().map(|&(i, j, flow)| (i, j, unit * flow as f64)).collect(),
        u: u.iter().map(|&u| geometry.restore_cost(u)).collect(),
        v: v.iter().map(|&v| geometry.restore_cost(v)).collect(),
        effort,
    })
}
