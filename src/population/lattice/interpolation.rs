//! Vector fields held on a lattice of up to three dimensions.

/// Largest half-width of a stencil: degree 7.
const HALF: usize = 4;
/// Most dimensions of a lattice.
pub(super) const MOST_DIMS: usize = 3;

/// The same number of equally spaced nodes along each axis of a box.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lattice {
    low: Vec<f64>,
    spacing: Vec<f64>,
    nodes: usize,
}

/// The nodes along one axis that serve one coordinate, and their weights.
#[derive(Debug, Clone, Copy)]
struct Stencil {
    first: usize,
    count: usize,
    weights: [f64; 2 * HALF],
}

/// 1/∏_{l≠k} (k − l) for stencils of 2, 4, 6 and 8 nodes.
const INVERSE: [[f64; 2 * HALF]; HALF] = [
    [-1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [-1.0 / 6.0, 0.5, -0.5, 1.0 / 6.0, 0.0, 0.0, 0.0, 0.0],
    [-1.0 / 120.0, 1.0 / 24.0, -1.0 / 12.0, 1.0 / 12.0, -1.0 / 24.0, 1.0 / 120.0, 0.0, 0.0],
    [-1.0 / 5040.0, 1.0 / 720.0, -1.0 / 240.0, 1.0 / 144.0, -1.0 / 144.0, 1.0 / 240.0, -1.0 / 720.0, 1.0 / 5040.0],
];

impl Stencil {
    /// Lagrange's weights at the position `s`, in units of the spacing, among `nodes` nodes. The stencil is symmetric about the cell of
    /// s, for one that leans to a side is unstable under repetition; it narrows towards the ends, where the last cell is linear and
    /// goes on so outside.
    fn new(s: f64, nodes: usize) -> Self {
        let cell = (s.max(0.0) as usize).min(nodes - 2);
        let half = HALF.min(cell + 1).min(nodes - 1 - cell);
        let (first, count) = (cell + 1 - half, 2 * half);
        let at = s - first as f64;
        let mut weights = [0.0; 2 * HALF];
        let mut product = 1.0;
        for k in 0..count {
            weights[k] = product * INVERSE[half - 1][k];
            product *= at - k as f64;
        }
        product = 1.0;
        for k in (0..count).rev() {
            weights[k] *= product;
            product *= at - k as f64;
        }
        Self { first, count, weights }
    }

    fn terms(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.weights[..self.count].iter().enumerate().map(|(k, &w)| (self.first + k, w))
    }
}

impl Lattice {
    /// `nodes` nodes an axis from `low` to `high`.
    pub(super) fn new(low: Vec<f64>, high: &[f64], nodes: usize) -> Self {
        let spacing = low.iter().zip(high).map(|(a, b)| (b - a) / (nodes - 1) as f64).collect();
        Self { low, spacing, nodes }
    }

    pub(super) fn dim(&self) -> usize {
        self.low.len()
    }

    /// The number of nodes.
    pub(super) fn len(&self) -> usize {
        self.nodes.pow(self.dim() as u32)
    }

    /// The volume of a cell.
    pub(super) fn cell(&self) -> f64 {
        self.spacing.iter().product()
    }

    /// Coordinate j of node i; the last axis runs fastest.
    pub(super) fn coordinate(&self, i: usize, j: usize) -> f64 {
        let index = i / self.nodes.pow((self.dim() - 1 - j) as u32) % self.nodes;
        self.low[j] + index as f64 * self.spacing[j]
    }

    /// Writes the interpolant of `values` (as many numbers a node as `out` has) at `y` into `out`.
    pub(super) fn interpolate(&self, values: &[f64], y: &[f64], out: &mut [f64]) {
        self.interpolate_some(values, out.len(), y, out);
    }

    /// The same of the first numbers of every node alone, of which there are `width`.
    pub(super) fn interpolate_some(&self, values: &[f64], width: usize, y: &[f64], out: &mut [f64]) {
        let stencil = |j: usize| Stencil::new((y[j] - self.low[j]) / self.spacing[j], self.nodes);
        out.fill(0.0);
        match self.dim() {
            1 => self.gather((values, width), 0, 1.0, &stencil(0), out),
            2 => {
                let last = stencil(1);
                for (i, w) in stencil(0).terms() {
                    self.gather((values, width), i, w, &last, out);
                }
            }
            _ => {
                let (middle, last) = (stencil(1), stencil(2));
                for (i, v) in stencil(0).terms() {
                    for (j, w) in middle.terms() {
                        self.gather((values, width), i * self.nodes + j, v * w, &last, out);
                    }
                }
            }
        }
    }

    /// Adds `weight` times the interpolant along the last axis in line `line`.
    #[inline]
    fn gather(&self, (values, width): (&[f64], usize), line: usize, weight: f64, stencil: &Stencil, out: &mut [f64]) {
        let start = (line * self.nodes + stencil.first) * width;
        for (node, w) in values[start..start + stencil.count * width].chunks_exact(width).zip(&stencil.weights) {
            let w = weight * w;
            out.iter_mut().zip(node).for_each(|(o, v)| *o += w * v);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_of_degree_seven_are_reproduced_inside_and_linear_ones_everywhere() {
        let lattice = Lattice::new(vec![-1.0, -2.0], &[1.0, 2.0], 20);
        let f = |x: f64, y: f64| [x.powi(7) - y.powi(6) * x, y.powi(7) + x.powi(3) * y.powi(2)];
        let values = |g: &dyn Fn(f64, f64) -> [f64; 2]| -> Vec<f64> {
            (0..lattice.len()).flat_map(|i| g(lattice.coordinate(i, 0), lattice.coordinate(i, 1))).collect()
        };
        let mut out = [0.0; 2];
        let curved = values(&f);
        for y in [[0.123, -0.4], [0.5, 1.1], [-0.55, 0.0]] {
            lattice.interpolate(&curved, &y, &mut out);
            assert!(out.iter().zip(f(y[0], y[1])).all(|(a, b)| (a - b).abs() < 1e-12), "{y:?}: {out:?}");
        }
        let plane = values(&|x, y| [1.0 + x - 2.0 * y, x]);
        for y in [[0.97, -1.99], [-1.5, 3.0], [1.0, 2.0]] {
            lattice.interpolate(&plane, &y, &mut out);
            assert!((out[0] - (1.0 + y[0] - 2.0 * y[1])).abs() < 1e-13 && (out[1] - y[0]).abs() < 1e-13, "{y:?}: {out:?}");
        }
    }
}
