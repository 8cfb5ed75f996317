//! Eigenvalues and eigenvectors of a symmetric matrix, checked before they are handed out.
//!
//! Householder's reflections make the matrix tridiagonal, the implicit QL iteration makes it diagonal. Both steps are orthogonal, so that the
//! eigenvalues are exact for a matrix within a few n ε ‖A‖ of the given one. Eigenvectors are built up in stripes of columns, each of
//! which stays in the cache and may belong to another thread.
//!
//! # References
//! Martin, Reinsch and Wilkinson, "Householder's tridiagonalization of a symmetric matrix", Numer. Math. 11 (1968); Dubrulle, Martin and
//! Wilkinson, "The implicit QL algorithm", Numer. Math. 12 (1968).

use crate::numeric::dense::jacobi::dot;
use crate::numeric::dense::product::{for_parts, multiply, multiply_symmetric, pack, panels_len, transpose};
use crate::numeric::dense::tridiagonal::{Sweep, diagonalise};
use crate::numeric::extremes::largest;
use crate::numeric::parallel;
use crate::numeric::vector::vectorised;
use ndarray::Array2;

/// Columns of a stripe.
const STRIPE: usize = 16;
/// Rows that one thread updates at a time.
const ROWS: usize = 32;
/// A row shorter than this, where no entry of the matrix exceeds 1, is zero.
const NOTHING: f64 = 1e-100;
/// Residuals and gaps of orthonormality may be this many times n ε before they are refused; a tenth is seen.
const SLACK: f64 = 8.0;

/// A = Σ_k λ_k v_k v_kᵀ.
#[derive(Debug, Clone)]
pub(crate) struct Eigen {
    /// λ, decreasing.
    pub(crate) values: Vec<f64>,
    /// One v_k a row.
    pub(crate) vectors: Array2<f64>,
    /// No value is farther than this from the exact one, rounding included.
    pub(crate) error: f64,
}

/// Eigenvectors that do not reconstruct their matrix, or an iteration that does not end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Unsolved {
    /// The largest entry of V A − Λ V relative to that of A, or of V Vᵀ − I; infinite where the iteration did not end.
    pub(crate) residual: f64,
}

/// All eigenvalues and eigenvectors of a symmetric matrix. Entries that are not finite are an error.
pub(crate) fn symmetric(matrix: &[f64], dim: usize) -> Result<Eigen, Unsolved> {
    let scale = largest(matrix.iter().map(|v| v.abs()));
    if scale == 0.0 {
        return Ok(Eigen { values: vec![0.0; dim], vectors: Array2::eye(dim), error: 0.0 });
    }
    if !scale.is_finite() {
        return Err(Unsolved { residual: f64::NAN });
    }
    let scaled: Vec<f64> = matrix.iter().map(|v| v / scale).collect();
    let Tridiagonal { mut diagonal, mut beside, reflectors } = Tridiagonal::of(scaled.clone(), dim);
    let mut sweeps = Vec::new();
    diagonalise(&mut diagonal, &mut beside, |sweep| sweeps.push(sweep)).ok_or(Unsolved { residual: f64::INFINITY })?;
    let mut order: Vec<usize> = (0..dim).collect();
    order.sort_by(|&i, &j| diagonal[j].total_cmp(&diagonal[i]));
    let stripes = parallel::map(dim.div_ceil(STRIPE), |k| stripe(k * STRIPE, dim, &reflectors, &sweeps));
    let mut vectors = vec![0.0; dim * dim];
    for_parts(&mut vectors, dim, |k, row| {
        for (stripe, row) in stripes.iter().zip(row.chunks_mut(STRIPE)) {
            row.copy_from_slice(&stripe[order[k]][..row.len()]);
        }
    });
    let values: Vec<f64> = order.iter().map(|&k| diagonal[k]).collect();
    let error = scale * check(&scaled, dim, &values, &vectors)?;
    let vectors = Array2::from_shape_vec((dim, dim), vectors).expect("as many entries as the shape has");
    Ok(Eigen { values: values.iter().map(|v| v * scale).collect(), vectors, error })
}

/// Checks that V A = Λ V and V Vᵀ = I, and says how far the values may be from those of A.
///
/// With V Vᵀ = I + G and V A = Λ V + R, the polar decomposition V = H Q has H² = I + G and H (Q A Qᵀ) H = Λ + Λ G + R Vᵀ. So Q A Qᵀ is
/// within 2.1 ‖Λ‖ ‖G‖ + 1.1 ‖R‖ of Λ, spectral norms, while G is small; by Weyl's inequality its eigenvalues, those of A, are no farther
/// from the values. An entry of G or R is computed with an error of (d + 2) u, times ‖A‖ for R.
fn check(matrix: &[f64], dim: usize, values: &[f64], vectors: &[f64]) -> Result<f64, Unsolved> {
    let mut panels = vec![[0.0; 8]; panels_len::<8>(dim)];
    let mut image = vec![0.0; dim * dim];
    pack(matrix, dim, &mut panels, |v| v);
    multiply(vectors, &panels, dim, &mut image, |_, _| 0..dim);
    let gaps = image.chunks_exact(dim).zip(vectors.chunks_exact(dim)).zip(values);
    let residual = largest(gaps.map(|((image, v), value)| largest(image.iter().zip(v).map(|(i, v)| (i - value * v).abs()))));
    transpose(vectors, dim, &mut image, |v| v);
    pack(&image, dim, &mut panels, |v| v);
    let mut gram = vec![0.0; dim * dim];
    multiply_symmetric(vectors, &panels, dim, &mut gram);
    let identity = |e: usize| f64::from(u8::from(e.is_multiple_of(dim + 1)));
    let gap = largest(gram.iter().enumerate().map(|(e, v)| (v - identity(e)).abs()));
    let size = largest(values.iter().map(|v| v.abs()).chain([1.0]));
    let units = f64::EPSILON * dim as f64;
    if !(residual <= SLACK * units * size && gap <= SLACK * units) {
        return Err(Unsolved { residual: largest([residual, gap].into_iter()) });
    }
    let rounding = f64::EPSILON * (dim + 2) as f64;
    Ok(2.5 * dim as f64 * (size * (gap + rounding) + residual + size * rounding))
}

/// Q T Qᵀ.
struct Tridiagonal {
    diagonal: Vec<f64>,
    beside: Vec<f64>,
    /// Reflections I − τ v vᵀ of the first coordinates, as many as v has, in the order in which they were applied.
    reflectors: Vec<(f64, Vec<f64>)>,
}

impl Tridiagonal {
    /// Rows are treated from the last one on; the update that belongs to a reflection is made when the next one is known, so that the matrix is
    /// read once a step.
    fn of(mut matrix: Vec<f64>, dim: usize) -> Self {
        let (mut diagonal, mut beside) = (vec![0.0; dim], vec![0.0; dim.saturating_sub(1)]);
        let mut reflectors = Vec::with_capacity(dim);
        let mut update: Option<(Vec<f64>, Vec<f64>)> = None;
        for k in (1..dim).rev() {
            let row = &mut matrix[k * dim..][..=k];
            if let Some((v, w)) = &update {
                subtract(row, (v, v[k]), (w, w[k]));
            }
            diagonal[k] = row[k];
            let (tau, v, remains) = reflector(&row[..k]);
            beside[k - 1] = remains;
            let mut image = vec![0.0; k];
            let old = update.as_ref();
            let pass = |first: usize, rows: &mut [f64], image: &mut [f64]| {
                for ((i, row), image) in (first..).zip(rows.chunks_mut(dim)).zip(image) {
                    if let Some((v, w)) = old {
                        subtract(&mut row[..k], (v, v[i]), (w, w[i]));
                    }
                    *image = dot(&row[..k], &v);
                }
            };
            each_part(&mut matrix[..k * dim], &mut image, dim, pass);
            update = None;
            if tau != 0.0 {
                image.iter_mut().for_each(|p| *p *= tau);
                let half = 0.5 * tau * dot(&image, &v);
                image.iter_mut().zip(&v).for_each(|(p, v)| *p -= half * v);
                update = Some((v.clone(), image));
                reflectors.push((tau, v));
            }
        }
        if let Some((v, w)) = update {
            matrix[0] -= 2.0 * v[0] * w[0];
        }
        diagonal[0] = matrix[0];
        Self { diagonal, beside, reflectors }
    }
}

/// Calls `pass(first, rows, image)` on parts of a matrix and of a vector with one entry a row, over threads where that pays.
fn each_part(matrix: &mut [f64], image: &mut [f64], dim: usize, pass: impl Fn(usize, &mut [f64], &mut [f64]) + Send + Sync) {
    const SHARED: usize = 1 << 16;
    if matrix.len() < SHARED {
        pass(0, matrix, image);
    } else {
        let parts: Vec<_> = matrix.chunks_mut(ROWS * dim).zip(image.chunks_mut(ROWS)).enumerate().collect();
        parallel::map_items(parts, |(part, (rows, image))| pass(part * ROWS, rows, image));
    }
}

/// row −= a w + b v.
fn subtract(row: &mut [f64], (v, a): (&[f64], f64), (w, b): (&[f64], f64)) {
    vectorised(
        #[inline(always)]
        |fused| {
            for ((x, v), w) in row.iter_mut().zip(v).zip(w) {
                *x = if fused { (-b).mul_add(*v, (-a).mul_add(*w, *x)) } else { *x - a * w - b * v };
            }
        },
    );
}

/// τ, v and β with (I − τ v vᵀ) x = (0, …, 0, β), v ending in 1; τ = 0 where there is nothing to do.
fn reflector(x: &[f64]) -> (f64, Vec<f64>, f64) {
    let (last, others) = x.split_last().expect("a row below the first has entries before the diagonal");
    let length = dot(others, others).sqrt();
    if length < NOTHING {
        return (0.0, vec![0.0; x.len()], *last);
    }
    let beta = -length.hypot(*last).copysign(*last);
    let pivot = last - beta;
    let v = others.iter().map(|v| v / pivot).chain([1.0]).collect();
    ((beta - last) / beta, v, beta)
}

/// Columns `first`.. of the eigenvectors, which are rows.
fn stripe(first: usize, dim: usize, reflectors: &[(f64, Vec<f64>)], sweeps: &[Sweep]) -> Vec<[f64; STRIPE]> {
    let mut rows = vec![[0.0; STRIPE]; dim];
    for (c, row) in (first..dim.min(first + STRIPE)).zip(0..) {
        rows[c][row] = 1.0;
    }
    for (tau, v) in reflectors {
        vectorised(
            #[inline(always)]
            |fused| reflect(&mut rows, *tau, v, fused),
        );
    }
    for sweep in sweeps {
        vectorised(
            #[inline(always)]
            |fused| rotate(&mut rows, sweep, fused),
        );
    }
    rows
}

/// X ← (I − τ v vᵀ) X.
#[inline(always)]
fn reflect(rows: &mut [[f64; STRIPE]], tau: f64, v: &[f64], fused: bool) {
    let mut sums = [0.0; STRIPE];
    for (row, v) in rows.iter().zip(v) {
        accumulate(&mut sums, *v, row, fused);
    }
    for (row, v) in rows.iter_mut().zip(v) {
        accumulate(row, -tau * v, &sums, fused);
    }
}

/// x += a y.
#[inline(always)]
fn accumulate(x: &mut [f64; STRIPE], a: f64, y: &[f64; STRIPE], fused: bool) {
    for c in 0..STRIPE {
        x[c] = if fused { a.mul_add(y[c], x[c]) } else { x[c] + a * y[c] };
    }
}

#[inline(always)]
fn rotate(rows: &mut [[f64; STRIPE]], sweep: &Sweep, fused: bool) {
    let mut below = rows[sweep.end];
    for (i, &(cosine, sine)) in (0..sweep.end).rev().zip(&sweep.rotations) {
        let above = rows[i];
        let (mut up, mut down) = ([0.0; STRIPE], [0.0; STRIPE]);
        for c in 0..STRIPE {
            let (a, b) = (sine * above[c], sine * below[c]);
            down[c] = if fused { cosine.mul_add(below[c], a) } else { a + cosine * below[c] };
            up[c] = if fused { cosine.mul_add(above[c], -b) } else { cosine * above[c] - b };
        }
        rows[i + 1] = down;
        below = up;
    }
    rows[sweep.end - sweep.rotations.len()] = below;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::dense::structured::known;

    /// Backward errors are a few d ε of the largest entry; the bound of the test is the one that values carry.
    #[test]
    fn values_are_within_their_error_of_known_ones() {
        for dim in [1, 2, 3, 5, 15, 40, 130] {
            for matrix in known(dim) {
                for unit in [1.0, 2f64.powi(900), 2f64.powi(-900)] {
                    let scaled: Vec<f64> = matrix.entries.iter().map(|v| v * unit).collect();
                    let Eigen { values, vectors, error } = symmetric(&scaled, dim).unwrap();
                    let most = matrix.values[0] * unit;
                    // The known values themselves are rounded.
                    let gap = largest(values.iter().zip(&matrix.values).map(|(v, k)| (v - k * unit).abs()));
                    assert!(gap <= error + 4.0 * f64::EPSILON * most, "{} {dim}: {gap:e} {error:e}", matrix.name);
                    assert!(gap <= 4.0 * f64::EPSILON * dim as f64 * most, "{} {dim}: {gap:e}", matrix.name);
                    assert!(
                        error <= 20.0 * f64::EPSILON * (dim * dim) as f64 * most + f64::MIN_POSITIVE,
                        "{} {dim}: {error:e}",
                        matrix.name
                    );
                    let identity = vectors.dot(&vectors.t()) - Array2::<f64>::eye(dim);
                    assert!(largest(identity.iter().map(|v| v.abs())) <= 4.0 * f64::EPSILON * (dim + 8) as f64);
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for dim in [1, 2, 9] {
                for at in [0, dim * dim - 1, dim - 1] {
                    let mut matrix = vec![1.0; dim * dim];
                    matrix[at] = bad;
                    assert!(symmetric(&matrix, dim).is_err(), "{bad} at {at} of {dim}");
                }
                assert!(symmetric(&vec![bad; dim * dim], dim).is_err());
            }
        }
    }

    /// A check that nothing fails would not be one.
    #[test]
    fn wrong_values_and_vectors_do_not_pass() {
        let matrix = &known(6)[4];
        let Eigen { values, vectors, .. } = symmetric(&matrix.entries, 6).unwrap();
        let vectors: Vec<f64> = vectors.iter().copied().collect();
        let scaled: Vec<f64> = matrix.entries.iter().map(|v| v / 2.0).collect();
        let values: Vec<f64> = values.iter().map(|v| v / 2.0).collect();
        assert!(check(&scaled, 6, &values, &vectors).is_ok());
        for k in [0, 5] {
            let mut wrong = values.clone();
            wrong[k] += 1e-13;
            assert!(check(&scaled, 6, &wrong, &vectors).is_err());
            let mut wrong = vectors.clone();
            wrong[7 * k] += 1e-13;
            assert!(check(&scaled, 6, &values, &wrong).is_err());
            let longer: Vec<f64> = vectors.iter().map(|v| v * (1.0 + 1e-13)).collect();
            assert!(check(&scaled, 6, &values, &longer).is_err());
        }
    }
}
