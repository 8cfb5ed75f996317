//! Network simplex on a growing set of arcs.
//!
//! Only arcs to near columns are kept. When the tree is optimal for them, every pair is priced against the potentials in one pass of
//! certified bounds; pairs of negative reduced cost join, and when there are none the tree is optimal for the complete graph.

use crate::transport::TransportError;
use crate::transport::certificate::{below, cheapest, lower, potential, tolerance};
use crate::transport::cost::{Geometry, square_distance};
use crate::transport::length::Power;
use crate::transport::lists::Lists;
use crate::transport::network::auction;
use crate::transport::screen::Screen;
use crate::transport::spanning::basis;
use crate::transport::spanning::basis::Loaded;
use crate::transport::spanning::tree::{ARTIFICIAL, Arc, Tree};
use crate::transport::sum::sum;
use std::cmp::Reverse;

/// Arcs a row and a column contribute to the first set.
const NEAR: usize = 20;
/// Arcs a row may add at a time.
const ADDED: usize = 40;
/// ε of the first and the last phase of the auction, in the units of the assignment solver. It only starts the simplex method.
const FIRST_EPSILON: f64 = 0.2;
const LAST_EPSILON: f64 = 0.1;
/// Cap of pivots, times the number of points; a few times it are usual.
const PIVOTS: usize = 10_000;
/// Cap of pricing rounds; one to six are usual.
const ROUNDS: usize = 1000;

/// A solved transportation problem: flows on pairs, and the duals.
#[derive(Debug)]
pub(super) struct Optimum {
    pub(super) flows: Vec<(u32, u32, i128)>,
    pub(super) v: Vec<f64>,
    pub(super) pivots: usize,
    pub(super) rounds: usize,
}

/// State of the method.
#[derive(Debug)]
struct Simplex {
    arcs: Vec<Arc<f64>>,
    tree: Tree<i128, f64>,
    rows: usize,
    big: f64,
    next: usize,
    pivots: usize,
}

/// Minimises Σ flow · cost with positive integer masses of equal sums on the rows and the columns.
pub(super) fn solve(
    geometry: &Geometry,
    screen: &Screen,
    turned: &Screen,
    supply: &[i128],
    demand: &[i128],
) -> Result<Optimum, TransportError> {
    let mut simplex = Simplex::start(geometry, screen, turned, supply, demand);
    let cap = PIVOTS * (supply.len() + demand.len());
    for round in 1..=ROUNDS {
        let done = simplex.optimise(cap);
        let Simplex { arcs, tree, big, .. } = &mut simplex;
        tree.settle(|arc| price(arcs, *big, arc));
        let v: Vec<f64> = simplex.tree.potential[supply.len()..supply.len() + demand.len()].iter().map(|y| -y).collect();
        let u = &simplex.tree.potential[..supply.len()];
        let found = below(geometry, screen, u, &v, ADDED);
        if found.is_empty() {
            return Ok(Optimum { flows: simplex.flows(), v, pivots: simplex.pivots, rounds: round });
        }
        if !done || round == ROUNDS {
            return Err(simplex.not_converged(geometry, &potential(geometry, screen, &v), &v, supply, demand));
        }
        simplex.extend(geometry, &found);
    }
    unreachable!("the last round returns")
}

impl Simplex {
    /// The tree of an auction's flow. Arcs join each row with the columns nearest under the prices and each column with its nearest rows.
    fn start(geometry: &Geometry, screen: &Screen, turned: &Screen, supply: &[i128], demand: &[i128]) -> Self {
        let mut lists = Lists::new(geometry, screen);
        lists.start();
        let first = FIRST_EPSILON * geometry.spread();
        // Bids below the rounding of what they compare lower no price.
        let last = (LAST_EPSILON * lists.reach()).max(4.0 * f64::EPSILON * lists.size()).max(f64::EPSILON * first);
        let mut pairs = auction::run(&mut lists, supply, demand, first, last);
        let v = lists.into_prices();
        let u = potential(geometry, screen, &v);
        pairs.extend(cheapest(screen, &v, geometry.rows(), NEAR).into_iter().map(|(i, j)| (i, j, 0)));
        pairs.extend(cheapest(turned, &u, geometry.columns(), NEAR).into_iter().map(|(j, i)| (i, j, 0)));
        pairs.sort_unstable_by_key(|&(i, j, flow)| (i, j, Reverse(flow)));
        pairs.dedup_by_key(|&mut (i, j, _)| (i, j));
        let rows = supply.len();
        let load = |i: u32, j: u32, flow| {
            let cost = geometry.cost(i as usize, j as usize);
            let arc = Arc { row: i, column: rows as u32 + j, cost };
            Loaded { arc, index: ARTIFICIAL, flow, reduced: cost - u[i as usize] - v[j as usize] }
        };
        let mut loaded: Vec<Loaded<i128, f64>> = pairs.into_iter().map(|(i, j, flow)| load(i, j, flow)).collect();
        basis::place_rest(&mut loaded, supply, demand, load);
        (0..).zip(&mut loaded).for_each(|(index, loaded)| loaded.index = index);
        let arcs: Vec<Arc<f64>> = loaded.iter().map(|loaded| loaded.arc).collect();
        let big = 2.0 * arcs.iter().map(|arc| arc.cost).fold(largest(geometry), f64::max);
        let tree = basis::tree(&loaded, (rows, rows + demand.len()), |arc| price(&arcs, big, arc));
        Self { arcs, tree, rows, big, next: 0, pivots: 0 }
    }

    /// Pivots until no arc of the set has a negative reduced cost: the worst arc of the first block that has one enters.
    /// Returns whether it got there before the cap.
    fn optimise(&mut self, cap: usize) -> bool {
        let block = (0.5 * (self.arcs.len() as f64).sqrt()).ceil().max(20.0) as usize;
        let mut idle = 0;
        while idle < self.arcs.len() {
            if self.pivots >= cap {
                return false;
            }
            let end = (self.next + block).min(self.arcs.len());
            let mut worst = (0.0, ARTIFICIAL);
            for (index, &arc) in self.arcs[self.next..end].iter().enumerate() {
                let reduced = self.tree.reduced(arc);
                if reduced < worst.0 && reduced < -self.rounding(arc) {
                    worst = (reduced, (self.next + index) as u32);
                }
            }
            idle += end - self.next;
            self.next = if end == self.arcs.len() { 0 } else { end };
            if worst.1 != ARTIFICIAL {
                self.tree.enter(worst.1, self.arcs[worst.1 as usize], 0);
                self.pivots += 1;
                idle = 0;
            }
        }
        true
    }

    /// The rounding of the reduced cost of an arc.
    #[inline]
    fn rounding(&self, arc: Arc<f64>) -> f64 {
        tolerance(arc.cost, self.tree.potential[arc.row as usize], self.tree.potential[arc.column as usize])
    }

    fn extend(&mut self, geometry: &Geometry, found: &[(u32, u32)]) {
        let rows = self.rows as u32;
        self.next = self.arcs.len();
        self.arcs.extend(found.iter().map(|&(i, j)| Arc { row: i, column: rows + j, cost: geometry.cost(i as usize, j as usize) }));
    }

    /// The bounds that hold all the same, rounding included: an artificial pair of arcs costs more than the arc it stands for, and the costs of
    /// the others are within [`Geometry::cost_error`] of the true ones.
    fn not_converged(&self, geometry: &Geometry, u: &[f64], v: &[f64], supply: &[i128], demand: &[i128]) -> TransportError {
        let total = supply.iter().sum::<i128>() as f64;
        let terms = |masses: &[i128], duals: &[f64]| masses.iter().zip(duals).map(|(&mass, &dual)| (mass as f64, dual)).collect::<Vec<_>>();
        let lower = lower(geometry, &terms(supply, u), &terms(demand, v), total, 2.0, 0.0).max(0.0);
        let primal = sum(self.tree.flows().map(|(arc, flow)| price(&self.arcs, self.big, arc) * flow as f64)) / total;
        let power = |sum: f64| Power { order: geometry.order, unit: geometry.unit(), sum };
        // Masses, products, the compensated sum, the total and the quotient; a flow is of at most 2¹¹⁸ units, of which none is lost.
        let error = geometry.cost_error() + 16.0 * f64::EPSILON;
        TransportError::NotConverged {
            iterations: self.pivots,
            lower: power(lower).root_bounds(0.0)[0],
            upper: power(primal + geometry.cost_underflow()).root_bounds(error)[1],
            residual: primal - lower,
        }
    }

    fn flows(&self) -> Vec<(u32, u32, i128)> {
        let rows = self.rows as u32;
        let mut flows: Vec<_> = self
            .tree
            .flows()
            .filter(|&(arc, flow)| arc != ARTIFICIAL && flow > 0)
            .map(|(arc, flow)| (self.arcs[arc as usize].row, self.arcs[arc as usize].column - rows, flow))
            .collect();
        flows.sort_unstable();
        flows
    }
}

/// The cost of an arc, `big` that of the artificial ones.
fn price(arcs: &[Arc<f64>], big: f64, arc: u32) -> f64 {
    if arc == ARTIFICIAL { big } else { arcs[arc as usize].cost }
}

/// A bound on the costs: from the first row to everything, and back.
fn largest(geometry: &Geometry) -> f64 {
    let to_columns = (0..geometry.columns()).map(|j| square_distance(geometry.x(0), geometry.y(j))).fold(0.0, f64::max);
    let to_rows = (0..geometry.rows()).map(|i| square_distance(geometry.x(0), geometry.x(i))).fold(0.0, f64::max);
    geometry.order.of_square((to_columns.sqrt() + to_rows.sqrt()).powi(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::length::{Clouds, UNIT};
    use crate::transport::order::Order;
    use ndarray::Array2;

    /// The tree before the first pivot, the worst there can be at the cap: its bounds hold the distance of the optimal plan.
    #[test]
    fn bounds_without_convergence_hold() {
        for (case, order) in [1.0, 1.5, 2.0, 7.0].into_iter().cycle().take(40).enumerate() {
            let cloud = |rows: usize, phase: f64| {
                let entry =
                    |(i, j): (usize, usize)| (phase + (7 * i + 3 * j * j) as f64).sin() * 10f64.powi((i % 5) as i32 * (case % 4) as i32);
                Array2::from_shape_fn((rows, 3), entry)
            };
            let (x, y) = (cloud(12, case as f64), cloud(8, case as f64 + 0.3));
            let (geometry, clouds) = (Geometry::new(Order::new(order).unwrap(), &x, &y), Clouds::new(&x, &y));
            let (screen, turned) = (Screen::new(&geometry, 0), Screen::new(&geometry.turned(), 0));
            let (supply, demand) = (vec![2_i128; 12], vec![3_i128; 8]);
            let optimum = solve(&geometry, &screen, &turned, &supply, &demand).unwrap();
            let plan = optimum.flows.iter().map(|&(i, j, flow)| (clouds.length(i as usize, j as usize), flow as f64 / 24.0));
            let [below, above] = Power::mean(geometry.order, plan).root_bounds(20.0 * UNIT);
            let mut simplex = Simplex::start(&geometry, &screen, &turned, &supply, &demand);
            simplex.tree.settle(|arc| price(&simplex.arcs, simplex.big, arc));
            let v: Vec<f64> = simplex.tree.potential[12..20].iter().map(|y| -y).collect();
            let found = simplex.not_converged(&geometry, &potential(&geometry, &screen, &v), &v, &supply, &demand);
            let TransportError::NotConverged { lower, upper, .. } = found else { panic!("another error") };
            assert!(lower <= above && below <= upper && upper.is_finite(), "p = {order}: {below} in [{lower}, {upper}]");
            // From the optimum itself they are as close as rounding lets them be.
            let found = Simplex::start(&geometry, &screen, &turned, &supply, &demand);
            let u = potential(&geometry, &screen, &optimum.v);
            let TransportError::NotConverged { lower, .. } = found.not_converged(&geometry, &u, &optimum.v, &supply, &demand) else {
                panic!("another error")
            };
            assert!(lower <= above && lower > below * (1.0 - 1e-9), "p = {order}: {lower} for {below}");
        }
    }
}
