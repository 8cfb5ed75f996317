//! The plan of the present potentials, summed up in double precision: its cost, its marginal error and certified bounds.

use crate::numeric::parallel;
use crate::numeric::special::exp::exp;
use crate::numeric::vector::vectorised;
use crate::transport::order::Order;
use crate::transport::sinkhorn::kernel::{dot, largest_gap};
use crate::transport::sinkhorn::problem::{Problem, total};
use crate::transport::sinkhorn::solution::SinkhornSolution;

/// What one block of rows gives.
#[derive(Debug, Default)]
struct Part {
    /// Σ_i (Σ_j P_ij − a_i) and Σ_i |Σ_j P_ij − a_i|.
    excess: f64,
    marginal_error: f64,
    /// The masses of the rows, cut down where the plan has more than a_i.
    row_mass: Vec<f64>,
    /// Σ_i row_mass_i K_ij.
    column_sums: Vec<f64>,
    /// min_j (C_ij − g_j).
    f: Vec<f64>,
    /// min_i (C_ij − f_i), less the rounding errors.
    g: Vec<f64>,
}

/// Costs smaller than this have lost digits to underflow.
const UNDERFLOW: f64 = 1e-300;

impl Problem {
    /// The plan's cost, marginal error, and certified bounds, from the present potentials. The kernel is computed row by row.
    pub(super) fn summarise(&self, order: Order) -> SinkhornSolution {
        let (n, rows) = (self.a.len(), self.rows_per_block());
        let parts = parallel::map(n.div_ceil(rows), |k| {
            vectorised(
                #[inline(always)]
                |_| self.part(k * rows..((k + 1) * rows).min(n)),
            )
        });
        let m = self.b.len();
        let feasible_f: Vec<f64> = parts.iter().flat_map(|p| p.f.iter().copied()).collect();
        let least = |g: Vec<f64>, p: &Part| g.iter().zip(&p.g).map(|(g, p)| g.min(*p)).collect();
        let feasible_g = parts.iter().fold(vec![f64::INFINITY; m], least);
        let excess: f64 = parts.iter().map(|p| p.excess).sum();
        let marginal_error = parts.iter().map(|p| p.marginal_error).sum();
        let (cost, above) = self.rounded_cost(parts);
        SinkhornSolution {
            cost,
            entropic: dot(&self.a, &self.f) + dot(&self.b, &self.g) - self.regularisation * excess,
            lower: order.root_below(self.dual_value(&feasible_f, &feasible_g)),
            marginal_error,
            upper: order.root_above(above),
            iterations: self.iterations,
            f: self.f.clone(),
            g: self.g.clone(),
        }
    }

    /// Relative error of a sum of as many terms as there are rows or columns, in lanes and blocks, and of the normalisation of the masses.
    fn sum_error(&self) -> f64 {
        f64::EPSILON * (128.0 + (self.a.len() + self.b.len()) as f64)
    }

    /// A number at most Σ a_i f_i + Σ b_j g_j.
    fn dual_value(&self, f: &[f64], g: &[f64]) -> f64 {
        let size = |w: &[f64], x: &[f64]| w.iter().zip(x).map(|(w, x)| w * x.abs()).sum::<f64>();
        dot(&self.a, f) + dot(&self.b, g) - self.sum_error() * (size(&self.a, f) + size(&self.b, g))
    }

    /// The largest cost from point i to a point with mass.
    fn dearest(&self, i: usize) -> f64 {
        self.costs(i).iter().zip(&self.b).fold(0.0, |most, (&c, &b)| if b > 0.0 && c > most { c } else { most })
    }

    /// K_i1, …, K_im into `row`.
    #[inline(always)]
    fn kernel_row(&self, i: usize, row: &mut [f64]) {
        let inverse = self.regularisation.recip();
        let f = self.f[i];
        for ((k, c), g) in row.iter_mut().zip(self.costs(i)).zip(&self.g) {
            *k = exp((f + g - c) * inverse);
        }
    }

    /// The dual value of g and of its c-transforms, f_i = min_j (C_ij − g_j), then g_j = min_i (C_ij − f_i), is at most W_p^p; the rest
    /// belongs to the plan.
    #[inline(always)]
    fn part(&self, rows: std::ops::Range<usize>) -> Part {
        let m = self.b.len();
        let mut part = Part { column_sums: vec![0.0; m], g: vec![f64::INFINITY; m], ..Part::default() };
        let mut row = vec![0.0; m];
        // With C over its error and f over the roundings of f, C − f and the costs, f_i + g_j ≤ ‖x_i − y_j‖^p holds in real arithmetic.
        let shrink = 1.0 - self.cost_error - 4.0 * f64::EPSILON;
        for i in rows {
            let (a, costs) = (self.a[i], self.costs(i));
            self.kernel_row(i, &mut row);
            let sum = a * dot(&row, &self.b);
            let mass = if sum > a { a * (a / sum) } else { a };
            part.excess += sum - a;
            part.marginal_error += (sum - a).abs();
            part.row_mass.push(mass);
            for (sum, k) in part.column_sums.iter_mut().zip(&row) {
                *sum += mass * k;
            }
            let f = -largest_gap(&self.g, costs);
            part.f.push(f);
            if a == 0.0 {
                // A point without mass bounds nothing.
                continue;
            }
            let raised = f + 4.0 * f64::EPSILON * f.abs();
            for (g, c) in part.g.iter_mut().zip(costs) {
                let value = shrink * c - raised;
                *g = if value < *g { value } else { *g };
            }
        }
        part
    }

    /// The cost of the plan after rounding to the exact marginals (Altschuler, Weed and Rigollet 2017, arXiv 1705.09634): rows and columns are
    /// cut down to their masses, and what is missing is added as a product. Beside it a number that is at least W_p^p whatever was rounded.
    ///
    /// In real arithmetic the plan cut down by the factor 1 − 2e, e the error of a sum, fits under the masses; what it leaves of row i is at most
    /// what was found and 4e a_i. The product of such remainders costs at most their own product over the least total, or the
    /// largest cost from each row.
    fn rounded_cost(&self, parts: Vec<Part>) -> (f64, f64) {
        let (n, m, rows) = (self.a.len(), self.b.len(), self.rows_per_block());
        let row_mass: Vec<f64> = parts.iter().flat_map(|p| p.row_mass.iter().copied()).collect();
        let column_sums = total(parts.into_iter().map(|p| p.column_sums), m);
        let column_mass: Vec<f64> = column_sums.iter().zip(&self.b).map(|(s, b)| if *s > 1.0 { b / s } else { *b }).collect();
        let column_left: Vec<f64> = (0..m).map(|j| (self.b[j] - column_mass[j] * column_sums[j]).max(0.0)).collect();
        let total_left: f64 = column_left.iter().sum();
        let parts = parallel::map(n.div_ceil(rows), |k| {
            let (mut kept, mut left, mut filled, mut row) = (0.0, 0.0, 0.0, vec![0.0; m]);
            let (mut dearest, mut dearest_left) = (0.0, 0.0);
            vectorised(
                #[inline(always)]
                |_| {
                    for i in k * rows..((k + 1) * rows).min(n) {
                        self.kernel_row(i, &mut row);
                        kept += row_mass[i] * weighted_dot(&row, self.costs(i), &column_mass);
                        let row_left = (self.a[i] - row_mass[i] * dot(&row, &column_mass)).max(0.0);
                        left += row_left;
                        filled += row_left * dot(self.costs(i), &column_left);
                        let most = self.dearest(i);
                        dearest += self.a[i] * most;
                        dearest_left += row_left * most;
                    }
                },
            );
            [kept, left, filled, dearest, dearest_left]
        });
        let [kept, left, filled, dearest, dearest_left] = parts.iter().fold([0.0; 5], |s, p| std::array::from_fn(|k| s[k] + p[k]));
        let error = self.sum_error();
        let cost = if left > 0.0 { kept + filled / left } else { kept };
        let more = 4.0 * error;
        let remainder = if left > 16.0 * more {
            (filled + more * (total_left * dearest + dearest_left) + more * more * dearest) / (left - 2.0 * more)
        } else {
            dearest_left + more * dearest
        };
        (cost, (kept + remainder) * (1.0 + 2.0 * error + 2.0 * self.cost_error) + UNDERFLOW.min(dearest))
    }
}

/// Σ_j x_j y_j w_j, in sixteen lanes.
#[inline(always)]
fn weighted_dot(x: &[f64], y: &[f64], w: &[f64]) -> f64 {
    let mut lanes = [0.0; 16];
    let ((x, x_rest), (y, y_rest), (w, w_rest)) = (x.as_chunks::<16>(), y.as_chunks::<16>(), w.as_chunks::<16>());
    for ((x, y), w) in x.iter().zip(y).zip(w) {
        for k in 0..16 {
            lanes[k] += x[k] * y[k] * w[k];
        }
    }
    for (((lane, x), y), w) in lanes.iter_mut().zip(x_rest).zip(y_rest).zip(w_rest) {
        *lane += x * y * w;
    }
    lanes.iter().sum()
}
