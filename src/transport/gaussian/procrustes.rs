//! The orthogonal Procrustes problem for roots of covariances.

use crate::float::Float;
use crate::numeric::dense::eigen::Unsolved;
use crate::numeric::dense::jacobi::dot;
use crate::numeric::dense::panels::TILE_ROWS;
use crate::numeric::dense::polar::{Halley, Parts, norm};
use crate::numeric::dense::product::{
    distance, length, multiply, multiply_symmetric, pack, panels_len, parts, products, transpose, update_pairs,
};
use crate::numeric::dense::singular::decompose;
use crate::numeric::dense::small::polar;
use crate::numeric::extremes::{largest, positive};
use crate::numeric::parallel;
use crate::numeric::stream::Stream;
use crate::numeric::vector::vectorised;
use crate::transport::TransportError;
use crate::transport::gaussian::root::{Columns, Covariance, columns, write_factor};
use rand::RngCore;
use std::array;

/// From this dimension on, iterations made of products are faster than singular vectors.
const LARGE: usize = 32;
/// Steps of the iteration in single and in double precision: condition numbers up to about 10^3 and 10^13.
const STEPS: [usize; 2] = [5, 14];
/// Laws closer than this part of their size are left to double precision from the start.
const CLOSE: f64 = 0.1;
/// Largest relative error of a distance by way of single precision, as estimated.
const TOLERANCE: f64 = 1e-11;

/// From this dimension on, the two roots are computed at the same time.
const SHARED: usize = 200;

/// The Bures distance of two covariance matrices A Aᵀ and B Bᵀ: min_U ‖A − B U‖_F over orthogonal U.
pub(super) fn bures(dim: usize, first: &impl Covariance, second: &impl Covariance) -> Result<f64, TransportError> {
    // One block of memory for all matrices in double precision.
    let (square, panels) = (dim * dim, 8 * panels_len::<8>(dim));
    let mut memory = vec![0.0; 3 * square + square.max(panels) + panels];
    let [a, b, left, image, panels] = parts(&mut memory, [square, square, square, square.max(panels), panels]);
    let panels = panels.as_chunks_mut::<8>().0;
    let both = if dim < SHARED {
        (write_factor(first, dim, a, panels), write_factor(second, dim, b, panels))
    } else {
        parallel::join(|| write_factor(first, dim, a, panels), || write_factor(second, dim, b, image.as_chunks_mut().0))
    };
    if both.0? & both.1? {
        let scale = largest(a.iter().chain(&*b).map(|v| v.abs()));
        for root in [&mut *a, &mut *b] {
            root.iter_mut().for_each(|v| *v /= scale);
        }
        let (a, b, image) = (&*a, &*b, &mut image[..square]);
        let distance = if dim < LARGE {
            by_newton(a, b, dim, left, image)
        } else {
            in_single(a, b, dim, (left, image, panels)).or_else(|| in_double(a, b, dim))
        };
        if let Some(distance) = distance {
            return Ok(scale * distance);
        }
    }
    Ok(by_singular_vectors(dim, &columns(first, dim)?, &columns(second, dim)?)?.distance)
}

/// A number below the Bures distance of A Aᵀ and B Bᵀ, all rounding included.
pub(super) fn bures_below(dim: usize, a: &Columns, b: &Columns) -> Result<f64, TransportError> {
    let Solved { distance, error, excess } = by_singular_vectors(dim, a, b)?;
    Ok(positive(positive(distance - error).powi(2) - excess).sqrt() * (1.0 - 4.0 * f64::EPSILON))
}

/// What U computed in some way may miss of the conditions that make it the best one, relative to ‖A‖ ‖B‖ and to 1: U orthogonal, UᵀBᵀA
/// symmetric. A hundred times what is seen.
fn slack(dim: usize) -> f64 {
    64.0 * f64::EPSILON * (dim as f64 + 16.0)
}

/// An iteration that starts from BᵀA, for lower triangular A and B.
fn halley<F: Float, const N: usize>(a: &[f64], b: &[f64], dim: usize) -> Halley<F, N> {
    let mut halley = Halley::new(dim);
    let Parts { x, y, panels: [right, _], .. } = halley.parts();
    transpose(b, dim, y, F::of);
    pack(a, dim, right, F::of);
    multiply(y, right, dim, x, |i, j| i.max(j)..dim);
    halley
}

/// out = B U for lower triangular B, with U in panels.
fn multiply_lower(b: &[f64], u: &[[f64; 8]], dim: usize, out: &mut [f64]) {
    multiply(b, u, dim, out, |i, _| 0..dim.min(i + TILE_ROWS));
}

/// ‖A − B U‖_F with U the polar factor of BᵀA, for lower triangular A and B; nothing where its iteration takes too many steps.
fn in_double(a: &[f64], b: &[f64], dim: usize) -> Option<f64> {
    let mut halley = halley::<f64, 8>(a, b, dim);
    halley.run(STEPS[1])?;
    let Parts { x, y, panels: [right, _], .. } = halley.parts();
    pack(x, dim, right, |v| v);
    multiply_lower(b, right, dim, y);
    let skew = skewness(a, y, dim).sqrt() <= slack(dim) * length(a) * length(b);
    (skew && orthogonality(x, dim) <= slack(dim)).then(|| distance(a, y))
}

/// The same in few dimensions, by Newton's iteration.
fn by_newton(a: &[f64], b: &[f64], dim: usize, u: &mut [f64], image: &mut [f64]) -> Option<f64> {
    multiply_transposed(b, a, dim, u);
    polar(u, dim)?;
    multiply_transposed(u, u, dim, image);
    image.iter_mut().step_by(dim + 1).for_each(|v| *v -= 1.0);
    let gap = length(image);
    let mut product = vec![0.0; dim * dim];
    multiply_plain(b, u, dim, image);
    multiply_transposed(image, a, dim, &mut product);
    let mut skew = 0.0;
    update_pairs(&mut product, dim, |v, w| {
        skew += (v - w).powi(2);
        (v, w)
    });
    let sound = gap <= slack(dim) && skew.sqrt() <= slack(dim) * length(a) * length(b);
    sound.then(|| distance(a, image))
}

/// out = XᵀY.
fn multiply_transposed(x: &[f64], y: &[f64], dim: usize, out: &mut [f64]) {
    out.fill(0.0);
    vectorised(
        #[inline(always)]
        |fused| {
            for (x, y) in x.chunks_exact(dim).zip(y.chunks_exact(dim)) {
                for (x, to) in x.iter().zip(out.chunks_exact_mut(dim)) {
                    for (to, y) in to.iter_mut().zip(y) {
                        *to = if fused { x.mul_add(*y, *to) } else { *to + x * y };
                    }
                }
            }
        },
    );
}

/// out = X Y.
fn multiply_plain(x: &[f64], y: &[f64], dim: usize, out: &mut [f64]) {
    out.fill(0.0);
    vectorised(
        #[inline(always)]
        |fused| {
            for (x, to) in x.chunks_exact(dim).zip(out.chunks_exact_mut(dim)) {
                for (x, y) in x.iter().zip(y.chunks_exact(dim)) {
                    for (to, y) in to.iter_mut().zip(y) {
                        *to = if fused { x.mul_add(*y, *to) } else { *to + x * y };
                    }
                }
            }
        },
    );
}

/// An estimate of ‖UᵀU − I‖_F from below: the same for vectors of random signs.
fn orthogonality(u: &[f64], dim: usize) -> f64 {
    let z = signs(dim);
    let image = times_transposed(u, &times(u, &z));
    let square = |(x, y): (&Probes, &Probes)| x.iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum::<f64>();
    (image.iter().zip(&z).map(square).sum::<f64>() / PROBES as f64).sqrt()
}

/// The same with U computed in single precision, then made orthogonal; nothing where the distance could suffer.
///
/// U₀ in single precision, with E = I − U₀ᵀU₀, gives U = U₀ (I + E/2), orthogonal up to 3E²/4. For orthogonal U = U* e^Ω, Ω skew and
/// UᵀBᵀA = e^{−Ω} P, P ≥ σ I,
///
/// ```math
/// \lVert A - B U \rVert^2 - \lVert A - B U_* \rVert^2 \approx \langle \Omega, K \rangle \le \lVert K \rVert^2 / \sigma, \qquad
/// K = \tfrac12 (U^\top B^\top A - A^\top B U) \approx \tfrac12 (\Omega P + P \Omega)
/// ```
///
/// so that an error of 10^{−7} in U is one of 10^{−14} in the square of the distance.
fn in_single(a: &[f64], b: &[f64], dim: usize, (left, image, panels): (&mut [f64], &mut [f64], &mut [[f64; 8]])) -> Option<f64> {
    if distance(a, b) < CLOSE * length(a) {
        return None;
    }
    let mut halley = halley::<f32, 16>(a, b, dim);
    let smallest = halley.run(STEPS[0])?;
    let Parts { x: u, y: correction, squares: gap, panels: [right, _] } = halley.parts();
    transpose(u, dim, left, f64::from);
    pack(u, dim, panels, f64::from);
    multiply_symmetric(left, panels, dim, image);
    image.iter_mut().step_by(dim + 1).for_each(|v| *v -= 1.0);
    gap.iter_mut().zip(&*image).for_each(|(to, v)| *to = -v as f32);
    pack(gap, dim, right, |v| v);
    multiply(u, right, dim, correction, |_, _| 0..dim);
    left.iter_mut().zip(u.iter().zip(&*correction)).for_each(|(to, (u, c))| *to = f64::from(*u) + 0.5 * f64::from(*c));
    pack(left, dim, panels, |v| v);
    multiply_lower(b, panels, dim, image);
    let distance = distance(a, image);
    let lost = 0.375 * norm(gap, dim, 0.0).powi(2) * length(b);
    let error = 0.5 * skewness(a, image, dim) / smallest / distance + lost;
    (error <= TOLERANCE * distance).then_some(distance)
}

/// Vectors that are multiplied together.
const PROBES: usize = 8;

/// An estimate of ‖K‖_F² for K = (CᵀA − AᵀC)/2: the mean of ‖K z‖² over vectors z of random signs.
fn skewness(a: &[f64], c: &[f64], dim: usize) -> f64 {
    let z = signs(dim);
    let (first, second) = (times_transposed(c, &times(a, &z)), times_transposed(a, &times(c, &z)));
    let square = |(x, y): (&Probes, &Probes)| x.iter().zip(y).map(|(x, y)| (0.5 * (x - y)).powi(2)).sum::<f64>();
    first.iter().zip(&second).map(square).sum::<f64>() / PROBES as f64
}

/// Vectors of random signs.
fn signs(dim: usize) -> Vec<Probes> {
    let mut stream = Stream::nth(0, 0);
    let signs = |bits: u64| array::from_fn(|k| if bits >> k & 1 == 0 { 1.0 } else { -1.0 });
    (0..dim).map(|_| signs(stream.next_u64())).collect()
}

/// One entry of each vector.
type Probes = [f64; PROBES];

/// X z.
fn times(x: &[f64], z: &[Probes]) -> Vec<Probes> {
    let dim = z.len();
    x.chunks(TILE_ROWS * dim).flat_map(|rows| products(rows, dim, z, 0..dim).into_iter().take(rows.len() / dim)).collect()
}

/// Xᵀ z.
fn times_transposed(x: &[f64], z: &[Probes]) -> Vec<Probes> {
    let mut sums = vec![[0.0; PROBES]; z.len()];
    vectorised(
        #[inline(always)]
        |_| {
            for (row, z) in x.chunks_exact(z.len()).zip(z) {
                for (sum, v) in sums.iter_mut().zip(row) {
                    for k in 0..PROBES {
                        sum[k] += v * z[k];
                    }
                }
            }
        },
    );
    sums
}

/// A Bures distance and what is known of its error.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Solved {
    /// ‖A − B U‖_F.
    distance: f64,
    /// How far `distance` may be from that number for the U that was computed.
    error: f64,
    /// How far the square for that U may be above that for the best one.
    excess: f64,
}

/// min ‖A − B U‖_F by the singular vectors w_i and z_i of BᵀA: Σ ‖A z_i − B w_i‖², plus what A and B have outside of their span.
///
/// Let M = BᵀA, in floating point off by e ≤ d u ‖A‖ ‖B‖ and, as computed, Σ σ_i w_i z_iᵀ + R; let g bound W Wᵀ − I and Z Zᵀ − I. Then
///
/// - Σ ‖A z_i‖² ≤ (1 + g) ‖A‖², and with P = Σ w_i w_iᵀ, whose eigenvalues are within g of 0 and 1,
///   ‖B P^{1/2}‖² + ‖B (I − P)‖² ≤ (1 + g + g²) ‖B‖²,
/// - Σ w_iᵀ M z_i ≥ (1 − 2g − g²) Σ σ_i − (1 + g) √r (‖R‖ + e), since a trace is at most √r times a Frobenius norm,
/// - ‖M‖_* ≤ (1 + g) Σ σ_i + √r (‖R‖ + e),
///
/// so that the square exceeds ‖A‖² + ‖B‖² − 2 ‖M‖_*, the smallest one, by less than 9 g s² + 4.5 √r (‖R‖ + e), s the larger of ‖A‖ and ‖B‖.
/// The vectors A z_i, B w_i and B (I − P) are off by 4√r + 1 times (r + 3) u s at most.
fn by_singular_vectors(dim: usize, a: &Columns, b: &Columns) -> Result<Solved, TransportError> {
    let scale = largest(a.entries.iter().chain(&b.entries).map(|v| v.abs()));
    if scale == 0.0 {
        return Ok(Solved { distance: 0.0, error: 0.0, excess: 0.0 });
    }
    let [a_rows, b_rows] = [a, b].map(|root| root.entries.iter().map(|v| v / scale).collect::<Vec<_>>());
    let [a_length, b_length] = [&a_rows, &b_rows].map(|rows| length(rows));
    let product = rows_times_rows(&b_rows, &a_rows, dim);
    let failed = |Unsolved { residual }| TransportError::NotConverged {
        iterations: 0,
        lower: scale * (a_length - b_length).abs(),
        upper: scale * a_length.hypot(b_length),
        residual,
    };
    let solved = decompose(&product, b.rank, a.rank).map_err(failed)?;
    // A z_i and B w_i, one a row.
    let mut a_turned = combine(&solved.right, a.rank, &a_rows, dim);
    let b_turned = combine(&solved.left, b.rank, &b_rows, dim);
    a_turned.iter_mut().zip(&b_turned).for_each(|(a, b)| *a -= b);
    // What is left of B outside of the span of the w_i: Σ_k ‖b_k − Σ_i w_ik B w_i‖².
    let mut b_rest = b_rows;
    if solved.rank < b.rank {
        for (i, turned) in b_turned.chunks_exact(dim).enumerate() {
            for (rest, w) in b_rest.chunks_exact_mut(dim).zip(&solved.left[i * b.rank..]) {
                rest.iter_mut().zip(turned).for_each(|(v, t)| *v -= w * t);
            }
        }
    } else {
        b_rest.clear();
    }
    let distance = length(&a_turned).hypot(length(&b_rest));
    let (rank, size) = (a.rank.max(b.rank), if a_length > b_length { a_length } else { b_length });
    let (units, root) = (|count: usize| f64::EPSILON * count as f64, (rank as f64).sqrt());
    let error = units(rank + 4) * (4.0 * root + 1.0) * size + units(rank * dim / 8 + 16) * distance;
    let excess = 9.0 * solved.gap * size * size + 4.5 * root * (solved.lost + units(dim + 1) * a_length * b_length);
    Ok(Solved { distance: scale * distance, error: scale * error, excess: scale * scale * excess })
}

/// The products of all rows of x with all rows of y.
fn rows_times_rows(x: &[f64], y: &[f64], len: usize) -> Vec<f64> {
    parallel::map(x.len() / len, |i| y.chunks_exact(len).map(|y| dot(&x[i * len..][..len], y)).collect::<Vec<_>>()).concat()
}

/// The sums Σ_k weights_ik row_k, one for each row of `count` weights.
fn combine(weights: &[f64], count: usize, rows: &[f64], len: usize) -> Vec<f64> {
    if count == 0 {
        return Vec::new();
    }
    let mut sums = vec![0.0; weights.len() / count * len];
    parallel::for_blocks(&mut sums, len, |i, sum| {
        for (w, row) in weights[i * count..][..count].iter().zip(rows.chunks_exact(len)) {
            vectorised(
                #[inline(always)]
                |fused| {
                    for (s, v) in sum.iter_mut().zip(row) {
                        *s = if fused { w.mul_add(*v, *s) } else { *s + w * v };
                    }
                },
            );
        }
    });
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::dense::product::tests::Square;

    /// A lower triangular matrix with positive diagonal, the others of its entries below 1/n.
    fn lower(n: usize, phase: f64, least: f64) -> Square<f64> {
        let entry = |i: usize, j: usize| match i.cmp(&j) {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal => least + (i as f64 + phase).sin().powi(2),
            std::cmp::Ordering::Greater => (7.0 * i as f64 + 3.0 * j as f64 + phase).sin() / n as f64,
        };
        Square { dim: n, entries: (0..n * n).map(|e| entry(e / n, e % n)).collect() }
    }

    fn by_columns(x: &Square<f64>) -> Columns {
        let mut entries = vec![0.0; x.dim * x.dim];
        transpose(&x.entries, x.dim, &mut entries, |v: f64| v);
        Columns { rank: x.dim, entries }
    }

    fn single(a: &[f64], b: &[f64], n: usize) -> Option<f64> {
        let (mut left, mut image, mut panels) = (vec![0.0; n * n], vec![0.0; n * n], vec![[0.0; 8]; panels_len::<8>(n)]);
        in_single(a, b, n, (&mut left, &mut image, &mut panels))
    }

    #[test]
    fn both_precisions_and_singular_vectors_agree() {
        for n in [32, 50, 97, 190] {
            let (a, b) = (lower(n, 0.0, 0.3), lower(n, 2.0, 0.2));
            let known = by_singular_vectors(n, &by_columns(&a), &by_columns(&b)).unwrap().distance;
            let double = in_double(&a.entries, &b.entries, n).unwrap();
            let single = single(&a.entries, &b.entries, n).unwrap();
            assert!((double / known - 1.0).abs() < 1e-12, "n = {n}: {double} {known}");
            assert!((single / known - 1.0).abs() < TOLERANCE, "n = {n}: {single} {known}");
        }
    }

    #[test]
    fn single_precision_declines_what_it_cannot_tell() {
        let a = lower(60, 0.0, 0.3);
        let scaled = Square { dim: 60, entries: a.entries.iter().map(|v| 1.01 * v).collect() };
        assert!(single(&a.entries, &scaled.entries, 60).is_none());
        // ‖A − 1.01 A‖ = 0.01 ‖A‖, with the cancellation of two digits.
        let exact = 0.01 * length(&a.entries);
        assert!((in_double(&a.entries, &scaled.entries, 60).unwrap() / exact - 1.0).abs() < 1e-12);
        // Condition numbers beyond those of five steps.
        let thin = lower(60, 0.0, 1e-9);
        assert!(single(&thin.entries, &lower(60, 2.0, 0.2).entries, 60).is_none());
    }
}
