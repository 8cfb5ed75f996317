//! Bounding boxes for scans that skip far columns, in few dimensions.
//!
//! Columns in k-d order are cut into blocks of [`BLOCK`], and blocks into groups of [`LANES`], with a bounding box each. The cost over the
//! box, and a linear function below the prices in it, bound all its values from below. All of it is in `f64`: where a cloud has a dense
//! middle and far tails, single precision relative to its extent cannot tell the columns of the middle apart.

use crate::transport::cost::Geometry;
use crate::transport::order::Order;
use crate::transport::screen::LANES;
use crate::transport::screen::level::{Level, MARGIN};

/// Columns a block.
pub(crate) const BLOCK: usize = 32;
/// Offsets of a block that may rise before its linear function is fitted anew.
const REFIT: u32 = 16;

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
