//! Consistency training of Gaussians: closed forms against 50-digit arithmetic, identities, bounds.

use ndarray::{Array2, array};
use onestep::law::{Covariance, Gaussian, LineMixture};
use onestep::population::{GaussianRecursion, Keep, Method, PopulationReport};
use onestep::schedule::LiHuangWei;
use onestep::{ConsistencyFunction, FlowMap, Grid, Moments, NoiseLevel, Posterior, Sample, VarianceSchedule};
use proptest::prelude::*;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use std::f64::consts::{FRAC_PI_2, PI};

/// 1 − ρ is a sum of T logarithms: its relative error grows like √T ulp; 65536 levels of a schedule with 1e−13 of its own.
const CLOSED_FORM: f64 = 1e-12;

fn paper(steps: usize) -> Grid {
    LiHuangWei::new(steps, 2.0, 4.0).unwrap().grid().unwrap()
}

fn report(target: &Gaussian, grid: &Grid) -> PopulationReport {
    GaussianRecursion::new(target, grid).run().unwrap().report().clone()
}

fn line(mean: f64, variance: f64) -> Gaussian {
    Gaussian::new(&[mean], Covariance::isotropic(1, variance).unwrap()).unwrap()
}

fn even_angles(from: f64, to: f64, steps: usize) -> Grid {
    Grid::from_angles(&(0..steps).map(|i| from + (to - from) * i as f64 / (steps - 1) as f64).collect::<Vec<_>>()).unwrap()
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * a.abs().max(b.abs()), "{a} and {b} differ by {:e} relatively", (a / b - 1.0).abs());
}

#[test]
fn agrees_with_high_precision_arithmetic() {
    for line_of_file in include_str!("../golden/gaussian.csv").lines().skip(1) {
        let v: Vec<f64> = line_of_file.split(',').map(|v| v.parse().unwrap()).collect();
        let (variance, steps) = (v[0], v[1] as usize);
        let run = GaussianRecursion::new(&line(0.0, variance), &paper(steps)).run().unwrap();
        close(run.report().w1_marginal.value().unwrap(), v[2], CLOSED_FORM);
        close(run.report().energy_deficit, v[3], CLOSED_FORM);
        close(run.consistency().lipschitz(steps).unwrap(), v[4], CLOSED_FORM);
    }
}

#[test]
fn standard_normal_on_the_schedule_of_the_paper() {
    for (steps, scaled) in [(256, 0.487_965_320), (1024, 0.491_434_436), (4096, 0.492_630_231), (65536, 0.493_119_478)] {
        let w1 = report(&Gaussian::standard(1).unwrap(), &paper(steps)).w1.value().unwrap();
        let t = f64::from(steps as u32);
        assert!((t * w1 / t.ln() - scaled).abs() < 6e-10, "T = {steps}: {}", t * w1 / t.ln()); // nine digits are given
    }
}

#[test]
fn losses_add_up_to_the_lost_second_moment() {
    for variance in [1e-6, 0.3, 1.0, 50.0] {
        for grid in [paper(64), paper(2000), even_angles(0.2, 1.5, 5)] {
            let r = report(&line(2.0, variance), &grid);
            close(r.loss_sum, r.energy_deficit, CLOSED_FORM);
        }
    }
}

#[test]
fn a_point_has_no_discretisation_error() {
    let target = Gaussian::new(&[3.0, -1.0], Covariance::isotropic(2, 0.0).unwrap()).unwrap();
    let grid = paper(128);
    let run = GaussianRecursion::new(&target, &grid).run().unwrap();
    assert_eq!(run.report().w1_marginal.upper, 0.0);
    assert_eq!(run.report().energy_deficit, 0.0);
    let x = array![[0.3, 0.4]];
    let gap: Array2<f64> = run.consistency().eval(128, &x) - target.flow(grid.last(), grid.level(1), &x);
    assert!(gap.iter().all(|g| g.abs() < 1e-15));
}

#[test]
fn uniform_angles_attain_the_bound_for_the_standard_normal() {
    // W_1 = (1 − cos^{T−1}(Θ/(T−1))) E‖Z‖ → Θ² E‖Z‖ / (2(T−1)), and no other schedule of the same range is better.
    let (from, to) = (1e-6, FRAC_PI_2 - 1e-6);
    for steps in [10, 100, 1000] {
        let theta: f64 = to - from;
        let gaps = f64::from(steps as u32 - 1);
        let bound = -(0.5 * gaps * (-(theta / gaps).sin().powi(2)).ln_1p()).exp_m1() * (2.0 / PI).sqrt();
        let target = Gaussian::standard(1).unwrap();
        close(report(&target, &even_angles(from, to, steps)).w1.value().unwrap(), bound, 1e-11); // angles are given to 1e−16, gaps to 1e−13
        let uneven = Grid::from_angles(&(0..steps).map(|i| from + theta * (i as f64 / gaps).powf(1.3)).collect::<Vec<_>>()).unwrap();
        assert!(report(&target, &uneven).w1.value().unwrap() > bound);
    }
    let limit = (1000.0 - 1.0) * report(&Gaussian::standard(1).unwrap(), &even_angles(from, to, 1000)).w1.lower;
    assert!((limit / (PI * PI / 8.0 * (2.0 / PI).sqrt()) - 1.0).abs() < 1e-3);
}

#[test]
fn copies_multiply_the_quadratic_distance_by_the_root_of_the_dimension() {
    let grid = paper(100);
    let one = report(&line(0.5, 2.0), &grid);
    let many = report(&Gaussian::new(&[0.5; 36], Covariance::isotropic(36, 2.0).unwrap()).unwrap(), &grid);
    close(many.w2_marginal.upper, 6.0 * one.w2_marginal.upper, CLOSED_FORM);
    close(many.energy_deficit, 36.0 * one.energy_deficit, CLOSED_FORM);
    assert!(many.w1.lower >= 6.0 * one.w1.lower);
    assert!(many.w1_marginal.upper <= many.w2_marginal.upper);
}

#[test]
fn ten_thousand_dimensions() {
    let dim = 10_000;
    let grid = paper(200);
    let r = report(&Gaussian::standard(dim).unwrap(), &grid);
    // E‖Z‖ = √d (1 − 1/(4d) + 1/(32 d²) + …).
    let d = 1e4_f64;
    close(r.w1.lower, r.w2_marginal.upper * (1.0 - 0.25 / d + 1.0 / (32.0 * d * d)), 1e-11);
    let variances: Vec<f64> = (0..dim).map(|i| 0.1 + i as f64 / d).collect();
    let target = Gaussian::new(&vec![0.0; dim], Covariance::diagonal(&variances).unwrap()).unwrap();
    let r = report(&target, &paper(16));
    assert!(r.w1_marginal.lower <= r.w1_marginal.upper && r.w1_marginal.upper <= r.w2_marginal.upper);
    assert!(r.w1_marginal.lower > 0.9 * r.w2_marginal.upper, "in high dimension both distances agree: {r:?}");
}

#[test]
fn a_million_levels() {
    let grid = paper(1_000_000);
    let r = report(&line(0.0, 1.0), &grid);
    close(r.loss_sum, r.energy_deficit, 1e-11);
    let scaled = r.w1.lower * 1e6 / 1e6_f64.ln();
    assert!((scaled - 0.493_164_380).abs() < 1e-5, "{scaled}"); // the limit, approached like 1/T^{1 − o(1)}
}

#[test]
fn certificate_bounds_the_error_and_is_sharp_to_first_order() {
    for variance in [0.05, 1.0, 9.0] {
        for steps in [64, 512, 4096] {
            let r = report(&line(1.0, variance), &paper(steps));
            let w1 = r.w1_marginal.value().unwrap();
            assert!(r.lower_bound <= w1 && w1 <= r.certificate);
            // Both are Σ (1 − cos Δψ) to first order.
            assert!(r.certificate / w1 - 1.0 < 20.0 / f64::from(steps as u32) * 8.0, "{}", r.certificate / w1);
        }
    }
}

#[test]
fn consistency_functions_are_the_posterior_means() {
    // f_t(x) = E[f_{t−1}(X_{t−1}) | X_t = x] = f_{t−1}(E[X_{t−1} | X_t = x]) for affine f.
    let covariance = Covariance::full(&array![[2.0, 0.6, 0.1], [0.6, 1.0, -0.3], [0.1, -0.3, 0.2]]).unwrap();
    let target = Gaussian::new(&[1.0, -2.0, 0.5], covariance).unwrap();
    let grid = paper(40);
    let run = GaussianRecursion::new(&target, &grid).keep(Keep::All).run().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let x = target.sample(20, &mut rng);
    assert_eq!(run.consistency().eval(1, &x), x);
    for t in [2, 3, 17, 40] {
        let (now, before) = (grid.level(t), grid.level(t - 1));
        let mean = (&x * before.sin() + target.denoise(now, &x) * grid.sin_delta(t)) / now.sin();
        let gap = run.consistency().eval(t, &x) - run.consistency().eval(t - 1, &mean);
        assert!(gap.iter().all(|g| g.abs() < 1e-13), "t = {t}: {gap}");
    }
}

#[test]
fn distillation_finds_the_same_functions() {
    let target = Gaussian::new(&[1.0, 0.0], Covariance::diagonal(&[0.5, 3.0]).unwrap()).unwrap();
    let grid = paper(50);
    let training = GaussianRecursion::new(&target, &grid).run().unwrap();
    let distillation = GaussianRecursion::new(&target, &grid).method(Method::Distillation).run().unwrap();
    assert_eq!(training.consistency(), distillation.consistency());
    assert_eq!(training.report().w1, distillation.report().w1);
    assert_eq!(distillation.report().loss_sum, 0.0);
}

#[test]
fn single_precision_evaluates_the_same_function() {
    let target = Gaussian::new(&[1.0, 0.0], Covariance::full(&array![[2.0, 0.5], [0.5, 1.0]]).unwrap()).unwrap();
    let grid = paper(50);
    let run = GaussianRecursion::new(&target, &grid).run().unwrap();
    let x = array![[0.5_f64, -1.5]];
    let gap = run.consistency().eval(50, &x.mapv(|v| v as f32)).mapv(f64::from) - run.consistency().eval(50, &x);
    assert!(gap.iter().all(|g| g.abs() < 1e-6));
}

#[test]
fn keeps_what_was_asked_for() {
    let target = Gaussian::standard(1).unwrap();
    let grid = paper(50);
    let run = GaussianRecursion::new(&target, &grid).keep(Keep::Levels(vec![7, 9])).run().unwrap();
    let held: Vec<usize> = (1..=50).filter(|&t| run.consistency().holds(t)).collect();
    assert_eq!(held, [1, 7, 9, 50]);
    assert!(GaussianRecursion::new(&target, &grid).keep(Keep::Levels(vec![0])).run().is_err());
}

/// W_1 of two Gaussians on the line by the quantile coupling, Gauss–Legendre free: a fine midpoint rule in the normal score.
fn quantile_w1(mean: f64, narrowing: f64) -> f64 {
    let n = 400_000;
    let h = 20.0 / f64::from(n);
    (0..n).map(|i| -10.0 + (f64::from(i) + 0.5) * h).map(|z| (mean + narrowing * z).abs() * (-0.5 * z * z).exp() * h).sum::<f64>()
        / (2.0 * PI).sqrt()
}

#[test]
fn samples_started_from_the_prior() {
    // A coarse schedule, where the prior mismatch is not small.
    let grid = even_angles(0.05, 1.2, 12);
    let target = line(1.5, 0.3);
    let run = GaussianRecursion::new(&target, &grid).run().unwrap();
    let f = |z: f64| run.consistency().eval(12, &array![[z]])[[0, 0]];
    let (offset, slope) = (f(0.0), f(1.0) - f(0.0));
    let first = grid.level(1);
    let (mean, deviation) = (first.cos() * 1.5, (first.alpha_bar() * 0.3 + first.one_minus_alpha_bar()).sqrt());
    let w1 = run.report().w1.value().unwrap();
    close(w1, quantile_w1(mean - offset, deviation - slope), 1e-9); // kink: h² = 2.5e−9
    let last = grid.last();
    let (from_mean, from_deviation) = (f(last.cos() * 1.5), slope * (last.alpha_bar() * 0.3 + last.one_minus_alpha_bar()).sqrt());
    close(run.report().prior_mismatch, quantile_w1(from_mean - offset, from_deviation - slope), 1e-9);
    assert!(w1 <= run.report().certificate + run.report().prior_mismatch);
}

fn arbitrary_gaussian() -> impl Strategy<Value = Gaussian> {
    (1usize..5)
        .prop_flat_map(|d| (proptest::collection::vec(-2.0..2.0, d), proptest::collection::vec(0.0..5.0, d)))
        .prop_map(|(mean, variances)| Gaussian::new(&mean, Covariance::diagonal(&variances).unwrap()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bounds_are_in_order(target in arbitrary_gaussian(), steps in 20usize..200) {
        let r = report(&target, &paper(steps.max(30)));
        let slack = 1.0 + 1e-12;
        prop_assert!(r.w1.lower <= r.w1.upper * slack);
        prop_assert!(r.w1_marginal.lower <= r.w1_marginal.upper * slack);
        prop_assert!(r.w1_marginal.upper <= r.w2_marginal.upper * slack);
        prop_assert!(r.w1_marginal.upper <= r.certificate * slack);
        prop_assert!(r.w1.upper <= (r.w1_marginal.upper + r.prior_mismatch) * slack);
        prop_assert!(r.lower_bound <= r.w1.upper * slack && r.lower_bound <= r.w1_marginal.upper * slack);
        prop_assert!((r.loss_sum - r.energy_deficit).abs() <= 1e-12 * r.energy_deficit + 1e-300);
    }

    #[test]
    fn rotations_change_nothing_that_is_measured(a in 0.1..3.0, b in 0.1..3.0, angle in 0.0..6.0, mean in -1.0..1.0) {
        let (s, c) = f64::sin_cos(angle);
        let grid = paper(64);
        let straight = Gaussian::new(&[mean, 0.5], Covariance::diagonal(&[a, b]).unwrap()).unwrap();
        let q = array![[c, -s], [s, c]];
        let turned = q.dot(&Moments::mean(&straight)).to_vec();
        let turned = Gaussian::new(&turned, Covariance::spectrum(&[a, b], &q).unwrap()).unwrap();
        let (r, s) = (report(&straight, &grid), report(&turned, &grid));
        for (x, y) in [(r.w1.lower, s.w1.lower), (r.w1.upper, s.w1.upper), (r.w2_marginal.upper, s.w2_marginal.upper), (r.certificate, s.certificate)] {
            prop_assert!((x / y - 1.0).abs() < 1e-9, "{x} {y}");
        }
    }
}

#[test]
fn distance_of_samples_lies_between_the_bounds() {
    // The identity coupling of f_T and Φ_T on the same points is an upper bound that converges to `upper`.
    let target = Gaussian::new(&[0.0, 0.0, 0.0], Covariance::diagonal(&[0.2, 1.0, 4.0]).unwrap()).unwrap();
    let grid = paper(40);
    let run = GaussianRecursion::new(&target, &grid).run().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let data = target.sample(40_000, &mut rng);
    let noise = Gaussian::standard(3).unwrap().sample(40_000, &mut rng);
    let x: Array2<f64> = data * grid.last().cos() + noise * grid.last().sin();
    let gap = run.consistency().eval(40, &x) - target.flow(grid.last(), grid.level(1), &x);
    let norms: Vec<f64> = gap.rows().into_iter().map(|g| g.dot(&g).sqrt()).collect();
    let coupling = onestep::Estimate::from_samples(&norms);
    // A false alarm has probability below 1e−6 (five standard errors).
    assert!((coupling.value - run.report().w1_marginal.upper).abs() < 5.0 * coupling.std_error);
}

#[test]
fn line_recursion_label() {
    // The Gaussian flow is the quantile flow of the same law on the line.
    let (gaussian, mixture) = (line(0.7, 2.25), LineMixture::gaussian(0.7, 1.5).unwrap());
    let x = array![[-3.0], [0.2], [4.0]];
    let (from, to) = (NoiseLevel::from_angle(1.4).unwrap(), NoiseLevel::from_angle(0.1).unwrap());
    let gap: Array2<f64> = gaussian.flow(from, to, &x) - mixture.flow(from, to, &x);
    assert!(gap.iter().all(|g| g.abs() < 1e-13));
}
