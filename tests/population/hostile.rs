//! Laws and grids at the limits of double precision: separated modes, vanishing steps, extreme scales. Right, or a typed error.

use onestep::law::{Covariance, Gaussian, GaussianMixture, LineMixture, Radial};
use onestep::population::{GaussianRecursion, LatticeRecursion, LineRecursion, PopulationError, PopulationReport, Settings};
use onestep::schedule::{LiHuangWei, LinearSchedule, UniformAngle};
use onestep::{Grid, VarianceSchedule};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn paper(steps: usize) -> Grid {
    LiHuangWei::new(steps, 2.0, 4.0).unwrap().grid().unwrap()
}

/// The energy identity ties the losses of all steps to the moments of the last function; the bounds are in order.
#[track_caller]
fn sound(r: &PopulationReport, tolerance: f64) {
    assert!(r.w1.upper.is_finite() && r.certificate.is_finite() && r.ln_lipschitz.is_finite(), "{r}");
    assert!((r.loss_sum - r.energy_deficit).abs() <= tolerance * r.energy_deficit.abs() + 1e-13 * r.spread * r.spread, "{r}");
    assert!(r.lower_bound <= r.w1.upper && r.w1_marginal.upper <= r.certificate, "{r}");
}

#[test]
fn separated_modes_work() {
    let settings = Settings::new().tolerance(1e-6);
    let far = LineMixture::new(&[0.1, 0.9], &[0.0, 30.0], &[0.2, 0.2]).unwrap();
    let grid = paper(64);
    let run = LineRecursion::new(&far, &grid).settings(settings.clone()).run().unwrap();
    sound(run.report(), 1e-5);
    // The flow parts where the density is exp(−(15/.2)²/2): L_f is beyond double precision, its logarithm is not.
    assert!(run.report().lipschitz() > 1e300 && run.report().ln_lipschitz < 3000.0);
    let points = LineMixture::point_masses(&[0.3, 0.3, 0.4], &[58.0, -222.0, -140.0]).unwrap();
    let grid = UniformAngle::new(7, 0.01, 1.5698).unwrap().grid().unwrap();
    sound(LineRecursion::new(&points, &grid).settings(settings).run().unwrap().report(), 1e-5);
}

#[test]
fn random_separated_mixtures_end() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    for _ in 0..24 {
        let modes = rng.random_range(2..5);
        let means: Vec<f64> = (0..modes).map(|_| rng.random_range(-100.0..100.0)).collect();
        let stds: Vec<f64> = (0..modes).map(|_| 10f64.powf(rng.random_range(-2.0..1.0))).collect();
        let law = LineMixture::new(&vec![1.0 / modes as f64; modes], &means, &stds).unwrap();
        let run = LineRecursion::new(&law, &paper(48)).tolerance(1e-4).refinements(2).run();
        sound(run.unwrap_or_else(|e| panic!("{means:?} {stds:?}: {e}")).report(), 1e-2);
    }
}

#[test]
fn forty_modes_take_no_cube() {
    let means: Vec<f64> = (0..40).map(|k| f64::from(k) * 1.3 - 26.0).collect();
    let law = LineMixture::new(&[1.0 / 40.0; 40], &means, &[0.3; 40]).unwrap();
    let grid = UniformAngle::new(8, 0.05, 1.55).unwrap().grid().unwrap();
    sound(LineRecursion::new(&law, &grid).tolerance(1e-4).run().unwrap().report(), 1e-3);
}

#[test]
fn a_schedule_that_leaves_no_signal_is_refused_where_it_does() {
    let error = LinearSchedule::new(1000, 1e-4, 0.999).unwrap().grid().unwrap_err().to_string();
    assert!(error.contains("alpha_bar[910]"), "{error}");
}

#[test]
fn extreme_scales_are_refused_or_right() {
    assert!(Grid::from_angles(&[1e-77, 1e-76, 0.5, 1.5]).is_err());
    for std in [1e77, 1e200, 1e300] {
        assert!(LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[std, std]).is_err());
    }
    assert!(Radial::sphere(3, 1e-78).is_err());
    let fine = Grid::from_angles(&[0.1, 0.8, 1.5]).unwrap();
    // Where a law or a run is not refused, its report holds numbers.
    let wide = Covariance::isotropic(1, 1e300).and_then(|c| Gaussian::new(&[0.0], c));
    if let Ok(Ok(run)) = wide.map(|law| GaussianRecursion::new(&law, &fine).run()) {
        assert!(run.report().w1.upper.is_finite());
    }
}

#[test]
fn a_lattice_that_misses_the_modes_is_an_error() {
    let law = GaussianMixture::isotropic(&[0.5, 0.5], &ndarray::array![[-100.0, 0.0], [100.0, 0.0]], &[0.04, 0.04]).unwrap();
    let grid = Grid::from_angles(&[0.1, 0.8, 1.5]).unwrap();
    let run = LatticeRecursion::new(&law, &grid).nodes(48).run();
    assert!(matches!(run, Err(PopulationError::LatticeTooCoarse { nodes: 48, .. })), "{run:?}");
}

#[test]
fn a_report_without_a_number_is_never_resolved() {
    // Distances beyond 1e154 have squares that overflow: the closed form says so.
    let law = Gaussian::new(&[0.0], Covariance::isotropic(1, 1e308).unwrap()).unwrap();
    let grid = Grid::from_angles(&[0.1, 0.8, 1.5]).unwrap();
    match GaussianRecursion::new(&law, &grid).run() {
        Ok(run) => assert!(run.report().w1.upper.is_finite() && run.report().energy_deficit.is_finite()),
        Err(error) => assert!(matches!(error, PopulationError::NotFinite { .. }), "{error}"),
    }
}
