//! Scans that skip far columns, in few dimensions.
//!
//! Columns in k-d order are cut into blocks of [`BLOCK`] with a bounding box each. The cost over the box, and a linear function below the
//! priced offsets of the block, bound all its values from below. Blocks above the threshold reached so far are skipped.

use super::{LANES, Screen, UNIT, general, general_and_slope};
use crate::transport::order::Order;
use crate::transport::cost::Geometry;
use crate::transport::lists::{Look, from_key, order_key};

/// Columns a block.
pub(crate) const BLOCK: usize = 32;
/// Offsets of a block that may rise before its linear function is fitted anew.
const REFIT: u32 = 16;
/// Rounding of a dozen `f32` operations, relative to the largest number among them.
const MARGIN: f32 = 16.0 * UNIT as f32;
/// Blocks taken in the order of their bounds before the rest is filtered.
const FIRST: usize = 6;

/// Bounding boxes of the blocks, and a linear function in each that follows its prices; padded to whole groups of [`LANES`].
///
/// Optimal prices are smooth, so their linear part, not their spread over the box, is what a bound must know:
///
/// ```math
/// \text{priced}_j \ge \text{floor} - \langle g, y_j - c \rangle \quad\text{for all columns } j \text{ of the box with centre } c .
/// ```
#[derive(Debug)]
pub(crate) struct Boxes {
    blocks: usize,
    /// Centres, half widths and slopes, one coordinate after the other.
    centre: Vec<f32>,
    half: Vec<f32>,
    slope: Vec<f32>,
    /// Smallest priced offset of each block beyond the linear function.
    floor: Vec<f32>,
    /// Offsets raised since the linear function was fitted.
    raised: Vec<u32>,
}

impl Boxes {
    /// Boxes of all columns under the priced offsets `priced`.
    pub(crate) fn new(screen: &Screen, priced: &[f32]) -> Self {
        let full = screen.stride / BLOCK;
        let blocks = full.next_multiple_of(LANES);
        let zeros = vec![0.0; blocks * screen.dim];
        let mut boxes = Self {
            blocks,
            centre: zeros.clone(),
            half: zeros.clone(),
            slope: zeros,
            floor: vec![f32::INFINITY; blocks],
            raised: vec![0; blocks],
        };
        for b in 0..screen.columns.div_ceil(BLOCK) {
            for k in 0..screen.dim {
                let start = k * screen.stride;
                let columns = &screen.y[start + b * BLOCK..start + ((b + 1) * BLOCK).min(screen.columns)];
                let (low, high) = columns.iter().fold((f32::MAX, f32::MIN), |(low, high), &y| (low.min(y), high.max(y)));
                let centre = 0.5 * low + 0.5 * high;
                boxes.centre[k * blocks + b] = centre;
                boxes.half[k * blocks + b] = (high - centre).max(centre - low).next_up();
            }
            boxes.fit(screen, b, priced);
        }
        boxes
    }

    /// Takes the rise of a priced offset from `before` to `priced[j]`.
    #[inline]
    pub(crate) fn raise(&mut self, screen: &Screen, j: usize, before: f32, priced: &[f32]) {
        let block = j / BLOCK;
        self.raised[block] += 1;
        if self.raised[block] >= REFIT {
            self.fit(screen, block, priced);
            return;
        }
        let tilt: f32 = (0..screen.dim).map(|k| self.slope[k * self.blocks + block] * self.from_centre(screen, k, j)).sum();
        // The floor was lowered for rounding: the column that set it is at most this much above.
        if before + tilt <= self.floor[block] + 64.0 * UNIT as f32 * (before.abs() + tilt.abs() + self.floor[block].abs()) {
            self.floor[block] = self.rest(screen, block, priced);
        }
    }

    #[inline]
    fn from_centre(&self, screen: &Screen, k: usize, j: usize) -> f32 {
        screen.y[k * screen.stride + j] - self.centre[k * self.blocks + j / BLOCK]
    }

    /// Fits the slope of a block, coordinate by coordinate, and takes the floor that belongs to it.
    fn fit(&mut self, screen: &Screen, block: usize, priced: &[f32]) {
        self.raised[block] = 0;
        let columns = block * BLOCK..((block + 1) * BLOCK).min(screen.columns);
        let count = columns.len() as f32;
        let mean_price = priced[columns.clone()].iter().sum::<f32>() / count;
        for k in 0..screen.dim {
            let y = &screen.y[k * screen.stride..];
            let mean = y[columns.clone()].iter().sum::<f32>() / count;
            let (square, product) = columns.clone().fold((0.0, 0.0), |(square, product), j| {
                let from = y[j] - mean;
                (square + from * from, product + from * (priced[j] - mean_price))
            });
            self.slope[k * self.blocks + block] = if square > 0.0 { -product / square } else { 0.0 };
        }
        self.floor[block] = self.rest(screen, block, priced);
    }

    /// min_j priced_j + ⟨g, y_j − c⟩, less its rounding.
    fn rest(&self, screen: &Screen, block: usize, priced: &[f32]) -> f32 {
        let start = block * BLOCK;
        let whole = "a block ends within the stride";
        let mut values: [f32; BLOCK] = *priced[start..].first_chunk().expect(whole);
        let mut largest = 0.0;
        for k in 0..screen.dim {
            let (slope, centre) = (self.slope[k * self.blocks + block], self.centre[k * self.blocks + block]);
            let y: &[f32; BLOCK] = screen.y[k * screen.stride + start..].first_chunk().expect(whole);
            for j in 0..BLOCK {
                values[j] += slope * (y[j] - centre);
            }
            largest += slope.abs() * self.half[k * self.blocks + block];
        }
        let least = least(&values);
        least - MARGIN * (least.abs() + 2.0 * largest)
    }
}

/// The smallest of a block.
#[inline]
fn least(values: &[f32; BLOCK]) -> f32 {
    let mut lanes = [f32::INFINITY; LANES];
    for values in values.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            lanes[lane] = if values[lane] < lanes[lane] { values[lane] } else { lanes[lane] };
        }
    }
    lanes.iter().fold(f32::INFINITY, |least, &v| if v < least { v } else { least })
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

    /// The two smallest c_ij − v_j of row i over all columns, by exact costs; block `near` is looked at first.
    pub(crate) fn two_least(&self, geometry: &Geometry, i: usize, boxes: &Boxes, priced: &[f32], prices: &[f64], near: usize) -> Look {
        let search = Search { screen: self, geometry, i, priced, prices };
        match self.dim {
            1 => search.run::<1>(boxes, near),
            2 => search.run::<2>(boxes, near),
            3 => search.run::<3>(boxes, near),
            _ => search.run::<4>(boxes, near),
        }
    }

    /// Bounds of all blocks, as order key · 2³² + block.
    fn queue_blocks<const D: usize>(&self, i: usize, x: [f32; D], boxes: &Boxes, queue: &mut Vec<u64>) {
        queue.clear();
        for group in 0..boxes.blocks / LANES {
            let bounds = self.box_bounds(i, x, boxes, group);
            queue.extend(bounds.iter().enumerate().map(|(lane, &b)| u64::from(order_key(b)) << 32 | (group * LANES + lane) as u64));
        }
        // Padding boxes come last and hold nothing.
        queue.truncate(self.stride / BLOCK);
    }

    /// Lower bounds of the values in a group of boxes.
    ///
    /// For p = 2 the minimum of |x − y|² − ⟨g, y − c⟩ over the box. Else the cost is bounded by its tangent plane at c: it is convex in y.
    #[inline]
    fn box_bounds<const D: usize>(&self, i: usize, x: [f32; D], boxes: &Boxes, group: usize) -> [f32; LANES] {
        let of = |side: &[f32], k: usize| *side[k * boxes.blocks + group * LANES..].first_chunk::<LANES>().expect("groups are whole");
        let mut bound = of(&boxes.floor, 0);
        if self.order == Order::TWO {
            for k in 0..D {
                let (centre, half, slope) = (of(&boxes.centre, k), of(&boxes.half, k), of(&boxes.slope, k));
                for lane in 0..LANES {
                    let (from, slope) = (x[k] - centre[lane], slope[lane]);
                    let gap = (from + 0.5 * slope).abs() - half[lane];
                    let gap = if gap > 0.0 { gap } else { 0.0 };
                    let size = from.abs() + slope.abs() + half[lane];
                    bound[lane] += gap * gap - slope * (from + 0.25 * slope) - MARGIN * size * size;
                }
            }
            return bound;
        }
        let from: [[f32; LANES]; D] = std::array::from_fn(|k| of(&boxes.centre, k).map(|centre| x[k] - centre));
        let mut distance = [0.0; LANES];
        for k in 0..D {
            for lane in 0..LANES {
                distance[lane] += from[k][lane] * from[k][lane];
            }
        }
        let (mut cost, mut steepness) = (distance.map(f32::sqrt), [1.0; LANES]);
        distance = cost.map(|r| if r > f32::MIN_POSITIVE { r } else { f32::MIN_POSITIVE });
        if self.order.value() != 1.0 {
            for lane in 0..LANES {
                (cost[lane], steepness[lane]) = general_and_slope(cost[lane], self.slack[i], self.order.value());
            }
        }
        for lane in 0..LANES {
            bound[lane] += cost[lane] * (1.0 - MARGIN);
        }
        for k in 0..D {
            let (half, slope) = (of(&boxes.half, k), of(&boxes.slope, k));
            for lane in 0..LANES {
                let (fall, slope) = (steepness[lane] * (from[k][lane] / distance[lane]), slope[lane]);
                bound[lane] -= ((fall + slope).abs() + MARGIN * (fall.abs() + slope.abs())) * half[lane];
            }
        }
        bound
    }

    /// Lower bounds of the values in a block, and the least of each lane.
    #[inline]
    fn block_bounds<const D: usize>(&self, i: usize, x: [f32; D], block: usize, priced: &[f32]) -> ([f32; BLOCK], [f32; LANES]) {
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
        let mut least = [f32::INFINITY; LANES];
        for (values, priced) in values.as_chunks_mut::<LANES>().0.iter_mut().zip(priced.as_chunks::<LANES>().0) {
            for lane in 0..LANES {
                let value = self.power(i, values[lane]) + priced[lane];
                values[lane] = value;
                least[lane] = if value < least[lane] { value } else { least[lane] };
            }
        }
        (values, least)
    }

    /// Appends the columns of a block whose values lie below the cut.
    fn keep_block<const D: usize>(&self, i: usize, x: [f32; D], block: usize, priced: &[f32], cut: u32, kept: &mut Vec<u64>) {
        let (values, least) = self.block_bounds(i, x, block, priced);
        let top = from_key(cut);
        for lane in (0..LANES).filter(|&lane| least[lane] < top) {
            for j in (lane..BLOCK).step_by(LANES).filter(|&j| values[j] < top) {
                kept.push(u64::from(order_key(values[j])) << 32 | (block * BLOCK + j) as u64);
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

/// A search for the two best columns of one row.
#[derive(Clone, Copy)]
struct Search<'a> {
    screen: &'a Screen,
    geometry: &'a Geometry,
    i: usize,
    priced: &'a [f32],
    prices: &'a [f64],
}

impl Search<'_> {
    fn run<const D: usize>(self, boxes: &Boxes, near: usize) -> Look {
        let x: [f32; D] = *self.screen.point(self.i as u32).first_chunk().expect("D is the dimension");
        let mut look = Look::NOTHING;
        let mut cut = f32::INFINITY;
        self.visit(x, near, &mut look, &mut cut);
        for group in 0..boxes.blocks / LANES {
            let bounds = self.screen.box_bounds(self.i, x, boxes, group);
            for lane in 0..LANES {
                if bounds[lane] < cut && group * LANES + lane != near {
                    self.visit(x, group * LANES + lane, &mut look, &mut cut);
                }
            }
        }
        look
    }

    /// Looks at the columns of a block that may be among the two best.
    #[inline]
    fn visit<const D: usize>(self, x: [f32; D], block: usize, look: &mut Look, cut: &mut f32) {
        let (values, least) = self.screen.block_bounds(self.i, x, block, self.priced);
        for lane in 0..LANES {
            if least[lane] < *cut {
                for at in (lane..BLOCK).step_by(LANES) {
                    if values[at] < *cut {
                        let j = block * BLOCK + at;
                        let cost = self.geometry.cost(self.i, j);
                        look.offer(j as u32, cost, cost - self.prices[j]);
                        *cut = round_up(look.second - self.screen.row_offset(self.i));
                    }
                }
            }
        }
    }
}

/// The smallest `f32` not below `value`.
fn round_up(value: f64) -> f32 {
    let rounded = value as f32;
    if f64::from(rounded) < value { rounded.next_up() } else { rounded }
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
