//! One-step and multi-step sampling: laws known in closed form, independence of threads, refusals.

use ndarray::{Array2, Axis, array};
use onestep::consistency::{ConsistencyError, ConsistencyFn, MultiStep, one_step};
use onestep::law::{Covariance, Gaussian};
use onestep::population::{GaussianConsistency, GaussianRecursion, Keep};
use onestep::schedule::UniformAngle;
use onestep::{ConsistencyFunction, Estimate, FlowMap, Grid, NoiseLevel, VarianceSchedule};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Five standard errors: each comparison fails by chance once in 1.7 million.
const SIGMAS: f64 = 5.0;
const N: usize = 40_000;

fn grid(steps: usize) -> Grid {
    UniformAngle::new(steps, 0.1, 1.5).unwrap().grid().unwrap()
}

fn target() -> Gaussian {
    Gaussian::new(&[1.0, -0.5], Covariance::diagonal(&[4.0, 0.09]).unwrap()).unwrap()
}

fn population(grid: &Grid) -> GaussianConsistency {
    GaussianRecursion::new(&target(), grid).keep(Keep::All).run().unwrap().consistency().clone()
}

/// Slope and offset of the affine f_t in coordinate j.
fn affine(f: &GaussianConsistency, t: usize, j: usize) -> (f64, f64) {
    let ends = f.eval(t, &array![[0.0, 0.0], [1.0, 1.0]]);
    (ends[[1, j]] - ends[[0, j]], ends[[0, j]])
}

/// Mean and variance of coordinate j after the chain, from N(0, 1).
fn law(f: &GaussianConsistency, grid: &Grid, renoise: &[usize], j: usize) -> (f64, f64) {
    let (slope, offset) = affine(f, grid.steps(), j);
    let (mut mean, mut variance) = (offset, slope * slope);
    for &t in renoise {
        let keep = grid.level(t).alpha_bar() / grid.level(1).alpha_bar();
        let (slope, offset) = affine(f, t, j);
        mean = slope * keep.sqrt() * mean + offset;
        variance = slope * slope * (keep * variance + 1.0 - keep);
    }
    (mean, variance)
}

fn assert_law(samples: &Array2<f64>, j: usize, mean: f64, variance: f64) {
    let column = samples.column(j);
    let measured = Estimate::from_samples(&column.to_vec());
    assert!((measured.value - mean).abs() < SIGMAS * (variance / N as f64).sqrt(), "mean {measured:?} for {mean}");
    let square = Estimate::from_samples(&column.mapv(|x| (x - mean).powi(2)).to_vec());
    assert!((square.value / variance - 1.0).abs() < SIGMAS * (2.0 / N as f64).sqrt(), "variance {} for {variance}", square.value);
}

#[test]
fn affine_functions_give_the_law_computed_by_hand() {
    let grid = grid(12);
    let f = population(&grid);
    for renoise in [&[][..], &[11], &[2], &[6, 3], &[10, 8, 5, 2]] {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let sampler = MultiStep::new(&grid, renoise).unwrap();
        assert_eq!(sampler.evaluations(), 1 + renoise.len());
        let samples = sampler.sample(&f, N, &mut rng).unwrap();
        for j in 0..2 {
            let (mean, variance) = law(&f, &grid, renoise, j);
            assert_law(&samples, j, mean, variance);
        }
    }
}

/// Noise is put back from level 1, not from the data: with the exact maps and the true start the law of X_1 never changes.
#[test]
fn exact_maps_keep_the_law() {
    let grid = UniformAngle::new(6, 0.6, 1.5).unwrap().grid().unwrap();
    let (target, levels) = (target(), grid.levels().to_vec());
    let flow = {
        let target = target.clone();
        ConsistencyFn::new(2, 6, move |t, x: &[f64], out: &mut [f64]| {
            let point = Array2::from_shape_vec((1, 2), x.to_vec()).unwrap();
            let image: Array2<f64> = target.flow(levels[t - 1], levels[0], &point);
            out.copy_from_slice(image.as_slice().unwrap());
        })
    };
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let x = onestep::ForwardProcess::new(&grid).marginal(6, &onestep::Sample::sample(&target, N, &mut rng), &mut rng);
    for renoise in [&[5][..], &[2], &[5, 4, 3, 2]] {
        let samples = MultiStep::new(&grid, renoise).unwrap().sample_from(&flow, &x, &mut rng).unwrap();
        let first = grid.level(1);
        for (j, (mean, variance)) in [(1.0, 4.0), (-0.5, 0.09)].into_iter().enumerate() {
            assert_law(&samples, j, first.cos() * mean, first.alpha_bar() * variance + first.one_minus_alpha_bar());
        }
    }
}

/// W_2 after the return to t is at most that of f_t alone plus Lip(f_t) √(ᾱ_t/ᾱ_1) times the W_2 before it.
#[test]
fn errors_of_the_chain_obey_their_recursion() {
    let grid = grid(8);
    let f = population(&grid);
    let first = grid.level(1);
    for (j, (mean, variance)) in [(1.0, 4.0), (-0.5, 0.09)].into_iter().enumerate() {
        let noisy = |l: NoiseLevel| (l.cos() * mean, l.alpha_bar() * variance + l.one_minus_alpha_bar());
        let (m1, v1) = noisy(first);
        let w2 = |(m, v): (f64, f64)| (m - m1).hypot(v.sqrt() - v1.sqrt());
        for renoise in [&[7, 6, 5, 4, 3, 2][..], &[6, 3], &[4, 2]] {
            for k in 0..renoise.len() {
                let t = renoise[k];
                let ((m, v), (slope, offset)) = (noisy(grid.level(t)), affine(&f, t, j));
                let own = w2((slope * m + offset, slope * slope * v));
                let kept = slope * grid.level(t).cos() / first.cos();
                let (before, after) = (w2(law(&f, &grid, &renoise[..k], j)), w2(law(&f, &grid, &renoise[..=k], j)));
                assert!(after <= own + kept * before + 1e-14, "{j}, {renoise:?}, {k}: {after} against {own} + {kept} * {before}");
            }
        }
    }
}

#[test]
fn one_step_is_the_function_at_standard_normal_points() {
    let grid = grid(9);
    let f = population(&grid);
    let run = |n: usize| -> Array2<f64> { one_step(&f, n, &mut ChaCha8Rng::seed_from_u64(3)).unwrap() };
    let samples: Array2<f64> = run(N);
    for j in 0..2 {
        let (mean, variance) = law(&f, &grid, &[], j);
        assert_law(&samples, j, mean, variance);
    }
    let no_returns: Array2<f64> = MultiStep::new(&grid, &[]).unwrap().sample(&f, N, &mut ChaCha8Rng::seed_from_u64(3)).unwrap();
    assert_eq!(no_returns, samples);
    assert_eq!(run(3000).slice_axis(Axis(0), (0..1024).into()), samples.slice_axis(Axis(0), (0..1024).into()));
    assert_eq!(run(0).dim(), (0, 2));
}

#[test]
fn rows_are_independent_across_chunks() {
    let f = ConsistencyFn::new(1, 2, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    let x = one_step(&f, 4096, &mut ChaCha8Rng::seed_from_u64(4)).unwrap();
    for lag in [1, 1024, 2048] {
        let products: Vec<f64> = (0..4096 - lag).map(|i| x[[i, 0]] * x[[i + lag, 0]]).collect();
        let mean = Estimate::from_samples(&products);
        assert!(mean.value.abs() < SIGMAS * mean.std_error, "lag {lag}: {mean:?}");
    }
}

#[cfg(feature = "rayon")]
#[test]
fn the_number_of_threads_changes_nothing() {
    let grid = grid(6);
    let f = population(&grid);
    let sampler = MultiStep::new(&grid, &[4, 2]).unwrap();
    let run = || -> Array2<f64> { sampler.sample(&f, 5000, &mut ChaCha8Rng::seed_from_u64(5)).unwrap() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(run), run());
}

#[test]
fn noise_put_back_next_to_the_first_level_keeps_its_digits() {
    // θ_2 − θ_1 = 1e−9: the added noise has the deviation √(sin Δ sin(θ_1 + θ_2))/cos θ_1.
    let delta = 1e-9;
    let grid = Grid::from_angles(&[0.3, 0.3 + delta, 1.5]).unwrap();
    let zero = ConsistencyFn::new(1, 3, |t, x: &[f64], out: &mut [f64]| out[0] = if t == 3 { 0.0 } else { x[0] });
    let samples = MultiStep::new(&grid, &[2]).unwrap().sample(&zero, N, &mut ChaCha8Rng::seed_from_u64(6)).unwrap();
    assert_law(&samples, 0, 0.0, delta.sin() * (0.6 + delta).sin() / 0.3_f64.cos().powi(2));
}

#[test]
fn single_precision_and_the_ends_of_the_path_pass() {
    let grid = Grid::from_angles(&[1e-8, 0.5, std::f64::consts::FRAC_PI_2]).unwrap();
    assert_eq!(grid.last(), NoiseLevel::NOISE);
    let f = ConsistencyFn::new(3, 3, |_t, x: &[f32], out: &mut [f32]| out.copy_from_slice(x));
    let samples: Array2<f32> = MultiStep::new(&grid, &[2]).unwrap().sample(&f, 100, &mut ChaCha8Rng::seed_from_u64(7)).unwrap();
    assert_eq!(samples.dim(), (100, 3));
}

#[test]
fn failures_are_typed() {
    let grid = grid(5);
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for bad in [0, 1, 5, 6] {
        let refused = MultiStep::new(&grid, &[bad]);
        assert!(matches!(refused, Err(ConsistencyError::NoSuchLevel { index: 1, level, steps: 5 }) if level == bad));
    }
    assert!(matches!(MultiStep::new(&grid, &[4, 3, 3]), Err(ConsistencyError::NotDecreasing { index: 3, level: 3, before: 3 })));
    let sampler = MultiStep::new(&grid, &[3]).unwrap();
    let other = ConsistencyFn::new(1, 4, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    assert!(matches!(
        sampler.sample(&other, 1, &mut rng),
        Err(ConsistencyError::Mismatch(onestep::error::Mismatch { left: 4, right: 5, .. }))
    ));
    let last_only = GaussianRecursion::new(&target(), &grid).run().unwrap();
    let refused: Result<Array2<f64>, _> = sampler.sample(last_only.consistency(), 1, &mut rng);
    assert!(matches!(refused, Err(ConsistencyError::NotHeld { level: 3 })));
    let drawn: Result<Array2<f64>, _> = one_step(last_only.consistency(), 1, &mut rng);
    assert!(drawn.is_ok());
    // The row counts from the first of all chunks.
    let broken = ConsistencyFn::new(1, 5, |t, x: &[f64], out: &mut [f64]| out[0] = if t == 3 && x[0] > 1e6 { f64::NAN } else { x[0] });
    let mut x = Array2::zeros((3000, 1));
    x[[2500, 0]] = 1e9;
    let refused = sampler.sample_from(&broken, &x, &mut rng);
    assert!(matches!(refused, Err(ConsistencyError::NotFinite { row: 2501, level: 3 })));
}
