//! ε-scaling auction on certified lists.
//!
//! A row without a column bids for the one with the smallest c_ij − v_j and lowers its price v_j until the column is as dear to it as the
//! second best, and ε dearer. When no row is left without a column, the pairs are optimal within nε (Bertsekas, *Ann. Oper. Res.* 14,
//! 1988). Phases with falling ε start from the prices of the phase before.

use crate::transport::lists::Lists;
use std::collections::VecDeque;

/// Rows, about, that tell whether ties abound.
const TIE_SAMPLE: usize = 64;
/// No partner.
pub(super) const FREE: u32 = u32::MAX;

/// Pairs of rows and columns under the prices of the lists.
#[derive(Debug)]
pub(super) struct Pairs {
    /// Column of each row, or [`FREE`].
    pub(super) column: Vec<u32>,
    /// Row of each column, or [`FREE`].
    pub(super) row: Vec<u32>,
    /// Cost of the pair of each row.
    pub(super) cost: Vec<f64>,
}

impl Pairs {
    pub(super) fn new(n: usize) -> Self {
        Self { column: vec![FREE; n], row: vec![FREE; n], cost: vec![0.0; n] }
    }

    /// Gives column j to row i; returns the row that loses it.
    fn give(&mut self, i: u32, j: u32, cost: f64) -> u32 {
        let loser = std::mem::replace(&mut self.row[j as usize], i);
        if loser != FREE {
            self.column[loser as usize] = FREE;
        }
        self.column[i as usize] = j;
        self.cost[i as usize] = cost;
        loser
    }

    pub(super) fn release(&mut self, i: u32) {
        let j = std::mem::replace(&mut self.column[i as usize], FREE);
        if j != FREE {
            self.row[j as usize] = FREE;
        }
    }

    pub(super) fn free_rows(&self) -> Vec<u32> {
        (0..self.column.len() as u32).filter(|&i| self.column[i as usize] == FREE).collect()
    }
}

/// Pairs every row with its cheapest column if these are all different, which settles clouds that nearly coincide; else pairs nobody.
pub(super) fn nearest(lists: &mut Lists<'_>, pairs: &mut Pairs) -> bool {
    for i in 0..pairs.column.len() as u32 {
        let taken = lists.answer(i).is_none_or(|look| pairs.give(i, look.column, look.cost) != FREE);
        if taken {
            *pairs = Pairs::new(pairs.column.len());
            return false;
        }
    }
    true
}

/// Whether most rows of a sample are indifferent between their two best columns, as points on a lattice are.
pub(super) fn tied(lists: &mut Lists<'_>, rows: usize) -> bool {
    let sample = (0..rows as u32).step_by((rows / TIE_SAMPLE).max(1));
    let (count, ties) = sample.fold((0, 0), |(count, ties), i| {
        let tie = lists.answer(i).is_some_and(|look| look.best == look.second);
        (count + 1, ties + usize::from(tie))
    });
    2 * ties > count
}

/// Bids, first come first served, until every row has a column, or `cap` bids were made. Returns the number of bids.
pub(super) fn phase(lists: &mut Lists<'_>, pairs: &mut Pairs, epsilon: f64, cap: usize) -> usize {
    let mut queue: VecDeque<u32> = pairs.free_rows().into();
    let mut waiting: Vec<u32> = Vec::new();
    let batch = lists.batch();
    let mut bids = 0;
    while bids < cap {
        let Some(i) = queue.pop_front() else {
            if waiting.is_empty() {
                break;
            }
            lists.refresh(&waiting);
            queue.extend(waiting.drain(..));
            continue;
        };
        let Some(look) = lists.answer(i) else {
            waiting.push(i);
            if waiting.len() >= batch {
                lists.refresh(&waiting);
                queue.extend(waiting.drain(..));
            }
            continue;
        };
        bids += 1;
        // A single column has no second: any price will do.
        let target = if look.second < f64::INFINITY { look.second } else { look.best };
        lists.lower(look.column, look.cost - target - epsilon);
        let loser = pairs.give(i, look.column, look.cost);
        if loser != FREE {
            queue.push_back(loser);
        }
    }
    bids
}

/// Releases the pairs whose column is more than ε dearer than the best of its row. Returns the number of free rows.
pub(super) fn release_dear(lists: &mut Lists<'_>, pairs: &mut Pairs, epsilon: f64) -> usize {
    let mut free = 0;
    for i in 0..pairs.column.len() as u32 {
        let j = pairs.column[i as usize];
        if j != FREE {
            let best = lists.floor(i);
            let value = pairs.cost[i as usize] - lists.price(j);
            let rounding = 4.0 * f64::EPSILON * (pairs.cost[i as usize].abs() + lists.price(j).abs());
            if value > best + epsilon + rounding {
                pairs.release(i);
            }
        }
        free += usize::from(pairs.column[i as usize] == FREE);
    }
    free
}
