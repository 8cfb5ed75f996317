//! Searches by boxes: the few smallest values of a row without a look at the far columns.

use crate::numeric::vector::vectorised;
use crate::transport::cost::Geometry;
use crate::transport::order::Order;
use crate::transport::screen::LANES;
use crate::transport::screen::boxes::{BLOCK, Boxes, least};
use crate::transport::screen::look::Look;

/// One row against the boxes, and the order p where it is known beforehand: 1 or 2, else 0.
#[derive(Clone, Copy)]
struct Row<'a, const D: usize, const P: u8> {
    boxes: &'a Boxes,
    x: [f64; D],
}

impl Boxes {
    fn row<'a, const D: usize, const P: u8>(&'a self, x: &[f64]) -> Row<'a, D, P> {
        Row { boxes: self, x: *x.first_chunk().expect("D is the dimension") }
    }

    /// The columns of the smallest c_ij − v_j of row i, at least `want` and less than twice as many where there are, and a number that
    /// no value left out is below.
    pub(crate) fn nearest(&self, geometry: &Geometry, i: usize, want: usize, kept: &mut Vec<(f64, u32)>) -> f64 {
        let x = geometry.x(i);
        match self.dim {
            1 => self.row::<1, 0>(x).nearest(want, kept),
            2 => self.row::<2, 0>(x).nearest(want, kept),
            3 => self.row::<3, 0>(x).nearest(want, kept),
            _ => self.row::<4, 0>(x).nearest(want, kept),
        }
    }

    /// The two smallest c_ij − v_j of row i over all columns; block `near` is looked at first.
    pub(crate) fn two_least(&self, geometry: &Geometry, i: usize, near: usize) -> Look {
        let mut look = match self.order {
            Order::TWO => self.two_least_of_order::<2>(geometry.x(i), near),
            Order::ONE => self.two_least_of_order::<1>(geometry.x(i), near),
            _ => self.two_least_of_order::<0>(geometry.x(i), near),
        };
        look.cost = geometry.cost(i, look.column as usize);
        look
    }

    fn two_least_of_order<const P: u8>(&self, x: &[f64], near: usize) -> Look {
        vectorised(
            #[inline(always)]
            |_| match self.dim {
                1 => self.row::<1, P>(x).two_least(near),
                2 => self.row::<2, P>(x).two_least(near),
                3 => self.row::<3, P>(x).two_least(near),
                _ => self.row::<4, P>(x).two_least(near),
            },
        )
    }
}

impl<const D: usize, const P: u8> Row<'_, D, P> {
    fn nearest(self, want: usize, kept: &mut Vec<(f64, u32)>) -> f64 {
        kept.clear();
        let mut cut = f64::INFINITY;
        for (bound, group) in ascending(0..self.boxes.groups.count, |set| self.group_bounds(set)) {
            if bound >= cut {
                break;
            }
            for (bound, block) in ascending(group * LANES..(group + 1) * LANES, |group| self.box_bounds(group)) {
                if bound >= cut {
                    break;
                }
                let values = self.values(block);
                kept.extend((0..BLOCK).filter(|&at| values[at] < cut).map(|at| (values[at], (block * BLOCK + at) as u32)));
                if kept.len() >= 2 * want {
                    cut = kept.select_nth_unstable_by(want, |a, b| a.0.total_cmp(&b.0)).1.0;
                    kept.truncate(want);
                }
            }
        }
        cut
    }

    #[inline(always)]
    fn two_least(self, near: usize) -> Look {
        let mut look = Look::NOTHING;
        self.look_at(near, &mut look);
        for set in 0..self.boxes.groups.count / LANES {
            let groups = self.group_bounds(set);
            for group in 0..LANES {
                if groups[group] < look.second {
                    let group = set * LANES + group;
                    let blocks = self.box_bounds(group);
                    for lane in 0..LANES {
                        let block = group * LANES + lane;
                        if blocks[lane] < look.second && block != near {
                            self.look_at(block, &mut look);
                        }
                    }
                }
            }
        }
        look
    }

    #[inline(always)]
    fn order(self) -> Order {
        match P {
            1 => Order::ONE,
            2 => Order::TWO,
            _ => self.boxes.order,
        }
    }

    #[inline(always)]
    fn group_bounds(self, set: usize) -> [f64; LANES] {
        self.boxes.groups.bounds(self.x, self.order(), set)
    }

    #[inline(always)]
    fn box_bounds(self, group: usize) -> [f64; LANES] {
        self.boxes.blocks.bounds(self.x, self.order(), group)
    }

    /// c_ij − v_j of the columns of a block, the costs as [`Geometry::cost`] rounds them.
    #[inline(always)]
    fn values(self, block: usize) -> [f64; BLOCK] {
        let (y, priced) = (self.boxes.coordinates::<D>(block), &self.boxes.priced[block]);
        let mut values = [0.0; BLOCK];
        for at in 0..BLOCK {
            let square: [f64; D] = std::array::from_fn(|k| (self.x[k] - y[k][at]) * (self.x[k] - y[k][at]));
            let square = if D == 4 { (square[0] + square[2]) + (square[1] + square[3]) } else { square.iter().fold(0.0, |sum, s| sum + s) };
            values[at] = self.order().of_square(square) + priced[at];
        }
        values
    }

    /// Looks at the columns of a block that may be among the two best.
    #[inline(always)]
    fn look_at(self, block: usize, look: &mut Look) {
        let values = self.values(block);
        if least(&values) < look.second {
            for at in 0..BLOCK {
                look.offer((block * BLOCK + at) as u32, 0.0, values[at]);
            }
        }
    }
}

/// Boxes in increasing order of their bounds, with these.
fn ascending(boxes: std::ops::Range<usize>, bounds: impl Fn(usize) -> [f64; LANES]) -> impl Iterator<Item = (f64, usize)> {
    let groups = boxes.start / LANES..boxes.end / LANES;
    let mut sorted: Vec<(f64, usize)> =
        groups.flat_map(|group| (0..LANES).zip(bounds(group)).map(move |(lane, bound)| (bound, group * LANES + lane))).collect();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    sorted.into_iter()
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
            let mut prices = vec![0.0; 1500];
            let mut boxes = Boxes::new(&geometry, &prices);
            for round in 0..40 {
                // Prices that follow the cost to a point, as optimal ones do, with noise.
                for _ in 0..100 {
                    let j = rng.random_range(0..1500);
                    let price = -geometry.cost(round % 20, j) * rng.random_range(0.0..1.5);
                    if price < prices[j] {
                        prices[j] = price;
                        boxes.lower(j, price);
                    }
                }
                for i in 0..20 {
                    let mut values: Vec<(f64, usize)> = (0..1500).map(|j| (geometry.cost(i, j) - prices[j], j)).collect();
                    let look = boxes.two_least(&geometry, i, round % 47);
                    let mut kept = Vec::new();
                    let cut = boxes.nearest(&geometry, i, 32, &mut kept);
                    let left_out = |j: usize| !kept.iter().any(|&(_, column)| column as usize == j);
                    assert!(values.iter().all(|&(value, j)| value >= cut || !left_out(j)));
                    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
                    assert_eq!((look.best, look.second), (values[0].0, values[1].0), "d = {dim}, p = {order}, row {i}");
                }
            }
        }
    }
}
