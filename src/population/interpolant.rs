//! High-order local interpolation on graded, moving nodes.
//!
//! Newton's form of the polynomial through the 2m+1 nodes around the nearest one, built outwards from the centre, so that the value at
//! a small displacement is the node's value plus a small correction, to full relative accuracy of the correction. Interpolating at
//! the nearest node with a symmetric stencil is stable for the repeated averaging of a population recursion.

use crate::numeric::golden::golden_minimum;

/// Half the largest degree.
const HALF: usize = 5;
/// The largest degree of a piece.
pub(crate) const DEGREE: usize = 2 * HALF;
/// The largest and the smallest cell of a stencil may differ by this factor; beyond it the degree is lowered, down to piecewise linear.
const GRADING: f64 = 8.0;

/// The polynomial used around one node.
#[derive(Debug, Clone, Copy)]
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
    nodes: Vec<f64>,
    /// Midpoints between neighbouring nodes.
    middles: Vec<f64>,
    pieces: Vec<Piece>,
    differences: Vec<Vec<f64>>,
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
        made
    }

    /// As [`new`](Self::new), reusing memory.
    pub(crate) fn rebuild(&mut self, nodes: &[f64], values: &[f64], degrees: &[usize]) {
        let n = nodes.len();
        self.nodes.clear();
        self.nodes.extend_from_slice(nodes);
        self.middles.clear();
        self.middles.extend(nodes.windows(2).map(|w| 0.5 * (w[0] + w[1])));
        self.differences.resize_with(DEGREE, Vec::new);
        for level in 1..=DEGREE.min(n - 1) {
            let (done, rest) = self.differences.split_at_mut(level - 1);
            let below = done.last().map_or(values, Vec::as_slice);
            rest[0].clear();
            rest[0].extend(below.windows(2).zip(nodes.iter().zip(&nodes[level..])).map(|(f, (a, b))| (f[1] - f[0]) / (b - a)));
        }
        self.pieces.clear();
        for (j, &degree) in degrees.iter().enumerate() {
            let mut piece = Piece {
                node: nodes[j],
                value: values[j],
                low: if j > 0 { self.middles[j - 1] } else { f64::NEG_INFINITY },
                high: if j + 1 < n { self.middles[j] } else { f64::INFINITY },
                coefficients: [0.0; DEGREE],
                shifts: [0.0; DEGREE],
                linear: degree == 0,
            };
            if degree == 0 {
                piece.coefficients[0] = self.differences[0][j.min(n - 2)];
                piece.coefficients[1] = self.differences[0][j.max(1) - 1];
            } else {
                for k in 1..=degree {
                    piece.coefficients[k - 1] = self.differences[k - 1][j - k / 2];
                    let neighbour = if k % 2 == 1 { j + k.div_ceil(2) } else { j - k / 2 };
                    piece.shifts[k - 1] = nodes[neighbour] - nodes[j];
                }
            }
            self.pieces.push(piece);
        }
    }

    /// The index of the node nearest to `x`, searched from `hint`.
    #[inline]
    pub(crate) fn nearest(&self, x: f64, hint: usize) -> usize {
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
        let (low, high) = (self.nodes[j.max(1) - 1], self.nodes[(j + 1).min(self.nodes.len() - 1)]);
        let found = self.slope(golden_minimum(|x| -self.slope(x, j), low, high), j);
        if found > best.0 { found } else { best.0 }
    }

    /// The nodes.
    pub(crate) fn nodes(&self) -> &[f64] {
        &self.nodes
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
