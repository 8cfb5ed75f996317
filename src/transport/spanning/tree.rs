//! The spanning tree of the network simplex method.
//!
//! Nodes are the rows, then the columns, then the root. Flow lives on tree arcs alone and is stored with the lower end of the arc.
//! Potentials y make every tree arc s → t of cost c tight, c − y_s + y_t = 0; the duals are u_i = y_i and v_j = −y_j. Flows are
//! integers, so that no mass is lost to rounding and a strongly feasible tree (Cunningham, *Math. Program.* 11, 1976) cannot cycle.
//!
//! The nodes are threaded in preorder, so that a subtree is an interval of the thread: to add to its potentials is to walk the thread,
//! and to hang it elsewhere is to relink one interval for every node of the way that is reversed.

use crate::transport::integer::Number;

/// No node.
const NONE: u32 = u32::MAX;
/// Arc index of the arcs that join a node with the root.
pub(in crate::transport) const ARTIFICIAL: u32 = u32::MAX;

/// The arc between a node and its parent, and the mass it carries.
#[derive(Debug, Clone, Copy)]
pub(in crate::transport) struct Link<M> {
    pub(in crate::transport) parent: u32,
    pub(in crate::transport) arc: u32,
    /// Whether the arc leaves the node.
    pub(in crate::transport) up: bool,
    pub(in crate::transport) flow: M,
}

/// An arc from a row to a column.
#[derive(Debug, Clone, Copy)]
pub(in crate::transport) struct Arc<C> {
    pub(in crate::transport) row: u32,
    /// Node number of the column: its index plus the number of rows.
    pub(in crate::transport) column: u32,
    pub(in crate::transport) cost: C,
}

/// A spanning tree with masses of type `M` and potentials of type `C`.
#[derive(Debug)]
pub(in crate::transport) struct Tree<M, C> {
    links: Vec<Link<M>>,
    /// Nodes of each subtree.
    size: Vec<u32>,
    /// The node after each in preorder, in a circle; the node before; the last of each subtree.
    next: Vec<u32>,
    previous: Vec<u32>,
    last: Vec<u32>,
    pub(in crate::transport) potential: Vec<C>,
}

impl<M: Number, C: Number> Tree<M, C> {
    /// From the links of all nodes but the root, whose number follows theirs; `cost` is that of any arc, the artificial one too.
    pub(in crate::transport) fn new(mut links: Vec<Link<M>>, cost: impl Fn(u32) -> C) -> Self {
        let root = links.len() as u32;
        links.push(Link { parent: NONE, arc: ARTIFICIAL, up: true, flow: M::ZERO });
        let nodes = links.len();
        // Children as linked lists, for the preorder.
        let (mut child, mut sibling) = (vec![NONE; nodes], vec![NONE; nodes]);
        for node in (0..root).rev() {
            let parent = links[node as usize].parent as usize;
            sibling[node as usize] = std::mem::replace(&mut child[parent], node);
        }
        let (mut order, mut stack) = (Vec::with_capacity(nodes), vec![root]);
        while let Some(node) = stack.pop() {
            order.push(node);
            if sibling[node as usize] != NONE {
                stack.push(sibling[node as usize]);
            }
            if child[node as usize] != NONE {
                stack.push(child[node as usize]);
            }
        }
        let (mut next, mut previous) = (vec![root; nodes], vec![root; nodes]);
        for pair in order.windows(2) {
            next[pair[0] as usize] = pair[1];
            previous[pair[1] as usize] = pair[0];
        }
        let end = order[nodes - 1];
        previous[root as usize] = end;
        let (mut size, mut last) = (vec![1; nodes], (0..nodes as u32).collect::<Vec<_>>());
        for (at, &node) in order.iter().enumerate().skip(1).rev() {
            size[links[node as usize].parent as usize] += size[node as usize];
            last[node as usize] = order[at + size[node as usize] as usize - 1];
        }
        last[root as usize] = end;
        let mut tree = Self { links, size, next, previous, last, potential: vec![C::ZERO; nodes] };
        tree.settle(cost);
        tree
    }

    fn root(&self) -> u32 {
        self.links.len() as u32 - 1
    }

    /// Potentials afresh from the root.
    pub(in crate::transport) fn settle(&mut self, cost: impl Fn(u32) -> C) {
        let root = self.root();
        self.potential[root as usize] = C::ZERO;
        let mut node = self.next[root as usize];
        while node != root {
            let link = self.links[node as usize];
            let (cost, above) = (cost(link.arc), self.potential[link.parent as usize]);
            self.potential[node as usize] = if link.up { above + cost } else { above - cost };
            node = self.next[node as usize];
        }
    }

    /// The reduced cost of an arc.
    #[inline]
    pub(in crate::transport) fn reduced(&self, arc: Arc<C>) -> C {
        arc.cost - self.potential[arc.row as usize] + self.potential[arc.column as usize]
    }

    /// Brings an arc into the tree that carries `flow` already, and more of it as far as the cycle allows that it closes.
    pub(in crate::transport) fn enter(&mut self, index: u32, arc: Arc<C>, flow: M) {
        let (Arc { row, column, .. }, reduced) = (arc, self.reduced(arc));
        let Leaving { lower, delta, on_row_side, apex } = self.leaving(row, column);
        self.push(row, column, delta, apex);
        let (top, other) = if on_row_side { (row, column) } else { (column, row) };
        self.cut(lower, apex);
        self.turn(top, lower, Link { parent: other, arc: index, up: on_row_side, flow: flow + delta });
        self.hang(top, other, apex);
        self.shift(top, if on_row_side { reduced } else { C::ZERO - reduced });
    }

    /// The arc that leaves: among those that lose flow, the last smallest along the cycle in the direction of the entering arc, starting
    /// at the apex; that rule keeps the tree strongly feasible.
    fn leaving(&self, row: u32, column: u32) -> Leaving<M> {
        let (mut s, mut t) = (row, column);
        let (mut from_row, mut from_column) = ((NONE, M::ZERO), (NONE, M::ZERO));
        while s != t {
            // Neither of two nodes lies above the other if their subtrees are as large; the smaller cannot be the apex.
            if self.size[s as usize] <= self.size[t as usize] {
                let link = &self.links[s as usize];
                if link.up && (from_row.0 == NONE || link.flow < from_row.1) {
                    from_row = (s, link.flow);
                }
                s = link.parent;
            } else {
                let link = &self.links[t as usize];
                if !link.up && (from_column.0 == NONE || link.flow <= from_column.1) {
                    from_column = (t, link.flow);
                }
                t = link.parent;
            }
        }
        let on_row_side = from_row.0 != NONE && (from_column.0 == NONE || from_column.1 > from_row.1);
        let (lower, delta) = if on_row_side { from_row } else { from_column };
        Leaving { lower, delta, on_row_side, apex: s }
    }

    /// Sends `delta` round the cycle that an arc from `row` to `column` closes.
    fn push(&mut self, row: u32, column: u32, delta: M, apex: u32) {
        if delta == M::ZERO {
            return;
        }
        for (end, gains) in [(row, false), (column, true)] {
            let mut node = end;
            while node != apex {
                let link = &mut self.links[node as usize];
                link.flow = if link.up == gains { link.flow + delta } else { link.flow - delta };
                node = link.parent;
            }
        }
    }

    /// Joins two neighbours of the thread.
    #[inline]
    fn thread(&mut self, before: u32, after: u32) {
        self.next[before as usize] = after;
        self.previous[after as usize] = before;
    }

    /// Takes the subtree of `lower` out: out of the thread, where it becomes a circle of its own, and out of the sizes below `apex`, where
    /// it will hang again.
    fn cut(&mut self, lower: u32, apex: u32) {
        let (before, end) = (self.previous[lower as usize], self.last[lower as usize]);
        self.thread(before, self.next[end as usize]);
        self.thread(end, lower);
        let (size, parent) = (self.size[lower as usize], self.links[lower as usize].parent);
        let mut node = parent;
        while node != apex {
            self.size[node as usize] -= size;
            node = self.links[node as usize].parent;
        }
        self.end_at(parent, end, before);
    }

    /// Hangs the subtree of `top`, a circle, under `other`.
    fn hang(&mut self, top: u32, other: u32, apex: u32) {
        let end = self.last[top as usize];
        self.thread(end, self.next[other as usize]);
        self.thread(other, top);
        let mut node = other;
        while node != apex {
            self.size[node as usize] += self.size[top as usize];
            node = self.links[node as usize].parent;
        }
        self.end_at(other, other, end);
    }

    /// Subtrees from `node` upwards that ended at `old` end at `new`.
    fn end_at(&mut self, mut node: u32, old: u32, new: u32) {
        while node != NONE && self.last[node as usize] == old {
            self.last[node as usize] = new;
            node = self.links[node as usize].parent;
        }
    }

    /// Makes `top` the root of the subtree that was cut out at `lower`, under `link`. The preorder becomes the subtree of `top`, then what
    /// its parent holds besides, then what the grandparent holds besides, and so on.
    fn turn(&mut self, top: u32, lower: u32, link: Link<M>) {
        let whole = self.size[lower as usize];
        let (mut node, mut link) = (top, link);
        // Of the node below: its size, its end, and the node before its interval. The end of the preorder so far.
        let (mut below, mut below_end, mut gap, mut end) = (0, NONE, NONE, NONE);
        loop {
            let at = node as usize;
            let rest = if self.last[at] == below_end { gap } else { self.last[at] };
            below_end = self.last[at];
            gap = self.previous[at];
            if node != lower {
                self.thread(gap, self.next[rest as usize]);
            }
            if end != NONE {
                self.thread(end, node);
            }
            end = rest;
            below = std::mem::replace(&mut self.size[at], whole - below);
            let old = std::mem::replace(&mut self.links[at], link);
            if node == lower {
                break;
            }
            (node, link) = (old.parent, Link { parent: node, up: !old.up, ..old });
        }
        self.last[lower as usize] = end;
        while node != top {
            node = self.links[node as usize].parent;
            self.last[node as usize] = end;
        }
    }

    /// Adds `change` to the potentials of a subtree, or takes it from all others if they are fewer.
    fn shift(&mut self, top: u32, change: C) {
        let (size, end) = (self.size[top as usize] as usize, self.last[top as usize]);
        let others = self.links.len() - size;
        let (mut node, count, change) =
            if size <= others { (top, size, change) } else { (self.next[end as usize], others, C::ZERO - change) };
        for _ in 0..count {
            self.potential[node as usize] = self.potential[node as usize] + change;
            node = self.next[node as usize];
        }
    }

    /// Arcs of the tree and their flows.
    pub(in crate::transport) fn flows(&self) -> impl Iterator<Item = (u32, M)> + '_ {
        self.links[..self.root() as usize].iter().map(|link| (link.arc, link.flow))
    }
}

/// The arc that leaves the tree: its lower end, the flow it loses, and whether it lies on the row's side of the cycle, whose top is `apex`.
#[derive(Debug, Clone, Copy)]
struct Leaving<M> {
    lower: u32,
    delta: M,
    on_row_side: bool,
    apex: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// The subtree of every node is an interval of the thread of the stated length and end, and every tree arc is tight.
    fn check(tree: &Tree<i64, f64>, arcs: &[Arc<f64>], big: f64) {
        let nodes = tree.links.len();
        let mut order = vec![tree.root()];
        while order.len() < nodes {
            order.push(tree.next[order[order.len() - 1] as usize]);
        }
        assert_eq!(tree.next[order[nodes - 1] as usize], tree.root());
        let mut place = vec![usize::MAX; nodes];
        order.iter().enumerate().for_each(|(at, &node)| place[node as usize] = at);
        assert!(place.iter().all(|&at| at < nodes), "the thread visits every node");
        let mut size = vec![1; nodes];
        for &node in order[1..].iter().rev() {
            let Link { parent, arc, up, .. } = tree.links[node as usize];
            size[parent as usize] += size[node as usize];
            let end = place[node as usize] + size[node as usize];
            assert_eq!(tree.size[node as usize] as usize, size[node as usize]);
            assert_eq!(tree.last[node as usize], order[end - 1]);
            assert!(place[parent as usize] < place[node as usize]);
            assert_eq!(tree.previous[node as usize], order[place[node as usize] - 1]);
            let cost = if arc == ARTIFICIAL { big } else { arcs[arc as usize].cost };
            let (above, below) = (tree.potential[parent as usize], tree.potential[node as usize]);
            assert!((if up { below - above } else { above - below } - cost).abs() < 1e-10);
        }
    }

    /// Arcs brought in at random leave a tree of the same flows into and out of every node.
    #[test]
    fn a_changed_tree_is_a_tree() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for rows in [1, 2, 7, 30] {
            let columns = rows + 3;
            let arcs: Vec<Arc<f64>> = (0..rows * columns)
                .map(|k| Arc { row: (k / columns) as u32, column: (rows + k % columns) as u32, cost: rng.random_range(0.0..1.0) })
                .collect();
            let masses: Vec<i64> = (0..rows).map(|_| columns as i64).chain((0..columns).map(|_| rows as i64)).collect();
            let (root, big) = ((rows + columns) as u32, 10.0);
            let link = |node: usize| Link { parent: root, arc: ARTIFICIAL, up: node < rows, flow: masses[node] };
            let cost = |arc: u32| if arc == ARTIFICIAL { big } else { arcs[arc as usize].cost };
            let mut tree = Tree::new((0..rows + columns).map(link).collect(), cost);
            for _ in 0..200 {
                let entering = rng.random_range(0..arcs.len());
                if tree.links.iter().all(|link| link.arc as usize != entering) {
                    tree.enter(entering as u32, arcs[entering], 0);
                }
                check(&tree, &arcs, big);
                let mut out = masses.clone();
                for (node, link) in tree.links[..rows + columns].iter().enumerate() {
                    let ends = [node, link.parent as usize];
                    for end in ends.into_iter().filter(|&end| end < rows + columns) {
                        out[end] -= link.flow;
                    }
                    assert!(link.flow >= 0);
                }
                assert!(out.iter().all(|&left| left == 0), "every node sends or takes its mass");
            }
        }
    }
}
