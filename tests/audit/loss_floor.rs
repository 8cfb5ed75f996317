//! Loss floors: closed forms for Gaussians, losses measured on draws of one's own, the energy identity, small steps.

use ndarray::{Array2, array};
use onestep::audit::{AuditError, Excess, GaussianFloor, LevelLaw, LossFloor};
use onestep::consistency::ConsistencyFn;
use onestep::law::{Covariance, Gaussian, GaussianMixture, LineMixture};
use onestep::path::{GaussianPath, Path, Place, Prediction};
use onestep::population::{Keep, LineRecursion};
use onestep::score::OnPath;
use onestep::{ConsistencyFunction, Estimate, Float, FlowMap, ForwardProcess, Grid, NoiseLevel, Sample};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A mean and its estimate, each with a standard error, differ by chance by more than this many of them once in 10⁶ times.
const STANDARD_ERRORS: f64 = 5.0;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

fn angles(steps: usize) -> Grid {
    let angle = |i: usize| 0.05 + 1.45 * i as f64 / (steps - 1) as f64;
    Grid::from_angles(&(0..steps).map(angle).collect::<Vec<_>>()).unwrap()
}

fn line() -> LineMixture {
    LineMixture::new(&[0.3, 0.7], &[-1.0, 1.0], &[0.4, 0.5]).unwrap()
}

fn plane() -> GaussianMixture {
    let means = array![[1.0, 0.0], [-0.5, 0.8], [-0.5, -0.8]];
    GaussianMixture::isotropic(&[0.5, 0.2, 0.3], &means, &[0.04, 0.09, 0.16]).unwrap()
}

fn agree(measured: &[f64], floor: &Estimate, what: &str) {
    let own = Estimate::from_samples(measured);
    let room = STANDARD_ERRORS * own.std_error.hypot(floor.std_error);
    assert!(
        (own.value - floor.value).abs() < room,
        "{what}: measured {} ± {}, floor {} ± {}",
        own.value,
        own.std_error,
        floor.value,
        floor.std_error
    );
    // A test that cannot fail is none.
    assert!(room < 0.2 * floor.value, "{what}: {room} is no check of {}", floor.value);
}

#[test]
fn gaussians_are_closed_forms() {
    let law = Gaussian::new(&[0.3, -0.2, 1.0], Covariance::diagonal(&[0.25, 1.0, 4.0]).unwrap()).unwrap();
    let grid = angles(9);
    let (sampled, exact) = (LossFloor::new(&law, &grid).samples(20), GaussianFloor::new(&law, &grid));
    let edm = Prediction::Edm { sigma_data: 0.5 };
    for (path, prediction) in [(Path::vp(), Prediction::Noise), (Path::linear(), Prediction::FlowVelocity), (Path::edm(), edm)] {
        let (one, other) = (sampled.denoising(&path, prediction, &mut rng()).unwrap(), exact.denoising(&path, prediction).unwrap());
        for (one, other) in one.levels.iter().zip(&other.levels) {
            assert!((one.floor.value / other.floor.value - 1.0).abs() < 1e-11, "{prediction} {one:?} {other:?}");
        }
    }
    let run = onestep::population::GaussianRecursion::new(&law, &grid).keep(Keep::All).run().unwrap();
    let (one, other) = (sampled.consistency(run.consistency(), &mut rng()).unwrap(), exact.consistency());
    for (one, other) in one.levels.iter().zip(&other.levels) {
        assert!((one.floor.value / other.floor.value - 1.0).abs() < 1e-11 && one.quadrature_error.unwrap() < 1e-12, "{one:?} {other:?}");
    }
    assert!((other.sum().value / run.report().loss_sum - 1.0).abs() < 1e-12);
    let (one, other) = (sampled.continuous(&law, &mut rng()).unwrap(), exact.continuous());
    for (one, other) in one.levels.iter().zip(&other.levels) {
        assert!((one.floor.value / other.floor.value - 1.0).abs() < 1e-11, "{one:?} {other:?}");
    }
    for (r, t) in [(0.2, 0.8), (0.0, 1.0), (0.5, 0.5)] {
        let one = sampled.mean_flow(&law, r, t, &mut rng()).unwrap();
        assert!((one.value / exact.mean_flow(r, t).unwrap() - 1.0).abs() < 1e-11);
    }
    // X_0 ~ N(0, 1/4), t = .8, r = .2: v_r/v_t · λ/v_t = .2/.65 · .25/.65 = 20/169.
    let quarter = Gaussian::new(&[0.0], Covariance::isotropic(1, 0.25).unwrap()).unwrap();
    assert!((GaussianFloor::new(&quarter, &grid).mean_flow(0.2, 0.8).unwrap() - 20.0 / 169.0).abs() < 1e-15);
}

/// Draws of X_0, Z and the point of a place.
fn draws(law: &impl Sample, place: Place, n: usize, rng: &mut ChaCha8Rng) -> [Array2<f64>; 3] {
    let x0 = law.sample(n, rng);
    let z = Array2::from_shape_simple_fn(x0.raw_dim(), || f64::standard_normal(rng));
    let x = &x0 * place.a() + &z * place.b();
    [x0, z, x]
}

fn squares(gap: &Array2<f64>) -> Vec<f64> {
    gap.rows().into_iter().map(|row| row.dot(&row)).collect()
}

#[test]
fn regressions_at_the_exact_answer_have_the_floor_as_loss() {
    let (law, grid, mut rng) = (plane(), angles(5), rng());
    let floors = LossFloor::new(&law, &grid);
    for t in [2, 4] {
        for (path, prediction) in
            [(Path::linear(), Prediction::FlowVelocity), (Path::vp(), Prediction::Noise), (Path::edm(), Prediction::Denoised)]
        {
            let place = path.on(grid.level(t)).unwrap();
            let [x0, z, x] = draws(&law, place, 4000, &mut rng);
            let target = match prediction {
                Prediction::FlowVelocity => &z - &x0,
                Prediction::Noise => z,
                _ => x0,
            };
            let answer = OnPath::new(&law, path).predict(prediction, path.time(grid.level(t)).unwrap(), &x).unwrap();
            let floor = floors.denoising(&path, prediction, &mut rng).unwrap().levels[t - 1].floor;
            agree(&squares(&(answer - target)), &floor, &format!("{prediction} at level {t}"));
        }
    }
    // EDM at its law of levels: the network F at c_in x against (X_0 − c_skip x)/c_out, one level a draw; and with the sign of the mean flipped.
    let (d, edm) = (0.5, Path::edm());
    for mean in [-1.2, 1.2] {
        let measured: Vec<f64> = (0..4000)
            .map(|_| {
                let sigma = (mean + 1.2 * f64::standard_normal(&mut rng)).exp();
                let [x0, _, x] = draws(&law, edm.place(sigma).unwrap(), 1, &mut rng);
                let (skip, out) = (d * d / (sigma * sigma + d * d), sigma * d / sigma.hypot(d));
                let answer = OnPath::new(&law, edm).predict(Prediction::Edm { sigma_data: d }, sigma, &x).unwrap();
                squares(&(answer - (x0 - x * skip) / out))[0]
            })
            .collect();
        let levels = LevelLaw::LogNormal { mean, std: 1.2 };
        let floor = floors.samples(4000).denoising_at(&edm, Prediction::Edm { sigma_data: d }, levels, &mut rng).unwrap();
        agree(&measured, &floor, &format!("EDM with mean {mean}"));
    }
}

#[test]
fn the_optimum_of_training_has_the_floor_as_loss() {
    let (law, grid, mut rng) = (line(), angles(8), rng());
    let run = LineRecursion::new(&law, &grid).keep(Keep::All).run().unwrap();
    let best = run.consistency();
    let floor = LossFloor::new(&law, &grid).samples(4000).consistency(best, &mut rng).unwrap();
    for level in &floor.levels {
        let t = level.step;
        let pair = ForwardProcess::new(&grid).draw_pair(t, &law.sample(8000, &mut rng), &mut rng);
        let gap = best.eval(t, &pair.now) - best.eval(t - 1, &pair.before);
        agree(&squares(&gap), &level.floor, &format!("step {t}"));
        assert!(level.quadrature_error.unwrap() < 1e-3 * level.floor.value, "{level:?}");
        // And a function that is off by a constant has that much more: the excess is E‖f − f*‖².
        let off = Excess::new(level.floor.value + 0.25, level.floor);
        assert!((off.value() - 0.25).abs() < 1e-15 && !off.is_below());
    }
    let (sum, lost) = (floor.sum(), run.report().loss_sum);
    assert!((sum.value - lost).abs() < STANDARD_ERRORS * sum.std_error && sum.std_error < 0.02 * lost, "{sum} {lost}");
}

/// The floor at the exact flow is Δθ² R(θ) up to terms of higher order: the ratio tends to 1 linearly in the step.
#[test]
fn small_steps_have_the_continuous_floor() {
    let (law, theta) = (line(), 0.9);
    let gap = |delta: f64| {
        let grid = Grid::from_angles(&[0.05, theta - delta, theta]).unwrap();
        let (target, levels) = (law.clone(), grid.levels().to_vec());
        let flow = ConsistencyFn::new(1, 3, move |t, x: &[f64], out: &mut [f64]| {
            out[0] = target.flow(levels[t - 1], levels[0], &array![[x[0]]])[[0, 0]];
        });
        let floors = LossFloor::new(&law, &grid).samples(1000);
        // The same draws of X_t in both.
        let step = floors.consistency(&flow, &mut Skip(7)).unwrap().levels[1].floor.value;
        let limit = floors.continuous(&law, &mut Skip(7)).unwrap().levels[2].floor.value;
        step / (delta * delta * limit) - 1.0
    };
    let (coarse, fine) = (gap(5e-4), gap(2.5e-4));
    let order = (coarse / fine).abs().log2();
    assert!(coarse.abs() < 0.1 && (order - 1.0).abs() < 0.1, "{coarse} {fine}: order {order}");
}

/// A generator whose numbers do not depend on how many were drawn before: all levels share their points.
struct Skip(u64);

impl rand::RngCore for Skip {
    fn next_u32(&mut self) -> u32 {
        self.0 as u32
    }
    fn next_u64(&mut self) -> u64 {
        self.0
    }
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(self.0 as u8);
    }
}

/// The loss of `MeanFlow` on draws, with the exact u and its derivatives by differences: the target of the paper, written out.
#[test]
fn mean_flow_at_the_exact_velocity_has_the_floor_as_loss() {
    let (law, grid, mut rng) = (line(), angles(3), rng());
    let level = |s: f64| NoiseLevel::from_sigma(s / (1.0 - s)).unwrap();
    let scale = |s: f64| s.hypot(1.0 - s);
    let (r, t) = (0.2, 0.8);
    let u = |z: f64, t: f64| (z - scale(r) * law.flow(level(t), level(r), &array![[z / scale(t)]])[[0, 0]]) / (t - r);
    let place = Path::linear().place(t).unwrap();
    let [x0, z, x] = draws(&law, place, 10_000, &mut rng);
    let h = 1e-5;
    let measured: Vec<f64> = (0..10_000)
        .map(|i| {
            let (x, v) = (x[[i, 0]], z[[i, 0]] - x0[[i, 0]]);
            let along_x = (u(x + h, t) - u(x - h, t)) / (2.0 * h);
            let along_t = (u(x, t + h) - u(x, t - h)) / (2.0 * h);
            (u(x, t) - (v - (t - r) * (v * along_x + along_t))).powi(2)
        })
        .collect();
    let floor = LossFloor::new(&law, &grid).samples(10_000).mean_flow(&law, r, t, &mut rng).unwrap();
    agree(&measured, &floor, "MeanFlow");
}

#[test]
fn results_do_not_depend_on_luck_and_bad_input_is_refused() {
    let (law, grid) = (plane(), angles(4));
    let floor = LossFloor::new(&law, &grid).samples(100);
    let twice = [0, 1].map(|_| floor.denoising(&Path::vp(), Prediction::Velocity, &mut rng()).unwrap());
    assert_eq!(twice[0], twice[1]);
    assert!(matches!(floor.samples(0).denoising(&Path::vp(), Prediction::Noise, &mut rng()), Err(AuditError::OutOfRange(_))));
    let flow = onestep::flow::FlowSolver::new(1e-6).unwrap().flow_of(&law);
    for (r, t) in [(0.5, 0.2), (-0.1, 0.5), (0.0, 0.0), (0.1, 1.1), (f64::NAN, 0.5)] {
        assert!(matches!(floor.mean_flow(&flow, r, t, &mut rng()), Err(AuditError::OutOfRange(_))), "{r} {t}");
    }
    let other = LineMixture::gaussian(0.0, 1.0).unwrap();
    assert!(matches!(floor.mean_flow(&other, 0.1, 0.5, &mut rng()), Err(AuditError::Mismatch(_))));
    assert!(matches!(floor.continuous(&other, &mut rng()), Err(AuditError::Mismatch(_))));
    let short = ConsistencyFn::new(2, 3, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    assert!(matches!(floor.consistency(&short, &mut rng()), Err(AuditError::Mismatch(_))));
    let broken = ConsistencyFn::new(2, 4, |_t, _: &[f64], out: &mut [f64]| out.fill(f64::NAN));
    assert!(matches!(floor.consistency(&broken, &mut rng()), Err(AuditError::ValueNotFinite { step: 2, .. })));
    let noise = Prediction::Noise;
    for levels in [
        LevelLaw::LogNormal { mean: f64::NAN, std: 1.0 },
        LevelLaw::LogNormal { mean: 0.0, std: -1.0 },
        LevelLaw::Uniform { from: 0.0, to: f64::INFINITY },
        LevelLaw::LogitNormal { mean: 0.0, std: f64::NAN },
    ] {
        assert!(matches!(floor.denoising_at(&Path::linear(), noise, levels, &mut rng()), Err(AuditError::OutOfRange(_))), "{levels:?}");
    }
    // Times outside the path.
    let levels = LevelLaw::Uniform { from: 2.0, to: 3.0 };
    assert!(matches!(floor.denoising_at(&Path::linear(), noise, levels, &mut rng()), Err(AuditError::Path(_))));
}

/// v of a logit-normal law of times of the linear path, against a mean over its own draws.
#[test]
fn laws_of_levels_are_what_they_say() {
    let (law, grid, mut rng) = (Gaussian::standard(1).unwrap(), angles(3), rng());
    let floor = LossFloor::new(&law, &grid).samples(20_000);
    // N(0, 1): the floor of flow matching at s is 1/((1−s)² + s²).
    let at = |s: f64| 1.0 / ((1.0 - s).powi(2) + s * s);
    let uniform =
        floor.denoising_at(&Path::linear(), Prediction::FlowVelocity, LevelLaw::Uniform { from: 0.0001, to: 1.0 }, &mut rng).unwrap();
    // ∫ ds/((1−s)² + s²) = π/2.
    assert!((uniform.value - std::f64::consts::FRAC_PI_2).abs() < STANDARD_ERRORS * uniform.std_error + 1e-3, "{uniform}");
    let logit =
        floor.denoising_at(&Path::linear(), Prediction::FlowVelocity, LevelLaw::LogitNormal { mean: 0.5, std: 1.0 }, &mut rng).unwrap();
    let own: Vec<f64> = (0..20_000).map(|_| at(1.0 / (1.0 + (-0.5 - f64::standard_normal(&mut rng)).exp()))).collect();
    agree(&own, &logit, "logit-normal");
}
