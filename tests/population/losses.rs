//! The recursion on the line under pseudo-Huber and the absolute loss.

use ndarray::Array2;
use onestep::law::{Comb, Gaussian, GaussianMixture, LineMixture, Radial};
use onestep::population::{
    Evaluations, Keep, LinePopulation, LineRecursion, Loss, Method, Population, PopulationError, PopulationLaw, Settings,
};
use onestep::{ConsistencyFunction, Grid};

fn uniform_angles(steps: usize) -> Grid {
    let (a, b) = (0.01, std::f64::consts::FRAC_PI_2 - 0.001);
    Grid::from_angles(&(0..steps).map(|i| a + (b - a) * i as f64 / (steps - 1) as f64).collect::<Vec<_>>()).unwrap()
}

fn skewed() -> LineMixture {
    LineMixture::new(&[0.3, 0.7], &[-1.0, 0.5], &[0.9, 0.35]).unwrap()
}

fn run(loss: Loss, steps: usize, tolerance: f64) -> LinePopulation {
    LineRecursion::new(&skewed(), &uniform_angles(steps)).loss(loss).tolerance(tolerance).run().unwrap()
}

fn huber(c: f64) -> Loss {
    Loss::PseudoHuber { c }
}

fn assert_relative(name: &str, value: f64, truth: f64, tolerance: f64) {
    assert!((value / truth - 1.0).abs() <= tolerance, "{name}: {value:e} for {truth:e}, relative error {:.1e}", value / truth - 1.0);
}

/// √E(f − g)² over a law of noise, by the values at x.
fn apart(f: &LinePopulation, g: &LinePopulation) -> f64 {
    let x = Array2::from_shape_fn((601, 1), |(i, _)| i as f64 / 100.0 - 3.0);
    let value = |run: &LinePopulation| run.consistency().eval(run.report().steps, &x);
    let weight = |x: f64| (-0.5 * x * x).exp();
    let (mut sum, mut total) = (0.0, 0.0);
    for ((a, b), x) in value(f).iter().zip(&value(g)).zip(&x) {
        sum += weight(*x) * (a - b) * (a - b);
        total += weight(*x);
    }
    (sum / total).sqrt()
}

/// `tests/golden/robust_line.py` agrees with itself on two grids to 1e−9 or better; the crate is asked for 1e−9 at T = 50 and 1e−7 at T = 200.
#[test]
fn agrees_with_an_independent_recursion() {
    let stored = include_str!("../golden/robust_line.csv");
    let mut cases = 0;
    for line in stored.lines().skip(1) {
        let fields: Vec<f64> = line.split(',').map(|v| v.parse().unwrap()).collect();
        let (steps, c) = (fields[0] as usize, fields[1]);
        let (asked, tolerance) = if steps == 50 { (1e-9, 1e-8) } else { (1e-7, 1e-7) };
        let found = run(if c > 0.0 { huber(c) } else { Loss::Absolute }, steps, asked).report().clone();
        assert!(found.resolved, "{line}: moved by {:e}", found.resolution_error);
        assert_relative("W_1", found.w1_marginal.lower, fields[2], tolerance);
        assert_relative("W_2", found.w2_marginal.upper, fields[3], tolerance);
        assert_relative("energy deficit", found.energy_deficit, fields[4], tolerance);
        assert_relative("sum of the losses", found.loss_sum, fields[5], tolerance);
        cases += 1;
    }
    assert_eq!(cases, 12);
}

/// Three digits of independent runs for .3N(−1,.9²)+.7N(.5,.35²), X_T at its true law: the squared loss beside the others.
#[test]
fn a_small_c_and_the_median_cost_more_than_the_steps() {
    let stored = include_str!("../golden/robust_line.csv");
    let squared = [50, 200].map(|steps| run(Loss::Squared, steps, 1e-6).report().w1_marginal.lower);
    assert_relative("T = 50", squared[0], 0.0254, 2e-3);
    assert_relative("T = 200", squared[1], 0.0069, 8e-3);
    for line in stored.lines().skip(1) {
        let fields: Vec<f64> = line.split(',').map(|v| v.parse().unwrap()).collect();
        let (steps, c, w1) = (fields[0], fields[1], fields[2]);
        let step = (std::f64::consts::FRAC_PI_2 - 0.011) / (steps - 1.0);
        let excess = w1 / squared[usize::from(steps > 50.0)] - 1.0;
        // c against √Δθ = .18 and .089.
        if c >= 1.6 * step.sqrt() {
            assert!(excess < 0.05, "{line}: {excess}");
        }
        if c <= 0.4 * step.sqrt() {
            assert!(excess > 1.0, "{line}: {excess}");
        }
    }
}

/// The steps of the absolute loss are f_{t−1}(median), which compose to the transport along the posterior median of Y = dX/dθ: W_1 tends to
/// the error of that (`tests/golden/median_flow.py`), with an error of order 1/T, and not to 0.
#[test]
fn the_absolute_loss_transports_along_the_median() {
    for line in include_str!("../golden/median_flow.csv").lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let list = |s: &str| s.split(';').map(|v| v.parse().unwrap()).collect::<Vec<f64>>();
        let (law, limit) =
            (LineMixture::new(&list(fields[0]), &list(fields[1]), &list(fields[2])).unwrap(), fields[3].parse::<f64>().unwrap());
        let left = |steps: usize| {
            let run = LineRecursion::new(&law, &uniform_angles(steps)).loss(Loss::Absolute).tolerance(1e-6).run().unwrap();
            run.report().w1_marginal.lower - limit
        };
        let (coarse, middle, fine) = (left(51), left(101), left(201));
        assert!((0.0..0.02 * limit).contains(&fine) && middle < 0.04 * limit, "{line}: {coarse} {middle} {fine}");
        // Of order 1/T: Richardson's limit of the last two has an error of order 1/T². Equal widths have little of the first order.
        if fields[2] == "0.9;0.35" {
            assert!((1.9..2.1).contains(&(middle / fine)), "{coarse} {middle} {fine}");
            assert!((2.0 * fine - middle).abs() < 1e-3 * limit, "{line}: {}", 2.0 * fine - middle);
        }
    }
}

/// In all O((Δθ/c)²): the distance from the optimum of the squared loss falls by four when c doubles or the steps are halved, and with c ∝ Δθ
/// it stays.
#[test]
fn the_bias_of_pseudo_huber_is_of_second_order() {
    let bias = |steps: usize, c: f64| apart(&run(huber(c), steps, 1e-8), &run(Loss::Squared, steps, 1e-8));
    let (one, wide, fine) = (bias(101, 0.6), bias(101, 1.2), bias(201, 0.6));
    assert!((3.8..4.2).contains(&(one / wide)), "c doubled: {}", one / wide);
    // Of order two in the step, which is reached from below.
    let orders = [(one / fine).log2(), (fine / bias(401, 0.6)).log2()];
    assert!(1.85 < orders[0] && orders[0] < orders[1] && orders[1] < 2.0, "{orders:?}");
    let (coarse, halved) = (bias(51, 0.03), bias(101, 0.015));
    assert!((0.9..1.1).contains(&(coarse / halved)), "c and steps halved: {}", coarse / halved);
}

#[test]
fn between_the_mean_and_the_median() {
    let (steps, tolerance) = (12, 1e-8);
    let [squared, absolute] = [Loss::Squared, Loss::Absolute].map(|loss| run(loss, steps, tolerance));
    // The bias is (Δθ/c)² of f, and 1e−12 of it rounding.
    assert!(apart(&run(huber(1e5), steps, tolerance), &squared) < 1e-10);
    assert!(apart(&run(huber(1e-7), steps, tolerance), &absolute) < 1e-6);
    // The mean of the loss: r²/(2c) far below c, |r| far above.
    let sum = |c: f64| run(huber(c), steps, tolerance).report().loss_sum;
    assert_relative("2c times the loss", 2e5 * sum(1e5), squared.report().loss_sum, 1e-8);
    assert_relative("the loss", sum(1e-7), absolute.report().loss_sum, 1e-5);
}

#[test]
fn bounds_hold_and_what_does_not_apply_is_absent() {
    for loss in [huber(0.3), huber(0.02), Loss::Absolute] {
        let found = LineRecursion::new(&skewed(), &uniform_angles(40)).loss(loss).keep(Keep::All).tolerance(1e-7).run().unwrap();
        let report = found.report();
        assert!(report.lower_bound > 0.3 * report.w1_marginal.lower && report.lower_bound <= report.w1_marginal.lower, "{loss}: {report}");
        assert!(report.certificate >= report.w1_marginal.upper, "{loss}: {report}");
        assert!(report.energy_lower <= report.w2_marginal.upper && report.mean_shift > 1e-4, "{loss}: {report}");
        assert_eq!(report.energy_upper, None);
        // No identity ties the losses to the second moment.
        assert!((report.loss_sum / report.energy_deficit - 1.0).abs() > 0.1);
        // Copies are coupled by the norm.
        let population: &dyn Population = &found;
        assert_eq!(population.copies(1).as_ref(), Some(report));
        assert_eq!(population.copies(2), None);
        // Monotone likelihood ratio: every f_t increases.
        let x = Array2::from_shape_fn((400, 1), |(i, _)| i as f64 / 50.0 - 4.0);
        for t in 1..=40 {
            let values = found.consistency().eval(t, &x);
            assert!(values.iter().zip(values.iter().skip(1)).all(|(a, b)| a < b), "{loss}: f_{t}");
        }
    }
}

/// One step from f_1 = id: the M-estimate of the posterior itself, here of widely different widths, by sums of 10⁶ terms and bisection.
#[test]
fn one_step_is_the_m_estimate_of_the_posterior() {
    let (weights, means, stds) = ([0.5, 0.3, 0.2], [-1.0, 0.2, 1.5], [0.01, 0.4, 1.3]);
    let law = LineMixture::new(&weights, &means, &stds).unwrap();
    let (before, now) = (0.15_f64, 0.9_f64);
    let grid = Grid::from_angles(&[before, now]).unwrap();
    for c in [0.0, 0.003, 0.1, 2.0] {
        let found = LineRecursion::new(&law, &grid).loss(if c > 0.0 { huber(c) } else { Loss::Absolute }).tolerance(1e-7).run().unwrap();
        for x in [-1.3, -0.6, -0.55, 0.1, 0.8, 2.4] {
            let parts: Vec<(f64, f64, f64)> = (0..3)
                .map(|k| {
                    let v = (now.cos() * stds[k]).powi(2) + now.sin().powi(2);
                    let offset = x - now.cos() * means[k];
                    let cov = now.cos() * before.cos() * stds[k] * stds[k] + now.sin() * before.sin();
                    let weight = weights[k] / v.sqrt() * (-0.5 * offset * offset / v).exp();
                    (weight, before.cos() * means[k] + cov / v * offset, stds[k] * (now - before).sin() / v.sqrt())
                })
                .collect();
            let points: Vec<(f64, f64)> = parts
                .iter()
                .flat_map(|&(w, m, s)| {
                    (-9000..9000).map(move |j| (f64::from(j) + 0.5) / 1000.0).map(move |z| (m + s * z, w * (-0.5 * z * z).exp()))
                })
                .collect();
            let (mut low, mut high) = (-20.0, 20.0);
            for _ in 0..60 {
                let m = 0.5 * (low + high);
                let psi = |r: f64| if c > 0.0 { r / r.hypot(c) } else { r.signum() };
                if points.iter().map(|(u, w)| w * psi(u - m)).sum::<f64>() > 0.0 { low = m } else { high = m }
            }
            let value = found.consistency().eval(2, &ndarray::array![[x]])[[0, 0]];
            // The sums resolve the sign to half a spacing, and everything else to rounding; f is interpolated to 1e−7.
            let tolerance = if c > 0.0 { 2e-6 } else { 5e-4 };
            assert!((value - low).abs() < tolerance, "c = {c}, x = {x}: {value} for {low}");
        }
    }
}

/// Two point masses: p ψ(1 − m) = (1 − p) ψ(1 + m).
#[test]
fn two_point_masses_under_pseudo_huber() {
    let law = LineMixture::point_masses(&[0.5, 0.5], &[-1.0, 1.0]).unwrap();
    let (before, now) = (0.3_f64, 1.2_f64);
    let grid = Grid::from_angles(&[before, now]).unwrap();
    let found = LineRecursion::new(&law, &grid).loss(huber(0.5)).run().unwrap();
    assert!(found.report().resolved);
    for x in [-0.7, -0.1, 0.0, 0.4, 1.1] {
        let p = 1.0 / (1.0 + (-2.0 * x * now.cos() / now.sin().powi(2)).exp());
        let place = |m: f64| (before.sin() * x + (now - before).sin() * m) / now.sin();
        let psi = |r: f64| r / r.hypot(0.5);
        let (mut low, mut high) = (place(-1.0), place(1.0));
        for _ in 0..60 {
            let m = 0.5 * (low + high);
            if p * psi(place(1.0) - m) + (1.0 - p) * psi(place(-1.0) - m) > 0.0 { low = m } else { high = m }
        }
        let value = found.consistency().eval(2, &ndarray::array![[x]])[[0, 0]];
        assert!((value - low).abs() < 1e-8, "x = {x}: {value} for {low}");
    }
    // A point mass beside a Gaussian, c far below the width of its posterior.
    let mixed = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.0, 0.6]).unwrap();
    assert!(LineRecursion::new(&mixed, &grid).loss(huber(0.02)).tolerance(1e-7).run().unwrap().report().resolved);
    let refused = LineRecursion::new(&law, &grid).loss(Loss::Absolute).run();
    assert!(matches!(refused, Err(PopulationError::OutOfRange(e)) if e.name.contains("absolute loss")));
}

#[test]
fn distillation_has_the_same_optimum_under_every_loss() {
    let grid = uniform_angles(20);
    let report = |loss| LineRecursion::new(&skewed(), &grid).method(Method::Distillation).loss(loss).run().unwrap().report().clone();
    assert_eq!(report(Loss::Squared), report(Loss::Absolute));
    assert_eq!(report(Loss::Squared), report(huber(0.01)));
}

#[test]
fn several_evaluations_are_of_the_functions_that_were_trained() {
    let (law, grid) = (skewed(), uniform_angles(20));
    let settings = Settings::new().loss(Loss::Absolute).tolerance(1e-6);
    let one = law.few_steps(&grid, &settings, &Evaluations::Levels(vec![])).unwrap().unwrap().w1.upper;
    assert_relative("one", one, run(Loss::Absolute, 20, 1e-6).report().w1.upper, 1e-12);
    let [two, squared] = [settings, Settings::new().tolerance(1e-6)]
        .map(|settings| law.few_steps(&grid, &settings, &Evaluations::Levels(vec![12])).unwrap().unwrap().w1.upper);
    // Noise does not bring back what the median leaves out.
    assert!(two < one && two > 2.0 * squared, "{one} {two} {squared}");
}

#[test]
fn what_has_no_recursion_is_refused() {
    let grid = uniform_angles(8);
    let laws: [(&str, Box<dyn PopulationLaw>); 4] = [
        ("combs", Box::new(Comb::new(0.5, 3.0).unwrap())),
        ("radial", Box::new(Radial::sphere(3, 1.0).unwrap())),
        ("Gaussians", Box::new(Gaussian::standard(2).unwrap())),
        ("lattice", Box::new(GaussianMixture::isotropic(&[0.5, 0.5], &ndarray::array![[0.0], [1.0]], &[0.5, 0.5]).unwrap())),
    ];
    for (name, law) in &laws {
        let error = law.population(&grid, &Settings::new().loss(huber(0.1)).tolerance(1e-3)).unwrap_err();
        assert!(matches!(error, PopulationError::LossNotKnown { .. }), "{name}: {error}");
        assert!(error.to_string().contains(name) && error.to_string().contains("pseudo-Huber (c = 0.1)"), "{error}");
    }
    for c in [0.0, 1e-101, -1.0, f64::NAN, f64::INFINITY] {
        let refused = LineRecursion::new(&skewed(), &grid).loss(huber(c)).run();
        assert!(matches!(refused, Err(PopulationError::OutOfRange(e)) if e.name == "c"));
    }
    // The ends of the range of c are answered.
    for c in [1e-100, 1e100] {
        assert!(LineRecursion::new(&skewed(), &grid).loss(huber(c)).tolerance(1e-5).run().unwrap().report().resolved, "c = {c:e}");
    }
}
