//! Bounds without unknown constants, 2.17 to 2.19: known answers, sharp cases, and never below the truth.

use onestep::bound::{CombLimit, LipschitzMaps, LogConcave, mean_norm};
use onestep::law::{Covariance, Gaussian, LineMixture};
use onestep::population::{GaussianRecursion, Keep, LineRecursion};
use onestep::schedule::{LiHuangWei, UniformAngle};
use onestep::{Grid, VarianceSchedule};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{FRAC_PI_2, PI};

/// T uniform angles on [.01, π/2 − .001].
fn uniform(steps: usize) -> Grid {
    UniformAngle::new(steps, 0.01, FRAC_PI_2 - 0.001).unwrap().grid().unwrap()
}

/// The known answers are given to ten digits.
const DIGITS: f64 = 1e-9;

#[track_caller]
fn close(name: &str, value: f64, exact: f64) {
    assert!((value - exact).abs() <= DIGITS * exact.abs(), "{name}: {value:.12} is not {exact}");
}

#[test]
fn log_concave_sums_are_the_known_answers() {
    let (alpha, beta) = (1.0 / 0.36 - 0.25 / 0.36f64.powi(2), 1.0 / 0.36);
    for (alpha, beta, answers) in [
        (alpha, beta, [4.055_176_927, 3.848_444_630, 3.807_930_713]),
        (1.0, 1.0, [1.348_267_135, 1.241_203_644, 1.222_589_008]),
        (1.0, 4.0, [4.274_788_079, 4.072_669_595, 4.032_273_572]),
    ] {
        for (steps, answer) in [10, 50, 200].into_iter().zip(answers) {
            // √d is the only dependence on d.
            for dim in [1, 49] {
                let bound = LogConcave::new(dim, alpha, beta).unwrap().bound(&uniform(steps));
                close("T × bound", bound.w2 * steps as f64 / (dim as f64).sqrt(), answer);
                assert!(bound.transport + bound.spread <= bound.w2);
            }
        }
    }
}

#[test]
fn log_concave_rates_are_the_known_answers() {
    for (alpha, beta, k1, k2) in [
        (1.0, 2.0, 1.774_638_397_6, 0.630_098_303_0),
        (1.0, 4.0, 2.413_376_486_8, 1.688_581_784_9),
        (0.5, 2.0, 3.422_646_375_1, 2.739_884_477_3),
        (0.25, 4.0, 7.819_717_285_0, 16.723_788_861_6),
    ] {
        let rate = LogConcave::new(1, alpha, beta).unwrap().rate(0.0, FRAC_PI_2).unwrap();
        close("K_1", rate.k1, k1);
        close("K_2", rate.k2, k2);
    }
    let gaussian = |alpha: f64| LogConcave::new(1, alpha, alpha).unwrap().rate(0.0, FRAC_PI_2).unwrap();
    for alpha in [0.1, 1.0, 7.0] {
        close("α = β", gaussian(alpha).k(), PI.powi(2) / 16.0 * (1.0 + alpha) / alpha);
    }
    let (alpha, beta) = (1.0 / 0.36 - 0.25 / 0.36f64.powi(2), 1.0 / 0.36);
    let rate = LogConcave::new(1, alpha, beta).unwrap().rate(0.01, FRAC_PI_2 - 0.001).unwrap();
    close("limit of T × bound", rate.k(), 3.794_367_626);
    // The sums tend to it from T × bound/√d at rate 1/T.
    let gap = |steps: usize| LogConcave::new(1, alpha, beta).unwrap().bound(&uniform(steps)).w2 * steps as f64 - rate.k();
    let slope = (gap(400) / gap(800)).log2();
    assert!((slope - 1.0).abs() < 0.02, "slope {slope}");
}

#[test]
fn the_energy_is_that_of_the_extremal_gaussian() {
    for (lambda, answer) in [(0.36, 0.976_846_104_8), (1.0 / (1.0 / 0.36 - 0.25 / 0.36f64.powi(2)), 2.865_783_947_3)] {
        close("T Σ loss", 50.0 * LogConcave::new(1, 1.0 / lambda, f64::INFINITY).unwrap().energy(&uniform(50)), answer);
    }
    // Equality at N(m, I/α): the lost second moment of the closed-form recursion.
    for alpha in [0.3, 1.0, 5.0] {
        let law = Gaussian::new(&[0.0; 3], Covariance::diagonal(&[1.0 / alpha; 3]).unwrap()).unwrap();
        let report = GaussianRecursion::new(&law, &uniform(20)).run().unwrap().report().clone();
        close("energy", LogConcave::new(3, alpha, alpha).unwrap().energy(&uniform(20)), report.energy_deficit);
    }
}

#[test]
fn lipschitz_maps_have_the_closed_form_and_the_paper_s_constant() {
    // Σ = I on the paper's schedule: W_2² ≤ Λ² d · .309044944875 c_1 log T/T (1 + o(1)).
    for (steps, answer) in [(256, 0.30774), (4096, 0.30890)] {
        let grid = LiHuangWei::new(steps, 2.0, 4.0).unwrap().grid().unwrap();
        let bound = LipschitzMaps::new(3.0, &[1.0; 5]).unwrap().on(&grid);
        let ratio = bound.w2.powi(2) / (9.0 * 5.0 * 4.0 * (steps as f64).ln() / steps as f64);
        assert!((ratio - answer).abs() < 6e-6, "{ratio}");
        assert!(bound.w2 >= bound.lambda * bound.energy.sqrt());
    }
    // The closed form is above the sum for any spectrum, and tends to it.
    for spectrum in [vec![1.0], vec![0.0, 0.2, 4.0], vec![100.0, 1e-4]] {
        let maps = LipschitzMaps::new(1.5, &spectrum).unwrap();
        for steps in [2, 7, 100, 20_000] {
            let grid = UniformAngle::new(steps, 1e-4, FRAC_PI_2 - 1e-4).unwrap().grid().unwrap();
            let (sum, closed) = (maps.on(&grid).w2, maps.on_uniform_angles(steps, FRAC_PI_2 - 2e-4).unwrap());
            assert!(closed >= sum, "{closed} < {sum}");
            assert!(steps < 20_000 || closed < 1.02 * sum, "{closed} against {sum}");
        }
    }
}

#[test]
fn step_counts_are_enough_and_least() {
    for (lambda, spectrum) in [(1.0, vec![1.0; 10]), (2.0, vec![9.0, 0.1])] {
        let maps = LipschitzMaps::new(lambda, &spectrum).unwrap();
        for epsilon in [3.0, 0.3, 0.003] {
            let steps = maps.steps_for(epsilon, FRAC_PI_2).unwrap().steps;
            assert!(maps.on_uniform_angles(steps, FRAC_PI_2).unwrap() <= epsilon);
            assert!(steps == 2 || maps.on_uniform_angles(steps - 1, FRAC_PI_2).unwrap() > epsilon * (1.0 - 1e-9));
        }
    }
    // 2.19, by bisection: enough, and one less is not.
    for (dim, alpha, beta, epsilon) in [(1, 1.0, 1.0, 0.3), (4, 1.0, 2.0, 0.05), (9, 0.25, 4.0, 2.0), (1, 1.0, 1.0, 0.001)] {
        let law = LogConcave::new(dim, alpha, beta).unwrap();
        let found = law.steps_for(epsilon, 0.01, FRAC_PI_2 - 0.001).unwrap();
        assert!(found.verified && law.bound(&uniform(found.steps)).w2 <= epsilon, "{found}");
        assert!(found.steps > 2 && law.bound(&uniform(found.steps - 1)).w2 > epsilon, "{found}");
    }
    let law = LogConcave::new(100, 0.5, 2.0).unwrap();
    let far = law.steps_for(1e-9, 1e-3, FRAC_PI_2 - 1e-3).unwrap();
    let leading = 1.0 + law.rate(1e-3, FRAC_PI_2 - 1e-3).unwrap().k() * 10.0 / 1e-9;
    assert!(!far.verified && far.steps > 1_000_000_000 && far.steps as f64 == leading.ceil());
    assert!(law.steps_for(f64::NAN, 1e-3, 1.5).is_err() && law.steps_for(0.1, 1e-3, 1.6).is_err());
}

/// α and β of ½N(−m, s²) + ½N(m, s²), m < s: V'' = 1/s² − Var(±m)/s⁴.
fn pair(mean: f64, std: f64) -> (LineMixture, LogConcave) {
    let law = LineMixture::new(&[0.5, 0.5], &[-mean, mean], &[std, std]).unwrap();
    let beta = std.powi(-2);
    (law, LogConcave::new(1, beta - mean.powi(2) * beta.powi(2), beta).unwrap())
}

/// T levels at random angles.
fn random_grid(rng: &mut ChaCha8Rng) -> Grid {
    let steps = rng.random_range(3..24);
    let mut angles: Vec<f64> = (0..steps).map(|_| rng.random_range(0.02..1.55)).collect();
    angles.sort_by(f64::total_cmp);
    Grid::from_angles(&angles).unwrap()
}

/// Every bound holds on a hundred random pairs of modes and random grids; the lower bound of 2.18 (iii) is below the truth.
#[test]
fn bounds_hold_on_random_laws() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for _ in 0..100 {
        let std: f64 = rng.random_range(0.3..1.5);
        let (law, constants) = pair(std * rng.random_range(0.0..0.95), std);
        let grid = random_grid(&mut rng);
        let run = LineRecursion::new(&law, &grid).run().unwrap();
        let report = run.report();
        let w2 = report.w2_marginal.lower;
        assert!(w2 <= constants.bound(&grid).w2, "2.19: {w2} > {:?}", constants.bound(&grid));
        assert!(report.energy_deficit <= constants.energy(&grid) * (1.0 + 1e-9), "2.18: {}", report.energy_deficit);
        assert!(w2 <= constants.energy(&grid).sqrt());
        let variance = law.stds()[0].powi(2) + law.means()[0].powi(2);
        let maps = LipschitzMaps::new(constants.lipschitz_maps(&grid), &[variance]).unwrap();
        assert!(w2 <= maps.on(&grid).w2, "2.17: {w2} > {:?}", maps.on(&grid));
        let first = grid.level(1);
        let lower = constants.line_lower_bound(&grid, first.alpha_bar() * variance + first.one_minus_alpha_bar()).unwrap().unwrap();
        assert!(lower <= w2 * (1.0 + 1e-9), "2.18 (iii): {lower} > {w2}");
    }
}

/// And on a hundred Gaussians of one to six dimensions with random spectra, where W_2 is known between bounds that meet for one eigenvalue.
#[test]
fn bounds_hold_on_random_gaussians() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for i in 0..100 {
        let spectrum: Vec<f64> = (0..=i % 6).map(|_| rng.random_range(-2.0_f64..2.0).exp()).collect();
        let (small, large) = spectrum.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), &v| (a.min(v), b.max(v)));
        let law = Gaussian::new(&vec![0.3; spectrum.len()], Covariance::diagonal(&spectrum).unwrap()).unwrap();
        let grid = random_grid(&mut rng);
        let run = GaussianRecursion::new(&law, &grid).keep(Keep::All).run().unwrap();
        let (report, w2) = (run.report(), run.report().w2_marginal.lower);
        let constants = LogConcave::new(spectrum.len(), large.recip(), small.recip()).unwrap();
        assert!(w2 <= constants.bound(&grid).w2, "2.19: {spectrum:?}: {w2} > {:?}", constants.bound(&grid));
        assert!(report.energy_deficit <= constants.energy(&grid), "2.18: {spectrum:?}: {}", report.energy_deficit);
        let steepest = (1..=grid.steps()).map(|t| run.consistency().lipschitz(t).unwrap()).fold(0.0, f64::max);
        assert!(steepest <= constants.lipschitz_maps(&grid) && report.lipschitz() <= constants.lipschitz() * (1.0 + 1e-12));
        let maps = LipschitzMaps::new(steepest.max(1.0), &spectrum).unwrap().on(&grid);
        assert!(w2 <= maps.w2, "2.17: {spectrum:?}: {w2} > {maps:?}");
    }
}

/// Kepler's equation on combs, and the sine part: limits of √T·W_1 in the theory notes.
#[test]
fn limits_on_combs_are_the_known_answers() {
    for (ratio, answer) in [(1.2, 0.221_758_253_818_930_6), (0.978_55, 0.228_554_349_232_818_5)] {
        let limit = CombLimit::on_uniform_angles(0.5, ratio).unwrap();
        assert!((limit.value / answer - 1.0).abs() < 1e-10, "K = {ratio}: {limit}");
    }
    let paper = CombLimit::on_the_paper_s_schedule(0.5, 1.4257, 4.0).unwrap();
    assert!((paper.value / 0.161_669_062_645_840_1 - 1.0).abs() < 1e-10, "{paper}");
    // The sine part alone is largest where K²π²/8 = 1.25643121.
    let best = CombLimit::on_uniform_angles(0.5, (8.0 * 1.256_431_21_f64).sqrt() / PI).unwrap();
    assert!((best.first_harmonic - 0.171_727_546_946).abs() < 1e-11, "{best}");
    // Without smoothing nothing is lost, and with all of it J_1(½) of the first harmonic.
    let all = CombLimit::on_uniform_angles(0.5, 100.0).unwrap();
    assert!((100.0 * all.first_harmonic - 0.242_268_457_675).abs() < 1e-12, "{all}");
    // .4513 A to .4571 A at the best K, 0 < A ≤ ½.
    for amplitude in [0.01, 0.1, 0.3, 0.5] {
        let best = (60..140).map(|i| CombLimit::on_uniform_angles(amplitude, f64::from(i) / 100.0).unwrap().value).fold(0.0, f64::max);
        assert!((0.451..0.4572).contains(&(best / amplitude)), "A = {amplitude}: {}", best / amplitude);
    }
    for (amplitude, ratio, c1) in
        [(0.0, 1.0, 4.0), (0.91, 1.0, 4.0), (0.5, 0.0, 4.0), (0.5, f64::NAN, 4.0), (0.5, 1.0, 0.0), (f64::NAN, 1.0, 4.0)]
    {
        assert!(CombLimit::on_the_paper_s_schedule(amplitude, ratio, c1).is_err());
    }
}

#[test]
fn the_gaussian_attains_the_leading_order() {
    let law = Gaussian::standard(16).unwrap();
    let report = GaussianRecursion::new(&law, &uniform(50)).run().unwrap().report().clone();
    let bound = LogConcave::new(16, 1.0, 1.0).unwrap().bound(&uniform(50)).w2;
    // W_1 of the Gaussian is δ E‖Z‖, the bound has √d in its place.
    let ratio = bound / (report.w1.upper * 4.0 / mean_norm(16).unwrap());
    assert!((1.0..1.02).contains(&ratio), "{ratio}");
}

/// What a bound is moved up by for its rounding, 1e−12 or twice that, seen against numbers good to 1e−13.
fn moved_up(name: &str, bound: f64, exact: f64) {
    let by = bound / exact - 1.0;
    assert!((5e-13..5e-12).contains(&by), "{name}: {bound} for {exact}, moved by {by:e}");
}

#[test]
fn sharp_cases_are_attained_from_above() {
    for alpha in [0.3, 1.0, 5.0] {
        let law = Gaussian::new(&[0.0; 3], Covariance::diagonal(&[1.0 / alpha; 3]).unwrap()).unwrap();
        let constants = LogConcave::new(3, alpha, alpha).unwrap();
        for grid in [uniform(20), LiHuangWei::new(64, 2.0, 4.0).unwrap().grid().unwrap()] {
            let run = GaussianRecursion::new(&law, &grid).keep(Keep::All).run().unwrap();
            moved_up("energy", constants.energy(&grid), run.report().energy_deficit);
            // The gain of the closed-form recursion, the largest over all levels; the identity has 1.
            let steepest = (1..=grid.steps()).map(|t| run.consistency().lipschitz(t).unwrap()).fold(0.0, f64::max);
            moved_up("slope of the maps", constants.lipschitz_maps(&grid), steepest);
        }
        // From below: what the losses of the narrowest Gaussian are, over twice a standard deviation.
        let one = Gaussian::new(&[0.0], Covariance::diagonal(&[1.0 / alpha]).unwrap()).unwrap();
        let deficit = GaussianRecursion::new(&one, &uniform(20)).run().unwrap().report().energy_deficit;
        let lower = LogConcave::new(1, 0.5 * alpha, alpha).unwrap().line_lower_bound(&uniform(20), 0.49).unwrap().unwrap();
        moved_up("lower bound", deficit / 1.4, lower);
        let bound = constants.bound(&uniform(20));
        moved_up("sum of the terms", bound.w2, bound.transport + bound.spread);
        moved_up("slope of the flow", constants.lipschitz(), (1.0 / alpha).sqrt().max(1.0));
    }
    // One step of length Δ: Λ² Δ [(π/2) tr Σ^{1/2} + Δ tr (Σ − I)₊] with Σ = diag(9, 1/4, 2).
    let delta = 0.7;
    let maps = LipschitzMaps::new(1.5, &[9.0, 0.25, 2.0]).unwrap();
    let square = 2.25 * delta * (FRAC_PI_2 * (3.0 + 0.5 + 2f64.sqrt()) + delta * 9.0);
    moved_up("uniform angles", maps.on_uniform_angles(2, delta).unwrap(), square.sqrt());
    // The sum on one step, by its definition.
    let grid = Grid::from_angles(&[0.4, 1.1]).unwrap();
    let h = |v: f64| v / (v * 1.1f64.cos().powi(2) + 1.1f64.sin().powi(2));
    let bound = maps.on(&grid);
    moved_up("energy of Lipschitz maps", bound.energy, 0.7f64.sin().powi(2) * (h(9.0) + h(0.25) + h(2.0)));
    moved_up("W2 of Lipschitz maps", bound.w2, 1.5 * bound.energy.sqrt());
}

#[test]
fn hypotheses_outside_their_ranges_are_refused() {
    for (dim, alpha, beta) in [(0, 1.0, 1.0), (1, 0.0, 1.0), (1, f64::NAN, 1.0), (1, 2.0, 1.0), (1, 1.0, f64::NAN)] {
        assert!(LogConcave::new(dim, alpha, beta).is_err(), "{dim} {alpha} {beta}");
    }
    let maps = LipschitzMaps::new(1.0, &[1.0]).unwrap();
    for span in [0.0, -1.0, 1.6, f64::NAN] {
        assert!(maps.steps_for(0.1, span).is_err() && maps.on_uniform_angles(4, span).is_err(), "{span}");
    }
    // ε so small that T is beyond 2^53, in the form that does not overflow; nothing to transport needs two levels.
    assert!(maps.steps_for(1e-9, 1.5).is_err() && maps.steps_for(1e-200, 1.5).is_err());
    let nothing = LipschitzMaps::new(1.0, &[0.0]).unwrap().steps_for(0.1, 1.5).unwrap();
    assert!(nothing.steps == 2 && nothing.verified);
}
