//! Short lists of the cheapest columns of each row, certified by a threshold.
//!
//! Row i keeps the columns with the smallest c_ij − v_j and a threshold that no column left out was below when the row was scanned.
//! Prices v_j only ever fall, so the values c_ij − v_j only ever rise and the threshold stays true for ever: as long as the answer to
//! a question lies at or below it, the list answers for the whole row, and only otherwise is the row scanned again.

use super::cost::Geometry;
use super::screen::boxes::{BLOCK, Boxes};
use super::screen::{CHUNK, LANES, Scratch, Screen};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// Columns asked for in a scan.
pub(crate) const WANT: usize = 32;
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
    /// c_ij − v_j when the row was scanned, rounded down.
    pub(crate) base: f32,
    pub(crate) cost: f64,
}

/// The list of one row, ascending in `base`.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) entries: Vec<Candidate>,
    /// Lower bound on c_ij − v_j of the columns left out.
    pub(crate) threshold: f64,
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
    keys: Vec<u32>,
    kept: Vec<u64>,
    values: Vec<(f64, u32)>,
}

impl<'a> Lists<'a> {
    /// Empty lists, prices zero.
    pub(crate) fn new(geometry: &'a Geometry, screen: &'a Screen) -> Self {
        let prices = vec![0.0; geometry.columns()];
        let empty = || Row { entries: Vec::new(), threshold: f64::NEG_INFINITY };
        let priced = screen.priced_all(&prices);
        Self {
            geometry,
            screen,
            rows: std::iter::repeat_with(empty).take(geometry.rows()).collect(),
            prices,
            pool: std::iter::repeat_with(Worker::default).take(PARTS).collect(),
            part: (PART_BYTES / 4 / screen.stride()).clamp(8, 32),
            boxes: screen.has_boxes().then(|| Boxes::new(screen, &priced)),
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
            let before = std::mem::replace(&mut self.priced[at], self.screen.priced(at, price));
            if let Some(boxes) = &mut self.boxes {
                boxes.raise(self.screen, at, before, &self.priced);
            }
        }
    }

    pub(crate) fn row(&self, i: u32) -> &Row {
        &self.rows[i as usize]
    }

    /// The two smallest values of the list of row i.
    #[inline]
    pub(crate) fn look(&self, i: u32) -> Look {
        let mut look = Look::NOTHING;
        for entry in &self.rows[i as usize].entries {
            if f64::from(entry.base) >= look.second {
                break;
            }
            look.offer(entry.column, entry.cost, entry.cost - self.prices[entry.column as usize]);
        }
        look
    }

    /// The best column of row i and the value of the second best among all columns, or a lower bound on it that is above the best;
    /// nothing if the list cannot tell and the row must be scanned.
    #[inline]
    pub(crate) fn answer(&mut self, i: u32) -> Option<Look> {
        if let Some(boxes) = &self.boxes {
            let near = self.last[i as usize] as usize / BLOCK;
            let look = self.screen.two_least(self.geometry, i as usize, boxes, &self.priced, &self.prices, near);
            self.last[i as usize] = look.column;
            return Some(look);
        }
        let look = self.look(i);
        let threshold = self.rows[i as usize].threshold;
        // A threshold above the best value may stand for the second: the row bids less than it could, and validly.
        (look.second <= threshold || look.best < threshold).then_some(Look { second: look.second.min(threshold), ..look })
    }

    /// Whether the list of row i certifies its best column.
    pub(crate) fn certain(&self, i: u32) -> bool {
        self.look(i).best <= self.rows[i as usize].threshold
    }

    /// Like [`look`](Self::look), after a scan if the list cannot certify its best column.
    pub(crate) fn certain_look(&mut self, i: u32) -> Look {
        if !self.certain(i) {
            self.refresh(&[i], WANT);
        }
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
        self.refresh(&first, WANT);
    }

    /// Scans rows under the present prices and makes their lists anew, `want` columns or a few more each.
    pub(crate) fn refresh(&mut self, rows: &[u32], want: usize) {
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
    pub(crate) fn reach(&self) -> f64 {
        let reach = |(i, row): (usize, &Row)| {
            let top =
                if row.threshold < f64::INFINITY { row.threshold } else { row.entries.last().map_or(0.0, |last| f64::from(last.base)) };
            (top - self.look(i as u32).best).max(0.0)
        };
        let mut reaches: Vec<f64> = self.rows.iter().enumerate().filter(|(_, row)| !row.entries.is_empty()).map(reach).collect();
        let middle = reaches.len() / 2;
        *reaches.select_nth_unstable_by(middle, f64::total_cmp).1
    }

    fn scan_part(&self, rows: &[u32], lists: &mut [Row], want: usize, worker: &mut Worker) {
        let want = want.min(self.prices.len());
        if self.boxes.is_none() {
            self.screen.scan(rows, &self.priced, &mut worker.scratch);
        }
        for (index, (&i, list)) in rows.iter().zip(lists).enumerate() {
            let cut = if let Some(boxes) = &self.boxes {
                self.screen.nearest(i as usize, boxes, &self.priced, want, &mut worker.kept)
            } else {
                let (values, minima) = worker.scratch.row(index, self.screen.stride());
                select(values, minima, want, &mut worker.keys, &mut worker.kept)
            };
            list.threshold =
                if worker.kept.len() == self.prices.len() { f64::INFINITY } else { f64::from(cut) + self.screen.row_offset(i as usize) };
            worker.values.clear();
            worker.values.extend(worker.kept.iter().map(|&key| (self.geometry.cost(i as usize, key as u32 as usize), key as u32)));
            self.fill(list, &mut worker.values);
            // Single precision cannot tell the two best columns from the rest: scan in full.
            let certified = |entry: &&Candidate| entry.cost - self.prices[entry.column as usize] <= list.threshold;
            if list.entries.iter().filter(certified).take(2).count() < self.prices.len().min(2) {
                self.scan_exactly(i as usize, list, want, &mut worker.values);
            }
        }
    }

    /// The same list by exact costs of the whole row.
    fn scan_exactly(&self, i: usize, list: &mut Row, want: usize, values: &mut Vec<(f64, u32)>) {
        values.clear();
        values.extend((0..self.prices.len()).map(|j| (self.geometry.cost(i, j) - self.prices[j], j as u32)));
        list.threshold = f64::INFINITY;
        if want < values.len() {
            let (_, cut, _) = values.select_nth_unstable_by(want, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            list.threshold = cut.0;
            values.truncate(want);
        }
        for value in values.iter_mut() {
            value.0 = self.geometry.cost(i, value.1 as usize);
        }
        self.fill(list, values);
    }

    /// Makes a list of columns with their costs.
    fn fill(&self, list: &mut Row, columns: &mut [(f64, u32)]) {
        list.entries.clear();
        list.entries.extend(columns.iter().map(|&(cost, column)| {
            let value = cost - self.prices[column as usize];
            Candidate { column, cost, base: round_down(value) }
        }));
        list.entries.sort_unstable_by(|a, b| a.base.total_cmp(&b.base).then(a.column.cmp(&b.column)));
    }
}

/// The largest `f32` not above `value`.
fn round_down(value: f64) -> f32 {
    let rounded = value as f32;
    if f64::from(rounded) > value { rounded.next_down() } else { rounded }
}

/// A `u32` that orders like the float.
#[inline]
pub(crate) fn order_key(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

/// Keeps the columns of the smallest values, about `want` and at most twice as many, as order key · 2³² + column, and returns a number
/// that no value left out is below.
pub(crate) fn select(values: &[f32], minima: &[f32], want: usize, keys: &mut Vec<u32>, kept: &mut Vec<u64>) -> f32 {
    kept.clear();
    keys.clear();
    // With few groups the minima say too little: a longer list would not come out longer.
    let from_minima = minima.len() >= 2 * want;
    keys.extend(if from_minima { minima } else { values }.iter().map(|&v| order_key(v)));
    let nth = want.min(keys.len()) - 1;
    let mut cut = *keys.select_nth_unstable(nth).1;
    let top = from_key(cut);
    let (chunks, groups) = (values.as_chunks::<CHUNK>().0, minima.as_chunks::<LANES>().0);
    for (chunk, (values, minima)) in chunks.iter().zip(groups).enumerate() {
        for (lane, _) in minima.iter().enumerate().filter(|(_, least)| **least <= top) {
            // Written always, kept when small enough: no branch to mispredict.
            let mut found = [0_u64; CHUNK / LANES];
            let mut count = 0;
            for block in 0..CHUNK / LANES {
                let (at, value) = (block * LANES + lane, values[block * LANES + lane]);
                found[count] = u64::from(order_key(value)) << 32 | (chunk * CHUNK + at) as u64;
                count += usize::from(value <= top);
            }
            kept.extend_from_slice(&found[..count]);
        }
    }
    if kept.len() > 2 * want {
        cut = (*kept.select_nth_unstable(2 * want).1 >> 32) as u32;
        kept.truncate(2 * want);
    }
    from_key(cut)
}

/// The float of an [`order_key`].
pub(crate) fn from_key(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}
