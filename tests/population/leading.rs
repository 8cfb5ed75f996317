//! The leading term on the line: the known limits of the theory notes, and runs of the recursion that tend to them.

use onestep::VarianceSchedule;
use onestep::law::{Comb, LineMixture};
use onestep::population::{LineLimits, LineRecursion, PopulationError};
use onestep::schedule::UniformAngle;
use std::f64::consts::{FRAC_PI_2, PI};

fn pair(mean: f64, std: f64) -> LineMixture {
    LineMixture::new(&[0.5, 0.5], &[-mean, mean], &[std, std]).unwrap()
}

/// Limits on uniform angles in [.01, π/2 − .001], to the digits of the notes; W_1 and the energy deficit of the second law from
/// `tests/golden/leading.py` (the notes give 30.54999 for the latter, which is off in the fifth digit).
#[test]
fn known_limits() {
    for (mean, std, answers, digits) in [
        (0.7, 0.6, [1.092_218_5, 1.097_815, 1.094_349, 1.088_238, 2.111_900], [5e-8, 5e-7, 5e-7, 5e-7, 5e-7]),
        (1.5, 0.5, [46.677_812_159_2, 47.0260, 34.0126, 32.4834, 30.549_707_876_8], [5e-6, 5e-5, 5e-5, 5e-5, 3e-6]),
    ] {
        let limits = LineLimits::new(&pair(mean, std), 0.01, FRAC_PI_2 - 0.001).tolerance(1e-7).run().unwrap();
        assert!(limits.resolved, "{limits}");
        let found = [limits.w1, limits.certificate, limits.optimal_certificate, limits.optimal_w1, limits.energy_deficit];
        for ((found, answer), digit) in found.into_iter().zip(answers).zip(digits) {
            assert!((found - answer).abs() <= digit, "±{mean}: {found} is not {answer}");
        }
    }
}

/// lim T·W_1 of the comb of amplitude ½ on (0, π/2), over (π/4) k A/(1 − A²).
fn comb_limit(k: f64, answer: f64, digit: f64) -> f64 {
    let limits = LineLimits::new(&Comb::new(0.5, k).unwrap(), 1e-5, FRAC_PI_2).tolerance(1e-4).run().unwrap();
    assert!(limits.resolved, "{limits}");
    assert!((limits.w1 - answer).abs() <= digit, "k = {k}: {}", limits.w1);
    assert!(limits.w1 <= limits.certificate * (1.0 + 1e-4) && limits.optimal_certificate <= limits.certificate * (1.0 + 1e-4));
    limits.w1 / (k * PI / 6.0)
}

/// The known limits have four or five digits; over k they rise to π/6.
#[test]
fn combs() {
    let ratios = [(6.0, 2.891, 5e-4), (12.0, 5.962, 5e-4), (24.0, 12.21, 5e-3)].map(|(k, answer, digit)| comb_limit(k, answer, digit));
    assert!(ratios.windows(2).all(|r| r[0] < r[1]) && ratios[2] > 0.97 && ratios[2] < 1.0, "{ratios:?}");
}

#[test]
#[ignore = "takes half a minute"]
fn a_comb_of_short_waves() {
    let ratio = comb_limit(48.0, 24.76, 5e-3);
    assert!(ratio > 0.98 && ratio < 1.0, "{ratio}");
}

/// T·W_1 and T·deficit differ from their limits by c/T + O(1/T²): twice what is found at 2T less what is found at T has the second term only.
#[test]
fn runs_tend_to_the_limits() {
    for law in [pair(0.7, 0.6), LineMixture::new(&[0.3, 0.7], &[-1.0, 0.5], &[0.9, 0.35]).unwrap()] {
        let limits = LineLimits::new(&law, 0.01, FRAC_PI_2 - 0.001).run().unwrap();
        let [coarse, fine] = [200, 400].map(|steps: usize| {
            let grid = UniformAngle::new(steps + 1, 0.01, FRAC_PI_2 - 0.001).unwrap().grid().unwrap();
            let run = LineRecursion::new(&law, &grid).run().unwrap();
            let (r, t) = (run.report(), steps as f64);
            [t * r.w1_marginal.upper, t * r.energy_deficit]
        });
        for ((coarse, fine), limit) in coarse.into_iter().zip(fine).zip([limits.w1, limits.energy_deficit]) {
            let (before, after) = ((fine / limit - 1.0).abs(), ((2.0 * fine - coarse) / limit - 1.0).abs());
            assert!(before < 0.04 && after < 0.35 * before, "{coarse} {fine} {limit}: {before:e} {after:e}");
        }
    }
}

/// On the schedule n ∝ √g the certificate is smaller than on uniform angles, and tends to its limit.
#[test]
fn the_schedule_is_better_for_the_certificate() {
    let law = pair(1.0, 0.4);
    let limits = LineLimits::new(&law, 0.01, FRAC_PI_2 - 0.001).run().unwrap();
    let run = |steps: usize| {
        let grid = limits.schedule(steps).unwrap().grid().unwrap();
        (steps - 1) as f64 * LineRecursion::new(&law, &grid).tolerance(1e-6).run().unwrap().report().certificate
    };
    let gaps = [401, 801].map(|steps| (run(steps) / limits.optimal_certificate - 1.0).abs());
    assert!(gaps[1] < 0.7 * gaps[0] && gaps[1] < 0.02, "{gaps:?}");
    let even = UniformAngle::new(801, 0.01, FRAC_PI_2 - 0.001).unwrap().grid().unwrap();
    let even = 800.0 * LineRecursion::new(&law, &even).tolerance(1e-6).run().unwrap().report().certificate;
    assert!(run(801) < 0.95 * even);
}

/// Two modes far apart: the flow is steep where hardly any mass is. Either the limit grows like L_f, or it is not resolved and says so.
#[test]
fn gaps_without_nodes_are_not_passed_over() {
    for std in [0.3, 0.25, 0.15, 0.05] {
        let limits = LineLimits::new(&pair(1.0, std), 0.01, FRAC_PI_2 - 0.001).tolerance(1e-5).run().unwrap();
        let slope = std * (0.5 / (std * std)).exp();
        // Θ (m + 1/(2m))/(2√2) L as std falls, within a tenth.
        let expected = (FRAC_PI_2 - 0.011) * 1.5 / 8.0_f64.sqrt() * slope;
        assert!(!limits.resolved || (limits.w1 / expected - 1.0).abs() < 0.1, "std {std}: {limits}, expected {expected:e}");
    }
}

#[test]
fn what_cannot_be_computed_is_refused() {
    let law = pair(1.0, 0.5);
    let run = |a: f64, b: f64, tolerance: f64| LineLimits::new(&law, a, b).tolerance(tolerance).run();
    for (a, b) in [(0.0, 1.0), (0.5, 0.5), (0.5, 1.6), (f64::NAN, 1.0), (0.1, f64::NAN)] {
        assert!(matches!(run(a, b, 1e-6), Err(PopulationError::Schedule(_))), "{a}, {b}");
    }
    for tolerance in [0.0, 1.0, f64::NAN] {
        assert!(matches!(run(0.1, 1.0, tolerance), Err(PopulationError::OutOfRange(_))));
    }
    // A point mass has no error, and no schedule is better than another.
    let one = LineMixture::point_masses(&[1.0], &[3.0]).unwrap();
    let limits = LineLimits::new(&one, 0.1, 1.5).run().unwrap();
    assert_eq!((limits.w1, limits.energy_deficit), (0.0, 0.0));
    assert!(limits.schedule(10).is_err());
}
