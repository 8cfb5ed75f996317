//! Bounds between laws, resampling, baselines, centred estimators: what the intervals cover.

use ndarray::{Array2, array};
use onestep::error::OutOfRange;
use onestep::transport::inference::{
    baseline, bootstrap, centred, confidence, debiased, permutation_test, resolution, split_baseline, subsample,
};
use onestep::transport::{
    Assignment, Bures, CTransform, DistanceFn, Line, Measure, NetworkSimplex, Sandwich, Sinkhorn, Sliced, TransportError, coupling_upper,
    lipschitz_lower,
};
use onestep::{Distance, Estimate, Float};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn normal(rows: usize, dim: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
    Array2::from_shape_simple_fn((rows, dim), || f64::standard_normal(rng))
}

#[test]
fn a_sandwich_of_fresh_bounds_holds_the_truth() {
    // N(0, I_2) and its translation by (0.6, 0.8): W_1 = W_2 = 1.
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut pair = |n| (normal(n, 2, &mut rng), normal(n, 2, &mut rng) + &array![0.6, 0.8]);
    let (x, y) = pair(600);
    let matching = Assignment::new(1.0).unwrap().solve(&x, &y).unwrap();
    let f = CTransform::new(&y, &matching.v).unwrap();
    let (fresh_x, fresh_y) = pair(4000);
    let lower = f.lower(&fresh_x, &fresh_y).unwrap();
    // A coupling that is nearly optimal: the translation and a little noise of its own.
    let image = &fresh_x + &array![0.6, 0.8] + normal(4000, 2, &mut rng) * 0.1;
    let upper = coupling_upper(&fresh_x, &image, 1.0).unwrap();
    let sandwich = Sandwich::default().with_lower(lower).with_upper(upper);
    assert!(sandwich.is_consistent());
    // Limits at five standard errors: false alarms below 1e−6.
    assert!(lower.value - 5.0 * lower.std_error < 1.0 && lower.value > 0.8);
    assert!(upper.value + 5.0 * upper.std_error > 1.0 && upper.value < 1.05);
}

#[test]
fn the_c_transform_is_lipschitz_and_attains_the_dual_value() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (x, y) = (normal(50, 3, &mut rng), normal(50, 3, &mut rng) + 0.4);
    let matching = Assignment::new(1.0).unwrap().solve(&x, &y).unwrap();
    let f = CTransform::new(&y, &matching.v).unwrap();
    let (fx, fy) = (f.eval(&x).unwrap(), f.eval(&y).unwrap());
    let value = lipschitz_lower(&fx, &fy).unwrap().value;
    assert!((value - matching.distance).abs() < 1e-12 * matching.distance);
    for i in 0..50 {
        for j in 0..50 {
            let gap: f64 = x.row(i).iter().zip(y.row(j)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            assert!((fx[i] - fy[j]).abs() <= gap * (1.0 + 1e-13));
        }
    }
}

#[test]
fn all_distances_agree_on_a_translation() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let x = normal(25, 1, &mut rng);
    let y = &x + 2.5;
    let sliced = Sliced::new(2.0, 1, 3, &mut rng).unwrap();
    let closure = DistanceFn::new(|x: Measure<'_, f64>, y: Measure<'_, f64>| {
        Ok((x.points().mean().unwrap_or(0.0) - y.points().mean().unwrap_or(0.0)).abs())
    });
    let all: [&dyn Distance; 7] = [
        &Assignment::new(2.0).unwrap(),
        &NetworkSimplex::new(2.0).unwrap(),
        &Line::new(2.0).unwrap(),
        &sliced,
        &Sinkhorn::new(2.0, 0.5).unwrap().tolerance(1e-9),
        &Bures,
        &closure,
    ];
    for distance in all {
        assert!((distance.distance(&x, &y).unwrap() - 2.5).abs() < 1e-8);
    }
}

/// Runs of 60 rows in which the interval for W_p holds the truth. Of 100, fewer than 86 has probability below 1e−4 at a coverage of 95 %.
fn covered(distance: &dyn Distance, dim: usize, shift: f64, truth: f64, runs: usize, rng: &mut ChaCha8Rng) -> usize {
    let held = |_: &usize| {
        let (x, mut y) = (normal(60, dim, rng), normal(60, dim, rng));
        y.column_mut(0).mapv_inplace(|v| v + shift);
        confidence(distance, &x, &y, 30, rng).unwrap().distance.contains(truth)
    };
    (0..runs).filter(held).count()
}

#[test]
fn intervals_for_the_laws_cover_at_their_level_close_and_far() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for order in [1.0, 2.0] {
        let line = Line::new(order).unwrap();
        for shift in [0.0, 0.3, 3.0] {
            let held = covered(&line, 1, shift, shift, 100, &mut rng);
            assert!(held >= 86, "p = {order}, shift {shift}: {held}");
        }
    }
    // Of 40 fewer than 31 has probability below 1e−4. Here the plug-in distance is 1.6 for 0.3, and its bias grows with the dimension.
    let exact = Assignment::new(2.0).unwrap();
    for shift in [0.3, 3.0] {
        let held = covered(&exact, 5, shift, shift, 40, &mut rng);
        assert!(held >= 31, "d = 5, shift {shift}: {held}");
    }
}

#[test]
fn an_interval_says_when_laws_may_be_equal_and_what_bias_it_subtracted() {
    let mut rng = ChaCha8Rng::seed_from_u64(14);
    let exact = Assignment::new(2.0).unwrap();
    let (x, y) = (normal(80, 5, &mut rng), normal(80, 5, &mut rng));
    let null = confidence(&exact, &x, &y, 30, &mut rng).unwrap();
    assert!(!null.separated && null.distance.lower == 0.0 && null.mostly_bias && null.plug_in > 1.0);
    assert!(null.to_string().contains("may be equal"));
    let far = confidence(&exact, &x, &(&y + 10.0), 30, &mut rng).unwrap();
    assert!(far.separated && !far.mostly_bias && far.distance.contains(10.0 * 5f64.sqrt()));
    // Equal weights, written out, are no weights; a point counted twice is its weight twice.
    let equal = vec![1.0 / 80.0; 80];
    let line = Line::new(1.0).unwrap();
    let first = ndarray::Slice::from(..1);
    let (a, b) = (x.slice_axis(ndarray::Axis(1), first), y.slice_axis(ndarray::Axis(1), first));
    let plain = confidence(&line, &a, &b, 20, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
    let weighted = confidence(&line, Measure::weighted(&a, &equal), &b, 20, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
    assert!((plain.distance.upper - weighted.distance.upper).abs() < 1e-12 * plain.distance.upper);
}

/// The spread at m rows is √(n/m) times that at n: without the rescaling it would be three times too large.
#[test]
fn subsamples_are_rescaled_to_the_size_of_the_sample() {
    let mut rng = ChaCha8Rng::seed_from_u64(24);
    let (x, y) = (normal(900, 1, &mut rng), normal(900, 1, &mut rng) + 3.0);
    let line = Line::new(1.0).unwrap();
    // The standard error of 200 replicates is known to a twentieth; that of the difference of two means is √(2/900).
    let truth = (2.0_f64 / 900.0).sqrt();
    for spread in [subsample(&line, &x, &y, 100, 200, &mut rng).unwrap(), bootstrap(&line, &x, &y, 200, &mut rng).unwrap()] {
        assert!((spread.std_error / truth - 1.0).abs() < 0.25, "{spread}");
    }
}

#[test]
fn the_permutation_test_keeps_its_level_and_sees_a_shift() {
    // Under equality p ≤ 0.1 in at most 10 % of runs; more than 12 of 60 has probability below 0.01… at level 0.1, 6 are expected.
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let exact = Assignment::new(2.0).unwrap();
    let rejections = |shift: f64, rng: &mut ChaCha8Rng| {
        (0..60)
            .filter(|_| {
                let (x, y) = (normal(15, 4, rng), normal(15, 4, rng) + shift);
                permutation_test(&exact, &x, &y, 39, rng).unwrap().p_value <= 0.1
            })
            .count()
    };
    assert!(rejections(0.0, &mut rng) <= 15); // probability of more: 2e−4
    assert!(rejections(1.0, &mut rng) >= 55);
}

#[test]
fn the_baseline_falls_at_the_rate_of_the_dimension() {
    // E W_1 of two samples in d = 5 goes like n^{−1/5}: fitted exponent over n = 100 … 800.
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let exact = Assignment::new(1.0).unwrap();
    let at = |n: usize, rng: &mut ChaCha8Rng| baseline(&exact, 12, || normal(n, 5, rng)).unwrap().value;
    let slope = (at(800, &mut rng) / at(100, &mut rng)).ln() / 8f64.ln();
    assert!((slope + 0.2).abs() < 0.04, "{slope}");
}

#[test]
fn debiasing_recovers_what_the_bias_drowns() {
    // d = 8, n = 250, shift of length 1: the raw W_1 is more than twice the truth.
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let exact = Assignment::new(2.0).unwrap();
    let (x, y) = (normal(250, 8, &mut rng), normal(250, 8, &mut rng) + 1.0 / 8f64.sqrt());
    let raw = bootstrap(&exact, &x, &y, 20, &mut rng).unwrap();
    let base = baseline(&exact, 10, || normal(250, 8, &mut rng)).unwrap();
    let raw = Estimate::normal(raw.value, raw.std_error, raw.replicates);
    let r = resolution(&raw, &base, 250, 8);
    assert!(r.swamped && !r.undetected && r.rows_needed > 250.0);
    assert_eq!(r.effect, debiased(&raw, &base));
    let half = split_baseline(&exact, &x, 10, &mut rng).unwrap();
    assert!(half.value > base.value); // half the rows, more bias
}

#[test]
fn centred_estimators_bracket_the_truth() {
    // N(0, I_6) shifted by a vector of length 1, shared noise, 20 runs: means of V and L around W_2² = 1.
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let (mut upper, mut lower, mut symmetric, mut errors) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..20 {
        let (x, x2) = (normal(120, 6, &mut rng), normal(120, 6, &mut rng));
        let shift = 1.0 / 6f64.sqrt();
        let c = centred(&x, &(&x + shift), &x2, &(&x2 + shift)).unwrap();
        assert!(c.raw.value > 1.0);
        upper.push(c.upper.value);
        lower.push(c.lower.value);
        symmetric.push(c.symmetric.value);
        errors.push(c.symmetric.std_error);
    }
    let [upper, lower, symmetric] = [upper, lower, symmetric].map(|v| Estimate::from_samples(&v));
    assert!(upper.value > 1.0 - 5.0 * upper.std_error && lower.value < 1.0 + 5.0 * lower.std_error);
    assert!((symmetric.value - 1.0).abs() < 0.1 + 5.0 * symmetric.std_error);
    // The duals' standard error against the spread over runs, which is itself known to a sixth.
    let spread = symmetric.std_error * 20f64.sqrt();
    let stated = Estimate::from_samples(&errors).value;
    assert!(stated / spread > 0.5 && stated / spread < 2.0, "{stated} {spread}");
}

#[test]
fn results_depend_on_the_seed_only() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let (x, y) = (normal(40, 2, &mut rng), normal(40, 2, &mut rng));
    let run = || bootstrap(&Assignment::new(1.0).unwrap(), &x, &y, 70, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
    assert_eq!(run(), run());
}

#[test]
fn large_powers_bound_from_above() {
    // Distances 2000 and 3000: at p = 100 the mean of their powers is 10³⁴⁷ or so.
    let bound = coupling_upper(&array![[0.0], [0.0]], &array![[2e3], [3e3]], 100.0).unwrap();
    let truth = 3e3 * (0.5 * (1.0 + (2.0_f64 / 3.0).powi(100))).powf(0.01);
    assert!((bound.value - truth).abs() < 1e-12 * truth && bound.upper >= bound.value && bound.lower <= bound.value);
    assert_eq!(Sandwich::default().with_upper(bound).upper, bound);
    // Beyond f64, squares and differences alike.
    let far = coupling_upper(&array![[1e200], [1e200]], &array![[0.0], [0.0]], 600.0).unwrap();
    assert!((far.value / 1e200 - 1.0).abs() < 1e-12);
    assert!(matches!(coupling_upper(&array![[1.7e308]], &array![[-1.7e308]], 1.0), Err(TransportError::OutOfRange(_))));
}

#[test]
fn a_sandwich_keeps_the_better_bound_whatever_the_order() {
    let at = |value: f64| Estimate::computed(value, 0.1, 1);
    let ends = |s: Sandwich| (s.lower.value, s.upper.value);
    let all = [at(1.0), at(3.0), at(2.0), Estimate::computed(f64::NAN, 0.0, 1)];
    let (mut up, mut down) = (Sandwich::default(), Sandwich::default());
    for bound in all {
        up = up.with_lower(bound).with_upper(bound);
    }
    for bound in all.into_iter().rev() {
        down = down.with_lower(bound).with_upper(bound);
    }
    assert_eq!((ends(up), ends(down)), ((3.0, 1.0), (3.0, 1.0)));
    assert!(!up.is_consistent());
}

/// Powers of two change no digit of an interval, however small or large they are; beyond the range of squares there is an error, no number.
#[test]
fn intervals_follow_the_scale() {
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    let (x, y) = (normal(24, 2, &mut rng), normal(20, 2, &mut rng) + 0.4);
    let exact = NetworkSimplex::new(2.0).unwrap();
    let at = |scale: f64| confidence(&exact, &(&x * scale), &(&y * scale), 12, &mut ChaCha8Rng::seed_from_u64(1));
    let one = at(1.0).unwrap();
    assert!(one.distance.upper > one.distance.value);
    for exponent in [-480, -300, 300, 480] {
        let scale = 2f64.powi(exponent);
        let found = at(scale).unwrap();
        for (a, b) in [
            (found.distance.value, one.distance.value),
            (found.distance.upper, one.distance.upper),
            (found.distance.std_error, one.distance.std_error),
            (found.plug_in, one.plug_in),
        ] {
            assert!((a / scale - b).abs() <= 1e-12 * b, "2^{exponent}: {a} for {b}");
        }
    }
    assert!(matches!(at(2f64.powi(600)), Err(TransportError::OutOfRange(_))));
    // The same for the centred estimators, whose potentials may be written in another unit.
    let (x2, y2) = (normal(20, 2, &mut rng), normal(20, 2, &mut rng));
    let x = x.select(ndarray::Axis(0), &(0..20).collect::<Vec<_>>());
    let at = |scale: f64| centred(&(&x * scale), &(&y * scale), &(&x2 * scale), &(&y2 * scale));
    let one = at(1.0).unwrap();
    for exponent in [-490, 490] {
        let (scale, found) = (2f64.powi(exponent), at(2f64.powi(exponent)).unwrap());
        for (a, b) in [(found.raw, one.raw), (found.upper, one.upper), (found.lower, one.lower), (found.symmetric, one.symmetric)] {
            let close = |a: f64, b: f64| (a / scale / scale - b).abs() <= 1e-9 * one.raw.value;
            assert!(close(a.value, b.value) && close(a.std_error, b.std_error) && close(a.upper, b.upper), "2^{exponent}: {a} for {b}");
        }
    }
    assert!(matches!(at(2f64.powi(600)), Err(TransportError::OutOfRange(_))));
}

/// A price and a distance of 1e10 leave six digits of their difference; the bound says so.
#[test]
fn the_rounding_of_a_test_function_is_in_its_bound() {
    for case in 1..200 {
        let (price, x) = (1e10 + f64::from(case), 0.001 * f64::from(case));
        let f = CTransform::new(&array![[price]], &[price]).unwrap();
        // f(x) − f(0) = (price − x) − price for x in [0, price].
        let bound = f.lower(&array![[x]], &array![[0.0]]).unwrap();
        assert!(bound.lower <= -x && -x <= bound.upper, "{bound} for {}", -x);
        let pairs = f.lower(&array![[x], [x]], &array![[0.0], [0.0]]).unwrap();
        assert!(pairs.lower <= -x && -x <= pairs.upper && pairs.upper - pairs.lower < 1e-4, "{pairs} for {}", -x);
    }
}

/// A distance that is NaN now and then is no evidence of anything.
#[test]
fn a_distance_that_is_no_number_is_an_error() {
    let mut rng = ChaCha8Rng::seed_from_u64(33);
    let (x, y) = (normal(10, 1, &mut rng), normal(10, 1, &mut rng));
    let mean = |m: Measure<'_, f64>| m.points().mean().unwrap();
    let always = DistanceFn::new(|_: Measure<'_, f64>, _: Measure<'_, f64>| Ok(f64::NAN));
    let first = mean((&x).into());
    let only_replicates =
        DistanceFn::new(move |x: Measure<'_, f64>, y: Measure<'_, f64>| Ok(if mean(x) == first { 1.0 } else { mean(y) * f64::NAN }));
    for distance in [&always as &dyn Distance, &only_replicates] {
        let out_of_range = |e: TransportError| matches!(e, TransportError::OutOfRange(_));
        assert!(out_of_range(permutation_test(distance, &x, &y, 19, &mut rng).unwrap_err()));
        assert!(out_of_range(bootstrap(distance, &x, &y, 19, &mut rng).unwrap_err()));
        assert!(out_of_range(subsample(distance, &x, &y, 5, 19, &mut rng).unwrap_err()));
        assert!(out_of_range(confidence(distance, &x, &y, 5, &mut rng).unwrap_err()));
        assert!(out_of_range(split_baseline(distance, &x, 5, &mut rng).unwrap_err()));
    }
    assert!(baseline(&always, 5, || x.clone()).is_err());
}

#[test]
fn counts_have_limits() {
    let mut rng = ChaCha8Rng::seed_from_u64(32);
    let (x, w1) = (normal(10, 1, &mut rng), Line::new(1.0).unwrap());
    let huge = 1_000_000_000_000;
    assert!(matches!(bootstrap(&w1, &x, &x, huge, &mut rng), Err(TransportError::OutOfRange(OutOfRange { name: "replicates", .. }))));
    assert!(matches!(confidence(&w1, &x, &x, huge, &mut rng), Err(TransportError::OutOfRange(_))));
    assert!(matches!(baseline(&w1, huge, || x.clone()), Err(TransportError::OutOfRange(_))));
    for (dim, count) in [(huge, 1), (1, huge), (1 << 20, 1 << 20), (usize::MAX, 2)] {
        assert!(matches!(Sliced::new(2.0, dim, count, &mut rng), Err(TransportError::OutOfRange(_))));
    }
}

#[test]
fn bad_input_is_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    let (x, w1) = (array![[0.0], [1.0]], Line::new(1.0).unwrap());
    assert!(matches!(bootstrap(&w1, &x, &x, 1, &mut rng), Err(TransportError::OutOfRange(OutOfRange { name: "replicates", .. }))));
    assert!(matches!(permutation_test(&w1, &x, &x, 0, &mut rng), Err(TransportError::OutOfRange(OutOfRange { name: "replicates", .. }))));
    assert!(matches!(subsample(&w1, &x, &x, 3, 9, &mut rng), Err(TransportError::OutOfRange(OutOfRange { name: "size", .. }))));
    assert!(matches!(split_baseline(&w1, &array![[0.0]], 2, &mut rng), Err(TransportError::OutOfRange(OutOfRange { name: "rows", .. }))));
    assert!(matches!(bootstrap(&w1, &Array2::<f64>::zeros((0, 1)), &x, 5, &mut rng), Err(TransportError::Empty(_))));
    assert!(matches!(w1.distance(&array![[0.0, 1.0]], &array![[0.0, 1.0]]), Err(TransportError::NotOnALine { columns: 2, .. })));
    assert!(matches!(coupling_upper(&x, &array![[0.0]], 1.0), Err(TransportError::Mismatch(_))));
    assert!(matches!(lipschitz_lower(&[], &[1.0]), Err(TransportError::Empty(_))));
    assert!(matches!(lipschitz_lower(&[f64::NAN], &[1.0]), Err(TransportError::EntryOutOfRange(_))));
    assert!(matches!(centred(&x, &x, &x, &array![[1.0]]), Err(TransportError::Mismatch(_))));
}
