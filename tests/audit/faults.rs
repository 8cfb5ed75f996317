//! Faults that people make, planted one by one, each named by one of the tools: the rows of the table in `docs/conventions.md` that the tests of
//! the single tools do not have.

use ndarray::{Array2, ArrayRef2, Axis, array};
use onestep::audit::{Excess, Finding, KnownAnswer, LevelLaw, LossFloor};
use onestep::consistency::{ConsistencyOnPath, PathConsistency};
use onestep::law::{Gaussian, LineMixture};
use onestep::path::{Path, Prediction};
use onestep::population::{GaussianRecursion, Keep, LineConsistency, LineRecursion, Loss, noise_apart};
use onestep::process::ForwardProcess;
use onestep::schedule::{Karras, UniformAngle};
use onestep::training::{Joint, JointModel};
use onestep::{ConsistencyFunction, Estimate, FlowMap, Grid, Sample, VarianceSchedule};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::LazyLock;

/// Means that should agree are within this many standard errors: false once in 1.7 million.
const STANDARD_ERRORS: f64 = 5.0;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn law() -> &'static LineMixture {
    static LAW: LazyLock<LineMixture> = LazyLock::new(|| LineMixture::new(&[0.3, 0.7], &[-1.0, 0.5], &[0.9, 0.35]).unwrap());
    &LAW
}

fn angles(steps: usize) -> Grid {
    UniformAngle::new(steps, 0.01, std::f64::consts::FRAC_PI_2 - 0.001).unwrap().grid().unwrap()
}

fn optimum(grid: &Grid, loss: Loss) -> LineConsistency {
    LineRecursion::new(law(), grid).loss(loss).keep(Keep::All).tolerance(1e-7).run().unwrap().consistency().clone()
}

/// `rows` draws of X_t at each of the levels, with their t.
fn table(law: &impl Sample, grid: &Grid, levels: &[usize], rows: usize) -> (Vec<usize>, Array2<f64>) {
    let (mut rng, process) = (rng(7), ForwardProcess::new(grid));
    let blocks: Vec<Array2<f64>> = levels.iter().map(|&t| process.marginal(t, &law.sample(rows, &mut rng), &mut rng)).collect();
    let views: Vec<_> = blocks.iter().map(|b| b.view()).collect();
    let t = levels.iter().flat_map(|&t| std::iter::repeat_n(t, rows)).collect();
    (t, ndarray::concatenate(Axis(0), &views).unwrap())
}

/// The values of f at the rows, each at its own level.
fn values(t: &[usize], x: &Array2<f64>, f: impl Fn(usize, &Array2<f64>) -> Array2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros(x.raw_dim());
    for (i, &t) in t.iter().enumerate() {
        out.row_mut(i).assign(&f(t, &x.select(Axis(0), &[i])).row(0));
    }
    out
}

const SIGMA_DATA: f64 = 0.5;

/// A model of EDM, c_skip x + c_out F, as a table in the angle: f(x) = cos θ_1 · f_edm(x/cos θ, tan θ).
fn edm_table(grid: &Grid, t: &[usize], x: &Array2<f64>, model: impl Fn(f64, f64) -> f64) -> Array2<f64> {
    values(t, x, |t, x| {
        let level = grid.level(t);
        x.mapv(|x| grid.level(1).cos() * model(level.sigma(), x / level.cos()))
    })
}

/// c_skip = σ_d²/(σ² + σ_d²) and c_out = σσ_d/√(σ² + σ_d²) make f(x, σ_min) = x − c_out F, about σ_min away from x for a network F of size one.
#[test]
fn skip_scaling_without_sigma_min_is_no_identity_at_the_first_level() {
    let grid = Karras::new(18).unwrap().grid().unwrap();
    let (t, x) = (vec![1, 1, 9], array![[0.0], [0.3], [-0.5]]);
    let d = SIGMA_DATA;
    let model = |sigma: f64, x: f64| d * d / (sigma * sigma + d * d) * x - sigma * d / sigma.hypot(d);
    let f = edm_table(&grid, &t, &x, model);
    let finding = KnownAnswer::new(law(), &grid).check(&t, &x, &f).unwrap().finding();
    let (sigma, cos) = (0.002, grid.level(1).cos());
    let expected = (1.0 - d * d / (sigma * sigma + d * d)) * 0.3 + sigma * d / sigma.hypot(d) * cos;
    assert!(matches!(finding, Finding::NotIdentity { row: 2, gap } if (gap / expected - 1.0).abs() < 1e-9), "{finding}");
    // A function of the crate is the identity there whatever the model says: it keeps what it hides.
    let on_path = |sigma: f64, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| out.assign(&x.mapv(|x| model(sigma, x)));
    let hidden = PathConsistency::new(Path::edm(), &grid, 1, on_path).unwrap().boundary_gap(&array![[0.0], [0.3]]);
    assert!((hidden / expected - 1.0).abs() < 1e-9, "{hidden} {expected}");
}

/// The network of the optimum behind c_out = (σ − σ_min)/√(σ² + σ_d²): the identity at the first level, and off by (1/σ_d − 1)(f* − c_skip x) at
/// every other one.
#[test]
fn c_out_without_sigma_data_is_a_training_error_at_every_other_level() {
    let grid = Karras::new(18).unwrap().grid().unwrap();
    let best = optimum(&grid, Loss::Squared);
    let (t, x) = table(law(), &grid, &[1, 6, 12, 18], 200);
    let edm = ConsistencyOnPath::new(&best, Path::edm(), &grid).unwrap();
    let skip = |sigma: f64| SIGMA_DATA.powi(2) / ((sigma - 0.002).powi(2) + SIGMA_DATA.powi(2));
    let step = |sigma: f64| grid.levels().partition_point(|l| l.sigma() < sigma * (1.0 - 1e-12)) + 1;
    let off = |sigma: f64, x: f64| edm.eval(step(sigma), &array![[x]])[[0, 0]] - skip(sigma) * x;
    let check = KnownAnswer::new(law(), &grid).population(&best);
    // With σ_data the network is the optimum, up to the rounding of the digits that c_skip x takes from it.
    let right = check.check(&t, &x, &edm_table(&grid, &t, &x, |sigma, x| skip(sigma) * x + off(sigma, x))).unwrap();
    assert!(matches!(right.finding(), Finding::Optimal { .. }), "{}", right.finding());
    let report = check.check(&t, &x, &edm_table(&grid, &t, &x, |sigma, x| skip(sigma) * x + off(sigma, x) / SIGMA_DATA)).unwrap();
    assert!(matches!(report.finding(), Finding::Training { step: 18, .. }), "{}", report.finding());
    // Where σ_data is known, it is named; a wrong one is not.
    for (sigma_data, named) in [(SIGMA_DATA, true), (0.8, false), (2.0, false), (1.0, false)] {
        let f = edm_table(&grid, &t, &x, |sigma, x| skip(sigma) * x + off(sigma, x) / SIGMA_DATA + if sigma > 0.01 { 0.01 } else { 0.0 });
        let finding = check.sigma_data(sigma_data).check(&t, &x, &f).unwrap().finding();
        assert_eq!(matches!(finding, Finding::Unscaled { step: 18, .. }), named, "{sigma_data}: {finding}");
        assert!(!named || finding.to_string().contains("c_out lacks sigma_data = 0.5"), "{finding}");
    }
    for level in &report.levels {
        let (sigma, cos) = (grid.level(level.step).sigma(), grid.level(level.step).cos());
        let here: Vec<f64> = (0..t.len()).filter(|&i| t[i] == level.step).map(|i| x[[i, 0]] / cos).collect();
        let mean = here.iter().map(|x| off(sigma, *x).abs()).sum::<f64>() / here.len() as f64 * grid.level(1).cos();
        let found = level.training.unwrap().mean.value;
        assert!((found - (1.0 / SIGMA_DATA - 1.0) * mean).abs() < 1e-9, "step {}: {found} {mean}", level.step);
    }
}

/// E[f_{t−1}(X_t) | X_t] = f_{t−1}(X_t): from f_1 = id all is the identity, whose error is W_1(X_T, X_1).
#[test]
fn a_target_at_the_students_point_collapses_to_the_identity() {
    let grid = angles(18);
    let best = optimum(&grid, Loss::Squared);
    let (t, x) = table(law(), &grid, &[1, 5, 18], 4000);
    let report = KnownAnswer::new(law(), &grid).population(&best).check(&t, &x, &x).unwrap();
    let finding = report.finding();
    assert!(matches!(finding, Finding::Collapsed { step: 18, .. }), "{finding}");
    assert!(finding.to_string().contains("taken at the student's own point or level"), "{finding}");
    // ∫|F_T − F_1| by a sum of 400 001 terms.
    let error = report.levels[2].error.mean;
    assert!((error.value - 0.295_394_10).abs() < STANDARD_ERRORS * error.std_error, "{error}");
    // .3N(−1, .16) + .7N(1, .16) at the levels of EDM: W_1(X_T, X_1) by the same sum of 200 001 terms.
    let (edm_law, edm_grid) = (LineMixture::new(&[0.3, 0.7], &[-1.0, 1.0], &[0.4, 0.4]).unwrap(), Karras::new(18).unwrap().grid().unwrap());
    let (steps, points) = table(&edm_law, &edm_grid, &[1, 18], 4000);
    let error = KnownAnswer::new(&edm_law, &edm_grid).check(&steps, &points, &points).unwrap().levels[1].error.mean;
    assert!((error.value - 0.426_190_32).abs() < STANDARD_ERRORS * error.std_error, "{error}");
    // The same without the first level, which alone does not say that t is reversed; one level that moves is no collapse.
    let some: Vec<usize> = (0..t.len()).filter(|&i| t[i] > 1).collect();
    let (t, x) = (some.iter().map(|&i| t[i]).collect::<Vec<_>>(), x.select(Axis(0), &some));
    let check = KnownAnswer::new(law(), &grid).population(&best);
    assert!(matches!(check.check(&t, &x, &x).unwrap().finding(), Finding::Collapsed { .. }));
    let moved = values(&t, &x, |t, x| if t == 5 { best.eval(t, x) } else { x.clone() });
    assert!(!matches!(check.check(&t, &x, &moved).unwrap().finding(), Finding::Collapsed { .. }));
}

/// With noise of its own in the target, N(0, 1) has the optimum x ∏ cos θ_s cos θ_{s−1} in place of x ∏ cos Δθ_s; and the right optimum has a loss
/// above its floor on such pairs.
#[test]
fn noise_that_is_not_shared_is_above_the_floor_and_far_from_the_optimum() {
    let (law, grid) = (Gaussian::standard(1).unwrap(), UniformAngle::new(10, 0.05, 1.5).unwrap().grid().unwrap());
    let run = GaussianRecursion::new(&law, &grid).keep(Keep::All).run().unwrap();
    let f = run.consistency();
    let floors = LossFloor::new(&law, &grid).samples(4000).consistency(f, &mut rng(3)).unwrap();
    let (mut rng, process) = (rng(5), ForwardProcess::new(&grid));
    for t in [3, 6, 10] {
        let x0 = law.sample(4000, &mut rng);
        let pair = process.draw_pair(t, &x0, &mut rng);
        let apart = process.marginal(t - 1, &x0, &mut rng);
        let excess = |before: &Array2<f64>| {
            let gap = f.eval(t, &pair.now) - f.eval(t - 1, before);
            let loss = Estimate::from_samples(&gap.iter().map(|g| g * g).collect::<Vec<f64>>());
            (Excess::new(loss.value, floors.levels[t - 2].floor).value(), loss.std_error)
        };
        let (shared, other) = (excess(&pair.before), excess(&apart));
        assert!(shared.0.abs() < STANDARD_ERRORS * shared.1.hypot(floors.levels[t - 2].floor.std_error), "step {t}: {shared:?}");
        // ‖f_t‖² + ‖f_{t−1}‖² less twice the product of the gains with the correlation cos θ_t cos θ_{t−1}.
        let gain = |t: usize| -> f64 { f.eval(t, &array![[1.0]])[[0, 0]] };
        let right = gain(t - 1).powi(2) - gain(t).powi(2);
        let wrong = gain(t).powi(2) + gain(t - 1).powi(2) - 2.0 * gain(t) * gain(t - 1) * grid.level(t).cos() * grid.level(t - 1).cos();
        assert!(
            (other.0 - (wrong - right)).abs() < STANDARD_ERRORS * other.1.hypot(floors.levels[t - 2].floor.std_error),
            "step {t}: {other:?}"
        );
        assert!(other.0 > 20.0 * other.1, "step {t}: {other:?}");
    }
    let gain = |t: usize| (2..=t).map(|s| grid.level(s).cos() * grid.level(s - 1).cos()).product::<f64>();
    let (t, x) = table(&law, &grid, &[1, 4, 10], 100);
    let learned = values(&t, &x, |t, x| x * gain(t));
    let check = KnownAnswer::new(&law, &grid).population(f);
    let finding = check.check(&t, &x, &learned).unwrap().finding();
    assert!(matches!(finding, Finding::Training { step: 10, .. }), "{finding}");
    // With that optimum beside it, the table alone shows it.
    let wrong = noise_apart(&LineMixture::gaussian(0.0, 1.0).unwrap(), &grid, &Keep::All).unwrap();
    let finding = check.noise_apart(&wrong).check(&t, &x, &(&learned * 1.01)).unwrap().finding();
    assert!(!matches!(finding, Finding::NoiseApart { .. }), "f_1 is no identity: {finding}");
    let near = values(&t, &x, |t, x| x * gain(t) * if t > 1 { 1.01 } else { 1.0 });
    let finding = check.noise_apart(&wrong).check(&t, &x, &near).unwrap().finding();
    assert!(matches!(finding, Finding::NoiseApart { step: 10, .. }), "{finding}");
    assert!(finding.to_string().contains("is not shared"), "{finding}");
}

/// f_3(x) = E[f_2(cos θ_2 X_0 + sin θ_2 Z') | X_3 = x] with f_2(x) = cos θ_1 E[X_0 | X_2 = x], by sums over x_0 and z.
#[test]
fn the_optimum_without_shared_noise_is_an_average_over_two_noises() {
    let grid = Grid::from_angles(&[0.05, 0.4, 0.9]).unwrap();
    let found = noise_apart(law(), &grid, &Keep::All).unwrap();
    let step = 0.02;
    let line: Vec<f64> = (-400..=400).map(|i| f64::from(i) * step).collect();
    let prior: Vec<f64> = line.iter().map(|&x| law().at(onestep::NoiseLevel::DATA).density(x)).collect();
    // ∫ g(x_0) p(x_0 | X_t = x) dx_0, up to e^{−100} by the trapezoidal rule.
    let posterior = |t: usize, x: f64, g: &dyn Fn(f64) -> f64| {
        let (cos, sin) = (grid.level(t).cos(), grid.level(t).sin());
        let weights = line.iter().zip(&prior).map(|(x0, p)| p * (-0.5 * ((x - cos * x0) / sin).powi(2)).exp());
        let (sum, total) = line.iter().zip(weights).fold((0.0, 0.0), |(s, w), (&x0, v)| (s + v * g(x0), w + v));
        sum / total
    };
    let second = |x: f64| grid.level(1).cos() * posterior(2, x, &|x0| x0);
    let (cos, sin) = (grid.level(2).cos(), grid.level(2).sin());
    for x in [-1.7, -0.2, 0.6] {
        let f = found.eval(2, &array![[x]])[[0, 0]];
        assert!((f - second(x)).abs() < 1e-8, "f_2({x}) = {f}, {}", second(x));
    }
    let normal: Vec<(f64, f64)> =
        (-30..=30).map(|i| 0.2 * f64::from(i)).map(|z| (z, 0.2 * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt())).collect();
    let table: Vec<f64> = line.iter().step_by(5).map(|&x0| normal.iter().map(|(z, w)| w * second(cos * x0 + sin * z)).sum()).collect();
    for x in [-1.7, 0.6] {
        let at = |x0: f64| table[((x0 - line[0]) / (5.0 * step)).round() as usize];
        let (c3, s3) = (grid.level(3).cos(), grid.level(3).sin());
        let weights = line.iter().zip(&prior).step_by(5).map(|(x0, p)| p * (-0.5 * ((x - c3 * x0) / s3).powi(2)).exp());
        let (sum, total) = line.iter().step_by(5).zip(weights).fold((0.0, 0.0), |(s, w), (&x0, v)| (s + v * at(x0), w + v));
        let f = found.eval(3, &array![[x]])[[0, 0]];
        assert!((f - sum / total).abs() < 1e-6, "f_3({x}) = {f}, {}", sum / total);
    }
}

/// f_{t±1} in the rows of t, of the optimum and of the flow, off by a little more; in the units of EDM the other level sees another point.
#[test]
fn a_network_that_is_asked_for_a_neighbouring_level_is_named() {
    let (grid, edm) = (angles(18), Path::edm());
    let best = optimum(&grid, Loss::Squared);
    let flow = |t: usize, x: &Array2<f64>| -> Array2<f64> { law().flow(grid.level(t), grid.level(1), x) };
    for by in [-1_i8, 1] {
        let (t, x) = table(law(), &grid, if by > 0 { &[1, 5, 12, 17] } else { &[1, 5, 12, 18] }, 50);
        let other = |t: usize| t.saturating_add_signed(isize::from(by)).max(1);
        let last = t[t.len() - 1];
        for of_flow in [false, true] {
            let right = |t: usize, x: &Array2<f64>| if of_flow { flow(t, x) } else { best.eval(t, x) };
            // One that asks for the level before is right at the first level.
            let off = |t: usize| if other(t) == t { 0.0 } else { 1e-3 };
            let f = values(&t, &x, |t, x| right(other(t), x) + off(t));
            let finding = KnownAnswer::new(law(), &grid).population(&best).check(&t, &x, &f).unwrap().finding();
            let Finding::Shifted { step, by: found, distance, error } = finding else { panic!("{finding}") };
            assert!(step == last && found == by && (distance - 1e-3).abs() < 1e-12 && error > 3.0 * distance, "{finding}");
            assert!(finding.to_string().contains(if by > 0 { "level t + 1" } else { "level t - 1" }), "{finding}");
            // x_edm = x/cos θ, seen at the other level as x cos θ_other/cos θ.
            let m = |t: usize| grid.level(t).cos().recip();
            let seen = values(&t, &x, |t, x| right(other(t), &(x * (m(t) / m(other(t))))) * m(1));
            let points = values(&t, &x, |t, x| x * m(t));
            let finding = KnownAnswer::new(law(), &grid).path(&edm).population(&best).check(&t, &points, &seen).unwrap().finding();
            assert!(matches!(finding, Finding::Shifted { by: found, .. } if found == by), "{finding}");
        }
    }
}

/// What is right, or wrong in another way, is not taken for a neighbouring level or a missing σ_data.
#[test]
fn other_errors_are_no_faults_of_a_level_or_a_scaling() {
    let grid = angles(18);
    let best = optimum(&grid, Loss::Squared);
    let robust = optimum(&grid, Loss::Absolute);
    let (t, x) = table(law(), &grid, &[1, 5, 12, 18], 50);
    let wrong = noise_apart(law(), &grid, &Keep::All).unwrap();
    let check = KnownAnswer::new(law(), &grid).sigma_data(SIGMA_DATA).noise_apart(&wrong);
    let flow = |t: usize, x: &Array2<f64>| -> Array2<f64> { law().flow(grid.level(t), grid.level(1), x) };
    let late = |t: usize, x: &Array2<f64>| 0.5 * (best.eval(t, x) + best.eval(t.max(2) - 1, x));
    let models: [&dyn Fn(usize, &Array2<f64>) -> Array2<f64>; 7] = [
        &|t, x| best.eval(t, x),
        &flow,
        &|t, x| robust.eval(t, x),
        &|t, x| best.eval(t, x) + if t > 1 { 0.3 } else { 0.0 },
        &|t, x| flow(t, x) * if t > 1 { 0.9 } else { 1.0 },
        &|t, x| 0.5 * (best.eval(t, x) + x),
        // Halfway to the level before is neither.
        &late,
    ];
    for (i, model) in models.into_iter().enumerate() {
        let f = values(&t, &x, model);
        for check in [check, check.population(&best)] {
            let report = check.check(&t, &x, &f).unwrap();
            assert!(report.fault.is_none(), "model {i}: {}", report.finding());
        }
    }
    // One level alone says too little.
    let (t, x) = table(law(), &grid, &[18], 50);
    let f = values(&t, &x, |t, x| best.eval(t - 1, x));
    assert!(check.population(&best).check(&t, &x, &f).unwrap().fault.is_none());
    // A table of the first level says nothing.
    let (t, x) = table(law(), &grid, &[1], 50);
    assert_eq!(check.check(&t, &x, &x).unwrap().finding(), Finding::FirstLevelOnly);
}

/// A teacher that lags behind the student: with the same data and iterations the values stay far from the optimum.
#[test]
fn a_teacher_that_lags_is_a_training_error() {
    let (law, grid) = (Gaussian::standard(1).unwrap(), UniformAngle::new(8, 0.05, 1.5).unwrap().grid().unwrap());
    let run = GaussianRecursion::new(&law, &grid).keep(Keep::All).run().unwrap();
    let data: Array2<f64> = law.sample(4000, &mut rng(1));
    let (t, x) = table(&law, &grid, &[1, 4, 8], 200);
    let report = |decay: f64| {
        let joint = Joint::new(grid.clone(), &[16]).batch(128).iterations(600).ema(decay);
        let model: JointModel = joint.train(&data, &mut rng(2)).unwrap();
        let f = values(&t, &x, |t, x| model.eval(t, x));
        KnownAnswer::new(&law, &grid).population(run.consistency()).tolerance(1e-3).check(&t, &x, &f).unwrap()
    };
    let (right, lagging) = (report(0.0), report(0.999));
    let training = |r: &onestep::audit::KnownAnswerReport| r.levels[2].training.unwrap().mean.value;
    assert!(training(&lagging) > 3.0 * training(&right), "{} {}", training(&lagging), training(&right));
    assert!(matches!(lagging.finding(), Finding::Training { step: 8, .. }), "{}", lagging.finding());
}

/// N(0, 1) and F of EDM at σ_data = ½ have the floor 4(σ² + ¼)/(1 + σ²) at σ: its means over ln σ ~ N(∓1.2, 1.2²) are far apart.
#[test]
fn the_flipped_sign_of_the_lognormal_mean_is_another_floor() {
    let (law, grid) = (Gaussian::standard(1).unwrap(), angles(4));
    let known = |mean: f64| {
        let points = (-800..=800).map(|j| f64::from(j) / 100.0);
        points
            .map(|z| (z, 0.01 * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt()))
            .map(|(z, w)| {
                let square = (2.0 * (mean + 1.2 * z)).exp();
                w * 4.0 * (square + 0.25) / (1.0 + square)
            })
            .sum::<f64>()
    };
    let floor = |mean: f64| {
        let levels = LevelLaw::LogNormal { mean, std: 1.2 };
        LossFloor::new(&law, &grid)
            .samples(4000)
            .denoising_at(&Path::edm(), Prediction::Edm { sigma_data: SIGMA_DATA }, levels, &mut rng(4))
            .unwrap()
    };
    for mean in [-1.2, 1.2] {
        assert!(
            (floor(mean).value - known(mean)).abs() < STANDARD_ERRORS * floor(mean).std_error,
            "{mean}: {} {}",
            floor(mean),
            known(mean)
        );
    }
    // Trained at the flipped mean and done, beside the floor of the mean that was meant.
    let excess = Excess::new(known(1.2), floor(-1.2));
    assert!(excess.value() > 20.0 * floor(-1.2).std_error && !excess.is_below());
    assert!(Excess::new(known(-1.2), floor(1.2)).is_below());
}

/// The loss of the optimum as a mean over three coordinates is a third of its floor.
#[test]
fn a_mean_over_coordinates_is_below_the_floor() {
    let (law, grid) = (Gaussian::standard(3).unwrap(), angles(6));
    let floors = LossFloor::new(&law, &grid);
    let floor = floors.denoising(&Path::vp(), Prediction::Noise, &mut rng(6)).unwrap().levels[3].floor;
    // N(0, I): Cov(X_0 | X_θ) = sin²θ I, and cot²θ of it for ε.
    let known = 3.0 * grid.level(4).alpha_bar();
    assert!((floor.value - known).abs() < STANDARD_ERRORS * floor.std_error + 1e-12, "{floor} {known}");
    assert!(Excess::new(known / 3.0, floor).is_below());
}

/// c = .01 beside √Δθ = .18: nearest to its own optimum, which is six times as far from the flow as that of the squared loss. c = .3 costs little.
#[test]
fn a_c_of_pseudo_huber_that_is_too_small_is_named() {
    let grid = angles(50);
    let squared = optimum(&grid, Loss::Squared);
    let (t, x) = table(law(), &grid, &[1, 25, 50], 1000);
    for (c, own, small) in [(0.01, 0.161_729_985, true), (0.3, 0.026_253_888, false)] {
        let loss = Loss::PseudoHuber { c };
        let trained = optimum(&grid, loss);
        let f = values(&t, &x, |t, x| trained.eval(t, x) + if t > 1 { 1e-3 } else { 0.0 });
        let check = KnownAnswer::new(law(), &grid).population(&squared).under(loss, &trained);
        let report = check.check(&t, &x, &f).unwrap();
        let finding = report.finding();
        let Finding::OtherLoss { step: 50, loss: named, training, discretisation, squared: Some(beside), .. } = finding else {
            panic!("{finding}")
        };
        assert!(named == loss && (training - 1e-3).abs() < 1e-12);
        // The mean over draws of X_T is W_1, of `tests/golden/robust_line.csv`.
        let error = report.levels[2].under_error.unwrap().mean;
        assert!((discretisation - own).abs() < STANDARD_ERRORS * error.std_error, "{discretisation} {own}");
        assert!(beside < discretisation);
        assert_eq!(finding.to_string().contains("c is too small for these steps"), small, "{finding}");
        // Without the optimum of the loss it is a training error that no training removes.
        let alone = KnownAnswer::new(law(), &grid).population(&squared).check(&t, &x, &f).unwrap().finding();
        assert_eq!(matches!(alone, Finding::Training { .. }), small, "{alone}");
    }
    // The optimum of the squared loss is not taken for another one.
    let f = values(&t, &x, |t, x| squared.eval(t, x));
    let under = optimum(&grid, Loss::PseudoHuber { c: 0.3 });
    let finding = KnownAnswer::new(law(), &grid)
        .population(&squared)
        .under(Loss::PseudoHuber { c: 0.3 }, &under)
        .check(&t, &x, &f)
        .unwrap()
        .finding();
    assert!(matches!(finding, Finding::Optimal { .. }), "{finding}");
    let exact = values(&t, &x, |t, x| law().flow(grid.level(t), grid.level(1), x));
    let finding = KnownAnswer::new(law(), &grid).under(Loss::PseudoHuber { c: 0.3 }, &under).check(&t, &x, &exact).unwrap().finding();
    assert_eq!(finding, Finding::Exact);
}
