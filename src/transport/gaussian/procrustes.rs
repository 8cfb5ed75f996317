//! The orthogonal Procrustes problem for roots of covariances.

use super::polar::{Polar, norm, polar};
use super::product::{self, Gram, Square, Strips, times, triangular_gram, triangular_product};
use super::{root::Root, sweeps};
use crate::stream::Stream;
use crate::transport::TransportError;
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

/// min_U ‖A − B U‖_F over orthogonal U: the Bures distance of A Aᵀ and B Bᵀ.
pub(super) fn procrustes(mut a: Root, mut b: Root) -> Result<f64, TransportError> {
    let scale = a.matrix.largest().max(b.matrix.largest());
    if scale == 0.0 {
        return Ok(0.0);
    }
    for root in [&mut a, &mut b] {
        root.matrix.entries.iter_mut().for_each(|v| *v /= scale);
    }
    let (triangular, a, b) = (a.triangular && b.triangular, &a.matrix, &b.matrix);
    let iterated = if a.dim >= LARGE && triangular { in_single(a, b).or_else(|| in_double(a, b)) } else { None };
    let distance = match iterated {
        Some(distance) => distance,
        None => by_singular_vectors(a, b).map_err(|residual| {
            let (lower, upper) = (scale * (a.norm() - b.norm()).abs(), scale * (a.norm() + b.norm()));
            TransportError::NotConverged { iterations: sweeps(a.dim), lower, upper, residual }
        })?,
    };
    Ok(scale * distance)
}

/// ‖A − C‖_F.
fn distance(a: &Square<f64>, c: &Square<f64>) -> f64 {
    product::distance(&a.entries, &c.entries, |a, c| a - c)
}

/// ‖A − B U‖_F with U the polar factor of BᵀA, for lower triangular A and B.
fn in_double(a: &Square<f64>, b: &Square<f64>) -> Option<f64> {
    let polar = polar::<f64, 8>(triangular_gram::<f64, 8>(b, a), STEPS[1])?;
    Some(distance(a, &triangular_product::<f64, 8>(b, &polar.factor)))
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
fn in_single(a: &Square<f64>, b: &Square<f64>) -> Option<f64> {
    if distance(a, b) < CLOSE * a.norm() {
        return None;
    }
    let narrow = |x: &Square<f64>| x.map(|v| v as f32);
    let Polar { factor, smallest } = polar::<f32, 16>(triangular_gram::<f32, 16>(&narrow(b), &narrow(a)), STEPS[0])?;
    let mut u = factor.map(f64::from);
    let squares = Gram::<f64, 8>::new(&u).squares;
    let mut gap = squares.map(|v| -v as f32);
    let diagonal = squares.entries.iter().step_by(u.dim + 1);
    gap.entries.iter_mut().step_by(u.dim + 1).zip(diagonal).for_each(|(to, v)| *to = (1.0 - v) as f32);
    let correction = product::product::<f32, 16>(&factor, &gap);
    u.entries.iter_mut().zip(&correction.entries).for_each(|(u, c)| *u += 0.5 * f64::from(*c));
    let image = triangular_product::<f64, 8>(b, &u);
    let distance = distance(a, &image);
    let error = 0.5 * skewness(a, &image) / smallest / distance + 0.375 * norm(&gap, 0.0).powi(2) * b.norm();
    (error <= TOLERANCE * distance).then_some(distance)
}

/// Vectors that are multiplied together.
const PROBES: usize = 8;

/// An estimate of ‖K‖_F² for K = (CᵀA − AᵀC)/2: the mean of ‖K z‖² over vectors z of random signs.
fn skewness(a: &Square<f64>, c: &Square<f64>) -> f64 {
    let mut stream = Stream::nth(0, 0);
    let signs = |bits: u64| array::from_fn(|k| if bits >> k & 1 == 0 { 1.0 } else { -1.0 });
    let z: Vec<[f64; PROBES]> = (0..a.dim).map(|_| signs(stream.next_u64())).collect();
    let side = |x: &Square<f64>, y: &Square<f64>| times(&Strips::columns(x), &times(&Strips::rows(&y.entries, y.dim), &z));
    let (first, second) = (side(c, a), side(a, c));
    let square = |(x, y): (&[f64; PROBES], &[f64; PROBES])| x.iter().zip(y).map(|(x, y)| (0.5 * (x - y)).powi(2)).sum::<f64>();
    first.iter().zip(&second).map(square).sum::<f64>() / PROBES as f64
}

/// ‖A − B U‖_F by singular vectors of BᵀA; the residual where their iteration does not end.
fn by_singular_vectors(a: &Square<f64>, b: &Square<f64>) -> Result<f64, f64> {
    let [a, b] = [a, b].map(|x| DMatrix::from_row_slice(x.dim, x.dim, &x.entries));
    let svd = b.tr_mul(&a).try_svd(true, true, f64::EPSILON, sweeps(a.nrows())).ok_or(f64::EPSILON)?;
    let (Some(left), Some(right)) = (svd.u, svd.v_t) else { unreachable!("both factors were asked for") };
    Ok((a - b * (left * right)).norm())
}
