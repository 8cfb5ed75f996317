//! A transport problem: masses, costs, potentials.

use crate::error::OutOfRange;
use crate::float::Float;
use crate::numeric::parallel;
use crate::numeric::vector::vectorised;
use crate::transport::TransportError;
use crate::transport::order::Order;
use ndarray::ArrayRef2;

/// Costs all below this are refused: the smaller ones among them have no digits.
const LEAST: f64 = 1e-290;

/// Blocks of rows.
const BLOCKS: usize = 32;

/// A transport problem with its costs and potentials.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) a: Vec<f64>,
    pub(super) b: Vec<f64>,
    cost: Vec<f64>,
    /// Relative rounding error of a cost.
    pub(super) cost_error: f64,
    pub(super) f: Vec<f64>,
    pub(super) g: Vec<f64>,
    pub(super) regularisation: f64,
    pub(super) iterations: usize,
    pub(super) symmetric: bool,
}

/// Sums of vectors, in order.
pub(super) fn total(parts: impl Iterator<Item = Vec<f64>>, len: usize) -> Vec<f64> {
    let mut sum = vec![0.0; len];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
    }
    sum
}

/// Points whose distances from one point are computed together.
const LANES: usize = 8;

/// The costs from `point` to the points that are the columns of `others`, d × m.
#[inline(always)]
fn fill_costs(order: Order, point: &[f64], others: &[f64], row: &mut [f64]) {
    let m = row.len();
    for (k, costs) in row.chunks_mut(LANES).enumerate() {
        let mut squares = [0.0; LANES];
        for (x, coordinates) in point.iter().zip(others.chunks_exact(m)) {
            let coordinates = &coordinates[k * LANES..];
            if let Some(coordinates) = coordinates.first_chunk::<LANES>() {
                squares.iter_mut().zip(coordinates).for_each(|(s, y)| *s += (x - y) * (x - y));
            } else {
                squares.iter_mut().zip(coordinates).for_each(|(s, y)| *s += (x - y) * (x - y));
            }
        }
        costs.iter_mut().zip(squares).for_each(|(c, s)| *c = order.of_square(s));
    }
}

impl Problem {
    pub(super) fn new<F: Float>(
        order: Order,
        x: &ArrayRef2<F>,
        a: Vec<f64>,
        y: &ArrayRef2<F>,
        b: Vec<f64>,
    ) -> Result<Self, TransportError> {
        let (n, m, d) = (x.nrows(), y.nrows(), x.ncols());
        let points: Vec<f64> = x.iter().map(|v| v.as_f64()).collect();
        let others: Vec<f64> = y.t().iter().map(|v| v.as_f64()).collect();
        let mut cost = vec![0.0; n * m];
        parallel::for_blocks(&mut cost, m, |i, row| {
            vectorised(
                #[inline(always)]
                |_| fill_costs(order, &points[i * d..(i + 1) * d], &others, row),
            );
        });
        let largest = cost.iter().fold(0.0_f64, |m, &c| if c > m { c } else { m });
        let some_differ =
            || points.chunks(d).any(|p| *p != points[..d]) || others.chunks(m).zip(&points).any(|(c, p)| c.iter().any(|v| v != p));
        if !largest.is_finite() || (largest < LEAST && some_differ()) {
            return Err(OutOfRange { name: "largest cost", value: largest.into(), range: "[1e-290, inf), or 0 for equal points" }.into());
        }
        let (f, g) = (vec![0.0; n], vec![0.0; m]);
        Ok(Self { a, b, cost, cost_error: order.cost_error(d), f, g, regularisation: largest, iterations: 0, symmetric: false })
    }

    /// The problem of a measure against itself.
    pub(super) fn to_itself<F: Float>(order: Order, x: &ArrayRef2<F>, a: Vec<f64>) -> Result<Self, TransportError> {
        Ok(Self { symmetric: true, ..Self::new(order, x, a.clone(), x, a)? })
    }

    pub(super) fn rows_per_block(&self) -> usize {
        self.a.len().div_ceil(BLOCKS)
    }

    /// C_i1, …, C_im.
    pub(super) fn costs(&self, i: usize) -> &[f64] {
        let m = self.b.len();
        &self.cost[i * m..(i + 1) * m]
    }

    /// g, and −∞ for points without mass.
    pub(super) fn supported_g(&self) -> Vec<f64> {
        self.g.iter().zip(&self.b).map(|(&g, &b)| if b > 0.0 { g } else { f64::NEG_INFINITY }).collect()
    }

    /// Folds the rows of the costs, block by block, into one entry a column; the blocks' results are joined in order.
    pub(super) fn column_fold(
        &self,
        start: Vec<f64>,
        add: impl Fn(&mut [f64], usize, &[f64]) + Send + Sync,
        join: impl Fn(f64, f64) -> f64,
    ) -> Vec<f64> {
        let (m, rows) = (self.b.len(), self.rows_per_block());
        let blocks: Vec<_> = self.cost.chunks(rows * m).collect();
        let parts = parallel::map(blocks.len(), |k| {
            let mut part = start.clone();
            for (i, row) in (k * rows..).zip(blocks[k].chunks_exact(m)) {
                add(&mut part, i, row);
            }
            part
        });
        parts.into_iter().fold(start, |all, part| all.into_iter().zip(part).map(|(s, p)| join(s, p)).collect())
    }
}
