//! Population recursions on a lattice against the line, products, rotations and Gaussians; energy identity; refusals.

use ndarray::{Array2, array};
use onestep::law::{Covariance, Gaussian, GaussianMixture, LineMixture, Product, Rotated};
use onestep::population::{GaussianRecursion, Keep, LatticeRecursion, LineRecursion, Method, PopulationError};
use onestep::schedule::UniformAngle;
use onestep::{ConsistencyFunction, Grid, VarianceSchedule};

fn grid(steps: usize) -> Grid {
    UniformAngle::new(steps, 0.2, 1.5).unwrap().grid().unwrap()
}

fn largest(gap: Array2<f64>) -> f64 {
    gap.into_iter().fold(0.0, |m: f64, g| m.max(g.abs()))
}

/// Points within two standard deviations of X_T.
fn points(dim: usize) -> Array2<f64> {
    Array2::from_shape_fn((7, dim), |(i, j)| (1.3 * (i + 2 * j) as f64).sin() * 2.0)
}

/// The two-mode line mixture of the tests.
fn line() -> LineMixture {
    LineMixture::new(&[0.4, 0.6], &[-0.8, 0.6], &[0.5, 0.6]).unwrap()
}

#[test]
fn on_the_line_it_is_the_line_recursion() {
    let (grid, x) = (grid(16), points(1));
    let target = GaussianMixture::isotropic(&[0.4, 0.6], &array![[-0.8], [0.6]], &[0.25, 0.36]).unwrap();
    for method in [Method::Training, Method::Distillation] {
        let exact = LineRecursion::new(&line(), &grid).method(method).run().unwrap();
        let run = LatticeRecursion::new(&target, &grid).nodes(400).method(method).run().unwrap();
        let (got, report) = (run.consistency().eval(16, &x), run.report());
        assert!(largest(got - exact.consistency().eval(16, &x)) < 5e-9, "{method:?}");
        assert!(run.numerical_error() < 2e-8, "{:e}", run.numerical_error());
        // The kink of |f_T − Φ_T| costs the trapezoidal rule the square of the spacing; squares have none. On the line the coupling by the flow map is optimal.
        let (w1, w2) = (exact.report().w1_marginal.lower, exact.report().w2_marginal.upper);
        assert!((report.w1_marginal.upper / w1 - 1.0).abs() < 5e-4 && (report.w2_marginal.upper / w2 - 1.0).abs() < 1e-5);
        assert!((report.energy_deficit - exact.report().energy_deficit).abs() < 1e-8 || method == Method::Distillation);
    }
}

/// The product of the mixture with itself has four components; rotated, it is no product any more.
#[test]
fn in_the_plane_it_is_the_rotated_product() {
    let (grid, x) = (grid(8), points(2));
    let (c, s) = (0.5_f64.cos(), 0.5_f64.sin());
    let q = array![[c, -s], [s, c]];
    let (weights, means, variances) = ([0.4, 0.6], [-0.8, 0.6], [0.25, 0.36]);
    let pairs = [(0, 0), (0, 1), (1, 0), (1, 1)];
    let all: Vec<f64> = pairs.iter().map(|&(i, j)| weights[i] * weights[j]).collect();
    let centres = Array2::from_shape_fn((4, 2), |(k, j)| if j == 0 { means[pairs[k].0] } else { means[pairs[k].1] }).dot(&q.t());
    let covariances: Vec<Covariance> =
        pairs.iter().map(|&(i, j)| Covariance::spectrum(&[variances[i], variances[j]], &q).unwrap()).collect();
    let target = GaussianMixture::new(&all, &centres, &covariances).unwrap();
    let one = LineRecursion::new(&line(), &grid).keep(Keep::All).run().unwrap();
    let product = Product::copies(one.consistency().clone(), 2).unwrap();
    let exact = Rotated::new(product, &q).unwrap();
    let run = LatticeRecursion::new(&target, &grid).nodes(72).keep(Keep::Levels(vec![4])).run().unwrap();
    for t in [1, 4, 8] {
        let gap = largest(run.consistency().eval(t, &x) - exact.eval(t, &x));
        assert!(gap < 2e-5, "f_{t}: {gap:e}");
    }
    let report = run.report();
    assert!(run.numerical_error() < 5e-5 && run.mass_error() < 1e-12, "{report:?}");
    // The stated error is above the true one.
    assert!(largest(run.consistency().eval(8, &x) - exact.eval(8, &x)) < run.numerical_error(), "{report:?}");
    let w2 = one.report().w2_marginal.upper * 2.0_f64.sqrt();
    assert!(report.w2_marginal.lower <= w2 && (report.w2_marginal.upper / w2 - 1.0).abs() < 8e-6, "{report:?}");
    assert!((report.energy_deficit / (2.0 * one.report().energy_deficit) - 1.0).abs() < 2e-6);
    assert!((report.loss_sum / report.energy_deficit - 1.0).abs() < 5e-6 && report.mean_shift < 1e-7);
    assert!(!run.consistency().holds(5));
}

#[test]
fn gaussians_in_space_are_exact() {
    let (grid, x) = (grid(5), points(3));
    let sigma = Covariance::full(&array![[1.0, 0.3, 0.0], [0.3, 0.5, 0.1], [0.0, 0.1, 0.8]]).unwrap();
    let gaussian = Gaussian::new(&[0.5, -0.2, 0.0], sigma).unwrap();
    let target = GaussianMixture::from(&gaussian);
    for method in [Method::Training, Method::Distillation] {
        let exact = GaussianRecursion::new(&gaussian, &grid).method(method).run().unwrap();
        let run = LatticeRecursion::new(&target, &grid).nodes(24).points(2).method(method).run().unwrap();
        assert!(largest(run.consistency().eval(5, &x) - exact.consistency().eval(5, &x)) < 3e-14);
        assert!((run.report().w2_marginal.upper / exact.report().w2_marginal.upper - 1.0).abs() < 3e-10);
    }
}

#[test]
fn bad_parameters_are_refused() {
    let grid = grid(4);
    let target = |dim: usize| GaussianMixture::isotropic(&[1.0], &Array2::zeros((1, dim)), &[1.0]).unwrap();
    let refused = |run: LatticeRecursion<'_>| match run.run() {
        Err(PopulationError::OutOfRange(error)) => error.name,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(LatticeRecursion::new(&target(4), &grid)), "dim");
    assert_eq!(refused(LatticeRecursion::new(&target(2), &grid).nodes(15)), "nodes");
    assert_eq!(refused(LatticeRecursion::new(&target(3), &grid).nodes(200)), "nodes");
    assert_eq!(refused(LatticeRecursion::new(&target(3), &grid).nodes(usize::MAX)), "nodes");
    for bad in [0, 1, 21] {
        assert_eq!(refused(LatticeRecursion::new(&target(1), &grid).points(bad)), "points");
    }
    let missing = LatticeRecursion::new(&target(1), &grid).keep(Keep::Levels(vec![5])).run();
    assert!(matches!(missing, Err(PopulationError::NoSuchLevel { level: 5, steps: 4 })));
}
