//! Targets: score, density, posterior, sampling, degenerate parameters.

use ndarray::{Array1, Array2, ArrayRef2, Axis, array};
use onestep::error;
use onestep::law::{
    Comb, Covariance, Gaussian, GaussianMixture, LawError, LineMixture, NoisyCurve, PointMasses, Product, Radial, Rotated, Shifted,
};
use onestep::{Float, FlowJacobian, FlowMap, LogDensity, Moments, NoiseLevel, Posterior, Sample, ScoreFunction, ScoreJacobian};
use proptest::prelude::*;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// What the exact targets can do.
trait Known: LogDensity + Posterior + Moments + ScoreJacobian {}
impl<T: LogDensity + Posterior + Moments + ScoreJacobian> Known for T {}

/// Central differences with step h of ln p, whose third derivatives reach 100 here: h² · 100 and rounding 1e−15/h.
const STEP: f64 = 1e-5;
const DIFFERENCES: f64 = 3e-8;
/// Two closed forms of one number, of size up to 10, one of them divided by cos θ ≥ 0.1.
const CLOSED_FORM: f64 = 1e-12;

fn rotation() -> Array2<f64> {
    let (s, c) = f64::sin_cos(0.7);
    array![[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]].dot(&array![[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
}

fn full() -> Covariance {
    Covariance::full(&array![[2.0, 0.6, 0.1], [0.6, 1.0, -0.3], [0.1, -0.3, 0.2]]).unwrap()
}

/// One target of every kind, on ℝ³.
fn targets() -> Vec<(&'static str, Box<dyn Known>)> {
    let means = array![[1.0, 0.0, -1.0], [-1.0, 0.5, 0.0], [0.0, -1.5, 0.5]];
    let low_rank = Covariance::low_rank(&[3.0], &array![[0.6, 0.0, 0.8]], 0.2).unwrap();
    let mixed = [full(), Covariance::diagonal(&[0.3, 1.0, 0.5]).unwrap(), low_rank.clone()];
    let line = LineMixture::new(&[0.4, 0.6], &[-1.0, 0.5], &[0.5, 0.8]).unwrap();
    let product = Product::copies(line, 3).unwrap();
    vec![
        ("isotropic", Box::new(Gaussian::new(&[1.0, 0.0, 2.0], Covariance::isotropic(3, 0.7).unwrap()).unwrap())),
        ("diagonal", Box::new(Gaussian::new(&[1.0, 0.0, 2.0], Covariance::diagonal(&[0.7, 0.0, 2.0]).unwrap()).unwrap())),
        ("full", Box::new(Gaussian::new(&[1.0, -2.0, 0.5], full()).unwrap())),
        ("low rank", Box::new(Gaussian::new(&[1.0, -2.0, 0.5], low_rank).unwrap())),
        ("isotropic mixture", Box::new(GaussianMixture::isotropic(&[0.2, 0.3, 0.5], &means, &[0.3, 0.5, 0.1]).unwrap())),
        ("mixture", Box::new(GaussianMixture::new(&[0.2, 0.3, 0.5], &means, &mixed).unwrap())),
        ("point masses", Box::new(PointMasses::new(&[0.2, 0.3, 0.5], &means).unwrap())),
        ("sphere", Box::new(Radial::sphere(3, 1.5).unwrap())),
        ("shells", Box::new(Radial::shells(3, &[0.3, 0.7], &[0.8, 2.0]).unwrap())),
        ("ball", Box::new(Radial::ball_shells(3, 1.5, 12).unwrap())),
        ("combs", Box::new(Product::copies(Comb::new(0.6, 2.5).unwrap(), 3).unwrap())),
        ("product", Box::new(product.clone())),
        ("rotated product", Box::new(Rotated::new(product.clone(), &rotation()).unwrap())),
        ("moved product", Box::new(Shifted::new(Rotated::new(product, &rotation()).unwrap(), &[1.0, -3.0, 0.5]).unwrap())),
    ]
}

fn level(angle: f64) -> NoiseLevel {
    NoiseLevel::from_angle(angle).unwrap()
}

fn largest(gap: &Array2<f64>) -> f64 {
    gap.iter().fold(0.0, |a: f64, g| a.max(g.abs()))
}

/// Rows x ± h e_j for every coordinate.
fn shifted(x: &Array1<f64>, h: f64) -> Array2<f64> {
    Array2::from_shape_fn((x.len(), x.len()), |(j, i)| x[i] + if i == j { h } else { 0.0 })
}

/// X_θ drawn from the target.
fn noisy(target: &(impl Sample + ?Sized), level: NoiseLevel, n: usize, rng: &mut ChaCha8Rng) -> (Array2<f64>, Array2<f64>) {
    let data = target.sample(n, rng);
    let x = &data * level.cos() + Array2::from_shape_simple_fn(data.raw_dim(), || f64::standard_normal(rng)) * level.sin();
    (data, x)
}

#[test]
fn score_is_the_gradient_of_the_log_density() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (name, target) in targets() {
        for angle in [0.4, 0.9, 1.5] {
            let level = level(angle);
            let (_, x) = noisy(&target, level, 5, &mut rng);
            let score = target.score(level, &x);
            for (x, score) in x.rows().into_iter().zip(score.rows()) {
                let x = x.to_owned();
                let gradient =
                    (target.log_density(level, &shifted(&x, STEP)) - target.log_density(level, &shifted(&x, -STEP))) / (2.0 * STEP);
                assert!((&gradient - &score).iter().all(|g| g.abs() < DIFFERENCES), "{name} at {angle}: {gradient} for {score}");
            }
        }
    }
}

#[test]
fn denoiser_obeys_tweedies_formula() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for (name, target) in targets() {
        for angle in [0.2, 0.9, 1.4] {
            let level = level(angle);
            let (_, x) = noisy(&target, level, 20, &mut rng);
            let tweedie = (&x + &(target.score(level, &x) * level.one_minus_alpha_bar())) / level.cos();
            assert!(largest(&(tweedie - target.denoise(level, &x))) < CLOSED_FORM, "{name} at {angle}");
        }
    }
}

#[test]
fn posterior_covariance_is_the_jacobian_of_the_score() {
    // Cov(X_0 | x) = (sin²θ/cos²θ)(I + sin²θ ∇s), i.e. (sin²θ/cos θ) times the Jacobian of the denoiser.
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for (name, target) in targets() {
        for angle in [0.4, 1.0] {
            let level = level(angle);
            let (_, x) = noisy(&target, level, 3, &mut rng);
            for x in x.rows() {
                let x = x.to_owned();
                let jacobian = (target.denoise(level, &shifted(&x, STEP)) - target.denoise(level, &shifted(&x, -STEP))) / (2.0 * STEP);
                let gap = jacobian.t().to_owned() * (level.one_minus_alpha_bar() / level.cos()) - target.posterior_covariance(level, &x);
                assert!(largest(&gap) < DIFFERENCES, "{name} at {angle}: {gap}");
            }
        }
    }
}

/// ∂s of a target at one point, a column a direction.
fn hessian(target: &dyn Known, level: NoiseLevel, x: &Array1<f64>) -> Array2<f64> {
    let copies = x.broadcast((x.len(), x.len())).unwrap().to_owned();
    target.score_jvp(level, &copies, &Array2::eye(x.len())).reversed_axes()
}

#[test]
fn score_derivatives_are_the_differences_of_the_score() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for (name, target) in targets() {
        for angle in [0.4, 1.0, 1.5] {
            let level = level(angle);
            let (_, x) = noisy(&target, level, 5, &mut rng);
            for x in x.rows() {
                let x = x.to_owned();
                let differences = (target.score(level, &shifted(&x, STEP)) - target.score(level, &shifted(&x, -STEP))) / (2.0 * STEP);
                let gap = hessian(&*target, level, &x) - differences.t();
                assert!(largest(&gap) < DIFFERENCES, "{name} at {angle}: {gap}");
            }
        }
    }
}

#[test]
fn score_derivatives_give_the_posterior_covariance() {
    // Cov(X_0 | x) = (sin²θ/cos²θ)(I + sin²θ ∇s), two closed forms of one matrix.
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for (name, target) in targets() {
        for angle in [0.05, 0.4, 1.0, 1.4] {
            let level = level(angle);
            let (_, x) = noisy(&target, level, 5, &mut rng);
            for x in x.rows() {
                let x = x.to_owned();
                let v = level.one_minus_alpha_bar();
                let from_score = (Array2::eye(x.len()) + hessian(&*target, level, &x) * v) * (v / level.alpha_bar());
                let gap = largest(&(from_score - target.posterior_covariance(level, &x)));
                assert!(gap < CLOSED_FORM, "{name} at {angle}: {gap:e}");
            }
        }
    }
}

#[test]
fn derivatives_of_a_sphere_s_score_keep_their_digits_at_small_noise() {
    // The variance along the radius, ρ² A'(κ) ~ (d − 1) sin⁴θ/(2r²) as κ = ρr cos θ/sin²θ → ∞, is below the rounding of 1 − A².
    for dim in [2, 3, 10] {
        let target = Radial::sphere(dim, 2.0).unwrap();
        for angle in [1e-3, 1e-5, 1e-7] {
            let level = level(angle);
            let x = Array2::from_shape_fn((1, dim), |(_, j)| if j == 0 { 2.0 } else { 0.0 });
            let along = target.score_jvp(level, &x, &(&x * 0.5))[[0, 0]];
            // sin²θ · along + 1 = cos²θ Var/sin²θ = ρ²cos²θ A'(κ)/sin²θ, κ = 4 cos θ/sin²θ; A' = (d − 1)/(2κ²) · (1 + (3 − d)/(2κ) + …).
            let variance = level.one_minus_alpha_bar();
            let leading = (dim as f64 - 1.0) * variance / 8.0;
            let gap = (variance * along + 1.0 - leading).abs();
            assert!(gap < dim as f64 * variance / 8.0 * leading + 4.0 * f64::EPSILON, "d = {dim}, θ = {angle}: {gap:e} of {leading:e}");
            // Across the radius it is the factor of the score itself.
            let across = Array2::from_shape_fn((1, dim), |(_, j)| if j == 1 { 1.0 } else { 0.0 });
            let factor = target.score(level, &x)[[0, 0]] / 2.0;
            assert!((target.score_jvp(level, &x, &across)[[0, 1]] - factor).abs() <= 1e-12 * factor.abs());
        }
    }
}

#[test]
fn scores_and_their_derivatives_of_point_masses_without_noise_are_zero() {
    let coin = LineMixture::point_masses(&[0.5, 0.5], &[-1.0, 1.0]).unwrap();
    let masses = PointMasses::new(&[0.5, 0.5], &array![[-1.0], [1.0]]).unwrap();
    for target in [&coin as &dyn Known, &masses, &Radial::sphere(1, 1.0).unwrap()] {
        let x = array![[-1.0], [0.3], [1.0], [1e300]];
        assert_eq!(target.score(NoiseLevel::DATA, &x), Array2::<f64>::zeros((4, 1)));
        assert_eq!(target.score_jvp(NoiseLevel::DATA, &x, &x), Array2::<f64>::zeros((4, 1)));
    }
}

#[test]
fn a_moved_gaussian_is_the_gaussian_about_the_moved_mean() {
    let straight = Gaussian::new(&[1.0, -2.0, 0.5], full()).unwrap();
    let moved = Shifted::new(straight, &[0.5, 4.0, -3.0]).unwrap();
    let direct = Gaussian::new(&[1.5, 2.0, -2.5], full()).unwrap();
    let x = noisy(&direct, level(0.7), 8, &mut ChaCha8Rng::seed_from_u64(8)).1;
    assert!(largest(&(moved.score(level(0.7), &x) - direct.score(level(0.7), &x))) < CLOSED_FORM);
    assert!(largest(&(moved.denoise(level(0.7), &x) - direct.denoise(level(0.7), &x))) < CLOSED_FORM);
    assert!((moved.second_moment() - direct.second_moment()).abs() < CLOSED_FORM);
    assert!(moved.mean().iter().zip(direct.mean()).all(|(a, b)| (a - b).abs() < CLOSED_FORM));
    for (from, to) in [(NoiseLevel::NOISE, NoiseLevel::DATA), (level(0.7), level(0.2)), (level(0.2), NoiseLevel::NOISE)] {
        assert!(largest(&(moved.flow(from, to, &x) - direct.flow(from, to, &x))) < 10.0 * CLOSED_FORM);
        assert!(largest(&(moved.jvp(from, to, &x, &x) - direct.jvp(from, to, &x, &x))) < 10.0 * CLOSED_FORM);
    }
    assert!(matches!(Shifted::new(Gaussian::standard(1).unwrap(), &[f64::NAN]), Err(LawError::EntryOutOfRange(_))));
    assert!(matches!(Shifted::new(Gaussian::standard(1).unwrap(), &[0.0, 1.0]), Err(LawError::Mismatch(_))));
}

#[test]
fn denoiser_is_the_regression_of_the_data_on_the_noisy_point() {
    // E⟨X_0 − D(X), g(X)⟩ = 0 for g = 1, X and D: three checks of five standard errors for every target (α < 1e−6 each).
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for (name, target) in targets() {
        let level = level(0.9);
        let (data, x) = noisy(&target, level, 20_000, &mut rng);
        let denoised = target.denoise(level, &x);
        let residual = &data - &denoised;
        for (what, test) in [("1", Array2::ones(x.raw_dim())), ("x", x), ("D", denoised)] {
            let products: Vec<f64> = (&residual * &test).sum_axis(Axis(1)).to_vec();
            let mean = onestep::Estimate::from_samples(&products);
            assert!(mean.value.abs() <= 5.0 * mean.std_error + 1e-14, "{name} against {what}: {mean:?}");
        }
    }
}

#[test]
fn samples_have_the_stated_moments() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for (name, target) in targets() {
        let data = target.sample(20_000, &mut rng);
        let squares: Vec<f64> = data.rows().into_iter().map(|x| x.dot(&x)).collect();
        let square = onestep::Estimate::from_samples(&squares);
        assert!((square.value - target.second_moment()).abs() <= 5.0 * square.std_error + 1e-12, "{name}");
        for (j, mean) in target.mean().iter().enumerate() {
            let measured = onestep::Estimate::from_samples(&data.column(j).to_vec());
            assert!((measured.value - mean).abs() <= 5.0 * measured.std_error + 1e-12, "{name}");
        }
    }
}

/// The mixture's score and log-density term by term, without any rearrangement.
fn naive(weights: &[f64], means: &Array2<f64>, variances: &[f64], level: NoiseLevel, x: &Array1<f64>) -> (f64, Array1<f64>) {
    let terms: Vec<(f64, Array1<f64>)> = (0..weights.len())
        .map(|k| {
            let v = level.alpha_bar() * variances[k] + level.one_minus_alpha_bar();
            let r = x - &(&means.row(k) * level.cos());
            (weights[k] * (-0.5 * r.dot(&r) / v).exp() / (2.0 * std::f64::consts::PI * v).powf(0.5 * x.len() as f64), r * (-1.0 / v))
        })
        .collect();
    let p: f64 = terms.iter().map(|t| t.0).sum();
    (p.ln(), terms.iter().fold(Array1::zeros(x.len()), |sum, (w, s)| sum + s * (w / p)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn fast_mixtures_equal_the_naive_sum(seed in 0u64..1000, dim in 1usize..24, angle in 0.05..1.55, offset in -3.0..3.0) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let means = Array2::from_shape_simple_fn((4, dim), || offset + f64::standard_normal(&mut rng));
        let (weights, variances) = ([0.1, 0.2, 0.3, 0.4], [0.5, 0.2, 1.0, 0.7]);
        let target = GaussianMixture::isotropic(&weights, &means, &variances).unwrap();
        let (_, x) = noisy(&target, level(angle), 6, &mut rng);
        let (score, density) = (target.score(level(angle), &x), target.log_density(level(angle), &x));
        for (i, row) in x.rows().into_iter().enumerate() {
            let (ln, s) = naive(&weights, &means, &variances, level(angle), &row.to_owned());
            prop_assert!((density[i] - ln).abs() < 1e-11 * (1.0 + ln.abs()));
            prop_assert!((&score.row(i) - &s).iter().all(|g| g.abs() < 1e-11));
        }
    }

    #[test]
    fn rotation_equivariance(seed in 0u64..1000, angle in 0.05..1.55) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let q = rotation();
        let straight = Gaussian::new(&[1.0, -2.0, 0.5], full()).unwrap();
        let turned = Gaussian::new(
            &q.dot(&Moments::mean(&straight)).to_vec(),
            Covariance::full(&symmetric(&q.dot(&straight.covariance().to_matrix()).dot(&q.t()))).unwrap(),
        ).unwrap();
        let wrapped = Rotated::new(straight, &q).unwrap();
        let (_, x) = noisy(&wrapped, level(angle), 4, &mut rng);
        prop_assert!(largest(&(turned.score(level(angle), &x) - wrapped.score(level(angle), &x))) < 1e-11);
        prop_assert!(largest(&(turned.denoise(level(angle), &x) - wrapped.denoise(level(angle), &x))) < 1e-11);
        let gap = turned.log_density(level(angle), &x) - wrapped.log_density(level(angle), &x);
        prop_assert!(gap.iter().all(|g| g.abs() < 1e-11));
    }
}

fn symmetric(a: &Array2<f64>) -> Array2<f64> {
    (a + &a.t()) * 0.5
}

#[test]
fn product_of_line_gaussians_is_a_gaussian() {
    let line = LineMixture::gaussian(0.5, 2.0).unwrap();
    let product = Product::copies(line, 4).unwrap();
    let gaussian = Gaussian::new(&[0.5; 4], Covariance::isotropic(4, 4.0).unwrap()).unwrap();
    let x = array![[0.1, -2.0, 3.0, 0.0], [1.0, 1.0, -1.0, 5.0]];
    let level = level(0.8);
    assert!(largest(&(product.score(level, &x) - gaussian.score(level, &x))) < CLOSED_FORM);
    assert!((product.log_density(level, &x) - gaussian.log_density(level, &x)).iter().all(|g| g.abs() < CLOSED_FORM));
    let row = x.row(0);
    assert!(largest(&(product.posterior_covariance(level, &row) - gaussian.posterior_covariance(level, &row))) < CLOSED_FORM);
}

#[test]
fn a_mixture_far_from_the_origin_loses_nothing() {
    // Shifting means and points by 1e6 changes the score by the rounding of the points only.
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let means = Array2::from_shape_simple_fn((3, 20), || f64::standard_normal(&mut rng));
    let near = GaussianMixture::isotropic(&[0.3, 0.3, 0.4], &means, &[0.5; 3]).unwrap();
    let far = GaussianMixture::isotropic(&[0.3, 0.3, 0.4], &(&means + 1e6), &[0.5; 3]).unwrap();
    let x = near.sample(10, &mut rng);
    let gap = near.score(NoiseLevel::DATA, &x) - far.score(NoiseLevel::DATA, &(&x + 1e6));
    assert!(largest(&gap) < 1e-8); // ulp(1e6) = 1e−10, divided by the variance and passed through the softmax
}

#[test]
fn narrow_modes_far_apart_do_not_underflow() {
    let means = Array2::from_shape_fn((2, 16), |(k, _)| if k == 0 { -50.0 } else { 50.0 });
    let target = GaussianMixture::isotropic(&[0.5, 0.5], &means, &[1e-4; 2]).unwrap();
    let x = Array2::from_elem((1, 16), 49.0);
    let score: Array2<f64> = target.score(NoiseLevel::DATA, &x);
    assert!(score.iter().all(|s| (s - 1e4).abs() < 1e-7), "{score}");
    // 16 coordinates at 100 standard deviations each.
    let exact = 0.5_f64.ln() - 16.0 * (5000.0 + 0.5 * (2.0 * std::f64::consts::PI * 1e-4).ln());
    assert!((target.log_density(NoiseLevel::DATA, &x)[0] / exact - 1.0).abs() < 1e-13);
}

#[test]
fn without_noise_point_masses_are_a_limit() {
    let target = PointMasses::new(&[0.5, 0.5], &array![[0.0, 0.0], [1.0, 0.0]]).unwrap();
    let x = array![[0.0, 0.0], [0.4, 0.0], [0.9, 0.3]];
    let density = target.log_density(NoiseLevel::DATA, &x);
    assert_eq!(density.to_vec(), [f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY]);
    assert_eq!(target.denoise(NoiseLevel::DATA, &x), array![[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]);
    assert_eq!(target.score(NoiseLevel::DATA, &x), Array2::<f64>::zeros((3, 2)));
}

#[test]
fn without_noise_a_degenerate_gaussian_lives_on_its_support() {
    let target = Gaussian::new(&[1.0, 2.0], Covariance::diagonal(&[0.0, 4.0]).unwrap()).unwrap();
    let x = array![[1.0, 3.0], [1.1, 3.0]];
    assert_eq!(target.log_density(NoiseLevel::DATA, &x).to_vec(), [f64::INFINITY, f64::NEG_INFINITY]);
    assert_eq!(target.score(NoiseLevel::DATA, &x), array![[0.0, -0.25], [0.0, -0.25]]);
    let tilted = Gaussian::new(&[1.0, 2.0], Covariance::spectrum(&[0.0, 4.0], &array![[0.6, -0.8], [0.8, 0.6]]).unwrap()).unwrap();
    let along = array![[1.0 - 0.8 * 3.0, 2.0 + 0.6 * 3.0], [1.0, 2.1]];
    assert_eq!(tilted.log_density(NoiseLevel::DATA, &along).to_vec(), [f64::INFINITY, f64::NEG_INFINITY]);
}

#[test]
fn single_precision_follows_double_precision() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let means = Array2::from_shape_simple_fn((5, 32), || f64::standard_normal(&mut rng));
    let target = GaussianMixture::isotropic(&[0.2; 5], &means, &[0.5; 5]).unwrap();
    let x = target.sample(50, &mut rng);
    let single = target.score(level(0.5), &x.mapv(|v| v as f32)).mapv(f64::from);
    assert!(largest(&(single - target.score(level(0.5), &x))) < 1e-4); // logits of size 40 rounded at 1e−7, times differences of means
}

#[test]
fn views_and_transposes_are_accepted() {
    let target = Gaussian::new(&[1.0, -2.0, 0.5], full()).unwrap();
    let x = array![[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]];
    let owned = x.t().to_owned();
    assert_eq!(target.score(level(0.3), &x.t()), target.score(level(0.3), &owned));
    let empty: &ArrayRef2<f64> = &Array2::zeros((0, 3));
    assert_eq!(target.score(level(0.3), empty).nrows(), 0);
}

#[test]
fn bad_parameters_are_refused() {
    type Refused = LawError;
    let unit = || Covariance::isotropic(2, 1.0).unwrap();
    assert!(matches!(Covariance::isotropic(0, 1.0), Err(Refused::OutOfRange(_))));
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(Covariance::isotropic(2, bad), Err(Refused::OutOfRange(_))));
        assert!(matches!(Covariance::diagonal(&[1.0, bad]), Err(Refused::EntryOutOfRange(error::EntryOutOfRange { index: 2, .. }))));
        assert!(GaussianMixture::kernel_density(&array![[1.0]], bad).is_err());
    }
    assert!(matches!(Covariance::full(&array![[1.0, 2.0], [2.0, 1.0]]), Err(Refused::NotPositive { .. })));
    assert!(matches!(Covariance::full(&array![[1.0, 0.5], [0.4, 1.0]]), Err(Refused::NotSymmetric { .. })));
    assert!(matches!(
        Covariance::full(&array![[1.0, f64::NAN], [f64::NAN, 1.0]]),
        Err(Refused::EntryOutOfRange(error::EntryOutOfRange { index: 2, .. }))
    ));
    assert!(matches!(Covariance::full(&array![[1.0, 0.5]]), Err(Refused::Mismatch(_))));
    assert!(matches!(Covariance::spectrum(&[1.0, 2.0], &array![[1.0, 0.1], [0.0, 1.0]]), Err(Refused::NotOrthogonal { .. })));
    assert!(matches!(Gaussian::new(&[0.0], unit()), Err(Refused::Mismatch(_))));
    assert!(matches!(Gaussian::new(&[0.0, f64::NAN], unit()), Err(Refused::EntryOutOfRange(error::EntryOutOfRange { index: 2, .. }))));
    let means = array![[0.0, 0.0], [1.0, 1.0]];
    assert!(matches!(GaussianMixture::new(&[], &means, &[]), Err(Refused::Empty(_))));
    assert!(matches!(GaussianMixture::new(&[0.5, 0.6], &means, &[unit(), unit()]), Err(Refused::WeightSum { .. })));
    assert!(matches!(
        GaussianMixture::new(&[1.5, -0.5], &means, &[unit(), unit()]),
        Err(Refused::EntryOutOfRange(error::EntryOutOfRange { index: 2, .. }))
    ));
    assert!(matches!(GaussianMixture::new(&[1.0], &means, &[unit()]), Err(Refused::Mismatch(_))));
    assert!(matches!(PointMasses::new(&[0.5, 0.5], &array![[0.0], [f64::INFINITY]]), Err(Refused::EntryOutOfRange(_))));
    assert!(matches!(PointMasses::empirical(&Array2::zeros((0, 2))), Err(Refused::Empty(_))));
    assert!(matches!(Product::<LineMixture>::new(vec![]), Err(Refused::Empty(_))));
    assert!(matches!(Rotated::new(Gaussian::standard(1).unwrap(), &array![[f64::NAN]]), Err(Refused::NotOrthogonal { .. })));
}

#[test]
fn no_law_answers_nan() {
    // Points of every size in fixed and random directions, between, on and far off the laws, at every kind of level: an answer may be
    // infinite where double precision ends, never NaN. Squares of coordinates beyond 1e150 are not representable, nor are covariances there.
    let levels = [
        NoiseLevel::DATA,
        level(1e-12),
        level(1e-3),
        level(0.8),
        level(1.55),
        level(std::f64::consts::FRAC_PI_2 - 1e-9),
        NoiseLevel::NOISE,
    ];
    let mut rng = ChaCha8Rng::seed_from_u64(70);
    let mut laws = targets();
    laws.push((
        "tiny modes",
        Box::new(GaussianMixture::isotropic(&[0.5, 0.5], &array![[0.0, 0.0, 1e-30], [1.0, 0.0, 0.0]], &[1e-20, 1e-8]).unwrap()),
    ));
    laws.push((
        "huge modes",
        Box::new(GaussianMixture::isotropic(&[0.5, 0.5], &array![[0.0, 0.0, 1e70], [1.0, 0.0, 0.0]], &[1e40, 1e-8]).unwrap()),
    ));
    laws.push(("far masses", Box::new(PointMasses::new(&[0.5, 0.5], &array![[0.0, 0.0, 1e70], [0.0, 0.0, 0.0]]).unwrap())));
    laws.push(("arc", Box::new(NoisyCurve::arc(1.5, 2.4, 0.1).unwrap())));
    laws.push(("moons", Box::new(NoisyCurve::two_moons(0.05).unwrap())));
    laws.push(("banana", Box::new(NoisyCurve::banana(1.0, 0.5, 0.2).unwrap())));
    let mut found = Vec::new();
    for (name, target) in &laws {
        for power in (-300..=300).step_by(75).chain([-10, -1, 1, 10]) {
            let size = 10_f64.powi(power);
            let mut x = array![[1.0, -0.5, 0.25], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 0.0, 0.0]];
            let random = Array2::from_shape_simple_fn((4, 3), || f64::standard_normal(&mut rng));
            x.append(Axis(0), random.view()).unwrap();
            let x = x.select(Axis(1), &(0..target.dim()).collect::<Vec<_>>()) * size;
            for at in levels {
                let density = target.log_density(at, &x);
                let (score, mean): (Array2<f64>, _) = (target.score(at, &x), target.denoise(at, &x));
                for (i, row) in x.rows().into_iter().enumerate() {
                    let covariance = target.posterior_covariance(at, &row);
                    let bad = |values: Vec<f64>| values.iter().any(|v| v.is_nan());
                    let answers = [
                        ("log density", density[i].is_nan()),
                        ("score", bad(score.row(i).iter().copied().collect())),
                        ("mean", bad(mean.row(i).iter().copied().collect())),
                        ("covariance", power <= 150 && covariance.iter().any(|v| !v.is_finite())),
                    ];
                    found.extend(answers.iter().filter(|a| a.1).map(|a| format!("{name}: {} at angle {:e}, x = {row:e}", a.0, at.angle())));
                }
            }
        }
    }
    assert!(
        found.is_empty(),
        "{} answers, among them\n{}",
        found.len(),
        found.iter().step_by(1 + found.len() / 40).cloned().collect::<Vec<_>>().join("\n")
    );
}
