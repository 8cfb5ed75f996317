//! Noise levels keep their digits at both ends.

use onestep::NoiseLevel;
use proptest::prelude::*;

proptest! {
    #[test]
    fn constructors_invert_accessors(exponent in -30.0..30.0f64) {
        let level = NoiseLevel::from_sigma(exponent.exp()).unwrap();
        let close = |a: f64, b: f64| ((a - b) / b).abs() < 8.0 * f64::EPSILON;
        prop_assert!(close(level.sin().powi(2) + level.cos().powi(2), 1.0));
        prop_assert!(close(level.sigma(), exponent.exp()));
        prop_assert!((level.log_snr() + 2.0 * exponent).abs() < 1e-13);
        prop_assert!(close(NoiseLevel::from_variance(level.one_minus_alpha_bar()).unwrap().sin(), level.sin()));
        prop_assert!(close(NoiseLevel::from_alpha_bar(level.alpha_bar()).unwrap().cos(), level.cos()));
    }
}
