//! Function classes against closed forms and brute force.

use ndarray::{Array1, Array2, Axis, array};
use onestep::error::Mismatch;
use onestep::training::class::{
    Activation, Affine, KernelRidge, NearestNeighbours, Penalty, Perceptron, Polynomial, RandomFourier, Spline,
};
use onestep::training::{Regression, TrainingError};
use onestep::{Float, FunctionClass};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(40)
}

fn cloud(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((n, d), || f64::standard_normal(&mut rng))
}

fn smooth(x: &Array2<f64>) -> Array2<f64> {
    x.map_axis(Axis(1), |r| (1.3 * r[0]).tanh() + 0.3 * r.sum()).insert_axis(Axis(1))
}

/// Rounding of a well-conditioned solve, refined once.
const ROUNDING: f64 = 1e-11;

#[test]
fn linear_classes_reproduce_their_own_functions() {
    let x = cloud(300, 2, 1);
    let cubic = x.map_axis(Axis(1), |r| 1.0 + r[0] - r[0] * r[1] * r[1] + r[1].powi(3)).insert_axis(Axis(1));
    let fit = Polynomial::new(3).fit(&Regression::new(&x, &cubic).unwrap(), &mut rng()).unwrap();
    let fresh = cloud(50, 2, 2);
    let truth = fresh.map_axis(Axis(1), |r| 1.0 + r[0] - r[0] * r[1] * r[1] + r[1].powi(3)).insert_axis(Axis(1));
    assert!((fit.eval(&fresh) - truth).iter().all(|e| e.abs() < ROUNDING * 100.0));
    // Every class with an affine part reproduces affine maps, far outside the data too.
    let plane = |x: &Array2<f64>| x.map_axis(Axis(1), |r| 2.0 - r[0] + 3.0 * r[1]).insert_axis(Axis(1));
    let classes: [Box<dyn FunctionClass>; 4] = [
        Box::new(Affine::new()),
        Box::new(RandomFourier::new(40)),
        Box::new(KernelRidge::new(40)),
        Box::new(Perceptron::new(&[8]).iterations(50)),
    ];
    for class in classes {
        let fit = class.fit(&Regression::new(&x, &plane(&x)).unwrap(), &mut rng()).unwrap();
        let gap = fit.eval(&(&fresh * 10.0)) - plane(&(&fresh * 10.0));
        assert!(gap.iter().all(|e| e.abs() < 1e-6), "{}: {gap:?}", class.name());
    }
}

#[test]
fn splines_are_exact_on_cubics_inside_and_linear_outside() {
    let x = Array2::from_shape_fn((2001, 1), |(i, _)| -2.0 + 0.002 * i as f64);
    let y = x.mapv(|x: f64| x.powi(3) - x);
    let fit = Spline::with_knots(5).fit(&Regression::new(&x, &y).unwrap(), &mut rng()).unwrap();
    let tails = fit.eval(&array![[5.0], [6.0], [7.0], [-5.0], [-6.0], [-7.0]]);
    assert!((tails[[0, 0]] - 2.0 * tails[[1, 0]] + tails[[2, 0]]).abs() < 1e-9);
    assert!((tails[[3, 0]] - 2.0 * tails[[4, 0]] + tails[[5, 0]]).abs() < 1e-9);
    // The outer 0.2 % on each side is linear, so that the fit is near, not at, the cubic.
    let inner = Array2::from_shape_fn((37, 1), |(i, _)| -1.8 + 0.1 * i as f64);
    assert!((fit.eval(&inner) - inner.mapv(|x: f64| x.powi(3) - x)).iter().all(|e| e.abs() < 1e-4));
    // Value and slope are continuous at the outer knots: no jump of the difference quotient there.
    let edge: Vec<f64> = (0..400).map(|i| 1.9 + 0.0005 * f64::from(i)).collect();
    let values = fit.eval(&Array1::from(edge).insert_axis(Axis(1)));
    let quotients: Vec<f64> = values.column(0).windows(2).into_iter().map(|w| (w[1] - w[0]) / 0.0005).collect();
    assert!(quotients.windows(2).all(|w| (w[1] - w[0]).abs() < 0.02));
}

#[test]
fn ridge_solutions_satisfy_their_normal_equations() {
    // At the minimiser of Σ w (f − y)² + λ|B|² no admissible change of B lowers the objective: compare with larger and smaller λ.
    let (x, noise) = (cloud(200, 1, 3), cloud(200, 1, 4));
    let y = smooth(&x) + &noise * 0.1;
    let loss = |l: f64| {
        let class = RandomFourier::new(30).bandwidths(&[0.5]).penalty(Penalty::Fixed(l));
        class.fit(&Regression::new(&x, &y).unwrap(), &mut rng()).unwrap().summary().clone()
    };
    let fits: Vec<_> = [1e-6, 1e-4, 1e-2, 1.0, 100.0].into_iter().map(loss).collect();
    for pair in fits.windows(2) {
        assert!(pair[1].loss > pair[0].loss && pair[1].effective_parameters < pair[0].effective_parameters);
    }
    // λ → ∞ leaves the affine part: two effective parameters.
    assert!((fits[4].effective_parameters - 2.0).abs() < 0.05);
}

#[test]
fn leave_one_out_score_is_that_of_n_refits() {
    // The closed form chooses the λ that brute force over n refits would choose.
    let x = cloud(30, 1, 5);
    let y = smooth(&x) + &(cloud(30, 1, 6) * 0.2);
    let class = |p| RandomFourier::new(20).bandwidths(&[0.5]).penalty(p);
    let chosen = class(Penalty::LeaveOneOut).fit(&Regression::new(&x, &y).unwrap(), &mut rng()).unwrap().summary().penalty;
    let brute = |l: f64| -> f64 {
        (0..30)
            .map(|i| {
                // Weight zero leaves a row out without moving the random features; the inputs' scale moves by O(1/n).
                let mut w = Array1::ones(30);
                w[i] = 1e-12;
                let fit = class(Penalty::Fixed(l)).fit(&Regression::new(&x, &y).unwrap().weighted(&w).unwrap(), &mut rng()).unwrap();
                (fit.eval(&x)[[i, 0]] - y[[i, 0]]).powi(2)
            })
            .sum()
    };
    let best = brute(chosen);
    assert!(best < 1.1 * brute(chosen * 30.0) && best < 1.1 * brute(chosen / 30.0));
}

#[test]
fn kernel_ridge_with_all_centres_is_kernel_ridge() {
    // Against the dual solution (K + nλI)⁻¹ of the residual problem: an RKHS interpolant as λ → 0 passes through the data.
    let x = cloud(25, 2, 7);
    let y = smooth(&x);
    let class = KernelRidge::new(25).bandwidths(&[0.5]).penalty(Penalty::Fixed(1e-12));
    let fit = class.fit(&Regression::new(&x, &y).unwrap(), &mut rng()).unwrap();
    assert!((fit.eval(&x) - &y).iter().all(|e| e.abs() < 1e-6));
}

#[test]
fn nearest_neighbours_equal_brute_force() {
    let (x, y, q) = (cloud(150, 3, 8), cloud(150, 2, 9), cloud(90, 3, 10));
    let fit = NearestNeighbours::with_neighbours(7).fit(&Regression::new(&x, &y).unwrap(), &mut rng()).unwrap();
    let (mean, n) = (x.mean_axis(Axis(0)).unwrap(), 150.0);
    let scale = (&x - &mean).mapv(|v| v * v).sum_axis(Axis(0)).mapv(|v| (v / n).sqrt());
    let values = fit.eval(&q);
    for (i, point) in q.rows().into_iter().enumerate() {
        let mut order: Vec<(f64, usize)> =
            x.rows().into_iter().enumerate().map(|(j, r)| (((&r - &point) / &scale).mapv(|v| v * v).sum(), j)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mean: Array1<f64> = order[..7].iter().map(|&(_, j)| y.row(j).to_owned()).fold(Array1::zeros(2), |s, r| s + r) / 7.0;
        assert!((&values.row(i) - &mean).iter().all(|e| e.abs() < 1e-12));
    }
}

/// ‖tanh(1.3 X) − its best polynomial of degree `degree`‖² for X ~ N(0, 1), by orthonormal Hermite polynomials; the trapezoidal rule is
/// exact to rounding on a function analytic in a strip with Gaussian decay.
fn approximation_error(degree: usize) -> f64 {
    let step = 0.01;
    let mut products = vec![0.0; degree + 1];
    let mut square = 0.0;
    for i in -1200..=1200 {
        let x = step * f64::from(i);
        let weight = step * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let value = (1.3 * x).tanh();
        square += weight * value * value;
        let (mut before, mut now) = (0.0, 1.0);
        for (k, product) in products.iter_mut().enumerate() {
            *product += weight * value * now;
            let next = (x * now - (k as f64).sqrt() * before) / (k as f64 + 1.0).sqrt();
            (before, now) = (now, next);
        }
    }
    square - products.iter().map(|c| c * c).sum::<f64>()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn every_class_learns_a_smooth_function_in_both_precisions() {
    // Values with noise of variance σ² are fitted with an excess risk of ε_F + p σ²/n for p effective parameters, where the population
    // approximation error ε_F of polynomials is known and a bias chosen with p by leave-one-out is at most about twice the variance (of
    // k neighbours: at the best power of two). The training loss is σ² + ε_F, less up to 2p/n of it that goes into the fit, plus the
    // excess; its standard error is σ²√(2/n). Medians over three samples. The bound is below the best affine map's error, or it would say
    // nothing.
    const SIGMAS: f64 = 5.0;
    let (n, deviation) = (4000, 0.3);
    let variance: f64 = deviation * deviation;
    let perceptron = |a| Perceptron::new(&[16, 16]).activation(a).iterations(1500);
    let quintic = approximation_error(5);
    let cases: Vec<(Box<dyn FunctionClass>, Box<dyn FunctionClass<f32>>, f64)> = vec![
        (Box::new(Polynomial::new(5)), Box::new(Polynomial::new(5)), quintic),
        (Box::new(RandomFourier::new(150)), Box::new(RandomFourier::new(150)), 0.0),
        (Box::new(KernelRidge::new(150)), Box::new(KernelRidge::new(150)), 0.0),
        (Box::new(NearestNeighbours::new()), Box::new(NearestNeighbours::new()), 0.0),
        (Box::new(perceptron(Activation::Silu)), Box::new(perceptron(Activation::Silu)), 0.0),
        (Box::new(perceptron(Activation::Tanh)), Box::new(perceptron(Activation::Tanh)), 0.0),
        (Box::new(perceptron(Activation::Relu)), Box::new(perceptron(Activation::Relu)), 0.0),
    ];
    let samples: Vec<_> = (0..3).map(|seed| (cloud(n, 2, 3 * seed), cloud(n, 1, 3 * seed + 1), cloud(500, 2, 3 * seed + 2))).collect();
    for (double, single, approximation) in cases {
        let (mut excesses, mut losses, mut losses_32, mut parameters) = (vec![], vec![], vec![], vec![]);
        for (x, noise, fresh) in &samples {
            let y = smooth(x) + noise * deviation;
            let fit = double.fit(&Regression::new(x, &y).unwrap(), &mut rng()).unwrap();
            excesses.push((fit.eval(fresh) - smooth(fresh)).mapv(|e| e * e).mean().unwrap());
            losses.push(fit.summary().loss);
            parameters.push(fit.summary().effective_parameters);
            let (x32, y32) = (x.mapv(|v| v as f32), y.mapv(|v| v as f32));
            losses_32.push(single.fit(&Regression::new(&x32, &y32).unwrap(), &mut rng()).unwrap().summary().loss);
        }
        let share = median(parameters) / n as f64;
        let allowed = approximation + 3.0 * share * variance;
        let excess = median(excesses);
        assert!(excess < allowed, "{}: excess {excess}, allowed {allowed}", double.name());
        assert!(allowed < approximation_error(1), "{}: the bound {allowed} has no power", double.name());
        let total = variance + approximation;
        let std_error = total * (2.0 / n as f64).sqrt();
        for loss in [median(losses), median(losses_32)] {
            let (low, high) = (total * (1.0 - 2.0 * share) - SIGMAS * std_error, variance + allowed + SIGMAS * std_error);
            assert!(low < loss && loss < high, "{}: loss {loss} outside [{low}, {high}]", double.name());
        }
    }
}

#[test]
fn warm_start_continues_where_the_last_fit_ended() {
    let x = cloud(500, 1, 13);
    let y = smooth(&x);
    let data = Regression::new(&x, &y).unwrap();
    let class = |n| Perceptron::new(&[16]).iterations(n);
    let first = class(1500).fit(&data, &mut rng()).unwrap();
    let cold = class(20).fit(&data, &mut rng()).unwrap();
    let warm = class(20).fit(&data.clone().starting_from(&first), &mut rng()).unwrap();
    assert!(warm.summary().loss < 0.1 * cold.summary().loss, "{} {}", warm.summary().loss, cold.summary().loss);
}

#[test]
fn degenerate_problems_are_typed_errors() {
    let x = cloud(50, 2, 14);
    let y = smooth(&x);
    let mut twin = x.clone();
    let copy = twin.column(0).to_owned();
    twin.column_mut(1).assign(&copy);
    let fit = |x: &Array2<f64>, class: &dyn FunctionClass| class.fit(&Regression::new(x, &y).unwrap(), &mut rng()).unwrap_err();
    assert!(matches!(fit(&twin, &Affine::new()), TrainingError::Singular { class: "affine", unknowns: 3, .. }));
    assert!(matches!(fit(&twin, &RandomFourier::new(5)), TrainingError::Singular { .. }));
    let mut flat = x.clone();
    flat.column_mut(1).fill(0.1);
    assert!(matches!(fit(&flat, &Affine::new()), TrainingError::ConstantColumn { what: "x", column: 2, .. }));
    assert!(matches!(fit(&flat, &NearestNeighbours::new()), TrainingError::ConstantColumn { .. }));
    let few = x.select(Axis(0), &[0, 1, 2, 3]);
    let y4 = y.select(Axis(0), &[0, 1, 2, 3]);
    let refused = Polynomial::new(3).fit(&Regression::new(&few, &y4).unwrap(), &mut rng()).unwrap_err();
    assert!(matches!(refused, TrainingError::Singular { .. } | TrainingError::TooFewRows { .. }), "{refused}");
    assert!(matches!(Regression::new(&x, &y4), Err(TrainingError::Mismatch(Mismatch { left: 50, right: 4, .. }))));
    assert!(Regression::new(&x, &y).unwrap().weighted(&Array1::from_elem(50, -1.0)).is_err());
    assert!(Regression::new(&x, &y).unwrap().weighted(&Array1::zeros(50)).is_err());
}

#[test]
fn a_diverging_network_says_so() {
    let x = cloud(200, 1, 15);
    let y = smooth(&x);
    let class = Perceptron::new(&[16, 16]).rate(1e4);
    match class.fit(&Regression::new(&x, &y).unwrap(), &mut rng()).unwrap_err() {
        TrainingError::Diverged { iteration, loss, .. } => assert!(iteration >= 1 && !(loss < 1e6)),
        other => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Least squares is equivariant: scaling and shifting x and y moves the fit along.
    #[test]
    fn affine_fits_are_equivariant(shift in -1e3..1e3f64, scale in 1e-3..1e3f64, seed in 0..1000u64) {
        let x = cloud(20, 2, seed);
        let y = smooth(&x);
        let moved = x.mapv(|v| shift + scale * v);
        let fit = |x: &Array2<f64>| Affine::new().fit(&Regression::new(x, &y).unwrap(), &mut rng()).unwrap().eval(x);
        let gap = (fit(&x) - fit(&moved)).mapv(f64::abs);
        // Shifted inputs lose digits in proportion to shift/scale.
        prop_assert!(gap.iter().all(|g| *g < 1e-12 * (1.0 + (shift / scale).abs())));
    }

    /// Integer weights are repetitions.
    #[test]
    fn weights_count_rows(seed in 0..1000u64) {
        let x = cloud(12, 1, seed);
        let y = smooth(&x);
        let counts: Vec<usize> = (0..12).map(|i| 1 + (i + seed as usize) % 3).collect();
        let rows: Vec<usize> = (0..12).flat_map(|i| std::iter::repeat_n(i, counts[i])).collect();
        let w = Array1::from_iter(counts.iter().map(|c| *c as f64));
        let class = Polynomial::new(3);
        let weighted = class.fit(&Regression::new(&x, &y).unwrap().weighted(&w).unwrap(), &mut rng()).unwrap();
        let (xs, ys) = (x.select(Axis(0), &rows), y.select(Axis(0), &rows));
        let repeated = class.fit(&Regression::new(&xs, &ys).unwrap(), &mut rng()).unwrap();
        prop_assert!((weighted.eval(&x) - repeated.eval(&x)).iter().all(|e| e.abs() < 1e-9));
    }
}
