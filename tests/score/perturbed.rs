//! Scores with an error of known size: the size itself, its derivative, and what it does to the flow.

use ndarray::{Array2, array};
use onestep::audit::RateModel;
use onestep::error;
use onestep::flow::FlowSolver;
use onestep::law::{Gaussian, GaussianMixture, LineMixture, Product};
use onestep::score::{DifferencedScore, ErrorScale, PerturbedScore, ScoreError};
use onestep::{Float, FlowMap, NoiseLevel, Sample, ScoreFunction, ScoreJacobian};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A sum of a few squares of numbers of size one.
const ROUNDING: f64 = 1e-14;

fn level(angle: f64) -> NoiseLevel {
    NoiseLevel::from_angle(angle).unwrap()
}

fn normal(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((rows, columns), || f64::standard_normal(&mut rng))
}

fn norms(gap: &Array2<f64>) -> Vec<f64> {
    gap.rows().into_iter().map(|row| row.dot(&row).sqrt()).collect()
}

fn planar() -> GaussianMixture {
    GaussianMixture::isotropic(&[0.4, 0.6], &array![[-1.0, 0.3], [1.0, -0.2]], &[0.3, 0.5]).unwrap()
}

#[test]
fn the_error_has_the_stated_size_at_every_point() {
    for dim in [1, 2, 3, 7, 8] {
        let exact = Gaussian::standard(dim).unwrap();
        let x = normal(50, dim, dim as u64) * 3.0;
        let waves = PerturbedScore::waves(&exact, 0.3, &normal(dim / 2, dim, 99)).unwrap();
        let bias = PerturbedScore::constant(&exact, 0.3, &normal(1, dim, 98).into_raw_vec_and_offset().0).unwrap();
        for rough in [waves, bias] {
            for scale in [ErrorScale::Score, ErrorScale::Noise, ErrorScale::Denoiser, ErrorScale::Velocity] {
                let rough = rough.clone().scaled(scale);
                for angle in [0.05, 0.7, 1.5] {
                    let gap = rough.score(level(angle), &x) - exact.score(level(angle), &x);
                    let stated = rough.l2_error(level(angle));
                    assert!(norms(&gap).iter().all(|n| (n - stated).abs() < ROUNDING * stated.max(10.0)), "d = {dim}, {scale:?}");
                }
            }
        }
    }
}

#[test]
fn the_scale_is_that_of_the_quantity_it_names() {
    let exact = planar();
    let x = normal(20, 2, 1);
    let rough = PerturbedScore::waves(&exact, 0.2, &array![[1.0, 2.0]]).unwrap();
    for angle in [0.1, 0.8, 1.4] {
        let (at, l) = (level(angle), level(angle));
        let error = |scale: ErrorScale| rough.clone().scaled(scale).score(at, &x) - exact.score(at, &x);
        let noise = error(ErrorScale::Noise) * l.sin();
        let data = error(ErrorScale::Denoiser) * (l.one_minus_alpha_bar() / l.cos());
        let velocity = error(ErrorScale::Velocity) * l.tan();
        for gap in [noise, data, velocity] {
            assert!(norms(&gap).iter().all(|n| (n - 0.2).abs() < ROUNDING));
        }
    }
}

#[test]
fn drifts_are_the_integrals_they_say() {
    for scale in [ErrorScale::Score, ErrorScale::Noise, ErrorScale::Denoiser, ErrorScale::Velocity] {
        let (low, high, cells) = (0.1, 1.4, 2000);
        let h = (high - low) / f64::from(cells);
        let f = |angle: f64| angle.tan() * scale.factor(level(angle));
        // Simpson: h⁴ times derivatives of at most 1e5.
        let sum: f64 = (0..cells)
            .map(|k| {
                let a = low + f64::from(k) * h;
                (f(a) + 4.0 * f(a + 0.5 * h) + f(a + h)) * h / 6.0
            })
            .sum();
        assert!((scale.drift(level(high), level(low)) - sum).abs() < 1e-9, "{scale:?}");
        assert_eq!(scale.drift(level(low), level(high)), scale.drift(level(high), level(low)));
        assert_eq!(scale.drift(NoiseLevel::NOISE, NoiseLevel::NOISE), 0.0);
    }
    assert_eq!(ErrorScale::Velocity.drift(NoiseLevel::NOISE, NoiseLevel::DATA), std::f64::consts::FRAC_PI_2);
    assert_eq!(ErrorScale::Score.drift(NoiseLevel::NOISE, level(0.1)), f64::INFINITY);
}

#[test]
fn the_derivative_is_that_of_the_score() {
    for dim in [2, 5] {
        let mixture = GaussianMixture::isotropic(&[0.5, 0.5], &normal(2, dim, 2), &[0.5, 0.7]).unwrap();
        let rough = PerturbedScore::waves(&mixture, 0.4, &normal(dim / 2, dim, 3)).unwrap().scaled(ErrorScale::Noise);
        let (x, v) = (normal(20, dim, 4), normal(20, dim, 5));
        for angle in [0.3, 1.2] {
            let gap = rough.score_jvp(level(angle), &x, &v) - DifferencedScore::new(&rough).score_jvp(level(angle), &x, &v);
            // ε^{2/3} times ((1 + ‖x‖)/ℓ)², ℓ the scale of the score.
            assert!(gap.iter().all(|g| g.abs() < 1e-7), "{gap}");
        }
    }
}

/// On the line the exact maps are known, and their Lipschitz constant too.
#[test]
fn the_flow_errs_by_at_most_the_bound_and_linearly_in_the_size() {
    let line = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.6, 0.6]).unwrap();
    let target = Product::copies(line.clone(), 2).unwrap();
    let (from, to) = (level(1.5), level(0.05));
    let x = target.sample(40, &mut ChaCha8Rng::seed_from_u64(6)) * from.cos() + normal(40, 2, 7) * from.sin();
    let exact: Array2<f64> = target.flow(from, to, &x);
    // Slopes of the maps φ → θ' are at most σe^{1/(2σ²)} = 2.406.
    let lipschitz = 2.41;
    let solver = FlowSolver::new(1e-10).unwrap();
    for scale in [ErrorScale::Score, ErrorScale::Noise, ErrorScale::Denoiser, ErrorScale::Velocity] {
        let sizes = [0.001, 0.004, 0.016];
        let errors = sizes.map(|size| {
            let rough = PerturbedScore::waves(&target, size, &array![[1.0, -0.5]]).unwrap().scaled(scale);
            let end = solver.solve(&rough, from, to, &x).unwrap();
            let gaps = norms(&(&end.points[0] - &exact));
            let bound = rough.flow_bound(from, to, lipschitz);
            assert!(gaps.iter().all(|g| *g <= bound), "{scale:?}");
            // It is a bound worth having: a fifth of it is reached.
            assert!(gaps.iter().any(|g| *g > 0.2 * bound), "{scale:?}: {gaps:?} {bound}");
            (gaps.iter().map(|g| g * g).sum::<f64>() / gaps.len() as f64).sqrt()
        });
        let slope = RateModel::new().fit(&sizes, &errors).unwrap().slope.value;
        assert!((slope - 1.0).abs() < 0.03, "{scale:?}: {slope}");
    }
}

#[test]
fn for_a_standard_normal_and_a_bias_the_bound_is_the_error() {
    let exact = Gaussian::standard(3).unwrap();
    let x = normal(10, 3, 8);
    let (from, to) = (level(1.3), level(0.2));
    for scale in [ErrorScale::Score, ErrorScale::Noise, ErrorScale::Denoiser, ErrorScale::Velocity] {
        let rough = PerturbedScore::constant(&exact, 0.1, &[1.0, 2.0, -2.0]).unwrap().scaled(scale);
        let end = FlowSolver::new(1e-11).unwrap().solve(&rough, from, to, &x).unwrap();
        for n in norms(&(&end.points[0] - &x)) {
            assert!((n - rough.flow_bound(from, to, 1.0)).abs() < 1e-9, "{scale:?}");
        }
    }
}

#[test]
fn no_error_changes_nothing() {
    let exact = planar();
    let x = normal(5, 2, 9);
    let rough = PerturbedScore::waves(&exact, 0.0, &array![[1.0, 1.0]]).unwrap().scaled(ErrorScale::Noise);
    for at in [NoiseLevel::DATA, level(0.7), NoiseLevel::NOISE] {
        assert_eq!(rough.score(at, &x), exact.score(at, &x));
        assert_eq!((rough.l2_error(at), rough.flow_bound(NoiseLevel::NOISE, at, 1.0)), (0.0, 0.0));
    }
}

#[test]
fn bad_parameters_are_refused() {
    let score = || Gaussian::standard(2).unwrap();
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(PerturbedScore::constant(score(), bad, &[1.0, 0.0]), Err(ScoreError::OutOfRange(_))));
        assert!(matches!(PerturbedScore::waves(score(), bad, &array![[1.0, 0.0]]), Err(ScoreError::OutOfRange(_))));
    }
    for bad in [&[][..], &[0.0, 0.0], &[f64::NAN, 1.0], &[1.0, f64::NAN], &[f64::INFINITY, 0.0]] {
        assert!(matches!(PerturbedScore::constant(score(), 1.0, bad), Err(ScoreError::Direction { .. })), "{bad:?}");
    }
    assert!(PerturbedScore::constant(score(), 1.0, &[1e-300, 1e-300]).is_ok());
    let wrong = PerturbedScore::waves(score(), 1.0, &Array2::zeros((2, 2)));
    assert!(matches!(wrong, Err(ScoreError::Mismatch(error::Mismatch { left: 2, right: 1, .. }))));
    let wrong = PerturbedScore::waves(score(), 1.0, &array![[0.0, f64::NAN]]);
    assert!(matches!(wrong, Err(ScoreError::NotFinite(error::NotFinite { row: 1, column: 2, .. }))));
}

#[test]
#[should_panic(expected = "dimension 3")]
fn a_direction_of_another_dimension_panics() {
    let rough = PerturbedScore::constant(Gaussian::standard(2).unwrap(), 1.0, &[1.0, 0.0, 0.0]).unwrap();
    let _: Array2<f64> = rough.score(NoiseLevel::DATA, &Array2::zeros((1, 2)));
}
