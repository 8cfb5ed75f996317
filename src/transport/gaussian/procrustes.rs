//! The orthogonal Procrustes problem for roots of covariances.

use crate::float::Float;
use crate::numeric::dense::panels::TILE_ROWS;
use crate::numeric::dense::polar::{Halley, Parts, norm};
use crate::numeric::dense::product::{distance, length, multiply, multiply_symmetric, pack, panels_len, parts, products, transpose};
use crate::numeric::parallel;
use crate::numeric::stream::Stream;
use crate::numeric::vector::vectorised;
use crate::transport::TransportError;
use crate::transport::gaussian::root::Covariance;
use crate::transport::gaussian::root::write_root;
use crate::transport::gaussian::sweeps;
use nalgebra::DMatrix;
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
        (write_root(first, dim, a, panels), write_root(second, dim, b, panels))
    } else {
        parallel::join(|| write_root(first, dim, a, panels), || write_root(second, dim, b, image.as_chunks_mut().0))
    };
    let triangular = both.0? & both.1?;
    let scale = a.iter().chain(&*b).fold(0.0_f64, |m, v| m.max(v.abs()));
    if scale == 0.0 {
        return Ok(0.0);
    }
    for root in [&mut *a, &mut *b] {
        root.iter_mut().for_each(|v| *v /= scale);
    }
    let (a, b, image) = (&*a, &*b, &mut image[..square]);
    let iterated =
        if dim >= LARGE && triangular { in_single(a, b, dim, (left, image, panels)).or_else(|| in_double(a, b, dim)) } else { None };
    let distance = match iterated {
        Some(distance) => distance,
        None => by_singular_vectors(a, b, dim).map_err(|residual| {
            let (size_a, size_b) = (length(a), length(b));
            let (lower, upper) = (scale * (size_a - size_b).abs(), scale * (size_a + size_b));
            TransportError::NotConverged { iterations: sweeps(dim), lower, upper, residual }
        })?,
    };
    Ok(scale * distance)
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
    Some(distance(a, y))
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
    let mut stream = Stream::nth(0, 0);
    let signs = |bits: u64| array::from_fn(|k| if bits >> k & 1 == 0 { 1.0 } else { -1.0 });
    let z: Vec<Probes> = (0..dim).map(|_| signs(stream.next_u64())).collect();
    let (first, second) = (times_transposed(c, &times(a, &z)), times_transposed(a, &times(c, &z)));
    let square = |(x, y): (&Probes, &Probes)| x.iter().zip(y).map(|(x, y)| (0.5 * (x - y)).powi(2)).sum::<f64>();
    first.iter().zip(&second).map(square).sum::<f64>() / PROBES as f64
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

/// ‖A − B U‖_F by singular vectors of BᵀA; the residual where their iteration does not end.
fn by_singular_vectors(a: &[f64], b: &[f64], dim: usize) -> Result<f64, f64> {
    let [a, b] = [a, b].map(|x| DMatrix::from_row_slice(dim, dim, x));
    let svd = b.tr_mul(&a).try_svd(true, true, f64::EPSILON, sweeps(dim)).ok_or(f64::EPSILON)?;
    let (Some(left), Some(right)) = (svd.u, svd.v_t) else { unreachable!("both factors were asked for") };
    Ok((a - b * (left * right)).norm())
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

    fn single(a: &[f64], b: &[f64], n: usize) -> Option<f64> {
        let (mut left, mut image, mut panels) = (vec![0.0; n * n], vec![0.0; n * n], vec![[0.0; 8]; panels_len::<8>(n)]);
        in_single(a, b, n, (&mut left, &mut image, &mut panels))
    }

    #[test]
    fn both_precisions_and_singular_vectors_agree() {
        for n in [32, 50, 97, 190] {
            let (a, b) = (lower(n, 0.0, 0.3), lower(n, 2.0, 0.2));
            let known = by_singular_vectors(&a.entries, &b.entries, n).unwrap();
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
