//! Theorem 1, the step count, the check, the lower bounds and the table of rivals.

use onestep::bound::{
    AccumulatedError, BoundError, Comparison, Provenance, RateInputs, StepCount, Theorem1, check, convex_lower_bound, gaussian_lower_bound,
    mean_norm, rivals, second_moment_lower_bound,
};
use onestep::{Estimate, Grid};
use proptest::prelude::*;
use std::f64::consts::FRAC_PI_2;

/// Two ulp a step over at most 16 steps of the recurrence; the series is used from d = 33, where its first omitted term is 1e−13/d.
const MEAN_NORM: f64 = 3e-15;
/// ln T is the root of y − 5 ln y = ln K: condition number y/(y−5), below 30 for K ≥ 0.05.
const LN_STEPS: f64 = 1e-13;

fn golden(quantity: &str) -> Vec<(f64, f64)> {
    let rows = include_str!("../golden/bound.csv").lines().map(|l| l.split(',').collect::<Vec<_>>());
    rows.filter(|r| r[0] == quantity).map(|r| (r[1].parse().unwrap(), r[2].parse().unwrap())).collect()
}

#[test]
fn mean_norms_equal_high_precision_values() {
    for (dim, want) in golden("mean_norm") {
        let got = mean_norm(dim as usize).unwrap();
        assert!((got / want - 1.0).abs() < MEAN_NORM, "d = {dim}: {got:e} against {want:e}, {:e}", got / want - 1.0);
    }
    assert_eq!(refused(mean_norm(0)), "dim");
}

#[test]
fn step_counts_equal_the_lambert_function() {
    for (scale, want) in golden("ln_steps") {
        let StepCount::AtLeast { ln_steps } = Theorem1::new(1, 1.0, scale).unwrap().required_steps(1.0).unwrap() else {
            panic!("K = {scale} is above the threshold")
        };
        assert!((ln_steps / want - 1.0).abs() < LN_STEPS, "K = {scale}: {ln_steps} against {want}, {:e}", ln_steps / want - 1.0);
    }
}

#[test]
fn below_the_threshold_every_t_will_do_and_above_it_the_root_is_on_the_falling_branch() {
    let threshold = 5f64.exp() / 3125.0;
    let at = |scale: f64| Theorem1::new(1, 1.0, scale).unwrap().required_steps(1.0).unwrap();
    assert!((threshold - 0.047_492_2).abs() < 1e-7);
    assert_eq!(at(threshold * (1.0 - 1e-14)), StepCount::Every);
    assert_eq!(at(1e-300), StepCount::Every);
    let StepCount::AtLeast { ln_steps } = at(threshold * (1.0 + 1e-12)) else { panic!() };
    assert!((5.0..5.0 + 1e-4).contains(&ln_steps));
    assert_eq!(Theorem1::new(1, 1.0, 1.0).unwrap().required_steps(0.0).unwrap(), StepCount::Never);
}

proptest! {
    #[test]
    fn the_step_count_makes_the_discretisation_term_equal_the_training_error(
        dim in 1usize..3000, lipschitz in 0.5f64..50.0, constant in 0.01f64..100.0, error in 1e-8f64..10.0,
    ) {
        let theorem = Theorem1::new(dim, lipschitz, constant).unwrap();
        let scale = constant * lipschitz.powi(3) * (dim as f64).powf(2.5) / error;
        match theorem.required_steps(error).unwrap() {
            StepCount::Every => prop_assert!(scale <= 5f64.exp() / 3125.0),
            StepCount::AtLeast { ln_steps } => {
                prop_assert!(ln_steps >= 5.0);
                // K log⁵T/T = 1, in logarithms.
                prop_assert!((scale.ln() + 5.0 * ln_steps.ln() - ln_steps).abs() < 1e-12);
            }
            StepCount::Never => prop_assert!(false),
        }
    }

    #[test]
    fn the_check_agrees_with_its_own_numbers(steps in 2usize..1_000_000, w1 in 0.0f64..10.0, e in 0.0f64..1.0) {
        let theorem = Theorem1::new(3, 1.2, 0.01).unwrap();
        let epsilon = AccumulatedError::even("estimation", e).unwrap();
        let verdict = check(&theorem, steps, Estimate::computed(w1, 0.0, 1), epsilon, AccumulatedError::ZERO).unwrap();
        prop_assert_eq!(verdict.comparison == Comparison::Within, w1 <= verdict.bound.total());
        prop_assert_eq!(verdict.comparison == Comparison::Within, verdict.fitted_constant <= 0.01 * (1.0 + 1e-12));
        prop_assert_eq!(verdict.enough_steps, verdict.required.is_met_by(steps));
        // Enough steps make the total at most what (25) promises.
        if verdict.enough_steps && steps as f64 > 5f64.exp() {
            prop_assert!(verdict.bound.total() <= verdict.promised * (1.0 + 1e-12));
        }
    }

    #[test]
    fn the_convex_bound_is_the_best_over_a_dense_set_of_radii_and_never_above_w1(
        a in proptest::collection::vec(0.0f64..5.0, 1..12), b in proptest::collection::vec(0.0f64..5.0, 1..12),
    ) {
        let bound = convex_lower_bound(&a, None, &b, None).unwrap();
        let h = |rho: f64, r: f64| if rho <= r { rho * rho } else { 2.0 * r * rho - r * r };
        let mean = |x: &[f64], r: f64| x.iter().map(|&v| h(v, r)).sum::<f64>() / x.len() as f64 / (2.0 * r);
        let value = |r: f64| (mean(&a, r) - mean(&b, r)).abs();
        let dense = (1..4000).map(|i| value(f64::from(i) * 0.002)).fold(0.0, f64::max);
        prop_assert!(bound.value >= dense - 1e-12);
        prop_assert!(bound.radius == 0.0 || (value(bound.radius) - bound.value).abs() < 1e-12);
        // W_1 between the laws of the norms, by their distribution functions.
        let mut cuts: Vec<f64> = a.iter().chain(&b).copied().collect();
        cuts.sort_by(f64::total_cmp);
        let cdf = |x: &[f64], c: f64| x.iter().filter(|&&v| v <= c).count() as f64 / x.len() as f64;
        let w1: f64 = cuts.windows(2).map(|c| (c[1] - c[0]) * (cdf(&a, c[0]) - cdf(&b, c[0])).abs()).sum();
        prop_assert!(bound.value <= w1 + 1e-12);
        // Symmetric, and weights are what repetition is.
        prop_assert!((convex_lower_bound(&b, None, &a, None).unwrap().value - bound.value).abs() < 1e-12);
        let weights = vec![1.0 / a.len() as f64; a.len()];
        prop_assert!((convex_lower_bound(&a, Some(&weights), &b, None).unwrap().value - bound.value).abs() < 1e-12);
    }
}

#[test]
fn no_grid_beats_the_gaussian_lower_bound_of_its_span_and_uniform_angles_reach_it() {
    let product = |grid: &Grid| -> f64 { (2..=grid.steps()).map(|t| grid.delta(t).cos()).product() };
    for angles in [vec![0.1, 0.2, 0.5, 1.4], vec![0.01, 0.9, 1.0, 1.1], vec![0.3, 0.6, 0.9, 1.2]] {
        let grid = Grid::from_angles(&angles).unwrap();
        let w1 = (1.0 - product(&grid)) * mean_norm(5).unwrap();
        let bound = gaussian_lower_bound(5, 4, grid.last().angle() - grid.level(1).angle()).unwrap();
        assert!(w1 >= bound * (1.0 - 1e-14));
        assert_eq!((w1 / bound - 1.0).abs() < 1e-13, angles[0] == 0.3); // only the last is uniform
    }
    // (π²/8) E‖Z‖/(T−1): d = 1 gives 0.984.
    let leading = std::f64::consts::PI.powi(2) / 8.0 * (2.0 / std::f64::consts::PI).sqrt();
    assert!((leading - 0.984).abs() < 1e-3);
    assert!((gaussian_lower_bound(1, 1_000_001, FRAC_PI_2).unwrap() * 1e6 - leading).abs() < 2e-6);
    assert_eq!(gaussian_lower_bound(1, 10, 0.0).unwrap(), 0.0);
}

#[test]
fn training_errors_keep_both_normalisations() {
    let e = AccumulatedError::from_steps("estimation", 5, &[0.1, 0.3, 0.2, 0.0]).unwrap();
    assert!((e.sum - 0.6).abs() < 1e-15 && (e.max_times_steps - 1.5).abs() < 1e-15);
    let bound = Theorem1::new(1, 1.0, 1.0).unwrap().bound(5, e, AccumulatedError::even("approximation", 0.5).unwrap()).unwrap();
    assert!((bound.total_of_maxima() - bound.total() - 0.9).abs() < 1e-12);
}

#[test]
fn the_comparison_takes_the_interval_into_account() {
    let theorem = Theorem1::new(1, 1.0, 1e-3).unwrap();
    let total = theorem.bound(1000, AccumulatedError::ZERO, AccumulatedError::ZERO).unwrap().total();
    let compare = |value: f64, error: f64| {
        check(&theorem, 1000, Estimate::computed(value, error, 1), AccumulatedError::ZERO, AccumulatedError::ZERO).unwrap().comparison
    };
    assert_eq!(compare(0.5 * total, 0.4 * total), Comparison::Within);
    assert_eq!(compare(0.9 * total, 0.2 * total), Comparison::Undecided);
    assert_eq!(compare(1.1 * total, 0.2 * total), Comparison::Undecided);
    assert_eq!(compare(2.0 * total, 0.2 * total), Comparison::Exceeds);
}

#[test]
fn rivals_scale_as_their_formulae_say() {
    let by = |work: &str| rivals().iter().find(|r| r.work.starts_with(work)).unwrap();
    let inputs = RateInputs::new(16, 0.01).unwrap().lipschitz(2.0).score_lipschitz(4.0).radius(3.0);
    assert_eq!(by("Li, Huang").steps(&inputs).unwrap(), Some(8.0 * 1024.0 / 0.01));
    assert!((by("Lyu").steps(&inputs).unwrap().unwrap() / (2.0 * 8.0 * 4.0 / 1e-4) - 1.0).abs() < 1e-14);
    assert!((by("Yang").steps(&inputs).unwrap().unwrap() / (81.0 * 4096.0 / 1e-8) - 1.0).abs() < 1e-14);
    assert!((by("Meng").steps(&inputs).unwrap().unwrap() - 400.0).abs() < 1e-10);
    assert_eq!(by("Dou").steps(&inputs).unwrap(), None);
    assert_eq!(rivals().iter().filter(|r| r.source == Provenance::Paper).count(), 1);
}

/// The parameter that is outside its range.
fn refused<T: std::fmt::Debug>(result: Result<T, BoundError>) -> &'static str {
    match result {
        Err(BoundError::OutOfRange(error)) => error.name,
        other => panic!("{other:?}"),
    }
}

#[test]
fn bad_input_is_refused_with_a_typed_error() {
    use BoundError::{Empty, EntryOutOfRange, Mismatch, WeightSum};
    let nan = f64::NAN;
    assert_eq!(refused(Theorem1::new(0, 1.0, 1.0)), "dim");
    for bad in [0.0, -1.0, nan, f64::INFINITY] {
        assert_eq!(refused(Theorem1::new(1, bad, 1.0)), "lipschitz");
        assert_eq!(refused(Theorem1::new(1, 1.0, bad)), "constant");
        assert_eq!(refused(RateInputs::new(1, bad)), "accuracy");
    }
    let theorem = Theorem1::new(1, 1.0, 1.0).unwrap();
    assert_eq!(refused(theorem.bound(1, AccumulatedError::ZERO, AccumulatedError::ZERO)), "steps");
    assert_eq!(refused(AccumulatedError::from_steps("estimation", 1, &[])), "steps");
    assert_eq!(refused(AccumulatedError::from_steps("estimation", 2, &[0.0; 3])), "number of errors");
    for bad in [-1.0, nan, f64::INFINITY] {
        assert_eq!(refused(theorem.required_steps(bad)), "error");
        assert_eq!(refused(AccumulatedError::even("estimation", bad)), "estimation");
        assert!(matches!(AccumulatedError::from_steps("estimation", 3, &[0.0, bad]), Err(EntryOutOfRange(e)) if e.index == 2));
        assert_eq!(refused(second_moment_lower_bound(bad, 1.0)), "truth");
        assert_eq!(refused(second_moment_lower_bound(1.0, bad)), "output");
        assert!(
            matches!(convex_lower_bound(&[1.0, bad], None, &[1.0], None), Err(EntryOutOfRange(e)) if e.name == "truth" && e.index == 2)
        );
        assert!(matches!(convex_lower_bound(&[1.0], None, &[bad], None), Err(EntryOutOfRange(e)) if e.name == "output"));
        let measured = Estimate { value: bad, ..Estimate::computed(0.0, 0.0, 1) };
        assert!(check(&theorem, 10, measured, AccumulatedError::ZERO, AccumulatedError::ZERO).is_err());
    }
    assert_eq!(refused(gaussian_lower_bound(1, 10, 1.6)), "span");
    assert_eq!(refused(gaussian_lower_bound(1, 10, nan)), "span");
    assert_eq!(refused(gaussian_lower_bound(0, 10, 1.0)), "dim");
    assert!(matches!(convex_lower_bound(&[], None, &[1.0], None), Err(Empty(e)) if e.name == "truth"));
    assert!(matches!(convex_lower_bound(&[1.0], Some(&[]), &[1.0], None), Err(Mismatch(_))));
    assert!(matches!(convex_lower_bound(&[1.0, 2.0], Some(&[0.5, 0.6]), &[1.0], None), Err(WeightSum { .. })));
}

#[test]
fn both_training_errors_are_taken_off_before_the_constant_is_fitted() {
    let theorem = Theorem1::new(2, 1.5, 1.0).unwrap();
    let [e, f] = [0.01, 0.02].map(|total| AccumulatedError::even("error", total).unwrap());
    let shape = theorem.bound(500, AccumulatedError::ZERO, AccumulatedError::ZERO).unwrap().discretisation;
    let fitted = theorem.fitted_constant(500, 0.07, e, f).unwrap();
    assert!((fitted * shape / 0.04 - 1.0).abs() < 1e-13);
    assert_eq!(theorem.fitted_constant(500, 0.03, e, f).unwrap(), 0.0);
    let verdict = check(&theorem, 500, Estimate::computed(0.07, 0.0, 1), e, f).unwrap();
    assert_eq!(verdict.fitted_constant, fitted);
    assert!((verdict.promised - 0.06).abs() < 1e-16);
    // With the fitted constant the bound is not below what was measured.
    let tight = Theorem1::new(2, 1.5, fitted).unwrap().bound(500, e, f).unwrap();
    assert!(tight.total() >= 0.07 && tight.total() < 0.07 * (1.0 + 1e-13));
}

#[test]
fn the_step_count_as_a_number_is_enough_and_one_less_is_not() {
    for scale in [0.1, 1.0, 37.0, 1e3, 1e5] {
        let count = Theorem1::new(1, 1.0, scale).unwrap().required_steps(1.0).unwrap();
        let steps = count.steps() as usize;
        assert!(count.is_met_by(steps) && !count.is_met_by(steps - 1), "K = {scale}: {steps}");
        assert_eq!(count.to_string(), format!("T >= {steps}"));
    }
}

#[test]
fn a_lipschitz_constant_beyond_double_precision_keeps_its_logarithm() {
    let zero = AccumulatedError::ZERO;
    let theorem = Theorem1::from_ln_lipschitz(1, 4995.0, 1.0).unwrap();
    for result in [theorem.bound(64, zero, zero).map(|b| b.total()), theorem.fitted_constant(64, 0.1, zero, zero)] {
        assert!(matches!(result, Err(BoundError::NotRepresentable { ln_value, .. }) if ln_value.abs() > 14_000.0), "{result:?}");
    }
    assert!(check(&theorem, 64, Estimate::computed(0.1, 0.0, 1), zero, zero).is_err());
    // Where both forms exist they agree.
    let (a, b) = (Theorem1::new(7, 3.0, 0.2).unwrap(), Theorem1::from_ln_lipschitz(7, 3f64.ln(), 0.2).unwrap());
    let total = |t: &Theorem1| t.bound(1000, zero, zero).unwrap().total();
    assert!((total(&a) / total(&b) - 1.0).abs() < 1e-14);
    let fitted = |t: &Theorem1| t.fitted_constant(1000, 0.3, zero, zero).unwrap();
    assert!((fitted(&a) / fitted(&b) - 1.0).abs() < 1e-14);
    assert!((a.ln_fitted_constant(1000, 0.3, zero, zero).unwrap() - fitted(&a).ln()).abs() < 1e-13);
    for bad in [f64::NAN, f64::INFINITY] {
        assert_eq!(refused(Theorem1::from_ln_lipschitz(1, bad, 1.0)), "ln_lipschitz");
    }
}

/// A bound that is a difference of rounded sums is moved down by their rounding: equal laws in another order give 0, not 1e−17.
#[test]
fn lower_bounds_do_not_live_on_rounding() {
    let norms: Vec<f64> = (0..200).map(|i| 0.1 + 0.37 * f64::from(i)).collect();
    let mut shuffled = norms.clone();
    shuffled.reverse();
    let uneven: Vec<f64> = (0..200).map(|i| f64::from(i + 1) / 20_100.0).collect();
    let mut weights = uneven.clone();
    weights.reverse();
    assert_eq!(convex_lower_bound(&norms, Some(&uneven), &shuffled, Some(&weights)).unwrap().value, 0.0);
    assert_eq!(second_moment_lower_bound(0.3, 0.1 + 0.2).unwrap(), 0.0);
    // N(0, 1) on uniform angles reaches the bound: it must not be above.
    for steps in [2, 3, 10, 1000] {
        let delta = FRAC_PI_2 / (steps - 1) as f64;
        let w1 = -((steps - 1) as f64 * (0.5 * (-delta.sin().powi(2)).ln_1p())).exp_m1() * (2.0 / std::f64::consts::PI).sqrt();
        assert!(gaussian_lower_bound(1, steps, FRAC_PI_2).unwrap() <= w1);
    }
}

#[test]
fn the_comparison_is_settled_by_the_whole_interval() {
    use onestep::bound::Comparison::{Exceeds, Undecided, Within};
    let theorem = Theorem1::new(1, 1.0, 1.0).unwrap();
    let total = theorem.bound(1000, AccumulatedError::ZERO, AccumulatedError::ZERO).unwrap().total();
    let compared = |lower: f64, upper: f64| {
        let w1 = Estimate { lower, upper, ..Estimate::computed(0.5 * (lower + upper), 0.0, 1) };
        check(&theorem, 1000, w1, AccumulatedError::ZERO, AccumulatedError::ZERO).unwrap().comparison
    };
    let above = f64::from_bits(total.to_bits() + 1);
    assert_eq!([compared(0.5 * total, total), compared(0.5 * total, above)], [Within, Undecided]);
    assert_eq!([compared(total, above), compared(above, 2.0 * total)], [Undecided, Exceeds]);
}
