//! Expectations over X_t as integrals over the labels: E g(X_t) = ∫ g p_1 dy at every level.

use crate::numeric::vector::{LANES, vectorised};
use crate::population::interpolant::DEGREE;

/// Points of a local interpolation polynomial in the labels.
const STENCIL: usize = DEGREE;
/// Gauss–Legendre points per cell.
const POINTS: usize = 8;
/// Nodes and weights of the eight-point Gauss–Legendre rule on [−1, 1] (positive half; DLMF table 3.5.2).
const GAUSS: [(f64, f64); POINTS / 2] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_47),
    (0.960_289_856_497_536_2, 0.101_228_536_290_376_26),
];
/// Cells of a stencil may differ by this factor; beyond it the cell is integrated linearly.
const GRADING: f64 = 4.0;

/// Quadrature in the labels, exact for the density p_1 times local polynomials.
pub(crate) struct Quadrature<'a> {
    labels: Vec<f64>,
    density: Box<dyn Fn(f64) -> f64 + Send + Sync + 'a>,
    cells: Vec<Cell>,
    weights: Vec<f64>,
}

/// The stencil of one cell [y_i, y_{i+1}]: `count` labels from `start`, and the weight of each in ∫_cell g p_1 dy.
#[derive(Debug, Clone)]
struct Cell {
    start: usize,
    count: usize,
    weights: [f64; STENCIL],
}

/// Nodes and weights of the eight-point Gauss–Legendre rule on [a, b].
pub(crate) fn gauss(a: f64, b: f64) -> impl Iterator<Item = (f64, f64)> {
    let (middle, half) = (0.5 * (a + b), 0.5 * (b - a));
    GAUSS.into_iter().flat_map(move |(x, w)| [(middle - half * x, half * w), (middle + half * x, half * w)])
}

/// The Lagrange basis on `nodes` at `y`.
fn basis(nodes: &[f64], y: f64) -> [f64; STENCIL] {
    let mut values = [0.0; STENCIL];
    for (j, value) in values.iter_mut().enumerate().take(nodes.len()) {
        *value = nodes.iter().enumerate().filter(|&(k, _)| k != j).map(|(_, &n)| (y - n) / (nodes[j] - n)).product();
    }
    values
}

impl<'a> Quadrature<'a> {
    /// On the labels, whose law has the given density.
    pub(crate) fn new(labels: &[f64], density: impl Fn(f64) -> f64 + Send + Sync + 'a) -> Self {
        let n = labels.len();
        let mut weights = vec![0.0; n];
        let cells = (0..n - 1)
            .map(|i| {
                let start = (i + 1).saturating_sub(STENCIL / 2).min(n.saturating_sub(STENCIL));
                let wide = &labels[start..(start + STENCIL).min(n)];
                let graded = wide.windows(3).any(|w| {
                    let (a, b) = (w[1] - w[0], w[2] - w[1]);
                    !(a <= GRADING * b && b <= GRADING * a)
                });
                let (start, count) = if graded { (i, 2) } else { (start, wide.len()) };
                let mut cell = Cell { start, count, weights: [0.0; STENCIL] };
                for (y, w) in gauss(labels[i], labels[i + 1]) {
                    let mass = w * density(y);
                    let values = basis(&labels[start..start + count], y);
                    cell.weights.iter_mut().zip(values).for_each(|(c, v)| *c += mass * v);
                }
                for (k, w) in cell.weights.iter().take(count).enumerate() {
                    weights[start + k] += w;
                }
                cell
            })
            .collect();
        Self { labels: labels.to_vec(), density: Box::new(density), cells, weights }
    }

    /// The weight of node `i` in E g.
    pub(crate) fn weight(&self, i: usize) -> f64 {
        self.weights[i]
    }

    /// The probability that the cells hold.
    pub(crate) fn mass(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// E g.
    pub(crate) fn mean(&self, g: &[f64]) -> f64 {
        self.mean_of(|i| g[i])
    }

    /// E g of a function of the node index.
    pub(crate) fn mean_of(&self, g: impl Fn(usize) -> f64) -> f64 {
        vectorised(
            #[inline(always)]
            |_| {
                let mut sums = [0.0; LANES];
                let blocks = self.weights.chunks_exact(LANES);
                let done = self.weights.len() - blocks.remainder().len();
                for (b, weights) in blocks.clone().enumerate() {
                    for l in 0..LANES {
                        sums[l] += weights[l] * g(b * LANES + l);
                    }
                }
                let rest: f64 = blocks.remainder().iter().enumerate().map(|(l, w)| w * g(done + l)).sum();
                sums.iter().sum::<f64>() + rest
            },
        )
    }

    /// E|g|, split at the zeros of g.
    pub(crate) fn mean_abs(&self, g: &[f64]) -> f64 {
        let mut sum = 0.0;
        for (i, cell) in self.cells.iter().enumerate() {
            let stencil = &g[cell.start..cell.start + cell.count];
            if g[i] * g[i + 1] >= 0.0 {
                sum += cell.weights.iter().zip(stencil).map(|(w, g)| w * g).sum::<f64>().abs();
            } else {
                let nodes = &self.labels[cell.start..cell.start + cell.count];
                let value = |y: f64| basis(nodes, y).iter().zip(stencil).map(|(b, g)| b * g).sum::<f64>();
                let root = zero(value, self.labels[i], self.labels[i + 1]);
                for (a, b) in [(self.labels[i], root), (root, self.labels[i + 1])] {
                    sum += gauss(a, b).map(|(y, w)| w * (self.density)(y) * value(y)).sum::<f64>().abs();
                }
            }
        }
        sum
    }
}

/// A zero of a function that changes sign on [a, b], by the Illinois form of regula falsi.
fn zero(f: impl Fn(f64) -> f64, mut a: f64, mut b: f64) -> f64 {
    let (mut at_a, mut at_b) = (f(a), f(b));
    let small = 1e-13 * (b - a);
    for _ in 0..60 {
        let x = (a * at_b - b * at_a) / (at_b - at_a);
        if !(a < x && x < b) || b - a < small {
            break;
        }
        let at_x = f(x);
        if at_x == 0.0 {
            return x;
        }
        if (at_x < 0.0) == (at_a < 0.0) {
            (a, at_a) = (x, at_x);
            at_b *= 0.5;
        } else {
            (b, at_b) = (x, at_x);
            at_a *= 0.5;
        }
    }
    if at_a.abs() < at_b.abs() { a } else { b }
}
