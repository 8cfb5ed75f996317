//! The spanning tree of the network simplex method.
//!
//! Nodes are the rows, then the columns, then the root. Flow lives on tree arcs alone and is stored with the lower end of the arc.
//! Potentials y make every tree arc s → t of cost c tight, c − y_s + y_t = 0; the duals are u_i = y_i and v_j = −y_j. Flows are
//! integers, so that no mass is lost to rounding and a strongly feasible tree (Cunningham, *Math. Program.* 11, 1976) cannot cycle.

/// No node.
const NONE: u32 = u32::MAX;
/// Arc index of the arcs that join a node with the root.
pub(super) const ARTIFICIAL: u32 = u32::MAX;

/// A node and the arc to its parent.
#[derive(Debug, Clone, Copy)]
struct Node {
    parent: u32,
    child: u32,
    next: u32,
    previous: u32,
    depth: u32,
    /// Index of the arc to the parent.
    arc: u32,
    /// Whether that arc leaves the node.
    up: bool,
    flow: i64,
}

/// An arc from a row to a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arc {
    pub(super) row: u32,
    /// Node number of the column: its index plus the number of rows.
    pub(super) column: u32,
    pub(super) cost: f64,
}

#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    pub(super) potential: Vec<f64>,
    stack: Vec<u32>,
}

impl Tree {
    /// All nodes without a parent; the last is the root.
    pub(super) fn new(nodes: usize) -> Self {
        let node = Node { parent: NONE, child: NONE, next: NONE, previous: NONE, depth: 0, arc: ARTIFICIAL, up: true, flow: 0 };
        Self { nodes: vec![node; nodes], potential: vec![0.0; nodes], stack: Vec::new() }
    }

    pub(super) fn root(&self) -> u32 {
        self.nodes.len() as u32 - 1
    }

    /// Hangs a parentless `node` under `parent`.
    pub(super) fn attach(&mut self, node: u32, parent: u32, arc: u32, up: bool, flow: i64) {
        let first = std::mem::replace(&mut self.nodes[parent as usize].child, node);
        if first != NONE {
            self.nodes[first as usize].previous = node;
        }
        let at = &mut self.nodes[node as usize];
        (at.parent, at.next, at.previous, at.arc, at.up, at.flow) = (parent, first, NONE, arc, up, flow);
    }

    fn detach(&mut self, node: u32) {
        let Node { parent, next, previous, .. } = self.nodes[node as usize];
        if previous == NONE {
            self.nodes[parent as usize].child = next;
        } else {
            self.nodes[previous as usize].next = next;
        }
        if next != NONE {
            self.nodes[next as usize].previous = previous;
        }
    }

    /// Depths and potentials afresh from the root; `big` is the cost of an artificial arc.
    pub(super) fn settle(&mut self, arcs: &[Arc], big: f64) {
        self.stack.push(self.root());
        while let Some(node) = self.stack.pop() {
            let Node { child, depth, .. } = self.nodes[node as usize];
            let mut child = child;
            while child != NONE {
                let at = &mut self.nodes[child as usize];
                let cost = if at.arc == ARTIFICIAL { big } else { arcs[at.arc as usize].cost };
                let above = self.potential[node as usize];
                self.potential[child as usize] = if at.up { above + cost } else { above - cost };
                at.depth = depth + 1;
                self.stack.push(child);
                child = at.next;
            }
        }
    }

    /// Brings a non-tree arc of reduced cost below zero into the tree.
    pub(super) fn pivot(&mut self, arc: u32, Arc { row, column, .. }: Arc, reduced: f64) {
        let (lower, delta, on_row_side) = self.leaving(row, column);
        self.push(row, column, delta);
        let (top, other) = if on_row_side { (row, column) } else { (column, row) };
        self.rehang(top, other, lower, arc, on_row_side, delta);
        self.shift(top, if on_row_side { reduced } else { -reduced });
    }

    /// The node whose parent arc leaves, the flow it loses, and whether it lies on the row's side of the cycle: among the arcs that lose flow, the last smallest along the cycle in the
    /// direction of the entering arc, starting at the apex; that rule keeps the tree strongly feasible.
    fn leaving(&self, row: u32, column: u32) -> (u32, i64, bool) {
        let (mut s, mut t) = (row, column);
        let (mut from_row, mut from_column) = ((NONE, i64::MAX), (NONE, i64::MAX));
        while s != t {
            let (at_s, at_t) = (&self.nodes[s as usize], &self.nodes[t as usize]);
            if at_s.depth >= at_t.depth {
                if at_s.up && at_s.flow < from_row.1 {
                    from_row = (s, at_s.flow);
                }
                s = at_s.parent;
            } else {
                if !at_t.up && at_t.flow <= from_column.1 {
                    from_column = (t, at_t.flow);
                }
                t = at_t.parent;
            }
        }
        if from_column.1 <= from_row.1 { (from_column.0, from_column.1, false) } else { (from_row.0, from_row.1, true) }
    }

    /// Sends `delta` round the cycle that an arc from `row` to `column` closes.
    fn push(&mut self, row: u32, column: u32, delta: i64) {
        if delta == 0 {
            return;
        }
        let (mut s, mut t) = (row, column);
        while s != t {
            if self.nodes[s as usize].depth >= self.nodes[t as usize].depth {
                let at = &mut self.nodes[s as usize];
                at.flow += if at.up { -delta } else { delta };
                s = at.parent;
            } else {
                let at = &mut self.nodes[t as usize];
                at.flow += if at.up { delta } else { -delta };
                t = at.parent;
            }
        }
    }

    /// Cuts the tree above `lower` and hangs the part that holds `top` under `other`, reversing the way from `top` to `lower`.
    fn rehang(&mut self, top: u32, other: u32, lower: u32, arc: u32, up: bool, flow: i64) {
        let (mut node, mut parent, mut link) = (top, other, (arc, up, flow));
        loop {
            let old = self.nodes[node as usize];
            self.detach(node);
            self.attach(node, parent, link.0, link.1, link.2);
            if node == lower {
                break;
            }
            (parent, node, link) = (node, old.parent, (old.arc, !old.up, old.flow));
        }
    }

    /// Adds `change` to the potentials of a subtree and sets its depths.
    fn shift(&mut self, top: u32, change: f64) {
        self.stack.push(top);
        while let Some(node) = self.stack.pop() {
            let Node { parent, child, .. } = self.nodes[node as usize];
            self.nodes[node as usize].depth = self.nodes[parent as usize].depth + 1;
            self.potential[node as usize] += change;
            let mut child = child;
            while child != NONE {
                self.stack.push(child);
                child = self.nodes[child as usize].next;
            }
        }
    }

    /// Arcs of the tree and their flows.
    pub(super) fn flows(&self) -> impl Iterator<Item = (u32, i64)> + '_ {
        self.nodes.iter().filter(|node| node.parent != NONE).map(|node| (node.arc, node.flow))
    }
}
