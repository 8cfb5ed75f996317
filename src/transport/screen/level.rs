//! Boxes of one size and the bounds they give.

use crate::transport::order::Order;
use crate::transport::screen::LANES;

/// Rounding of a dozen operations, relative to the largest number among them.
pub(super) const MARGIN: f64 = 8.0 * f64::EPSILON;

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
    pub(super) centre: Vec<f64>,
    pub(super) half: Vec<f64>,
    pub(super) slope: Vec<f64>,
    pub(super) floor: Vec<f64>,
}

impl Level {
    pub(super) fn new(count: usize, dim: usize) -> Self {
        let count = count.next_multiple_of(LANES);
        let zeros = vec![0.0; count * dim];
        Self { count, centre: zeros.clone(), half: zeros.clone(), slope: zeros, floor: vec![f64::INFINITY; count] }
    }

    pub(super) fn dim(&self) -> usize {
        self.centre.len() / self.count
    }

    /// Encloses intervals in coordinate k of box b.
    pub(super) fn enclose(&mut self, b: usize, k: usize, intervals: impl Iterator<Item = (f64, f64)>) {
        let ends = (f64::MAX, f64::MIN);
        let (low, high) = intervals.fold(ends, |(low, high), interval| (low.min(interval.0), high.max(interval.1)));
        let centre = 0.5 * low + 0.5 * high;
        self.centre[k * self.count + b] = centre;
        self.half[k * self.count + b] = (high - centre).max(centre - low).next_up();
    }

    /// Sets g, coordinate by coordinate, to the least-squares slope of the points (y, priced).
    pub(super) fn fit(&mut self, b: usize, count: usize, point: impl Fn(usize, usize) -> f64, priced: impl Fn(usize) -> f64) {
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
    pub(super) fn tilt(&self, b: usize) -> f64 {
        (0..self.dim()).map(|k| self.slope[k * self.count + b].abs() * self.half[k * self.count + b]).sum()
    }

    #[inline(always)]
    pub(super) fn group(&self, side: &[f64], k: usize, group: usize) -> [f64; LANES] {
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
        // High powers overflow: a difference of infinities says nothing, and of padding boxes nothing is asked.
        let floor = self.group(&self.floor, 0, group);
        for lane in 0..LANES {
            let known = if bound[lane].is_nan() { f64::NEG_INFINITY } else { bound[lane] };
            bound[lane] = if floor[lane] < f64::INFINITY { known } else { f64::INFINITY };
        }
        bound
    }
}
