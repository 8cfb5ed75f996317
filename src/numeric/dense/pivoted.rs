//! Cholesky's factor with pivoting: a root of a semidefinite matrix, singular or not, that has no column for what is rounding.

use crate::numeric::dense::jacobi::dot;
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

/// The root of a symmetric matrix with finite entries of unit size at most; pivots below dim · ε of the largest are zero.
pub(crate) fn root(matrix: &[f64], dim: usize) -> Result<Root, Indefinite> {
    let mut diagonal: Vec<f64> = matrix.iter().step_by(dim + 1).copied().collect();
    let largest = diagonal.iter().copied().fold(0.0, f64::max);
    let nothing = dim as f64 * f64::EPSILON * largest;
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
    if rank < dim && !(root.largest_remainder(matrix, &diagonal) <= SLACK * nothing) { Err(Indefinite) } else { Ok(root) }
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
        let largest = parallel::map(open.len(), |p| {
            let entries = (0..=p).map(|q| (matrix[open[p] * self.dim + open[q]] - dot(&rows[p], &rows[q])).abs());
            entries.fold(0.0, |m: f64, v| if v > m || v.is_nan() { v } else { m })
        });
        largest.into_iter().fold(0.0, |m: f64, v| if v > m || v.is_nan() { v } else { m })
    }
}
