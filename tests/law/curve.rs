//! Noisy curves: golden values, the circle by Bessel functions, derivatives, sampling, refusals.

use ndarray::{Array1, Array2, array};
use onestep::error;
use onestep::law::{LawError, NoisyCurve, Radial};
use onestep::{Estimate, Float, LogDensity, Moments, NoiseLevel, Posterior, Sample, ScoreFunction, ScoreJacobian};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;

/// Relative to the size of each quantity (1/v for scores and their derivatives times the distance).
const QUADRATURE: f64 = 3e-14;

fn level(angle: f64) -> NoiseLevel {
    NoiseLevel::from_angle(angle).unwrap()
}

fn targets() -> [(&'static str, NoisyCurve); 3] {
    [
        ("moons", NoisyCurve::two_moons(0.1).unwrap()),
        ("banana", NoisyCurve::banana(1.0, 0.5, 0.2).unwrap()),
        ("arc", NoisyCurve::arc(2.0, 3.0, 0.05).unwrap()),
    ]
}

fn noisy(target: &NoisyCurve, level: NoiseLevel, n: usize, rng: &mut ChaCha8Rng) -> (Array2<f64>, Array2<f64>) {
    let data = target.sample(n, rng);
    let x = &data * level.cos() + Array2::from_shape_simple_fn((n, 2), || f64::standard_normal(rng)) * level.sin();
    (data, x)
}

#[test]
fn densities_scores_and_covariances_equal_golden_values() {
    // tests/golden/noisy_curve.py: mpmath quadrature over the latent variable.
    let targets = targets();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(include_str!("../golden/noisy_curve.csv").as_bytes());
    let mut rows = 0;
    for record in reader.records() {
        let record = record.unwrap();
        let target = &targets.iter().find(|(name, _)| *name == &record[0]).unwrap().1;
        let v: Vec<f64> = record.iter().skip(1).map(|cell| cell.parse().unwrap()).collect();
        let (at, x) = (level(v[0]), array![[v[1], v[2]]]);
        let variance = at.alpha_bar() * target.noise().powi(2) + at.one_minus_alpha_bar();
        let ln_density = target.log_density(at, &x)[0];
        assert!((ln_density - v[3]).abs() < QUADRATURE * v[3].abs().max(1.0), "{record:?}: {ln_density}");
        let score: Array2<f64> = target.score(at, &x);
        let scale = 6.0 / variance;
        assert!((score[[0, 0]] - v[4]).abs().max((score[[0, 1]] - v[5]).abs()) < QUADRATURE * scale, "{record:?}: {score}");
        let covariance = target.posterior_covariance(at, &x.row(0));
        let gap = covariance - array![[v[6], v[7]], [v[7], v[8]]];
        assert!(gap.iter().all(|g| g.abs() < QUADRATURE), "{record:?}: {gap:e}");
        rows += 1;
    }
    assert_eq!(rows, 3 * 4 * 4);
}

/// cos θ (ring) + √v Z is √(cos²θ r² + v) times a noisy circle, whose score has Bessel functions.
#[test]
fn the_ring_is_a_noisy_circle() {
    let (ring, circle) = (NoisyCurve::arc(1.0, TAU, 0.1).unwrap(), Radial::sphere(2, 1.0).unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for angle in [0.0, 0.01, 0.3, 1.0, 1.5] {
        let at = level(angle);
        let (_, x) = noisy(&ring, at, 50, &mut rng);
        let blur = (at.alpha_bar() * 0.01 + at.one_minus_alpha_bar()).sqrt();
        let size = at.cos().hypot(blur);
        let equivalent = NoiseLevel::from_sigma(blur / at.cos()).unwrap();
        let expected: Array2<f64> = circle.score(equivalent, &(&x / size)) / size;
        let gap = ring.score(at, &x) - expected;
        // √v times the score is of size one; the Bessel ratio carries κ times the rounding of x.
        assert!(gap.iter().all(|g: &f64| g.abs() * blur < 3e-14 / blur), "{angle}: {gap:e}");
    }
}

#[test]
fn far_away_points_keep_their_digits() {
    // Far out on the axis the posterior sits at the nearest end of the arc, an exponential law of mean v/(cos θ · slope).
    let circle = Radial::sphere(2, 1.0).unwrap();
    let ring = NoisyCurve::arc(1.0, TAU, 0.1).unwrap();
    for distance in [3.0, 10.0, 40.0] {
        let x = array![[0.6 * distance, 0.8 * distance]];
        let expected: Array2<f64> = circle.score(NoiseLevel::from_sigma(0.1).unwrap(), &(&x / 1.01_f64.sqrt())) / 1.01_f64.sqrt();
        let score: Array2<f64> = ring.score(NoiseLevel::DATA, &x);
        let gap = (&score - &expected) / (distance / 0.01);
        assert!(gap.iter().all(|g| g.abs() < 2e-15), "{distance}: {gap:e}");
    }
}

#[test]
fn the_density_integrates_to_one() {
    // The trapezoidal rule on a grid of spacing √v/2 is exact to e^{−8π²} for a Gaussian blur of variance v.
    for (name, target) in targets() {
        for angle in [0.1, 0.8] {
            let at = level(angle);
            let h = 0.5 * (at.alpha_bar() * target.noise().powi(2) + at.one_minus_alpha_bar()).sqrt();
            // 8 standard deviations around the curves; the banana's tails beyond |z| = 5.7 hold 1.2e−8.
            let reach = if name == "banana" { 16.0 } else { 3.0 + 16.0 * h };
            let cells = (reach / h).ceil() as i32;
            let mut sum = 0.0;
            for i in -cells..=cells {
                let x = Array2::from_shape_fn((2 * cells as usize + 1, 2), |(k, j)| {
                    h * if j == 0 { f64::from(i) } else { f64::from(k as i32 - cells) }
                });
                sum += target.log_density(at, &x).mapv(f64::exp).sum();
            }
            let tolerance = if name == "banana" { 5e-8 } else { 1e-13 };
            assert!((sum * h * h - 1.0).abs() < tolerance, "{name} at {angle}: {}", sum * h * h);
        }
    }
}

#[test]
fn the_score_is_the_gradient_and_its_derivative_the_hessian() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for (name, target) in targets() {
        for angle in [0.2, 0.9, 1.4] {
            let at = level(angle);
            let (_, x) = noisy(&target, at, 10, &mut rng);
            let v = at.alpha_bar() * target.noise().powi(2) + at.one_minus_alpha_bar();
            let h = 1e-4 * v.sqrt();
            let score: Array2<f64> = target.score(at, &x);
            for j in 0..2 {
                let unit = array![f64::from(u8::from(j == 0)), f64::from(u8::from(j == 1))];
                let at_shift = |sign: f64| &x + &(&unit * (sign * h));
                let slope: Array1<f64> = (target.log_density(at, &at_shift(1.0)) - target.log_density(at, &at_shift(-1.0))) / (2.0 * h);
                // (h/√v)² = 1e−8 and ε √v/h = 1e−12, in units of 1/√v.
                assert!((slope - score.column(j)).iter().all(|g| g.abs() * v.sqrt() < 1e-6), "{name} at {angle}");
                let columns: Array2<f64> = (target.score(at, &at_shift(1.0)) - target.score(at, &at_shift(-1.0))) / (2.0 * h);
                let jvp = target.score_jvp(at, &x, &unit.broadcast((10, 2)).unwrap().to_owned());
                assert!((columns - jvp).iter().all(|g: &f64| g.abs() * v < 1e-6), "{name} at {angle}");
            }
        }
    }
}

#[test]
fn the_denoiser_obeys_tweedies_formula_and_is_the_regression() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for (name, target) in targets() {
        for angle in [0.2, 0.9] {
            let at = level(angle);
            let (data, x) = noisy(&target, at, 5_000, &mut rng);
            let denoised = target.denoise(at, &x);
            let score: Array2<f64> = target.score(at, &x);
            let tweedie = (&x + &(score * at.one_minus_alpha_bar())) / at.cos();
            assert!((tweedie - &denoised).iter().all(|g| g.abs() < 1e-12), "{name}");
            // E⟨X_0 − D, g⟩ = 0: five standard errors, 1.7 million to one each.
            for test in [Array2::ones(x.raw_dim()), x.clone(), denoised.clone()] {
                let products: Vec<f64> = ((&data - &denoised) * test).sum_axis(ndarray::Axis(1)).to_vec();
                let mean = Estimate::from_samples(&products);
                assert!(mean.value.abs() < 5.0 * mean.std_error, "{name} at {angle}: {mean:?}");
            }
        }
        // Without signal the denoiser is the mean.
        let mean = target.denoise(NoiseLevel::NOISE, &array![[0.3, -2.0]]).row(0).to_owned() - target.mean();
        assert!(mean.iter().all(|g| g.abs() < 1e-13), "{name}: {mean}");
    }
}

#[test]
fn samples_have_the_stated_moments() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for (name, target) in targets() {
        let data = target.sample(50_000, &mut rng);
        let square = Estimate::from_samples(&data.rows().into_iter().map(|x| x.dot(&x)).collect::<Vec<_>>());
        assert!((square.value - target.second_moment()).abs() < 5.0 * square.std_error, "{name}: {square:?}");
        for (j, mean) in target.mean().iter().enumerate() {
            let measured = Estimate::from_samples(&data.column(j).to_vec());
            assert!((measured.value - mean).abs() < 5.0 * measured.std_error, "{name}: {measured:?} for {mean}");
        }
    }
}

#[test]
fn a_row_does_not_depend_on_the_others() {
    let moons = NoisyCurve::two_moons(0.05).unwrap();
    let mut x = moons.sample(600, &mut ChaCha8Rng::seed_from_u64(5));
    x[[599, 0]] = 30.0;
    let all: Array2<f64> = moons.score(level(0.1), &x);
    for i in [0, 300, 599] {
        let own: Array2<f64> = moons.score(level(0.1), &x.select(ndarray::Axis(0), &[i]));
        assert_eq!(own.row(0), all.row(i));
    }
    let single = moons.score(level(0.3), &x.mapv(|v| v as f32)).mapv(f64::from);
    // v = 0.09: 1/v times the rounding of the far point.
    assert!((single - moons.score(level(0.3), &x)).iter().all(|g: &f64| g.abs() < 1e-4));
}

#[test]
fn what_is_not_a_number_stays_so() {
    let moons = NoisyCurve::two_moons(0.1).unwrap();
    let score: Array2<f64> = moons.score(level(0.5), &array![[f64::NAN, 0.0], [0.0, 0.0]]);
    assert!(score[[0, 0]].is_nan() && score.row(1).iter().all(|s| s.is_finite()));
}

#[test]
fn bad_parameters_are_refused() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-6] {
        assert!(matches!(NoisyCurve::two_moons(bad), Err(LawError::OutOfRange(error::OutOfRange { name: "noise", .. }))), "{bad}");
        assert!(matches!(NoisyCurve::banana(1.0, 1.0, bad), Err(LawError::OutOfRange(error::OutOfRange { name: "noise", .. }))), "{bad}");
    }
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(NoisyCurve::banana(bad, 1.0, 0.1), Err(LawError::OutOfRange(error::OutOfRange { name: "width", .. }))));
        assert!(matches!(NoisyCurve::arc(bad, 1.0, 0.1), Err(LawError::OutOfRange(error::OutOfRange { name: "radius", .. }))));
        assert!(matches!(NoisyCurve::arc(1.0, bad, 0.1), Err(LawError::OutOfRange(error::OutOfRange { name: "sweep", .. }))));
    }
    assert!(NoisyCurve::banana(1.0, f64::NAN, 0.1).is_err());
    assert!(NoisyCurve::banana(1.0, 0.0, 0.1).is_ok());
}
