//! Radial population recursions against the line, the Gaussian, naive quadrature and their own identities.

use ndarray::{Array2, array};
use onestep::law::{Covariance, Gaussian, LineMixture, Radial};
use onestep::population::{GaussianRecursion, Keep, LineRecursion, Method, PopulationReport, RadialRecursion};
use onestep::schedule::LiHuangWei;
use onestep::{ConsistencyFunction, Grid, Posterior, VarianceSchedule};

/// Ratios of densities: rounding of logarithms up to 100.
const SLOPE: f64 = 1e-12;

fn paper(steps: usize) -> Grid {
    LiHuangWei::new(steps, 2.0, 4.0).unwrap().grid().unwrap()
}

fn angles(from: f64, to: f64, steps: usize) -> Grid {
    Grid::from_angles(&(0..steps).map(|i| from + (to - from) * i as f64 / (steps - 1) as f64).collect::<Vec<_>>()).unwrap()
}

fn agree(a: &PopulationReport, b: &PopulationReport, tolerance: f64) {
    for (name, x, y) in [
        ("w1", a.w1.upper, b.w1.upper),
        ("w1_marginal", a.w1_marginal.upper, b.w1_marginal.upper),
        ("w2_marginal", a.w2_marginal.upper, b.w2_marginal.upper),
        ("energy_deficit", a.energy_deficit, b.energy_deficit),
        ("loss_sum", a.loss_sum, b.loss_sum),
    ] {
        assert!((x - y).abs() <= tolerance * x.abs().max(y.abs()), "{name}: {x} and {y}, relative gap {:e}", x / y - 1.0);
    }
}

#[test]
fn in_one_dimension_it_is_the_recursion_on_the_line() {
    let pair = LineMixture::point_masses(&[0.5, 0.5], &[-1.0, 1.0]).unwrap();
    let sphere = Radial::sphere(1, 1.0).unwrap();
    let cases = [
        (angles(0.2, 1.5, 30), Method::Training),
        (angles(0.2, 1.5, 30), Method::Distillation),
        (angles(0.6, 1.5, 12), Method::Training),
        (angles(0.6, 1.5, 12), Method::Distillation),
        (paper(40), Method::Training),
        (paper(200), Method::Training),
    ];
    for (grid, method) in cases {
        let radial = RadialRecursion::new(&sphere, &grid).method(method).run().unwrap();
        let line = LineRecursion::new(&pair, &grid).method(method).run().unwrap();
        let (r, l) = (radial.report(), line.report());
        assert!(r.resolved && l.resolved);
        // The runs ask for 1e−8 and 1e−9.
        agree(r, l, 1e-8);
        // For two points the error of a training step jumps, so each certificate has its own numerical error.
        assert!((r.certificate - l.certificate).abs() <= r.certificate_error + l.certificate_error + 1e-8 * l.certificate);
        // A difference of values that agree to 1e−13.
        assert!((r.prior_mismatch - l.prior_mismatch).abs() < 1e-12 + 1e-8 * l.prior_mismatch);
        assert!(r.lipschitz == l.lipschitz || (r.lipschitz / l.lipschitz - 1.0).abs() < SLOPE);
    }
    // On the paper's grid distillation of two points makes step upon step, too narrow for either recursion, and both say so.
    let grid = paper(40);
    let radial = RadialRecursion::new(&sphere, &grid).method(Method::Distillation).tolerance(1e-6).run().unwrap();
    let line = LineRecursion::new(&pair, &grid).method(Method::Distillation).tolerance(1e-6).run().unwrap();
    assert!(!radial.report().resolved && !line.report().resolved);
}

#[test]
fn the_steepest_point_of_the_flow_to_a_sphere_is_the_origin() {
    // p_θ(0) ∝ sin^{−d}θ e^{−cot²θ ρ²/2}, and the slope there is the d-th root of a ratio of densities.
    let (grid, rho) = (angles(0.4, 1.5, 8), 1.5);
    for dim in [2, 3, 10] {
        let run = RadialRecursion::new(&Radial::sphere(dim, rho).unwrap(), &grid).run().unwrap();
        let ln = |a: f64| a.sin().ln() + 0.5 * (rho / a.tan()).powi(2) / dim as f64;
        let exact = grid.levels().iter().map(|l| (ln(0.4) - ln(l.angle())).exp()).fold(1.0, f64::max);
        assert!((run.report().lipschitz / exact - 1.0).abs() < SLOPE, "d = {dim}: {} {exact}", run.report().lipschitz);
    }
}

#[test]
fn a_gaussian_radius_gives_the_gaussian_recursion() {
    // The shells of the Gauss rule are told from the Gaussian only below their spacing: the grid starts at angle 0.7.
    let grid = angles(0.7, 1.5, 5);
    for (dim, shells) in [(1, 24), (3, 16), (10, 16), (1000, 24)] {
        let radial = RadialRecursion::new(&Radial::gaussian(dim, 1.2, shells).unwrap(), &grid).run().unwrap();
        let gaussian = Gaussian::new(&vec![0.0; dim], Covariance::isotropic(dim, 1.44).unwrap()).unwrap();
        let gaussian = GaussianRecursion::new(&gaussian, &grid).run().unwrap();
        agree(radial.report(), gaussian.report(), 1e-8);
        assert!((radial.report().certificate / gaussian.report().certificate - 1.0).abs() < 1e-8);
        assert!((radial.report().prior_mismatch / gaussian.report().prior_mismatch - 1.0).abs() < 1e-8);
    }
}

#[test]
fn identities_and_bounds_hold_in_every_dimension() {
    let grid = paper(60);
    let targets = [
        Radial::sphere(2, 1.0).unwrap(),
        Radial::sphere(3, 2.0).unwrap(),
        Radial::sphere(30, 5.0).unwrap(),
        Radial::shells(8, &[0.5, 0.5], &[2.0, 2.6]).unwrap(),
        Radial::shells(8, &[0.5, 0.5], &[2.0, 3.5]).unwrap(),
    ];
    for target in targets {
        let r = RadialRecursion::new(&target, &grid).run().unwrap().report().clone();
        assert!(r.resolved && r.resolution_error < 1e-8, "{r:?}");
        assert!((r.loss_sum / r.energy_deficit - 1.0).abs() < 1e-8, "{r:?}");
        assert!(r.w1.is_exact() && r.w1_marginal.is_exact());
        assert!(0.0 < r.lower_bound && r.lower_bound <= r.w1_marginal.upper * (1.0 + 1e-9) && r.w1_marginal.upper <= r.certificate);
        assert!(r.w1.upper <= r.certificate + r.prior_mismatch);
        assert!(r.w1_marginal.upper <= r.w2_marginal.upper);
    }
}

#[test]
fn a_ball_is_the_limit_of_its_shells() {
    // At angle 0.6 the noise covers the spacing of 12 shells.
    let grid = angles(0.6, 1.4, 4);
    for dim in [2, 50] {
        let exact = RadialRecursion::new(&Radial::ball(dim, 1.3).unwrap(), &grid).run().unwrap();
        let shells = RadialRecursion::new(&Radial::ball_shells(dim, 1.3, 12).unwrap(), &grid).run().unwrap();
        agree(exact.report(), shells.report(), 1e-8);
        assert!((exact.report().loss_sum / exact.report().energy_deficit - 1.0).abs() < 1e-8);
    }
}

#[test]
fn a_thousand_dimensions_and_a_thousand_levels() {
    let target = Radial::sphere(1000, 1000f64.sqrt()).unwrap();
    let r = RadialRecursion::new(&target, &paper(1000)).run().unwrap().report().clone();
    assert!(r.resolved);
    assert!((r.loss_sum / r.energy_deficit - 1.0).abs() < 1e-10);
    // Nearly N(0, I): W_2 is within a percent of √d times the value on the line.
    let one = GaussianRecursion::new(&Gaussian::standard(1000).unwrap(), &paper(1000)).run().unwrap().report().clone();
    assert!((r.w2_marginal.upper / one.w2_marginal.upper - 1.0).abs() < 0.01, "{} {}", r.w2_marginal.upper, one.w2_marginal.upper);
}

/// E[f(X_{t−1}) | X_t = x] for a sphere in three dimensions, where cos φ has the density ∝ e^{κc}: a midpoint rule in c.
fn naive(f: impl Fn(f64) -> f64, grid: &Grid, t: usize, rho: f64, r: f64) -> f64 {
    let (now, before) = (grid.level(t), grid.level(t - 1));
    let (a, b) = (before.sin() / now.sin(), grid.sin_delta(t) / now.sin());
    let kappa = now.cos() * rho * r / now.one_minus_alpha_bar();
    let n = 20_000;
    let (mut sum, mut mass) = (0.0, 0.0);
    for i in 0..n {
        let c = -1.0 + (f64::from(i) + 0.5) * 2.0 / f64::from(n);
        let w = (kappa * (c - 1.0)).exp();
        let (along, across) = (a * r + b * rho * c, b * rho * (1.0 - c * c).sqrt());
        let radius = along.hypot(across);
        sum += w * f(radius) * along / radius;
        mass += w;
    }
    sum / mass
}

#[test]
fn functions_are_the_posterior_means() {
    let rho = 1.5;
    let target = Radial::sphere(3, rho).unwrap();
    let grid = angles(0.3, 1.4, 8);
    let run = RadialRecursion::new(&target, &grid).keep(Keep::All).run().unwrap();
    let f = |t: usize, r: f64| run.consistency().eval(t, &array![[0.0, r, 0.0]])[[0, 1]];
    for t in 2..=8 {
        for r in [0.2, 0.9, 1.6, 2.5] {
            // The midpoint rule with 20,000 cells is good to 1e−8.
            let exact = naive(|radius| f(t - 1, radius), &grid, t, rho, r);
            assert!((f(t, r) - exact).abs() < 3e-8, "t = {t}, r = {r}: {} for {exact}", f(t, r));
        }
    }
}

#[test]
fn the_first_step_of_distillation_is_the_denoising_step() {
    let target = Radial::shells(5, &[0.4, 0.6], &[1.0, 2.0]).unwrap();
    let grid = angles(0.3, 1.4, 6);
    let x = array![[0.3, -0.4, 0.9, 0.1, 0.7]];
    let mean: Array2<f64> = (&x * grid.level(1).sin() + target.denoise(grid.level(2), &x) * grid.sin_delta(2)) / grid.level(2).sin();
    for method in [Method::Training, Method::Distillation] {
        let run = RadialRecursion::new(&target, &grid).method(method).keep(Keep::Levels(vec![2])).run().unwrap();
        let gap: Array2<f64> = run.consistency().eval(2, &x) - &mean;
        assert!(gap.iter().all(|g| g.abs() < 1e-11), "{gap}");
    }
}

#[test]
fn halving_the_steps_halves_the_error_in_high_dimension() {
    let target = Radial::sphere(50, 50f64.sqrt()).unwrap();
    let w1 = |steps| RadialRecursion::new(&target, &angles(0.1, 1.5, steps)).run().unwrap().report().w1_marginal.upper;
    let order = (w1(41) / w1(81)).log2();
    assert!((order - 1.0).abs() < 0.02, "order {order}");
}

#[test]
fn bad_parameters_are_refused() {
    let grid = angles(0.3, 1.4, 6);
    let target = Radial::sphere(3, 1.0).unwrap();
    assert!(RadialRecursion::new(&target, &grid).tolerance(f64::NAN).run().is_err());
    assert!(RadialRecursion::new(&target, &grid).spacing(0.0).run().is_err());
    assert!(RadialRecursion::new(&Radial::sphere(3, 0.0).unwrap(), &grid).run().is_err());
    for radius in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(Radial::sphere(3, radius).is_err());
    }
    assert!(Radial::sphere(0, 1.0).is_err());
    assert!(Radial::ball_shells(3, 1.0, 0).is_err());
    assert!(Radial::shells(3, &[0.5, 0.4], &[1.0, 2.0]).is_err());
    assert!(Radial::shells(3, &[1.0], &[1.0, 2.0]).is_err());
    assert!(Radial::from_quantile(3, 4, |u| 1.0 / (u - u)).is_err());
}
