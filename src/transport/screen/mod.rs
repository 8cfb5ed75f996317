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
mod search;
pub(crate) mod select;

use super::cost::Geometry;
use super::order::Order;
use ndarray::{ArrayView2, ArrayViewMut2, linalg::general_mat_mul};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

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
/// From so many rows on the matrix product pays for packing its operands.
const PRODUCT_ROWS: usize = 6;
/// Rows of a block when all products are stored.
const STORED_ROWS: usize = 64;
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
    /// Second cloud, one coordinate after the other, `stride` apart.
    y: Vec<f32>,
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
    /// Stores the inner products if they need at most `memory` bytes and are asked for in more than [`DIRECT`] dimensions.
    pub(crate) fn new(geometry: &Geometry, memory: usize) -> Self {
        let (dim, rows, columns) = (geometry.dim, geometry.rows(), geometry.columns());
        let stride = columns.div_ceil(CHUNK) * CHUNK;
        let direct = dim <= DIRECT;
        let gamma = 1.1 * (dim as f64 + 3.0) * UNIT;
        let shrink = (1.0 - (gamma + ETA + 8.0 * UNIT)).sqrt();
        let centre = centre(geometry);
        let round = |point: &[f64], out: &mut dyn FnMut(usize, f32)| -> (f64, f64) {
            let mut square = 0.0;
            for (k, (z, c)) in point.iter().zip(&centre).enumerate() {
                let rounded = ((z - c) * shrink) as f32;
                square += f64::from(rounded) * f64::from(rounded);
                out(k, rounded);
            }
            // 2⁻⁵² |z| bounds the rounding of the difference, the last term that of subnormal coordinates.
            let raw: f64 = point.iter().map(|z| z * z).sum::<f64>().sqrt();
            (square, 1.5 * UNIT * square.sqrt() + f64::EPSILON * raw + 1e-44 * (dim as f64).sqrt())
        };
        let mut x = vec![0.0; rows * dim];
        let mut y = vec![0.0; stride * dim];
        let x_bounds: Vec<_> = x.chunks_exact_mut(dim).enumerate().map(|(i, row)| round(geometry.x(i), &mut |k, z| row[k] = z)).collect();
        let y_bounds: Vec<_> = (0..columns).map(|j| round(geometry.y(j), &mut |k, z| y[k * stride + j] = z)).collect();
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
        let largest = y_bounds.iter().fold(0.0, |most: f64, b| most.max(b.1));
        let mut screen = Self {
            order: geometry.order,
            dim,
            columns,
            stride,
            x,
            x_square: x_bounds.iter().map(reduced).collect(),
            x_offset: x_bounds.iter().map(|&(square, delta)| norm(square) - penalty(square, delta) - 1e-43).collect(),
            y,
            y_square: y_bounds.iter().map(reduced).chain(std::iter::repeat_n(0.0, stride - columns)).collect(),
            y_offset: y_bounds.iter().map(|&(square, delta)| norm(square) - penalty(square, delta)).collect(),
            slack: x_bounds.iter().map(|&(_, delta)| 2.0 * (delta + largest)).collect(),
            stored: Vec::new(),
        };
        if !direct && rows.saturating_mul(stride).saturating_mul(size_of::<f32>()) <= memory {
            screen.store(rows);
        }
        screen
    }

    /// Computes all inner products, blocks of rows in parallel.
    fn store(&mut self, rows: usize) {
        let mut stored = vec![0.0; rows * self.stride];
        let this = &*self;
        let work = |(x, out): (&[f32], &mut [f32])| this.products(x, out);
        #[cfg(feature = "rayon")]
        this.x.par_chunks(STORED_ROWS * self.dim).zip(stored.par_chunks_mut(STORED_ROWS * self.stride)).for_each(work);
        #[cfg(not(feature = "rayon"))]
        this.x.chunks(STORED_ROWS * self.dim).zip(stored.chunks_mut(STORED_ROWS * self.stride)).for_each(work);
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
        let (stride, dim) = (self.stride, self.dim);
        let groups = stride / CHUNK * GROUPS;
        scratch.values.resize(rows.len() * stride, 0.0);
        scratch.minima.resize(rows.len() * groups, 0.0);
        let product = dim > DIRECT && rows.len() >= PRODUCT_ROWS && self.stored.is_empty();
        if product {
            scratch.points.clear();
            for &i in rows {
                scratch.points.extend_from_slice(self.point(i));
            }
            self.products(&scratch.points, &mut scratch.values[..rows.len() * stride]);
        }
        let out = scratch.values.chunks_exact_mut(stride).zip(scratch.minima.chunks_exact_mut(groups));
        for (&i, (values, minima)) in rows.iter().zip(out) {
            if product {
                self.finish_row(i as usize, priced, values, minima);
            } else if let Some(stored) = self.stored.get(i as usize * stride..(i as usize + 1) * stride) {
                values.copy_from_slice(stored);
                self.finish_row(i as usize, priced, values, minima);
            } else {
                self.scan_row(i as usize, priced, values, minima);
            }
        }
    }

    fn point(&self, i: u32) -> &[f32] {
        &self.x[i as usize * self.dim..(i as usize + 1) * self.dim]
    }

    /// −2 x·y for some points x and all y.
    fn products(&self, points: &[f32], out: &mut [f32]) {
        let shapes = "the buffers were sized for these shapes";
        let rows = points.len() / self.dim;
        let points = ArrayView2::from_shape((rows, self.dim), points).expect(shapes);
        let y = ArrayView2::from_shape((self.dim, self.stride), &self.y).expect(shapes);
        let mut out = ArrayViewMut2::from_shape((rows, self.stride), out).expect(shapes);
        general_mat_mul(-2.0, &points, &y, 0.0, &mut out);
    }

    fn scan_row(&self, i: usize, priced: &[f32], values: &mut [f32], minima: &mut [f32]) {
        match self.dim {
            1 => self.differences::<1>(i, priced, values, minima),
            2 => self.differences::<2>(i, priced, values, minima),
            3 => self.differences::<3>(i, priced, values, minima),
            4 => self.differences::<4>(i, priced, values, minima),
            _ => {
                for (chunk, out) in values.as_chunks_mut::<CHUNK>().0.iter_mut().enumerate() {
                    self.product_chunk(i, chunk * CHUNK, out);
                }
                self.finish_row(i, priced, values, minima);
            }
        }
    }

    /// −2 x_i·y_j for one chunk of columns, four coordinates at a time.
    fn product_chunk(&self, i: usize, start: usize, out: &mut [f32; CHUNK]) {
        out.fill(0.0);
        let column = |k: usize| self.y[k * self.stride + start..].first_chunk::<CHUNK>().expect("a chunk ends within the stride");
        let (fours, rest) = self.point(i as u32).as_chunks::<4>();
        for (block, x) in fours.iter().enumerate() {
            let x = x.map(|x| -2.0 * x);
            let y = [column(4 * block), column(4 * block + 1), column(4 * block + 2), column(4 * block + 3)];
            for j in 0..CHUNK {
                out[j] += (x[0] * y[0][j] + x[1] * y[1][j]) + (x[2] * y[2][j] + x[3] * y[3][j]);
            }
        }
        for (k, &x) in rest.iter().enumerate() {
            let (x, y) = (-2.0 * x, column(4 * fours.len() + k));
            for j in 0..CHUNK {
                out[j] += x * y[j];
            }
        }
    }

    /// Turns −2 x·y into bounds and takes the minima.
    fn finish_row(&self, i: usize, priced: &[f32], values: &mut [f32], minima: &mut [f32]) {
        let x_square = self.x_square[i];
        let chunks = values.as_chunks_mut::<CHUNK>().0.iter_mut().zip(minima.as_chunks_mut::<GROUPS>().0);
        let columns = priced.as_chunks::<CHUNK>().0.iter().zip(self.y_square.as_chunks::<CHUNK>().0);
        for ((values, minima), (priced, squares)) in chunks.zip(columns) {
            match self.order.value() {
                2.0 => fold(values, priced, minima, |_, product| product),
                1.0 => fold(values, priced, minima, |j, product| {
                    let square = squares[j] + x_square + product;
                    if square > 0.0 { square.sqrt() } else { 0.0 }
                }),
                order => {
                    let slack = self.slack[i];
                    fold(values, priced, minima, |j, product| general(squares[j] + x_square + product, slack, order));
                }
            }
        }
    }

    /// Bounds by differences for D coordinates.
    fn differences<const D: usize>(&self, i: usize, priced: &[f32], values: &mut [f32], minima: &mut [f32]) {
        let x: [f32; D] = *self.point(i as u32).first_chunk().expect("D is the dimension");
        let chunks = values.as_chunks_mut::<CHUNK>().0.iter_mut().zip(minima.as_chunks_mut::<GROUPS>().0);
        for (chunk, ((values, minima), priced)) in chunks.zip(priced.as_chunks::<CHUNK>().0).enumerate() {
            let y: [&[f32; CHUNK]; D] =
                std::array::from_fn(|k| self.y[k * self.stride + chunk * CHUNK..].first_chunk().expect("a chunk ends within the stride"));
            bounds_by_differences(x, y, priced, (self.order, self.slack[i]), values, minima);
        }
    }
}

/// Bounds of N columns and their minima, from the coordinates `y`.
#[inline(always)]
fn bounds_by_differences<const D: usize, const N: usize, const L: usize>(
    x: [f32; D],
    y: [&[f32; N]; D],
    priced: &[f32; N],
    (order, slack): (Order, f64),
    values: &mut [f32; N],
    minima: &mut [f32; L],
) {
    for j in 0..N {
        let mut square = 0.0;
        for k in 0..D {
            let difference = x[k] - y[k][j];
            square += difference * difference;
        }
        values[j] = square;
    }
    match order.value() {
        2.0 => fold(values, priced, minima, |_, square| square),
        1.0 => fold(values, priced, minima, |_, square| square.sqrt()),
        order => fold(values, priced, minima, |_, square| general(square, slack, order)),
    }
}

/// Lower bound on s^{p/2} by `f64` arithmetic, with 8u to spare for the additions that follow.
fn general(square: f32, slack: f64, order: f64) -> f32 {
    let distance = (f64::from(square.max(0.0)).sqrt() - slack).max(0.0);
    (distance.powf(order) * (1.0 - 8.0 * UNIT)) as f32
}

/// [`general`] at distance r, and its derivative by r.
fn general_and_slope(r: f32, slack: f64, order: f64) -> (f32, f32) {
    let distance = (f64::from(r) - slack).max(0.0);
    let slope = distance.powf(order - 1.0);
    ((distance * slope * (1.0 - 8.0 * UNIT)) as f32, (order * slope) as f32)
}

/// Applies `bound` to a chunk, adds the prices and takes the minima lane by lane.
#[inline(always)]
fn fold<const N: usize, const L: usize>(
    values: &mut [f32; N],
    priced: &[f32; N],
    minima: &mut [f32; L],
    bound: impl Fn(usize, f32) -> f32,
) {
    let mut least = [f32::INFINITY; L];
    for (block, (values, priced)) in values.as_chunks_mut::<L>().0.iter_mut().zip(priced.as_chunks::<L>().0).enumerate() {
        for lane in 0..L {
            let value = bound(block * L + lane, values[lane]) + priced[lane];
            values[lane] = value;
            least[lane] = if value < least[lane] { value } else { least[lane] };
        }
    }
    *minima = least;
}

/// The middle of the range of each coordinate over both clouds.
fn centre(geometry: &Geometry) -> Vec<f64> {
    let mut low = vec![f64::INFINITY; geometry.dim];
    let mut high = vec![f64::NEG_INFINITY; geometry.dim];
    let rows = (0..geometry.rows()).map(|i| geometry.x(i)).chain((0..geometry.columns()).map(|j| geometry.y(j)));
    for point in rows {
        for ((low, high), &z) in low.iter_mut().zip(&mut high).zip(point) {
            *low = low.min(z);
            *high = high.max(z);
        }
    }
    low.iter().zip(&high).map(|(low, high)| 0.5 * low + 0.5 * high).collect()
}
