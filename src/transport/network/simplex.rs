//! Network simplex on a growing set of arcs.
//!
//! Only arcs to near columns are kept. When the tree is optimal for them, every pair is priced against the potentials in one pass of
//! certified bounds; pairs of negative reduced cost join, and when there are none the tree is optimal for the complete graph.

use super::auction;
use super::tree::{ARTIFICIAL, Arc, Tree};
use crate::transport::TransportError;
use crate::transport::certificate::{below, cheapest, potential, sum, tolerance};
use crate::transport::cost::{Geometry, square_distance};
use crate::transport::lists::Lists;
use crate::transport::screen::{Screen, boxes::spatial};

/// Arcs a row and a column contribute to the first set.
const NEAR: usize = 10;
/// The same for p = 1 in few dimensions, where costs along a ray differ by a constant and many more arcs are nearly tight.
const NEAR_FLAT: usize = 40;
/// Arcs a row may add at a time.
const ADDED: usize = 6;
/// ε of the first and the last phase of the auction, in the units of the assignment solver. Its prices only start the simplex method.
const FIRST_EPSILON: f64 = 0.2;
const LAST_EPSILON: f64 = 3e-2;
/// Cap of pivots, times the number of points; a few times it are usual.
const PIVOTS: usize = 10_000;
/// Cap of pricing rounds; one to three are usual.
const ROUNDS: usize = 1000;

/// A solved transportation problem: flows on pairs, and the duals.
#[derive(Debug)]
pub(super) struct Optimum {
    pub(super) flows: Vec<(u32, u32, i64)>,
    pub(super) v: Vec<f64>,
    pub(super) pivots: usize,
    pub(super) rounds: usize,
}

/// State of the method.
#[derive(Debug)]
struct Simplex {
    arcs: Vec<Arc>,
    tree: Tree,
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
    supply: &[i64],
    demand: &[i64],
) -> Result<Optimum, TransportError> {
    let (arcs, u, v) = first_arcs(geometry, screen, turned, supply, demand);
    let mut simplex = Simplex::start(&arcs, (&u, &v), geometry, supply, demand);
    let cap = PIVOTS * (supply.len() + demand.len());
    for round in 1..=ROUNDS {
        let done = simplex.optimise(cap);
        simplex.tree.settle(&simplex.arcs, simplex.big);
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

/// Each row with the columns nearest under the prices of an auction, each column with its nearest rows, and the duals of the auction.
fn first_arcs(
    geometry: &Geometry,
    screen: &Screen,
    turned: &Screen,
    supply: &[i64],
    demand: &[i64],
) -> (Vec<(u32, u32)>, Vec<f64>, Vec<f64>) {
    let mut lists = Lists::new(geometry, screen);
    lists.start();
    let last = LAST_EPSILON * lists.reach();
    auction::run(&mut lists, supply, demand, FIRST_EPSILON * geometry.spread(), last);
    let v = lists.into_prices();
    let u = potential(geometry, screen, &v);
    let near = if geometry.order.value() == 1.0 && spatial(geometry.dim) { NEAR_FLAT } else { NEAR };
    let near_columns = cheapest(screen, &v, geometry.rows(), near);
    let near_rows = cheapest(turned, &u, geometry.columns(), near);
    let mut arcs: Vec<_> = near_columns.into_iter().chain(near_rows.into_iter().map(|(j, i)| (i, j))).collect();
    arcs.sort_unstable();
    arcs.dedup();
    (arcs, u, v)
}

impl Simplex {
    /// A greedy tree: the cheapest arcs first, each filled until one of its ends has no mass left.
    fn start(pairs: &[(u32, u32)], (u, v): (&[f64], &[f64]), geometry: &Geometry, supply: &[i64], demand: &[i64]) -> Self {
        let rows = supply.len();
        let arc = |&(i, j): &(u32, u32)| Arc { row: i, column: rows as u32 + j, cost: geometry.cost(i as usize, j as usize) };
        let mut arcs: Vec<Arc> = pairs.iter().map(arc).collect();
        let reduced = |arc: &Arc| arc.cost - u[arc.row as usize] - v[arc.column as usize - rows];
        arcs.sort_by(|a, b| reduced(a).total_cmp(&reduced(b)));
        let mut left: Vec<i64> = supply.iter().chain(demand).copied().collect();
        let nodes = left.len();
        // Every arc of the forest empties one end. The emptied node hangs under the other, whose turn comes later or never.
        let mut links: Vec<Option<(u32, u32, bool, i64)>> = vec![None; nodes];
        for (index, arc) in arcs.iter().enumerate() {
            let (s, t) = (arc.row as usize, arc.column as usize);
            if left[s] == 0 || left[t] == 0 {
                continue;
            }
            let mass = left[s].min(left[t]);
            left[s] -= mass;
            left[t] -= mass;
            let (lower, upper, up) = if left[t] == 0 { (t, s, false) } else { (s, t, true) };
            links[lower] = Some((upper as u32, index as u32, up, mass));
        }
        let big = 2.0 * (0..arcs.len()).map(|a| arcs[a].cost).fold(largest(geometry), f64::max);
        let mut tree = Tree::new(nodes + 1);
        let root = tree.root();
        for (node, link) in links.iter().enumerate() {
            match *link {
                Some((upper, arc, up, mass)) => tree.attach(node as u32, upper, arc, up, mass),
                None => tree.attach(node as u32, root, ARTIFICIAL, node < rows, left[node]),
            }
        }
        tree.settle(&arcs, big);
        Self { arcs, tree, rows, big, next: 0, pivots: 0 }
    }

    /// Pivots until no arc of the set has a negative reduced cost: the worst arc of the first block that has one enters.
    /// Returns whether it got there before the cap.
    fn optimise(&mut self, cap: usize) -> bool {
        let block = (self.arcs.len() as f64).sqrt().ceil().max(20.0) as usize;
        let mut idle = 0;
        while idle < self.arcs.len() {
            if self.pivots >= cap {
                return false;
            }
            let end = (self.next + block).min(self.arcs.len());
            let mut worst = (0.0, ARTIFICIAL);
            for (index, arc) in self.arcs[self.next..end].iter().enumerate() {
                let (above, below) = (self.tree.potential[arc.row as usize], self.tree.potential[arc.column as usize]);
                let reduced = arc.cost - above + below;
                if reduced < worst.0 && reduced < -tolerance(arc.cost, above, below) {
                    worst = (reduced, (self.next + index) as u32);
                }
            }
            idle += end - self.next;
            self.next = if end == self.arcs.len() { 0 } else { end };
            if worst.1 != ARTIFICIAL {
                self.tree.pivot(worst.1, self.arcs[worst.1 as usize], worst.0);
                self.pivots += 1;
                idle = 0;
            }
        }
        true
    }

    fn extend(&mut self, geometry: &Geometry, found: &[(u32, u32)]) {
        let rows = self.rows as u32;
        self.next = self.arcs.len();
        self.arcs.extend(found.iter().map(|&(i, j)| Arc { row: i, column: rows + j, cost: geometry.cost(i as usize, j as usize) }));
    }

    /// The bounds that hold all the same: an artificial pair of arcs costs more than the arc it stands for.
    fn not_converged(&self, geometry: &Geometry, u: &[f64], v: &[f64], supply: &[i64], demand: &[i64]) -> TransportError {
        let total: f64 = supply.iter().map(|&mass| mass as f64).sum();
        let price = |arc: u32| if arc == ARTIFICIAL { self.big } else { self.arcs[arc as usize].cost };
        let primal = sum(self.tree.flows().map(|(arc, flow)| price(arc) * flow as f64)) / total;
        let dual = sum(u.iter().zip(supply).chain(v.iter().zip(demand)).map(|(dual, &mass)| dual * mass as f64)) / total;
        TransportError::NotConverged {
            iterations: self.pivots,
            lower: geometry.restore_distance(dual.clamp(0.0, primal)),
            upper: geometry.restore_distance(primal),
            residual: geometry.restore_cost(primal - dual),
        }
    }

    fn flows(&self) -> Vec<(u32, u32, i64)> {
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

/// A bound on the costs: from the first row to everything, and back.
fn largest(geometry: &Geometry) -> f64 {
    let to_columns = (0..geometry.columns()).map(|j| square_distance(geometry.x(0), geometry.y(j))).fold(0.0, f64::max);
    let to_rows = (0..geometry.rows()).map(|i| square_distance(geometry.x(0), geometry.x(i))).fold(0.0, f64::max);
    geometry.order.of_square((to_columns.sqrt() + to_rows.sqrt()).powi(2))
}
