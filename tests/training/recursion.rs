//! The recursion (14) against closed forms on Gaussian targets.

use ndarray::{Array2, array};
use onestep::Space;
use onestep::error::{Mismatch, NotFinite};
use onestep::schedule::ScheduleError;
use onestep::training::class::{Affine, KernelRidge, NearestNeighbours, Penalty, Perceptron, Polynomial, RandomFourier, Spline};
use onestep::training::{Learned, Recursion, Scaling, Source, TrainingError};
use onestep::{ConsistencyFunction, Float, Grid, Sample};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::FRAC_PI_2;

/// N(0, λ) on the line.
#[derive(Debug)]
struct Normal(f64);

impl Space for Normal {
    fn dim(&self) -> usize {
        1
    }
}

impl Sample for Normal {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ndarray::ArrayRef2<f64>) {
        out.iter_mut().for_each(|v| *v = self.0.sqrt() * f64::standard_normal(rng));
    }
}

fn uniform_angles(steps: usize) -> Grid {
    let (first, last) = (0.05, FRAC_PI_2 - 0.05);
    let angles: Vec<f64> = (0..steps).map(|i| first + (last - first) * i as f64 / (steps - 1) as f64).collect();
    Grid::from_angles(&angles).unwrap()
}

/// gain_T = √(v_1/v_T) ∏ cos Δψ_t, tan ψ = tan θ/√λ (2.7).
fn gaussian_gain(grid: &Grid, variance: f64) -> f64 {
    let v = |t: usize| grid.level(t).alpha_bar() * variance + grid.level(t).one_minus_alpha_bar();
    let psi = |t: usize| (grid.level(t).tan() / variance.sqrt()).atan();
    let product: f64 = (2..=grid.steps()).map(|t| (psi(t) - psi(t - 1)).cos()).product();
    (v(1) / v(grid.steps())).sqrt() * product
}

fn slope(learned: &Learned) -> f64 {
    let t = learned.steps();
    (learned.eval(t, &array![[1.0]]) - learned.eval(t, &array![[-1.0]]))[[0, 0]] / 2.0
}

/// Monte-Carlo moments are tested at five standard errors: a false alarm in about 3·10⁶ runs each.
const SIGMAS: f64 = 5.0;

#[test]
fn linear_class_on_the_normal_law_has_the_exact_moments() {
    // 2.14: E a_T = ∏ cos Δθ, E a_T² = ∏ (cos² + sin²/(n−2)).
    let (n, runs) = (12, 4000);
    let grid = uniform_angles(8);
    let first: f64 = (2..=8).map(|t| grid.delta(t).cos()).product();
    let second: f64 = (2..=8).map(|t| grid.delta(t).cos().powi(2) + grid.delta(t).sin().powi(2) / (n as f64 - 2.0)).product();
    let recursion = Recursion::new(grid, n);
    let mut rng = ChaCha8Rng::seed_from_u64(20);
    let law = Normal(1.0);
    let gains: Vec<f64> = (0..runs).map(|_| slope(&recursion.train(Source::Law(&law), &Affine::linear(), &mut rng).unwrap())).collect();
    let squares: Vec<f64> = gains.iter().map(|a| a * a).collect();
    for (values, truth) in [(gains, first), (squares, second)] {
        let estimate = onestep::Estimate::from_samples(&values);
        assert!((estimate.value - truth).abs() < SIGMAS * estimate.std_error, "{estimate:?} against {truth}");
        // The test has power: what it would let pass is smaller than the term 1/(n − 2) it is about.
        assert!(SIGMAS * estimate.std_error < second - first * first);
    }
}

#[test]
fn affine_class_converges_to_the_gaussian_gain_at_rate_one_half() {
    let variance = 0.36;
    let grid = uniform_angles(12);
    let truth = gaussian_gain(&grid, variance);
    let law = Normal(variance);
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    let sizes = [64, 256, 1024, 4096];
    let runs = 200;
    let errors: Vec<f64> = sizes
        .iter()
        .map(|&n| {
            let recursion = Recursion::new(grid.clone(), n);
            let square: f64 =
                (0..runs).map(|_| (slope(&recursion.train(Source::Law(&law), &Affine::new(), &mut rng).unwrap()) - truth).powi(2)).sum();
            (square / f64::from(runs)).sqrt()
        })
        .collect();
    let rate = (errors[3] / errors[0]).ln() / 64f64.ln();
    // Each root mean square has relative error 1/√(2·200) = 0.05; the slope over a factor 64 then has 0.05·√2/4.16 = 0.017.
    assert!((rate + 0.5).abs() < SIGMAS * 0.017, "slope {rate}, errors {errors:?}");
}

#[test]
fn doubling_the_steps_halves_the_population_error() {
    // Large samples leave the population part: 1 − gain·√(v_T/v_1) halves with T.
    let variance = 0.36;
    let mut deficits = Vec::new();
    for steps in [9, 17] {
        let grid = uniform_angles(steps);
        let v = |t: usize| grid.level(t).alpha_bar() * variance + grid.level(t).one_minus_alpha_bar();
        let scale = (v(steps) / v(1)).sqrt();
        let mut rng = ChaCha8Rng::seed_from_u64(22);
        let runs = 20;
        let recursion = Recursion::new(grid.clone(), 40_000);
        let gain: f64 =
            (0..runs).map(|_| slope(&recursion.train(Source::Law(&Normal(variance)), &Affine::new(), &mut rng).unwrap())).sum::<f64>()
                / f64::from(runs);
        // Statistical error of the mean gain: √Σ sin²Δψ/(runs·n) ≈ 8e−4, beside deficits of 0.09 and 0.045.
        let population = gaussian_gain(&grid, variance);
        assert!((gain - population).abs() * scale < SIGMAS * 8e-4, "T = {steps}: {gain} against {population}");
        deficits.push(1.0 - gain * scale);
    }
    let ratio = deficits[0] / deficits[1];
    assert!((ratio - 2.0).abs() < 0.15, "ratio {ratio}, deficits {deficits:?}");
}

#[test]
fn first_function_is_the_identity_exactly_for_every_class() {
    let mut rng = ChaCha8Rng::seed_from_u64(23);
    let data = Normal(2.0).sample(64, &mut rng);
    let x = array![[0.1], [-3.7], [1e300], [0.0]];
    let classes: Vec<Box<dyn onestep::FunctionClass>> = vec![
        Box::new(Affine::new()),
        Box::new(Polynomial::new(3)),
        Box::new(RandomFourier::new(16)),
        Box::new(KernelRidge::new(16)),
        Box::new(NearestNeighbours::new()),
        Box::new(Spline::new()),
        Box::new(Perceptron::new(&[8]).iterations(10)),
    ];
    for class in classes {
        let learned = Recursion::new(uniform_angles(3), 64).residual(true).train(&data, &class, &mut rng).unwrap();
        assert_eq!(learned.eval(1, &x), x, "{}", class.name());
        assert!(learned.sample(10, &mut rng).iter().all(|v| v.is_finite()), "{}", class.name());
    }
}

#[test]
fn the_result_is_a_function_of_the_stream_alone() {
    let run = |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let data = Normal(2.0).sample(2000, &mut rng);
        let class = Perceptron::new(&[16]).iterations(30);
        Recursion::new(uniform_angles(4), 2000).warm_start(true).train(&data, &class, &mut rng).unwrap().sample(50, &mut rng)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn fixed_noise_uses_one_batch() {
    // With one batch, X_t are points of one family of rotations: fitting the line twice through fewer than three rows is exact.
    let data = array![[0.0], [1.0]];
    let mut rng = ChaCha8Rng::seed_from_u64(24);
    let recursion = Recursion::new(uniform_angles(5), 2).fixed_noise(true);
    let learned = recursion.train(&data, &Affine::new(), &mut rng).unwrap();
    assert!(learned.records().iter().all(|r| r.loss < 1e-20), "{:?}", learned.records());
    let fresh = recursion.fixed_noise(false).train(&data, &Affine::new(), &mut rng).unwrap();
    assert!(slope(&fresh) != slope(&learned));
}

#[test]
fn posterior_draws_reduce_the_variance_of_the_targets() {
    let mut rng = ChaCha8Rng::seed_from_u64(25);
    let data = Normal(1.0).sample(500, &mut rng);
    let loss = |draws| {
        let mut rng = ChaCha8Rng::seed_from_u64(26);
        let recursion = Recursion::new(uniform_angles(5), 4000).posterior_draws(draws);
        recursion.train(&data, &Affine::new(), &mut rng).unwrap().records()[0].loss
    };
    // At t = 2, f_1 = id: the loss is Var(X_1 | X_2)/k, exactly inversely proportional to k up to sampling (relative error √(2/4000)).
    let ratio = loss(1) / loss(4);
    assert!((ratio - 4.0).abs() < SIGMAS * 4.0 * 2.0 * (1.0f64 / 4000.0).sqrt(), "{ratio}");
}

#[test]
fn scaling_makes_training_equivariant() {
    let mut rng = ChaCha8Rng::seed_from_u64(27);
    let data = Normal(1.0).sample(400, &mut rng);
    let moved = data.mapv(|v| 1000.0 + 50.0 * v);
    let run = |data: &Array2<f64>| {
        let mut rng = ChaCha8Rng::seed_from_u64(28);
        Recursion::new(uniform_angles(4), 400).train(data, &Spline::with_knots(4), &mut rng).unwrap().sample(100, &mut rng)
    };
    let gap = (run(&moved) - run(&data).mapv(|v| 1000.0 + 50.0 * v)).mapv(f64::abs);
    assert!(gap.iter().all(|g| *g < 1e-8), "{gap:?}");
}

#[test]
fn bad_input_is_a_typed_error() {
    let mut rng = ChaCha8Rng::seed_from_u64(29);
    let good = array![[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]];
    let recursion = Recursion::new(uniform_angles(3), 16);
    let mut train = |data: &Array2<f64>, class: &dyn onestep::FunctionClass| recursion.train(data, class, &mut rng).unwrap_err();
    let bad = array![[0.0, 1.0], [f64::NAN, 0.0]];
    assert!(matches!(train(&bad, &Affine::new()), TrainingError::NotFinite(NotFinite { row: 2, column: 1, .. })));
    assert!(matches!(train(&array![[0.0, 1.0], [3.0, 1.0]], &Affine::new()), TrainingError::ConstantColumn { column: 2, .. }));
    assert!(matches!(train(&array![[0.0, 1.0]], &Affine::new()), TrainingError::TooFewRows { rows: 1, needed: 2, .. }));
    assert!(matches!(train(&good, &Spline::new()), TrainingError::Mismatch(Mismatch { left: 1, right: 2, .. })));
    assert!(matches!(train(&good, &RandomFourier::new(3).penalty(Penalty::Fixed(f64::NAN))), TrainingError::OutOfRange(_)));
    assert!(matches!(Grid::from_angles(&[0.1]).unwrap_err(), ScheduleError::OutOfRange(_)));
    let law = Normal(1.0);
    let many = Recursion::<f64>::new(uniform_angles(3), 16).posterior_draws(2);
    assert!(matches!(many.train(Source::Law(&law), &Affine::new(), &mut rng), Err(TrainingError::Unsupported { .. })));
}

#[test]
fn a_runaway_recursion_says_at_which_step() {
    // Degree-7 polynomials extrapolate wildly from eight rows: the recursion blows up instead of returning numbers that mean nothing.
    let mut rng = ChaCha8Rng::seed_from_u64(30);
    let data = Normal(1.0).sample(100, &mut rng);
    let outcome = Recursion::new(uniform_angles(60), 9).scaling(Scaling::None).train(&data, &Polynomial::new(7), &mut rng);
    match outcome.unwrap_err() {
        TrainingError::Diverged { step, loss, .. } => assert!(step > 2 && !(loss < 1e6)),
        other => panic!("{other}"),
    }
}

#[test]
fn clipping_keeps_a_fit_from_throwing_samples_far_away() {
    // A polynomial of degree 7 on 60 rows grows without limit beyond them.
    let mut rng = ChaCha8Rng::seed_from_u64(90);
    let data = Array2::from_shape_simple_fn((60, 1), || f64::standard_normal(&mut rng));
    let train = |recursion: Recursion| recursion.train(&data, &Polynomial::new(7), &mut ChaCha8Rng::seed_from_u64(91)).unwrap();
    let plain = Recursion::new(uniform_angles(6), 200).scaling(Scaling::None);
    let (free, clipped) = (train(plain.clone()), train(plain.clone().clip(0.1)));
    let z = array![[-5.0], [5.0]];
    assert!(free.clipped_to().is_none() && free.eval(6, &z).iter().any(|v| v.abs() > 10.0));
    let (low, high) = clipped.clipped_to().unwrap();
    let (least, most) = data.iter().fold((0.0_f64, 0.0_f64), |(a, b), &v| (a.min(v), b.max(v)));
    assert!((low[0] - (least - 0.1 * (most - least))).abs() < 1e-12 && (high[0] - (most + 0.1 * (most - least))).abs() < 1e-12);
    for t in 2..=6 {
        assert!(clipped.eval(t, &z).iter().all(|v| (low[0]..=high[0]).contains(v)));
    }
    // f_1 is the identity wherever it is asked, and the class is no linear space any more.
    assert_eq!(clipped.eval(1, &z), z);
    assert!(onestep::training::Trained::is_linear(&free, 3) && !onestep::training::Trained::is_linear(&clipped, 3));
    // In the residual form the sum is confined.
    let sum = train(plain.clone().residual(true).clip(0.1));
    assert!(sum.eval(6, &z).iter().all(|v| (low[0]..=high[0]).contains(v)));
    for margin in [-0.1, f64::NAN, f64::INFINITY] {
        let refused = plain.clone().clip(margin).train(&data, &Affine::new(), &mut rng).unwrap_err();
        assert!(matches!(refused, TrainingError::OutOfRange(_)), "{refused:?}");
    }
    let refused = plain.clip(0.1).train(Source::law(&Normal(1.0)), &Affine::new(), &mut rng).unwrap_err();
    assert!(matches!(refused, TrainingError::Unsupported { what: "clipping", .. }));
}
