//! Scans: the lists of some rows made anew under the present prices.

use crate::transport::cost::Geometry;
use crate::transport::lists::pool::Worker;
use crate::transport::lists::prices::Prices;
use crate::transport::lists::row::{Candidate, Row};
use crate::transport::screen::Screen;
use crate::transport::screen::boxes::Boxes;
use crate::transport::screen::select::{from_key, select};

/// What a scan looks at, and the number of columns it keeps a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan<'a> {
    pub(super) geometry: &'a Geometry,
    pub(super) screen: &'a Screen,
    pub(super) prices: &'a Prices,
    pub(super) want: usize,
}

impl Scan<'_> {
    /// Makes the lists of some rows.
    pub(super) fn part(self, rows: &[u32], lists: &mut [Row], worker: &mut Worker) {
        if let Some(boxes) = self.prices.boxes() {
            for (&i, list) in rows.iter().zip(lists) {
                self.by_boxes(i as usize, list, boxes, &mut worker.near);
            }
            return;
        }
        let Worker { scratch, groups, kept, .. } = worker;
        self.screen.scan(rows, self.prices.priced(), scratch);
        for (index, (&i, list)) in rows.iter().zip(lists).enumerate() {
            let (values, minima) = scratch.row(index, self.screen.stride());
            let cut = select(values, minima, self.want, groups, kept);
            let offset = self.screen.row_offset(i as usize);
            list.threshold = if kept.len() == self.prices.len() { f64::INFINITY } else { f64::from(cut) + offset };
            kept.sort_unstable();
            list.entries.clear();
            // No room is left over: the lists take most of the memory.
            list.entries.reserve_exact(kept.len());
            list.entries.extend(kept.iter().map(|&key| {
                let base = round_down(f64::from(from_key((key >> 32) as u32)) + offset);
                let price = self.prices.of(key as u32);
                // The rounding of this sum and of the difference it is used in.
                let rounding = 2.0 * f64::EPSILON * (f64::from(base).abs() + price.abs());
                Candidate::bounded(key as u32, base, f64::from(base) + price - rounding)
            }));
            // Single precision cannot tell the two best columns from the rest: scan in full.
            if list.look(self.geometry, i as usize, self.prices.values()).second > list.threshold {
                self.exactly(i as usize, list);
            }
        }
    }

    /// The list of one row by boxes, in double precision.
    fn by_boxes(self, i: usize, list: &mut Row, boxes: &Boxes, near: &mut Vec<(f64, u32)>) {
        let cut = boxes.nearest(self.geometry, i, self.want, near);
        list.threshold = if near.len() == self.prices.len() { f64::INFINITY } else { cut };
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        list.entries.clear();
        list.entries.reserve_exact(near.len());
        list.entries.extend(near.iter().map(|&(value, column)| {
            let cost = self.geometry.cost(i, column as usize);
            Candidate { column, base: round_down(value), cost }
        }));
    }

    /// The same list by exact costs of the whole row.
    fn exactly(self, i: usize, list: &mut Row) {
        list.entries.clear();
        list.entries.extend((0..self.prices.len() as u32).map(|column| {
            let cost = self.geometry.cost(i, column as usize);
            Candidate { column, base: round_down(cost - self.prices.of(column)), cost }
        }));
        let value = |entry: &Candidate| entry.cost - self.prices.of(entry.column);
        list.entries.sort_unstable_by(|a, b| value(a).total_cmp(&value(b)).then(a.column.cmp(&b.column)));
        list.threshold = list.entries.get(self.want).map_or(f64::INFINITY, value);
        list.entries.truncate(self.want);
    }
}

/// The largest `f32` not above `value`.
fn round_down(value: f64) -> f32 {
    let rounded = value as f32;
    if f64::from(rounded) > value { rounded.next_down() } else { rounded }
}
