//! Joint training: gradients, boundary condition, the two teachers, distillation, learned scores.

use ndarray::{Array2, array};
use onestep::error::NotFinite;
use onestep::law::{Gaussian, PointMasses};
use onestep::training::class::Activation;
use onestep::training::{Joint, JointModel, LearnedScore, LevelSampling, Loss, Scaling, ScoreMatching, Source, TrainingError, Weighting};
use onestep::{ConsistencyFunction, Float, Grid, NoiseLevel, ScoreFunction};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::FRAC_PI_2;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn uniform_angles(steps: usize) -> Grid {
    let (first, last) = (0.05, FRAC_PI_2 - 0.05);
    Grid::from_angles(&(0..steps).map(|i| first + (last - first) * i as f64 / (steps - 1) as f64).collect::<Vec<_>>()).unwrap()
}

fn normal(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut rng = rng(seed);
    Array2::from_shape_simple_fn((n, d), || f64::standard_normal(&mut rng))
}

/// The same model with random parameters of standard deviation `scale`.
fn shaken(model: &JointModel, scale: f64, seed: u64) -> JointModel {
    let noise = normal(model.parameters().len(), 1, seed);
    let parameters: Vec<f64> = model.parameters().iter().zip(&noise).map(|(p, z)| p + scale * z).collect();
    model.with_parameters(&parameters).unwrap()
}

/// Central differences of step h have error h²·f‴/6 + rounding/h; at h = 1e−5 both are near 1e−10 of the gradient's scale.
const GRADIENT: f64 = 1e-6;

#[test]
fn gradients_equal_central_differences() {
    let data = normal(50, 2, 1);
    for activation in [Activation::Silu, Activation::Tanh, Activation::Relu] {
        for (loss, weighting) in [
            (Loss::Squared, Weighting::Uniform),
            (Loss::PseudoHuber { c: 0.1 }, Weighting::InverseStep),
            (Loss::Absolute, Weighting::Uniform),
        ] {
            let joint = Joint::new(uniform_angles(6), &[5, 4]).activation(activation).batch(150);
            let joint = joint.loss(loss).weighting(weighting).iterations(1);
            let model: JointModel = joint.train(&data, &mut rng(2)).unwrap();
            let (student, teacher) = (shaken(&model, 0.5, 3), shaken(&model, 0.5, 4));
            let at = |student: &JointModel| joint.loss_and_gradient(&data, student, &teacher, &mut rng(5)).unwrap();
            let gradient = at(&student).gradient;
            let scale = gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
            for (k, exact) in gradient.iter().enumerate() {
                let moved = |h: f64| {
                    let mut parameters = student.parameters().to_vec();
                    parameters[k] += h;
                    at(&student.with_parameters(&parameters).unwrap()).loss
                };
                // ReLU has kinks: a small step makes it unlikely that one is crossed.
                let h = if activation == Activation::Relu { 1e-7 } else { 1e-5 };
                let difference = (moved(h) - moved(-h)) / (2.0 * h);
                assert!((difference - exact).abs() < GRADIENT * scale, "{activation:?} {loss:?} {k}: {difference} against {exact}");
            }
        }
    }
}

#[test]
fn boundary_condition_holds_exactly_whatever_the_weights() {
    let data = normal(40, 3, 6);
    let joint = Joint::new(uniform_angles(4), &[8]).iterations(3);
    let model: JointModel = joint.train(&data, &mut rng(7)).unwrap();
    let x = array![[1e-300, -7.25, 1e17], [0.1, 0.2, 0.3]];
    for seed in 0..5 {
        assert_eq!(shaken(&model, 10.0, seed).eval(1, &x), x);
    }
}

/// Monte-Carlo means are tested at five standard errors: a false alarm in about 3·10⁶ comparisons.
const SIGMAS: f64 = 5.0;

/// Runs of one setting, on the seeds 0, …, 4; what is tested is their median.
const RUNS: u64 = 5;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Joint training with the constant networks N ≡ b for the student and b' for the teacher, on the point mass a: everything is known.
/// With δ = θ − θ_1 a pair s = t − 1 has the residual e = A_t + B_t Z,
/// A_t = a(cos θ_t cos δ_t − cos θ_s cos δ_s) + b sin δ_t − b' sin δ_s and B_t = sin θ_t cos δ_t − sin θ_s cos δ_s.
struct PointMassPair {
    sin_delta: f64,
    mean: f64,
    spread: f64,
}

fn point_mass_pairs(grid: &Grid, a: f64, b: f64, teacher: f64) -> Vec<PointMassPair> {
    let first = grid.level(1).angle();
    let pair = |t: usize| {
        let (now, before) = (grid.level(t).angle(), grid.level(t - 1).angle());
        let (delta, delta_before) = (now - first, before - first);
        PointMassPair {
            sin_delta: delta.sin(),
            mean: a * (now.cos() * delta.cos() - before.cos() * delta_before.cos()) + b * delta.sin() - teacher * delta_before.sin(),
            spread: now.sin() * delta.cos() - before.sin() * delta_before.cos(),
        }
    };
    (2..=grid.steps()).map(pair).collect()
}

#[test]
fn a_moving_average_teacher_hides_the_data() {
    // Song and Dhariwal's Proposition 1. The derivative of the loss by b is the mean of 2 sin δ_t e over levels and noise. With b' ≠ b it
    // tends to 2(b − b') mean sin²δ as Δθ → 0, in which the data do not occur: since |A_t − (b − b') sin δ_t| ≤ Δθ(2|a| + |b'|), it is
    // within 2Δθ(2|a| + |b'|) of that. With b' = b it is of order Δθ, so that Δθ⁻¹ times it has a limit, and its sign is that of b − 4a/3.
    let (a, b, batch) = (0.7, 0.2, 40_000);
    let law = PointMasses::new(&[1.0], &array![[a]]).unwrap();
    for steps in [65, 129, 257] {
        let grid = uniform_angles(steps);
        let joint = Joint::new(grid.clone(), &[3]).iterations(1).batch(batch);
        let base: JointModel = joint.train(Source::Law(&law), &mut rng(8)).unwrap();
        let constant = |b: f64| {
            let mut parameters = vec![0.0; base.parameters().len()];
            *parameters.last_mut().unwrap() = b;
            base.with_parameters(&parameters).unwrap()
        };
        for teacher in [b, b + 0.3, b - 0.3] {
            let batch_gradient = joint.loss_and_gradient(&law, &constant(b), &constant(teacher), &mut rng(11)).unwrap();
            let loss = batch_gradient.loss;
            let pull = *batch_gradient.gradient.last().unwrap();
            let pairs = point_mass_pairs(&grid, a, b, teacher);
            let mean = |f: &dyn Fn(&PointMassPair) -> f64| pairs.iter().map(f).sum::<f64>() / pairs.len() as f64;
            // E e² and E e⁴ for e ~ N(A, B²); the variances include the choice of the level.
            let second = |p: &PointMassPair| p.mean * p.mean + p.spread * p.spread;
            let fourth = |p: &PointMassPair| second(p).powi(2) + 2.0 * p.spread.powi(4) + 4.0 * (p.mean * p.spread).powi(2);
            let exact_loss = mean(&second);
            let loss_error = ((mean(&fourth) - exact_loss.powi(2)) / batch as f64).sqrt();
            assert!((loss - exact_loss).abs() < SIGMAS * loss_error, "T = {steps}: loss {loss} ± {loss_error}, exact {exact_loss}");
            let exact_pull = mean(&|p| 2.0 * p.sin_delta * p.mean);
            let pull_error = ((mean(&|p| 4.0 * p.sin_delta.powi(2) * second(p)) - exact_pull.powi(2)) / batch as f64).sqrt();
            assert!((pull - exact_pull).abs() < SIGMAS * pull_error, "T = {steps}: pull {pull} ± {pull_error}, exact {exact_pull}");
            let blind = 2.0 * (b - teacher) * mean(&|p| p.sin_delta.powi(2));
            let step = grid.delta(2);
            assert!((pull - blind).abs() < 2.0 * step * (2.0 * a + teacher.abs()) + SIGMAS * pull_error, "T = {steps}: {pull} {blind}");
            // The data, at 4a/3 > b, pull b up; a teacher 0.3 away pulls b to itself, wherever the data are.
            assert!(if teacher >= b { pull < 0.0 } else { pull > 0.0 }, "T = {steps}: {pull}");
        }
    }
}

#[test]
fn a_moving_average_teacher_learns_a_point_mass_more_slowly() {
    // The same number of iterations on the point a = 0.7. Root mean square errors of one-step samples: those of the zero network, which is
    // where training starts, x cos δ_T ~ N(0, cos²δ_T); those of the exact function cos θ_1 a + sin θ_1 (x − cos θ_T a)/sin θ_T. A teacher
    // that keeps μ^K = 0.999^1500 = 0.22 of the start and moves by 1 − μ of a gap of order Δθ cannot have gone half the way; a student
    // that is its own teacher can. The middle between start and exact function tells them apart.
    let (a, grid) = (0.7, uniform_angles(9));
    let law = PointMasses::new(&[1.0], &array![[a]]).unwrap();
    let (first, last) = (grid.level(1), grid.last());
    let start = a.hypot((last.angle() - first.angle()).cos());
    let shift = (first.cos() - 1.0) * a - first.sin() * last.cos() * a / last.sin();
    let exact = shift.hypot(first.sin() / last.sin());
    let error = |ema: f64| {
        let joint = Joint::new(grid.clone(), &[16, 16]).iterations(1500).ema(ema);
        let run = |seed| {
            let model: JointModel = joint.train(Source::Law(&law), &mut rng(seed)).unwrap();
            model.sample(2000, &mut rng(100 + seed)).mapv(|x| (x - a).powi(2)).mean().unwrap().sqrt()
        };
        median((0..RUNS).map(run).collect())
    };
    let (without, with, middle) = (error(0.0), error(0.999), 0.5 * (start + exact));
    assert!(without < middle && middle < with, "{without} < {middle} < {with}, from {start} to {exact}");
}

#[test]
fn training_and_distillation_find_the_gaussian_population_map() {
    // On N(0, λ) the population answer of training and of distillation is the same linear map, of gain √(v_1/v_T) ∏ cos Δψ_t with
    // tan ψ = tan θ/√λ (2.7). The standard error of a fitted gain: the target of level t has variance v_1 sin²Δψ_t given X_t; p
    // parameters fitted to n rows leave p/n of it at each level, a difference quotient over ±1 half of the sum. The rows that count are
    // those of the last tenth of the iterations, where the rate has fallen below 3 % of its start. (Distillation has no variance of
    // targets; it gets the same bound.)
    let (variance, iterations) = (0.36_f64, 3000);
    let law = Gaussian::new(&[0.0], onestep::law::Covariance::isotropic(1, variance).unwrap()).unwrap();
    let grid = uniform_angles(33);
    let v = |level: &NoiseLevel| level.alpha_bar() * variance + level.one_minus_alpha_bar();
    let psi = |t: usize| (grid.level(t).tan() / variance.sqrt()).atan();
    let turns: Vec<f64> = (2..=33).map(|t| psi(t) - psi(t - 1)).collect();
    let truth = (v(&grid.level(1)) / v(&grid.last())).sqrt() * turns.iter().map(|d| d.cos()).product::<f64>();
    let joint = Joint::new(grid.clone(), &[24, 24]).iterations(iterations);
    let gain =
        |model: &JointModel<f32>| f64::from((model.eval(33, &array![[1.0_f32]]) - model.eval(33, &array![[-1.0_f32]]))[[0, 0]]) / 2.0;
    let (parameters, rows) = ((9 + 1) * 24 + (24 + 1) * 24 + (24 + 1), 256 * iterations / 10);
    let noise: f64 = turns.iter().map(|d| v(&grid.level(1)) * d.sin().powi(2)).sum();
    let std_error = (0.5 * noise * f64::from(parameters) / rows as f64).sqrt();
    let trained = median((0..RUNS).map(|seed| gain(&joint.train(Source::Law(&law), &mut rng(seed)).unwrap())).collect());
    let distilled = median((0..RUNS).map(|seed| gain(&joint.distil(Source::Law(&law), &law, &mut rng(seed)).unwrap())).collect());
    for (name, found) in [("trained", trained), ("distilled", distilled)] {
        assert!((found - truth).abs() < SIGMAS * std_error, "{name} {found} ± {std_error}, population {truth}");
    }
}

#[test]
fn every_option_trains() {
    let data = normal(300, 2, 16);
    let joint = Joint::new(uniform_angles(17), &[16]).iterations(300).curriculum(2);
    let joint = joint.level_sampling(LevelSampling::LogNormal { mean: -1.1, std: 2.0 });
    let joint = joint.loss(Loss::PseudoHuber { c: 0.00054 * 2f64.sqrt() }).weighting(Weighting::InverseStep);
    let model: JointModel<f32> = joint.train(&data.mapv(|v| v as f32), &mut rng(17)).unwrap();
    let samples = model.sample(2000, &mut rng(18));
    let variance = samples.mapv(|v| v * v).mean().unwrap();
    assert!((0.5..1.5).contains(&variance), "{variance}");
}

#[test]
fn a_learned_score_is_the_gaussian_score() {
    // N(0, λI) has s = −x/v, v = λ cos²θ + sin²θ. The network is a regression on the velocity, whose variance given x is λ/v ≤ 1; p
    // parameters and the n rows of the last tenth of the iterations leave p/(n d) a coordinate, and the score is cot θ times the velocity.
    // The start s = −x has the error (1 − 1/v)² v, well above the bound at every angle tested.
    let (variance, iterations, dim) = (0.25_f64, 2500, 2);
    let law = Gaussian::new(&[0.0; 2], onestep::law::Covariance::isotropic(dim, variance).unwrap()).unwrap();
    let matching = ScoreMatching::new(&[32, 32]).iterations(iterations);
    let scores: Vec<LearnedScore<f32>> = (0..RUNS).map(|seed| matching.train(Source::Law(&law), &mut rng(seed)).unwrap()).collect();
    let (parameters, rows) = ((dim + 8 + 1) * 32 + (32 + 1) * 32 + (32 + 1) * dim, 256 * iterations / 10);
    let z = normal(500, dim, 21);
    for angle in [0.4, 0.8, 1.2] {
        let level = NoiseLevel::from_angle(angle).unwrap();
        let v = level.alpha_bar() * variance + level.one_minus_alpha_bar();
        let x = z.mapv(|z| (v.sqrt() * z) as f32);
        let error =
            |score: &LearnedScore<f32>| (score.score(level, &x) + x.mapv(|x| x / v as f32)).mapv(|e| f64::from(e * e)).mean().unwrap();
        let reached = median(scores.iter().map(error).collect());
        let allowed = (variance / v) * parameters as f64 / (dim * rows) as f64 / level.tan().powi(2);
        assert!(reached < allowed && allowed < 0.5 * (1.0 - 1.0 / v).powi(2) * v, "{angle}: {reached}, allowed {allowed}");
    }
    // At the noise end the score is −x to the last digit, whatever the network.
    let x = z.mapv(|z| z as f32);
    assert_eq!(scores[0].score(NoiseLevel::from_angle(FRAC_PI_2).unwrap(), &x), x.mapv(|v| -v));
}

#[test]
fn bad_input_is_a_typed_error() {
    let grid = uniform_angles(4);
    let joint = Joint::new(grid, &[8]).iterations(50);
    let refused = |data: Array2<f64>| joint.train::<f64>(&data, &mut rng(22)).unwrap_err();
    assert!(matches!(refused(array![[0.0], [f64::INFINITY]]), TrainingError::NotFinite(NotFinite { row: 2, .. })));
    assert!(matches!(refused(array![[1.0], [1.0]]), TrainingError::ConstantColumn { .. }));
    assert!(matches!(refused(array![[1.0]]), TrainingError::TooFewRows { .. }));
    let wild = joint.clone().rate(1e12).scaling(Scaling::Global);
    match wild.train::<f64>(&normal(100, 2, 23), &mut rng(24)) {
        Err(TrainingError::Diverged { iteration, loss, .. }) => assert!(iteration > 0 && !(loss < 1e6)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn samples_of_a_law_are_those_of_the_target() {
    // A law is not scaled: its samples come back on its own scale.
    let law = Gaussian::standard(2).unwrap();
    let model: JointModel = Joint::new(uniform_angles(5), &[4]).iterations(2).train(Source::Law(&law), &mut rng(25)).unwrap();
    assert_eq!(model.dim(), law.dim());
    assert_eq!(model.standardisation().restore(&array![[1.0, 2.0]]), array![[1.0, 2.0]]);
}
