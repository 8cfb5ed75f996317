//! What reports say about their own errors, and the reports of products.

use ndarray::array;
use onestep::law::{Covariance, Gaussian, GaussianMixture, LineMixture};
use onestep::population::{GaussianRecursion, LatticeRecursion, LineRecursion, Method, Population, PopulationLaw, Settings};
use onestep::schedule::{Equidistributed, LiHuangWei, UniformAngle};
use onestep::{ConsistencyFunction, Grid, VarianceSchedule};

fn paper(steps: usize) -> Grid {
    LiHuangWei::new(steps, 2.0, 4.0).unwrap().grid().unwrap()
}

fn pair() -> LineMixture {
    LineMixture::new(&[0.4, 0.6], &[-0.8, 0.6], &[0.5, 0.6]).unwrap()
}

/// N(0, 1) on the line measures a subset of the levels, in closed form all of them.
#[test]
fn a_certificate_from_a_subset_of_levels_holds_its_own_error() {
    // The first step is far larger than the rest: a certificate without it misses most.
    let angles: Vec<f64> = std::iter::once(0.01).chain((0..600).map(|i| 0.8 + 0.7 * f64::from(i) / 599.0)).collect();
    for grid in [paper(1000), Grid::from_angles(&angles).unwrap()] {
        let line = LineRecursion::new(&LineMixture::gaussian(0.0, 1.0).unwrap(), &grid).run().unwrap();
        let exact = GaussianRecursion::new(&Gaussian::standard(1).unwrap(), &grid).run().unwrap();
        let (r, want) = (line.report(), exact.report().certificate);
        assert!(line.local_errors().len() < grid.steps() - 1);
        assert!(r.certificate_error > 0.0 && r.certificate_error < 0.02 * want, "{:e}", r.certificate_error);
        assert!(r.certificate >= want * (1.0 - 1e-12) && r.certificate - want <= 2.0 * r.certificate_error, "{} {want}", r.certificate);
        // Where every level counts, the error is rounding, and is stated too.
        assert!(exact.report().certificate_error > 0.0 && exact.report().certificate_error < 1e-12 * want);
    }
}

#[test]
fn copies_are_the_product() {
    let grid = UniformAngle::new(40, 0.1, 1.3).unwrap().grid().unwrap();
    // A Gaussian has both forms: copies of one on the line, and an isotropic one in space.
    let (mean, std) = (1.5, 0.7);
    let line = LineRecursion::new(&LineMixture::gaussian(mean, std).unwrap(), &grid).run().unwrap();
    for copies in [1, 2, 5] {
        let space = Gaussian::new(&vec![mean; copies], Covariance::isotropic(copies, std * std).unwrap()).unwrap();
        let exact = GaussianRecursion::new(&space, &grid).run().unwrap().report().clone();
        let r = line.copies(copies);
        assert_eq!((r.dim, r.steps), (copies, 40));
        let close = |name: &str, a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-8, "{name}, {copies} copies: {a} {b}");
        close("W2", r.w2_marginal.upper, exact.w2_marginal.upper);
        close("energy", r.energy_deficit, exact.energy_deficit);
        close("loss", r.loss_sum, exact.loss_sum);
        close("spread", r.spread, exact.spread);
        assert!(r.w1.lower <= exact.w1.upper * (1.0 + 1e-9) && exact.w1.lower <= r.w1.upper * (1.0 + 1e-9), "{r} {exact}");
        assert!(r.w1_marginal.lower <= exact.w1_marginal.upper * (1.0 + 1e-9));
        assert!(exact.w1_marginal.upper <= r.w1_marginal.upper * (1.0 + 1e-9));
        assert!(exact.certificate <= r.certificate * (1.0 + 1e-9) && exact.prior_mismatch <= r.prior_mismatch * (1.0 + 1e-9));
        // E‖·‖ of the product by E|·| of one from below, by root mean squares from above.
        let root = (copies as f64).sqrt();
        close("W1 from below", r.w1.lower, root * line.report().w1.lower);
        let squares: f64 = line.local_errors().iter().map(|l| l.root_mean_square).sum();
        let ones: f64 = line.local_errors().iter().map(|l| l.mean_abs).sum();
        close("certificate", r.certificate, (root * squares).min(copies as f64 * ones));
    }
    // Distillation moves the mean: along the diagonal of the product.
    let skew = LineMixture::new(&[0.1, 0.9], &[-2.0, 0.5], &[0.3, 0.3]).unwrap();
    let coarse = UniformAngle::new(6, 0.2, 1.4).unwrap().grid().unwrap();
    let run = LineRecursion::new(&skew, &coarse).method(Method::Distillation).tolerance(1e-6).run().unwrap();
    assert!(run.report().mean_shift > 1e-6, "{}", run.report());
    assert!((run.copies(9).mean_shift / run.report().mean_shift - 3.0).abs() < 1e-12);
}

/// Between narrow modes no node stands: the slope of the last level comes from the search of the valley alone.
#[test]
fn the_steepest_place_between_modes_is_found_at_the_last_level() {
    let (std, grid) = (0.1, UniformAngle::new(8, 0.05, 1.5).unwrap().grid().unwrap());
    let law = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[std, std]).unwrap();
    let ln_density = |t: usize| {
        let level = grid.level(t);
        let v = level.alpha_bar() * std * std + level.one_minus_alpha_bar();
        -0.5 * level.alpha_bar() / v - 0.5 * v.ln()
    };
    let exact = ln_density(8) - ln_density(1);
    let run = LineRecursion::new(&law, &grid).tolerance(1e-6).run().unwrap();
    assert!((run.report().ln_lipschitz - exact).abs() < 1e-9, "{} {exact}", run.report().ln_lipschitz);
}

/// The maximum over nodes depends on where they stand; refined, it does not.
#[test]
fn the_lipschitz_constant_does_not_depend_on_the_nodes() {
    for (law, grid) in [
        (LineMixture::new(&[0.3, 0.7], &[-1.0, 0.5], &[0.9, 0.35]).unwrap(), paper(64)),
        (LineMixture::new(&[0.5, 0.5], &[-1.0, 1.4], &[0.6, 0.4]).unwrap(), UniformAngle::new(20, 0.1, 1.2).unwrap().grid().unwrap()),
        (LineMixture::gaussian(0.3, 1.7).unwrap(), paper(64)),
    ] {
        let at = |spacing: f64| LineRecursion::new(&law, &grid).spacing(spacing).refinements(0).run().unwrap().report().ln_lipschitz;
        let (coarse, fine) = (at(0.6), at(0.1));
        assert!((coarse - fine).abs() < 1e-9, "{coarse} {fine}");
    }
}

#[test]
fn one_interface_gives_what_each_recursion_gives() {
    let (grid, law) = (paper(32), pair());
    let settings = Settings::new().method(Method::Distillation).tolerance(1e-6);
    let run = law.population(&grid, &settings).unwrap();
    let own = LineRecursion::new(&law, &grid).method(Method::Distillation).tolerance(1e-6).run().unwrap();
    assert_eq!((run.report(), run.local_errors()), (own.report(), own.local_errors()));
    let x = array![[0.3], [-1.0]];
    assert_eq!(run.consistency().eval(32, &x), own.consistency().eval(32, &x));
    assert_eq!(run.copies(3), Some(own.copies(3)));
    let gaussian = Gaussian::standard(2).unwrap().population(&grid, &settings).unwrap();
    assert_eq!((gaussian.copies(2), gaussian.copies(1).map(|r| r.dim)), (None, Some(2)));
}

/// The grid spread by local errors keeps the ends and has the smallest certificate: (∫√g)²/(T − 1) to leading order.
#[test]
fn the_optimal_grid_has_the_certificate_it_promises() {
    let (law, uniform) = (pair(), UniformAngle::new(200, 0.05, 1.5).unwrap().grid().unwrap());
    let run = LineRecursion::new(&law, &uniform).tolerance(1e-6).run().unwrap();
    let best = Equidistributed::from_local_errors(200, run.local_errors()).unwrap();
    let promised = best.integral().powi(2) / 199.0;
    let grid = best.grid().unwrap();
    assert_eq!((grid.level(1).angle(), grid.last().angle()), (uniform.level(1).angle(), uniform.last().angle()));
    let found = LineRecursion::new(&law, &grid).tolerance(1e-6).run().unwrap().report().certificate;
    assert!((found / promised - 1.0).abs() < 0.02, "{found} {promised}");
    assert!(found < run.report().certificate);
    assert!(Equidistributed::from_local_errors(10, &[]).is_err());
}

/// On the line the other recursion knows every number.
#[test]
fn the_lattice_fills_the_same_report() {
    let grid = UniformAngle::new(16, 0.2, 1.45).unwrap().grid().unwrap();
    let law = GaussianMixture::isotropic(&[0.4, 0.6], &array![[-0.8], [0.6]], &[0.25, 0.36]).unwrap();
    for method in [Method::Training, Method::Distillation] {
        let exact = LineRecursion::new(&pair(), &grid).method(method).run().unwrap();
        let x = ndarray::Array2::from_shape_fn((41, 1), |(i, _)| 0.1 * i as f64 - 2.0);
        for nodes in [120, 200, 400] {
            let run = LatticeRecursion::new(&law, &grid).nodes(nodes).method(method).run().unwrap();
            let (r, e) = (run.report(), exact.report());
            let holds = |name: &str, i: onestep::population::Interval, v: f64| assert!(i.lower <= v && v <= i.upper, "{name}: {i} {v}");
            holds("W1", r.w1, e.w1.upper);
            holds("W1 at X_T", r.w1_marginal, e.w1_marginal.upper);
            holds("W2 at X_T", r.w2_marginal, e.w2_marginal.upper);
            assert!(r.lower_bound <= e.w1_marginal.upper && e.w1_marginal.upper <= r.certificate);
            assert!((r.certificate - e.certificate).abs() <= 2.0 * r.certificate_error + 1e-9, "{r} {e}");
            assert!(e.prior_mismatch <= r.prior_mismatch && r.prior_mismatch < e.prior_mismatch * 1.02 + 1e-4, "{r} {e}");
            assert!((r.energy_deficit - e.energy_deficit).abs() < 1e-4, "{method:?}: {} {}", r.energy_deficit, e.energy_deficit);
            assert!((r.mean_shift - e.mean_shift).abs() < 1e-4);
            assert!((r.ln_lipschitz - e.ln_lipschitz).abs() < 0.02, "{} {}", r.ln_lipschitz, e.ln_lipschitz);
            // The stated numerical error is above the true one, for distillation too.
            let gap = run.consistency().eval(16, &x) - exact.consistency().eval(16, &x);
            let true_error = gap.iter().map(|g| g * g).sum::<f64>() / 41.0;
            assert!(
                true_error.sqrt() <= run.numerical_error(),
                "{method:?}, {nodes} nodes: {:e} {:e}",
                true_error.sqrt(),
                run.numerical_error()
            );
        }
    }
}

#[test]
fn the_interval_of_a_lattice_holds_the_truth() {
    // N(0, I) in the plane, eight uniform angles: (1 − ∏ cos Δθ) E‖Z‖ = .16476260696, E‖Z‖ = √(π/2).
    let grid = UniformAngle::new(8, 0.15, 1.55).unwrap().grid().unwrap();
    let exact = (1.0 - (1.4_f64 / 7.0).cos().powi(7)) * std::f64::consts::FRAC_PI_2.sqrt();
    assert!((exact - 0.164_762_606_96).abs() < 1e-11);
    let law = GaussianMixture::isotropic(&[1.0], &array![[0.0, 0.0]], &[1.0]).unwrap();
    for nodes in [32, 48, 71, 96] {
        let run = LatticeRecursion::new(&law, &grid).nodes(nodes).run().unwrap();
        let w1 = run.report().w1_marginal;
        assert!(w1.lower <= exact && exact <= w1.upper, "{nodes} nodes: {w1} {exact}");
        assert!(w1.upper < 1.02 * exact && w1.lower > 0.8 * exact, "{nodes} nodes: {w1} {exact}");
    }
}
