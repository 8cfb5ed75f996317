//! Schedules and grids: golden values at both ends, agreement of the builders, refinement, the refusals.

use onestep::error;
use onestep::schedule::{
    CosineSchedule, Equidistributed, Karras, LiHuangWei, LinearSchedule, ScheduleError, ScheduleWarning, UniformAngle,
};
use onestep::{Grid, NoiseLevel, VarianceSchedule};
use proptest::prelude::*;
use std::f64::consts::FRAC_PI_2;

/// Every quantity of a closed-form grid is a handful of correctly conditioned operations. The worst measured relative error of the closed
/// forms is 4e−15 (angle beyond the data end at T = 10⁶), and of β-schedules 1e−14, where ln ᾱ_T ≈ −28 turns an ulp into 28.
const CLOSED_FORM: f64 = 3e-14;

fn close(what: &str, got: f64, want: f64, tolerance: f64) {
    assert!((got / want - 1.0).abs() < tolerance, "{what}: {got:e} against {want:e}, relative {:e}", got / want - 1.0);
}

fn schedule(name: &str, steps: usize) -> Box<dyn VarianceSchedule> {
    match name {
        "paper" => Box::new(LiHuangWei::new(steps, 2.0, 4.0).unwrap()),
        "linear" => Box::new(LinearSchedule::ddpm(steps).unwrap()),
        "cosine" => Box::new(CosineSchedule::new(steps).unwrap()),
        "angle" => Box::new(UniformAngle::new(steps, 0.01, 1.57).unwrap()),
        "karras" => Box::new(Karras::new(steps).unwrap()),
        _ => unreachable!("unknown schedule {name}"),
    }
}

#[test]
fn levels_and_increments_equal_high_precision_values_at_both_ends() {
    let mut last = (String::new(), 0, None::<Grid>);
    for line in include_str!("../golden/schedule.csv").lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let (name, steps, t) = (cells[0], cells[1].parse::<usize>().unwrap(), cells[2].parse::<usize>().unwrap());
        let want: Vec<f64> = cells[3..].iter().map(|c| c.parse().unwrap()).collect();
        if (last.0.as_str(), last.1) != (name, steps) {
            last = (name.into(), steps, Some(schedule(name, steps).grid().unwrap()));
        }
        let grid = last.2.as_ref().unwrap();
        let what = |q: &str| format!("{name} T = {steps} t = {t} {q}");
        close(&what("cos"), grid.level(t).cos(), want[0], CLOSED_FORM);
        close(&what("sin"), grid.level(t).sin(), want[1], CLOSED_FORM);
        close(&what("sin_delta"), grid.sin_delta(t), want[2], CLOSED_FORM);
        close(&what("beta"), grid.beta(t), want[3], CLOSED_FORM);
        close(&what("beta of the schedule"), schedule(name, steps).beta(t), want[3], CLOSED_FORM);
    }
}

fn assert_same_grid(a: &Grid, b: &Grid, tolerance: f64) {
    assert_eq!(a.steps(), b.steps());
    for t in 1..=a.steps() {
        close(&format!("cos {t}"), a.level(t).cos(), b.level(t).cos(), tolerance);
        close(&format!("sin {t}"), a.level(t).sin(), b.level(t).sin(), tolerance);
        close(&format!("sin_delta {t}"), a.sin_delta(t), b.sin_delta(t), tolerance);
        close(&format!("beta {t}"), a.beta(t), b.beta(t), tolerance);
    }
}

/// Rounding σ, θ or ᾱ to a float moves a level by an ulp, and an increment by an ulp over the increment, here at least 1e−3.
const ROUND_TRIP: f64 = 1e-12;

proptest! {
    #[test]
    fn builders_agree(betas in proptest::collection::vec(0.01f64..0.6, 2..12)) {
        let grid = Grid::from_betas(betas).unwrap();
        let of = |f: fn(NoiseLevel) -> f64| grid.levels().iter().map(|&l| f(l)).collect::<Vec<_>>();
        assert_same_grid(&grid, &Grid::from_sigmas(&of(NoiseLevel::sigma)).unwrap(), ROUND_TRIP);
        assert_same_grid(&grid, &Grid::from_angles(&of(NoiseLevel::angle)).unwrap(), ROUND_TRIP);
        assert_same_grid(&grid, &Grid::from_alpha_bars(&of(NoiseLevel::alpha_bar)).unwrap(), ROUND_TRIP);
    }

    #[test]
    fn bisection_keeps_levels_and_halves_increments(betas in proptest::collection::vec(1e-12f64..0.9, 2..12)) {
        let grid = Grid::from_betas(betas).unwrap();
        let fine = grid.bisect();
        prop_assert_eq!(fine.steps(), 2 * grid.steps() - 1);
        for t in 1..=grid.steps() {
            prop_assert_eq!(fine.level(2 * t - 1), grid.level(t));
        }
        for t in 2..=grid.steps() {
            for half in [fine.delta(2 * t - 2), fine.delta(2 * t - 1)] {
                prop_assert!((2.0 * half / grid.delta(t) - 1.0).abs() < CLOSED_FORM);
            }
        }
    }

    #[test]
    fn angles_of_a_grid_are_the_sum_of_its_increments(betas in proptest::collection::vec(1e-9f64..0.9, 2..40)) {
        let grid = Grid::from_betas(betas).unwrap();
        let sum: f64 = (1..=grid.steps()).map(|t| grid.delta(t)).sum();
        prop_assert!((sum - grid.last().angle()).abs() < 1e-14);
    }
}

#[test]
fn bisecting_a_uniform_grid_gives_the_uniform_grid_to_the_last_digits_at_both_ends() {
    let coarse = UniformAngle::to_co_angle(51, 1e-9, 1e-12).unwrap().grid().unwrap();
    let fine = UniformAngle::to_co_angle(101, 1e-9, 1e-12).unwrap().grid().unwrap();
    assert_same_grid(&coarse.bisect(), &fine, CLOSED_FORM);
    let twice = UniformAngle::to_co_angle(201, 1e-9, 1e-12).unwrap().grid().unwrap();
    assert_same_grid(&coarse.bisect().bisect(), &twice, CLOSED_FORM);
}

#[test]
fn bisection_keeps_its_digits_on_a_tiny_increment_near_the_data() {
    // Levels of variance 1e−30 and 1e−30(1 + 1e−6): the angles differ by 5e−22, the increment is known to 16 digits all the same.
    let grid = Grid::from_betas(vec![1e-30, 1e-36, 0.5]).unwrap();
    // sin(θ_2 − θ_1) = cos θ_1 β_2/(sin θ_2 + √(1−β_2) sin θ_1) = 1e−36/(√(1e−30 + 1e−36) + 1e−15).
    close("increment", grid.sin_delta(2), 1e-36 / ((1e-30f64 + 1e-36).sqrt() + 1e-15), 1e-15);
    let fine = grid.bisect();
    close("half", fine.sin_delta(2), grid.sin_delta(2) / 2.0, 1e-15);
    close("beta", fine.beta(2) + fine.beta(3), 1e-36, 1e-9); // β adds to first order: 1 − (1−β)(1−β')
}

#[test]
fn uniform_angles_reach_the_noise_end_itself() {
    let grid = UniformAngle::new(11, 0.1, FRAC_PI_2).unwrap().grid().unwrap();
    assert!(grid.last().is_noise());
    assert_eq!(grid.beta(11), 1.0);
    close("the level before", grid.level(10).cos(), ((FRAC_PI_2 - 0.1) / 10.0).sin(), 1e-14);
}

#[test]
fn equidistributed_angles_split_the_integral_evenly() {
    // w = e^{−3θ} on [0.2, 1.4]: θ_t = −ln(e^{−0.6} − s (e^{−0.6} − e^{−4.2}))/3.
    let schedule = Equidistributed::from_weight(33, 0.2, 1.4, |angle| (-3.0 * angle).exp()).unwrap();
    let (a, b) = ((-0.6f64).exp(), (-4.2f64).exp());
    close("integral", schedule.integral(), (a - b) / 3.0, 1e-14);
    let grid = schedule.grid().unwrap();
    for t in 1..=33 {
        let exact = -(a - (t - 1) as f64 / 32.0 * (a - b)).ln() / 3.0;
        assert!((grid.level(t).angle() - exact).abs() < 1e-14, "{t}");
    }
}

#[test]
fn sampled_weights_converge_at_second_order_and_closures_are_accurate_for_steep_weights() {
    let exact = |s: f64| 0.01 * 100f64.powf(s); // w = 1/θ on [0.01, 1]
    let error = |n: usize| {
        let angles: Vec<f64> = (0..=n).map(|i| 0.01 + 0.99 * i as f64 / n as f64).collect();
        let weights: Vec<f64> = angles.iter().map(|a| 1.0 / a).collect();
        let grid = Equidistributed::from_samples(3, &angles, &weights).unwrap().grid().unwrap();
        (grid.level(2).angle() - exact(0.5)).abs()
    };
    let slope = (error(16_000) / error(4000)).log2() / 2.0;
    assert!((slope + 2.0).abs() < 0.1, "slope {slope}");
    let grid = Equidistributed::from_weight(9, 0.01, 1.0, |angle| 1.0 / angle).unwrap().grid().unwrap();
    for t in 1..=9 {
        // (0.99/4096/0.01)⁴ /2880 · 24 ≈ 3e−9 in the first piece.
        close("angle", grid.level(t).angle(), exact((t - 1) as f64 / 8.0), 1e-9);
    }
}

#[test]
fn equidistributed_stays_monotone_where_the_parabola_would_dip_below_zero() {
    let spike = |angle: f64| if (angle - 0.7).abs() < 1e-4 { 1.0 } else { 1e-9 };
    let grid = Equidistributed::from_weight(200, 0.1, 1.5, spike).unwrap().grid().unwrap();
    assert!(grid.levels().windows(2).all(|w| w[1].sin() > w[0].sin()));
}

#[test]
fn the_paper_s_schedule_has_its_measured_suprema() {
    // As T grows the supremum over t ≥ 3 tends to e/(e−1) from one side, and at t = 2 the ratio is (1+r)² exactly.
    let limit = 1.0 / (1.0 - (-1f64).exp());
    let mut gaps = Vec::new();
    for steps in [1000, 10_000, 100_000, 1_000_000] {
        let schedule = LiHuangWei::new(steps, 2.0, 6.0).unwrap();
        let properties = schedule.grid().unwrap().properties();
        close("at t = 2", properties.noise_ratio_at_2, (1.0 + schedule.rate()).powi(2), 1e-12);
        close("c0", properties.c0, 2.0, 1e-13);
        close("c1", properties.c1, 6.0, 1e-13);
        assert!(properties.holds(2.0) && properties.warnings.is_empty(), "{:?}", properties.warnings);
        gaps.push((properties.noise_ratio - limit).abs());
    }
    assert!(gaps.windows(2).all(|g| g[1] < 0.5 * g[0]), "{gaps:?}");
    assert!(gaps[3] < 1e-3, "{gaps:?}");
}

#[test]
fn the_audit_thresholds_in_t_are_those_of_the_rate() {
    // r ≤ 1/2 needs T ≥ 27, 36, 46, 68 for c₁ = 4, 5, 6, 8; r < 1 needs T ≥ 9, 13, 17, 27.
    for (c1, half, one) in [(4.0, 27, 9), (5.0, 36, 13), (6.0, 46, 17), (8.0, 68, 27)] {
        let holds = |steps| LiHuangWei::new(steps, 1.0, c1).unwrap().grid().unwrap().properties().retention_holds;
        assert!(holds(half) && !holds(half - 1), "c1 = {c1}");
        assert!(LiHuangWei::new(one, 1.0, c1).is_ok());
        assert!(matches!(LiHuangWei::new(one - 1, 1.0, c1), Err(ScheduleError::RateTooLarge { .. })), "c1 = {c1}");
    }
}

#[test]
fn the_audit_warns_where_it_should() {
    let warnings = |c0, c1, steps| LiHuangWei::new(steps, c0, c1).unwrap().grid().unwrap().properties().warnings;
    let short = warnings(4.0, 2.0, 1000);
    assert!(short.iter().any(|w| matches!(w, ScheduleWarning::PlateauNotReached { c0, c1, .. } if c1 < c0)));
    assert!(short.iter().any(|w| matches!(w, ScheduleWarning::PriorMismatch { .. })));
    assert!(warnings(1.0, 6.0, 30).iter().any(|w| matches!(w, ScheduleWarning::LargeBeta { .. })));
    assert!(matches!(warnings(2.0, 3.5, 4096)[..], [ScheduleWarning::PriorMismatchUnlessCentred { .. }]));
    assert!(warnings(2.0, 6.0, 4096).is_empty());
    // A grid with a jump breaks (27b) and (27c).
    let jump = Grid::from_betas(vec![1e-6, 0.1, 0.1, 0.1]).unwrap().properties();
    assert!(!jump.noise_ratio_holds && !jump.noise_growth_holds);
    assert!(jump.warnings.iter().any(|w| matches!(w, ScheduleWarning::NoiseRatio { t: 2, .. })));
    assert!(jump.warnings.iter().any(|w| matches!(w, ScheduleWarning::NoiseGrowth { t: 2, .. })));
    assert!(Grid::from_betas(vec![0.1, 0.1]).unwrap().properties().noise_ratio.is_nan()); // no t ≥ 3
}

#[test]
fn the_growth_identity_holds_on_any_grid() {
    let grid = Karras::new(40).unwrap().grid().unwrap();
    let growth = |t: usize| grid.level(t).one_minus_alpha_bar() / grid.level(t - 1).one_minus_alpha_bar() - 1.0;
    let a = grid.properties();
    close("growth", a.noise_growth * a.rate, growth(a.noise_growth_step), 1e-12);
    assert!((2..=40).all(|t| growth(t) <= a.noise_growth * a.rate * (1.0 + 1e-12)));
}

#[test]
fn bad_input_is_refused_with_a_typed_error() {
    use ScheduleError::{EntryOutOfRange, Mismatch, NotMonotone, OutOfRange, RateTooLarge};
    let nan = f64::NAN;
    for steps in [0, 1] {
        assert!(matches!(LiHuangWei::new(steps, 2.0, 4.0), Err(OutOfRange(error::OutOfRange { name: "steps", .. }))));
        assert!(matches!(LinearSchedule::ddpm(steps), Err(OutOfRange(error::OutOfRange { name: "steps", .. }))));
        assert!(matches!(CosineSchedule::new(steps), Err(OutOfRange(error::OutOfRange { name: "steps", .. }))));
        assert!(matches!(Karras::new(steps), Err(OutOfRange(error::OutOfRange { name: "steps", .. }))));
        assert!(matches!(UniformAngle::new(steps, 0.1, 1.0), Err(OutOfRange(error::OutOfRange { name: "steps", .. }))));
        assert!(matches!(Equidistributed::from_weight(steps, 0.1, 1.0, |_| 1.0), Err(OutOfRange(error::OutOfRange { name: "steps", .. }))));
        assert!(matches!(Grid::from_betas(vec![0.1; steps]), Err(OutOfRange(error::OutOfRange { name: "steps", .. }))));
        assert!(matches!(Grid::from_angles(&vec![0.1; steps]), Err(OutOfRange(error::OutOfRange { name: "steps", .. }))));
    }
    assert!(matches!(LiHuangWei::new(8, 2.0, 4.0), Err(RateTooLarge { .. })));
    for bad in [0.0, -1.0, nan, f64::INFINITY] {
        assert!(matches!(LiHuangWei::new(100, bad, 4.0), Err(OutOfRange(error::OutOfRange { name: "c0", .. }))));
        assert!(matches!(LiHuangWei::new(100, 2.0, bad), Err(OutOfRange(error::OutOfRange { name: "c1", .. }))));
        assert!(matches!(Karras::with_constants(9, bad, 80.0, 7.0), Err(OutOfRange(error::OutOfRange { name: "sigma_min", .. }))));
        assert!(matches!(Karras::with_constants(9, 1.0, 2.0, bad), Err(OutOfRange(error::OutOfRange { name: "rho", .. }))));
        assert!(matches!(UniformAngle::new(9, bad, 1.0), Err(OutOfRange(error::OutOfRange { name: "angle_min", .. }))));
        assert!(matches!(UniformAngle::new(9, 0.1, bad), Err(OutOfRange(error::OutOfRange { name: "angle_max", .. }))));
        assert!(matches!(
            Equidistributed::from_weight(9, 0.1, 1.0, |_| bad),
            Err(EntryOutOfRange(error::EntryOutOfRange { name: "values of the weight", .. }))
        ));
        assert!(matches!(LinearSchedule::new(9, bad, 0.5), Err(OutOfRange(error::OutOfRange { name: "beta_min", .. }))));
        assert!(matches!(Grid::from_betas(vec![0.1, bad]), Err(EntryOutOfRange(error::EntryOutOfRange { name: "betas", index: 2, .. }))));
        assert!(matches!(
            Grid::from_alpha_bars(&[0.9, bad]),
            Err(EntryOutOfRange(error::EntryOutOfRange { name: "alpha_bars", index: 2, .. }))
        ));
        assert!(matches!(Grid::from_sigmas(&[1.0, bad]), Err(EntryOutOfRange(error::EntryOutOfRange { name: "sigmas", index: 2, .. }))));
        assert!(matches!(Grid::from_angles(&[1.0, bad]), Err(EntryOutOfRange(error::EntryOutOfRange { name: "angles", index: 2, .. }))));
    }
    assert!(matches!(UniformAngle::new(9, 0.1, 1.6), Err(OutOfRange(error::OutOfRange { name: "angle_max", .. }))));
    assert!(matches!(UniformAngle::to_co_angle(9, 1.0, 0.6), Err(OutOfRange(error::OutOfRange { name: "co_angle_max", .. }))));
    assert!(matches!(CosineSchedule::with_constants(9, -0.1, 0.9), Err(OutOfRange(error::OutOfRange { name: "offset", .. }))));
    assert!(matches!(CosineSchedule::with_constants(9, 0.1, 1.0), Err(OutOfRange(error::OutOfRange { name: "cap", .. }))));
    assert!(matches!(Karras::with_constants(9, 2.0, 1.0, 7.0), Err(OutOfRange(error::OutOfRange { name: "sigma_max", .. }))));
    assert!(matches!(LinearSchedule::new(9, 0.1, nan), Err(OutOfRange(error::OutOfRange { name: "beta_max", .. }))));
    assert!(matches!(Grid::from_angles(&[0.5, 0.5]), Err(NotMonotone { index: 2, .. })));
    assert!(matches!(Grid::from_sigmas(&[1.0, 0.5]), Err(NotMonotone { index: 2, .. })));
    assert!(matches!(Grid::from_alpha_bars(&[0.5, 0.6]), Err(NotMonotone { index: 2, .. })));
    assert!(matches!(Equidistributed::from_samples(9, &[0.1, 0.2], &[1.0]), Err(Mismatch(_))));
    assert!(matches!(Equidistributed::from_samples(9, &[0.1, 0.1], &[1.0, 1.0]), Err(NotMonotone { .. })));
    let message = Grid::from_betas(vec![0.1, 1.5]).unwrap_err().to_string();
    assert_eq!(message, "betas[2] = 1.5 is outside (0, 1)");
}

#[test]
fn a_step_over_the_whole_range_keeps_its_digits() {
    // sin Δθ = 1 to rounding says nothing about how far Δθ is from π/2; the levels do.
    for (first, last) in [(1e-9, std::f64::consts::FRAC_PI_2), (1e-5, 1.57), (0.3, 1.4)] {
        let grid = Grid::from_angles(&[first, last]).unwrap();
        assert!((grid.delta(2) - (last - first)).abs() < 4.0 * f64::EPSILON, "{first} {last}: {:e}", grid.delta(2) - (last - first));
    }
}

#[test]
fn two_levels_have_a_bracket_that_holds() {
    use onestep::population::LineRecursion;
    for first in [1e-9, 1e-4, 0.3] {
        let law = onestep::law::LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5]).unwrap();
        let grid = Grid::from_angles(&[first, std::f64::consts::FRAC_PI_2]).unwrap();
        let report = LineRecursion::new(&law, &grid).run().unwrap().report().clone();
        // f_2*(x) = sin θ_1 x, nearly constant: W_2 is close to the bracket's upper end.
        assert!(report.energy_lower <= report.w2_marginal.lower && report.w2_marginal.upper <= report.energy_upper.unwrap(), "{report}");
    }
}
