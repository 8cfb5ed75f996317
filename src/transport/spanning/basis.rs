//! The first spanning tree of the network simplex method, from the masses an auction placed.
//!
//! Mass that the auction left over goes to the nearest room. The arcs that carry flow are then cut down to a forest: an arc that closes a
//! cycle sends flow round it until another arc of the cycle is empty. Last, the trees of the forest are joined by the arcs of smallest
//! reduced cost from a row of one to a column of another. These carry nothing and point to the root: the tree is strongly feasible.

use crate::transport::integer::Number;
use crate::transport::spanning::tree::{ARTIFICIAL, Arc, Link, Tree};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An arc, the flow on it, and its reduced cost under the prices of the auction.
#[derive(Debug, Clone, Copy)]
pub(in crate::transport) struct Loaded<M, C> {
    pub(in crate::transport) arc: Arc<C>,
    /// What tells the arc from all others.
    pub(in crate::transport) index: u32,
    pub(in crate::transport) flow: M,
    pub(in crate::transport) reduced: f64,
}

/// Places the mass that the flows leave over: on the given arcs in ascending order of reduced cost, each filled until one of its ends has
/// no mass left, and then on further arcs, which `load` makes of a row, a column and a flow.
pub(in crate::transport) fn place_rest<M: Number, C: Number>(
    loaded: &mut Vec<Loaded<M, C>>,
    supply: &[M],
    demand: &[M],
    load: impl Fn(u32, u32, M) -> Loaded<M, C>,
) {
    let rows = supply.len();
    let mut left: Vec<M> = supply.iter().chain(demand).copied().collect();
    for Loaded { arc, flow, .. } in &*loaded {
        left[arc.row as usize] = left[arc.row as usize] - *flow;
        left[arc.column as usize] = left[arc.column as usize] - *flow;
    }
    let room = |left: &[M], arc: &Arc<C>| left[arc.row as usize] > M::ZERO && left[arc.column as usize] > M::ZERO;
    let mut open: Vec<&mut Loaded<M, C>> = loaded.iter_mut().filter(|l| room(&left, &l.arc)).collect();
    open.sort_by(|a, b| a.reduced.total_cmp(&b.reduced));
    let fill = |left: &mut [M], row: usize, column: usize| {
        let mass = if left[row] < left[column] { left[row] } else { left[column] };
        left[row] = left[row] - mass;
        left[column] = left[column] - mass;
        mass
    };
    for loaded in open {
        loaded.flow = loaded.flow + fill(&mut left, loaded.arc.row as usize, loaded.arc.column as usize);
    }
    let (mut i, mut j) = (0, 0);
    while i < rows && j < demand.len() {
        let mass = fill(&mut left, i, rows + j);
        if mass > M::ZERO {
            loaded.push(load(i as u32, j as u32, mass));
        }
        let (done, full) = (left[i] == M::ZERO, left[rows + j] == M::ZERO);
        i += usize::from(done);
        j += usize::from(full);
    }
}

/// A strongly feasible tree that carries the mass of a feasible flow, on arcs from the nodes below `rows` to the others; `cost` is that of
/// the arc of an index.
pub(in crate::transport) fn tree<M: Number + Ord, C: Number>(
    loaded: &[Loaded<M, C>],
    (rows, nodes): (usize, usize),
    cost: impl Fn(u32) -> C,
) -> Tree<M, C> {
    let mut sets = Sets((0..nodes as u32).collect());
    let mut carrying: Vec<u32> = (0..).zip(loaded).filter(|(_, l)| l.flow > M::ZERO).map(|(at, _)| at).collect();
    // The largest flows make the forest, so that little is sent round cycles.
    carrying.sort_by_key(|&at| Reverse(loaded[at as usize].flow));
    let (forest, rest): (Vec<u32>, Vec<u32>) = carrying.into_iter().partition(|&at| sets.join(&loaded[at as usize].arc));
    let mut tree = Tree::new(join(&forest, loaded, rows, nodes), cost);
    for at in rest {
        let Loaded { arc, index, flow, .. } = loaded[at as usize];
        tree.enter(index, arc, flow);
    }
    tree
}

/// Hangs the trees of a forest under each other and the root, the nearest first; returns the arc above each node.
fn join<M: Number, C: Number>(forest: &[u32], loaded: &[Loaded<M, C>], rows: usize, nodes: usize) -> Vec<Link<M>> {
    let root = nodes as u32;
    let ends = |a: u32| (loaded[a as usize].arc.row, loaded[a as usize].arc.column);
    let inner = Incidence::new(nodes, forest.iter().flat_map(|&a| [(ends(a).0, a), (ends(a).1, a)]));
    let entering = Incidence::new(nodes, (0..loaded.len() as u32).map(|a| (ends(a).1, a)));
    let mut links: Vec<Option<Link<M>>> = vec![None; nodes];
    let mut heap: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
    let mut stack = Vec::new();
    for start in 0..rows as u32 {
        let mut next = Some((start, Link { parent: root, arc: ARTIFICIAL, up: true, flow: M::ZERO }));
        while let Some((row, link)) = next {
            if links[row as usize].is_none() {
                links[row as usize] = Some(link);
                stack.push(row);
            }
            while let Some(node) = stack.pop() {
                for &arc in inner.at(node) {
                    let (row, column) = ends(arc);
                    let up = node == column;
                    let other = if up { row } else { column };
                    if links[other as usize].is_none() {
                        links[other as usize] =
                            Some(Link { parent: node, arc: loaded[arc as usize].index, up, flow: loaded[arc as usize].flow });
                        stack.push(other);
                    }
                }
                let outside = entering.at(node).iter().filter(|&&a| links[ends(a).0 as usize].is_none());
                heap.extend(outside.map(|&a| Reverse((key(loaded[a as usize].reduced), a))));
            }
            next = heap.pop().map(|Reverse((_, arc))| {
                (ends(arc).0, Link { parent: ends(arc).1, arc: loaded[arc as usize].index, up: true, flow: M::ZERO })
            });
        }
    }
    links.into_iter().map(|link| link.expect("every node has mass, so an arc of the forest leads to it or it is a row")).collect()
}

/// Order key of a reduced cost; rounding below zero counts as zero.
fn key(reduced: f64) -> u64 {
    if reduced > 0.0 { reduced.to_bits() } else { 0 }
}

/// Disjoint sets of nodes, by a node that stands for each.
#[derive(Debug)]
struct Sets(Vec<u32>);

impl Sets {
    fn find(&mut self, mut node: u32) -> u32 {
        while self.0[node as usize] != node {
            let above = self.0[self.0[node as usize] as usize];
            self.0[node as usize] = above;
            node = above;
        }
        node
    }

    /// Joins the sets of the two ends; false if they are one already.
    fn join<C>(&mut self, arc: &Arc<C>) -> bool {
        let (a, b) = (self.find(arc.row), self.find(arc.column));
        self.0[a as usize] = b;
        a != b
    }
}

/// The arcs at every node.
#[derive(Debug)]
struct Incidence {
    first: Vec<u32>,
    arcs: Vec<u32>,
}

impl Incidence {
    /// Of pairs (node, arc).
    fn new(nodes: usize, ends: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut first = vec![0; nodes + 1];
        ends.clone().for_each(|(node, _)| first[node as usize + 1] += 1);
        for node in 0..nodes {
            first[node + 1] += first[node];
        }
        let mut next = first.clone();
        let mut arcs = vec![0; first[nodes] as usize];
        for (node, arc) in ends {
            arcs[next[node as usize] as usize] = arc;
            next[node as usize] += 1;
        }
        Self { first, arcs }
    }

    fn at(&self, node: u32) -> &[u32] {
        &self.arcs[self.first[node as usize] as usize..self.first[node as usize + 1] as usize]
    }
}
