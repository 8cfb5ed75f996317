//! Exact finish: shortest augmenting paths on certified lists.
//!
//! With u_i = min_j(c_ij − v_j) for all rows and every pair tight, a free row is joined to a free column along a path of smallest reduced
//! cost (Jonker and Volgenant, *Computing* 38, 1987). The columns a list leaves out are represented in the heap by their threshold: only
//! when the search would pass it is the row scanned for more.

use crate::transport::assignment::auction::{FREE, Pairs};
use crate::transport::lists::Lists;
use crate::transport::lists::row::Candidate;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An event of the search: a column is reached, or a row must be scanned for more columns.
type Event = Reverse<(u64, bool, u32)>;

/// State of one search, reused.
#[derive(Debug)]
pub(super) struct Search {
    heap: BinaryHeap<Event>,
    reached: Vec<f64>,
    from: Vec<u32>,
    closed: Vec<bool>,
    touched: Vec<u32>,
    /// Distance and u of each row of the tree.
    tree: Vec<(u32, f64, f64)>,
    tree_index: Vec<u32>,
    /// Smallest distance of a free column, and that column.
    goal: (f64, u32),
}

/// Order key of a nonnegative float; adding zero turns −0 into 0.
fn key(distance: f64) -> u64 {
    (distance + 0.0).to_bits()
}

impl Search {
    pub(super) fn new(n: usize) -> Self {
        Self {
            heap: BinaryHeap::new(),
            reached: vec![f64::INFINITY; n],
            from: vec![FREE; n],
            closed: vec![false; n],
            touched: Vec::new(),
            tree: Vec::new(),
            tree_index: vec![FREE; n],
            goal: (f64::INFINITY, FREE),
        }
    }

    /// Joins the free row `root` to a free column and lowers the prices along the tree.
    pub(super) fn augment(&mut self, root: u32, lists: &mut Lists<'_>, pairs: &mut Pairs) {
        self.goal = (f64::INFINITY, FREE);
        let u = lists.certain_look(root).best;
        self.grow(root, 0.0, u, lists, pairs);
        while let Some(Reverse((bits, scan, index))) = self.heap.pop() {
            let distance = f64::from_bits(bits);
            if distance >= self.goal.0 {
                break;
            }
            if scan {
                let (row, at, u) = self.tree[self.tree_index[index as usize] as usize];
                let want = 2 * lists.row(row).entries.len().max(lists.want);
                lists.refresh_with(&[row], want);
                self.relax(row, at, u, distance, lists, pairs);
            } else if !self.closed[index as usize] {
                self.closed[index as usize] = true;
                let row = pairs.row[index as usize];
                let u = pairs.cost[row as usize] - lists.price(index);
                self.grow(row, distance, u, lists, pairs);
            }
        }
        self.flip(root, lists, pairs);
        self.clear();
    }

    /// Adds a row to the tree.
    fn grow(&mut self, row: u32, distance: f64, u: f64, lists: &mut Lists<'_>, pairs: &Pairs) {
        self.tree_index[row as usize] = self.tree.len() as u32;
        self.tree.push((row, distance, u));
        self.relax(row, distance, u, distance, lists, pairs);
    }

    /// Offers the columns of a row's list at their distances, never below the frontier: a rounding error there would reopen a closed
    /// column and close a cycle.
    fn relax(&mut self, row: u32, distance: f64, u: f64, frontier: f64, lists: &mut Lists<'_>, pairs: &Pairs) {
        for k in 0..lists.row(row).entries.len() {
            let Candidate { column, base, .. } = lists.row(row).entries[k];
            if distance + (f64::from(base) - u) >= self.goal.0 {
                break;
            }
            let j = column as usize;
            if self.closed[j] {
                continue;
            }
            let reached = (distance + (lists.cost(row, k) - lists.price(column) - u)).max(frontier);
            if reached >= self.reached[j] || reached >= self.goal.0 {
                continue;
            }
            if self.reached[j] == f64::INFINITY {
                self.touched.push(column);
            }
            self.reached[j] = reached;
            self.from[j] = row;
            if pairs.row[j] == FREE {
                self.goal = (reached, column);
            } else {
                self.heap.push(Reverse((key(reached), false, column)));
            }
        }
        let more = (distance + (lists.row(row).threshold - u)).max(frontier);
        if more < self.goal.0 {
            self.heap.push(Reverse((key(more), true, row)));
        }
    }

    /// Lowers the prices of the closed columns and exchanges the pairs along the path.
    fn flip(&self, root: u32, lists: &mut Lists<'_>, pairs: &mut Pairs) {
        let (length, mut column) = self.goal;
        for &j in self.touched.iter().filter(|&&j| self.closed[j as usize]) {
            lists.lower(j, lists.price(j) + (self.reached[j as usize] - length));
        }
        loop {
            let row = self.from[column as usize];
            let next = std::mem::replace(&mut pairs.column[row as usize], column);
            pairs.row[column as usize] = row;
            pairs.cost[row as usize] = lists.geometry.cost(row as usize, column as usize);
            if row == root {
                break;
            }
            column = next;
        }
    }

    fn clear(&mut self) {
        self.heap.clear();
        for j in self.touched.drain(..) {
            self.reached[j as usize] = f64::INFINITY;
            self.closed[j as usize] = false;
        }
        self.tree.clear();
    }
}
