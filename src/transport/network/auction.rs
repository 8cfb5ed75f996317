//! Near-optimal prices for the network simplex: an ε-scaling auction for masses.
//!
//! As in the auction for assignments, but a column holds parcels of mass, each with the price its row agreed to, and its price is that
//! of the cheapest parcel: this one goes first to a new bidder (Bertsekas and Castañón, *Ann. Oper. Res.* 20, 1989). The prices only
//! start the exact method, so a phase may end with a little mass unplaced.

use crate::transport::lists::Lists;
use crate::transport::screen::look::Look;
use std::collections::VecDeque;

/// Mass of one row in one column.
#[derive(Debug, Clone, Copy)]
struct Parcel {
    row: u32,
    mass: i128,
    /// v_j at which the row holds it.
    level: f64,
}

/// No row: mass of a column that was never taken.
const NOBODY: u32 = u32::MAX;
/// Bids a row may make on average in a phase.
const BIDS: usize = 15;

#[derive(Debug)]
struct Auction<'a, 'b> {
    lists: &'a mut Lists<'b>,
    parcels: Vec<Vec<Parcel>>,
    free: Vec<i128>,
    /// Rows with mass to place, first come first served: the last served first drives one price down in many small steps.
    queue: VecDeque<u32>,
}

/// Lowers the prices of the lists from zero to near-optimal ones; ε falls from `first` to `last`. Returns the masses that rows hold in
/// columns at the end, one a pair; some is left over where a phase was cut short.
pub(super) fn run(lists: &mut Lists<'_>, supply: &[i128], demand: &[i128], first: f64, last: f64) -> Vec<(u32, u32, i128)> {
    let mut epsilon = first.max(last);
    loop {
        let parcels = (0..demand.len()).map(|j| vec![Parcel { row: NOBODY, mass: demand[j], level: lists.price(j as u32) }]).collect();
        let queue = (0..supply.len() as u32).collect();
        let mut auction = Auction { lists, parcels, free: supply.to_vec(), queue };
        auction.phase(epsilon, BIDS * supply.len());
        if epsilon <= last {
            return auction.held();
        }
        epsilon = (epsilon / 5.0).max(last);
    }
}

impl Auction<'_, '_> {
    /// The parcels that are held.
    fn held(&self) -> Vec<(u32, u32, i128)> {
        let columns = (0..).zip(&self.parcels);
        let parcels = columns.flat_map(|(column, parcels)| parcels.iter().map(move |parcel| (parcel.row, column, parcel.mass)));
        parcels.filter(|&(row, _, _)| row != NOBODY).collect()
    }

    fn phase(&mut self, epsilon: f64, cap: usize) {
        let mut waiting = Vec::new();
        for _ in 0..cap {
            let Some((row, look)) = self.next(&mut waiting) else { return };
            self.bid(row, look, epsilon);
            if self.free[row as usize] > 0 {
                self.queue.push_back(row);
            }
        }
    }

    /// A row with mass to place and its best columns; rows whose list cannot tell them are scanned together.
    fn next(&mut self, waiting: &mut Vec<u32>) -> Option<(u32, Look)> {
        loop {
            let Some(row) = self.queue.pop_front() else {
                if waiting.is_empty() {
                    return None;
                }
                self.lists.refresh(waiting);
                self.queue.extend(waiting.drain(..));
                continue;
            };
            if self.free[row as usize] == 0 {
                continue;
            }
            if let Some(look) = self.lists.answer(row) {
                return Some((row, look));
            }
            waiting.push(row);
            if waiting.len() >= self.lists.batch() {
                self.lists.refresh(waiting);
                self.queue.extend(waiting.drain(..));
            }
        }
    }

    /// Takes the cheapest parcel of the best column, or as much of it as the row has mass.
    fn bid(&mut self, row: u32, look: Look, epsilon: f64) {
        let parcels = &mut self.parcels[look.column as usize];
        let (mut cheapest, mut next) = (0, f64::NEG_INFINITY);
        for (index, parcel) in parcels.iter().enumerate().skip(1) {
            if parcel.level > parcels[cheapest].level {
                next = parcels[cheapest].level;
                cheapest = index;
            } else {
                next = next.max(parcel.level);
            }
        }
        let taken = parcels[cheapest];
        let mass = self.free[row as usize].min(taken.mass);
        if mass < taken.mass {
            next = taken.level;
        }
        let second = look.second.min(look.cost - next);
        let target = if second < f64::INFINITY { second } else { look.best };
        let level = (look.cost - target - epsilon).min(taken.level);
        parcels[cheapest].mass -= mass;
        if parcels[cheapest].mass == 0 {
            parcels.swap_remove(cheapest);
        }
        match parcels.iter_mut().find(|parcel| parcel.row == row) {
            Some(parcel) => {
                parcel.mass += mass;
                parcel.level = parcel.level.min(level);
            }
            None => parcels.push(Parcel { row, mass, level }),
        }
        let price = parcels.iter().fold(f64::NEG_INFINITY, |most, parcel| most.max(parcel.level));
        self.lists.lower(look.column, price);
        self.free[row as usize] -= mass;
        if taken.row != NOBODY {
            self.free[taken.row as usize] += mass;
            self.queue.push_back(taken.row);
        }
    }
}
