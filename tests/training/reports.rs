//! What fits and runs report about themselves is what a reader would compute.

use ndarray::{Array1, Array2, Axis};
use onestep::law::Gaussian;
use onestep::training::class::{Affine, KernelRidge, NearestNeighbours, Penalty, Perceptron, Polynomial, RandomFourier, Spline};
use onestep::training::{Joint, JointModel, Learned, Recursion, Regression, TrainingError, Weighting};
use onestep::{Float, FunctionClass, Grid};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn normal(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut rng = rng(seed);
    Array2::from_shape_simple_fn((n, d), || f64::standard_normal(&mut rng))
}

/// Monte-Carlo means are tested at five standard errors: a false alarm in about 2·10⁶ comparisons.
const SIGMAS: f64 = 5.0;

#[test]
fn loss_is_the_weighted_mean_of_squared_residuals() {
    let (x, y) = (normal(80, 1, 80), normal(80, 2, 81));
    let weights = Array1::from_iter((0..80).map(|i| 0.5 + f64::from(i % 4)));
    let total = weights.sum();
    let classes: [(Box<dyn FunctionClass>, usize); 7] = [
        (Box::new(Affine::new()), 0),
        (Box::new(Polynomial::new(3)), 0),
        (Box::new(RandomFourier::new(8)), 0),
        (Box::new(KernelRidge::new(8)), 0),
        (Box::new(NearestNeighbours::with_neighbours(4)), 0),
        (Box::new(Spline::with_knots(3)), 0),
        (Box::new(Perceptron::new(&[4]).iterations(7)), 7),
    ];
    for (class, iterations) in classes {
        let fit = class.fit(&Regression::new(&x, &y).unwrap().weighted(&weights).unwrap(), &mut rng(82)).unwrap();
        let squares = (fit.eval(&x) - &y).map_axis(Axis(1), |r| r.dot(&r));
        let loss = squares.dot(&weights) / total;
        let summary = fit.summary();
        assert!((summary.loss - loss).abs() < 1e-12 * loss, "{}: {} against {loss}", class.name(), summary.loss);
        assert_eq!(summary.iterations, iterations, "{}", class.name());
    }
}

#[test]
fn effective_parameters_are_the_trace_of_the_smoother() {
    // A linear class maps y to ŷ = S y: entry (i, i) of S is what a unit added to y_i adds to ŷ_i.
    let n = 40;
    let (x, y) = (normal(n, 1, 83), normal(n, 1, 84));
    let plain: [(&dyn FunctionClass, f64, f64); 8] = [
        (&Affine::new(), 0.0, 2.0),
        (&Affine::linear(), 0.0, 1.0),
        (&Polynomial::new(4), 0.0, 5.0),
        (&Spline::with_knots(2), 0.0, 6.0),
        (&RandomFourier::new(10).penalty(Penalty::Fixed(0.01)).bandwidths(&[0.5]), 0.01, f64::NAN),
        (&RandomFourier::new(10).penalty(Penalty::Fixed(3.0)).bandwidths(&[0.5]), 3.0, f64::NAN),
        (&KernelRidge::new(10).penalty(Penalty::Fixed(0.01)).bandwidths(&[0.5]), 0.01, f64::NAN),
        (&NearestNeighbours::with_neighbours(5), 0.0, 8.0),
    ];
    for (class, penalty, count) in plain {
        let fit = |y: &Array2<f64>| class.fit(&Regression::new(&x, y).unwrap(), &mut rng(85)).unwrap();
        let own = fit(&y);
        let base = own.eval(&x);
        let trace: f64 = (0..n)
            .map(|i| {
                let mut moved = y.clone();
                moved[[i, 0]] += 1.0;
                fit(&moved).eval(&x)[[i, 0]] - base[[i, 0]]
            })
            .sum();
        let summary = own.summary();
        assert_eq!(summary.penalty, penalty, "{}", class.name());
        if count.is_nan() {
            assert!((summary.effective_parameters - trace).abs() < 1e-6, "{}: {} {trace}", class.name(), summary.effective_parameters);
        } else {
            assert!((summary.effective_parameters - count).abs() < 1e-9 && (trace - count).abs() < 1e-6, "{}: {trace}", class.name());
        }
    }
}

#[test]
fn singular_equations_say_how_singular() {
    // Columns x and x + δz with correlation 1 − δ²/2: the smallest squared pivot is δ², the largest 1.
    let (delta, n) = (1e-7, 500);
    let (base, z, y) = (normal(n, 1, 86), normal(n, 1, 87), normal(n, 1, 88));
    let x = ndarray::concatenate![Axis(1), base, &base + &(z * delta)];
    match Affine::new().fit(&Regression::new(&x, &y).unwrap(), &mut rng(89)).unwrap_err() {
        TrainingError::Singular { rows, unknowns, reciprocal_condition, .. } => {
            assert_eq!((rows, unknowns), (n, 3));
            let ratio = reciprocal_condition / (delta * delta);
            assert!((0.7..1.4).contains(&ratio), "{reciprocal_condition:e}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn records_of_a_recursion_are_its_losses_and_moments() {
    // On N(0, I) the affine f_t is (∏ cos Δθ) x: the targets of step t have the second moment d ∏_{k<t} cos² Δθ_k, and given X_t the part
    // sin² Δθ_t of it remains. Squares of n normal rows have the relative error √(2/(n d)); the fitted gains add as much a step.
    let (n, dim) = (20_000, 2);
    let grid = Grid::from_angles(&[0.1, 0.5, 1.0, 1.5]).unwrap();
    let learned: Learned =
        Recursion::new(grid.clone(), n).train(&Gaussian::standard(dim).unwrap(), &Affine::linear(), &mut rng(90)).unwrap();
    let mut gain = 1.0;
    for record in learned.records() {
        let t = record.step;
        let moment = dim as f64 * gain * gain;
        let loss = moment * grid.delta(t).sin().powi(2);
        let error = SIGMAS * (2.0 * t as f64 / (n * dim) as f64).sqrt();
        assert!((record.target_second_moment / moment - 1.0).abs() < error, "{record}, exact {moment}");
        assert!((record.loss / loss - 1.0).abs() < error, "{record}, exact {loss}");
        assert!(record.steps == 4 && (record.effective_parameters - dim as f64).abs() < 1e-9);
        gain *= grid.delta(t).cos();
    }
    assert_eq!(learned.records().iter().map(|r| r.step).collect::<Vec<_>>(), [2, 3, 4]);
}

#[test]
fn the_loss_of_a_joint_model_is_the_mean_of_its_last_batches() {
    // At a rate of 1e−12 the network stays the zero map it starts from, f(x, θ) = cos δ x with δ = θ − θ_1. On N(0, I) a pair s < t then has
    // the loss d (cos² δ_t + cos² δ_s − 2 cos δ_t cos δ_s cos(θ_t − θ_s)), the mean square of d normal numbers.
    let (batch, iterations, dim) = (4000, 40, 2);
    let grid = Grid::from_angles(&[0.1, 0.5, 1.0, 1.5]).unwrap();
    let law = Gaussian::standard(dim).unwrap();
    let angle = |t: usize| grid.level(t).angle();
    let whole = angle(4) - angle(1);
    for weighting in [Weighting::Uniform, Weighting::InverseStep] {
        let weight = |t: usize| if weighting == Weighting::Uniform { 1.0 } else { whole / 3.0 / (angle(t) - angle(t - 1)) };
        let losses: Vec<f64> = (2..=4)
            .map(|t| {
                let (now, before) = ((angle(t) - angle(1)).cos(), (angle(t - 1) - angle(1)).cos());
                weight(t) * dim as f64 * (now * now + before * before - 2.0 * now * before * (angle(t) - angle(t - 1)).cos())
            })
            .collect();
        let mean = losses.iter().sum::<f64>() / 3.0;
        // E of the square of a pair's loss: (1 + 2/d) of its squared mean.
        let square = losses.iter().map(|l| l * l * (1.0 + 2.0 / dim as f64)).sum::<f64>() / 3.0;
        let joint = Joint::new(grid.clone(), &[4]).batch(batch).iterations(iterations).rate(1e-12).weighting(weighting);
        let model: JointModel = joint.train(&law, &mut rng(91)).unwrap();
        let std_error = ((square - mean * mean) / (batch * iterations / 10) as f64).sqrt();
        assert!((model.loss() - mean).abs() < SIGMAS * std_error, "{weighting:?}: {} ± {std_error}, exact {mean}", model.loss());
    }
}
