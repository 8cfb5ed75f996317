//! Short lists of the cheapest columns of each row, certified by a threshold.
//!
//! Row i keeps the columns with the smallest c_ij − v_j and a threshold that no column left out was below when the row was scanned.
//! Prices v_j only ever fall, so the values c_ij − v_j only ever rise and the threshold stays true for ever: as long as the answer to
//! a question lies at or below it, the list answers for the whole row, and only otherwise is the row scanned again.

mod pool;
mod prices;
pub(crate) mod row;
mod scan;

use crate::transport::cost::Geometry;
use crate::transport::screen::Screen;
use crate::transport::screen::boxes::BLOCK;
use crate::transport::screen::look::Look;
use pool::Pool;
use prices::Prices;
use row::Row;
use scan::Scan;

/// Columns asked for in a scan, over the fourth root of the number of columns. A long list takes longer to make and serves longer; the
/// best length was measured for 500 to 20 000 columns.
const WANT: f64 = 3.3;
/// Rows, about, that tell how columns compete.
const SAMPLE: usize = 512;

/// Lists of all rows, and the prices they stand under.
#[derive(Debug)]
pub(crate) struct Lists<'a> {
    pub(crate) geometry: &'a Geometry,
    screen: &'a Screen,
    rows: Vec<Row>,
    prices: Prices,
    pool: Pool,
    /// Columns asked for in a scan.
    pub(crate) want: usize,
    /// Best column of each row when it was last searched by boxes.
    last: Vec<u32>,
    pub(crate) scans: usize,
}

impl<'a> Lists<'a> {
    /// Empty lists, prices zero.
    pub(crate) fn new(geometry: &'a Geometry, screen: &'a Screen) -> Self {
        let empty = || Row { entries: Vec::new(), threshold: f64::NEG_INFINITY };
        Self {
            geometry,
            screen,
            rows: std::iter::repeat_with(empty).take(geometry.rows()).collect(),
            prices: Prices::new(geometry, screen),
            pool: Pool::new(screen.stride()),
            want: (WANT * (geometry.columns() as f64).sqrt().sqrt()).round() as usize,
            last: vec![0; geometry.rows()],
            scans: 0,
        }
    }

    /// Rows worth scanning together.
    pub(crate) fn batch(&self) -> usize {
        self.pool.batch()
    }

    #[inline]
    pub(crate) fn price(&self, j: u32) -> f64 {
        self.prices.of(j)
    }

    pub(crate) fn into_prices(self) -> Vec<f64> {
        self.prices.into_values()
    }

    /// Lowers v_j; a rise would break the thresholds and is ignored.
    #[inline]
    pub(crate) fn lower(&mut self, j: u32, price: f64) {
        self.prices.lower(self.screen, j, price);
    }

    pub(crate) fn row(&self, i: u32) -> &Row {
        &self.rows[i as usize]
    }

    /// The two smallest values of the list of row i.
    #[inline]
    fn look(&mut self, i: u32) -> Look {
        self.rows[i as usize].look(self.geometry, i as usize, self.prices.values())
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
        if let Some(boxes) = self.prices.boxes() {
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

    /// The two smallest values of the list of row i, after a scan if the list cannot certify its best column.
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
        let step = if self.prices.boxes().is_some() { (rows / SAMPLE).max(1) } else { 1 };
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
        let scan = Scan { geometry: self.geometry, screen: self.screen, prices: &self.prices, want: want.min(self.prices.len()) };
        let mut lists: Vec<Row> = Vec::with_capacity(rows.len());
        for batch in rows.chunks(self.pool.batch()) {
            lists.clear();
            lists.extend(batch.iter().map(|&i| std::mem::take(&mut self.rows[i as usize])));
            self.pool.for_parts(batch, &mut lists, |part, lists, worker| scan.part(part, lists, worker));
            for (&i, list) in batch.iter().zip(lists.drain(..)) {
                self.rows[i as usize] = list;
            }
        }
    }

    /// Median over the rows with a list of the size of the smallest value: what rounds in a bid.
    pub(crate) fn size(&mut self) -> f64 {
        let size = |(i, row): (usize, &mut Row)| {
            let best = row.look(self.geometry, i, self.prices.values()).best;
            best.is_finite().then(|| best.abs())
        };
        let mut sizes: Vec<f64> = self.rows.iter_mut().enumerate().filter_map(size).collect();
        let middle = sizes.len() / 2;
        *sizes.select_nth_unstable_by(middle, f64::total_cmp).1
    }

    /// Median over the rows with a list of threshold − smallest value: the scale on which columns compete.
    pub(crate) fn reach(&mut self) -> f64 {
        let reach = |(i, row): (usize, &mut Row)| {
            let last = f64::from(row.entries.last()?.base);
            let top = if row.threshold < f64::INFINITY { row.threshold } else { last };
            Some((top - row.look(self.geometry, i, self.prices.values()).best).max(0.0))
        };
        let mut reaches: Vec<f64> = self.rows.iter_mut().enumerate().filter_map(reach).collect();
        let middle = reaches.len() / 2;
        *reaches.select_nth_unstable_by(middle, f64::total_cmp).1
    }
}
