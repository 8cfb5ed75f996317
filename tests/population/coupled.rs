//! Correlated data and noise.

use onestep::population::CoupledGaussian;
use onestep::schedule::UniformAngle;
use onestep::{Grid, VarianceSchedule};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::FRAC_PI_2;

const TABLE: [(f64, f64, f64); 5] =
    [(-0.5, 2.2921, 2.1932), (0.0, 1.2337, 1.2337), (0.3, 0.80679, 0.80151), (0.7, 0.32498, 0.31633), (0.95, 0.05263, 0.05042)];

#[test]
fn limits_are_the_known_answers() {
    for (rho, even, best) in TABLE {
        let law = CoupledGaussian::new(1.0, rho).unwrap();
        let digit = if even > 1.0 { 5e-5 } else { 5e-6 };
        assert!((law.uniform_limit() - even).abs() <= digit && (law.best_limit() - best).abs() <= digit, "ρ = {rho}");
        // T (1 − gain) on grids that run from data to noise.
        let gap = |steps: usize| {
            let grid = UniformAngle::new(steps + 1, 1e-9, FRAC_PI_2).unwrap().grid().unwrap();
            (steps as f64 * law.shortfall(&grid) - law.uniform_limit()).abs()
        };
        assert!(gap(4000) < 1e-2 * even && gap(4000) < 0.55 * gap(2000), "ρ = {rho}");
        let best_grid = law.best_grid(4001, 1e-9, FRAC_PI_2).unwrap();
        assert!((4000.0 * law.shortfall(&best_grid) / law.best_limit() - 1.0).abs() < 1e-3);
    }
    // Other variances, against a sum of many steps.
    for (variance, rho) in [(0.1, 0.4), (25.0, -0.3), (4.0, 0.95)] {
        let law = CoupledGaussian::new(variance, rho).unwrap();
        let grid = UniformAngle::new(200_001, 1e-9, FRAC_PI_2).unwrap().grid().unwrap();
        let scaled = 2e5 * law.shortfall(&grid);
        assert!((scaled / law.uniform_limit() - 1.0).abs() < 1e-3, "{variance}, {rho}: {scaled}");
    }
    // The two forms of the limit meet where they change over, at arccos ρ = .03.
    let [below, above] = [0.029_999, 0.030_001].map(|a: f64| CoupledGaussian::new(1.0, a.cos()).unwrap().uniform_limit() / (a * a));
    assert!((below / above - 1.0).abs() < 1e-7);
}

/// The correlation of X_t and X_{t−1}, from their covariances.
fn plain(grid: &Grid, variance: f64, rho: f64) -> f64 {
    let covariance = |a: f64, b: f64| variance * a.cos() * b.cos() + a.sin() * b.sin() + rho * variance.sqrt() * (a + b).sin();
    let angles: Vec<f64> = grid.levels().iter().map(|l| l.angle()).collect();
    angles.windows(2).map(|p| covariance(p[0], p[1]) / (covariance(p[0], p[0]) * covariance(p[1], p[1])).sqrt()).product()
}

#[test]
fn the_gain_is_the_product_of_correlations_and_the_best_grid_is_best() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..200 {
        let (variance, rho) = (rng.random_range(-3.0_f64..3.0).exp(), rng.random_range(-0.98..0.98));
        let mut angles: Vec<f64> = (0..rng.random_range(2..9)).map(|_| rng.random_range(0.01..1.57)).collect();
        angles.sort_by(f64::total_cmp);
        let grid = Grid::from_angles(&angles).unwrap();
        let law = CoupledGaussian::new(variance, rho).unwrap();
        let gain = plain(&grid, variance, rho);
        assert!((1.0 - law.shortfall(&grid) - gain).abs() < 1e-12, "{variance}, {rho}: {gain}");
        let best = law.best_grid(grid.steps(), angles[0], *angles.last().unwrap()).unwrap();
        assert!(law.shortfall(&best) <= law.shortfall(&grid) + 1e-13);
    }
}

#[test]
fn a_gain_below_zero_turns_the_law_over() {
    // Data and noise opposed: one step over more than a right angle.
    let (law, grid) = (CoupledGaussian::new(1.0, -0.9).unwrap(), Grid::from_angles(&[0.01, 1.56]).unwrap());
    assert!(law.shortfall(&grid) > 1.0);
    let expected = (1.0 - plain(&grid, 1.0, -0.9).abs()) * law.variance(grid.level(1)).sqrt() * (2.0 / std::f64::consts::PI).sqrt();
    assert!((law.w1(&grid, 1).unwrap() - expected).abs() < 1e-14);
    assert!(law.w1(&grid, 0).is_err() && law.best_grid(1, 0.1, 1.0).is_err() && law.best_grid(4, 1.0, 0.1).is_err());
}
