//! Clouds from a formula, the same as in `golden/transport_exact.py`, and an independent check of duals.

use ndarray::{Array2, ArrayRef2, Axis};

/// A line of `golden/transport_exact.json`.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) law: String,
    pub(crate) n: usize,
    pub(crate) m: usize,
    pub(crate) dim: usize,
    pub(crate) order: f64,
    pub(crate) weighted: bool,
    pub(crate) cost: f64,
}

/// All reference values.
pub(crate) fn golden() -> Vec<Case> {
    let case = |line: &str| {
        let v: serde_json::Value = serde_json::from_str(line).unwrap();
        let int = |key: &str| v[key].as_u64().unwrap() as usize;
        let float = |key: &str| v[key].as_f64().unwrap();
        let law = v["law"].as_str().unwrap().to_owned();
        let weighted = v["weighted"].as_bool().unwrap();
        Case { law, n: int("n"), m: int("m"), dim: int("dim"), order: float("order"), weighted, cost: float("cost") }
    };
    include_str!("../golden/transport_exact.json").lines().map(case).collect()
}

/// splitmix64 of stream · 2³² + k, as numbers in [0, 1) with 53 bits.
pub(crate) fn uniform(stream: u64, count: usize) -> Vec<f64> {
    let number = |k: u64| {
        let mut z = (stream << 32).wrapping_add(k + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0
    };
    (0..count as u64).map(number).collect()
}

/// Sums of three uniforms, mean 0, variance 1.
pub(crate) fn bell(stream: u64, rows: usize, dim: usize) -> Array2<f64> {
    let u = uniform(stream, 3 * rows * dim);
    Array2::from_shape_fn((rows, dim), |(i, k)| {
        let at = 3 * (i * dim + k);
        2.0 * (u[at] + u[at + 1] + u[at + 2]) - 3.0
    })
}

/// The pair of clouds of a law.
pub(crate) fn clouds(law: &str, n: usize, m: usize, dim: usize) -> (Array2<f64>, Array2<f64>) {
    let (mut x, mut y) = (bell(1, n, dim), bell(2, m, dim));
    match law {
        "shifted" => y.mapv_inplace(|z| z * 0.75 + 0.5),
        "clusters" => {
            x.column_mut(0).iter_mut().take(n / 2).for_each(|z| *z += 10.0);
            y.column_mut(0).iter_mut().take(3 * m / 5).for_each(|z| *z += 10.0);
        }
        "offset" => {
            x += 1e8;
            y += 1e8;
        }
        "far" => {
            x.rows_mut().into_iter().take(n / 2).for_each(|mut row| row += 1e8);
            y.rows_mut().into_iter().take(n / 2).for_each(|mut row| row += 1e8);
        }
        "lattice" => {
            x.mapv_inplace(|z| (2.0 * z).floor());
            y.mapv_inplace(|z| (2.0 * z).floor());
        }
        "duplicates" => {
            x = x.select(Axis(0), &(0..n).map(|i| i % (n / 3)).collect::<Vec<_>>());
            y = y.select(Axis(0), &(0..m).map(|j| j % (m / 4)).collect::<Vec<_>>());
        }
        "heavy" => {
            x.mapv_inplace(|z| z * z * z * z * z);
            y.mapv_inplace(|z| z * z * z * z * z);
        }
        "collinear" => {
            for cloud in [&mut x, &mut y] {
                cloud.rows_mut().into_iter().for_each(|mut row| {
                    let first = row[0];
                    row.fill(first);
                });
            }
        }
        "nested" => y.rows_mut().into_iter().zip(x.rows()).take(m / 2).for_each(|(mut y, x)| y.assign(&x)),
        _ => assert_eq!(law, "null"),
    }
    (x, y)
}

/// ‖x_i − y_j‖^p.
pub(crate) fn cost(order: f64, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, i: usize, j: usize) -> f64 {
    let square: f64 = x.row(i).iter().zip(y.row(j)).map(|(a, b)| (a - b) * (a - b)).sum();
    if order == 2.0 { square } else { square.sqrt().powf(order) }
}

/// Checks u_i + v_j ≤ c_ij for all pairs within `tolerance` of the largest cost or dual, and returns that scale.
pub(crate) fn check_duals(order: f64, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, u: &[f64], v: &[f64], tolerance: f64) -> f64 {
    let (mut scale, mut worst) = (0.0_f64, f64::NEG_INFINITY);
    for (i, u) in u.iter().enumerate() {
        for (j, v) in v.iter().enumerate() {
            let c = cost(order, x, y, i, j);
            scale = scale.max(c).max(u.abs()).max(v.abs());
            worst = worst.max(u + v - c);
        }
    }
    assert!(worst <= tolerance * scale, "u + v exceeds the cost by {worst:e} on the scale {scale:e}");
    scale
}
