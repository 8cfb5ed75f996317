//! Trained families against known targets: the step report, and convergence to the population recursion.

use ndarray::{Array2, array};
use onestep::audit::{AuditError, StepCheck};
use onestep::bound::Theorem1;
use onestep::consistency::ConsistencyFn;
use onestep::law::{Covariance, DiscreteLaw, Gaussian, GaussianMixture, LineMixture, PointMasses, Product, Rotated, Shifted};
use onestep::population::{Keep, LineRecursion};
use onestep::training::class::{Affine, Perceptron, RandomFourier, Spline};
use onestep::training::{Learned, Recursion, Scaling};
use onestep::transport::Assignment;
use onestep::{ConsistencyFunction, FlowMap, FunctionClass, Grid, NoiseLevel, Posterior, PosteriorRule, Sample};
use onestep::{Family, Space};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::FRAC_PI_2;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn uniform_angles(steps: usize) -> Grid {
    let (first, last) = (0.05, FRAC_PI_2 - 0.01);
    Grid::from_angles(&(0..steps).map(|i| first + (last - first) * i as f64 / (steps - 1) as f64).collect::<Vec<_>>()).unwrap()
}

fn modes() -> LineMixture {
    LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5]).unwrap()
}

/// A family of the user's own, on a grid, with data as they are.
#[derive(Debug)]
struct Given<C>(C, Grid, onestep::training::Standardisation);

impl<C: ConsistencyFunction> Given<C> {
    fn new(f: C, grid: Grid) -> Self {
        let any = Array2::from_shape_fn((2, f.dim()), |(i, _)| i as f64);
        Self(f, grid, onestep::training::Standardisation::new(&any, Scaling::None).unwrap())
    }
}

impl<C: ConsistencyFunction> Space for Given<C> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
}

impl<C: ConsistencyFunction> Family for Given<C> {
    fn steps(&self) -> usize {
        self.0.steps()
    }
}

impl<C: ConsistencyFunction> ConsistencyFunction for Given<C> {
    fn eval_into(&self, t: usize, x: &ndarray::ArrayRef2<f64>, out: &mut ndarray::ArrayRef2<f64>) {
        self.0.eval_into(t, x, out);
    }
}

impl<C: ConsistencyFunction> onestep::training::Trained for Given<C> {
    fn levels(&self) -> &Grid {
        &self.1
    }
    fn scaling(&self) -> &onestep::training::Standardisation {
        &self.2
    }
}

/// Rules integrate polynomials of low degree exactly, but for dropped nodes: up to a thousand of weight 1e−13 and squared deviation 10.
const RULE: f64 = 1e-9;

fn assert_moments<T: PosteriorRule + Posterior>(target: &T, x: &[f64]) {
    let level = NoiseLevel::from_angle(0.7).unwrap();
    let point = ndarray::Array1::from(x.to_vec());
    let mean = target.denoise(level, &point.view().insert_axis(ndarray::Axis(0)).to_owned());
    let covariance = target.posterior_covariance(level, &point);
    for DiscreteLaw { nodes, weights } in [target.posterior_rule(level, x), target.comparison_rule(level, x).unwrap()] {
        for i in 0..x.len() {
            let first: f64 = nodes.column(i).iter().zip(&weights).map(|(n, w)| n * w).sum();
            assert!((first - mean[[0, i]]).abs() < RULE, "{target:?}: mean {first} against {}", mean[[0, i]]);
            for j in 0..x.len() {
                let second: f64 =
                    nodes.rows().into_iter().zip(&weights).map(|(n, w)| w * (n[i] - mean[[0, i]]) * (n[j] - mean[[0, j]])).sum();
                assert!((second - covariance[[i, j]]).abs() < RULE, "{target:?}: covariance {second} against {}", covariance[[i, j]]);
            }
        }
    }
}

#[test]
fn posterior_rules_have_the_exact_moments() {
    let plane = GaussianMixture::new(
        &[0.3, 0.7],
        &array![[0.0, 1.0], [1.0, -1.0]],
        &[Covariance::full(&array![[1.0, 0.3], [0.3, 0.5]]).unwrap(), Covariance::isotropic(2, 0.2).unwrap()],
    )
    .unwrap();
    let atoms = PointMasses::empirical(&array![[0.0, 1.0], [1.0, 0.0], [-1.0, -1.0]]).unwrap();
    let gauss = Gaussian::new(&[1.0, -2.0], Covariance::full(&array![[1.0, -0.6], [-0.6, 2.0]]).unwrap()).unwrap();
    let product = Product::copies(modes(), 2).unwrap();
    let high = GaussianMixture::isotropic(&[1.0], &array![[1.0, 2.0, 3.0, 4.0, 5.0]], &[0.5]).unwrap();
    assert_moments(&modes(), &[0.3]);
    assert_moments(&plane, &[0.4, -0.1]);
    assert_moments(&atoms, &[0.2, 0.3]);
    assert_moments(&gauss, &[0.2, 0.3]);
    assert_moments(&product, &[0.2, -0.5]);
    assert_moments(&Rotated::new(product.clone(), &array![[0.6, -0.8], [0.8, 0.6]]).unwrap(), &[0.2, -0.5]);
    assert_moments(&Shifted::new(product, &[1.0, -3.0]).unwrap(), &[0.9, -2.5]);
    assert_moments(&high, &[0.0, 1.0, 0.0, 1.0, 0.0]);
}

#[test]
fn spline_class_converges_to_the_population_recursion() {
    let (target, grid) = (modes(), uniform_angles(17));
    let population = LineRecursion::new(&target, &grid).keep(Keep::All).run().unwrap();
    let x = target.sample(4000, &mut rng(50)).mapv(|v| grid.last().cos() * v) + &Gaussian::standard(1).unwrap().sample(4000, &mut rng(51));
    let truth = population.consistency().eval(17, &x);
    let error = |samples: usize| {
        let learned: Learned =
            Recursion::new(grid.clone(), samples).train(onestep::training::Source::Law(&target), &Spline::new(), &mut rng(52)).unwrap();
        (learned.eval(17, &x) - &truth).mapv(f64::abs).mean().unwrap()
    };
    let errors = [error(1000), error(64_000)];
    // 64 times the samples divide the error by 8, give or take the randomness of a single run at either end.
    assert!(errors[0] > 3.0 * errors[1] && errors[1] < 0.005, "{errors:?}");
}

#[test]
fn classes_reach_the_population_distance_in_the_plane() {
    let (line, grid) = (modes(), uniform_angles(25));
    let target = Product::copies(line.clone(), 2).unwrap();
    // W_1 of the product is at most its W_2, √2 times that of a factor.
    let population = 2f64.sqrt() * LineRecursion::new(&line, &grid).run().unwrap().report().w2_marginal.upper;
    let mut stream = rng(53);
    let n = 600;
    let clouds: Vec<Array2<f64>> = (0..2).map(|_| target.sample(n, &mut stream)).collect();
    let distance = |a: &Array2<f64>, b: &Array2<f64>| Assignment::new(1.0).unwrap().solve(a, b).unwrap().distance;
    let baseline = distance(&clouds[0], &clouds[1]);
    let data = target.sample(4000, &mut stream);
    let classes: [Box<dyn FunctionClass>; 2] =
        [Box::new(RandomFourier::new(100).bandwidths(&[0.4])), Box::new(Perceptron::new(&[32, 32]).iterations(300))];
    for class in classes {
        let recursion = Recursion::new(grid.clone(), 3000).scaling(Scaling::None).warm_start(true);
        let learned = recursion.train(&data, &class, &mut stream).unwrap();
        let reached = distance(&learned.sample(n, &mut stream), &clouds[0]);
        assert!(reached < 2.0 * (population + baseline), "{}: {reached}, population {population}, baseline {baseline}", class.name());
    }
}

#[test]
fn report_of_a_gaussian_is_consistent() {
    let target = Gaussian::new(&[0.0, 0.0], Covariance::diagonal(&[1.0, 0.25]).unwrap()).unwrap();
    let grid = uniform_angles(9);
    let mut stream = rng(54);
    let (data, held_out) = (target.sample(4000, &mut stream), target.sample(800, &mut stream));
    let learned = Recursion::new(grid, 4000).scaling(Scaling::None).train(&data, &Affine::new(), &mut stream).unwrap();
    let check = StepCheck::new().theorem(Theorem1::new(2, 2.0, 1.0).unwrap());
    let report = check.known(&target, &target).measure(&learned, &held_out, &mut stream).unwrap();
    assert_eq!((report.steps, report.dim, report.samples), (9, 2, 400));
    let known = report.known.as_ref().unwrap();
    assert_eq!(known.steps.len(), 8);
    let sum: f64 = known.steps.iter().map(|e| e.value).sum();
    assert!((known.errors.sum - sum).abs() < 1e-12 && known.errors.max_times_steps >= known.errors.sum);
    assert!(known.sandwich.lower <= known.sandwich.upper);
    // The class holds the optimum: eight steps of three parameters a coordinate from 4000 rows, each near √(2·3/4000)·sin Δψ = 0.01.
    assert!(sum < 0.15, "{sum}");
    // Exactly minimised linear fits leave sampling noise only.
    assert!(report.energy_residual.value.abs() < 5.0 * report.energy_residual.std_error, "{:?}", report.energy_residual);
    assert!(report.w1.value > report.w1_baseline.value - 3.0 * report.w1_baseline.std_error);
    let verdict = report.verdict.unwrap();
    assert!(verdict.required.steps() > 9.0 && !verdict.enough_steps);
    assert!(verdict.w1 == report.w1);
}

#[test]
fn step_errors_see_a_wrong_function() {
    // One step is spoiled by a shift of 0.1: its error is 0.1 more, in the exact norm, and no other step's is.
    let target = modes();
    let mut stream = rng(55);
    let held_out = target.sample(100, &mut stream);
    let learned: Learned =
        Recursion::new(uniform_angles(6), 20_000).train(onestep::training::Source::Law(&target), &Spline::new(), &mut stream).unwrap();
    let shifted = ConsistencyFn::new(1, 6, |t, x: &[f64], out: &mut [f64]| {
        out[0] = learned.eval(t, &array![[x[0]]])[[0, 0]] + if t >= 3 { 0.1 } else { 0.0 };
    });
    let check = StepCheck::new().points(2000);
    let family = Given::new(shifted, uniform_angles(6));
    let report = check.known(&target, &target).measure(&family, &held_out, &mut stream).unwrap();
    let errors: Vec<f64> = report.known.unwrap().steps.iter().map(|e| e.value).collect();
    assert!((errors[1] - 0.1).abs() < 0.02, "{errors:?}");
    assert!(errors[0] < 0.02 && errors[2] < 0.03 && errors[3] < 0.03, "{errors:?}");
}

/// Relative rounding of the Cholesky solve of three unknowns, with room for the quadrature.
const PROJECTION: f64 = 1e-9;

#[test]
fn a_class_that_holds_the_optimum_has_no_approximation_error() {
    // Gaussian target, affine class: f_t* is affine for every affine f_{t−1}.
    let target = Gaussian::new(&[0.5, 0.0], Covariance::diagonal(&[1.0, 0.25]).unwrap()).unwrap();
    let mut stream = rng(58);
    for residual in [false, true] {
        let recursion = Recursion::new(uniform_angles(6), 500).residual(residual);
        let learned: Learned = recursion.train(onestep::training::Source::Law(&target), &Affine::new(), &mut stream).unwrap();
        let check = StepCheck::new().separate(64);
        let report = check.known(&target, &target).measure(&learned, &target.sample(100, &mut stream), &mut stream).unwrap();
        let known = report.known.unwrap();
        let (own, class) = (known.estimation.unwrap(), known.approximation.unwrap());
        assert_eq!((own.steps.len(), class.steps.len()), (5, 5));
        assert!(class.accumulated.sum < PROJECTION, "{class:?}");
        assert!((own.accumulated.sum - known.errors.sum).abs() < PROJECTION && own.accumulated.sum > 1e-3);
    }
}

#[test]
fn more_samples_lower_the_estimation_error_alone() {
    // A mixture's f_t* is not affine: ε_F stays, ε falls like 1/√n. Root mean squares over runs; √(1/64) = 1/8.
    let target = modes();
    let (grid, mut stream) = (uniform_angles(5), rng(59));
    let check = StepCheck::new().points(400).separate(2000);
    let mut errors = |samples: usize| {
        let runs = 12;
        let parts = (0..runs).map(|_| {
            let recursion = Recursion::new(grid.clone(), samples);
            let learned: Learned = recursion.train(onestep::training::Source::Law(&target), &Affine::new(), &mut stream).unwrap();
            let held_out = target.sample(8, &mut stream);
            let known = check.known(&target, &target).measure(&learned, &held_out, &mut stream).unwrap().known.unwrap();
            // E‖a + b‖ ≤ E‖a‖ + E‖b‖ at the same points.
            let (own, class) = (known.estimation.unwrap().accumulated.sum, known.approximation.unwrap().accumulated.sum);
            assert!(known.errors.sum <= own + class && class <= known.errors.sum + own);
            (own * own, class * class)
        });
        let sums = parts.fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
        ((sums.0 / f64::from(runs)).sqrt(), (sums.1 / f64::from(runs)).sqrt())
    };
    let (few, many) = (errors(250), errors(16_000));
    // The projection's own error, √(2/2000) of ε_F, is part of ε at the larger size.
    let floor = (2.0_f64 / 2000.0).sqrt() * many.1;
    assert!(many.0 < few.0 / 4.0 + floor, "{few:?} {many:?}");
    assert!((few.1 / many.1 - 1.0).abs() < few.0 / many.1, "{few:?} {many:?}");
}

#[test]
fn networks_have_only_the_sum() {
    let (target, mut stream) = (modes(), rng(60));
    let class = Perceptron::new(&[4]).iterations(5);
    let learned: Learned =
        Recursion::new(uniform_angles(3), 50).train(onestep::training::Source::Law(&target), &class, &mut stream).unwrap();
    let check = StepCheck::new().points(16).separate(16);
    let known = check.known(&target, &target).measure(&learned, &target.sample(8, &mut stream), &mut stream).unwrap().known.unwrap();
    assert!(known.estimation.is_none() && known.approximation.is_none() && known.errors.sum > 0.0);
}

#[test]
fn exact_flow_has_a_sandwich_that_closes() {
    let target = modes();
    let grid = uniform_angles(5);
    let mut stream = rng(56);
    let held_out = target.sample(200, &mut stream);
    let flow = ConsistencyFn::new(1, 5, |t, x: &[f64], out: &mut [f64]| {
        out[0] = target.flow(grid.level(t), grid.level(1), &array![[x[0]]])[[0, 0]];
    });
    let exact = Given::new(flow, grid.clone());
    let report = StepCheck::new().known(&target, &target).measure(&exact, &held_out, &mut stream).unwrap();
    let sandwich = report.known.unwrap().sandwich;
    assert_eq!((sandwich.lower, sandwich.upper), (0.0, 0.0));
}

#[test]
fn misuse_is_a_typed_error() {
    let target = modes();
    let mut stream = rng(57);
    let (data, held_out) = (target.sample(200, &mut stream), target.sample(100, &mut stream));
    let scaled = Recursion::new(uniform_angles(3), 100).train(&data, &Affine::new(), &mut stream).unwrap();
    let check = StepCheck::new();
    let refused = check.known(&target, &target).measure(&scaled, &held_out, &mut stream).unwrap_err();
    assert!(matches!(refused, AuditError::Scaled));
    let two = array![[0.0, 1.0], [1.0, 2.0], [2.0, 0.0], [5.0, 5.0]];
    assert!(matches!(check.measure(&scaled, &two, &mut stream), Err(AuditError::Mismatch(_))));
    assert!(matches!(check.measure(&scaled, &array![[0.0], [1.0]], &mut stream), Err(AuditError::OutOfRange(_))));
    assert!(matches!(check.measure(&scaled, &array![[0.0], [1.0], [2.0], [f64::NAN]], &mut stream), Err(AuditError::NotFinite(_))));
}

#[test]
fn a_law_without_a_flow_of_its_own_gets_the_same_report() {
    // The same law on the line twice: its quantile map, and its score integrated.
    let line = modes();
    let mixture = GaussianMixture::isotropic(&[0.5, 0.5], &array![[-1.0], [1.0]], &[0.25, 0.25]).unwrap();
    let flow = onestep::flow::FlowSolver::new(1e-9).unwrap().flow_of(&mixture);
    let data = line.sample(1000, &mut rng(60));
    let learned = Recursion::new(uniform_angles(5), 1000).scaling(Scaling::None).train(&data, &Spline::new(), &mut rng(61)).unwrap();
    let check = StepCheck::new().theorem(Theorem1::new(1, 4.0, 1.0).unwrap());
    let exact = check.known(&line, &line).measure(&learned, &data, &mut rng(62)).unwrap();
    let integrated = check.known(&line, &flow).measure(&learned, &data, &mut rng(62)).unwrap();
    let (a, b) = (exact.known.unwrap().sandwich, integrated.known.unwrap().sandwich);
    // The tolerance of the integration times the slope of the flow and a few steps.
    assert!((a.upper - b.upper).abs() < 1e-7 && (a.lower - b.lower).abs() < 1e-7, "{a} {b}");
    let own = check.known(&mixture, &flow).measure(&learned, &data, &mut rng(62)).unwrap();
    let known = own.known.as_ref().unwrap();
    // Other draws of the same law: five standard errors of the two.
    assert!((known.sandwich.upper - a.upper).abs() < 5.0 * 2f64.sqrt() * a.std_error);
    let verdict = own.verdict.unwrap();
    assert!(verdict.w1.value <= verdict.bound.total() && own.to_string().contains("the bound"));
}

#[test]
fn the_energy_balance_holds_every_step() {
    // f_t(x) = a_t x on data of second moment m: every term is a sum of E X_s X_t = cos θ_s cos θ_t m + sin θ_s sin θ_t. The slopes change
    // sign, so that each loss is of order one and none can be missing.
    let slopes = [1.0, -0.8, 0.7, -1.1, 0.4, -0.6];
    let grid = uniform_angles(6);
    let f = ConsistencyFn::new(1, 6, move |t, x: &[f64], out: &mut [f64]| out[0] = slopes[t - 1] * x[0]);
    let held_out = Array2::from_shape_fn((20_000, 1), |(i, _)| if i % 2 == 0 { 1.5 } else { -0.5 });
    let report = StepCheck::new().replicates(2).measure(&Given::new(f, grid.clone()), &held_out, &mut rng(63)).unwrap();
    // (1.5² + 0.5²)/2.
    let m = 1.25;
    let product = |s: usize, t: usize| {
        let (s, t) = (grid.level(s), grid.level(t));
        s.cos() * t.cos() * m + s.sin() * t.sin()
    };
    let square = |t: usize| slopes[t - 1].powi(2) * product(t, t);
    let loss = |t: usize| square(t) + square(t - 1) - 2.0 * slopes[t - 1] * slopes[t - 2] * product(t, t - 1);
    let balance = (2..=6).map(loss).sum::<f64>() - square(1) + square(6);
    let found = report.energy_residual;
    // Five standard errors, 6e−7 for a fixed seed; a step that is left out moves the sum by more than ten.
    let smallest = (2..=6).map(loss).fold(f64::INFINITY, f64::min);
    assert!((found.value - balance).abs() < 5.0 * found.std_error && 5.0 * found.std_error < 0.5 * smallest, "{found:?} for {balance}");
}

#[test]
fn a_row_on_which_the_distances_rest_is_named() {
    // The identity, but far out at the last level: only row 38 gets there.
    let grid = Grid::from_angles(&[0.05, 0.3, 0.6, 0.9]).unwrap();
    let family = |shift: f64| {
        ConsistencyFn::new(1, 4, move |t, x: &[f64], out: &mut [f64]| out[0] = x[0] + if t == 4 && x[0] > 20.0 { shift } else { 0.0 })
    };
    let held_out = Array2::from_shape_fn((500, 1), |(i, _)| if i == 37 { 50.0 } else { (i as f64).sin() });
    let check = StepCheck::new().replicates(2);
    let found = check.measure(&Given::new(family(3000.0), grid.clone()), &held_out, &mut rng(65)).unwrap();
    let jump = found.largest_jump.unwrap();
    // cos .9 − cos .6 takes ten off.
    assert!((jump.step, jump.row) == (4, 38) && (jump.length - 2990.0).abs() < 10.0 && jump.is_outlier(), "{jump}");
    // The others move by about .3 (cos .75 z − sin .75 x_0), of root mean square .26.
    assert!(jump.typical < 0.3 && jump.ratio() > 1e4);
    let text = found.to_string();
    assert!(text.contains("step 4, held-out row 38") && text.contains("no verdict on T") && text.contains("StepCheck::known"), "{text}");
    // No row stands out of the identity on rows alike.
    let alike = held_out.mapv(|x| if x > 20.0 { 0.0 } else { x });
    let quiet = check.measure(&Given::new(family(0.0), grid.clone()), &alike, &mut rng(66)).unwrap();
    assert!(!quiet.largest_jump.unwrap().is_outlier());
    // A family that does not move has no jump.
    let still = ConsistencyFn::new(1, 4, |_t, _x: &[f64], out: &mut [f64]| out[0] = 0.0);
    let still = check.measure(&Given::new(still, grid), &alike, &mut rng(67)).unwrap();
    assert_eq!(still.largest_jump.map(|j| j.step), Some(2)); // f_1 is taken for the identity
}

#[test]
fn replicates_report_their_standard_deviation() {
    // All samples at 0: W_1 to a half of the data is the mean of |x| over n of 2n rows, a mean without replacement, with standard deviation
    // s/√(2n), s that of |x| over all rows. 400 replicates know it to 1/√800 = 3.5 %; five of those are allowed.
    let grid = uniform_angles(3);
    let f = ConsistencyFn::new(1, 3, |_t, _x: &[f64], out: &mut [f64]| out[0] = 0.0);
    let rows = 200;
    let held_out = Array2::from_shape_fn((rows, 1), |(i, _)| (i as f64 * 0.7).sin() + 0.01 * i as f64);
    let report = StepCheck::new().replicates(400).measure(&Given::new(f, grid), &held_out, &mut rng(64)).unwrap();
    let lengths: Vec<f64> = held_out.iter().map(|v| v.abs()).collect();
    let mean = lengths.iter().sum::<f64>() / rows as f64;
    let variance = lengths.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (rows as f64 - 1.0);
    let expected = (variance / rows as f64).sqrt();
    assert!((report.w1.std_error / expected - 1.0).abs() < 5.0 / 800f64.sqrt(), "{:?} for {expected}", report.w1);
    assert!((report.w1.value - mean).abs() < 5.0 * expected / 20.0);
}
