//! W_p on the line: golden values, the assignment solver, metric axioms, degenerate input.

use ndarray::Array2;
use onestep::NoiseLevel;
use onestep::error::{EntryOutOfRange, NotFinite, OutOfRange};
use onestep::law::LineMixture;
use onestep::transport::{Assignment, Line, Measure, QuantileFn, TransportError};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// Sums of a few rounded terms.
const ROUNDING: f64 = 1e-13;
/// Asked of the quadrature.
const TOLERANCE: f64 = 1e-12;
/// What the quadrature delivers: its estimate is pessimistic, but quantiles carry a few ulp each.
const QUADRATURE: f64 = 1e-11;

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/transport_estimators.json")).unwrap()
}

fn list(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * a.abs().max(b.abs()), "{a} and {b} differ by {:e} relatively", (a / b - 1.0).abs());
}

fn mixture(law: &Value) -> LineMixture {
    LineMixture::new(&list(&law["weights"]), &list(&law["means"]), &list(&law["stds"])).unwrap()
}

#[test]
fn weighted_samples_agree_with_high_precision() {
    for case in golden()["weighted"].as_array().unwrap() {
        let line = Line::new(number(&case["order"])).unwrap();
        let w = line
            .samples(Measure::weighted(&list(&case["x"]), &list(&case["a"])), Measure::weighted(&list(&case["y"]), &list(&case["b"])))
            .unwrap();
        close(w, number(&case["value"]), ROUNDING);
    }
}

#[test]
fn sample_to_law_agrees_with_high_precision() {
    for case in golden()["sample_to_law"].as_array().unwrap() {
        let line = Line::new(number(&case["order"])).unwrap();
        let law = mixture(&case["law"]).at(NoiseLevel::DATA);
        let w = line.sample_to_law(&list(&case["x"]), &law, TOLERANCE).unwrap();
        close(w.value, number(&case["value"]), QUADRATURE);
        assert!(w.contains(number(&case["value"])) && w.upper - w.lower <= 4.0 * QUADRATURE * w.value);
    }
}

#[test]
fn laws_agree_with_high_precision() {
    for case in golden()["laws"].as_array().unwrap() {
        let line = Line::new(number(&case["order"])).unwrap();
        let left = mixture(&case["left"]).at(NoiseLevel::DATA);
        let right = LineMixture::gaussian(number(&case["right"]["mean"]), number(&case["right"]["std"])).unwrap().at(NoiseLevel::DATA);
        let w = line.laws(&left, &right, TOLERANCE).unwrap();
        close(w.value, number(&case["value"]), QUADRATURE);
        assert!(w.contains(number(&case["value"])));
    }
}

#[test]
fn a_large_sample_of_the_law_itself_is_integrated_cell_by_cell() {
    // The midpoints of the cells of U(0, 1): W_1 = 1/(4n), W_2 = 1/(n√12), by hand.
    let uniform = QuantileFn::new(|u| u, |q: f64| 1.0 - q);
    for n in [1_u32, 2, 63, 64, 1001] {
        let x: Vec<f64> = (0..n).map(|i| (f64::from(i) + 0.5) / f64::from(n)).collect();
        let w1 = Line::new(1.0).unwrap().sample_to_law(&x, &uniform, 1e-10).unwrap();
        let w2 = Line::new(2.0).unwrap().sample_to_law(&x, &uniform, 1e-10).unwrap();
        close(w1.value, 0.25 / f64::from(n), 1e-10);
        close(w2.value, 1.0 / (f64::from(n) * 12f64.sqrt()), 1e-10);
    }
}

#[test]
fn heavy_tails_are_integrated_and_infinite_distances_refused() {
    // Pareto, survival x^{−3}: quantile u ↦ (1−u)^{−1/3}. Distance to twice itself is its mean 3/2 for p = 1, √3 for p = 2, ∞ for p = 3.
    let pareto = |scale: f64| QuantileFn::new(move |u: f64| scale * (-(-u).ln_1p() / 3.0).exp(), move |q: f64| scale * q.powf(-1.0 / 3.0));
    close(Line::new(1.0).unwrap().laws(&pareto(1.0), &pareto(2.0), TOLERANCE).unwrap().value, 1.5, QUADRATURE);
    close(Line::new(2.0).unwrap().laws(&pareto(1.0), &pareto(2.0), TOLERANCE).unwrap().value, 3f64.sqrt(), QUADRATURE);
    let nan = QuantileFn::new(|_| f64::NAN, |q: f64| q);
    assert!(matches!(Line::new(1.0).unwrap().laws(&nan, &pareto(1.0), 1e-6), Err(TransportError::NotConverged { .. })));
}

#[test]
fn laws_that_differ_by_rounding_end_with_an_honest_interval() {
    let p = LineMixture::gaussian(1e3, 1.0).unwrap().at(NoiseLevel::DATA);
    let q = LineMixture::gaussian(1e3 + 1e-9, 1.0).unwrap().at(NoiseLevel::DATA);
    let w = Line::new(1.0).unwrap().laws(&p, &q, TOLERANCE).unwrap();
    assert!(w.contains(1e-9) && w.upper - w.lower < 1e-11);
    assert_eq!(Line::new(2.0).unwrap().laws(&p, &p, TOLERANCE).unwrap().value, 0.0);
}

#[test]
fn maps_of_one_law_cross() {
    // E|X³ − X| for X ~ N(0, 1), with kinks at −1, 0 and 1: 2 ∫_0^∞ |x³ − x| φ = (2/√(2π)) (4 e^{−1/2} − 1)… by parts:
    // ∫_a^b (x³ − x) φ dx = [−(x² + 1) φ]_a^b.
    let x = LineMixture::gaussian(0.0, 1.0).unwrap().at(NoiseLevel::DATA);
    let w = Line::new(1.0).unwrap().maps(|x| x * x * x, |x| x, &x, TOLERANCE).unwrap();
    let density = |z: f64| (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let inside = 2.0 * density(1.0) - density(0.0);
    close(w.value, 2.0 * (inside.abs() + 2.0 * density(1.0)), QUADRATURE);
}

#[test]
fn unequal_sizes_are_exact() {
    // Repeating every point does not change the measure.
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (x, y): (Vec<f64>, Vec<f64>) = ((0..40).map(|_| rng.random()).collect(), (0..30).map(|_| rng.random()).collect());
    let repeated = |x: &[f64], k: usize| x.iter().flat_map(|&v| std::iter::repeat_n(v, k)).collect::<Vec<_>>();
    for p in [1.0, 2.0, 2.5] {
        let line = Line::new(p).unwrap();
        close(line.samples(&x, &y).unwrap(), line.samples(&repeated(&x, 3), &repeated(&y, 4)).unwrap(), ROUNDING);
    }
}

#[test]
fn a_million_points_keep_their_digits() {
    // Sorted grids k/n and k/n + h: every gap is h up to its own rounding.
    let n = 1_000_000;
    let x: Vec<f64> = (0..n).rev().map(|k| f64::from(k) / f64::from(n)).collect();
    let y: Vec<f64> = x.iter().map(|v| v + 0.25).collect();
    for p in [1.0, 2.0, 3.0] {
        close(Line::new(p).unwrap().samples(&x, &y).unwrap(), 0.25, 1e-15 * 4.0);
    }
}

#[test]
fn scales_do_not_overflow() {
    for scale in [1e-150, 1e150, 1e300] {
        let w = Line::new(4.0).unwrap().samples(&[0.0, scale], &[2.0 * scale, 3.0 * scale]).unwrap();
        close(w, 2.0 * scale, ROUNDING);
    }
}

#[test]
fn bad_input_is_refused() {
    let line = Line::new(1.0).unwrap();
    assert!(matches!(line.samples::<f64>(&[], &[1.0]), Err(TransportError::Empty(_))));
    assert!(matches!(line.samples(&[0.0, f64::NAN], &[1.0]), Err(TransportError::NotFinite(NotFinite { row: 2, .. }))));
    assert!(matches!(line.samples(&[0.0_f32], &[f32::INFINITY]), Err(TransportError::NotFinite(NotFinite { row: 1, .. }))));
    assert!(matches!(line.samples(Measure::weighted(&[0.0], &[0.9]), &[1.0]), Err(TransportError::WeightSum { .. })));
    assert!(matches!(
        line.samples(Measure::weighted(&[0.0, 1.0], &[1.5, -0.5]), &[1.0]),
        Err(TransportError::EntryOutOfRange(EntryOutOfRange { index: 2, .. }))
    ));
    assert!(matches!(line.samples(Measure::weighted(&[0.0, 1.0], &[1.0]), &[1.0]), Err(TransportError::Mismatch(_))));
    for p in [0.999, f64::NAN, f64::INFINITY, -1.0] {
        assert!(matches!(Line::new(p), Err(TransportError::OutOfRange(OutOfRange { name: "order", .. }))));
    }
    let uniform = QuantileFn::new(|u| u, |q: f64| 1.0 - q);
    assert!(matches!(line.laws(&uniform, &uniform, 0.0), Err(TransportError::OutOfRange(OutOfRange { name: "tolerance", .. }))));
}

fn points() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-100.0..100.0_f64, 1..20)
}

proptest! {
    #[test]
    fn is_a_metric(x in points(), y in points(), z in points(), p in 1.0..4.0_f64) {
        let line = Line::new(p).unwrap();
        let d = |a: &[f64], b: &[f64]| line.samples(a, b).unwrap();
        prop_assert_eq!(d(&x, &x), 0.0);
        prop_assert!((d(&x, &y) - d(&y, &x)).abs() <= ROUNDING * d(&x, &y));
        prop_assert!(d(&x, &z) <= (d(&x, &y) + d(&y, &z)) * (1.0 + ROUNDING));
    }

    #[test]
    fn scales_and_translates(x in points(), y in points(), s in 0.1..10.0_f64, t in -50.0..50.0_f64) {
        let line = Line::new(2.0).unwrap();
        let map = |v: &[f64]| v.iter().map(|v| s * v + t).collect::<Vec<_>>();
        let (before, after) = (line.samples(&x, &y).unwrap(), line.samples(&map(&x), &map(&y)).unwrap());
        // The affine map itself rounds: absolute error of about an ulp of the largest coordinate.
        prop_assert!((after - s * before).abs() <= 1e-12);
    }

    #[test]
    fn equals_the_assignment_problem(x in prop::collection::vec((-9.0..9.0_f64, -9.0..9.0_f64), 1..15), p in 1.0..3.0_f64) {
        let (a, b): (Vec<f64>, Vec<f64>) = x.into_iter().unzip();
        let column = |v: &[f64]| Array2::from_shape_vec((v.len(), 1), v.to_vec()).unwrap();
        let exact = Assignment::new(p).unwrap().solve(&column(&a), &column(&b)).unwrap();
        let line = Line::new(p).unwrap().samples(&a, &b).unwrap();
        prop_assert!((exact.distance - line).abs() <= 1e-12 * line.max(1.0));
    }

    #[test]
    fn equal_weights_are_no_weights(x in points(), y in points()) {
        let line = Line::new(1.5).unwrap();
        let uniform = |n: usize| vec![1.0 / n as f64; n];
        let weighted = line.samples(Measure::weighted(&x, &uniform(x.len())), Measure::weighted(&y, &uniform(y.len()))).unwrap();
        let plain = line.samples(&x, &y).unwrap();
        prop_assert!((weighted - plain).abs() <= 1e-12 * plain);
    }

    #[test]
    fn grows_with_the_order(x in points(), y in points(), p in 1.0..3.0_f64, q in 0.0..3.0_f64) {
        let (low, high) = (Line::new(p).unwrap().samples(&x, &y).unwrap(), Line::new(p + q).unwrap().samples(&x, &y).unwrap());
        prop_assert!(low <= high * (1.0 + ROUNDING));
    }
}

#[test]
fn large_orders_and_large_coordinates() {
    let w = |p: f64, x: &[f64], y: &[f64]| Line::new(p).unwrap().samples(x, y).unwrap();
    close(w(540.0, &[1.0, 2.0, 3.0, 54.0], &[1.0, 2.0, 3.0, 4.0]), 49.871_804_034_510_89, ROUNDING);
    for p in [1.0, 2.0, 3.0, 600.0] {
        // A translation costs its length, near the ends of f64 as well; half of the mass moved costs 2^{−1/p} of it.
        for scale in [1e-300, 1e-150, 1.0, 1e150, 1.3e154, 1e300] {
            close(w(p, &[0.0, scale], &[3.0 * scale, 4.0 * scale]), 3.0 * scale, ROUNDING);
            close(w(p, &[0.0, scale], &[0.0, 5.0 * scale]), 4.0 * scale * 0.5_f64.powf(1.0 / p), ROUNDING);
            let weights = [0.5; 2];
            let weighted = Line::new(p).unwrap().samples(Measure::weighted(&[0.0, scale], &weights), &[0.0, 5.0 * scale]).unwrap();
            close(weighted, 4.0 * scale * 0.5_f64.powf(1.0 / p), ROUNDING);
        }
    }
    close(w(1.0, &[1e308; 3], &[0.0; 3]), 1e308, ROUNDING);
    assert!(matches!(Line::new(1.0).unwrap().samples(&[1.7e308], &[-1.7e308]), Err(TransportError::OutOfRange(_))));
    // A point of weight 1e−300, far away: W_p = (1e−300)^{1/p} of its distance.
    let tiny = Line::new(600.0).unwrap().samples(Measure::weighted(&[0.0, 1e15], &[1.0, 1e-300]), &[0.0]).unwrap();
    close(tiny, 1e15 * 0.316_227_766_016_837_94, 1e-12);
}

#[test]
fn weights_of_a_softmax_in_single_precision_are_taken_and_normalised() {
    let logits: Vec<f32> = (0..1000).map(|i| ((i * 37 % 101) as f32 * 0.1).sin()).collect();
    let sum: f32 = logits.iter().map(|z| z.exp()).sum();
    let weights: Vec<f64> = logits.iter().map(|z| f64::from(z.exp() / sum)).collect();
    let total: f64 = weights.iter().sum();
    assert!((total - 1.0).abs() > 1e-9, "{total}"); // refused at 1e−9
    let x: Vec<f64> = (0..1000).map(f64::from).collect();
    let w1 = Line::new(1.0).unwrap().samples(Measure::weighted(&x, &weights), &[0.0]).unwrap();
    close(w1, x.iter().zip(&weights).map(|(x, w)| x * w).sum::<f64>() / total, ROUNDING);
}
