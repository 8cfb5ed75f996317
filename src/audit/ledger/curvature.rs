//! Second derivatives of a flow map that does not know them, from differences of its Jacobian.

use crate::flow::{FlowJacobian, SecondDerivative};
use crate::level::NoiseLevel;
use crate::numeric::rows::lengths;
use ndarray::{Array2, ArrayRef2};

/// Differences are taken at this many distances, each half of the last: down to the 2¹³th part of the first.
const DISTANCES: usize = 14;
/// The first distance in units of the length on which the flow bends where the law is smooth.
const FIRST: f64 = 0.25;
/// Of the noise of a difference, estimated from two neighbours, this many are allowed for.
const ALLOWANCE: f64 = 4.0;

/// The largest distance of differences at a point of noise level `level` where X_0 has posterior covariance of the given trace.
///
/// ln p_θ bends over the length √(1/‖∇s‖), and its slope changes over v/(cos θ ‖spread of X_0 given x‖): p_θ is smooth on the scale sin θ
/// where the posterior is narrow, and on sin²θ/(cos θ √tr Cov) between modes. The map itself may bend on a far smaller scale, that of its
/// image over its slope.
pub(super) fn distance(level: NoiseLevel, trace: f64) -> f64 {
    FIRST * level.one_minus_alpha_bar() / (level.sin() + level.cos() * trace.max(0.0).sqrt())
}

/// D²Φ_{from→to}(x_i)\[e_j, v_i\] for every row i: Ridders' extrapolation of (∂Φ(x + h e_j) v − ∂Φ(x − h e_j) v)/(2h), h = `distance[i]`/2^k,
/// down to distances where rounding (or the tolerance of an integrated flow) is all that is left.
///
/// # Accuracy
/// A table of differences can settle far too early, on a value of zero, where the flow bends on a scale below the distances. So an entry must
/// agree with **every finer difference** up to that difference's own noise, which grows like 1/h and is read off the two finest; what it
/// disagrees by, or what it differs by from its neighbours in the table, if that is more, is its error, and never less than the noise of the
/// differences it is made of: the least of many errors is no chance agreement. The entry with the least error is taken.
///
/// # References
/// Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", Advances in Engineering Software 4 (1982), 75–76.
pub(super) fn along_axis<M: FlowJacobian + ?Sized>(
    flow: &M,
    (from, to): (NoiseLevel, NoiseLevel),
    x: &ArrayRef2<f64>,
    j: usize,
    v: &ArrayRef2<f64>,
    distance: &[f64],
) -> SecondDerivative {
    let difference = |part: f64| {
        let moved = |sign: f64| {
            let mut moved = x.to_owned();
            moved.column_mut(j).iter_mut().zip(distance).for_each(|(x, h)| *x += sign * part * h);
            moved
        };
        let mut slope = flow.jvp(from, to, &moved(1.0), v) - flow.jvp(from, to, &moved(-1.0), v);
        slope.rows_mut().into_iter().zip(distance).for_each(|(mut row, h)| row /= 2.0 * part * h);
        slope
    };
    let differences: Vec<Array2<f64>> = (0..DISTANCES).map(|k| difference(0.5_f64.powi(k as i32))).collect();
    let finest = lengths(&(&differences[DISTANCES - 1] - &differences[DISTANCES - 2]));
    // How far `value` is from the differences finer than the k-th, beyond their noise.
    let disagreement = |value: &Array2<f64>, k: usize| {
        let mut worst = vec![0.0_f64; x.nrows()];
        for (finer, table) in differences.iter().enumerate().skip(k + 1) {
            let noise = ALLOWANCE * 0.5_f64.powi((DISTANCES - 1 - finer) as i32);
            for (i, gap) in lengths(&(value - table)).into_iter().enumerate() {
                worst[i] = larger(worst[i], gap - noise * finest[i]);
            }
        }
        worst
    };
    let mut best = SecondDerivative::new(differences[0].clone(), vec![f64::INFINITY; x.nrows()]);
    let mut before: Vec<Array2<f64>> = vec![differences[0].clone()];
    for (k, plain) in differences.iter().enumerate().skip(1) {
        let mut row = vec![plain.clone()];
        let mut gain = 1.0;
        for m in 0..before.len() {
            gain *= 4.0;
            let extrapolated = (&row[m] * gain - &before[m]) / (gain - 1.0);
            let (one, other) = (lengths(&(&extrapolated - &row[m])), lengths(&(&extrapolated - &before[m])));
            let against = disagreement(&extrapolated, k);
            let own = ALLOWANCE * 0.5_f64.powi((DISTANCES - 1 - k) as i32);
            for i in 0..x.nrows() {
                let error = larger(larger(larger(one[i], other[i]), against[i]), own * finest[i]);
                if error < best.error[i] {
                    best.error[i] = error;
                    best.value.row_mut(i).assign(&extrapolated.row(i));
                }
            }
            row.push(extrapolated);
        }
        before = row;
    }
    best
}

/// The larger of two numbers, NaN if either is.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a >= b { a } else { b }
}
