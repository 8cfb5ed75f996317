//! The scaling iterations: P_ij = a_i u_i K_ij v_j b_j with K_ij = exp((f_i + g_j − C_ij)/ε).
//!
//! Most iterations run on a kernel in single precision, half the memory traffic; what is left of the marginal error at the end is measured
//! in double precision, and removed there if the tolerance asks for it.

use crate::error::OutOfRange;
use crate::float::Float;
use crate::numeric::parallel;
use crate::numeric::special::exp::exp;
use crate::numeric::vector::vectorised;
use crate::transport::SinkhornSolution;
use crate::transport::TransportError;
use crate::transport::order::Order;
use crate::transport::sinkhorn::kernel::{BLOCKS, Kernel, Sweep, largest_gap};
use crate::transport::sinkhorn::relaxation::Relaxation;
use ndarray::ArrayRef2;

/// ε falls by at most this factor between stages.
const FACTOR: f64 = 10.0;
/// Marginal error at which a stage but the last ends, and its iterations at most.
const STAGE: (f64, usize) = (1e-2, 50);
/// Marginal error below which a kernel in single precision, good to about 1e−7, is not used.
const SINGLE: f64 = 5e-7;

/// A transport problem with its costs and potentials.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) a: Vec<f64>,
    pub(super) b: Vec<f64>,
    cost: Vec<f64>,
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
        if largest.is_infinite() {
            return Err(OutOfRange { name: "largest cost", value: largest.into(), range: "[0, inf)" }.into());
        }
        let (f, g) = (vec![0.0; n], vec![0.0; m]);
        Ok(Self { a, b, cost, f, g, regularisation: largest, iterations: 0, symmetric: false })
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

    /// Lowers ε to `regularisation` and iterates to the marginal error `tolerance`, summarised; whether that was reached within `cap`
    /// iterations.
    pub(super) fn solve(&mut self, order: Order, regularisation: f64, tolerance: f64, cap: usize) -> (bool, SinkhornSolution) {
        if self.regularisation == 0.0 {
            // Without costs the product is the plan.
            self.regularisation = regularisation;
            return (true, self.summarise(order));
        }
        let mut kernel = Kernel::<f32>::new(self);
        while self.regularisation > regularisation && self.iterations < cap {
            // Stages of equal ratio.
            let stages = ((self.regularisation / regularisation).ln() / FACTOR.ln()).ceil().max(1.0);
            self.regularisation =
                if stages > 1.0 { self.regularisation * (regularisation / self.regularisation).powf(1.0 / stages) } else { regularisation };
            if stages > 1.0 {
                self.stage(&mut kernel, STAGE.0, cap.min(self.iterations + STAGE.1));
            }
        }
        if self.regularisation < regularisation {
            self.regularisation = regularisation;
        }
        if self.regularisation == regularisation && self.stage(&mut kernel, (0.5 * tolerance).max(SINGLE), cap) {
            let solution = self.summarise(order);
            if solution.marginal_error <= tolerance {
                return (true, solution);
            }
            drop(kernel);
            let converged = self.stage(&mut Kernel::<f64>::new(self), tolerance, cap);
            return (converged, self.summarise(order));
        }
        (false, self.summarise(order))
    }

    /// Iterates at one ε; whether the marginal error fell to `tolerance` before the total count of iterations reached `cap`.
    fn stage<K: Float>(&mut self, kernel: &mut Kernel<K>, tolerance: f64, cap: usize) -> bool {
        let (n, m) = (self.a.len(), self.b.len());
        let tame = |w: &[f64]| w.iter().all(|&w| w < Kernel::<K>::limit() && w > 1.0 / Kernel::<K>::limit());
        let mut in_range = !self.symmetric;
        while self.iterations < cap {
            if in_range {
                // Coming from a larger ε, rows scaled to a largest entry of 1 bring the columns into range as well, as a rule.
                let g = self.supported_g();
                self.f = parallel::map(n, |i| {
                    vectorised(
                        #[inline(always)]
                        |_| -largest_gap(&g, self.costs(i)),
                    )
                });
            } else {
                // One iteration on logarithms puts every row and column of the kernel in range.
                self.update_log();
                self.iterations += 1;
            }
            in_range = false;
            kernel.build(self);
            let (mut u, mut v) = (vec![1.0; n], vec![1.0; m]);
            let mut relaxation = Relaxation::new(tolerance, !self.symmetric);
            loop {
                let next: Sweep = kernel.sweep(self, &u, &v, relaxation.omega());
                if relaxation.converged(&next) {
                    self.absorb(&u, &v);
                    return true;
                }
                if self.iterations >= cap || !(tame(&next.u) && tame(&next.v)) {
                    self.absorb(&u, &v);
                    break;
                }
                relaxation.adapt(&next);
                (u, v) = (next.u, next.v);
                self.iterations += 1;
            }
        }
        false
    }

    /// f += ε ln u, g += ε ln v.
    fn absorb(&mut self, u: &[f64], v: &[f64]) {
        let eps = self.regularisation;
        self.f.iter_mut().zip(u).for_each(|(f, u)| *f += eps * u.ln());
        self.g.iter_mut().zip(v).for_each(|(g, v)| *g += eps * v.ln());
    }

    /// g, and −∞ for points without mass.
    fn supported_g(&self) -> Vec<f64> {
        self.g.iter().zip(&self.b).map(|(&g, &b)| if b > 0.0 { g } else { f64::NEG_INFINITY }).collect()
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
        let (eps, b, g, supported) = (self.regularisation, &self.b, &self.g, self.supported_g());
        self.f = parallel::map(self.a.len(), |i| {
            let row = self.costs(i);
            let top = largest_gap(&supported, row);
            let sum: f64 = row.iter().zip(g).zip(b).map(|((c, g), b)| b * exp(((g - c - top) / eps).min(0.0))).sum();
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
                    *s += self.a[i] * exp(((self.f[i] - c - t) / eps).min(0.0));
                }
            },
            |s, p| s + p,
        );
        self.g = top.iter().zip(&sum).map(|(t, s)| -t - eps * s.ln()).collect();
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
