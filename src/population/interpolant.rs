//! High-order local interpolation on graded, moving nodes.
//!
//! Newton's form of the polynomial through the 2m+1 nodes around the nearest one, built outwards from the centre, so that the value at
//! a small displacement is the node's value plus a small correction, to full relative accuracy of the correction. Interpolating at
//! the nearest node with a symmetric stencil is stable for the repeated averaging of a population recursion.

use crate::numeric::golden::golden_minimum;
use crate::numeric::vector::{LANES, vectorised};

/// Half the largest degree.
const HALF: usize = 5;
/// The largest degree of a piece.
pub(crate) const DEGREE: usize = 2 * HALF;
/// The largest and the smallest cell of a stencil may differ by this factor; beyond it the degree is lowered, down to piecewise linear.
const GRADING: f64 = 8.0;

/// The polynomial used around one node.
#[derive(Debug, Clone, Copy, Default)]
struct Piece {
    node: f64,
    value: f64,
    /// The midpoints to the neighbouring nodes, ∓∞ at the ends: the piece serves what lies between.
    low: f64,
    high: f64,
    /// Divided differences f[x_j, x_{j+1}], f[x_{j−1}, x_j, x_{j+1}], …; for a linear piece the slopes to the right and to the left.
    coefficients: [f64; DEGREE],
    /// x_{j+1} − x_j, x_{j−1} − x_j, x_{j+2} − x_j, …
    shifts: [f64; DEGREE],
    linear: bool,
}

impl Piece {
    /// The change of the function at the displacement `d` from the node.
    #[inline]
    fn rise(&self, d: f64) -> f64 {
        let (c, s) = (&self.coefficients, &self.shifts);
        if self.linear {
            return d * c[usize::from(d < 0.0)];
        }
        let mut sum = c[DEGREE - 1];
        for k in (0..DEGREE - 1).rev() {
            sum = c[k] + (d - s[k]) * sum;
        }
        d * sum
    }

    /// The derivative at the displacement `d` from the node; for a linear piece the slope on that side.
    fn slope(&self, d: f64) -> f64 {
        let (c, s) = (&self.coefficients, &self.shifts);
        if self.linear {
            return c[usize::from(d < 0.0)];
        }
        let (mut sum, mut slope) = (c[DEGREE - 1], 0.0);
        for k in (0..DEGREE - 1).rev() {
            slope = sum + (d - s[k]) * slope;
            sum = c[k] + (d - s[k]) * sum;
        }
        sum + d * slope
    }
}

/// A function on the line known at increasing nodes; asymptotically linear beyond them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interpolant {
    /// The nodes between copies of the first and of the last, as far as a stencil or a block reaches beyond them.
    padded: Vec<f64>,
    values: Vec<f64>,
    degrees: Vec<usize>,
    differences: Vec<Vec<f64>>,
    /// One piece a node, and the midpoints between neighbouring nodes, up to date once assembled.
    pieces: Vec<Piece>,
    middles: Vec<f64>,
    assembled: bool,
    /// The coefficients of the pieces, one list for each power.
    coefficients: Vec<Vec<f64>>,
    /// How far a piece reaches to the left and to the right of its node; nowhere for the piecewise linear ones inside.
    low: Vec<f64>,
    high: Vec<f64>,
}

/// The pieces of neighbouring nodes.
///
/// The error of a polynomial of degree 10 through evenly spaced nodes is 1.4 times as large 1.5 cells from the middle of its stencil as half a
/// cell from it, so that a piece serves its neighbours' cells, too, while no other piece has to be looked up.
pub(crate) struct Block<'a> {
    /// How far each reaches from its node.
    pub(crate) low: &'a [f64; LANES],
    pub(crate) high: &'a [f64; LANES],
    coefficients: [&'a [f64; LANES]; DEGREE],
    shifts: [[f64; LANES]; DEGREE - 1],
}

impl Block<'_> {
    /// The change of the function at the displacements `d` from the nodes, in place of them.
    #[inline(always)]
    pub(crate) fn rise(&self, d: &mut [f64; LANES]) {
        let mut sum = *self.coefficients[DEGREE - 1];
        for k in (0..DEGREE - 1).rev() {
            for l in 0..LANES {
                sum[l] = self.coefficients[k][l] + (d[l] - self.shifts[k][l]) * sum[l];
            }
        }
        for l in 0..LANES {
            d[l] *= sum[l];
        }
    }
}

#[inline(always)]
fn lanes(list: &[f64], start: usize) -> &[f64; LANES] {
    list[start..].first_chunk().expect("lists are longer than the nodes by a block")
}

/// Where the node lies that the k-th divided difference takes in, relative to the centre.
const fn neighbour(k: usize) -> isize {
    let away = k.div_ceil(2) as isize;
    if k % 2 == 1 { away } else { -away }
}

/// The even degree each node's stencil allows: the largest for which the cells of the stencil do not differ too much from one to the next.
pub(crate) fn stencil_degrees(nodes: &[f64], degrees: &mut [usize]) {
    let n = nodes.len();
    let cells: Vec<f64> = nodes.windows(2).map(|w| w[1] - w[0]).collect();
    for (j, degree) in degrees.iter_mut().enumerate() {
        let mut m = 0;
        let (mut smallest, mut largest) = (f64::INFINITY, 0.0_f64);
        while 2 * m < *degree && m < j && j + m + 1 < n {
            // A stencil of half-width m + 1 has the cells j−m−1 … j+m.
            for cell in [cells[j - m - 1], cells[j + m]] {
                smallest = smallest.min(cell);
                largest = largest.max(cell);
            }
            if !(largest <= GRADING * smallest) {
                break;
            }
            m += 1;
        }
        *degree = (*degree).min(2 * m);
    }
}

impl Interpolant {
    /// The interpolant of `values` at the increasing `nodes`, with the stencils of the given even `degrees` (0 for piecewise linear).
    pub(crate) fn new(nodes: &[f64], values: &[f64], degrees: &[usize]) -> Self {
        let mut made = Self::default();
        made.rebuild(nodes, values, degrees);
        // Thousands of functions may be kept, and only their pieces are used.
        Self { degrees: Vec::new(), differences: Vec::new(), coefficients: Vec::new(), low: Vec::new(), high: Vec::new(), ..made }
    }

    /// As [`new`](Self::new), reusing memory.
    pub(crate) fn rebuild(&mut self, nodes: &[f64], values: &[f64], degrees: &[usize]) {
        self.rebuild_blocks(nodes, values, degrees);
        self.assemble();
    }

    /// As [`rebuild`](Self::rebuild), but only blocks can be evaluated until it is assembled.
    pub(crate) fn rebuild_blocks(&mut self, nodes: &[f64], values: &[f64], degrees: &[usize]) {
        let n = nodes.len();
        self.values.clear();
        self.values.extend_from_slice(values);
        self.degrees.clear();
        self.degrees.extend_from_slice(degrees);
        self.assembled = false;
        self.padded.clear();
        self.padded.extend([nodes[0]; HALF]);
        self.padded.extend_from_slice(nodes);
        self.padded.extend([nodes[n - 1]; HALF + LANES]);
        self.differences.resize_with(DEGREE, Vec::new);
        self.coefficients.resize_with(DEGREE, Vec::new);
        for list in self.coefficients.iter_mut().chain([&mut self.low, &mut self.high]) {
            if list.len() != n + LANES {
                list.clear();
                list.resize(n + LANES, 0.0);
            }
        }
        vectorised(
            #[inline(always)]
            |_| self.fill(),
        );
        // The outermost pieces are linear, and reach to infinity.
        self.coefficients[0][0] = self.differences[0][0];
        self.coefficients[0][n - 1] = self.differences[0][n - 2];
        (self.low[0], self.high[0]) = (f64::NEG_INFINITY, 0.5 * (nodes[0] + nodes[1]) - nodes[0]);
        (self.low[n - 1], self.high[n - 1]) = (0.5 * (nodes[n - 2] + nodes[n - 1]) - nodes[n - 1], f64::INFINITY);
    }

    #[inline(always)]
    fn fill(&mut self) {
        let (n, degrees) = (self.values.len(), &self.degrees[..]);
        let nodes = &self.padded[HALF..HALF + n];
        for level in 1..=DEGREE.min(n - 1) {
            let (done, rest) = self.differences.split_at_mut(level - 1);
            let below = done.last().map_or(&self.values[..], Vec::as_slice);
            let (difference, far) = (&mut rest[0], &nodes[level..]);
            difference.resize(n - level, 0.0);
            let (left, right) = (&below[..n - level], &below[1..=n - level]);
            for (j, out) in difference.iter_mut().enumerate() {
                *out = (right[j] - left[j]) / (far[j] - nodes[j]);
            }
            let (start, out) = (level / 2, &mut self.coefficients[level - 1]);
            for ((out, &difference), &degree) in out[start..start + n - level].iter_mut().zip(&*difference).zip(&degrees[start..]) {
                *out = if degree >= level { difference } else { 0.0 };
            }
        }
        for j in 0..n {
            // A full stencil serves as well up to the middle of the next cell, see `Block`; the padding is never reached by one.
            let (near, far) = (self.padded[j + HALF - 1], self.padded[j + HALF - 2]);
            let end = if degrees[j] == DEGREE { far } else { nodes[j] };
            self.low[j] = if degrees[j] > 0 { 0.5 * (near + end) - nodes[j] } else { 1.0 };
            let (near, far) = (self.padded[j + HALF + 1], self.padded[j + HALF + 2]);
            let end = if degrees[j] == DEGREE { far } else { nodes[j] };
            self.high[j] = if degrees[j] > 0 { 0.5 * (near + end) - nodes[j] } else { -1.0 };
        }
    }

    /// Makes the pieces, without which only blocks can be evaluated.
    pub(crate) fn assemble(&mut self) {
        if self.assembled {
            return;
        }
        self.assembled = true;
        let n = self.values.len();
        let nodes = &self.padded[HALF..HALF + n];
        self.middles.clear();
        self.middles.extend(nodes.windows(2).map(|w| 0.5 * (w[0] + w[1])));
        self.pieces.resize(n, Piece::default());
        for (j, (piece, &degree)) in self.pieces.iter_mut().zip(&self.degrees).enumerate() {
            (piece.node, piece.value, piece.linear) = (nodes[j], self.values[j], degree == 0);
            piece.low = if j > 0 { self.middles[j - 1] } else { f64::NEG_INFINITY };
            piece.high = if j + 1 < n { self.middles[j] } else { f64::INFINITY };
            if degree == 0 {
                piece.coefficients[0] = self.differences[0][j.min(n - 2)];
                piece.coefficients[1] = self.differences[0][j.max(1) - 1];
            } else {
                // Beyond the degree the coefficients are 0, and the shifts of no account.
                let around = &self.padded[j..=j + 2 * HALF];
                for k in 0..DEGREE {
                    piece.coefficients[k] = self.coefficients[k][j];
                    piece.shifts[k] = around[HALF.wrapping_add_signed(neighbour(k + 1))] - nodes[j];
                }
            }
        }
    }

    /// The pieces from node `start` on.
    #[inline(always)]
    pub(crate) fn block(&self, start: usize) -> Block<'_> {
        let mut shifts = [[0.0; LANES]; DEGREE - 1];
        let here = lanes(&self.padded, start + HALF);
        for (k, shifts) in shifts.iter_mut().enumerate() {
            let there = lanes(&self.padded, (start + HALF).wrapping_add_signed(neighbour(k + 1)));
            for l in 0..LANES {
                shifts[l] = there[l] - here[l];
            }
        }
        let coefficients = std::array::from_fn(
            #[inline(always)]
            |k| lanes(&self.coefficients[k], start),
        );
        Block { low: lanes(&self.low, start), high: lanes(&self.high, start), coefficients, shifts }
    }

    /// The index of the node nearest to `x`, searched from `hint`.
    #[inline]
    pub(crate) fn nearest(&self, x: f64, hint: usize) -> usize {
        debug_assert!(self.assembled, "only blocks were rebuilt");
        let piece = &self.pieces[hint];
        if piece.low <= x && x <= piece.high { hint } else { self.search(x, hint) }
    }

    fn search(&self, x: f64, hint: usize) -> usize {
        let last = self.middles.len();
        let mut j = hint.min(last);
        let mut stride = 1;
        if j < last && x > self.middles[j] {
            while j + stride < last && x > self.middles[j + stride] {
                j += stride;
                stride *= 2;
            }
            let end = (j + stride).min(last);
            j += 1;
            return j + self.middles[j.min(end)..end].partition_point(|&m| x > m);
        }
        if j > 0 && x < self.middles[j - 1] {
            while j > stride && x < self.middles[j - 1 - stride] {
                j -= stride;
                stride *= 2;
            }
            let start = j.saturating_sub(stride);
            return start + self.middles[start..j - 1].partition_point(|&m| x > m);
        }
        j
    }

    /// f(x_i + d) − f(x_i), searching from `hint`, and the node nearest to x_i + d.
    ///
    /// While x_i stays the nearest node, the result is as accurate relative to itself as `d` is.
    #[inline]
    pub(crate) fn rise(&self, i: usize, d: f64, hint: usize) -> (f64, usize) {
        let from = &self.pieces[i];
        let j = self.nearest(from.node + d, hint);
        if j == i {
            return (from.rise(d), i);
        }
        let to = &self.pieces[j];
        ((to.value - from.value) + to.rise(d + (from.node - to.node)), j)
    }

    /// f(x), searching from `hint`; returns the nearest node too, a good hint for a neighbouring point.
    #[inline]
    pub(crate) fn eval(&self, x: f64, hint: usize) -> (f64, usize) {
        let j = self.nearest(x, hint);
        let piece = &self.pieces[j];
        (piece.value + piece.rise(x - piece.node), j)
    }

    /// f'(x), searching from `hint`.
    pub(crate) fn slope(&self, x: f64, hint: usize) -> f64 {
        let piece = &self.pieces[self.nearest(x, hint)];
        piece.slope(x - piece.node)
    }

    /// The largest slope: over the nodes, and between the neighbours of the steepest one.
    pub(crate) fn steepest(&self) -> f64 {
        let mut best = (f64::NEG_INFINITY, 0);
        for (j, piece) in self.pieces.iter().enumerate() {
            for slope in [piece.slope(0.0), if piece.linear { piece.slope(-1.0) } else { f64::NEG_INFINITY }] {
                if slope > best.0 {
                    best = (slope, j);
                }
            }
        }
        let j = best.1;
        let (low, high) = (self.nodes()[j.max(1) - 1], self.nodes()[(j + 1).min(self.values.len() - 1)]);
        let found = self.slope(golden_minimum(|x| -self.slope(x, j), low, high), j);
        if found > best.0 { found } else { best.0 }
    }

    /// The nodes.
    pub(crate) fn nodes(&self) -> &[f64] {
        &self.padded[HALF..HALF + self.values.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graded(n: usize) -> Vec<f64> {
        (0..n).map(|i| (3.0 * (i as f64 / (n - 1) as f64 - 0.5)).sinh()).collect()
    }

    fn made(n: usize, f: impl Fn(f64) -> f64) -> Interpolant {
        let nodes = graded(n);
        let values: Vec<f64> = nodes.iter().map(|&x| f(x)).collect();
        let mut degrees = vec![DEGREE; n];
        stencil_degrees(&nodes, &mut degrees);
        Interpolant::new(&nodes, &values, &degrees)
    }

    #[test]
    fn reproduces_polynomials_up_to_its_degree() {
        let f = |x: f64| (0..=DEGREE as i32).map(|k| (0.3 * x).powi(k)).sum::<f64>();
        let p = made(60, f);
        for i in 0..200 {
            let x = -1.5 + 3.0 * f64::from(i) / 199.0;
            assert!((p.eval(x, i as usize % 60).0 - f(x)).abs() < 1e-12);
        }
    }

    #[test]
    fn converges_with_order_eleven() {
        let f = |x: f64| (2.0 * x).sin();
        let error = |n: usize| {
            let p = made(n, f);
            (0..1000).map(|i| -0.5 + f64::from(i) / 999.0).map(|x| (p.eval(x, 0).0 - f(x)).abs()).fold(0.0, f64::max)
        };
        let (coarse, fine) = (error(24), error(48));
        let order = (coarse / fine).log2();
        assert!((10.0..12.5).contains(&order), "order {order}: errors {coarse:e}, {fine:e}");
    }

    #[test]
    fn search_finds_the_nearest_node_from_any_hint() {
        let p = made(41, |x| x);
        for i in 0..400 {
            let x = -3.0 + 6.0 * f64::from(i) / 399.0;
            let best = (0..41).min_by(|&a, &b| (p.nodes()[a] - x).abs().total_cmp(&(p.nodes()[b] - x).abs()));
            for hint in [0, 3, 20, 39, 40] {
                assert_eq!(Some(p.nearest(x, hint)), best, "x = {x}, hint {hint}");
            }
        }
    }

    #[test]
    fn is_linear_beyond_the_ends_and_across_a_wide_cell() {
        let nodes = [0.0, 1.0, 2.0, 50.0, 51.0, 52.0];
        let values = [0.0, 1.0, 2.0, 98.0, 99.0, 100.0];
        let mut degrees = vec![DEGREE; 6];
        stencil_degrees(&nodes, &mut degrees);
        let p = Interpolant::new(&nodes, &values, &degrees);
        assert_eq!(p.eval(-3.0, 0).0, -3.0);
        assert_eq!(p.eval(60.0, 0).0, 108.0);
        assert!((p.eval(26.0, 0).0 - 50.0).abs() < 1e-12 && (p.eval(10.0, 0).0 - 18.0).abs() < 1e-12);
    }
}
