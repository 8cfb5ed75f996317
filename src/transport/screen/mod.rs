//! Certified lower bounds on c_ij − v_j for a whole row, in single precision.
//!
//! A solver asks again and again which columns j have the smallest c_ij − v_j. Nearly all of the n values are far from the answer, so
//! they are bounded from below in `f32`, four or sixteen to an instruction, and only the few that survive are computed in full.
//! Every rounding is paid for in the bound: with u = 2⁻²⁴, coordinates rounded by at most δ in norm and s' the square distance of the
//! rounded points,
//!
//! ```math
//! \lVert x-y\rVert^2 \ge (\sqrt{s'} - \delta_i - \delta_j)^2 \ge (1-\eta)\, s' - \frac{2\delta_i^2 + 2\delta_j^2}{\eta},
//! ```
//!
//! the factor 1 − η and the relative errors of the arithmetic are absorbed by shrinking the points by √(1−κ) beforehand, and the rest
//! is a number a column, subtracted with its price, and a number a row.

pub(crate) mod boxes;
mod level;
pub(crate) mod look;
mod rounded;
mod search;
pub(crate) mod select;

use crate::numeric::dense::panels::{Panels, TILE_ROWS};
use crate::numeric::parallel;
use crate::numeric::vector::vectorised;
use crate::transport::cost::Geometry;
use crate::transport::order::Order;
use rounded::{Rounded, centre};

/// Bytes of stored inner products unless told otherwise.
pub(crate) const MEMORY: usize = 512 << 20;
/// Columns a chunk: values of a chunk stay in the first-level cache.
pub(crate) const CHUNK: usize = 256;
/// Minima kept a chunk, each of `CHUNK / GROUPS` values.
pub(crate) const GROUPS: usize = 32;
/// Boxes, or columns of a box, that are looked at together.
const LANES: usize = 16;
/// Up to this dimension squares are summed from differences, above from norms and a matrix product.
const DIRECT: usize = 4;
/// Up to this dimension an inner product takes no longer than reading it again.
const CHEAP: usize = 32;
/// Rows whose products with a chunk are computed at a time: they stay in the first-level cache.
const TOGETHER: usize = 2 * TILE_ROWS;
/// Rows of a block when all products are stored.
const STORED_ROWS: usize = 48;
/// Unit roundoff of `f32`.
const UNIT: f64 = 1.0 / 16_777_216.0;
/// η of the module documentation: relative loss traded for a small absolute one.
const ETA: f64 = 64.0 * UNIT;

/// The clouds in single precision with the error bounds of their rounding.
#[derive(Debug)]
pub(crate) struct Screen {
    order: Order,
    dim: usize,
    columns: usize,
    /// Columns rounded up to whole chunks.
    stride: usize,
    /// First cloud, rows contiguous.
    x: Vec<f32>,
    /// Lower bound on ‖x_i‖² (matrix product) or 0 (differences).
    x_square: Vec<f32>,
    /// What is added to a value of row i to make it a lower bound.
    x_offset: Vec<f64>,
    /// Second cloud up to [`DIRECT`] dimensions, one coordinate after the other, `stride` apart; else empty.
    y: Vec<f32>,
    /// The same cloud in more dimensions.
    panels: Panels<f32>,
    /// Lower bound on ‖y_j‖² where p ≠ 2 needs it before the root.
    y_square: Vec<f32>,
    /// What is added to −v_j.
    y_offset: Vec<f64>,
    /// Rounding of coordinates, δ_i + max δ_j, for general p.
    slack: Vec<f64>,
    /// All −2 x·y, `stride` a row, where they fit and pay; else empty.
    stored: Vec<f32>,
}

/// Values and minima of some rows.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) values: Vec<f32>,
    pub(crate) minima: Vec<f32>,
    points: Vec<f32>,
}

impl Scratch {
    pub(crate) fn row(&self, index: usize, stride: usize) -> (&[f32], &[f32]) {
        let groups = stride / CHUNK * GROUPS;
        (&self.values[index * stride..(index + 1) * stride], &self.minima[index * groups..(index + 1) * groups])
    }
}

impl Screen {
    /// Stores the inner products if they need at most `memory` bytes and have more than [`CHEAP`] terms.
    pub(crate) fn new(geometry: &Geometry, memory: usize) -> Self {
        let (dim, rows, columns) = (geometry.dim, geometry.rows(), geometry.columns());
        let stride = columns.div_ceil(CHUNK) * CHUNK;
        let direct = dim <= DIRECT;
        let gamma = 1.1 * (dim as f64 + 3.0) * UNIT;
        let shrink = (1.0 - (gamma + ETA + 8.0 * UNIT)).sqrt();
        let centre = centre(geometry);
        let (rounded_x, rounded_y) = parallel::join(
            || Rounded::new(&centre, shrink, (0..rows).map(|i| geometry.x(i))),
            || Rounded::new(&centre, shrink, (0..columns).map(|j| geometry.y(j))),
        );
        // Loss of the squares by the matrix product, relative to the square norms.
        let loss = if direct { 0.0 } else { gamma + 12.0 * UNIT };
        let penalty = |square: f64, delta: f64| match geometry.order.value() {
            1.0 => 2.0 * delta,
            2.0 => 4.0 * delta * delta / ETA + loss * square,
            _ => 0.0,
        };
        let product_two = !direct && geometry.order == Order::TWO;
        let norm = |square: f64| if product_two { square } else { 0.0 };
        let reduced = |&(square, _): &(f64, f64)| if direct { 0.0 } else { (square * (1.0 - loss)) as f32 };
        let (mut y, mut panels) = (Vec::new(), Panels::default());
        let mut y_points = rounded_y.points;
        y_points.resize(stride * dim, 0.0);
        if direct {
            y.extend((0..dim).flat_map(|k| y_points[k..].iter().step_by(dim)));
        } else {
            panels.pack_transposed(&y_points, dim, stride);
        }
        let (x_bounds, y_bounds) = (rounded_x.bounds, rounded_y.bounds);
        let largest = y_bounds.iter().fold(0.0, |most: f64, b| most.max(b.1));
        let mut screen = Self {
            order: geometry.order,
            dim,
            columns,
            stride,
            x: rounded_x.points,
            x_square: x_bounds.iter().map(reduced).collect(),
            x_offset: x_bounds.iter().map(|&(square, delta)| norm(square) - penalty(square, delta) - 1e-43).collect(),
            y,
            panels,
            y_square: y_bounds.iter().map(reduced).chain(std::iter::repeat_n(0.0, stride - columns)).collect(),
            y_offset: y_bounds.iter().map(|&(square, delta)| norm(square) - penalty(square, delta)).collect(),
            slack: x_bounds.iter().map(|&(_, delta)| 2.0 * (delta + largest)).collect(),
            stored: Vec::new(),
        };
        if dim > CHEAP && rows.saturating_mul(stride).saturating_mul(size_of::<f32>()) <= memory {
            screen.store(rows);
        }
        screen
    }

    /// Computes all inner products, blocks of rows in parallel.
    fn store(&mut self, rows: usize) {
        let mut stored = vec![0.0; rows * self.stride];
        parallel::for_blocks(&mut stored, STORED_ROWS * self.stride, |block, out| {
            let first = (block * STORED_ROWS) as u32;
            let mut points = Vec::new();
            self.twice(first..first + (out.len() / self.stride) as u32, &mut points);
            self.panels.multiply(&points, out, |_, _| ());
        });
        self.stored = stored;
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// What is added to each value of row i to make it a lower bound on c_ij − v_j.
    pub(crate) fn row_offset(&self, i: usize) -> f64 {
        self.x_offset[i]
    }

    /// The number that stands for the price v_j in [`scan`](Self::scan), rounded towards a lower bound.
    #[inline]
    pub(crate) fn priced(&self, j: usize, price: f64) -> f32 {
        let offset = self.y_offset[j];
        (offset - price - 4.0 * UNIT * (offset.abs() + price.abs())) as f32
    }

    /// All prices; padding columns are infinitely dear.
    pub(crate) fn priced_all(&self, prices: &[f64]) -> Vec<f32> {
        let priced = prices.iter().enumerate().map(|(j, &v)| self.priced(j, v));
        priced.chain(std::iter::repeat_n(f32::INFINITY, self.stride - self.columns)).collect()
    }

    /// Bounds of several rows; `priced` is [`priced_all`](Self::priced_all) of the prices.
    pub(crate) fn scan(&self, rows: &[u32], priced: &[f32], scratch: &mut Scratch) {
        let Scratch { values, minima, points } = scratch;
        values.resize(rows.len() * self.stride, 0.0);
        minima.resize(rows.len() * (self.stride / CHUNK * GROUPS), 0.0);
        let (values, minima) = (values.as_chunks_mut().0, minima.as_chunks_mut().0);
        if self.dim > DIRECT && self.stored.is_empty() {
            self.twice(rows.iter().copied(), points);
            self.scan_products(rows, points, priced, values, minima);
            return;
        }
        let chunks = self.stride / CHUNK;
        let out = values.chunks_exact_mut(chunks).zip(minima.chunks_exact_mut(chunks));
        for (&i, (values, minima)) in rows.iter().zip(out) {
            self.scan_row(i as usize, priced, values, minima);
        }
    }

    /// −2 x of some rows, one after the other.
    fn twice(&self, rows: impl Iterator<Item = u32>, points: &mut Vec<f32>) {
        points.clear();
        points.extend(rows.flat_map(|i| self.point(i)).map(|x| -2.0 * x));
    }

    fn point(&self, i: u32) -> &[f32] {
        &self.x[i as usize * self.dim..(i as usize + 1) * self.dim]
    }

    /// Bounds of several rows from their products, one chunk of columns after the other; `points` are [`twice`](Self::twice) the rows.
    fn scan_products(&self, rows: &[u32], points: &[f32], priced: &[f32], values: &mut [[f32; CHUNK]], minima: &mut [[f32; GROUPS]]) {
        let chunks = self.stride / CHUNK;
        vectorised(
            #[inline(always)]
            |fused| {
                let mut products = [0.0; TOGETHER * CHUNK];
                for chunk in 0..chunks {
                    let columns = chunk * CHUNK..(chunk + 1) * CHUNK;
                    for (part, points) in points.chunks(TOGETHER * self.dim).enumerate() {
                        let products = &mut products[..points.len() / self.dim * CHUNK];
                        self.panels.multiply_columns(points, columns.clone(), products, fused);
                        for (row, products) in (part * TOGETHER..).zip(products.as_chunks().0) {
                            let at = row * chunks + chunk;
                            self.finish_chunk(rows[row] as usize, chunk, priced, products, &mut values[at], &mut minima[at]);
                        }
                    }
                }
            },
        );
    }

    /// Bounds of one row from stored products or, in few dimensions, from differences.
    fn scan_row(&self, i: usize, priced: &[f32], values: &mut [[f32; CHUNK]], minima: &mut [[f32; GROUPS]]) {
        let (stored, _) = self.stored.get(i * self.stride..(i + 1) * self.stride).unwrap_or_default().as_chunks();
        vectorised(
            #[inline(always)]
            |_| {
                let mut squares = [0.0; CHUNK];
                for (chunk, (values, minima)) in values.iter_mut().zip(minima).enumerate() {
                    if stored.is_empty() {
                        self.squares(i, chunk, &mut squares);
                    }
                    let found = stored.get(chunk).unwrap_or(&squares);
                    self.finish_chunk(i, chunk, priced, found, values, minima);
                }
            },
        );
    }

    /// ‖x_i − y_j‖² for one chunk of columns.
    #[inline(always)]
    fn squares(&self, i: usize, chunk: usize, out: &mut [f32; CHUNK]) {
        out.fill(0.0);
        for (&x, y) in self.point(i as u32).iter().zip(self.y.chunks_exact(self.stride)) {
            for (out, y) in out.iter_mut().zip(&y.as_chunks::<CHUNK>().0[chunk]) {
                *out += (x - y) * (x - y);
            }
        }
    }

    /// Turns squares, or −2 x·y where norms are added, into bounds and takes the minima.
    #[inline(always)]
    fn finish_chunk(
        &self,
        i: usize,
        chunk: usize,
        priced: &[f32],
        found: &[f32; CHUNK],
        values: &mut [f32; CHUNK],
        minima: &mut [f32; GROUPS],
    ) {
        let within = "a chunk ends within the stride";
        let priced: &[f32; CHUNK] = priced[chunk * CHUNK..].first_chunk().expect(within);
        let squares: &[f32; CHUNK] = self.y_square[chunk * CHUNK..].first_chunk().expect(within);
        let (x_square, slack) = (self.x_square[i], self.slack[i]);
        match self.order.value() {
            2.0 => fold(|j| found[j], priced, values, minima),
            1.0 => {
                let distance = |j: usize| {
                    let square = squares[j] + x_square + found[j];
                    if square > 0.0 { square.sqrt() } else { 0.0 }
                };
                fold(distance, priced, values, minima);
            }
            order => fold(|j| general(squares[j] + x_square + found[j], slack, order), priced, values, minima),
        }
    }
}

/// Lower bound on s^{p/2} by `f64` arithmetic, with 8u to spare for the additions that follow.
fn general(square: f32, slack: f64, order: f64) -> f32 {
    let distance = (f64::from(square.max(0.0)).sqrt() - slack).max(0.0);
    (distance.powf(order) * (1.0 - 8.0 * UNIT)) as f32
}

/// Adds the prices to the bounds on the costs of a chunk and takes the minima lane by lane.
#[inline(always)]
fn fold<const N: usize, const L: usize>(bound: impl Fn(usize) -> f32, priced: &[f32; N], values: &mut [f32; N], minima: &mut [f32; L]) {
    for j in 0..N {
        values[j] = bound(j) + priced[j];
    }
    *minima = [f32::INFINITY; L];
    for values in values.as_chunks::<L>().0 {
        for lane in 0..L {
            minima[lane] = if values[lane] < minima[lane] { values[lane] } else { minima[lane] };
        }
    }
}
