//! The kernel K_ij = exp((f_i + g_j − C_ij)/ε) and one scaling iteration on it.
//!
//! One iteration reads the kernel once: a row gives Σ_j K_ij v_j b_j, and is added, times a_i u_i, to the sums over columns while it is
//! still in cache. Rows are cut into blocks whose number depends on n alone, and the blocks' sums are added in order: threads do not
//! change the result.

use crate::float::Float;
use crate::numeric::parallel;
use crate::numeric::special::exp::exp;
use crate::numeric::vector::vectorised;
use crate::transport::sinkhorn::problem::{Problem, total};
use crate::transport::sinkhorn::sweep::Sweep;

/// Rows whose columns are added at a time.
const GROUP: usize = 4;

/// The entries, in the precision `K`; sums over a few hundred entries are in that precision, all others in `f64`.
#[derive(Debug)]
pub(super) struct Kernel<K> {
    entries: Vec<K>,
}

/// Partial sums of a dot product.
const LANES: usize = 16;
/// Entries whose sums are in the precision of the factors.
const RUN: usize = 32 * LANES;

/// Σ x_i y_i.
#[inline(always)]
pub(super) fn dot<K: Float>(x: &[K], y: &[K]) -> f64 {
    dots([x], y)[0]
}

/// Σ_i x_i y_i of several x: their entries come in side by side, and those of y once.
#[inline(always)]
fn dots<K: Float, const R: usize>(x: [&[K]; R], y: &[K]) -> [f64; R] {
    let mut sums = [0.0; R];
    for (start, y) in (0..).step_by(RUN).zip(y.chunks(RUN)) {
        let (y, y_rest) = y.as_chunks();
        let parts = x.map(|x| x[start..start + y.len() * LANES + y_rest.len()].as_chunks());
        let totals = lanes(parts.map(|(x, _)| x), y);
        for ((sum, total), (_, x_rest)) in sums.iter_mut().zip(totals).zip(parts) {
            let rest = x_rest.iter().zip(y_rest).fold(K::zero(), |s, (&x, &y)| s + x * y);
            *sum += total.iter().fold(rest, |s, &lane| s + lane).as_f64();
        }
    }
    sums
}

/// A function of its own, so that the sums stay in registers.
#[inline(never)]
fn lanes<K: Float, const R: usize>(x: [&[[K; LANES]]; R], y: &[[K; LANES]]) -> [[K; LANES]; R] {
    vectorised(
        #[inline(always)]
        |_| {
            let (mut lanes, x) = ([[K::zero(); LANES]; R], x.map(|x| &x[..y.len()]));
            for (i, y) in y.iter().enumerate() {
                for r in 0..R {
                    for k in 0..LANES {
                        lanes[r][k] += x[r][i][k] * y[k];
                    }
                }
            }
            lanes
        },
    )
}

/// max_j (x_j − y_j), in eight lanes.
#[inline(always)]
pub(super) fn largest_gap(x: &[f64], y: &[f64]) -> f64 {
    let mut lanes = [f64::NEG_INFINITY; 8];
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<8>(), y.as_chunks::<8>());
    for (x, y) in x.iter().zip(y) {
        for k in 0..8 {
            let gap = x[k] - y[k];
            lanes[k] = if gap > lanes[k] { gap } else { lanes[k] };
        }
    }
    let gaps = x_rest.iter().zip(y_rest).map(|(x, y)| x - y);
    lanes.into_iter().chain(gaps).fold(f64::NEG_INFINITY, f64::max)
}

/// sums += Σ_r masses_r rows_r.
#[inline(always)]
fn add_rows<K: Float>(sums: &mut [K], rows: &[K], masses: &[K]) {
    let m = sums.len();
    if let &[p, q, r, s] = masses {
        let (first, second) = rows.split_at(2 * m);
        let ((a, b), (c, d)) = (first.split_at(m), second.split_at(m));
        for ((((sum, &a), &b), &c), &d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *sum += (p * a + q * b) + (r * c + s * d);
        }
        return;
    }
    for (row, &mass) in rows.chunks_exact(m).zip(masses) {
        for (sum, &k) in sums.iter_mut().zip(row) {
            *sum += mass * k;
        }
    }
}

/// w (1/(w s))^ω: the scaling factor w whose row or column sums to s, updated with relaxation ω.
fn relaxed(w: f64, s: f64, omega: f64) -> f64 {
    if omega == 1.0 { s.recip() } else { w * (w * s).powf(-omega) }
}

impl<K: Float> Kernel<K> {
    pub(super) fn new(problem: &Problem) -> Self {
        Self { entries: vec![K::zero(); problem.a.len() * problem.b.len()] }
    }

    /// Scaling factors outside [1/limit, limit] may leave the range of `K`, together with weights and sums.
    pub(super) fn limit() -> f64 {
        K::max_value().as_f64().powf(0.25)
    }

    /// The kernel of the present potentials. Entries below the smallest normal number are 0: arithmetic on them is slow.
    pub(super) fn build(&mut self, p: &Problem) {
        let (m, inverse, least) = (p.b.len(), p.regularisation.recip(), K::min_positive_value().as_f64());
        parallel::for_blocks(&mut self.entries, m, |i, row| {
            vectorised(
                #[inline(always)]
                |_| {
                    let f = p.f[i];
                    for ((k, c), g) in row.iter_mut().zip(p.costs(i)).zip(&p.g) {
                        let entry = exp((f + g - c) * inverse);
                        *k = K::of(if entry < least { 0.0 } else { entry });
                    }
                },
            );
        });
    }

    /// One iteration with relaxation `omega`; ω = 1 is Sinkhorn's, after which all columns have their masses.
    pub(super) fn sweep(&self, p: &Problem, u: &[f64], v: &[f64], omega: f64) -> Sweep {
        if p.symmetric {
            return self.sweep_symmetric(p, u);
        }
        let (m, rows) = (p.b.len(), p.rows_per_block());
        let weights: Vec<K> = v.iter().zip(&p.b).map(|(v, b)| K::of(v * b)).collect();
        let blocks: Vec<_> = self.entries.chunks(rows * m).collect();
        let parts = parallel::map(blocks.len(), |k| {
            let (mut scale, mut sums, mut error) = (Vec::with_capacity(rows), vec![K::zero(); m], 0.0);
            vectorised(
                #[inline(always)]
                |_| {
                    for (group, block) in blocks[k].chunks(GROUP * m).enumerate() {
                        let first = k * rows + group * GROUP;
                        let (mut masses, count) = ([K::zero(); GROUP], block.len() / m);
                        // Below the last row it is repeated.
                        let found = dots::<K, GROUP>(std::array::from_fn(|r| &block[r.min(count - 1) * m..][..m]), &weights);
                        for (i, (mass, sum)) in (first..).zip(masses.iter_mut().zip(found).take(count)) {
                            error += p.a[i] * (u[i] * sum - 1.0).abs();
                            let next = relaxed(u[i], sum, omega);
                            scale.push(next);
                            *mass = K::of(p.a[i] * next);
                        }
                        add_rows(&mut sums, block, &masses[..count]);
                    }
                },
            );
            (scale, sums.into_iter().map(Float::as_f64).collect(), error)
        });
        let row_error = parts.iter().map(|p| p.2).sum();
        let next_u = parts.iter().flat_map(|p| p.0.iter().copied()).collect();
        let sums = total(parts.into_iter().map(|p| p.1), m);
        let column_error = v.iter().zip(&sums).zip(&p.b).map(|((v, s), b)| b * (v * s - 1.0).abs()).sum();
        let next_v = v.iter().zip(&sums).map(|(&v, &s)| relaxed(v, s, omega)).collect();
        Sweep { u: next_u, v: next_v, row_error, column_error }
    }

    /// The iteration for a measure against itself, where f = g: the geometric mean of u and of its update 1/Σ_j K_ij u_j a_j. Alternating
    /// updates converge slowly there, and not to f = g.
    fn sweep_symmetric(&self, p: &Problem, u: &[f64]) -> Sweep {
        let m = p.b.len();
        let masses: Vec<f64> = u.iter().zip(&p.a).map(|(u, a)| u * a).collect();
        let weights: Vec<K> = masses.iter().map(|&w| K::of(w)).collect();
        let sums = parallel::map(m, |i| {
            vectorised(
                #[inline(always)]
                |_| dot(&self.entries[i * m..(i + 1) * m], &weights),
            )
        });
        let row_error = masses.iter().zip(&sums).zip(&p.a).map(|((w, s), a)| (w * s - a).abs()).sum();
        let next: Vec<f64> = u.iter().zip(&sums).map(|(u, s)| (u / s).sqrt()).collect();
        Sweep { u: next.clone(), v: next, row_error, column_error: 0.0 }
    }
}
