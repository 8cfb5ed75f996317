//! Mixtures on the line: distribution functions, labels, quantile flow.

use approx::assert_relative_eq;
use ndarray::{Array2, array};
use onestep::error;
use onestep::law::{LawError, LineMixture};
use onestep::{FlowJacobian, FlowMap, LogDensity, Moments, NoiseLevel, Posterior, Sample, ScoreFunction};
use proptest::prelude::*;
use rand::SeedableRng;

fn mixture() -> impl Strategy<Value = LineMixture> {
    prop::collection::vec((0.05..1.0f64, -3.0..3.0f64, 0.05..2.0f64), 1..5).prop_map(|raw| {
        let total: f64 = raw.iter().map(|r| r.0).sum();
        let list = |f: fn(&(f64, f64, f64)) -> f64| raw.iter().map(f).collect::<Vec<_>>();
        LineMixture::new(&raw.iter().map(|r| r.0 / total).collect::<Vec<_>>(), &list(|r| r.1), &list(|r| r.2)).unwrap()
    })
}

/// α is proved: no point of a fine grid has a smaller V'', and where it is positive the smallest of them is close.
#[test]
fn log_concavity_is_that_of_the_least_concave_point() {
    let mut state = 1_u64;
    let mut uniform = |low: f64, high: f64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (high - low) * (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let (mut known, mut unknown) = (0, 0);
    for _ in 0..60 {
        let count = 1 + uniform(0.0, 3.9) as usize;
        let raw: Vec<f64> = (0..count).map(|_| uniform(0.1, 1.0)).collect();
        let total: f64 = raw.iter().sum();
        let means: Vec<f64> = (0..count).map(|_| uniform(-1.0, 1.0)).collect();
        let stds: Vec<f64> = (0..count).map(|_| uniform(0.4, 1.4)).collect();
        let law = LineMixture::new(&raw.iter().map(|w| w / total).collect::<Vec<_>>(), &means, &stds).unwrap();
        let p = law.at(NoiseLevel::DATA);
        // Far out a wide component takes over from the others, with a spread of pulls that grows with the distance.
        let curvatures = (-9000..=9000).map(|i| -p.score_slope((0.001 * f64::from(i)).sinh()));
        let (least, most) = curvatures.fold((f64::INFINITY, 0.0_f64), |(a, b), v| (a.min(v), b.max(v)));
        if let Some(c) = law.log_concavity() {
            assert!(c.alpha <= least && c.beta >= most, "{law:?}: {c:?} {least} {most}");
            assert!(c.alpha >= least - 1e-4, "{law:?}: {c:?} {least}");
            known += 1;
        } else {
            assert!(least < 1e-4, "{law:?}: {least}");
            unknown += 1;
        }
    }
    assert!(known > 5 && unknown > 5, "{known} {unknown}");
}

proptest! {
    #[test]
    fn quantile_inverts_the_distribution_function(target in mixture(), angle in 0.0..1.57f64, exponent in -200.0..-0.7f64) {
        let p = target.at(NoiseLevel::from_angle(angle).unwrap());
        let u = exponent.exp();
        // The quantile is a float: F moves by p·ulp(x) between neighbours, which is the attainable accuracy.
        let ulp = |x: f64| 4.0 * f64::EPSILON * x.abs() * (p.ln_density(x) - u.ln()).exp();
        let (low, high) = (p.quantile(u), p.upper_quantile(u));
        prop_assert!((p.cdf(low) / u - 1.0).abs() <= 1e-12 + ulp(low), "F({low}) = {} for {u}", p.cdf(low));
        prop_assert!((p.survival(high) / u - 1.0).abs() <= 1e-12 + ulp(high));
    }

    #[test]
    fn score_is_the_slope_of_the_log_density(target in mixture(), angle in 0.0..1.57f64, x in -4.0..4.0f64) {
        let p = target.at(NoiseLevel::from_angle(angle).unwrap());
        let h = 1e-5;
        let slope = (p.ln_density(x + h) - p.ln_density(x - h)) / (2.0 * h);
        // Central differences: h² times the third derivative, up to (1/0.05)³, plus rounding 1e−15·|ln p|/h.
        prop_assert!((p.score(x) - slope).abs() < 1e-4 * (1.0 + p.score(x).abs()), "{} for {slope}", p.score(x));
    }

    #[test]
    fn flow_is_a_semigroup_with_inverse(target in mixture(), angles in prop::array::uniform3(0.05..1.57f64), x in -4.0..4.0f64) {
        let level = angles.map(|a| NoiseLevel::from_angle(a).unwrap());
        let start = array![[x]];
        let direct: Array2<f64> = target.flow(level[0], level[2], &start);
        let middle = target.flow(level[0], level[1], &start);
        let composed = target.flow(level[1], level[2], &middle);
        // Rounding of the middle point is amplified by the slope of the second map.
        let slope = target.jvp(level[1], level[2], &middle, &array![[1.0]])[[0, 0]];
        let allowed = 1e-12 * (1.0 + slope) * (1.0 + middle[[0, 0]].abs());
        prop_assert!((direct[[0, 0]] - composed[[0, 0]]).abs() <= allowed, "{direct} {composed}");
        let back = target.flow(level[2], level[0], &direct);
        let slope = target.jvp(level[2], level[0], &direct, &array![[1.0]])[[0, 0]];
        prop_assert!((back[[0, 0]] - x).abs() <= 1e-12 * (1.0 + slope) * (1.0 + direct[[0, 0]].abs()));
    }

    #[test]
    fn tweedie_ties_score_and_denoiser(target in mixture(), angle in 0.1..1.5f64, x in -4.0..4.0f64) {
        let level = NoiseLevel::from_angle(angle).unwrap();
        let point = array![[x]];
        let denoised = target.denoise(level, &point)[[0, 0]];
        let score: f64 = target.score(level, &point)[[0, 0]];
        prop_assert!((denoised - (x + level.one_minus_alpha_bar() * score) / level.cos()).abs() < 1e-12 * (1.0 + x.abs()) / level.cos());
        // Cov(X_0 | x) = (sin²/cos²)(1 + sin² s').
        let h = 1e-5;
        let p = target.at(level);
        let slope = (p.score(x + h) - p.score(x - h)) / (2.0 * h);
        let covariance = level.tan().powi(2) * (1.0 + level.one_minus_alpha_bar() * slope);
        prop_assert!((target.posterior_covariance(level, &array![x])[[0, 0]] - covariance).abs() < 1e-5 * (1.0 + level.tan().powi(2)));
    }
}

/// Between deep modes the mass is lost next to one, but the label keeps it: e^{-200} at the centre of ±1, σ = 0.05.
#[test]
fn labels_reach_into_gaps() {
    let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.05, 0.05]).unwrap();
    let (data, near, noise) = (NoiseLevel::DATA, NoiseLevel::from_angle(0.01).unwrap(), NoiseLevel::NOISE);
    // Masses of e^{-200}, far below the rounding of F ≈ 1/2, survive a trip to more noise and back. The flow contracts the gap by e^8 there,
    // and positions near its centre are known to 1e−16 or so, hence the tolerance.
    let x = array![[1e-3], [0.02], [0.3]];
    let there: Array2<f64> = target.flow(data, near, &x);
    assert!(there[[0, 0]] < 1e-5 && there[[0, 0]] > 0.0, "the flow contracts the gap: {there}");
    let back = target.flow(near, data, &there);
    for i in 0..3 {
        assert_relative_eq!(back[[i, 0]], x[[i, 0]], max_relative = 1e-8);
    }
    let slope = target.jvp(noise, data, &array![[0.0]], &array![[1.0]])[[0, 0]];
    assert_relative_eq!(slope, 0.05 * 200f64.exp(), max_relative = 1e-10);
}

#[test]
fn without_noise_point_masses_are_steps() {
    let target = LineMixture::point_masses(&[0.25, 0.75], &[-1.0, 2.0]).unwrap();
    let z = array![[-3.0], [-0.7], [-0.6], [4.0]];
    // N^{-1}(0.25) = −0.6745.
    let flow: Array2<f64> = target.flow(NoiseLevel::NOISE, NoiseLevel::DATA, &z);
    for (found, wanted) in flow.iter().zip([-1.0, -1.0, 2.0, 2.0]) {
        assert!((found - wanted).abs() < 1e-14, "{flow}");
    }
}

/// Sample mean and second moment of 20 000 draws lie within 4.5 standard errors: a false alarm in 10⁵.
#[test]
fn samples_have_the_moments() {
    let target = LineMixture::new(&[0.2, 0.5, 0.3], &[-1.0, 0.0, 2.0], &[0.1, 1.0, 0.0]).unwrap();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    let x = target.sample(20_000, &mut rng);
    let mean = onestep::Estimate::from_samples(x.as_slice().unwrap());
    assert!((mean.value - target.mean()[0]).abs() < 4.5 * mean.std_error);
    let squares: Vec<f64> = x.iter().map(|x| x * x).collect();
    let second = onestep::Estimate::from_samples(&squares);
    assert!((second.value - target.second_moment()).abs() < 4.5 * second.std_error);
}

#[test]
fn log_density_integrates_to_one() {
    let target = LineMixture::new(&[0.2, 0.8], &[-1.0, 1.0], &[0.3, 0.6]).unwrap();
    let level = NoiseLevel::from_angle(0.4).unwrap();
    let x = Array2::from_shape_fn((4001, 1), |(i, _)| -8.0 + 0.004 * i as f64);
    let sum: f64 = target.log_density(level, &x).mapv(f64::exp).sum() * 0.004;
    assert!((sum - 1.0).abs() < 1e-13, "{sum}");
}

#[test]
fn bad_parameters_are_refused() {
    let make = LineMixture::new;
    assert!(matches!(make(&[], &[], &[]), Err(LawError::Empty(_))));
    assert!(matches!(make(&[1.0], &[0.0, 1.0], &[1.0]), Err(LawError::Mismatch(_))));
    assert!(matches!(make(&[0.7, 0.7], &[0.0, 1.0], &[1.0, 1.0]), Err(LawError::WeightSum { .. })));
    assert!(matches!(
        make(&[1.5, -0.5], &[0.0, 1.0], &[1.0, 1.0]),
        Err(LawError::EntryOutOfRange(error::EntryOutOfRange { name: "weights", index: 2, .. }))
    ));
    assert!(matches!(make(&[1.0], &[f64::NAN], &[1.0]), Err(LawError::EntryOutOfRange(error::EntryOutOfRange { name: "means", .. }))));
    assert!(matches!(make(&[1.0], &[0.0], &[-0.1]), Err(LawError::EntryOutOfRange(error::EntryOutOfRange { name: "stds", .. }))));
    assert!(matches!(make(&[1.0], &[0.0], &[f64::INFINITY]), Err(LawError::EntryOutOfRange(error::EntryOutOfRange { name: "stds", .. }))));
}
