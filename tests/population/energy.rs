//! The bracket from second moments, 2.15: known answers, its sharp case, and W_2 between its ends for every recursion.

use ndarray::array;
use onestep::law::{Covariance, Gaussian, GaussianMixture, LineMixture, Radial};
use onestep::population::{LatticeRecursion, LineRecursion, Method, PopulationLaw, PopulationReport, Settings};
use onestep::schedule::{LiHuangWei, UniformAngle};
use onestep::{Grid, VarianceSchedule};
use proptest::prelude::*;
use std::f64::consts::FRAC_PI_2;

/// T uniform angles on [.01, π/2 − .001].
fn uniform(steps: usize) -> Grid {
    UniformAngle::new(steps, 0.01, FRAC_PI_2 - 0.001).unwrap().grid().unwrap()
}

fn paper(steps: usize) -> Grid {
    LiHuangWei::new(steps, 2.0, 4.0).unwrap().grid().unwrap()
}

fn pair(mean: f64, std: f64) -> LineMixture {
    LineMixture::new(&[0.5, 0.5], &[-mean, mean], &[std, std]).unwrap()
}

#[track_caller]
fn encloses(report: &PopulationReport) {
    let (w2, lower) = (report.w2_marginal, report.energy_lower);
    assert!(lower >= 0.0 && lower <= w2.upper, "{lower:e} > {w2:e}\n{report}");
    if let Some(upper) = report.energy_upper {
        assert!(w2.lower <= upper, "{w2:e} > {upper:e}\n{report}");
    }
}

/// T·W_1, T·W_2 and T·Σ loss* of the theory notes, to the digits given there.
#[test]
fn known_answers() {
    for (mean, steps, w1, w2, loss) in [
        (0.5, 50, 0.829_199_8, 0.987_363_20, 1.520_438_584),
        (0.5, 200, 0.825_725_0, 0.981_855_95, 1.526_333_254),
        (0.7, 50, 1.083_225_1, 1.179_588_29, 2.099_016_183),
    ] {
        let report = LineRecursion::new(&pair(mean, 0.6), &uniform(steps)).run().unwrap().report().clone();
        let t = steps as f64;
        assert!((t * report.w1_marginal.upper - w1).abs() < 1.5e-7, "{}", t * report.w1_marginal.upper);
        assert!((t * report.w2_marginal.upper - w2).abs() < 1e-8, "{}", t * report.w2_marginal.upper);
        let upper = report.energy_upper.unwrap();
        assert!((t * upper * upper - loss).abs() < 1e-8, "{}", t * upper * upper);
        encloses(&report);
    }
}

/// Two point masses on the paper's schedule: the ratio tends to √(√2 − 1) = .6436.
#[test]
fn two_point_masses_have_the_rate_of_the_upper_end() {
    for (steps, answer) in [(256, 0.64472), (1024, 0.64407)] {
        let law = LineMixture::point_masses(&[0.5, 0.5], &[-1.0, 1.0]).unwrap();
        let report = LineRecursion::new(&law, &paper(steps)).tolerance(1e-7).run().unwrap().report().clone();
        let ratio = report.w2_marginal.upper / report.energy_upper.unwrap();
        assert!((ratio - answer).abs() < 6e-6, "{ratio}");
        encloses(&report);
    }
}

/// One step from noise to data: f_2* is cos θ_1 times the mean and sin θ_1 x, and both ends are W_2 up to sin θ_1.
#[test]
fn one_step_from_noise_attains_both_ends() {
    let law = LineMixture::new(&[0.3, 0.7], &[-2.0, 1.0], &[0.5, 0.8]).unwrap();
    let grid = Grid::from_angles(&[1e-3, FRAC_PI_2]).unwrap();
    let report = LineRecursion::new(&law, &grid).run().unwrap().report().clone();
    assert!((report.energy_upper.unwrap() / report.w2_marginal.upper - 1.0).abs() < 1e-3, "{report}");
    assert!((report.energy_lower / report.w2_marginal.upper - 1.0).abs() < 1e-3, "{report}");
    encloses(&report);
}

/// A poor resolution says how poor it is: its bracket holds the W_2 of a fine one.
#[test]
fn the_bracket_of_a_coarse_run_holds_the_truth() {
    for (law, grid) in [(pair(1.0, 0.5), uniform(12)), (pair(1.5, 0.3), paper(64)), (LineMixture::gaussian(3.0, 0.2).unwrap(), uniform(5))]
    {
        let truth = LineRecursion::new(&law, &grid).tolerance(1e-11).run().unwrap().report().clone();
        for spacing in [1.0, 0.7, 0.5] {
            let coarse = LineRecursion::new(&law, &grid).tolerance(0.5).spacing(spacing).run().unwrap().report().clone();
            assert!(coarse.energy_lower <= truth.w2_marginal.lower, "{coarse}\n{truth}");
            assert!(truth.w2_marginal.upper <= coarse.energy_upper.unwrap(), "{coarse}\n{truth}");
            assert!(truth.loss_sum.sqrt() <= coarse.energy_upper.unwrap(), "{coarse}\n{truth}");
        }
    }
    // Unknown errors leave nothing to say.
    let once = LineRecursion::new(&pair(1.0, 0.5), &uniform(12)).refinements(0).run().unwrap().report().clone();
    assert_eq!((once.energy_lower, once.energy_upper), (0.0, None));
}

#[test]
fn every_recursion_fills_the_bracket() {
    let gaussian = Gaussian::new(&[3.0, -1.0, 0.5], Covariance::diagonal(&[4.0, 0.1, 1.0]).unwrap()).unwrap();
    let mixture = GaussianMixture::isotropic(&[0.4, 0.6], &array![[-0.8, 0.0], [0.6, 0.3]], &[0.25, 0.36]).unwrap();
    let sphere = Radial::sphere(5, 2.0).unwrap();
    let shells = Radial::shells(2, &[0.5, 0.5], &[1.0, 3.0]).unwrap();
    let line = pair(1.0, 0.6);
    let laws: [&dyn PopulationLaw; 5] = [&gaussian, &sphere, &shells, &mixture, &line];
    let grid = UniformAngle::new(12, 0.1, 1.5).unwrap().grid().unwrap();
    for law in laws {
        for method in [Method::Training, Method::Distillation] {
            let run = law.population(&grid, &Settings::new().method(method).tolerance(1e-3)).unwrap();
            let report = run.report();
            encloses(report);
            assert_eq!(report.energy_upper.is_some(), method == Method::Training, "{report}");
            assert!(report.energy_lower > 0.0, "{report}");
            let said = report.to_string().lines().filter(|l| l.starts_with("W2") && l.contains(" and ")).count();
            assert_eq!(said == 1, method == Method::Training, "{report}");
        }
    }
    // The squares of a product add.
    let run = LineRecursion::new(&line, &grid).run().unwrap();
    let (one, nine) = (run.report(), run.copies(9));
    assert!((nine.energy_upper.unwrap() / one.energy_upper.unwrap() - 3.0).abs() < 1e-14);
    assert!((nine.energy_lower / one.energy_lower - 3.0).abs() < 1e-14);
    encloses(&nine);
    // An isotropic Gaussian attains the lower end.
    let exact = Gaussian::standard(4).unwrap().population(&grid, &Settings::new()).unwrap();
    let report = exact.report();
    assert!((report.energy_lower / report.w2_marginal.lower - 1.0).abs() < 1e-11, "{report}");
}

/// The truth of the lattice's W_2 is that of the line.
#[test]
fn the_bracket_of_a_lattice_holds_the_exact_distance() {
    let grid = UniformAngle::new(16, 0.2, 1.45).unwrap().grid().unwrap();
    let exact = LineRecursion::new(&pair(0.7, 0.5), &grid).run().unwrap().report().clone();
    let law = GaussianMixture::isotropic(&[0.5, 0.5], &array![[-0.7], [0.7]], &[0.25, 0.25]).unwrap();
    for nodes in [60, 200] {
        let report = LatticeRecursion::new(&law, &grid).nodes(nodes).run().unwrap().report().clone();
        assert!(report.energy_lower <= exact.w2_marginal.lower && exact.w2_marginal.upper <= report.energy_upper.unwrap(), "{report}");
        assert!(report.energy_upper.unwrap() >= exact.loss_sum.sqrt(), "{report}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn w2_lies_in_the_bracket(
        weight in 0.05..0.95_f64, left in -2.0..2.0_f64, right in -2.0..2.0_f64, narrow in 0.3..1.5_f64, wide in 0.3..1.5_f64,
        mut angles in prop::collection::vec(0.02..1.56_f64, 2..20), distil in any::<bool>(),
    ) {
        angles.sort_by(f64::total_cmp);
        angles.dedup_by(|b, a| *b - *a < 1e-6);
        prop_assume!(angles.len() > 1);
        let law = LineMixture::new(&[weight, 1.0 - weight], &[left, right], &[narrow, wide]).unwrap();
        let grid = Grid::from_angles(&angles).unwrap();
        let method = if distil { Method::Distillation } else { Method::Training };
        let report = LineRecursion::new(&law, &grid).method(method).run().unwrap().report().clone();
        encloses(&report);
        prop_assert_eq!(report.energy_upper.is_none(), distil);
        // Near the truth itself: the losses add up to the lost second moment.
        if let Some(upper) = report.energy_upper {
            prop_assert!(upper * upper <= report.energy_deficit * (1.0 + 1e-6) + 1e-12);
        }
    }
}
