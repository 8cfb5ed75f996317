//! Scans that skip far columns, in few dimensions.
//!
//! Columns in k-d order are cut into blocks of [`BLOCK`] with a bounding box each. The square distance from a point to the box, and the
//! smallest priced offset in the block, bound all its values from below; rounding is monotone, so the bound holds for the computed
//! values too. Blocks above the threshold reached so far are skipped.

use super::{LANES, Screen, general};
use crate::transport::cost::Geometry;
use crate::transport::lists::{from_key, order_key};

/// Columns a block.
pub(crate) const BLOCK: usize = 64;
/// Blocks taken in the order of their bounds before the rest is filtered.
const FIRST: usize = 6;

/// Bounding boxes of the blocks.
#[derive(Debug)]
pub(crate) struct Boxes {
    /// Lower and upper corners, one coordinate after the other.
    low: Vec<f32>,
    high: Vec<f32>,
    /// Smallest priced offset of each block.
    floor: Vec<f32>,
}

impl Boxes {
    pub(crate) fn new(screen: &Screen) -> Self {
        let blocks = screen.stride / BLOCK;
        let columns = |k: usize, b: usize| {
            let start = k * screen.stride + b * BLOCK;
            // Padding stays outside of the boxes; a block of padding alone is infinitely dear anyhow.
            screen.y[start..start + BLOCK.min(screen.columns.saturating_sub(b * BLOCK))].iter().copied()
        };
        let corners = |start: f32, choose: fn(f32, f32) -> f32| {
            (0..screen.dim).flat_map(|k| (0..blocks).map(move |b| (k, b))).map(|(k, b)| columns(k, b).fold(start, choose)).collect()
        };
        Self { low: corners(f32::MAX, f32::min), high: corners(f32::MIN, f32::max), floor: vec![f32::NEG_INFINITY; blocks] }
    }

    /// Takes the offsets as they are; while prices fall, older ones stay valid.
    pub(crate) fn settle(&mut self, priced: &[f32]) {
        for (floor, priced) in self.floor.iter_mut().zip(priced.as_chunks::<BLOCK>().0) {
            *floor = priced.iter().fold(f32::INFINITY, |least, &p| if p < least { p } else { least });
        }
    }
}

/// Whether scans in so many dimensions go by boxes, so that spatial order helps.
pub(crate) fn spatial(dim: usize) -> bool {
    dim <= super::DIRECT
}

impl Screen {
    /// Whether scans by boxes are possible.
    pub(crate) fn has_boxes(&self) -> bool {
        spatial(self.dim)
    }

    /// The columns of the smallest values of row i as `select` keeps them, and a number that no value left out is below.
    pub(crate) fn nearest(&self, i: usize, boxes: &Boxes, priced: &[f32], want: usize, queue: &mut Vec<u64>, kept: &mut Vec<u64>) -> f32 {
        match self.dim {
            1 => self.nearest_in::<1>(i, boxes, priced, want, queue, kept),
            2 => self.nearest_in::<2>(i, boxes, priced, want, queue, kept),
            3 => self.nearest_in::<3>(i, boxes, priced, want, queue, kept),
            _ => self.nearest_in::<4>(i, boxes, priced, want, queue, kept),
        }
    }

    fn nearest_in<const D: usize>(
        &self,
        i: usize,
        boxes: &Boxes,
        priced: &[f32],
        want: usize,
        queue: &mut Vec<u64>,
        kept: &mut Vec<u64>,
    ) -> f32 {
        let x: [f32; D] = *self.point(i as u32).first_chunk().expect("D is the dimension");
        self.queue_blocks(i, x, boxes, queue);
        kept.clear();
        let mut cut = order_key(f32::INFINITY);
        let first = FIRST.min(queue.len());
        if first < queue.len() {
            queue.select_nth_unstable(first);
        }
        queue[..first].sort_unstable();
        for &entry in queue.iter() {
            if (entry >> 32) as u32 >= cut {
                continue;
            }
            self.keep_block(i, x, entry as u32 as usize, priced, cut, kept);
            if kept.len() >= 2 * want {
                cut = (*kept.select_nth_unstable(want).1 >> 32) as u32;
                kept.truncate(want);
            }
        }
        from_key(cut)
    }

    /// Bounds of all blocks, as order key · 2³² + block.
    fn queue_blocks<const D: usize>(&self, i: usize, x: [f32; D], boxes: &Boxes, queue: &mut Vec<u64>) {
        let blocks = boxes.floor.len();
        let corner = |side: &'_ [f32], k: usize, b: usize| side[k * blocks + b];
        queue.clear();
        queue.extend((0..blocks).map(|b| {
            let mut square = 0.0;
            for (k, &x) in x.iter().enumerate() {
                let gap = (corner(&boxes.low, k, b) - x).max(x - corner(&boxes.high, k, b)).max(0.0);
                square += gap * gap;
            }
            u64::from(order_key(self.power(i, square) + boxes.floor[b])) << 32 | b as u64
        }));
    }

    /// Appends the columns of a block whose values lie below the cut.
    fn keep_block<const D: usize>(&self, i: usize, x: [f32; D], block: usize, priced: &[f32], cut: u32, kept: &mut Vec<u64>) {
        let start = block * BLOCK;
        let whole = "a block ends within the stride";
        let y: [&[f32; BLOCK]; D] = std::array::from_fn(|k| self.y[k * self.stride + start..].first_chunk().expect(whole));
        let priced: &[f32; BLOCK] = priced[start..].first_chunk().expect(whole);
        let mut values = [0.0; BLOCK];
        for j in 0..BLOCK {
            for k in 0..D {
                let difference = x[k] - y[k][j];
                values[j] += difference * difference;
            }
        }
        let top = from_key(cut);
        let mut least = [f32::INFINITY; LANES];
        for (values, priced) in values.as_chunks_mut::<LANES>().0.iter_mut().zip(priced.as_chunks::<LANES>().0) {
            for lane in 0..LANES {
                let value = self.power(i, values[lane]) + priced[lane];
                values[lane] = value;
                least[lane] = if value < least[lane] { value } else { least[lane] };
            }
        }
        for lane in (0..LANES).filter(|&lane| least[lane] < top) {
            for j in (lane..BLOCK).step_by(LANES).filter(|&j| values[j] < top) {
                kept.push(u64::from(order_key(values[j])) << 32 | (start + j) as u64);
            }
        }
    }

    #[inline]
    fn power(&self, i: usize, square: f32) -> f32 {
        match self.order.value() {
            1.0 => square.sqrt(),
            2.0 => square,
            order => general(square, self.slack[i], order),
        }
    }
}

/// The rows of a cloud in k-d order: halves along the widest coordinate, at whole blocks, down to one block.
pub(crate) fn spatial_order<'a>(geometry: &'a Geometry, count: usize, point: impl Fn(&'a Geometry, usize) -> &'a [f64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count as u32).collect();
    let mut parts = Vec::from([(0, count)]);
    while let Some((start, end)) = parts.pop() {
        if end - start <= BLOCK {
            continue;
        }
        let coordinate = |i: u32, k: usize| point(geometry, i as usize)[k];
        let rows = &mut order[start..end];
        let width = |k: usize| {
            let ends = (f64::INFINITY, f64::NEG_INFINITY);
            let (low, high) = rows.iter().map(|&i| coordinate(i, k)).fold(ends, |(low, high), z| (z.min(low), z.max(high)));
            high - low
        };
        let widest = (0..geometry.dim).max_by(|&k, &l| width(k).total_cmp(&width(l))).unwrap_or(0);
        let half = (end - start).div_ceil(BLOCK) / 2 * BLOCK;
        rows.select_nth_unstable_by(half, |&i, &j| coordinate(i, widest).total_cmp(&coordinate(j, widest)).then(i.cmp(&j)));
        parts.push((start, start + half));
        parts.push((start + half, end));
    }
    order
}
