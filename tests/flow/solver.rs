//! The integrated probability flow against closed forms: maps, derivatives, orders, both ends of the path, refusals.

use ndarray::{Array2, Axis, array};
use onestep::audit::RateModel;
use onestep::error::{NotFinite, OutOfRange};
use onestep::flow::{FixedStep, FlowError, FlowSolver, IntegratedFlow, Tableau};
use onestep::law::{Covariance, Gaussian, GaussianMixture, LineMixture, PointMasses, Product, Rotated};
use onestep::schedule::UniformAngle;
use onestep::score::{DifferencedScore, ScoreFn};
use onestep::{Float, FlowJacobian, FlowMap, NoiseLevel, Sample, ScoreJacobian, VarianceSchedule};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The tolerance bounds the error of a step. The map's error is at most (number of steps, about 20) × (Lipschitz constant of what follows).
const STEPS_TIMES_TOLERANCE: f64 = 20.0;

fn level(angle: f64) -> NoiseLevel {
    NoiseLevel::from_angle(angle).unwrap()
}

fn two_levels() -> onestep::Grid {
    UniformAngle::new(2, 0.5, 1.0).unwrap().grid().unwrap()
}

fn normal<F: Float>(rows: usize, columns: usize, seed: u64) -> Array2<F> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((rows, columns), || F::standard_normal(&mut rng))
}

fn largest(gaps: Array2<f64>) -> f64 {
    gaps.into_iter().fold(0.0, |m: f64, g| m.max(g.abs()))
}

fn correlated_gaussian() -> Gaussian {
    let sigma = array![[2.0, 0.6, 0.0], [0.6, 0.5, -0.1], [0.0, -0.1, 0.09]];
    Gaussian::new(&[1.0, -2.0, 0.5], Covariance::full(&sigma).unwrap()).unwrap()
}

fn planar_mixture() -> GaussianMixture {
    let covariances = [
        Covariance::full(&array![[0.5, 0.2], [0.2, 0.3]]).unwrap(),
        Covariance::isotropic(2, 0.36).unwrap(),
        Covariance::diagonal(&[0.2, 0.8]).unwrap(),
    ];
    GaussianMixture::new(&[0.5, 0.3, 0.2], &array![[-1.0, 0.0], [1.0, 0.5], [0.0, -1.5]], &covariances).unwrap()
}

#[test]
fn gaussian_maps_are_integrated_to_the_tolerance_between_all_levels_and_both_ends() {
    let target = correlated_gaussian();
    let levels =
        [NoiseLevel::DATA, level(1e-6), level(0.1), level(0.9), level(1.5), NoiseLevel::from_co_angle(1e-9).unwrap(), NoiseLevel::NOISE];
    let x = normal::<f64>(40, 3, 1);
    for tolerance in [1e-5, 1e-7, 1e-9] {
        let solver = FlowSolver::new(tolerance).unwrap();
        for from in levels {
            for to in levels {
                let start = target.flow(NoiseLevel::NOISE, from, &x);
                let got = solver.solve(&target, from, to, &start).unwrap();
                let gap = largest(&got.points[0] - &target.flow(from, to, &start));
                let allowed = STEPS_TIMES_TOLERANCE * tolerance * target.flow_lipschitz(from, to).max(1.0) * 5.0;
                assert!(gap < allowed, "{tolerance:e}, {} to {}: {gap:e}", from.angle(), to.angle());
            }
        }
    }
}

#[test]
fn maps_on_the_line_equal_quantile_maps() {
    let (weights, means, stds) = ([0.4, 0.6], [-1.0, 1.5], [0.5, 0.8]);
    let line = LineMixture::new(&weights, &means, &stds).unwrap();
    let target = GaussianMixture::isotropic(&weights, &array![[-1.0], [1.5]], &stds.map(|s: f64| s * s)).unwrap();
    let x = Array2::from_shape_fn((41, 1), |(i, _)| 0.15 * (i as f64 - 20.0));
    let (from, to) = (level(1.5), level(0.02));
    for tolerance in [1e-6, 1e-9] {
        let got = FlowSolver::new(tolerance).unwrap().solve(&target, from, to, &x).unwrap();
        let gap = largest(&got.points[0] - &line.flow(from, to, &x));
        // The steepest slope of this map is 3.
        assert!(gap < 3.0 * STEPS_TIMES_TOLERANCE * tolerance, "{tolerance:e}: {gap:e}");
    }
}

#[test]
fn the_error_falls_with_the_tolerance() {
    let target = planar_mixture();
    let x = normal::<f64>(30, 2, 2);
    let run = |tolerance: f64| FlowSolver::new(tolerance).unwrap().solve(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x).unwrap();
    let exact = run(1e-11);
    let tolerances = [1e-4, 1e-5, 1e-6, 1e-7, 1e-8];
    let runs = tolerances.map(run);
    let errors = runs.each_ref().map(|r| largest(&r.points[0] - &exact.points[0]));
    let slope = RateModel::new().fit(&tolerances, &errors).unwrap().slope.value;
    // Measured 1.25: a step's error is estimated at order 5 and made at order 6.
    assert!((0.95..1.4).contains(&slope), "slope {slope}: {errors:?}");
    assert!(runs[4].effort.point_evaluations < 300 * 30);
}

#[test]
fn flows_compose_and_invert() {
    let target = planar_mixture();
    let x = normal::<f64>(30, 2, 3);
    let tolerance = 1e-9;
    let solver = FlowSolver::new(tolerance).unwrap();
    let stops = [level(0.8), level(0.1), NoiseLevel::NOISE];
    let path = solver.trajectory(&target, NoiseLevel::NOISE, &stops, &x).unwrap();
    let direct = solver.solve(&target, NoiseLevel::NOISE, stops[1], &x).unwrap();
    assert!(largest(&path.points[1] - &direct.points[0]) < 5.0 * STEPS_TIMES_TOLERANCE * tolerance);
    assert!(largest(&path.points[2] - &x) < 10.0 * STEPS_TIMES_TOLERANCE * tolerance);
    // No way to go, nothing done.
    assert_eq!(solver.solve(&target, stops[0], stops[0], &x).unwrap().points[0], x);
}

#[test]
fn flows_to_point_masses_land_on_them() {
    let target = PointMasses::new(&[0.5, 0.5], &array![[1.0, 0.0], [-1.0, 2.0]]).unwrap();
    let x = normal::<f64>(50, 2, 4);
    let end = FlowSolver::new(1e-8).unwrap().solve(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x).unwrap();
    for row in end.points[0].rows() {
        let distance = target.atoms().rows().into_iter().map(|a| (&row - &a).iter().map(|g| g * g).sum::<f64>().sqrt());
        assert!(distance.fold(f64::INFINITY, f64::min) < 1e-6);
    }
}

#[test]
fn single_precision_reaches_its_own_accuracy() {
    let target = correlated_gaussian();
    let x = normal::<f32>(40, 3, 5);
    let got = FlowSolver::new(1e-5).unwrap().solve(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x).unwrap();
    let exact: Array2<f32> = target.flow(NoiseLevel::NOISE, NoiseLevel::DATA, &x);
    // ε/cos θ at the edge of the cap is 2e−5.
    assert!((&got.points[0] - &exact).iter().all(|g| g.abs() < 5e-4));
}

/// Σ over trees: the order conditions of Hairer, Nørsett and Wanner II.2 that involve at most one inner sum.
#[test]
fn tableaux_meet_their_order_conditions() {
    for method in [Tableau::EULER, Tableau::HEUN, Tableau::DORMAND_PRINCE] {
        let (b, c, a) = (method.weights(), method.nodes(), method.matrix());
        let sum = |f: &dyn Fn(usize) -> f64| -> f64 { (0..b.len()).map(|i| b[i] * f(i)).sum() };
        let inner = |i: usize, k: i32| -> f64 { a[i].iter().zip(c).map(|(a, c)| a * c.powi(k)).sum() };
        let nested = |i: usize| -> f64 { a[i].iter().enumerate().map(|(j, a)| a * inner(j, 1)).sum() };
        let conditions: [(u32, f64, f64); 12] = [
            (1, sum(&|_| 1.0), 1.0),
            (2, sum(&|i| c[i]), 1.0 / 2.0),
            (3, sum(&|i| c[i].powi(2)), 1.0 / 3.0),
            (3, sum(&|i| inner(i, 1)), 1.0 / 6.0),
            (4, sum(&|i| c[i].powi(3)), 1.0 / 4.0),
            (4, sum(&|i| c[i] * inner(i, 1)), 1.0 / 8.0),
            (4, sum(&|i| inner(i, 2)), 1.0 / 12.0),
            (4, sum(&nested), 1.0 / 24.0),
            (5, sum(&|i| c[i].powi(4)), 1.0 / 5.0),
            (5, sum(&|i| c[i].powi(2) * inner(i, 1)), 1.0 / 10.0),
            (5, sum(&|i| c[i] * inner(i, 2)), 1.0 / 15.0),
            (5, sum(&|i| inner(i, 1).powi(2)), 1.0 / 20.0),
        ];
        for (order, left, right) in conditions {
            assert_eq!((left - right).abs() < 1e-14, order <= method.order(), "{} order {order}: {left} {right}", method.name());
        }
        let estimate: Vec<f64> = method.error_weights().to_vec();
        assert!(estimate.iter().sum::<f64>().abs() < 1e-16);
    }
}

#[test]
fn fixed_step_samplers_have_their_orders() {
    let target = planar_mixture();
    let x = normal::<f64>(30, 2, 6);
    let exact = FlowSolver::new(1e-11).unwrap().solve(&target, level(1.5), level(0.05), &x).unwrap();
    let dormand_prince = FixedStep::RungeKutta(Tableau::DORMAND_PRINCE);
    for (sampler, order) in [(FixedStep::Euler, 1.0), (FixedStep::Heun, 2.0), (FixedStep::Ddim, 1.0), (dormand_prince, 5.0)] {
        let intervals = if order == 5.0 { [16.0, 32.0, 64.0, 128.0] } else { [100.0, 200.0, 400.0, 800.0] };
        let errors = intervals.map(|n: f64| {
            let grid = UniformAngle::new(n as usize + 1, 0.05, 1.5).unwrap().grid().unwrap();
            largest(sampler.sample(&target, &grid, &x).unwrap() - &exact.points[0])
        });
        let slope = RateModel::new().fit(&intervals, &errors).unwrap().slope.value;
        assert!((slope + order).abs() < 0.05 * order + 0.05, "{sampler:?}: slope {slope}, errors {errors:?}");
    }
}

#[test]
fn heun_as_an_adaptive_method_agrees_with_dormand_prince() {
    let target = planar_mixture();
    let x = normal::<f64>(10, 2, 7);
    let heun = FlowSolver::new(1e-7).unwrap().tableau(Tableau::HEUN);
    let got = heun.solve(&target, NoiseLevel::NOISE, level(0.1), &x).unwrap();
    let exact = FlowSolver::new(1e-10).unwrap().solve(&target, NoiseLevel::NOISE, level(0.1), &x).unwrap();
    assert!(largest(&got.points[0] - &exact.points[0]) < 1e-4);
    assert!(got.effort.point_evaluations > 5 * exact.effort.point_evaluations);
}

fn assert_score_jacobian_is_the_derivative(score: &(impl ScoreJacobian<f64> + ?Sized), scale: f64) {
    let dim = score.dim();
    let (x, v) = (normal::<f64>(20, dim, 8) * scale, normal::<f64>(20, dim, 9));
    for angle in [0.05, 0.7, 1.4] {
        let analytic = score.score_jvp(level(angle), &x, &v);
        let differenced = DifferencedScore::new(score).score_jvp(level(angle), &x, &v);
        let size = largest(analytic.clone()).max(1.0);
        // ε^{2/3} (1 + ‖x‖)²/σ²-fold, at most a thousand times 4e−11.
        assert!(largest(analytic - differenced) < 1e-7 * size, "θ = {angle}");
    }
}

#[test]
fn analytic_score_derivatives_equal_differences() {
    assert_score_jacobian_is_the_derivative(&correlated_gaussian(), 1.0);
    assert_score_jacobian_is_the_derivative(&planar_mixture(), 1.0);
    assert_score_jacobian_is_the_derivative(&Product::new(vec![planar_mixture(), planar_mixture()]).unwrap(), 1.0);
    let turn = array![[0.6, -0.8], [0.8, 0.6]];
    assert_score_jacobian_is_the_derivative(&Rotated::new(planar_mixture(), &turn).unwrap(), 1.0);
    // Twelve isotropic components in d = 10: the path through matrix products.
    let mixture = GaussianMixture::isotropic(&[1.0 / 12.0; 12], &normal::<f64>(12, 10, 10), &[0.5; 12]).unwrap();
    assert_score_jacobian_is_the_derivative(&mixture, 1.0);
}

#[test]
fn tangents_equal_differences_of_the_flow_and_the_transpose_is_dual() {
    let target = planar_mixture();
    let solver = FlowSolver::new(1e-10).unwrap();
    let (from, to) = (NoiseLevel::NOISE, level(0.05));
    let (x, v, w) = (normal::<f64>(15, 2, 11), normal::<f64>(15, 2, 12), normal::<f64>(15, 2, 13));
    let forward = solver.solve_tangent(&target, from, to, &x, &v).unwrap();
    let h = 1e-4;
    let at = |sign: f64| solver.solve(&target, from, to, &(&x + &(&v * (sign * h)))).unwrap().points[0].clone();
    let differences = (at(1.0) - at(-1.0)) / (2.0 * h);
    // h² Φ'''/6 and tolerance/h.
    assert!(largest(&forward.tangents - &differences) < 1e-5, "{:e}", largest(&forward.tangents - &differences));
    // ⟨∂Φ v, w⟩ = ⟨v, ∂Φᵀ w⟩ row by row.
    let back = solver.solve_transposed(&target, from, to, &forward.points, &w).unwrap();
    assert!(largest(&back.points - &x) < 1e-7);
    let gap = (&forward.tangents * &w).sum_axis(Axis(1)) - (&back.tangents * &v).sum_axis(Axis(1));
    assert!(gap.iter().all(|g| g.abs() < 1e-6), "{gap}");
    // The Jacobian holds the same derivative, and the adapter gives it too.
    let jacobian = solver.jacobian(&target, from, to, &x).unwrap();
    let flow = IntegratedFlow::new(&target, solver);
    let adapter = flow.jvp(from, to, &x, &v);
    for (i, j) in jacobian.axis_iter(Axis(0)).enumerate() {
        let image = j.dot(&v.row(i));
        for k in 0..2 {
            assert!((image[k] - forward.tangents[[i, k]]).abs() < 1e-7 && (image[k] - adapter[[i, k]]).abs() < 1e-7);
        }
    }
}

#[test]
fn tangents_on_the_line_equal_slopes_of_the_quantile_map() {
    let line = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.6, 0.6]).unwrap();
    let target = GaussianMixture::isotropic(&[0.5, 0.5], &array![[-1.0], [1.0]], &[0.36, 0.36]).unwrap();
    let x = Array2::from_shape_fn((21, 1), |(i, _)| 0.2 * (i as f64 - 10.0));
    let ones = Array2::ones((21, 1));
    let (from, to) = (level(1.55), level(0.01));
    let got = FlowSolver::new(1e-10).unwrap().solve_tangent(&target, from, to, &x, &ones).unwrap();
    assert!(largest(&got.tangents - &line.jvp(from, to, &x, &ones)) < 1e-7);
}

/// A permutation test on the energy distance: exact level 1/(permutations + 1) = 1 %, n = 2 × 400, for two pairs of levels.
/// A wrong flow (the points left where they are) is rejected by the same test.
#[test]
fn the_flow_pushes_marginals_forward() {
    let target = planar_mixture();
    let mut rng = ChaCha8Rng::seed_from_u64(14);
    let n = 400;
    let marginal = |at: NoiseLevel, rng: &mut ChaCha8Rng| {
        let data = target.sample(n, rng);
        data * at.cos() + Array2::from_shape_simple_fn((n, 2), || f64::standard_normal(rng)) * at.sin()
    };
    for (from, to) in [(NoiseLevel::NOISE, level(0.1)), (level(0.1), level(1.4))] {
        let start = marginal(from, &mut rng);
        let moved = FlowSolver::new(1e-6).unwrap().solve(&target, from, to, &start).unwrap().points[0].clone();
        let truth = marginal(to, &mut rng);
        assert!(energy_rank(&moved, &truth, &mut rng) > 0, "{} to {}", from.angle(), to.angle());
        assert_eq!(energy_rank(&start, &truth, &mut rng), 0);
    }
}

/// How many of 99 random splits of the pooled sample have at least the energy distance of the given split.
fn energy_rank(a: &Array2<f64>, b: &Array2<f64>, rng: &mut ChaCha8Rng) -> usize {
    let pooled = ndarray::concatenate(Axis(0), &[a.view(), b.view()]).unwrap();
    let (n, total) = (a.nrows(), pooled.nrows());
    let distance = Array2::from_shape_fn((total, total), |(i, j)| {
        pooled.row(i).iter().zip(pooled.row(j)).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
    });
    let energy = |signs: &[f64]| {
        // −Σ s_i s_j ‖x_i − x_j‖ with s = ±1 is n² times the energy distance.
        -signs.iter().zip(distance.rows()).map(|(s, row)| s * row.iter().zip(signs).map(|(d, t)| d * t).sum::<f64>()).sum::<f64>()
    };
    let mut signs: Vec<f64> = (0..total).map(|i| if i < n { 1.0 } else { -1.0 }).collect();
    let observed = energy(&signs);
    (0..99)
        .filter(|_| {
            for i in (1..total).rev() {
                signs.swap(i, rng.random_range(0..=i));
            }
            energy(&signs) >= observed
        })
        .count()
}

#[test]
fn rows_of_other_blocks_and_the_number_of_threads_change_nothing() {
    let target = planar_mixture();
    let x = normal::<f64>(3000, 2, 15);
    let solver = FlowSolver::new(1e-6).unwrap();
    let run = |x: &Array2<f64>| solver.solve(&target, NoiseLevel::NOISE, NoiseLevel::DATA, x).unwrap();
    let all = run(&x);
    let first = x.slice_axis(Axis(0), (0..1024).into()).to_owned();
    assert_eq!(run(&first).points[0], all.points[0].slice_axis(Axis(0), (0..1024).into()));
    #[cfg(feature = "rayon")]
    {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| run(&x)), all);
    }
}

#[test]
fn failures_are_typed_and_name_the_row_and_the_level() {
    let identity = ScoreFn::new(1, |_: NoiseLevel, x: &[f64], out: &mut [f64]| out[0] = -x[0]);
    let solver = FlowSolver::new(1e-6).unwrap();
    let x = array![[0.0], [1.0], [2.0]];
    for bad in [0.0, 1.0, -1.0, f64::NAN] {
        assert!(matches!(FlowSolver::new(bad), Err(FlowError::OutOfRange(OutOfRange { name: "tolerance", .. }))));
    }
    let start = array![[0.0], [f64::NAN]];
    assert!(matches!(
        solver.solve(&identity, NoiseLevel::NOISE, NoiseLevel::DATA, &start),
        Err(FlowError::NotFinite(NotFinite { name: "x", row: 2, column: 1, .. }))
    ));
    // NaN below an angle: the level at which it was met is named, to the resolution of the smallest step.
    let broken = ScoreFn::new(1, |at: NoiseLevel, x: &[f64], out: &mut [f64]| {
        out[0] = if at.angle() < 0.5 && x[0] > 0.5 { f64::NAN } else { -0.25 * x[0] };
    });
    let Err(FlowError::ScoreNotFinite { row, angle }) = solver.solve(&broken, level(1.0), NoiseLevel::DATA, &x) else { panic!() };
    assert!(row >= 2 && (0.5 - angle).abs() < 1e-6, "row {row}, angle {angle}");
    // In the second block of rows the row still counts from the first.
    let mut many = Array2::zeros((2000, 1));
    many[[1500, 0]] = 2.0;
    assert!(matches!(solver.solve(&broken, level(0.4), NoiseLevel::DATA, &many), Err(FlowError::ScoreNotFinite { row: 1501, .. })));
    // A score that throws the points off to infinity ends, and says where.
    let explosive = ScoreFn::new(1, |_: NoiseLevel, x: &[f64], out: &mut [f64]| out[0] = x[0].powi(3));
    assert!(solver.max_steps(1000).solve(&explosive, level(1.5), NoiseLevel::DATA, &(x.clone() + 5.0)).is_err());
    assert!(matches!(
        FixedStep::Ddim.sample(&broken, &UniformAngle::new(9, 0.1, 1.0).unwrap().grid().unwrap(), &x),
        Err(FlowError::PointNotFinite { row: 2, .. })
    ));
    let flow = IntegratedFlow::new(&broken, solver);
    assert!(flow.flow(level(1.0), NoiseLevel::DATA, &x).iter().all(|v: &f64| v.is_nan()));
}

#[test]
fn empty_clouds_and_one_row_pass() {
    let target = planar_mixture();
    let solver = FlowSolver::new(1e-6).unwrap();
    assert_eq!(solver.solve(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &Array2::<f64>::zeros((0, 2))).unwrap().points[0].dim(), (0, 2));
    let one = solver.solve(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &array![[0.1, 0.2]]).unwrap();
    assert!(one.points[0].iter().all(|v: &f64| v.is_finite()));
    assert_eq!(
        FixedStep::RungeKutta(Tableau::HEUN).sample(&target, &two_levels(), &one.points[0]),
        FixedStep::Heun.sample(&target, &two_levels(), &one.points[0])
    );
    assert_eq!(solver.trajectory(&target, NoiseLevel::NOISE, &[], &array![[0.1, 0.2]]).unwrap().points.len(), 0);
}
