//! Network simplex on a growing set of arcs.
//!
//! Only arcs to near columns are kept. When the tree is optimal for them, every pair is priced against the potentials in one pass of
//! certified bounds; pairs of negative reduced cost join, and when there are none the tree is optimal for the complete graph.

use super::tree::{ARTIFICIAL, Arc, Tree};
use crate::transport::certificate::{below, cheapest, tolerance};
use crate::transport::cost::{Geometry, square_distance};
use crate::transport::screen::Screen;

/// Arcs a row and a column contribute to the first set.
const NEAR: usize = 10;
/// Arcs a row may add at a time.
const ADDED: usize = 6;

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
pub(super) fn solve(geometry: &Geometry, screen: &Screen, turned: &Screen, supply: &[i64], demand: &[i64]) -> Optimum {
    let (rows, columns) = (supply.len(), demand.len());
    let mut simplex = Simplex::start(first_arcs(geometry, screen, turned), geometry, supply, demand);
    let mut rounds = 1;
    let verbose = std::env::var("VERBOSE").is_ok();
    let start = std::time::Instant::now();
    loop {
        let before = simplex.pivots;
        simplex.optimise();
        simplex.tree.settle(&simplex.arcs, simplex.big);
        let v: Vec<f64> = (0..columns).map(|j| -simplex.tree.potential[rows + j]).collect();
        let u = &simplex.tree.potential[..rows];
        let found = below(geometry, screen, u, &v, ADDED);
        if verbose {
            eprintln!("round {rounds}: arcs {} pivots {} found {} at {:?}", simplex.arcs.len(), simplex.pivots - before, found.len(), start.elapsed());
        }
        if found.is_empty() {
            let flows = simplex.flows();
            return Optimum { flows, v, pivots: simplex.pivots, rounds };
        }
        rounds += 1;
        simplex.extend(geometry, &found);
    }
}

/// Each row with its nearest columns and each column with its nearest rows.
fn first_arcs(geometry: &Geometry, screen: &Screen, turned: &Screen) -> Vec<(u32, u32)> {
    let near_columns = cheapest(screen, geometry.rows(), geometry.columns(), NEAR);
    let near_rows = cheapest(turned, geometry.columns(), geometry.rows(), NEAR);
    let mut arcs: Vec<_> = near_columns.into_iter().chain(near_rows.into_iter().map(|(j, i)| (i, j))).collect();
    arcs.sort_unstable();
    arcs.dedup();
    arcs
}

impl Simplex {
    /// A greedy tree: the cheapest arcs first, each filled until one of its ends has no mass left.
    fn start(pairs: Vec<(u32, u32)>, geometry: &Geometry, supply: &[i64], demand: &[i64]) -> Self {
        let rows = supply.len();
        let arc = |&(i, j): &(u32, u32)| Arc { row: i, column: rows as u32 + j, cost: geometry.cost(i as usize, j as usize) };
        let mut arcs: Vec<Arc> = pairs.iter().map(arc).collect();
        arcs.sort_unstable_by(|a, b| a.cost.total_cmp(&b.cost).then((a.row, a.column).cmp(&(b.row, b.column))));
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
    fn optimise(&mut self) {
        let block = (self.arcs.len() as f64).sqrt().ceil().max(20.0) as usize;
        let mut idle = 0;
        while idle < self.arcs.len() {
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
    }

    fn extend(&mut self, geometry: &Geometry, found: &[(u32, u32)]) {
        let rows = self.rows as u32;
        self.next = self.arcs.len();
        self.arcs.extend(found.iter().map(|&(i, j)| Arc { row: i, column: rows + j, cost: geometry.cost(i as usize, j as usize) }));
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
    geometry.power.of_square((to_columns.sqrt() + to_rows.sqrt()).powi(2))
}
