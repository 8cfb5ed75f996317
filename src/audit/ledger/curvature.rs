//! Second derivatives of a flow map, from differences of its Jacobian.

use crate::flow::FlowJacobian;
use crate::level::NoiseLevel;
use ndarray::{Array2, ArrayRef2, Axis};

/// Differences are taken at this many distances, each half of the last.
const DISTANCES: usize = 5;
/// The first distance in units of the length on which the flow bends.
const FIRST: f64 = 0.25;

/// A second derivative for every row and the estimated error of its length.
#[derive(Debug)]
pub(super) struct Curvature {
    pub(super) value: Array2<f64>,
    pub(super) error: Vec<f64>,
}

/// The largest distance of differences at a point of noise level `level` where X_0 has posterior covariance of the given trace.
///
/// ln p_θ bends over the length √(1/‖∇s‖), and its slope changes over v/(cos θ ‖spread of X_0 given x‖): p_θ is smooth on the scale sin θ
/// where the posterior is narrow, and on sin²θ/(cos θ √tr Cov) between modes.
pub(super) fn distance(level: NoiseLevel, trace: f64) -> f64 {
    FIRST * level.one_minus_alpha_bar() / (level.sin() + level.cos() * trace.max(0.0).sqrt())
}

/// D²Φ_{from→to}(x_i)[e_j, v_i] for every row i: Ridders' extrapolation of (∂Φ(x + h e_j) v − ∂Φ(x − h e_j) v)/(2h), h = `distance[i]`/2^k.
///
/// # Accuracy
/// The entry of the extrapolation table that differs least from its neighbours is taken, and this difference is the error.
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
) -> Curvature {
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
    let gap = |a: &Array2<f64>, b: &Array2<f64>| (a - b).map_axis(Axis(1), |r| r.dot(&r).sqrt());
    let mut before: Vec<Array2<f64>> = vec![difference(1.0)];
    let mut best = Curvature { value: before[0].clone(), error: vec![f64::INFINITY; x.nrows()] };
    let mut part = 1.0;
    for _ in 1..DISTANCES {
        part *= 0.5;
        let mut row = vec![difference(part)];
        let mut gain = 1.0;
        for m in 0..before.len() {
            gain *= 4.0;
            let extrapolated = (&row[m] * gain - &before[m]) / (gain - 1.0);
            let (one, other) = (gap(&extrapolated, &row[m]), gap(&extrapolated, &before[m]));
            for i in 0..x.nrows() {
                let error = one[i].max(other[i]);
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
