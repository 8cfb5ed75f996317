//! The network simplex method on all pairs, in integers: its optimum is one.

use crate::transport::integer::Number;
use crate::transport::integer::masses::Masses;
use crate::transport::integer::wide::Wide;
use crate::transport::spanning::basis::{Loaded, place_rest, tree};
use crate::transport::spanning::tree::{ARTIFICIAL, Arc, Tree};

/// Cap of pivots, times the number of points; ten times it are usual.
const PIVOTS: usize = 2000;
/// Nearest columns of each row that may join the first tree.
const NEAR: usize = 4;

/// Costs of all pairs as integers ⌊min(cost, top) 2^shift⌋.
#[derive(Debug, Clone, Copy)]
pub(super) struct Costs<'a> {
    /// Row after row; some may be infinite.
    pub(super) values: &'a [f64],
    pub(super) columns: usize,
    pub(super) top: f64,
    pub(super) shift: i32,
}

impl Costs<'_> {
    #[inline]
    pub(super) fn capped(&self, index: usize) -> f64 {
        let value = self.values[index];
        if value < self.top { value } else { self.top }
    }

    fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    fn arc<const N: usize>(&self, index: usize) -> Arc<Wide<N>> {
        let (row, column) = ((index / self.columns) as u32, (self.rows() + index % self.columns) as u32);
        Arc { row, column, cost: Wide::floor(self.capped(index), self.shift) }
    }

    fn of<const N: usize>(&self, index: u32) -> Wide<N> {
        if index == ARTIFICIAL { Wide::ZERO } else { Wide::floor(self.capped(index as usize), self.shift) }
    }
}

/// An optimal flow, by the index of the pair, and its potentials.
#[derive(Debug)]
pub(super) struct Optimum<const N: usize> {
    pub(super) flows: Vec<(usize, Wide<N>)>,
    pub(super) potential: Vec<Wide<N>>,
    pub(super) pivots: usize,
}

/// Minimises Σ flow · cost; `start` lists pairs in the order in which they are filled first. `None` at the cap of pivots.
pub(super) fn solve<const N: usize>(costs: Costs<'_>, masses: &Masses<N>, start: &[usize]) -> Option<Optimum<N>> {
    let (rows, columns) = (masses.supply.len(), masses.demand.len());
    let load = |index: usize, flow| Loaded { arc: costs.arc(index), index: index as u32, flow, reduced: costs.capped(index) };
    let mut loaded: Vec<_> = start.iter().map(|&index| Loaded { reduced: 0.0, ..load(index, Wide::ZERO) }).collect();
    place_rest(&mut loaded, &masses.supply, &masses.demand, |i, j, flow| load(i as usize * columns + j as usize, flow));
    loaded.retain(|loaded| loaded.flow > Wide::ZERO);
    loaded.extend((0..rows).flat_map(|i| nearest(&costs, i)).map(|index| load(index, Wide::ZERO)));
    loaded.sort_by(|a, b| a.index.cmp(&b.index).then(b.flow.cmp(&a.flow)));
    loaded.dedup_by_key(|loaded| loaded.index);
    let tree = tree(&loaded, (rows, rows + columns), |index| costs.of(index));
    let mut simplex = Simplex { costs, tree, next: 0, pivots: 0 };
    if !simplex.optimise(PIVOTS * (rows + columns)) {
        return None;
    }
    let flows = simplex.tree.flows().filter(|&(index, flow)| index != ARTIFICIAL && flow > Wide::ZERO);
    let mut flows: Vec<_> = flows.map(|(index, flow)| (index as usize, flow)).collect();
    flows.sort_unstable_by_key(|&(index, _)| index);
    Some(Optimum { flows, potential: simplex.tree.potential, pivots: simplex.pivots })
}

/// A few of the cheapest pairs of a row.
fn nearest(costs: &Costs<'_>, row: usize) -> Vec<usize> {
    let mut pairs: Vec<usize> = (row * costs.columns..(row + 1) * costs.columns).collect();
    if pairs.len() > NEAR {
        pairs.select_nth_unstable_by(NEAR, |&a, &b| costs.values[a].total_cmp(&costs.values[b]).then(a.cmp(&b)));
        pairs.truncate(NEAR);
    }
    pairs
}

/// State of the method.
#[derive(Debug)]
struct Simplex<'a, const N: usize> {
    costs: Costs<'a>,
    tree: Tree<Wide<N>, Wide<N>>,
    next: usize,
    pivots: usize,
}

impl<const N: usize> Simplex<'_, N> {
    /// The pair of the most negative reduced cost in a range of pairs.
    fn worst(&self, start: usize, end: usize) -> (Wide<N>, u32) {
        let rows = self.costs.rows();
        let (mut row, mut column) = ((start / self.costs.columns) as u32, (rows + start % self.costs.columns) as u32);
        let mut worst = (Wide::ZERO, ARTIFICIAL);
        for index in start..end {
            let reduced = self.tree.reduced(Arc { row, column, cost: Wide::floor(self.costs.capped(index), self.costs.shift) });
            if reduced < worst.0 {
                worst = (reduced, index as u32);
            }
            column += 1;
            if column as usize == rows + self.costs.columns {
                (row, column) = (row + 1, rows as u32);
            }
        }
        worst
    }

    /// Pivots until no pair has a negative reduced cost: the worst of the first block that has one enters. Returns whether it got there
    /// before the cap.
    fn optimise(&mut self, cap: usize) -> bool {
        let pairs = self.costs.values.len();
        let block = (pairs as f64).sqrt().ceil().max(20.0) as usize;
        let mut idle = 0;
        while idle < pairs {
            let end = (self.next + block).min(pairs);
            let worst = self.worst(self.next, end);
            idle += end - self.next;
            self.next = if end == pairs { 0 } else { end };
            if worst.1 != ARTIFICIAL {
                if self.pivots >= cap {
                    return false;
                }
                self.tree.enter(worst.1, self.costs.arc(worst.1 as usize), Wide::ZERO);
                self.pivots += 1;
                idle = 0;
            }
        }
        true
    }
}
