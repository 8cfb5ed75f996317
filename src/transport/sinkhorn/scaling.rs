//! The scaling iterations: P_ij = a_i u_i K_ij v_j b_j with K_ij = exp((f_i + g_j − C_ij)/ε).
//!
//! One iteration reads the kernel once: a row gives u_i = 1/Σ_j K_ij v_j b_j, and is added, times a_i u_i, to the sums that give
//! v_j = 1/Σ_i a_i u_i K_ij while it is still in cache. Rows are cut into blocks whose number depends on n alone, and the blocks' sums are
//! added in order: threads do not change the result.

use super::SinkhornSolution;
use crate::transport::{TransportError, order::Order};
use crate::{Float, parallel};
use ndarray::ArrayRef2;

/// ε falls by this factor between stages.
const FACTOR: f64 = 4.0;
/// Marginal error at which a stage but the last ends, and its iterations at most.
const STAGE: (f64, usize) = (1e-2, 50);
/// Scaling factors outside [1/ABSORB, ABSORB] are absorbed into the potentials.
const ABSORB: f64 = 1e30;
/// Blocks of rows.
const BLOCKS: usize = 32;

/// A transport problem with its costs, potentials and kernel.
#[derive(Debug)]
pub(super) struct Problem {
    a: Vec<f64>,
    b: Vec<f64>,
    cost: Vec<f64>,
    kernel: Vec<f64>,
    f: Vec<f64>,
    g: Vec<f64>,
    regularisation: f64,
    iterations: usize,
    symmetric: bool,
}

/// Σ x_i y_i in eight lanes.
fn dot(x: &[f64], y: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (cx, cy) = (x.chunks_exact(8), y.chunks_exact(8));
    let rest: f64 = cx.remainder().iter().zip(cy.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in cx.zip(cy) {
        for k in 0..8 {
            lanes[k] += x[k] * y[k];
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// Sums of vectors, in order.
fn total(parts: impl Iterator<Item = Vec<f64>>, len: usize) -> Vec<f64> {
    let mut sum = vec![0.0; len];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
    }
    sum
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
        let flat = |c: &ArrayRef2<F>| c.iter().map(|v| v.as_f64()).collect::<Vec<_>>();
        let (x, y) = (flat(x), flat(y));
        let mut cost = vec![0.0; n * m];
        parallel::for_blocks(&mut cost, m, |i, row| {
            let point = &x[i * d..(i + 1) * d];
            for (c, other) in row.iter_mut().zip(y.chunks_exact(d)) {
                let square: f64 = point.iter().zip(other).map(|(x, y)| (x - y) * (x - y)).sum();
                *c = if order == Order::TWO { square } else { order.power(square.sqrt()) };
            }
        });
        let largest = cost.iter().fold(0.0_f64, |m, &c| m.max(c));
        if largest.is_infinite() {
            return Err(TransportError::OutOfRange { name: "largest cost", value: largest, range: "[0, inf)" });
        }
        let (f, g) = (vec![0.0; n], vec![0.0; m]);
        Ok(Self {
            a,
            b,
            cost,
            kernel: vec![0.0; n * m],
            f,
            g,
            regularisation: if largest > 0.0 { largest } else { 1.0 },
            iterations: 0,
            symmetric: false,
        })
    }

    /// The problem of a measure against itself.
    pub(super) fn to_itself<F: Float>(order: Order, x: &ArrayRef2<F>, a: Vec<f64>) -> Result<Self, TransportError> {
        Ok(Self { symmetric: true, ..Self::new(order, x, a.clone(), x, a)? })
    }

    fn rows_per_block(&self) -> usize {
        self.a.len().div_ceil(BLOCKS)
    }

    /// Lowers ε to `regularisation` and iterates to the marginal error `tolerance`; whether that was reached within `cap` iterations.
    pub(super) fn solve(&mut self, regularisation: f64, tolerance: f64, cap: usize) -> bool {
        while self.iterations < cap {
            self.regularisation = (self.regularisation / FACTOR).max(regularisation);
            if self.regularisation == regularisation {
                return self.stage(tolerance, cap);
            }
            self.stage(STAGE.0, cap.min(self.iterations + STAGE.1));
        }
        false
    }

    /// Iterates at one ε; whether the marginal error fell to `tolerance` before the total count of iterations reached `cap`.
    fn stage(&mut self, tolerance: f64, cap: usize) -> bool {
        let (n, m) = (self.a.len(), self.b.len());
        while self.iterations < cap {
            // One iteration on logarithms puts every row and column of the kernel in range.
            self.update_log();
            self.build_kernel();
            self.iterations += 1;
            let (mut u, mut v) = (vec![1.0; n], vec![1.0; m]);
            loop {
                let (next_u, next_v, error) = if self.symmetric { self.sweep_symmetric(&u) } else { self.sweep(&u, &v) };
                if error <= tolerance {
                    self.absorb(&u, &v);
                    return true;
                }
                let tame = |w: &[f64]| w.iter().all(|&w| w < ABSORB && w > 1.0 / ABSORB);
                if self.iterations >= cap || !(tame(&next_u) && tame(&next_v)) {
                    self.absorb(&u, &v);
                    break;
                }
                (u, v) = (next_u, next_v);
                self.iterations += 1;
            }
        }
        false
    }

    /// The next u and v, and the marginal error Σ_i a_i |u_i Σ_j K_ij v_j b_j − 1| of the present ones.
    fn sweep(&self, u: &[f64], v: &[f64]) -> (Vec<f64>, Vec<f64>, f64) {
        let m = self.b.len();
        let rows = self.rows_per_block();
        let weights: Vec<f64> = v.iter().zip(&self.b).map(|(v, b)| v * b).collect();
        let blocks: Vec<_> = self.kernel.chunks(rows * m).collect();
        let parts = parallel::map(blocks.len(), |k| {
            let (mut scale, mut sums, mut error) = (Vec::with_capacity(rows), vec![0.0; m], 0.0);
            for (i, row) in (k * rows..).zip(blocks[k].chunks_exact(m)) {
                let sum = dot(row, &weights);
                error += self.a[i] * (u[i] * sum - 1.0).abs();
                scale.push(1.0 / sum);
                let mass = self.a[i] / sum;
                sums.iter_mut().zip(row).for_each(|(s, k)| *s += mass * k);
            }
            (scale, sums, error)
        });
        let error = parts.iter().map(|p| p.2).sum();
        let next_u = parts.iter().flat_map(|p| p.0.iter().copied()).collect();
        let sums = total(parts.into_iter().map(|p| p.1), m);
        (next_u, sums.into_iter().map(f64::recip).collect(), error)
    }

    /// The iteration for a measure against itself, where f = g: the geometric mean of u and of its update 1/Σ_j K_ij u_j a_j. Alternating
    /// updates converge slowly there, and not to f = g.
    fn sweep_symmetric(&self, u: &[f64]) -> (Vec<f64>, Vec<f64>, f64) {
        let m = self.b.len();
        let weights: Vec<f64> = u.iter().zip(&self.a).map(|(u, a)| u * a).collect();
        let sums = parallel::map(m, |i| dot(&self.kernel[i * m..(i + 1) * m], &weights));
        let error = weights.iter().zip(&sums).zip(&self.a).map(|((w, s), a)| (w * s - a).abs()).sum();
        let next: Vec<f64> = u.iter().zip(&sums).map(|(u, s)| (u / s).sqrt()).collect();
        (next.clone(), next, error)
    }

    /// f += ε ln u, g += ε ln v.
    fn absorb(&mut self, u: &[f64], v: &[f64]) {
        let eps = self.regularisation;
        self.f.iter_mut().zip(u).for_each(|(f, u)| *f += eps * u.ln());
        self.g.iter_mut().zip(v).for_each(|(g, v)| *g += eps * v.ln());
    }

    /// One iteration on the logarithms.
    fn update_log(&mut self) {
        let before = self.f.clone();
        self.update_rows_log();
        if self.symmetric {
            self.f.iter_mut().zip(before).for_each(|(f, b)| *f = 0.5 * (*f + b));
            self.g.clone_from(&self.f);
        } else {
            self.update_columns_log();
        }
    }

    /// f_i = −ε ln Σ_j b_j exp((g_j − C_ij)/ε).
    fn update_rows_log(&mut self) {
        let (m, eps, b, g, cost) = (self.b.len(), self.regularisation, &self.b, &self.g, &self.cost);
        self.f = parallel::map(self.a.len(), |i| {
            let row = &cost[i * m..(i + 1) * m];
            let top = row.iter().zip(g).zip(b).filter(|(_, b)| **b > 0.0).map(|((c, g), _)| g - c).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().zip(g).zip(b).map(|((c, g), b)| b * ((g - c - top) / eps).min(0.0).exp()).sum();
            -top - eps * sum.ln()
        });
    }

    /// g_j = −ε ln Σ_i a_i exp((f_i − C_ij)/ε), reading the costs by rows.
    fn update_columns_log(&mut self) {
        let (m, eps) = (self.b.len(), self.regularisation);
        let top = self.column_fold(
            vec![f64::NEG_INFINITY; m],
            |top, i, row| {
                if self.a[i] > 0.0 {
                    top.iter_mut().zip(row).for_each(|(t, c)| *t = t.max(self.f[i] - c));
                }
            },
            f64::max,
        );
        let sum = self.column_fold(
            vec![0.0; m],
            |sum, i, row| {
                for ((s, c), t) in sum.iter_mut().zip(row).zip(&top) {
                    *s += self.a[i] * ((self.f[i] - c - t) / eps).min(0.0).exp();
                }
            },
            |s, p| s + p,
        );
        self.g = top.iter().zip(&sum).map(|(t, s)| -t - eps * s.ln()).collect();
    }

    /// Folds the rows of the costs, block by block, into one entry a column; the blocks' results are joined in order.
    fn column_fold(
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

    fn build_kernel(&mut self) {
        let (m, eps, f, g, cost) = (self.b.len(), self.regularisation, &self.f, &self.g, &self.cost);
        parallel::for_blocks(&mut self.kernel, m, |i, row| {
            let costs = &cost[i * m..(i + 1) * m];
            for ((k, c), g) in row.iter_mut().zip(costs).zip(g) {
                *k = ((f[i] + g - c) / eps).exp();
            }
        });
    }

    /// The plan's cost, marginal error, and certified bounds, from the present potentials.
    pub(super) fn summarise(&mut self, order: Order) -> SinkhornSolution {
        self.build_kernel();
        let m = self.b.len();
        let rows = |of: &[f64]| -> Vec<f64> { parallel::map(self.a.len(), |i| self.a[i] * dot(&self.kernel[i * m..(i + 1) * m], of)) };
        let row_sums = rows(&self.b);
        let marginal_error = row_sums.iter().zip(&self.a).map(|(r, a)| (r - a).abs()).sum();
        let cost: f64 = parallel::map(self.a.len(), |i| self.a[i] * self.row_cost(i, &self.b)).iter().sum();
        let entropic = dot(&self.a, &self.f) + dot(&self.b, &self.g);
        SinkhornSolution {
            cost,
            entropic,
            lower: order.root(self.dual_bound().max(0.0)),
            upper: order.root(self.rounded_cost(&row_sums)),
            marginal_error,
            iterations: self.iterations,
            f: self.f.clone(),
            g: self.g.clone(),
        }
    }

    /// Σ_j K_ij C_ij w_j.
    fn row_cost(&self, i: usize, w: &[f64]) -> f64 {
        let m = self.b.len();
        let (kernel, cost) = (&self.kernel[i * m..(i + 1) * m], &self.cost[i * m..(i + 1) * m]);
        kernel.iter().zip(cost).zip(w).map(|((k, c), w)| k * c * w).sum()
    }

    /// The dual value of g and its c-transforms, at most W_p^p: f_i = min_j (C_ij − g_j), then g_j = min_i (C_ij − f_i).
    fn dual_bound(&self) -> f64 {
        let m = self.b.len();
        let f = parallel::map(self.a.len(), |i| {
            self.cost[i * m..(i + 1) * m].iter().zip(&self.g).fold(f64::INFINITY, |least, (c, g)| least.min(c - g))
        });
        let start = vec![f64::INFINITY; m];
        let lower = |least: &mut [f64], i: usize, row: &[f64]| least.iter_mut().zip(row).for_each(|(l, c)| *l = l.min(c - f[i]));
        let g = self.column_fold(start, lower, f64::min);
        dot(&self.a, &f) + dot(&self.b, &g)
    }

    /// The cost of the plan after rounding to the exact marginals, at least W_p^p (Altschuler, Weed and Rigollet 2017, arXiv 1705.09634):
    /// rows and columns are cut down to their masses, and what is missing is added as a product.
    fn rounded_cost(&self, row_sums: &[f64]) -> f64 {
        let (n, m, rows) = (self.a.len(), self.b.len(), self.rows_per_block());
        let cut = |mass: f64, sum: f64| if sum > mass { mass / sum } else { 1.0 };
        let row_mass: Vec<f64> = (0..n).map(|i| self.a[i] * cut(self.a[i], row_sums[i])).collect();
        let blocks: Vec<_> = self.kernel.chunks(rows * m).collect();
        let parts = parallel::map(blocks.len(), |k| {
            let mut sums = vec![0.0; m];
            for (i, row) in (k * rows..).zip(blocks[k].chunks_exact(m)) {
                sums.iter_mut().zip(row).for_each(|(s, k)| *s += row_mass[i] * k);
            }
            sums
        });
        let column_sums = total(parts.into_iter(), m);
        let column_mass: Vec<f64> = (0..m).map(|j| self.b[j] * cut(1.0, column_sums[j])).collect();
        let kept: f64 = parallel::map(n, |i| row_mass[i] * self.row_cost(i, &column_mass)).iter().sum();
        let row_left = parallel::map(n, |i| (self.a[i] - row_mass[i] * dot(&self.kernel[i * m..(i + 1) * m], &column_mass)).max(0.0));
        let column_left: Vec<f64> = (0..m).map(|j| (self.b[j] - column_mass[j] * column_sums[j]).max(0.0)).collect();
        let left: f64 = row_left.iter().sum();
        if left <= 0.0 {
            return kept;
        }
        let filled: f64 = parallel::map(n, |i| row_left[i] * dot(&self.cost[i * m..(i + 1) * m], &column_left)).iter().sum();
        kept + filled / left
    }
}
