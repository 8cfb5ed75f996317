//! The forward process: exact coefficients, and the laws of what is drawn.
//!
//! Every statistical test compares means of n independent draws with their exact values at six standard errors: α = 2e−9 a comparison, and
//! fewer than 100 comparisons in this file.

use ndarray::{Array2, Axis, Slice, array};
use onestep::schedule::LiHuangWei;
use onestep::{Float, ForwardProcess, Grid, VarianceSchedule};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const DRAWS: usize = 20_000;
const STANDARD_ERRORS: f64 = 6.0;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Checks E X = `mean`, Var X = `std`², and zero correlation of the two columns, for Gaussian columns.
fn assert_gaussian<F: Float>(x: &Array2<F>, mean: [f64; 2], std: f64) {
    let n = x.nrows() as f64;
    for (column, mean) in mean.into_iter().enumerate() {
        let z: Vec<f64> = x.column(column).iter().map(|v| (v.as_f64() - mean) / std).collect();
        assert!((z.iter().sum::<f64>() / n).abs() < STANDARD_ERRORS / n.sqrt());
        assert!((z.iter().map(|z| z * z).sum::<f64>() / n - 1.0).abs() < STANDARD_ERRORS * (2.0 / n).sqrt());
    }
    let cross: f64 = x.rows().into_iter().map(|r| (r[0].as_f64() - mean[0]) * (r[1].as_f64() - mean[1])).sum::<f64>() / (std * std * n);
    assert!(cross.abs() < STANDARD_ERRORS / n.sqrt());
}

fn points<F: Float>() -> Array2<F> {
    Array2::from_shape_fn((DRAWS, 2), |(_, j)| F::of(if j == 0 { 3.0 } else { -1.0 }))
}

fn marginal_has_its_law<F: Float>() {
    let grid = Grid::from_angles(&[0.2, 0.9, 1.5]).unwrap();
    for t in 1..=3 {
        let x = ForwardProcess::new(&grid).marginal::<F>(t, &points(), &mut rng(1));
        let level = grid.level(t);
        assert_gaussian(&x, [3.0 * level.cos(), -level.cos()], level.sin());
    }
}

#[test]
fn marginals_have_mean_cos_and_deviation_sin() {
    marginal_has_its_law::<f64>();
    marginal_has_its_law::<f32>();
}

#[test]
fn one_step_has_its_law_and_steps_compose_to_the_marginal() {
    let grid = LiHuangWei::new(40, 1.0, 6.0).unwrap().grid().unwrap();
    let process = ForwardProcess::new(&grid);
    let mut rng = rng(2);
    let beta = grid.beta(30);
    assert_gaussian(&process.step(30, &points::<f64>(), &mut rng), [3.0 * (1.0 - beta).sqrt(), -(1.0 - beta).sqrt()], beta.sqrt());
    let mut x = points::<f64>();
    for t in 1..=40 {
        x = process.step(t, &x, &mut rng);
    }
    assert_gaussian(&x, [3.0 * grid.last().cos(), -grid.last().cos()], grid.last().sin());
}

#[test]
fn shared_noise_pairs_have_both_marginals_and_one_noise() {
    let grid = Grid::from_angles(&[0.4, 0.7, 1.1]).unwrap();
    let pair = ForwardProcess::new(&grid).draw_pair(3, &points::<f64>(), &mut rng(3));
    assert_gaussian(&pair.before, [3.0 * 0.7f64.cos(), -(0.7f64.cos())], 0.7f64.sin());
    assert_gaussian(&pair.now, [3.0 * 1.1f64.cos(), -(1.1f64.cos())], 1.1f64.sin());
    // Rotation: X_{t−1} = (sin θ_{t−1} X_t + sin Δθ_t X_0)/sin θ_t, to rounding.
    let rotated = (&pair.now * 0.7f64.sin() + points::<f64>() * grid.sin_delta(3)) / 1.1f64.sin();
    assert!((rotated - &pair.before).iter().all(|gap| gap.abs() < 1e-14));
}

#[test]
fn the_ends_are_exact() {
    let grid = Grid::from_angles(&[0.4, std::f64::consts::FRAC_PI_2]).unwrap();
    let process = ForwardProcess::new(&grid);
    let pair = process.shared_noise_pair(2, &array![[1e300, -2.0]], &array![[0.25, 0.5]]);
    assert_eq!(pair.now, array![[0.25, 0.5]]); // nothing of X_0 at the noise end
    let first = process.shared_noise_pair(1, &array![[1.0, -2.0]], &array![[1e300, 0.5]]);
    assert_eq!(first.before, array![[1.0, -2.0]]); // nothing of Z at the data
}

#[test]
fn equal_seeds_give_equal_draws_whatever_the_memory_layout() {
    let grid = Grid::from_angles(&[0.4, 0.7]).unwrap();
    let process = ForwardProcess::new(&grid);
    let x = Array2::from_shape_fn((7, 3), |(i, j)| (i * 3 + j) as f64);
    let columns_first = x.t().as_standard_layout().into_owned().reversed_axes();
    assert_eq!(process.marginal(2, &x, &mut rng(4)), process.marginal(2, &columns_first, &mut rng(4)));
    let every_second = Slice::new(0, None, 2);
    let mut strided = Array2::zeros((14, 3));
    process.marginal_into(2, &x, &mut rng(4), &mut strided.slice_axis_mut(Axis(0), every_second));
    assert_eq!(strided.slice_axis(Axis(0), every_second), process.marginal(2, &x, &mut rng(4)));
}

#[test]
fn empty_clouds_pass_through() {
    let grid = Grid::from_angles(&[0.4, 0.7]).unwrap();
    assert_eq!(ForwardProcess::new(&grid).marginal(1, &Array2::<f64>::zeros((0, 3)), &mut rng(5)).dim(), (0, 3));
    assert_eq!(ForwardProcess::new(&grid).draw_pair(1, &Array2::<f32>::zeros((4, 0)), &mut rng(5)).now.dim(), (4, 0));
}

#[test]
#[should_panic(expected = "shape")]
fn shapes_that_disagree_panic() {
    let grid = Grid::from_angles(&[0.4, 0.7]).unwrap();
    let _ = ForwardProcess::new(&grid).shared_noise_pair(1, &Array2::<f64>::zeros((2, 3)), &Array2::<f64>::zeros((3, 3)));
}
