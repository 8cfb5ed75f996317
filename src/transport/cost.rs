//! The cost ‖x − y‖^p between points of two clouds, by direct differences.
//!
//! |x|² + |y|² − 2x·y loses every digit of a small distance; the difference of two coordinates is exact when they are close. The clouds
//! are scaled by a power of two, which is exact, so that distances lie in [0, 1] and no power of them overflows. They are not centred:
//! that would round.

use crate::float::Float;
use crate::transport::length::{Length, UNIT, power_error};
use crate::transport::order::Order;
use ndarray::ArrayRef2;

/// Two clouds of points, rows contiguous, scaled to a diameter of at most one.
#[derive(Debug)]
pub(crate) struct Geometry {
    pub(crate) order: Order,
    pub(crate) dim: usize,
    x: Vec<f64>,
    y: Vec<f64>,
    /// The clouds were multiplied by 2^{−exponent}, an even number.
    exponent: i32,
}

impl Geometry {
    /// Widens, scales and copies two clouds that were checked to be finite and of equal dimension.
    pub(crate) fn new<F: Float>(order: Order, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Self {
        let dim = x.ncols();
        let exponent = exponent(x, y);
        // Two factors: one alone can overflow.
        let (first, second) = (libm::scalbn(1.0, -(exponent / 2)), libm::scalbn(1.0, -(exponent - exponent / 2)));
        // Adding zero makes equal points equal bit by bit: −0 becomes 0.
        let copy = |points: &ArrayRef2<F>| {
            let points = points.as_standard_layout();
            let points = points.as_slice().expect("the standard layout is contiguous");
            points.iter().map(|z| z.as_f64() * first * second + 0.0).collect()
        };
        Self { order, dim, x: copy(x), y: copy(y), exponent }
    }

    /// Some rows and columns, in the same units.
    pub(crate) fn select(&self, rows: &[u32], columns: &[u32]) -> Self {
        let x = rows.iter().flat_map(|&i| self.x(i as usize)).copied().collect();
        let y = columns.iter().flat_map(|&j| self.y(j as usize)).copied().collect();
        Self { x, y, ..*self }
    }

    /// The clouds exchanged.
    pub(crate) fn turned(&self) -> Self {
        Self { x: self.y.clone(), y: self.x.clone(), ..*self }
    }

    /// Row i of the first cloud.
    #[inline]
    pub(crate) fn x(&self, i: usize) -> &[f64] {
        &self.x[i * self.dim..(i + 1) * self.dim]
    }

    /// Row j of the second cloud.
    #[inline]
    pub(crate) fn y(&self, j: usize) -> &[f64] {
        &self.y[j * self.dim..(j + 1) * self.dim]
    }

    pub(crate) fn rows(&self) -> usize {
        self.x.len() / self.dim
    }

    pub(crate) fn columns(&self) -> usize {
        self.y.len() / self.dim
    }

    /// ‖x_i − y_j‖^p of the scaled clouds.
    #[inline]
    pub(crate) fn cost(&self, i: usize, j: usize) -> f64 {
        self.order.of_square(square_distance(self.x(i), self.y(j)))
    }

    /// Standard deviation of the cost over pairs taken at a fixed stride.
    pub(crate) fn spread(&self) -> f64 {
        let (n, m) = (self.rows(), self.columns());
        let count = (4 * n.max(m)).min(4000);
        let costs = (0..count).map(|k| self.cost(k % n, (k * 7919 + k / n) % m));
        let (sum, square) = costs.fold((0.0, 0.0), |(sum, square), c| (sum + c, square + c * c));
        let mean = sum / count as f64;
        (square / count as f64 - mean * mean).max(0.0).sqrt()
    }

    /// The unit of lengths: 2^exponent of the given clouds.
    pub(crate) fn unit(&self) -> Length {
        Length::new(1.0, self.exponent)
    }

    /// Relative error of [`cost`](Self::cost): differences and squares round three times, then the longest chain of sums, the root or power.
    pub(crate) fn cost_error(&self) -> f64 {
        let sums = if self.dim < 4 { self.dim - 1 } else { self.dim / 16 + 7 };
        let square = 3.0 + sums as f64;
        let power = match self.order.value() {
            2.0 => square,
            1.0 => 0.5 * square + 1.0,
            p => 0.5 * p * square + power_error(self.order),
        };
        1.01 * power * UNIT
    }

    /// What a cost can gain by underflow of squares, and by that of coordinates when they were scaled.
    pub(crate) fn cost_underflow(&self) -> f64 {
        let dim = self.dim as f64;
        match self.order.value() {
            2.0 => 8.0 * dim * 2.0_f64.powi(-1073),
            p => 4.0 * p * dim.sqrt() * 2.0_f64.powi(-537),
        }
    }
}

/// The even e for which 2^{−e} brings the diameter of both clouds together below one.
fn exponent<F: Float>(x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> i32 {
    let mut ends = vec![(f64::INFINITY, f64::NEG_INFINITY); x.ncols()];
    for point in x.rows().into_iter().chain(y.rows()) {
        for ((low, high), z) in ends.iter_mut().zip(point) {
            let half = 0.5 * z.as_f64();
            (*low, *high) = (low.min(half), high.max(half));
        }
    }
    let spread = ends.iter().map(|(low, high)| high - low).fold(0.0, f64::max);
    if spread == 0.0 {
        return 0;
    }
    let diameter = 2.0 * (x.ncols() as f64).sqrt();
    let exponent = libm::ilogb(spread) + libm::ilogb(diameter) + 2;
    exponent + (exponent & 1)
}

/// ‖x − y‖², sixteen partial sums, then four.
#[inline]
pub(crate) fn square_distance(x: &[f64], y: &[f64]) -> f64 {
    let ((x16, x), (y16, y)) = (x.as_chunks::<16>(), y.as_chunks::<16>());
    let mut wide = [0.0; 16];
    for (x, y) in x16.iter().zip(y16) {
        for lane in 0..16 {
            let difference = x[lane] - y[lane];
            wide[lane] += difference * difference;
        }
    }
    let ((x4, x), (y4, y)) = (x.as_chunks::<4>(), y.as_chunks::<4>());
    let mut sums = [0.0; 4];
    for lane in 0..4 {
        sums[lane] = (wide[lane] + wide[lane + 8]) + (wide[lane + 4] + wide[lane + 12]);
    }
    for (x, y) in x4.iter().zip(y4) {
        for lane in 0..4 {
            let difference = x[lane] - y[lane];
            sums[lane] += difference * difference;
        }
    }
    let rest: f64 = x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum();
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + rest
}
