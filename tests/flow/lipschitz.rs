//! L_f of Assumption 1, measured, against closed forms.

use ndarray::{Array2, array};
use onestep::error::{Empty, NotFinite, OutOfRange, Value};
use onestep::flow::{FlowError, FlowSolver, LipschitzProbe};
use onestep::law::{Covariance, Gaussian, GaussianMixture, LineMixture, Product, Rotated};
use onestep::schedule::{LiHuangWei, UniformAngle};
use onestep::score::{DifferencedScore, ScoreFn};
use onestep::{Float, FlowJacobian, FlowMap, NoiseLevel, VarianceSchedule};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn probe() -> LipschitzProbe {
    LipschitzProbe::new(FlowSolver::new(1e-8).unwrap())
}

fn normal(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut rng = rng(seed);
    Array2::from_shape_simple_fn((rows, columns), || f64::standard_normal(&mut rng))
}

fn two_modes(std: f64) -> GaussianMixture {
    GaussianMixture::isotropic(&[0.5, 0.5], &array![[-1.0], [1.0]], &[std * std; 2]).unwrap()
}

#[test]
fn gaussian_constants_are_found_on_a_grid_of_levels() {
    let grid = LiHuangWei::new(256, 2.0, 4.0).unwrap().grid().unwrap();
    let levels = [256, 200, 100, 50, 1].map(|t| grid.level(t));
    for variances in [[9.0, 0.25], [0.04, 0.01]] {
        let target = Gaussian::new(&[0.0, 1.0], Covariance::diagonal(&variances).unwrap()).unwrap();
        let report = probe().over_levels(&target, &levels, &normal(3, 2, 1), &mut rng(2)).unwrap();
        assert!((report.supremum() / target.lipschitz(&grid) - 1.0).abs() < 1e-6);
    }
}

#[test]
fn slopes_of_two_modes_on_the_line_equal_their_closed_form() {
    // σ e^{1/(2σ²)} at the middle.
    for (std, slope) in [(0.8, 1.747_360_6), (0.6, 2.406_235_0), (0.5, 3.694_528_0)] {
        let report = probe().measure(&two_modes(std), NoiseLevel::NOISE, NoiseLevel::DATA, &array![[0.0], [0.4]], &mut rng(3)).unwrap();
        assert!((report.norms[0] / slope - 1.0).abs() < 1e-6, "σ = {std}: {}", report.norms[0]);
        assert!(report.norms[1] < report.norms[0]);
        let (found, _) = probe().search(&two_modes(std), NoiseLevel::NOISE, NoiseLevel::DATA, &normal(4, 1, 4), 25, &mut rng(5)).unwrap();
        assert!((found.supremum() / slope - 1.0).abs() < 0.01 && found.supremum() < slope * (1.0 + 1e-6), "search: {}", found.supremum());
    }
}

#[test]
fn power_iteration_and_full_jacobians_agree() {
    // Twelve coordinates by power iteration; each is a pair of modes whose own slope is known from the line.
    let (count, x) = (12, normal(3, 12, 6));
    let product = Product::copies(two_modes(0.6), count).unwrap();
    let powered = probe().measure(&product, NoiseLevel::NOISE, NoiseLevel::DATA, &x, &mut rng(7)).unwrap();
    assert!(powered.converged);
    for i in 0..3 {
        let row = x.row(i).to_owned().into_shape_with_order((count, 1)).unwrap();
        let slopes = probe().measure(&two_modes(0.6), NoiseLevel::NOISE, NoiseLevel::DATA, &row, &mut rng(8)).unwrap();
        // Norm of a diagonal matrix. Convergence is slow only if two slopes nearly agree, and then either will do.
        assert!((powered.norms[i] / slopes.supremum() - 1.0).abs() < 1e-2, "{} {}", powered.norms[i], slopes.supremum());
    }
}

#[test]
fn rotations_change_no_norm() {
    let turn = array![[0.6, -0.8], [0.8, 0.6]];
    let target = Product::new(vec![two_modes(0.5), two_modes(0.8)]).unwrap();
    let x = normal(5, 2, 9);
    let plain = probe().measure(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x, &mut rng(10)).unwrap();
    let rotated = Rotated::new(target, &turn).unwrap();
    let turned = probe().measure(&rotated, NoiseLevel::NOISE, NoiseLevel::DATA, &x.dot(&turn.t()), &mut rng(10)).unwrap();
    for (a, b) in plain.norms.iter().zip(&turned.norms) {
        assert!((a / b - 1.0).abs() < 1e-6);
    }
}

#[test]
fn closures_are_differenced() {
    // N(0, 4) by a closure: slope 2 everywhere.
    let score =
        ScoreFn::new(1, |at: NoiseLevel, x: &[f64], out: &mut [f64]| out[0] = -x[0] / (4.0 * at.alpha_bar() + at.one_minus_alpha_bar()));
    let report =
        probe().measure(&DifferencedScore::new(score), NoiseLevel::NOISE, NoiseLevel::DATA, &array![[0.3], [2.0]], &mut rng(11)).unwrap();
    assert!(report.norms.iter().all(|n| (n - 2.0).abs() < 1e-6), "{:?}", report.norms);
}

#[test]
fn quantiles_and_averages_are_those_of_the_norms() {
    let report = probe().measure(&two_modes(0.5), NoiseLevel::NOISE, NoiseLevel::DATA, &normal(200, 1, 12), &mut rng(13)).unwrap();
    let mean = report.norms.iter().sum::<f64>() / 200.0;
    assert!((report.mean_power(1.0).value - mean).abs() < 1e-14);
    assert!(report.mean_power(2.0).value >= mean * mean);
    let below = report.norms.iter().filter(|n| **n <= report.quantile(0.9)).count();
    assert!((179..=181).contains(&below), "{below}");
    assert_eq!(report.norms[report.row_of_supremum()], report.supremum());
    assert!(report.quantile(1.5).is_nan() && report.quantile(f64::NAN).is_nan());
}

#[test]
fn bad_input_is_refused() {
    let none = Array2::<f64>::zeros((0, 1));
    let levels = [NoiseLevel::NOISE, NoiseLevel::DATA];
    let measured = probe().measure(&two_modes(0.5), levels[0], levels[1], &none, &mut rng(14));
    assert!(matches!(measured, Err(FlowError::Empty(Empty { name: "x", .. }))));
    let over = probe().over_levels(&two_modes(0.5), &levels, &none, &mut rng(14));
    assert!(matches!(over, Err(FlowError::Empty(Empty { name: "x", .. }))));
    assert!(matches!(
        probe().over_levels(&two_modes(0.5), &levels[..1], &array![[0.0]], &mut rng(14)),
        Err(FlowError::OutOfRange(OutOfRange { name: "levels", value: Value::Count(1), .. }))
    ));
    assert!(matches!(
        probe().measure(&two_modes(0.5), levels[0], levels[1], &array![[f64::NAN]], &mut rng(14)),
        Err(FlowError::NotFinite(NotFinite { name: "x", row: 1, .. }))
    ));
}

#[test]
fn all_pairs_of_levels_count() {
    // Two modes within the unit ball: from noise the flow first contracts, then stretches between the modes, then contracts into one, so the
    // steepest map is between two levels inside. Slopes of the quantile maps know every pair; in nine dimensions eight contract.
    let line = LineMixture::new(&[0.5, 0.5], &[-0.7, 0.7], &[0.1, 0.1]).unwrap();
    let levels: Vec<NoiseLevel> = [1.5, 1.2, 0.9, 0.6, 0.3, 0.15, 0.05].map(|a| NoiseLevel::from_angle(a).unwrap()).to_vec();
    let start = 0.12;
    let path: Vec<f64> = levels.iter().map(|&to| line.flow(levels[0], to, &array![[start]])[[0, 0]]).collect();
    let density = |i: usize| line.at(levels[i]).ln_density(path[i]);
    let pairs = (0..levels.len()).flat_map(|i| (i + 1..levels.len()).map(move |j| (i, j)));
    let slope = |(i, j): (usize, usize)| (density(i) - density(j)).exp();
    let steepest = pairs.max_by(|&a, &b| slope(a).total_cmp(&slope(b))).unwrap();
    assert!(steepest.0 > 0 && steepest.1 + 1 < levels.len() && slope(steepest) > 1.2 * slope((0, levels.len() - 1)), "{steepest:?}");
    for dim in [1, 9] {
        let means = Array2::from_shape_fn((2, dim), |(i, j)| {
            if j > 0 {
                0.0
            } else if i == 0 {
                -0.7
            } else {
                0.7
            }
        });
        let target = GaussianMixture::isotropic(&[0.5, 0.5], &means, &[0.01, 0.01]).unwrap();
        let x = Array2::from_shape_fn((1, dim), |(_, j)| if j == 0 { start } else { 0.3 });
        let found = probe().over_levels(&target, &levels, &x, &mut rng(20)).unwrap().supremum();
        assert!((found / slope(steepest) - 1.0).abs() < 1e-5, "d = {dim}: {found}, {}", slope(steepest));
    }
}

/// On the line from above: the proved bound, L_f by the recursion, what a probe at some points finds, and the slope at one of them.
#[test]
fn what_is_probed_lies_below_what_is_proved() {
    use onestep::population::{LineRecursion, PopulationLaw};
    let mut seed = rng(11);
    let grid = UniformAngle::new(24, 0.02, 1.56).unwrap().grid().unwrap();
    let levels: Vec<NoiseLevel> = grid.levels().iter().rev().copied().collect();
    for i in 0..12 {
        let (mean, std) = (0.3 + 0.1 * f64::from(i), 0.4 + 0.03 * f64::from(i));
        let law = LineMixture::new(&[0.4, 0.6], &[-mean, mean], &[std, 1.2 * std]).unwrap();
        let upper = law.lipschitz_bounds(&grid).unwrap().ln_flow;
        let exact = LineRecursion::new(&law, &grid).tolerance(1e-6).run().unwrap().report().ln_lipschitz;
        // Along the trajectories through these points of the last level, between all levels.
        let points = array![[-0.1 * mean], [0.0], [0.5 * mean], [2.0]];
        let found = probe().over_levels(&law, &levels, &points, &mut seed).unwrap().supremum().ln();
        let slope: f64 = law.jvp(grid.last(), grid.level(1), &array![[0.0]], &array![[1.0]])[[0, 0]];
        let slope = slope.ln();
        assert!(exact <= upper + 1e-12, "{law:?}: {exact} above {upper}");
        assert!(found <= exact + 1e-6, "{law:?}: {found} above {exact}");
        assert!(slope <= found + 1e-9 && exact >= 0.0, "{law:?}: {slope} above {found}");
    }
}

/// Two point masses ±1 expand most between them, by the integral of −cot θ + cos θ/sin³θ; three and narrow modes by more than the recursion finds.
#[test]
fn point_masses_have_bounds_on_many_steps_at_once() {
    use onestep::population::{LineRecursion, PopulationLaw};
    use onestep::schedule::LiHuangWei;
    let grid = LiHuangWei::new(1024, 2.0, 4.0).unwrap().grid().unwrap();
    let (first, last) = (grid.level(1).angle().sin(), grid.last().angle().sin());
    let exact = (first / last).ln() + 0.5 * (first.powi(-2) - last.powi(-2));
    // The curvature is bounded to 1e−4 of itself.
    let bound = LineMixture::point_masses(&[0.5, 0.5], &[-1.0, 1.0]).unwrap().lipschitz_bounds(&grid).unwrap().ln_flow;
    assert!(exact > 5e5 && bound >= exact && bound <= (1.0 + 1e-4) * exact, "{bound} beside {exact}");
    let grid = UniformAngle::new(32, 0.02, 1.56).unwrap().grid().unwrap();
    for (weights, means, stds) in
        [([0.2, 0.5, 0.3], [-3.0, -1.0, 2.0], [0.01, 0.01, 0.02]), ([0.01, 0.98, 0.01], [-0.4, 0.0, 0.5], [0.0, 0.3, 0.05])]
    {
        let law = LineMixture::new(&weights, &means, &stds).unwrap();
        let found = LineRecursion::new(&law, &grid).tolerance(1e-6).run().unwrap().report().ln_lipschitz;
        let bound = law.lipschitz_bounds(&grid).unwrap().ln_flow;
        assert!(bound >= found && bound < 4.0 * found, "{law:?}: {found} above {bound}");
    }
}
