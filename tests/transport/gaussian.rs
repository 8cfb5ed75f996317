//! Distances between Gaussians: golden values, small distances, degenerate covariances, the Gelbrich bound.

use ndarray::{Array2, array};
use onestep::Float;
use onestep::error::{Mismatch, OutOfRange};
use onestep::transport::gaussian::{gaussian_w1_isotropic, gaussian_w1_line, gaussian_w2, gelbrich, gelbrich_plug_in};
use onestep::transport::{Assignment, TransportError};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// Closed forms and sums of a few hundred positive terms.
const CLOSED_FORM: f64 = 1e-13;
/// Roots and singular values of small well-conditioned matrices.
const LINEAR_ALGEBRA: f64 = 1e-12;

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/transport_estimators.json")).unwrap()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * a.abs().max(b.abs()), "{a} and {b} differ by {:e} relatively", (a / b - 1.0).abs());
}

fn normal(rows: usize, dim: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
    Array2::from_shape_simple_fn((rows, dim), || f64::standard_normal(rng))
}

#[test]
fn w1_of_isotropic_laws_agrees_with_kummers_function() {
    for case in golden()["isotropic"].as_array().unwrap() {
        let dim = case["dim"].as_u64().unwrap() as usize;
        let (mut shift, zero) = (vec![0.0; dim], vec![0.0; dim]);
        shift[dim - 1] = case["shift"].as_f64().unwrap();
        close(gaussian_w1_isotropic(&shift, 0.5, &zero, 1.5).unwrap(), case["value"].as_f64().unwrap(), CLOSED_FORM);
    }
}

#[test]
fn bures_agrees_with_high_precision() {
    for case in golden()["bures"].as_array().unwrap() {
        let (a, b) = (matrix(&case["first"]), matrix(&case["second"]));
        let mean = vec![0.0; a.nrows()];
        close(gaussian_w2(&mean, &a, &mean, &b).unwrap(), case["value"].as_f64().unwrap(), LINEAR_ALGEBRA);
    }
}

#[test]
fn commuting_covariances_in_high_dimension() {
    // H diag(λ) H and H diag(μ) H with the reflection H = I − 2vvᵀ/‖v‖²: W_2² = Σ (√λ_i − √μ_i)². Spectra over `span`, and 0 for the last.
    for (dim, span, last, tolerance) in [(40, 10.0, 1.0, LINEAR_ALGEBRA), (150, 1e6, 1.0, LINEAR_ALGEBRA), (60, 1e4, 0.0, LINEAR_ALGEBRA)] {
        let v = Array2::from_shape_fn((dim, 1), |(i, _)| (i as f64 + 1.0).sin());
        let h = Array2::eye(dim) - v.dot(&v.t()) * (2.0 / v.iter().map(|v| v * v).sum::<f64>());
        let root = |i: usize, shift: f64| {
            let weight = if i + 1 == dim { last } else { 1.0 };
            weight * f64::powf(span, -0.5 * i as f64 / dim as f64) * (1.0 + 0.5 * (i as f64 + shift).sin())
        };
        let covariance = |shift: f64| {
            let spectrum = Array2::from_diag(&ndarray::Array1::from_shape_fn(dim, |i| root(i, shift).powi(2)));
            let c = h.dot(&spectrum).dot(&h);
            (&c + &c.t()) / 2.0
        };
        let exact = (0..dim).map(|i| (root(i, 0.0) - root(i, 1.0)).powi(2)).sum::<f64>().sqrt();
        let mean = vec![0.0; dim];
        close(gaussian_w2(&mean, &covariance(0.0), &mean, &covariance(1.0)).unwrap(), exact, tolerance);
    }
}

#[test]
fn distances_of_all_sizes_in_high_dimension() {
    // N(0, Σ) and its image under I + hE, E symmetric, h‖E‖ < 1: the map is optimal, W_2² = h² tr(E Σ E). Large h is the work of single
    // precision, small h of double. The covariances are rounded, which moves W_2 by about 1e−15: 1e−6 of it at
    // h = 1e−9, tested with a margin of ten.
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for dim in [32, 49, 100, 130] {
        let (root, e) = (normal(2 * dim, dim, &mut rng), normal(dim, dim, &mut rng));
        let e = (&e + &e.t()) / (8.0 * dim as f64).sqrt();
        let sigma = root.t().dot(&root) / (2.0 * dim as f64);
        let mean = vec![0.0; dim];
        let unit = e.dot(&sigma).dot(&e).diag().sum().sqrt();
        for (h, tolerance) in [(0.8, LINEAR_ALGEBRA), (0.4, LINEAR_ALGEBRA), (0.1, LINEAR_ALGEBRA), (1e-3, LINEAR_ALGEBRA), (1e-9, 1e-5)] {
            let map = Array2::<f64>::eye(dim) + h * &e;
            let image = map.dot(&sigma).dot(&map);
            close(gaussian_w2(&mean, &sigma, &mean, &image).unwrap(), h * unit, tolerance);
        }
    }
}

#[test]
fn tiny_distances_keep_their_digits() {
    // N(0, Σ) and its image under I + hE, E symmetric: the map is optimal, W_2² = h² tr(E Σ E). The entries of the second covariance are
    // rounded, which moves W_2 by about 1e−16: that is 1e−6 of 1e−10.
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let dim = 50;
    let (root, e) = (normal(2 * dim, dim, &mut rng), normal(dim, dim, &mut rng));
    let e = (&e + &e.t()) / (2.0 * dim as f64).sqrt();
    let sigma = root.t().dot(&root) / (2.0 * dim as f64);
    let mean = vec![0.0; dim];
    let unit = e.dot(&sigma).dot(&e).diag().sum().sqrt();
    for (h, tolerance) in [(1e-2, 1e-12), (1e-5, 1e-10), (1e-8, 1e-6), (1e-10, 1e-4)] {
        let map = Array2::<f64>::eye(dim) + h * &e;
        let image = map.dot(&sigma).dot(&map);
        close(gaussian_w2(&mean, &sigma, &mean, &image).unwrap(), h * unit, tolerance);
    }
    // Scalar multiples of I, the case of exact roots.
    let identity = Array2::<f64>::eye(dim);
    let h = 1e-10_f64;
    close(gaussian_w2(&mean, &identity, &mean, &((1.0 + h).powi(2) * &identity)).unwrap(), h * 50f64.sqrt(), 2e-6);
}

#[test]
fn singular_covariances_are_allowed() {
    // Two segments at an angle φ, both of length 1: W_2² = 2 − 2|cos φ|.
    let (c, s) = (0.6, 0.8);
    let w = gaussian_w2(&[0.0, 0.0], &array![[1.0, 0.0], [0.0, 0.0]], &[0.0, 0.0], &array![[c * c, c * s], [c * s, s * s]]).unwrap();
    close(w, (2.0 - 2.0 * c).sqrt(), LINEAR_ALGEBRA);
    // Point masses.
    let zero = Array2::<f64>::zeros((2, 2));
    assert_eq!(gaussian_w2(&[3.0, 0.0], &zero, &[0.0, 4.0], &zero).unwrap(), 5.0);
    close(gaussian_w2(&[0.0, 0.0], &zero, &[0.0, 0.0], &(4.0 * Array2::<f64>::eye(2))).unwrap(), 8f64.sqrt(), LINEAR_ALGEBRA);
}

#[test]
fn scales_do_not_overflow() {
    for scale in [1e-150, 1.0, 1e150] {
        let (one, four) = (scale * scale * Array2::<f64>::eye(3), 4.0 * scale * scale * Array2::<f64>::eye(3));
        close(gaussian_w2(&[0.0; 3], &one, &[scale, 0.0, 0.0], &four).unwrap(), 2.0 * scale, LINEAR_ALGEBRA);
        close(gaussian_w1_line(scale, 0.0, 0.0, 0.0).unwrap(), scale, CLOSED_FORM);
    }
}

#[test]
fn bad_input_is_refused() {
    let identity = Array2::<f64>::eye(2);
    let mean = [0.0, 0.0];
    let refused = |m: &Array2<f64>| matches!(gaussian_w2(&mean, &identity, &mean, m), Err(TransportError::Covariance { .. }));
    assert!(refused(&array![[1.0, 0.5], [0.0, 1.0]]));
    assert!(refused(&array![[1.0, 2.0], [2.0, 1.0]]));
    assert!(refused(&array![[1.0, f64::NAN], [f64::NAN, 1.0]]));
    assert!(refused(&array![[1.0]]));
    // Positions count from 1.
    let message = gaussian_w2(&mean, &identity, &mean, &array![[1.0, f64::NAN], [0.0, 1.0]]).unwrap_err().to_string();
    assert!(message.contains("(1, 2)"), "{message}");
    let message = gaussian_w2(&mean, &identity, &mean, &array![[1.0, 0.5], [0.0, 1.0]]).unwrap_err().to_string();
    assert!(message.contains("(1, 2) and (2, 1)"), "{message}");
    assert!(matches!(gaussian_w2(&mean, &identity, &[0.0], &identity), Err(TransportError::Mismatch(Mismatch { left: 2, right: 1, .. }))));
    assert!(matches!(gaussian_w2(&[], &identity, &[], &identity), Err(TransportError::Empty(_))));
    assert!(matches!(gaussian_w1_line(f64::NAN, 1.0, 0.0, 1.0), Err(TransportError::EntryOutOfRange(_))));
    assert!(matches!(gaussian_w1_line(0.0, -1.0, 0.0, 1.0), Err(TransportError::OutOfRange(OutOfRange { name: "std_a", .. }))));
}

#[test]
fn gelbrich_bound_is_below_the_exact_distance_and_attained_by_affine_maps() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let x = normal(60, 3, &mut rng);
    let y = normal(60, 3, &mut rng).mapv(f64::exp);
    let exact = Assignment::new(2.0).unwrap().solve(&x, &y).unwrap().distance;
    assert!(gelbrich_plug_in(&x, &y).unwrap() < exact);
    // An image under a positive definite matrix: the map is optimal and the bound is W_2.
    let image = x.dot(&array![[2.0, 0.3, 0.0], [0.3, 1.0, 0.1], [0.0, 0.1, 0.5]]) + 1.0;
    let exact = Assignment::new(2.0).unwrap().solve(&x, &image).unwrap().distance;
    close(gelbrich_plug_in(&x, &image).unwrap(), exact, LINEAR_ALGEBRA);
}

#[test]
fn the_jackknife_removes_the_bias() {
    // Equal laws, d = 8, n = 400: the plug-in G² has mean about (d + d(d+1)/2 · ½) · 2/n; 40 runs.
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut plain, mut corrected) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        let (x, y) = (normal(400, 8, &mut rng), normal(400, 8, &mut rng));
        let g = gelbrich(&x, &y).unwrap();
        plain.push(g.plug_in.powi(2));
        corrected.push(g.squared.value);
    }
    let (plain, corrected) = (onestep::Estimate::from_samples(&plain), onestep::Estimate::from_samples(&corrected));
    assert!(plain.value > 20.0 * plain.std_error);
    // What is left of the bias is of order 1/n².
    assert!(corrected.value.abs() < 5.0 * corrected.std_error + 0.03 * plain.value);
}

#[test]
fn one_row_and_equal_rows() {
    let one = gelbrich(&array![[0.0, 0.0]], &array![[3.0, 4.0]]).unwrap();
    assert_eq!((one.plug_in, one.squared.std_error), (5.0, f64::INFINITY));
    let flat = gelbrich(&Array2::<f32>::zeros((5, 2)), &Array2::<f32>::zeros((4, 2))).unwrap();
    assert_eq!((flat.plug_in, flat.distance.upper), (0.0, 0.0));
}

fn covariance() -> impl Strategy<Value = Array2<f64>> {
    prop::collection::vec(-2.0..2.0_f64, 9).prop_map(|v| {
        let root = Array2::from_shape_vec((3, 3), v).unwrap();
        root.dot(&root.t())
    })
}

proptest! {
    #[test]
    fn is_a_metric(a in covariance(), b in covariance(), c in covariance()) {
        let m = [0.0; 3];
        let d = |a: &Array2<f64>, b: &Array2<f64>| gaussian_w2(&m, a, &m, b).unwrap();
        // Roots of nearly singular matrices: absolute error √ε of the scale at worst is not reached, ε^{1/2} × 1e−2 is.
        prop_assert!(d(&a, &a) < 1e-9);
        prop_assert!((d(&a, &b) - d(&b, &a)).abs() < 1e-9);
        prop_assert!(d(&a, &c) <= d(&a, &b) + d(&b, &c) + 1e-9);
    }
}

/// The sound Gelbrich bound stays below the exact W_2 of small integer clouds, where the plug-in bound once did not.
#[test]
fn the_gelbrich_lower_bound_holds_on_integer_clouds() {
    use onestep::transport::{Assignment, gaussian::gelbrich_lower_bound};
    use rand::{Rng, SeedableRng};
    let x = ndarray::array![[0.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 2.0], [0.0, 2.0, 2.0, 2.0], [0.0, 1.0, 0.0, 0.0]];
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
    for trial in 0..3000 {
        let (n, d) = (2 + trial % 5, 1 + trial % 4);
        let mut cloud = || ndarray::Array2::from_shape_simple_fn((n, d), || f64::from(rng.random_range(0..3u8)));
        let (x, y) = if trial == 0 { (x.clone(), x.clone() + 1.0) } else { (cloud(), cloud()) };
        let exact = Assignment::new(2.0).unwrap().solve(&x, &y).unwrap().distance;
        let lower = gelbrich_lower_bound(&x, &y).unwrap();
        assert!(lower <= exact * (1.0 + 1e-15), "trial {trial}: {lower} > {exact}, x = {x}, y = {y}");
        // Sharp at translations.
        assert!(trial > 0 || lower > 2.0 - 1e-6);
    }
}
