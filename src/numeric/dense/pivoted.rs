//! Cholesky's factor with pivoting: a root of a semidefinite matrix, singular or not, that has no column for what is rounding.

use crate::numeric::dense::jacobi::dot;
use crate::numeric::extremes::largest;
use crate::numeric::parallel;
use crate::numeric::vector::vectorised;

/// Entries of what is left of a semidefinite matrix are below this many times the pivot at which the factorisation stops.
const SLACK: f64 = 16.0;
/// Entries of a column that one thread computes at a time, where that many terms are added.
const PART: usize = 256;
const SHARED: usize = 64;

/// L with Σ = L Lᵀ, by its columns, of decreasing pivots: each is a row here.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) dim: usize,
    pub(crate) rank: usize,
    /// rank × dim.
    pub(crate) columns: Vec<f64>,
}

/// A matrix is not semidefinite to rounding: what is left of it after the last pivot is this large.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Indefinite;

/// The root of a symmetric matrix with entries of unit size at most; pivots below dim · ε of the largest are zero. What is not finite is refused.
pub(crate) fn root(matrix: &[f64], dim: usize) -> Result<Root, Indefinite> {
    let mut diagonal: Vec<f64> = matrix.iter().step_by(dim + 1).copied().collect();
    if !diagonal.iter().all(|v| v.is_finite()) {
        return Err(Indefinite);
    }
    let nothing = dim as f64 * f64::EPSILON * largest(diagonal.iter().copied());
    let mut columns: Vec<f64> = Vec::new();
    // The entries of L in the row of a pivot.
    let mut weights = Vec::new();
    let mut rank = 0;
    while rank < dim {
        let (pivot, &value) = diagonal.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap_or((0, &0.0));
        if !(value > nothing) {
            break;
        }
        let scale = value.sqrt().recip();
        let mut column = matrix[pivot * dim..][..dim].to_vec();
        weights.clear();
        weights.extend(columns.iter().skip(pivot).step_by(dim).copied());
        subtract(&mut column, &columns, &weights);
        for (v, d) in column.iter_mut().zip(&mut diagonal) {
            // Rows of earlier pivots are zero from here on; their diagonal is marked.
            *v = if *d == f64::NEG_INFINITY { 0.0 } else { *v * scale };
            *d -= *v * *v;
        }
        column[pivot] = value * scale;
        diagonal[pivot] = f64::NEG_INFINITY;
        columns.extend_from_slice(&column);
        rank += 1;
    }
    let root = Root { dim, rank, columns };
    let whole = rank == dim || root.largest_remainder(matrix, &diagonal) <= SLACK * nothing;
    if whole && root.columns.iter().all(|v| v.is_finite()) { Ok(root) } else { Err(Indefinite) }
}

/// column −= Σ_k weights_k columns_k.
fn subtract(column: &mut [f64], columns: &[f64], weights: &[f64]) {
    let dim = column.len();
    let part = |first: usize, part: &mut [f64]| {
        vectorised(
            #[inline(always)]
            |fused| {
                let (fours, _) = weights.as_chunks::<4>();
                for (k, w) in fours.iter().enumerate() {
                    let at = |r: usize| &columns[(4 * k + r) * dim + first..][..part.len()];
                    let (c0, c1, c2, c3) = (at(0), at(1), at(2), at(3));
                    for ((((v, c0), c1), c2), c3) in part.iter_mut().zip(c0).zip(c1).zip(c2).zip(c3) {
                        *v = if fused {
                            (-w[3]).mul_add(*c3, (-w[2]).mul_add(*c2, (-w[1]).mul_add(*c1, (-w[0]).mul_add(*c0, *v))))
                        } else {
                            *v - w[0] * c0 - w[1] * c1 - w[2] * c2 - w[3] * c3
                        };
                    }
                }
                for k in 4 * fours.len()..weights.len() {
                    for (v, c) in part.iter_mut().zip(&columns[k * dim + first..]) {
                        *v = if fused { (-weights[k]).mul_add(*c, *v) } else { *v - weights[k] * c };
                    }
                }
            },
        );
    };
    if weights.len() < SHARED || dim < 2 * PART {
        part(0, column);
    } else {
        parallel::for_blocks(column, PART, |k, column| part(k * PART, column));
    }
}

impl Root {
    /// The largest entry of Σ − L Lᵀ; NaN is passed on. Rows of pivots are left out: there it is rounding.
    fn largest_remainder(&self, matrix: &[f64], diagonal: &[f64]) -> f64 {
        let open: Vec<usize> = (0..self.dim).filter(|&i| diagonal[i] != f64::NEG_INFINITY).collect();
        let rows: Vec<Vec<f64>> = open.iter().map(|&i| self.columns.iter().skip(i).step_by(self.dim).copied().collect()).collect();
        let remainders =
            parallel::map(open.len(), |p| largest((0..=p).map(|q| (matrix[open[p] * self.dim + open[q]] - dot(&rows[p], &rows[q])).abs())));
        largest(remainders.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::dense::structured::known;

    #[test]
    fn roots_have_the_rank_of_their_matrix() {
        for dim in [1, 2, 3, 5, 15, 40, 130] {
            for matrix in known(dim) {
                let size = largest(matrix.entries.iter().map(|v| v.abs()));
                let size = if size > 0.0 { size } else { 1.0 };
                let scaled: Vec<f64> = matrix.entries.iter().map(|v| v / size).collect();
                let root = root(&scaled, dim).unwrap();
                if matrix.name != "sixteen decades" {
                    assert_eq!(root.rank, matrix.rank(), "{} {dim}", matrix.name);
                }
                let entry = |i: usize, j: usize| (0..root.rank).map(|k| root.columns[k * dim + i] * root.columns[k * dim + j]).sum::<f64>();
                let gap = largest((0..dim * dim).map(|e| (entry(e / dim, e % dim) - scaled[e]).abs()));
                // Pivots below d ε are left out.
                assert!(gap <= 2.0 * f64::EPSILON * dim as f64, "{} {dim}: {gap:e}", matrix.name);
            }
        }
    }

    #[test]
    fn what_is_indefinite_or_not_finite_is_refused() {
        assert!(root(&[0.0, 1.0, 1.0, 0.0], 2).is_err());
        assert!(root(&[1.0, 1.0, 1.0, 1.0 - 1e-13], 2).is_err());
        assert!(root(&[-1.0], 1).is_err());
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for dim in [1, 2, 5] {
                for at in [0, dim - 1, dim * dim - 1] {
                    let mut matrix = vec![0.0; dim * dim];
                    matrix.iter_mut().step_by(dim + 1).for_each(|v| *v = 1.0);
                    matrix[at] = bad;
                    matrix[at % dim * dim + at / dim] = bad;
                    assert!(root(&matrix, dim).is_err(), "{bad} at {at} of {dim}");
                }
            }
        }
    }
}
