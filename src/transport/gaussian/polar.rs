//! The polar factor of a matrix by Newton's iteration.

use crate::batch;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, Axis, Slice};

/// A matrix of a larger condition number, in the 1-norm, is left to other methods: its inverse has few correct digits.
const CONDITION: f64 = 1e10;
/// Newton's steps at most; nine are enough for a condition number of 10^16.
const STEPS: usize = 20;
/// Scaling ends once a step moves less than this part of the iterate, from where convergence is quadratic.
const SCALED: f64 = 1e-2;
/// A step that moves less than this part of the iterate leaves an error of its square.
const MOVED: f64 = 1e-8;

/// The orthogonal U nearest to the square `matrix` X_0, by X ← (γX + X^{−⊤}/γ)/2; nothing where X_0 is singular or nearly so.
///
/// The iteration drives every singular value to 1 and leaves the singular vectors alone; γ⁴ = ‖X^{−1}‖_1 ‖X^{−1}‖_∞ / (‖X‖_1 ‖X‖_∞) brings
/// the largest and the smallest close to each other's reciprocals first. Five or six steps for a condition number of 10.
///
/// # References
/// Higham, "Computing the polar decomposition with applications", SIAM J. Sci. Stat. Comput. 7 (1986); Higham, "Functions of Matrices",
/// SIAM 2008, section 8.6.
pub(super) fn polar_factor(matrix: Array2<f64>) -> Option<Array2<f64>> {
    let (mut x, mut scaled) = (matrix, true);
    for step in 0..STEPS {
        let mut inverse = x.clone();
        invert(&mut inverse)?;
        let ([x_columns, x_rows], [y_columns, y_rows]) = (norms(&x), norms(&inverse));
        if step == 0 && !(x_columns * y_columns <= CONDITION) {
            return None;
        }
        let gamma = if scaled { (y_columns * y_rows / (x_columns * x_rows)).powf(0.25) } else { 1.0 };
        let (mut moved, mut size) = (0.0, 0.0);
        x.zip_mut_with(&inverse.t(), |x, y| {
            let next = 0.5 * (gamma * *x + y / gamma);
            moved += (next - *x) * (next - *x);
            size += next * next;
            *x = next;
        });
        let moved = (moved / size).sqrt();
        if !scaled && moved <= MOVED {
            return Some(x);
        }
        scaled = scaled && !(moved <= SCALED);
    }
    None
}

/// ‖X‖_1 and ‖X‖_∞: the largest sums of absolute values over a column and over a row.
fn norms(x: &Array2<f64>) -> [f64; 2] {
    let mut columns = vec![0.0; x.ncols()];
    let mut largest = 0.0_f64;
    for row in x.rows() {
        let mut sum = 0.0;
        for (column, v) in columns.iter_mut().zip(row) {
            *column += v.abs();
            sum += v.abs();
        }
        largest = largest.max(sum);
    }
    [columns.into_iter().fold(0.0, f64::max), largest]
}

/// Replaces a square matrix by its inverse; nothing where a pivot is 0 or not finite.
fn invert(a: &mut Array2<f64>) -> Option<()> {
    let n = a.nrows();
    let mut swaps = Vec::with_capacity(n);
    eliminate(a, 0, n, &mut swaps)?;
    // P A was inverted: A^{−1} = (P A)^{−1} P.
    let mut order: Vec<usize> = (0..n).collect();
    for (k, &pivot) in swaps.iter().enumerate() {
        order.swap(k, pivot);
    }
    let mut unscrambled = vec![0.0; n];
    for mut row in a.rows_mut() {
        for (value, &column) in row.iter().zip(&order) {
            unscrambled[column] = *value;
        }
        row.iter_mut().zip(&unscrambled).for_each(|(v, u)| *v = *u);
    }
    Some(())
}

/// Columns that are eliminated one by one.
const NARROW: usize = 16;

/// Gauss–Jordan elimination in place with partial pivoting of the columns `start..end`: they become those of the matrix G that performs
/// the elimination of these columns on the others, A ← A + (G − E) A_J with J the rows `start..end`. By halves, so that most of the work
/// is in products of matrices.
fn eliminate(a: &mut Array2<f64>, start: usize, end: usize, swaps: &mut Vec<usize>) -> Option<()> {
    if end - start <= NARROW {
        return (start..end).try_for_each(|column| eliminate_column(a, start, end, column, swaps));
    }
    let middle = usize::midpoint(start, end);
    eliminate(a, start, middle, swaps)?;
    apply(a, [start, middle, end], Half::First);
    eliminate(a, middle, end, swaps)?;
    apply(a, [start, middle, end], Half::Second);
    Some(())
}

/// One column, acting on the columns `start..end` alone.
fn eliminate_column(a: &mut Array2<f64>, start: usize, end: usize, column: usize, swaps: &mut Vec<usize>) -> Option<()> {
    let n = a.ncols();
    let entries = a.as_slice_mut()?;
    let pivot = (column..n).max_by(|&i, &k| entries[i * n + column].abs().total_cmp(&entries[k * n + column].abs()))?;
    swaps.push(pivot);
    if pivot != column {
        let (above, below) = entries.split_at_mut(pivot * n);
        above[column * n..(column + 1) * n].swap_with_slice(&mut below[..n]);
    }
    let inverse = entries[column * n + column].recip();
    if !inverse.is_finite() {
        return None;
    }
    let mut pivot_row = [0.0; NARROW];
    let pivot_row = &mut pivot_row[..end - start];
    let own = &mut entries[column * n + start..column * n + end];
    own[column - start] = 1.0;
    own.iter_mut().for_each(|v| *v *= inverse);
    pivot_row.copy_from_slice(own);
    for (i, row) in entries.chunks_exact_mut(n).enumerate() {
        if i != column {
            let row = &mut row[start..end];
            let factor = std::mem::take(&mut row[column - start]);
            row.iter_mut().zip(&*pivot_row).for_each(|(v, p)| *v -= factor * p);
        }
    }
    Some(())
}

/// The half of some columns that is eliminated.
#[derive(Debug, Clone, Copy)]
enum Half {
    First,
    Second,
}

/// A product with fewer multiplications a row is not shared among threads.
const SHARED: usize = 1 << 12;

/// A ← A + (G − E) A_J on one half of the columns `start..end`, where the other half, the columns J, holds G.
fn apply(a: &mut Array2<f64>, [start, middle, end]: [usize; 3], done: Half) {
    let (pivots, others) = match done {
        Half::First => (start..middle, middle..end),
        Half::Second => (middle..end, start..middle),
    };
    let mut rows = a.slice_axis_mut(Axis(0), Slice::from(pivots));
    let mut pivots = rows.slice_axis_mut(Axis(1), Slice::from(others));
    let right = pivots.to_owned();
    pivots.fill(0.0);
    let (first, second) = a.slice_axis_mut(Axis(1), Slice::from(start..end)).split_at(Axis(1), middle - start);
    let (g, mut out) = match done {
        Half::First => (first, second),
        Half::Second => (second, first),
    };
    if right.len() < SHARED {
        general_mat_mul(1.0, &g, &right, 1.0, &mut out);
    } else {
        batch::for_blocks(&g, &mut out, |g, mut out| general_mat_mul(1.0, &g, &right, 1.0, &mut out));
    }
}

#[cfg(test)]
mod tests {
    use super::{invert, polar_factor};
    use ndarray::Array2;

    /// A rotation of all coordinates: the reflection I − 2vv^⊤/‖v‖² with v_i = sin(i + 1).
    fn reflection(n: usize) -> Array2<f64> {
        let v = Array2::from_shape_fn((n, 1), |(i, _)| (i as f64 + 1.0).sin());
        Array2::eye(n) - v.dot(&v.t()) * (2.0 / v.iter().map(|v| v * v).sum::<f64>())
    }

    fn largest(a: &Array2<f64>) -> f64 {
        a.iter().fold(0.0, |m, v| m.max(v.abs()))
    }

    #[test]
    fn inverse_with_pivoting() {
        for n in [1, 2, 15, 16, 17, 40, 100, 130] {
            // A cyclic shift plus little else: without row swaps every pivot but few would be tiny.
            let a = Array2::from_shape_fn((n, n), |(i, k)| {
                f64::from(u8::from(k == (i + 1) % n)) + 0.3 * ((i * 7 + k * 3) as f64).sin() / n as f64
            });
            let mut inverse = a.clone();
            invert(&mut inverse).unwrap();
            assert!(largest(&(a.dot(&inverse) - Array2::<f64>::eye(n))) < 1e-13, "n = {n}");
        }
        assert!(invert(&mut Array2::zeros((3, 3))).is_none());
    }

    #[test]
    fn factor_of_a_product_of_a_rotation_and_a_positive_matrix() {
        // U P with P = H diag(s) H: the orthogonal factor is U, whatever s > 0.
        for (n, span) in [(3, 1.0), (60, 10.0), (200, 1e6)] {
            let h = reflection(n);
            let s = Array2::from_diag(&ndarray::Array1::from_shape_fn(n, |i| f64::powf(span, -(i as f64) / n as f64)));
            let u = Array2::from_shape_fn((n, n), |(i, k)| h[[i, (k + 1) % n]]);
            let factor = polar_factor(u.dot(&h).dot(&s).dot(&h)).unwrap();
            assert!(largest(&(factor.t().dot(&factor) - Array2::<f64>::eye(n))) < 1e-14);
            // The factor of a perturbed matrix moves by the perturbation over the smallest singular value.
            assert!(largest(&(factor - u)) < 1e-14 * span);
        }
        assert!(polar_factor(Array2::zeros((2, 2))).is_none());
    }
}
