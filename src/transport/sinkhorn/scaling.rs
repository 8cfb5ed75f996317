//! The scaling iterations: P_ij = a_i u_i K_ij v_j b_j with K_ij = exp((f_i + g_j − C_ij)/ε).
//!
//! Most iterations run on a kernel in single precision, half the memory traffic; what is left of the marginal error at the end is measured
//! in double precision, and removed there if the tolerance asks for it.

use crate::float::Float;
use crate::numeric::parallel;
use crate::numeric::special::exp::exp;
use crate::numeric::vector::vectorised;
use crate::transport::order::Order;
use crate::transport::sinkhorn::kernel::{Kernel, largest_gap};
use crate::transport::sinkhorn::problem::Problem;
use crate::transport::sinkhorn::relaxation::Relaxation;
use crate::transport::sinkhorn::solution::SinkhornSolution;
use crate::transport::sinkhorn::sweep::Sweep;

/// ε falls by at most this factor between stages.
const FACTOR: f64 = 10.0;
/// Marginal error at which a stage but the last ends, and its iterations at most.
const STAGE: (f64, usize) = (1e-2, 50);
/// Marginal error below which a kernel in single precision, good to about 1e−7, is not used.
const SINGLE: f64 = 5e-7;

impl Problem {
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
}
