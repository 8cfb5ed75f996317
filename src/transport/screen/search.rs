//! Searches by boxes: the few smallest values of a row without a look at the far columns.

use super::boxes::{BLOCK, Boxes, spatial};
use super::select::{from_key, order_key};
use super::{LANES, Screen, bounds_by_differences};
use crate::transport::cost::Geometry;
use crate::transport::lists::Look;
use crate::vector::vectorised;

/// One row against the boxes.
#[derive(Clone, Copy)]
struct Row<'a, const D: usize> {
    screen: &'a Screen,
    boxes: &'a Boxes,
    priced: &'a [f32],
    i: usize,
    x: [f32; D],
    slack: f64,
}

impl Screen {
    /// Whether searches by boxes are possible.
    pub(crate) fn has_boxes(&self) -> bool {
        spatial(self.dim)
    }

    fn row<'a, const D: usize>(&'a self, i: usize, boxes: &'a Boxes, priced: &'a [f32]) -> Row<'a, D> {
        let x = *self.point(i as u32).first_chunk().expect("D is the dimension");
        Row { screen: self, boxes, priced, i, x, slack: self.slack[i] }
    }

    /// The columns of the smallest values of row i as `select` keeps them, and a number that no value left out is below.
    pub(crate) fn nearest(&self, i: usize, boxes: &Boxes, priced: &[f32], want: usize, kept: &mut Vec<u64>) -> f32 {
        match self.dim {
            1 => self.row::<1>(i, boxes, priced).nearest(want, kept),
            2 => self.row::<2>(i, boxes, priced).nearest(want, kept),
            3 => self.row::<3>(i, boxes, priced).nearest(want, kept),
            _ => self.row::<4>(i, boxes, priced).nearest(want, kept),
        }
    }

    /// The two smallest c_ij − v_j of row i over all columns, by exact costs; block `near` is looked at first.
    pub(crate) fn two_least(&self, geometry: &Geometry, i: usize, boxes: &Boxes, priced: &[f32], prices: &[f64], near: usize) -> Look {
        vectorised(
            #[inline(always)]
            |_| match self.dim {
                1 => self.row::<1>(i, boxes, priced).two_least(geometry, prices, near),
                2 => self.row::<2>(i, boxes, priced).two_least(geometry, prices, near),
                3 => self.row::<3>(i, boxes, priced).two_least(geometry, prices, near),
                _ => self.row::<4>(i, boxes, priced).two_least(geometry, prices, near),
            },
        )
    }
}

impl<const D: usize> Row<'_, D> {
    fn nearest(self, want: usize, kept: &mut Vec<u64>) -> f32 {
        kept.clear();
        let mut cut = order_key(f32::INFINITY);
        for (key, group) in ascending(0..self.boxes.groups.count, |set| self.group_bounds(set)) {
            if key >= cut {
                break;
            }
            for (key, block) in ascending(group * LANES..(group + 1) * LANES, |group| self.box_bounds(group)) {
                if key >= cut {
                    break;
                }
                self.keep_block(block, cut, kept);
                if kept.len() >= 2 * want {
                    cut = (*kept.select_nth_unstable(want).1 >> 32) as u32;
                    kept.truncate(want);
                }
            }
        }
        from_key(cut)
    }

    #[inline(always)]
    fn two_least(self, geometry: &Geometry, prices: &[f64], near: usize) -> Look {
        let mut look = Look::NOTHING;
        let mut cut = f32::INFINITY;
        self.look_at(near, geometry, prices, &mut look, &mut cut);
        for set in 0..self.boxes.groups.count / LANES {
            let groups = self.group_bounds(set);
            for group in 0..LANES {
                if groups[group] < cut {
                    let group = set * LANES + group;
                    let blocks = self.box_bounds(group);
                    for lane in 0..LANES {
                        let block = group * LANES + lane;
                        if blocks[lane] < cut && block != near {
                            self.look_at(block, geometry, prices, &mut look, &mut cut);
                        }
                    }
                }
            }
        }
        look
    }

    #[inline(always)]
    fn group_bounds(self, set: usize) -> [f32; LANES] {
        self.boxes.groups.bounds(self.x, self.screen.order, self.slack, set)
    }

    #[inline(always)]
    fn box_bounds(self, group: usize) -> [f32; LANES] {
        self.boxes.blocks.bounds(self.x, self.screen.order, self.slack, group)
    }

    /// Lower bounds of the values in a block, and the least of each lane.
    #[inline(always)]
    fn block_bounds(self, block: usize) -> ([f32; BLOCK], [f32; LANES]) {
        let start = block * BLOCK;
        let whole = "a block ends within the stride";
        let y: [&[f32; BLOCK]; D] = std::array::from_fn(|k| self.screen.y[k * self.screen.stride + start..].first_chunk().expect(whole));
        let priced = self.priced[start..].first_chunk().expect(whole);
        let (mut values, mut least) = ([0.0; BLOCK], [0.0; LANES]);
        bounds_by_differences(self.x, y, priced, (self.screen.order, self.slack), &mut values, &mut least);
        (values, least)
    }

    /// Appends the columns of a block whose values lie below the cut.
    fn keep_block(self, block: usize, cut: u32, kept: &mut Vec<u64>) {
        let (values, least) = self.block_bounds(block);
        let top = from_key(cut);
        for lane in (0..LANES).filter(|&lane| least[lane] < top) {
            for j in (lane..BLOCK).step_by(LANES).filter(|&j| values[j] < top) {
                kept.push(u64::from(order_key(values[j])) << 32 | (block * BLOCK + j) as u64);
            }
        }
    }

    /// Looks at the columns of a block that may be among the two best.
    #[inline(always)]
    fn look_at(self, block: usize, geometry: &Geometry, prices: &[f64], look: &mut Look, cut: &mut f32) {
        let (values, least) = self.block_bounds(block);
        let mut open = (0..LANES).fold(0_u32, |open, lane| open | u32::from(least[lane] < *cut) << lane);
        while open != 0 {
            let lane = open.trailing_zeros() as usize;
            open &= open - 1;
            if least[lane] < *cut {
                for at in (lane..BLOCK).step_by(LANES) {
                    if values[at] < *cut {
                        let j = block * BLOCK + at;
                        let cost = geometry.cost(self.i, j);
                        look.offer(j as u32, cost, cost - prices[j]);
                        *cut = round_up(look.second - self.screen.row_offset(self.i));
                    }
                }
            }
        }
    }
}

/// Boxes in increasing order of their bounds, with the order keys of these.
fn ascending(boxes: std::ops::Range<usize>, bounds: impl Fn(usize) -> [f32; LANES]) -> impl Iterator<Item = (u32, usize)> {
    let groups = boxes.start / LANES..boxes.end / LANES;
    let key = |group: usize| {
        let bounds = bounds(group);
        (0..LANES).map(move |lane| u64::from(order_key(bounds[lane])) << 32 | (group * LANES + lane) as u64)
    };
    let mut keys: Vec<u64> = groups.flat_map(key).collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| ((key >> 32) as u32, key as u32 as usize))
}

/// The smallest `f32` not below `value`.
fn round_up(value: f64) -> f32 {
    let rounded = value as f32;
    if f64::from(rounded) < value { rounded.next_up() } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::order::Order;
    use crate::transport::screen::boxes::spatial_order;
    use ndarray::Array2;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Clouds with a bulk and a far tail, so that boxes of very different sizes meet.
    fn cloud(n: usize, dim: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
        Array2::from_shape_simple_fn((n, dim), || {
            let z: f64 = rng.random_range(-1.0..1.0);
            z.powi(5) * 3.0
        })
    }

    /// While prices fall at random, the search by boxes gives the two least values of the whole row, and `nearest` leaves out nothing
    /// below the number it returns.
    #[test]
    fn boxes_lose_no_column() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for (dim, order) in [(1, 2.0), (2, 1.0), (2, 1.5), (2, 2.0), (3, 1.0), (3, 2.0), (4, 3.0)] {
            let (x, y) = (cloud(20, dim, &mut rng), cloud(1500, dim, &mut rng));
            let unsorted = Geometry::new(Order::new(order).expect("the order is valid"), &x, &y);
            let columns = spatial_order(&unsorted, 1500, Geometry::y);
            let geometry = unsorted.select(&(0..20).collect::<Vec<_>>(), &columns);
            let screen = Screen::new(&geometry, 0);
            let mut prices = vec![0.0; 1500];
            let mut priced = screen.priced_all(&prices);
            let mut boxes = Boxes::new(&screen, &priced);
            for round in 0..40 {
                // Prices that follow the cost to a point, as optimal ones do, with noise.
                for _ in 0..100 {
                    let j = rng.random_range(0..1500);
                    let price = -geometry.cost(round % 20, j) * rng.random_range(0.0..1.5);
                    if price < prices[j] {
                        prices[j] = price;
                        let before = std::mem::replace(&mut priced[j], screen.priced(j, price));
                        boxes.raise(&screen, j, before, &priced);
                    }
                }
                for i in 0..20 {
                    let mut values: Vec<(f64, usize)> = (0..1500).map(|j| (geometry.cost(i, j) - prices[j], j)).collect();
                    let look = screen.two_least(&geometry, i, &boxes, &priced, &prices, round % 47);
                    let mut kept = Vec::new();
                    let cut = f64::from(screen.nearest(i, &boxes, &priced, 32, &mut kept)) + screen.row_offset(i);
                    let left_out = |j: usize| !kept.iter().any(|&key| key as u32 as usize == j);
                    assert!(values.iter().all(|&(value, j)| value >= cut || !left_out(j)));
                    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
                    assert_eq!((look.best, look.second), (values[0].0, values[1].0), "d = {dim}, p = {order}, row {i}");
                }
            }
        }
    }
}
