//! Bounding boxes for scans that skip far columns, in few dimensions.
//!
//! Columns in k-d order are cut into blocks of [`BLOCK`], and blocks into groups of [`LANES`], with a bounding box each. The cost over the
//! box, and a linear function below the prices in it, bound all its values from below. All of it is in `f64`: where a cloud has a dense
//! middle and far tails, single precision relative to its extent cannot tell the columns of the middle apart.

use crate::transport::cost::Geometry;
use crate::transport::order::Order;
use crate::transport::screen::LANES;

/// Columns a block.
pub(crate) const BLOCK: usize = 32;
/// Offsets of a block that may rise before its linear function is fitted anew.
const REFIT: u32 = 16;
/// Rounding of a dozen operations, relative to the largest number among them.
const MARGIN: f64 = 8.0 * f64::EPSILON;

/// Boxes of one size, each with a linear function that follows its prices.
///
/// Optimal prices are smooth, so their slope, not their spread over the box, is what a bound must know:
///
/// ```math
/// -v_j \ge \text{floor} - \langle g, y_j - c \rangle \quad\text{for all columns } j \text{ of the box with centre } c .
/// ```
#[derive(Debug)]
pub(super) struct Level {
    /// Boxes, padded to whole groups of [`LANES`] with boxes whose floor is infinite.
    pub(super) count: usize,
    /// Centres c, half widths and slopes g, one coordinate after the other.
    centre: Vec<f64>,
    half: Vec<f64>,
    slope: Vec<f64>,
    floor: Vec<f64>,
}

impl Level {
    fn new(count: usize, dim: usize) -> Self {
        let count = count.next_multiple_of(LANES);
        let zeros = vec![0.0; count * dim];
        Self { count, centre: zeros.clone(), half: zeros.clone(), slope: zeros, floor: vec![f64::INFINITY; count] }
    }

    fn dim(&self) -> usize {
        self.centre.len() / self.count
    }

    /// Encloses intervals in coordinate k of box b.
    fn enclose(&mut self, b: usize, k: usize, intervals: impl Iterator<Item = (f64, f64)>) {
        let ends = (f64::MAX, f64::MIN);
        let (low, high) = intervals.fold(ends, |(low, high), interval| (low.min(interval.0), high.max(interval.1)));
        let centre = 0.5 * low + 0.5 * high;
        self.centre[k * self.count + b] = centre;
        self.half[k * self.count + b] = (high - centre).max(centre - low).next_up();
    }

    /// Sets g, coordinate by coordinate, to the least-squares slope of the points (y, priced).
    fn fit(&mut self, b: usize, count: usize, point: impl Fn(usize, usize) -> f64, priced: impl Fn(usize) -> f64) {
        let mean = |value: &dyn Fn(usize) -> f64| (0..count).map(value).sum::<f64>() / count as f64;
        let mean_priced = mean(&priced);
        for k in 0..self.dim() {
            let centre = mean(&|j| point(k, j));
            let (square, product) = (0..count).fold((0.0, 0.0), |(square, product), j| {
                let from = point(k, j) - centre;
                (square + from * from, product + from * (priced(j) - mean_priced))
            });
            let slope = -product / square;
            self.slope[k * self.count + b] = if slope.is_finite() { slope } else { 0.0 };
        }
    }

    /// Σ_k |g_k| half_k.
    fn tilt(&self, b: usize) -> f64 {
        (0..self.dim()).map(|k| self.slope[k * self.count + b].abs() * self.half[k * self.count + b]).sum()
    }

    #[inline(always)]
    fn group(&self, side: &[f64], k: usize, group: usize) -> [f64; LANES] {
        *side[k * self.count + group * LANES..].first_chunk().expect("groups are whole")
    }

    /// Lower bounds of the values in a group of boxes.
    ///
    /// For p = 2 the minimum of |x − y|² − ⟨g, y − c⟩ over the box. Else the cost is bounded by its tangent plane at c: it is convex in y.
    #[inline(always)]
    pub(super) fn bounds<const D: usize>(&self, x: [f64; D], order: Order, group: usize) -> [f64; LANES] {
        let mut bound = self.group(&self.floor, 0, group);
        if order == Order::TWO {
            for k in 0..D {
                let (centre, half) = (self.group(&self.centre, k, group), self.group(&self.half, k, group));
                let slope = self.group(&self.slope, k, group);
                for lane in 0..LANES {
                    let (from, slope) = (x[k] - centre[lane], slope[lane]);
                    let gap = (from + 0.5 * slope).abs() - half[lane];
                    let gap = if gap > 0.0 { gap } else { 0.0 };
                    let size = from.abs() + slope.abs() + half[lane];
                    bound[lane] += gap * gap - slope * (from + 0.25 * slope) - MARGIN * (size * size);
                }
            }
            return bound;
        }
        let from: [[f64; LANES]; D] = std::array::from_fn(|k| self.group(&self.centre, k, group).map(|centre| x[k] - centre));
        let mut distance = [0.0; LANES];
        for from in &from {
            for lane in 0..LANES {
                distance[lane] += from[lane] * from[lane];
            }
        }
        distance = distance.map(|square| square.sqrt().max(f64::MIN_POSITIVE));
        let (mut cost, mut steepness) = (distance, [1.0; LANES]);
        if order.value() != 1.0 {
            for lane in 0..LANES {
                let slope = distance[lane].powf(order.value() - 1.0);
                (cost[lane], steepness[lane]) = (distance[lane] * slope, order.value() * slope);
            }
        }
        // Powers magnify the rounding of what they are taken of.
        let margin = MARGIN * order.value();
        for lane in 0..LANES {
            bound[lane] += cost[lane] * (1.0 - margin);
        }
        for (k, from) in from.iter().enumerate() {
            let (half, slope) = (self.group(&self.half, k, group), self.group(&self.slope, k, group));
            for lane in 0..LANES {
                let (fall, slope) = (steepness[lane] * (from[lane] / distance[lane]), slope[lane]);
                bound[lane] -= ((fall + slope).abs() + margin * (fall.abs() + slope.abs())) * half[lane];
            }
        }
        bound
    }
}

/// Boxes of the blocks and of the groups of blocks.
#[derive(Debug)]
pub(crate) struct Boxes {
    pub(super) order: Order,
    pub(super) dim: usize,
    pub(super) columns: usize,
    /// Coordinates of the columns, block after block, in each one coordinate after the other; padded with zeros.
    y: Vec<[f64; BLOCK]>,
    /// −v_j; padding columns are infinitely dear.
    pub(super) priced: Vec<[f64; BLOCK]>,
    pub(super) blocks: Level,
    pub(super) groups: Level,
    /// Offsets of each block raised since its linear function was fitted.
    raised: Vec<u32>,
}

impl Boxes {
    /// Boxes of all columns under the prices v.
    pub(crate) fn new(geometry: &Geometry, prices: &[f64]) -> Self {
        let (dim, columns) = (geometry.dim, geometry.columns());
        let count = columns.div_ceil(BLOCK);
        let (mut y, mut priced) = (vec![[0.0; BLOCK]; count * dim], vec![[f64::INFINITY; BLOCK]; count]);
        for j in 0..columns {
            let (block, at) = (j / BLOCK, j % BLOCK);
            priced[block][at] = -prices[j];
            for (k, &z) in geometry.y(j).iter().enumerate() {
                y[block * dim + k][at] = z;
            }
        }
        let mut blocks = Level::new(count, dim);
        for b in 0..count {
            for k in 0..dim {
                let columns = &y[b * dim + k][..BLOCK.min(columns - b * BLOCK)];
                blocks.enclose(b, k, columns.iter().map(|&y| (y, y)));
            }
        }
        let mut groups = Level::new(count.div_ceil(LANES), dim);
        for g in 0..count.div_ceil(LANES) {
            for k in 0..dim {
                let members = (g * LANES..((g + 1) * LANES).min(count)).map(|b| k * blocks.count + b);
                groups.enclose(g, k, members.map(|at| (blocks.centre[at] - blocks.half[at], blocks.centre[at] + blocks.half[at])));
                // The sums above round.
                groups.half[k * groups.count + g] *= 1.0 + MARGIN;
            }
        }
        let mut boxes = Self { order: geometry.order, dim, columns, y, priced, blocks, groups, raised: vec![0; count] };
        for block in 0..count {
            boxes.fit(block);
        }
        boxes
    }

    /// The coordinates of the columns of a block.
    #[inline(always)]
    pub(super) fn coordinates<const D: usize>(&self, block: usize) -> &[[f64; BLOCK]; D] {
        self.y[block * D..].first_chunk().expect("D is the dimension")
    }

    /// Takes the fall of a price.
    #[inline]
    pub(crate) fn lower(&mut self, j: usize, price: f64) {
        let (block, at) = (j / BLOCK, j % BLOCK);
        let before = std::mem::replace(&mut self.priced[block][at], -price);
        self.raised[block] += 1;
        if self.raised[block] >= REFIT {
            self.fit(block);
            return;
        }
        let blocks = &self.blocks;
        let along = |k: usize| {
            blocks.slope[k * blocks.count + block] * (self.y[block * self.dim + k][at] - blocks.centre[k * blocks.count + block])
        };
        let rest = before + (0..self.dim).map(along).sum::<f64>();
        // The floor lies below the smallest rest by at most this much.
        let floor = blocks.floor[block];
        if rest <= floor + 4.0 * MARGIN * (before.abs() + floor.abs() + blocks.tilt(block)) {
            self.blocks.floor[block] = self.rest(block);
            self.groups.floor[block / LANES] = self.group_rest(block / LANES);
        }
    }

    /// Fits the linear functions of a block and of its group, and takes the floors that belong to them.
    fn fit(&mut self, block: usize) {
        self.raised[block] = 0;
        let (first, count) = (block * self.dim, BLOCK.min(self.columns - block * BLOCK));
        self.blocks.fit(block, count, |k, at| self.y[first + k][at], |at| self.priced[block][at]);
        self.blocks.floor[block] = self.rest(block);
        let (group, blocks) = (block / LANES, &self.blocks);
        let members = LANES.min(self.raised.len() - group * LANES);
        self.groups.fit(group, members, |k, b| blocks.centre[k * blocks.count + group * LANES + b], |b| blocks.floor[group * LANES + b]);
        self.groups.floor[group] = self.group_rest(group);
    }

    /// min_j −v_j + ⟨g, y_j − c⟩ over a block, less its rounding and what bounds may lose to underflow.
    fn rest(&self, block: usize) -> f64 {
        let mut values = self.priced[block];
        for k in 0..self.dim {
            let at = k * self.blocks.count + block;
            let (slope, centre, y) = (self.blocks.slope[at], self.blocks.centre[at], &self.y[block * self.dim + k]);
            for j in 0..BLOCK {
                values[j] += slope * (y[j] - centre);
            }
        }
        let least = least(&values);
        least - MARGIN * (least.abs() + 2.0 * self.blocks.tilt(block)) - f64::MIN_POSITIVE
    }

    /// The same over the blocks of a group, from their linear functions.
    fn group_rest(&self, group: usize) -> f64 {
        let (blocks, groups) = (&self.blocks, &self.groups);
        let mut values = blocks.group(&blocks.floor, 0, group);
        let mut size = [0.0; LANES];
        for k in 0..blocks.dim() {
            let (slope, centre) = (groups.slope[k * groups.count + group], groups.centre[k * groups.count + group]);
            let (centres, halves) = (blocks.group(&blocks.centre, k, group), blocks.group(&blocks.half, k, group));
            let slopes = blocks.group(&blocks.slope, k, group);
            for b in 0..LANES {
                values[b] += slope * (centres[b] - centre) - (slope - slopes[b]).abs() * halves[b];
                size[b] += (slope.abs() + slopes[b].abs()) * halves[b];
            }
        }
        let tilt = groups.tilt(group);
        values.iter().zip(&size).fold(f64::INFINITY, |least, (&value, size)| {
            // Padding blocks have infinite floors, which no rounding touches.
            if value < f64::INFINITY { least.min(value - MARGIN * (value.abs() + size + 2.0 * tilt)) } else { least }
        })
    }
}

/// The smallest of a block.
#[inline(always)]
pub(super) fn least(values: &[f64; BLOCK]) -> f64 {
    let mut lanes = [f64::INFINITY; LANES];
    for values in values.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            lanes[lane] = if values[lane] < lanes[lane] { values[lane] } else { lanes[lane] };
        }
    }
    lanes.iter().fold(f64::INFINITY, |least, &v| if v < least { v } else { least })
}

/// Whether scans in so many dimensions go by boxes, so that spatial order helps.
pub(crate) fn spatial(dim: usize) -> bool {
    dim <= super::DIRECT
}

/// The rows of a cloud in k-d order: split along the widest coordinate near the middle, down to one block. The left part is a power of two
/// of blocks, so that the blocks of a group are neighbours.
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
        let half = (end - start).div_ceil(BLOCK).next_power_of_two() / 2 * BLOCK;
        rows.select_nth_unstable_by(half, |&i, &j| coordinate(i, widest).total_cmp(&coordinate(j, widest)).then(i.cmp(&j)));
        parts.push((start, start + half));
        parts.push((start + half, end));
    }
    order
}
