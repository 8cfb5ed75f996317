//! Short lists of the cheapest columns of each row, certified by a threshold.
//!
//! Row i keeps the columns with the smallest c_ij − v_j and a threshold that no column left out was below when the row was scanned.
//! Prices v_j only ever fall, so the values c_ij − v_j only ever rise and the threshold stays true for ever: as long as the answer to
//! a question lies at or below it, the list answers for the whole row, and only otherwise is the row scanned again.

use crate::numeric::dense::panels::TILE_ROWS;
use crate::transport::cost::Geometry;
use crate::transport::screen::boxes::{BLOCK, Boxes, spatial};
use crate::transport::screen::select::{from_key, select};
use crate::transport::screen::{Scratch, Screen};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// Columns asked for in a scan, over the fourth root of the number of columns. A long list takes longer to make and serves longer; the
/// best length was measured for 500 to 20 000 columns.
const WANT: f64 = 3.3;
/// Bytes of scan buffers a part of a batch may fill.
const PART_BYTES: usize = 1 << 20;
/// Rows, about, that tell how columns compete.
const SAMPLE: usize = 512;
/// Parts a batch is cut into; fixed, so that results do not depend on the number of threads.
const PARTS: usize = 4;

/// One column of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) column: u32,
    /// Lower bound on c_ij − v_j when the row was scanned.
    pub(crate) base: f32,
    /// c_ij ≥ 0 or, with a minus sign (−0 too), a lower bound on it, which often is enough.
    cost: f64,
}

impl Candidate {
    /// Of a column whose cost is at least `bound`.
    fn bounded(column: u32, base: f32, bound: f64) -> Self {
        Self { column, base, cost: if bound > 0.0 { -bound } else { -0.0 } }
    }

    /// c_ij or a lower bound on it.
    #[inline]
    fn bound(&self) -> f64 {
        self.cost.abs()
    }

    /// c_ij.
    #[inline]
    fn cost(&mut self, geometry: &Geometry, i: usize) -> f64 {
        if self.cost.is_sign_negative() {
            self.cost = geometry.cost(i, self.column as usize);
        }
        self.cost
    }
}

/// The list of one row, ascending in `base`.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) entries: Vec<Candidate>,
    /// Lower bound on c_ij − v_j of the columns left out.
    pub(crate) threshold: f64,
}

impl Row {
    /// The two smallest values of the list of row i under these prices.
    #[inline]
    fn look(&mut self, geometry: &Geometry, i: usize, prices: &[f64]) -> Look {
        let (mut at, mut best, mut second) = (0, f64::INFINITY, f64::INFINITY);
        for (k, entry) in self.entries.iter_mut().enumerate() {
            if f64::from(entry.base) >= second {
                break;
            }
            let price = prices[entry.column as usize];
            if entry.bound() - price >= second {
                continue;
            }
            let value = entry.cost(geometry, i) - price;
            // Selections in place of branches, which nobody can foresee.
            let (better, larger) = (value < best, if value < best { best } else { value });
            (at, best) = (if better { k } else { at }, if better { value } else { best });
            second = if larger < second { larger } else { second };
        }
        self.entries.get(at).map_or(Look::NOTHING, |&Candidate { column, cost, .. }| Look { column, cost, best, second })
    }
}

/// What a list says about its row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) column: u32,
    pub(crate) cost: f64,
    /// Smallest value in the list.
    pub(crate) best: f64,
    /// Second smallest value in the list.
    pub(crate) second: f64,
}

impl Look {
    /// Before any column was looked at.
    pub(crate) const NOTHING: Self = Self { column: u32::MAX, cost: 0.0, best: f64::INFINITY, second: f64::INFINITY };

    /// Takes a column into account.
    #[inline]
    pub(crate) fn offer(&mut self, column: u32, cost: f64, value: f64) {
        if value < self.best {
            *self = Self { column, cost, best: value, second: self.best };
        } else if value < self.second {
            self.second = value;
        }
    }
}

/// Lists of all rows, and the prices they stand under.
#[derive(Debug)]
pub(crate) struct Lists<'a> {
    pub(crate) geometry: &'a Geometry,
    screen: &'a Screen,
    rows: Vec<Row>,
    prices: Vec<f64>,
    priced: Vec<f32>,
    pool: Vec<Worker>,
    /// Columns asked for in a scan.
    pub(crate) want: usize,
    part: usize,
    boxes: Option<Boxes>,
    /// Best column of each row when it was last searched by boxes.
    last: Vec<u32>,
    pub(crate) scans: usize,
}

/// Buffers of one part of a batch.
#[derive(Debug, Default)]
struct Worker {
    scratch: Scratch,
    groups: Vec<u32>,
    kept: Vec<u64>,
    near: Vec<(f64, u32)>,
}

impl<'a> Lists<'a> {
    /// Empty lists, prices zero.
    pub(crate) fn new(geometry: &'a Geometry, screen: &'a Screen) -> Self {
        let prices = vec![0.0; geometry.columns()];
        let empty = || Row { entries: Vec::new(), threshold: f64::NEG_INFINITY };
        let priced = screen.priced_all(&prices);
        let boxes = spatial(geometry.dim).then(|| Boxes::new(geometry, &prices));
        Self {
            geometry,
            screen,
            rows: std::iter::repeat_with(empty).take(geometry.rows()).collect(),
            prices,
            pool: std::iter::repeat_with(Worker::default).take(PARTS).collect(),
            want: (WANT * (geometry.columns() as f64).sqrt().sqrt()).round() as usize,
            part: (PART_BYTES / 4 / screen.stride() / TILE_ROWS * TILE_ROWS).clamp(2 * TILE_ROWS, 5 * TILE_ROWS),
            boxes,
            priced,
            last: vec![0; geometry.rows()],
            scans: 0,
        }
    }

    /// Rows worth scanning together.
    pub(crate) fn batch(&self) -> usize {
        self.part * PARTS
    }

    #[inline]
    pub(crate) fn price(&self, j: u32) -> f64 {
        self.prices[j as usize]
    }

    pub(crate) fn into_prices(self) -> Vec<f64> {
        self.prices
    }

    /// Lowers v_j; a rise would break the thresholds and is ignored.
    #[inline]
    pub(crate) fn lower(&mut self, j: u32, price: f64) {
        let at = j as usize;
        if price < self.prices[at] {
            self.prices[at] = price;
            match &mut self.boxes {
                Some(boxes) => boxes.lower(at, price),
                None => self.priced[at] = self.screen.priced(at, price),
            }
        }
    }

    pub(crate) fn row(&self, i: u32) -> &Row {
        &self.rows[i as usize]
    }

    /// The two smallest values of the list of row i.
    #[inline]
    fn look(&mut self, i: u32) -> Look {
        self.rows[i as usize].look(self.geometry, i as usize, &self.prices)
    }

    /// The cost of column k of the list of row i.
    #[inline]
    pub(crate) fn cost(&mut self, i: u32, k: usize) -> f64 {
        self.rows[i as usize].entries[k].cost(self.geometry, i as usize)
    }

    /// The best column of row i and the value of the second best among all columns, or a lower bound on it that is above the best;
    /// nothing if the list cannot tell and the row must be scanned.
    #[inline]
    pub(crate) fn answer(&mut self, i: u32) -> Option<Look> {
        if let Some(boxes) = &self.boxes {
            let near = self.last[i as usize] as usize / BLOCK;
            let look = boxes.two_least(self.geometry, i as usize, near);
            self.last[i as usize] = look.column;
            return Some(look);
        }
        let look = self.look(i);
        let threshold = self.rows[i as usize].threshold;
        // A threshold above the best value may stand for the second: the row bids less than it could, and validly.
        (look.second <= threshold || look.best < threshold).then_some(Look { second: look.second.min(threshold), ..look })
    }

    /// Whether the list of row i certifies its best column.
    pub(crate) fn certain(&mut self, i: u32) -> bool {
        self.look(i).best <= self.rows[i as usize].threshold
    }

    /// Like [`look`](Self::look), after a scan if the list cannot certify its best column.
    pub(crate) fn certain_look(&mut self, i: u32) -> Look {
        let look = self.look(i);
        if look.best <= self.rows[i as usize].threshold {
            return look;
        }
        self.refresh(&[i]);
        self.look(i)
    }

    /// A lower bound on the values of row i: the smallest value, or the threshold where the list cannot tell.
    pub(crate) fn floor(&mut self, i: u32) -> f64 {
        match self.answer(i) {
            Some(look) => look.best,
            None => self.look(i).best.min(self.rows[i as usize].threshold),
        }
    }

    /// Makes the first lists: of all rows, or of a sample of them where boxes answer without.
    pub(crate) fn start(&mut self) {
        let rows = self.rows.len();
        let step = if self.boxes.is_some() { (rows / SAMPLE).max(1) } else { 1 };
        let first: Vec<u32> = (0..rows as u32).step_by(step).collect();
        self.refresh(&first);
    }

    /// Scans rows under the present prices and makes their lists anew.
    pub(crate) fn refresh(&mut self, rows: &[u32]) {
        self.refresh_with(rows, self.want);
    }

    /// The same with `want` columns or a few more each.
    pub(crate) fn refresh_with(&mut self, rows: &[u32], want: usize) {
        self.scans += rows.len();
        let mut lists: Vec<Row> = Vec::with_capacity(rows.len());
        for batch in rows.chunks(self.part * PARTS) {
            lists.clear();
            lists.extend(batch.iter().map(|&i| std::mem::take(&mut self.rows[i as usize])));
            let mut pool = std::mem::take(&mut self.pool);
            let this = &*self;
            let work = |((part, lists), worker): ((&[u32], &mut [Row]), &mut Worker)| this.scan_part(part, lists, want, worker);
            #[cfg(feature = "rayon")]
            if batch.len() > self.part {
                batch.par_chunks(self.part).zip(lists.par_chunks_mut(self.part)).zip(pool.par_iter_mut()).for_each(work);
            } else {
                work(((batch, &mut lists), &mut pool[0]));
            }
            #[cfg(not(feature = "rayon"))]
            batch.chunks(self.part).zip(lists.chunks_mut(self.part)).zip(&mut pool).for_each(work);
            self.pool = pool;
            for (&i, list) in batch.iter().zip(lists.drain(..)) {
                self.rows[i as usize] = list;
            }
        }
    }

    /// Median over the rows with a list of threshold − smallest value: the scale on which columns compete.
    pub(crate) fn reach(&mut self) -> f64 {
        let reach = |(i, row): (usize, &mut Row)| {
            let last = f64::from(row.entries.last()?.base);
            let top = if row.threshold < f64::INFINITY { row.threshold } else { last };
            Some((top - row.look(self.geometry, i, &self.prices).best).max(0.0))
        };
        let mut reaches: Vec<f64> = self.rows.iter_mut().enumerate().filter_map(reach).collect();
        let middle = reaches.len() / 2;
        *reaches.select_nth_unstable_by(middle, f64::total_cmp).1
    }

    fn scan_part(&self, rows: &[u32], lists: &mut [Row], want: usize, worker: &mut Worker) {
        let want = want.min(self.prices.len());
        if let Some(boxes) = &self.boxes {
            for (&i, list) in rows.iter().zip(lists) {
                self.scan_boxes(i as usize, list, boxes, want, &mut worker.near);
            }
            return;
        }
        self.screen.scan(rows, &self.priced, &mut worker.scratch);
        for (index, (&i, list)) in rows.iter().zip(lists).enumerate() {
            let (values, minima) = worker.scratch.row(index, self.screen.stride());
            let cut = select(values, minima, want, &mut worker.groups, &mut worker.kept);
            let offset = self.screen.row_offset(i as usize);
            list.threshold = if worker.kept.len() == self.prices.len() { f64::INFINITY } else { f64::from(cut) + offset };
            worker.kept.sort_unstable();
            list.entries.clear();
            // No room is left over: the lists take most of the memory.
            list.entries.reserve_exact(worker.kept.len());
            list.entries.extend(worker.kept.iter().map(|&key| {
                let base = round_down(f64::from(from_key((key >> 32) as u32)) + offset);
                let price = self.prices[key as u32 as usize];
                // The rounding of this sum and of the difference it is used in.
                let rounding = 2.0 * f64::EPSILON * (f64::from(base).abs() + price.abs());
                Candidate::bounded(key as u32, base, f64::from(base) + price - rounding)
            }));
            // Single precision cannot tell the two best columns from the rest: scan in full.
            if list.look(self.geometry, i as usize, &self.prices).second > list.threshold {
                self.scan_exactly(i as usize, list, want);
            }
        }
    }

    /// The list of one row by boxes, in double precision.
    fn scan_boxes(&self, i: usize, list: &mut Row, boxes: &Boxes, want: usize, near: &mut Vec<(f64, u32)>) {
        let cut = boxes.nearest(self.geometry, i, want, near);
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
    fn scan_exactly(&self, i: usize, list: &mut Row, want: usize) {
        list.entries.clear();
        list.entries.extend((0..self.prices.len()).map(|j| {
            let cost = self.geometry.cost(i, j);
            Candidate { column: j as u32, base: round_down(cost - self.prices[j]), cost }
        }));
        let value = |entry: &Candidate| entry.cost - self.prices[entry.column as usize];
        list.entries.sort_unstable_by(|a, b| value(a).total_cmp(&value(b)).then(a.column.cmp(&b.column)));
        list.threshold = list.entries.get(want).map_or(f64::INFINITY, value);
        list.entries.truncate(want);
    }
}

/// The largest `f32` not above `value`.
fn round_down(value: f64) -> f32 {
    let rounded = value as f32;
    if f64::from(rounded) > value { rounded.next_down() } else { rounded }
}
