//! Numbers of every size: no law answers NaN, and none panics.

use ndarray::{Array1, Array2, array};
use onestep::law::{
    Covariance, Gaussian, GaussianMixture, LawError, LineMixture, NoisyCurve, PointMasses, Product, Radial, Rotated, Shifted, Tweedie,
};
use onestep::{LogDensity, NoiseLevel, Posterior, PosteriorRule, ScoreFunction, ScoreJacobian};
use proptest::prelude::*;

trait Law: LogDensity + Posterior + PosteriorRule + ScoreFunction + ScoreJacobian {}
impl<T: LogDensity + Posterior + PosteriorRule + ScoreFunction + ScoreJacobian> Law for T {}

const SIZES: [f64; 7] = [0.0, 1e-75, 1e-20, 1.0, 3e4, 1e40, 1e75];
const POINTS: [f64; 14] = [0.0, -0.0, 1e-300, 1e-75, -1e-9, 0.7, -3.0, 1e8, -1e20, 1e40, 1e76, -1e150, 1e200, 1e300];

fn size() -> impl Strategy<Value = f64> {
    prop::sample::select(SIZES.to_vec())
}

fn point() -> impl Strategy<Value = f64> {
    prop::sample::select(POINTS.to_vec())
}

fn level() -> impl Strategy<Value = NoiseLevel> {
    let angles = [1e-75, 1e-30, 1e-8, 0.02, 0.7, 1.5].map(|a| NoiseLevel::from_angle(a).unwrap());
    let ends = [NoiseLevel::DATA, NoiseLevel::NOISE, NoiseLevel::from_co_angle(1e-30).unwrap(), NoiseLevel::from_angle(-0.0).unwrap()];
    prop::sample::select([&angles[..], &ends[..]].concat())
}

/// Asks the law everything at one point.
fn ask<T: Law>(what: &str, law: &T, at: NoiseLevel, x: &[f64]) -> Result<(), TestCaseError> {
    let points = Array2::from_shape_vec((1, x.len()), x.to_vec()).unwrap();
    let case = || format!("{what} at {at:?}, x = {x:?}");
    let density = law.log_density(at, &points)[0];
    prop_assert!(!density.is_nan(), "{}: ln p = {density}", case());
    let score = law.score(at, &points);
    prop_assert!(!score.iter().any(|v| v.is_nan()), "{}: score {score}", case());
    let slope = law.score_jvp(at, &points, &Array2::ones(points.raw_dim()));
    prop_assert!(!slope.iter().any(|v| v.is_nan()), "{}: slope {slope}", case());
    let denoised = law.denoise(at, &points);
    prop_assert!(!denoised.iter().any(|v| v.is_nan()), "{}: denoiser {denoised}", case());
    let covariance = law.posterior_covariance(at, &Array1::from(x.to_vec()));
    prop_assert!(!covariance.iter().any(|v| v.is_nan()), "{}: covariance {covariance}", case());
    let rule = law.posterior_rule(at, x);
    let total: f64 = rule.weights.iter().sum();
    prop_assert!((total - 1.0).abs() < 1e-9 && !rule.nodes.iter().any(|v| v.is_nan()), "{}: a rule of mass {total}", case());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_law_on_the_line_answers_nan(at in level(), x in point(), m in point(), s in size(), other in size(), w in prop::sample::select(vec![1e-300, 1e-9, 0.3])) {
        let Ok(law) = LineMixture::new(&[w, 1.0 - w], &[m, -m], &[s, other]) else {
            prop_assert!(m.abs() > 1e75);
            return Ok(());
        };
        ask("line", &law, at, &[x])?;
        let marginal = law.at(at);
        for u in [1e-300, 0.3, 0.5, 1.0 - 1e-9] {
            prop_assert!(marginal.quantile(u).is_finite(), "quantile {u} of {law:?} at {at:?}: {}", marginal.quantile(u));
        }
        prop_assert!(!marginal.cdf(x).is_nan() && !marginal.survival(x).is_nan());
    }

    #[test]
    fn no_law_in_the_plane_answers_nan(at in level(), x in point(), y in point(), m in size(), s in size(), other in size()) {
        let x = [x, y];
        let means = array![[m, 0.0], [-m, m]];
        ask("mixture", &GaussianMixture::isotropic(&[0.3, 0.7], &means, &[s, other]).unwrap(), at, &x)?;
        ask("masses", &PointMasses::new(&[0.3, 0.7], &means).unwrap(), at, &x)?;
        ask("gaussian", &Gaussian::new(&[m, 0.0], Covariance::diagonal(&[s, other]).unwrap()).unwrap(), at, &x)?;
        let line = || LineMixture::new(&[0.5, 0.5], &[m, -m], &[s, s]).unwrap();
        ask("product", &Product::new(vec![line(), line()]).unwrap(), at, &x)?;
        ask("shells", &Radial::shells(2, &[0.4, 0.6], &[m, s]).unwrap(), at, &x)?;
        if s > 0.0 {
            ask("ball", &Radial::ball(2, s).unwrap(), at, &x)?;
        }
        if let Ok(curve) = NoisyCurve::arc(1.0, 2.0, s) {
            ask("arc", &curve, at, &x)?;
        }
        if let Ok(curve) = NoisyCurve::banana(1.0, 0.5, s) {
            ask("banana", &curve, at, &x)?;
        }
    }
}

#[test]
fn a_point_mass_has_an_infinite_density_and_no_nan() {
    let law = LineMixture::new(&[0.5, 0.5], &[0.0, 2.0], &[0.0, 1.0]).unwrap();
    let marginal = law.at(NoiseLevel::DATA);
    assert_eq!((marginal.ln_density(0.0), marginal.density(0.0)), (f64::INFINITY, f64::INFINITY));
    // Off the mass only the normal component is left: ln(½ φ(1)).
    let exact = 0.5_f64.ln() - 0.5 - 0.5 * (2.0 * std::f64::consts::PI).ln();
    assert!((marginal.ln_density(1.0) - exact).abs() < 1e-15);
    assert_eq!(law.denoise(NoiseLevel::DATA, &array![[0.0], [1.0]]), array![[0.0], [1.0]]);
}

#[test]
fn separated_modes_and_far_tails_keep_their_digits() {
    // Half way between the modes 0 and 30 of deviation 0.2, ln p = −(15/0.2)²/2 and so on: p itself underflows.
    let law = LineMixture::new(&[0.1, 0.9], &[0.0, 30.0], &[0.2, 0.2]).unwrap();
    let marginal = law.at(NoiseLevel::DATA);
    let exact = -0.5 * 75.0_f64 * 75.0 - (0.2 * (2.0 * std::f64::consts::PI).sqrt()).ln();
    assert!((marginal.ln_density(15.0) / exact - 1.0).abs() < 1e-15);
    // The median label: F = 0.1 lies in the valley, where the two tails Φ are equal in the ratio of the weights.
    let valley = marginal.quantile(0.1);
    assert!(valley > 5.0 && valley < 25.0, "{valley}");
    // (15 + h): responsibilities change over at (m₁² − m₀²)/2 ∓ σ² ln 9: x = 15 − 0.04 ln 9/30.
    let even = 15.0 - 0.04 * 9.0_f64.ln() / 30.0;
    assert!((law.denoise(NoiseLevel::from_angle(1e-9).unwrap(), &array![[even]])[[0, 0]] - even).abs() < 1e-9);
    // The slope of the score there is the jump between the two pulls: (30/0.04)²/4 − 1/0.04.
    let slope = marginal.score_slope(even);
    assert!((slope / (750.0_f64.powi(2) / 4.0 - 25.0) - 1.0).abs() < 1e-9, "{slope}");
    // Beyond 1e154 squares overflow: the wider component has the point, and its own score is that of the mixture.
    let wide = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[1.0, 2.0]).unwrap();
    assert_eq!(wide.at(NoiseLevel::DATA).score(1e200), -0.25e200);
    let plane = GaussianMixture::isotropic(&[0.5, 0.5], &array![[-1.0, 0.0], [1.0, 0.0]], &[1.0, 4.0]).unwrap();
    let score: Array2<f64> = plane.score(NoiseLevel::DATA, &array![[1e200, 0.0]]);
    assert!((score[[0, 0]] / -0.25e200 - 1.0).abs() < 1e-15);
}

#[test]
fn a_curve_seen_from_far_away_is_its_nearest_point() {
    let ring = NoisyCurve::arc(1.0, std::f64::consts::TAU, 0.1).unwrap();
    // From (R, 0) the angle has the precision R cos θ/v: mean (A, 0) with A = I_1/I_0 = 1 − 1/(2κ) − ….
    for distance in [1e2, 1e4, 1e8, 1e12] {
        let level = NoiseLevel::from_angle(0.5).unwrap();
        let v = level.alpha_bar() * 0.01 + level.one_minus_alpha_bar();
        let kappa = level.cos() * distance / v;
        let score: Array2<f64> = ring.score(level, &array![[distance, 0.0]]);
        let mean = 1.0 - 0.5 / kappa - 0.125 / kappa.powi(2) - 0.125 / kappa.powi(3) - 25.0 / 128.0 / kappa.powi(4);
        let exact = (level.cos() * mean - distance) / v;
        assert!((score[[0, 0]] / exact - 1.0).abs() < 1e-13 && score[[0, 1]].abs() < 1e-6 * distance, "{distance}: {score}");
        // Cov of the second coordinate of the curve is A/κ: the Hessian is −1/v + cos² A/(κ v²).
        let slope = ring.score_jvp(level, &array![[distance, 0.0]], &array![[0.0, 1.0]]);
        let exact = -1.0 / v + level.alpha_bar() * mean / (kappa * v * v);
        assert!((slope[[0, 1]] / exact - 1.0).abs() < 1e-8, "{distance}: {slope} against {exact}");
    }
}

#[test]
fn sizes_that_powers_cannot_hold_are_refused() {
    for bad in [1e76, 1e-76, 1e300, 5e-324, -1.0, f64::NAN, f64::INFINITY] {
        assert!(LineMixture::gaussian(0.0, bad).is_err() && Radial::sphere(2, bad).is_err(), "{bad}");
        assert!(GaussianMixture::kernel_density(&array![[0.0]], bad).is_err() && NoisyCurve::two_moons(bad).is_err(), "{bad}");
    }
    for bad in [1e76, -1e200, f64::NAN] {
        assert!(LineMixture::gaussian(bad, 1.0).is_err() && PointMasses::empirical(&array![[bad]]).is_err());
        assert!(Gaussian::new(&[bad], Covariance::isotropic(1, 1.0).unwrap()).is_err());
    }
    for bad in [1e-76, 1e-300, 5e-324] {
        assert!(
            NoiseLevel::from_angle(bad).is_err() && NoiseLevel::from_sigma(bad).is_err() && NoiseLevel::from_variance(bad * bad).is_err()
                || bad * bad == 0.0
        );
    }
    assert!(NoiseLevel::from_angle(-0.0).unwrap().sin().is_sign_positive());
    assert!(Product::copies(Gaussian::standard(1).unwrap(), 1_000_000_000_000).is_err());
    assert!(Radial::ball_shells(3, 1.0, 1_000_000_000_000).is_err() && Radial::sphere(1_000_000_000_000, 1.0).is_err());
}

#[test]
fn a_rotation_or_a_score_of_another_dimension_is_refused() {
    let turned = Rotated::new(Gaussian::standard(3).unwrap(), &array![[0.0, -1.0], [1.0, 0.0]]);
    assert!(matches!(turned, Err(LawError::Mismatch(_))));
    assert!(Shifted::new(Gaussian::standard(3).unwrap(), &[1.0]).is_err());
    assert!(Tweedie::new(Gaussian::standard(3).unwrap(), Gaussian::standard(2).unwrap()).is_err());
}
