//! Entropic transport: golden values, certified bounds, the divergence, hard inputs.

use ndarray::{Array2, array};
use onestep::Float;
use onestep::error::OutOfRange;
use onestep::transport::{Assignment, Measure, NetworkSimplex, Sinkhorn, TransportError};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// Marginal error asked for, and what the value then differs by.
const TOLERANCE: f64 = 1e-12;
const VALUE: f64 = 1e-11;

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn list(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * a.abs().max(b.abs()), "{a} and {b} differ by {:e} relatively", (a / b - 1.0).abs());
}

fn normal(rows: usize, dim: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
    Array2::from_shape_simple_fn((rows, dim), || f64::standard_normal(rng))
}

#[test]
fn agrees_with_high_precision() {
    let golden: Value = serde_json::from_str(include_str!("../golden/transport_estimators.json")).unwrap();
    for case in golden["sinkhorn"].as_array().unwrap() {
        let sinkhorn = Sinkhorn::new(2.0, case["reg"].as_f64().unwrap()).unwrap().tolerance(TOLERANCE);
        let s = sinkhorn
            .solve(Measure::weighted(&matrix(&case["x"]), &list(&case["a"])), Measure::weighted(&matrix(&case["y"]), &list(&case["b"])))
            .unwrap();
        close(s.cost, case["cost"].as_f64().unwrap(), VALUE);
        close(s.entropic, case["entropic"].as_f64().unwrap(), VALUE);
        assert!(s.marginal_error <= 2.0 * TOLERANCE);
    }
}

#[test]
fn tolerances_on_both_sides_of_single_precision_agree() {
    // The dual value is off by ε times the square of the marginal error over 1 − η, the gap of a slowly converging problem; an error of
    // single precision that entered it in the first order would be seen at 1e−9.
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (x, y) = (normal(300, 16, &mut rng), normal(300, 16, &mut rng));
    let solve = |tolerance| Sinkhorn::new(2.0, 1.0).unwrap().tolerance(tolerance).solve(&x, &y).unwrap();
    let tight = solve(1e-12);
    for (tolerance, value) in [(1e-4, 1e-6), (1e-6, 1e-10), (4e-7, 1e-10), (1e-8, 1e-12)] {
        let s = solve(tolerance);
        assert!(s.marginal_error <= tolerance && s.iterations < tight.iterations);
        close(s.entropic, tight.entropic, value);
    }
    assert!(tight.marginal_error <= 2.0 * TOLERANCE, "{:e}", tight.marginal_error);
}

#[test]
fn bounds_enclose_the_exact_distance_and_close_as_the_regularisation_falls() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (x, y) = (normal(60, 3, &mut rng), normal(60, 3, &mut rng) + 0.3);
    for p in [1.0, 2.0] {
        let exact = Assignment::new(p).unwrap().solve(&x, &y).unwrap().distance;
        let mut width = f64::INFINITY;
        for reg in [3.0, 0.3, 0.03] {
            // The bounds are certified at any marginal error.
            let s = Sinkhorn::new(p, reg).unwrap().tolerance(1e-3).solve(&x, &y).unwrap();
            assert!(s.lower <= exact && exact <= s.upper);
            assert!(s.upper - s.lower < width);
            width = s.upper - s.lower;
        }
        assert!(width < 0.05 * exact);
    }
}

#[test]
fn tiny_regularisation_and_huge_scales_do_not_break_it() {
    // ε is 1e−7 of the costs: the plain kernel is 0 everywhere.
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (x, y) = (normal(12, 2, &mut rng), normal(9, 2, &mut rng) + 100.0);
    let exact = NetworkSimplex::new(2.0).unwrap().solve(&x, &y).unwrap().distance;
    let s = Sinkhorn::new(2.0, 1e-3).unwrap().tolerance(1e-3).solve(&x, &y).unwrap();
    assert!(s.lower <= exact * (1.0 + 1e-13) && exact <= s.upper * (1.0 + 1e-13) && s.upper / s.lower < 1.0 + 1e-5);
    // Costs near the largest float, ε in proportion.
    let far = Sinkhorn::new(2.0, 1e300).unwrap().solve(&(&x * 1e150), &(&y * 1e150)).unwrap();
    let near = Sinkhorn::new(2.0, 1.0).unwrap().solve(&x, &y).unwrap();
    close(far.cost, near.cost * 1e300, 1e-9);
    assert!(matches!(
        Sinkhorn::new(2.0, 1.0).unwrap().solve(&(&x * 1e200), &y),
        Err(TransportError::OutOfRange(OutOfRange { name: "largest cost", .. }))
    ));
}

#[test]
fn a_cap_is_an_error_that_carries_valid_bounds() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (x, y) = (normal(30, 4, &mut rng), normal(30, 4, &mut rng));
    let exact = Assignment::new(2.0).unwrap().solve(&x, &y).unwrap().distance;
    for cap in [0, 1, 2, 10, 30] {
        let stopped = Sinkhorn::new(2.0, 1e-3).unwrap().iterations(cap).solve(&x, &y);
        let Err(TransportError::NotConverged { iterations, lower, upper, residual }) = stopped else {
            panic!("{cap} iterations are not enough")
        };
        assert!(iterations <= cap && lower <= exact * (1.0 + 1e-13) && exact <= upper * (1.0 + 1e-13) && residual > 0.0);
    }
}

#[test]
fn the_divergence_is_zero_at_equality_and_close_to_w2_for_small_regularisation() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let (x, y) = (normal(40, 2, &mut rng), normal(50, 2, &mut rng) * 0.5 + 1.0);
    let sinkhorn = |reg| Sinkhorn::new(2.0, reg).unwrap().tolerance(1e-9);
    assert!(sinkhorn(0.5).divergence(&x, &x).unwrap().value.abs() < 1e-9);
    let w2 = NetworkSimplex::new(2.0).unwrap().solve(&x, &y).unwrap().cost;
    let error = |reg: f64| (sinkhorn(reg).divergence(&x, &y).unwrap().value - w2).abs();
    assert!(error(0.02) < 0.02 * w2 && error(0.02) < error(0.5));
    // For large ε it tends to the squared difference of the means.
    let shift = (x.mean_axis(ndarray::Axis(0)).unwrap() - y.mean_axis(ndarray::Axis(0)).unwrap()).mapv(|v| v * v).sum();
    close(sinkhorn(1e4).divergence(&x, &y).unwrap().value, shift, 1e-2);
}

#[test]
fn degenerate_clouds() {
    let s = Sinkhorn::new(2.0, 0.1).unwrap();
    let one = array![[1.0, 2.0]];
    assert_eq!(s.solve(&one, &one).unwrap().cost, 0.0);
    let equal = Array2::from_elem((7, 3), 4.0_f32);
    assert_eq!(s.divergence(&equal, &equal).unwrap().value, 0.0);
    // A point without mass does not count.
    let w = s.solve(Measure::weighted(&array![[0.0], [1e6]], &[1.0, 0.0]), &array![[2.0]]).unwrap();
    close(w.cost, 4.0, VALUE);
    close(w.lower, 2.0, VALUE);
    close(w.upper, 2.0, VALUE);
}

#[test]
fn bad_input_is_refused() {
    for reg in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(Sinkhorn::new(2.0, reg), Err(TransportError::OutOfRange(OutOfRange { name: "regularisation", .. }))));
    }
    let s = Sinkhorn::new(1.0, 1.0).unwrap();
    assert!(matches!(s.solve(&array![[0.0]], &array![[0.0, 1.0]]), Err(TransportError::Mismatch(_))));
    assert!(matches!(s.solve(Measure::weighted(&array![[0.0]], &[0.5]), &array![[0.0]]), Err(TransportError::WeightSum { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn symmetric_nonnegative_and_above_the_exact_cost(v in prop::collection::vec(-1.0..1.0_f64, 20), reg in 0.5..5.0_f64) {
        let (x, y) = (Array2::from_shape_vec((6, 2), v[..12].to_vec()).unwrap(), Array2::from_shape_vec((4, 2), v[12..].to_vec()).unwrap());
        let s = Sinkhorn::new(2.0, reg).unwrap().tolerance(1e-10);
        let (there, back) = (s.divergence(&x, &y).unwrap(), s.divergence(&y, &x).unwrap());
        prop_assert!((there.value - back.value).abs() < 1e-7 * (1.0 + there.value) && there.value > -1e-8);
        let exact = NetworkSimplex::new(2.0).unwrap().solve(&x, &y).unwrap().cost;
        prop_assert!(s.solve(&x, &y).unwrap().cost >= exact - 1e-8);
    }
}

/// From the potentials alone, by the formulas: the dual value after two c-transforms, and the cost of the plan rounded to the marginals.
fn by_hand(x: &Array2<f64>, y: &Array2<f64>, reg: f64, f: &[f64], g: &[f64]) -> (f64, f64) {
    let (n, m) = (x.nrows(), y.nrows());
    let (a, b) = (1.0 / n as f64, 1.0 / m as f64);
    let cost = Array2::from_shape_fn((n, m), |(i, j)| x.row(i).iter().zip(y.row(j)).map(|(x, y)| (x - y).powi(2)).sum::<f64>());
    let least = |row: ndarray::ArrayView1<f64>, g: &[f64]| row.iter().zip(g).map(|(c, g)| c - g).fold(f64::INFINITY, f64::min);
    let up: Vec<f64> = (0..n).map(|i| least(cost.row(i), g)).collect();
    let back: Vec<f64> = (0..m).map(|j| least(cost.column(j), &up)).collect();
    let dual = up.iter().sum::<f64>() * a + back.iter().sum::<f64>() * b;
    let mut plan = Array2::from_shape_fn((n, m), |(i, j)| a * b * ((f[i] + g[j] - cost[[i, j]]) / reg).exp());
    for mut row in plan.rows_mut() {
        let sum = row.sum();
        row *= (a / sum).min(1.0);
    }
    for mut column in plan.columns_mut() {
        let sum = column.sum();
        column *= (b / sum).min(1.0);
    }
    let rows: Vec<f64> = plan.rows().into_iter().map(|r| a - r.sum()).collect();
    let columns: Vec<f64> = plan.columns().into_iter().map(|c| b - c.sum()).collect();
    let left: f64 = rows.iter().sum();
    let filled: f64 = cost.indexed_iter().map(|((i, j), c)| rows[i] * columns[j] * c).sum();
    (dual, (&plan * &cost).sum() + if left > 1e-15 { filled / left } else { 0.0 })
}

#[test]
fn bounds_are_those_of_the_potentials_and_hold() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for (n, m, reg, tolerance) in [(7, 7, 1.0, 1e-3), (6, 4, 0.1, 1e-6), (5, 5, 0.02, 1e-9), (8, 3, 3.0, 1e-12), (1, 1, 1.0, 1e-6)] {
        let (x, y) = (normal(n, 3, &mut rng), normal(m, 3, &mut rng) + 0.5);
        let s = Sinkhorn::new(2.0, reg).unwrap().tolerance(tolerance).solve(&x, &y).unwrap();
        let (dual, primal) = by_hand(&x, &y, reg, &s.f, &s.g);
        close(s.lower.powi(2), dual, 1e-11);
        close(s.upper.powi(2), primal, 1e-11);
        let exact = NetworkSimplex::new(2.0).unwrap().solve(&x, &y).unwrap().distance;
        assert!(s.lower <= exact * (1.0 + 1e-15) && exact <= s.upper * (1.0 + 1e-15));
        assert!(s.lower <= s.upper && s.cost.sqrt() <= s.upper);
    }
}

/// Where only one plan exists the bracket is a few hundred roundings of the largest cost and of the potentials wide, and holds the value
/// computed by hand.
#[test]
fn brackets_hold_in_floating_point() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for k in 0..300 {
        let scale = 10_f64.powi(k % 60 - 30);
        let (x, y) = (normal(1, 3, &mut rng) * scale, normal(4, 3, &mut rng) * scale);
        let s = Sinkhorn::new(1.0, scale).unwrap().solve(&x, &y).unwrap();
        let truth: f64 =
            y.rows().into_iter().map(|y| x.row(0).iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()).sum::<f64>() / 4.0;
        assert!(s.lower < truth && truth < s.upper, "[{}, {}] for {truth}", s.lower, s.upper);
        assert!(s.upper - s.lower < 1e-11 * truth);
    }
}

#[test]
fn an_entropy_that_costs_drown_is_refused_not_iterated() {
    let (x, y) = (array![[0.0], [1.0]], array![[2.0], [1e8]]);
    for reg in [f64::MIN_POSITIVE, 1e-300, 1e-3 * f64::EPSILON] {
        assert!(matches!(
            Sinkhorn::new(2.0, reg).unwrap().solve(&x, &y),
            Err(TransportError::OutOfRange(OutOfRange { name: "regularisation", .. }))
        ));
    }
    // Costs that all underflow say nothing of the distance.
    assert!(matches!(
        Sinkhorn::new(100.0, 1.0).unwrap().solve(&array![[0.0]], &array![[1e-4]]),
        Err(TransportError::OutOfRange(OutOfRange { name: "largest cost", .. }))
    ));
}
