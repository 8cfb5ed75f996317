//! Draws from the posterior against its exact mean and covariance.

use ndarray::{Array2, array};
use onestep::NoiseLevel;
use onestep::law::{
    Covariance, Gaussian, GaussianMixture, LineMixture, PointMasses, Posterior, PosteriorSample, Product, Rotated, Shifted,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

trait Known: PosteriorSample + Posterior {}
impl<T: PosteriorSample + Posterior> Known for T {}

fn laws() -> Vec<(&'static str, Box<dyn Known>)> {
    let line = LineMixture::new(&[0.3, 0.7], &[-1.0, 0.8], &[0.5, 0.7]).unwrap();
    let full = |a: f64, b: f64, c: f64| Covariance::full(&array![[a, b], [b, c]]).unwrap();
    let means = array![[1.0, 0.0], [-0.5, 0.7]];
    let plane = GaussianMixture::new(&[0.4, 0.6], &means, &[full(0.5, 0.2, 0.3), full(0.2, -0.1, 0.6)]).unwrap();
    let turn = array![[0.6, -0.8], [0.8, 0.6]];
    vec![
        ("line", Box::new(line.clone())),
        ("gaussian", Box::new(Gaussian::new(&[0.5, -1.0], full(0.5, 0.2, 0.3)).unwrap())),
        ("mixture", Box::new(plane.clone())),
        ("atoms", Box::new(PointMasses::new(&[0.3, 0.7], &means).unwrap())),
        ("product", Box::new(Product::copies(line, 2).unwrap())),
        ("rotated", Box::new(Rotated::new(plane.clone(), &turn).unwrap())),
        ("shifted", Box::new(Shifted::new(plane, &[0.4, -2.0]).unwrap())),
    ]
}

/// Draws a law; all means and covariances at five standard errors: 70 comparisons, chance fails one run in 25 000.
const DRAWS: usize = 40_000;

#[test]
fn draws_have_the_moments_of_the_posterior() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (name, law) in laws() {
        let x: Vec<f64> = [0.4, -0.9].into_iter().take(law.dim()).collect();
        for angle in [0.7, 1.2] {
            let level = NoiseLevel::from_angle(angle).unwrap();
            let mut draws = Array2::zeros((DRAWS, law.dim()));
            law.sample_posterior_into(level, &x, &mut rng, &mut draws);
            let mean = law.denoise(level, &Array2::from_shape_vec((1, law.dim()), x.clone()).unwrap());
            let exact = law.posterior_covariance(level, &ndarray::aview1(&x));
            let about = &draws - &mean;
            for i in 0..law.dim() {
                let gap = about.column(i).mean().unwrap();
                assert!(gap.abs() < 5.0 * (exact[[i, i]] / DRAWS as f64).sqrt() + 1e-12, "{name}: mean {gap:e}");
                for j in 0..=i {
                    let products = &about.column(i) * &about.column(j);
                    let found = products.mean().unwrap();
                    let error = products.std(1.0) / (DRAWS as f64).sqrt();
                    assert!((found - exact[[i, j]]).abs() < 5.0 * error + 1e-12, "{name}: covariance {found} against {}", exact[[i, j]]);
                }
            }
        }
    }
}

#[test]
fn without_noise_the_posterior_is_a_point() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for (name, law) in laws() {
        let x: Vec<f64> = [1.0, 0.0].into_iter().take(law.dim()).collect();
        let mut draws = Array2::zeros((3, law.dim()));
        law.sample_posterior_into(NoiseLevel::DATA, &x, &mut rng, &mut draws);
        assert!(draws.rows().into_iter().all(|row| row.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12)), "{name}: {draws}");
    }
}
