//! Point masses, separated modes, far tails, and sizes that cannot be held.

use ndarray::{Array2, array};
use onestep::law::{
    Covariance, Gaussian, GaussianMixture, LawError, LineMixture, NoisyCurve, PointMasses, Product, Radial, Rotated, Shifted, Tweedie,
};
use onestep::{NoiseLevel, Posterior, Sample, ScoreFunction};
use rand::SeedableRng;

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

#[test]
fn dimensions_have_limits() {
    let huge = 1_000_000_000_000;
    assert!(matches!(Covariance::isotropic(huge, 1.0), Err(LawError::OutOfRange(_))));
    assert!(matches!(Gaussian::standard(huge), Err(LawError::OutOfRange(_))));
    assert!(Covariance::isotropic(100_000_000, 1.0).is_ok());
}

#[test]
#[should_panic(expected = "sample: n = 1000000000000 draws in 3 dimensions are more than 2^30 numbers")]
fn more_draws_than_memory_holds_are_refused_in_words() {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let _ = Gaussian::standard(3).unwrap().sample(1_000_000_000_000, &mut rng);
}

/// What is not finite is named, and no comparison with NaN lets it through.
#[test]
fn covariances_hold_finite_numbers_only() {
    for bad in [f64::NAN, f64::INFINITY] {
        for at in [[0, 0], [1, 2], [2, 2]] {
            let mut matrix = Array2::eye(3);
            matrix[at] = bad;
            matrix[[at[1], at[0]]] = bad;
            assert!(matches!(Covariance::full(&matrix), Err(LawError::EntryOutOfRange(_))));
            let mut turn = Array2::eye(3);
            turn[at] = bad;
            assert!(Covariance::spectrum(&[1.0, 2.0, 3.0], &turn).is_err());
        }
        assert!(Covariance::diagonal(&[1.0, bad]).is_err());
    }
    // Orthonormal but for one entry.
    assert!(matches!(Covariance::spectrum(&[1.0, 2.0], &array![[1.0, 2e-10], [0.0, 1.0]]), Err(LawError::NotOrthogonal { .. })));
    // Entries that are numbers, an eigenvalue, 2e308, that is none.
    assert!(matches!(Covariance::full(&array![[1e308, -1e308], [-1e308, 1e308]]), Err(LawError::EntryOutOfRange(_))));
}
