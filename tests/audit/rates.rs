//! Exponent fits: exact powers, known intervals, coverage, refusals.

use onestep::Float;
use onestep::audit::{AuditError, RateModel};
use onestep::error::{EntryOutOfRange as Entry, OutOfRange as Range};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The t quantile is found by bisection on a tail that is good to a few ulp of lgamma: measured 2e−14 up to 1000 degrees of freedom.
const QUANTILE: f64 = 2e-13;

/// Data whose slope estimate has standard error exactly known: residuals orthogonal to the regressors are a fixed vector.
fn quantile_used(confidence: f64, freedom: usize) -> f64 {
    let x: Vec<f64> = (0..freedom + 2).map(|i| (1.0 + i as f64).exp()).collect();
    let y: Vec<f64> = (0..freedom + 2).map(|i| if i % 2 == 0 { 1.25 } else { 0.75 }).collect();
    let slope = RateModel::new().confidence(confidence).fit(&x[..], &y).unwrap().slope;
    (slope.upper - slope.value) / slope.std_error
}

#[test]
fn intervals_use_the_t_quantile_to_thirteen_digits() {
    for line in include_str!("../golden/student.csv").lines().skip(1) {
        let cells: Vec<f64> = line.split(',').map(|c| c.parse().unwrap()).collect();
        let (confidence, freedom, want) = (cells[0], cells[1] as usize, cells[2]);
        if freedom > 500 {
            continue; // e^{1002} is no float: covered by the test of many points below
        }
        let got = quantile_used(confidence, freedom);
        assert!((got / want - 1.0).abs() < QUANTILE, "{confidence}, {freedom}: {got} against {want}, {:e}", got / want - 1.0);
    }
}

#[test]
fn an_interval_on_a_thousand_points_is_that_of_998_degrees_of_freedom() {
    let x: Vec<f64> = (0..1002).map(|i| (1.0 + 0.5 * f64::from(i)).exp()).collect();
    let y: Vec<f64> = (0..1002).map(|i| if i % 2 == 0 { 1.25 } else { 0.75 }).collect();
    let fit = RateModel::new().fit(&x, &y).unwrap();
    assert_eq!(fit.degrees_of_freedom, 1000);
    let want = 1.962_339_080_826_408; // t_{0.975} at 1000 degrees of freedom, as in the golden table
    assert!(((fit.slope.upper - fit.slope.value) / fit.slope.std_error / want - 1.0).abs() < 1e-12);
}

#[test]
fn a_textbook_line_has_its_textbook_errors() {
    // ln x = 1..5, ln y = (2.2, 2.8, 3.6, 4.5, 5.1): slope 0.75, intercept 1.39, residual sum of squares 0.027.
    let x = [1.0, 2.0, 3.0, 4.0, 5.0].map(f64::exp);
    let y = [2.2, 2.8, 3.6, 4.5, 5.1].map(f64::exp);
    let fit = RateModel::new().fit(&x, &y).unwrap();
    assert!((fit.slope.value - 0.75).abs() < 1e-14 && (fit.intercept.value - 1.39).abs() < 1e-14);
    assert!((fit.residual_std - (0.027f64 / 3.0).sqrt()).abs() < 1e-14);
    assert!((fit.slope.std_error - (0.027f64 / 3.0 / 10.0).sqrt()).abs() < 1e-14);
    assert!((fit.intercept.std_error - (0.027f64 / 3.0 * (0.2 + 0.9)).sqrt()).abs() < 1e-14);
    assert!((fit.r_squared - (1.0 - 0.027 / 5.652)).abs() < 1e-13);
    assert_eq!((fit.degrees_of_freedom, fit.slope.evaluations), (3, 5));
    assert!(fit.residuals.iter().sum::<f64>().abs() < 1e-14);
}

proptest! {
    #[test]
    fn exact_powers_are_recovered(slope in -3.0f64..3.0, power in -5.0f64..5.0, constant in 0.01f64..100.0) {
        let x: Vec<f64> = (2..12).map(|k| 4f64.powi(k)).collect();
        let y: Vec<f64> = x.iter().map(|x| constant * x.powf(slope) * x.ln().powf(power)).collect();
        let removed = RateModel::new().log_power(power).fit(&x, &y).unwrap();
        prop_assert!((removed.slope.value - slope).abs() < 1e-13);
        prop_assert!((removed.constant() / constant - 1.0).abs() < 1e-12);
        prop_assert_eq!(removed.log_power.value, power);
        let fitted = RateModel::new().fit_log_power().fit(&x, &y).unwrap();
        prop_assert!((fitted.slope.value - slope).abs() < 1e-12);
        prop_assert!((fitted.log_power.value - power).abs() < 1e-11);
        prop_assert!((fitted.predict(1e5) / (constant * 1e5f64.powf(slope) * 1e5f64.ln().powf(power)) - 1.0).abs() < 1e-11);
    }

    #[test]
    fn rescaling_either_axis_leaves_the_slope(scale in 0.001f64..1000.0, size in 0.1f64..10.0) {
        let (x, y) = ([10.0, 30.0, 100.0, 400.0], [3.0, 1.2, 0.3, 0.09]);
        let model = RateModel::new();
        let (a, b) = (model.fit(&x, &y).unwrap(), model.fit(&x.map(|v| v * size), &y.map(|v| v * scale)).unwrap());
        prop_assert!((a.slope.value - b.slope.value).abs() < 1e-13);
        prop_assert!((a.slope.std_error / b.slope.std_error - 1.0).abs() < 1e-11);
    }

    #[test]
    fn equal_relative_errors_weigh_equally(relative in 0.001f64..0.5) {
        let (x, y) = ([10.0, 30.0, 100.0, 400.0], [3.0, 1.2, 0.3, 0.09]);
        let (plain, weighted) = (RateModel::new().fit(&x, &y).unwrap(), RateModel::new().fit_weighted(&x, &y, &y.map(|v| v * relative)).unwrap());
        prop_assert!((plain.slope.value - weighted.slope.value).abs() < 1e-13);
        prop_assert!((plain.slope.std_error / weighted.slope.std_error - 1.0).abs() < 1e-12);
    }
}

/// Coverage of the 90 % interval over n = 2000 data sets with Gaussian errors is binomial; five of its standard deviations, α = 6e−7 a test.
fn coverage(model: RateModel, power: f64, errors: &[f64]) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let x: Vec<f64> = (0..errors.len()).map(|i| 16.0 * 3f64.powi(i32::try_from(i).unwrap())).collect();
    let runs = 2000;
    let hits = (0..runs).filter(|_| {
        let draw: Vec<f64> =
            x.iter().zip(errors).map(|(x, e)| (e * f64::standard_normal(&mut rng)).exp() * x.ln().powf(power) / x).collect();
        let std_errors: Vec<f64> = draw.iter().zip(errors).map(|(y, e)| y * e).collect();
        model.confidence(0.9).fit_weighted(&x, &draw, &std_errors).unwrap().slope.contains(-1.0)
    });
    hits.count() as f64 / f64::from(runs)
}

#[test]
fn intervals_cover_the_true_slope_as_often_as_they_say() {
    let tolerance = 5.0 * (0.9f64 * 0.1 / 2000.0).sqrt();
    for (model, power) in [(RateModel::new(), 0.0), (RateModel::new().log_power(2.0), 2.0), (RateModel::new().fit_log_power(), 2.0)] {
        for errors in [[0.05; 6], [0.01, 0.02, 0.04, 0.08, 0.16, 0.32]] {
            let measured = coverage(model, power, &errors);
            assert!((measured - 0.9).abs() < tolerance, "{model:?}: {measured}");
        }
    }
}

#[test]
fn bad_input_is_refused_with_a_typed_error() {
    use AuditError::{Degenerate, EntryOutOfRange, Mismatch, OutOfRange, TooFewPoints};
    let model = RateModel::new();
    let (x, y) = ([2.0, 4.0, 8.0, 16.0], [1.0, 0.5, 0.3, 0.1]);
    for n in 0..3 {
        assert!(matches!(model.fit(&x[..n], &y[..n]), Err(TooFewPoints { needed: 3, .. })));
    }
    assert!(matches!(model.fit_log_power().fit(&x[..3], &y[..3]), Err(TooFewPoints { needed: 4, .. })));
    assert!(matches!(model.fit(&x, &y[..3]), Err(Mismatch(_))));
    assert!(matches!(model.fit_weighted(&x, &y, &y[..3]), Err(Mismatch(_))));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(model.fit(&x, &[1.0, 2.0, bad, 4.0]), Err(EntryOutOfRange(Entry { name: "y", index: 3, .. }))));
        assert!(matches!(model.fit(&[1.0, 2.0, bad, 4.0], &y), Err(EntryOutOfRange(Entry { name: "x", index: 3, .. }))));
        assert!(matches!(
            model.fit_weighted(&x, &y, &[1.0, bad, 1.0, 1.0]),
            Err(EntryOutOfRange(Entry { name: "std_error", index: 2, .. }))
        ));
    }
    assert!(matches!(model.log_power(1.0).fit(&[1.0, 2.0, 4.0], &y[..3]), Err(EntryOutOfRange(Entry { name: "x", index: 1, .. }))));
    assert!(matches!(model.log_power(f64::NAN).fit(&x, &y), Err(OutOfRange(Range { name: "log_power", .. }))));
    for bad in [0.0, 1.0, f64::NAN] {
        assert!(matches!(model.confidence(bad).fit(&x, &y), Err(OutOfRange(Range { name: "confidence", .. }))));
    }
    assert!(matches!(model.fit(&[2.0; 4], &y), Err(Degenerate { .. })));
    assert!(matches!(model.fit_log_power().fit(&[2.0, 2.0, 4.0, 4.0], &y), Err(Degenerate { .. })));
}
