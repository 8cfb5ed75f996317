//! Sliced distances: a naive reference, normalised lower bounds, the best direction.

use ndarray::{Array1, Array2, array};
use onestep::Float;
use onestep::error::{Mismatch, NotFinite, OutOfRange};
use onestep::transport::{Assignment, Line, MaxSliced, Sliced, TransportError};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Projections and sums of a few rounded terms.
const ROUNDING: f64 = 1e-12;

fn normal(rows: usize, dim: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
    Array2::from_shape_simple_fn((rows, dim), || f64::standard_normal(rng))
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * a.abs().max(b.abs()), "{a} and {b} differ by {:e} relatively", (a / b - 1.0).abs());
}

#[test]
fn equals_the_mean_over_directions_one_by_one() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (n, m, dim, p) in [(50, 50, 5, 2.0), (40, 30, 3, 1.0), (17, 5, 40, 1.5), (1, 1, 1, 2.0)] {
        let (x, y) = (normal(n, dim, &mut rng), normal(m, dim, &mut rng));
        let sliced = Sliced::new(p, dim, 37, &mut rng).unwrap();
        let line = Line::new(p).unwrap();
        let along = |theta: &Array1<f64>| line.samples(&x.dot(theta).to_vec(), &y.dot(theta).to_vec()).unwrap().powf(p);
        let costs: Vec<f64> = sliced.directions().rows().into_iter().map(|t| along(&t.to_owned())).collect();
        let d = sliced.measure(&x, &y).unwrap();
        close(d.cost.value, costs.iter().sum::<f64>() / 37.0, ROUNDING);
        close(d.distance.value.powf(p), d.cost.value, ROUNDING);
        // Slices with strides, and columns in memory order, are read alike.
        let wide = Array2::from_shape_fn((n, 2 * dim), |(i, j)| x[[i, j / 2]]);
        let strided = wide.slice_axis(ndarray::Axis(1), ndarray::Slice::new(0, None, 2));
        assert_eq!(sliced.measure(&strided, &y).unwrap().cost.value, d.cost.value);
    }
}

#[test]
fn normalised_bound_of_a_translation_is_its_length() {
    // E|θ·z|^p = ‖z‖^p E|θ_1|^p: the bound is attained in the mean, and for p = 2 by every orthonormal basis.
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let x = normal(10, 6, &mut rng);
    let y = &x + 0.5; // ‖z‖ = √1.5
    let exact = Sliced::new(2.0, 6, 60, &mut rng).unwrap().measure(&x, &y).unwrap();
    close(exact.lower_bound.value, 1.5f64.sqrt(), ROUNDING);
    for p in [1.0, 2.0, 3.0] {
        // Five standard errors: false alarms below 1e−6 for a correct factor.
        let d = Sliced::independent(p, 6, 4000, &mut rng).unwrap().measure(&x, &y).unwrap();
        assert!((d.lower_bound.value - 1.5f64.sqrt()).abs() < 5.0 * d.lower_bound.std_error, "p = {p}: {:?}", d.lower_bound);
        assert!(d.lower_bound.std_error < 0.02);
    }
}

#[test]
fn orthogonal_blocks_lower_the_error() {
    // A linear map of one cloud: spread of SW_2² over 40 sets of 32 directions in d = 16.
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let x = normal(60, 16, &mut rng);
    let y = &x * &Array1::linspace(0.2, 2.0, 16);
    let spread = |orthogonal: bool, rng: &mut ChaCha8Rng| {
        let values: Vec<f64> = (0..40)
            .map(|_| {
                let sliced = if orthogonal { Sliced::new(2.0, 16, 32, rng) } else { Sliced::independent(2.0, 16, 32, rng) };
                sliced.unwrap().measure(&x, &y).unwrap().cost.value
            })
            .collect();
        onestep::Estimate::from_samples(&values).std_error
    };
    assert!(spread(true, &mut rng) < 0.7 * spread(false, &mut rng));
}

#[test]
fn bounds_lie_below_the_exact_distance() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let x = normal(80, 4, &mut rng);
    let y = normal(80, 4, &mut rng).mapv(|v| 0.5 * v) + 1.0;
    for p in [1.0, 2.0] {
        let exact = Assignment::new(p).unwrap().solve(&x, &y).unwrap().distance;
        let sliced = Sliced::new(p, 4, 200, &mut rng).unwrap().measure(&x, &y).unwrap();
        let max = MaxSliced::new(p).unwrap().measure(&x, &y, &mut rng).unwrap();
        assert!(sliced.lower_bound.lower < exact);
        assert!(sliced.distance.value <= max.distance && max.distance < exact);
        close(max.direction.dot(&max.direction), 1.0, ROUNDING);
    }
}

#[test]
fn the_best_direction_is_found() {
    // Clouds that differ in one direction only, in d = 20: by spread, so that the difference of the means says nothing.
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let x = normal(500, 20, &mut rng);
    let mut y = x.clone();
    y.column_mut(7).mapv_inplace(|v| 3.0 * v);
    let best = MaxSliced::new(2.0).unwrap().measure(&x, &y, &mut rng).unwrap();
    assert!(best.direction[7].abs() > 0.99, "{}", best.direction);
    // Along e_7 the distance is the root mean square of 2 x_7; the maximiser is at least as good.
    let along = 2.0 * (x.column(7).mapv(|v| v * v).sum() / 500.0).sqrt();
    assert!(best.distance >= along * (1.0 - 1e-6));
}

#[test]
fn bad_input_is_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let x = array![[0.0, 1.0]];
    assert!(matches!(Sliced::new(2.0, 0, 5, &mut rng), Err(TransportError::OutOfRange(OutOfRange { name: "dim", .. }))));
    let sliced = Sliced::new(2.0, 3, 5, &mut rng).unwrap();
    assert!(matches!(sliced.measure(&x, &x), Err(TransportError::Mismatch(Mismatch { left: 2, right: 3, .. }))));
    assert!(matches!(
        sliced.measure(&array![[f64::NAN, 0.0, 0.0]], &array![[0.0, 0.0, 0.0]]),
        Err(TransportError::NotFinite(NotFinite { row: 1, .. }))
    ));
    assert!(matches!(MaxSliced::new(1.0).unwrap().measure(&x, &array![[0.0]], &mut rng), Err(TransportError::Mismatch(_))));
}

proptest! {
    #[test]
    fn is_a_pseudometric(v in prop::collection::vec(-10.0..10.0_f64, 36), p in 1.0..3.0_f64) {
        let cloud = |k: usize| Array2::from_shape_vec((4, 3), v[12 * k..12 * (k + 1)].to_vec()).unwrap();
        let sliced = Sliced::new(p, 3, 9, &mut ChaCha8Rng::seed_from_u64(7)).unwrap();
        let d = |a: &Array2<f64>, b: &Array2<f64>| sliced.measure(a, b).unwrap().distance.value;
        let (x, y, z) = (cloud(0), cloud(1), cloud(2));
        prop_assert_eq!(d(&x, &x), 0.0);
        prop_assert!((d(&x, &y) - d(&y, &x)).abs() <= ROUNDING * d(&x, &y));
        prop_assert!(d(&x, &z) <= (d(&x, &y) + d(&y, &z)) * (1.0 + ROUNDING));
    }
}

#[test]
fn bounds_hold_far_from_the_origin_and_at_the_ends_of_the_range() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for (centre, scale) in [(1e12, 1.0), (-1e15, 100.0), (0.0, 1e150), (0.0, 1e300), (0.0, 1e-300)] {
        let x = normal(40, 3, &mut rng) * scale + centre;
        for p in [1.0, 2.0] {
            // W_p of a translation, taken from the rounded cloud.
            let y = &x + 0.5 * scale;
            let truth =
                (&y - &x).rows().into_iter().map(|r| r.iter().map(|v| (v / scale).powi(2)).sum::<f64>().sqrt()).fold(0.0, f64::max) * scale;
            let d = Sliced::new(p, 3, 60, &mut rng).unwrap().measure(&x, &y).unwrap();
            assert!(
                d.lower_bound.lower <= truth && d.lower_bound.upper >= 0.8 * truth,
                "{centre} {scale} {p}: {} for {truth}",
                d.lower_bound
            );
            let max = MaxSliced::new(p).unwrap().measure(&x, &y, &mut rng).unwrap();
            assert!(max.lower <= truth && max.distance >= 0.99 * truth, "{centre} {scale} {p}: {max} for {truth}");
            // In single precision as well, near the origin.
            if centre == 0.0 && scale == 1.0 {
                let narrow = Sliced::new(p, 3, 60, &mut rng).unwrap().measure(&x.mapv(|v| v as f32), &y.mapv(|v| v as f32)).unwrap();
                assert!(narrow.lower_bound.lower <= truth * (1.0 + 1e-6));
            }
        }
    }
    // At order 600 powers of everything but the largest gap vanish.
    let x = normal(40, 3, &mut rng);
    let max = MaxSliced::new(600.0).unwrap().measure(&x, &(&x * 10.0), &mut rng).unwrap();
    assert!(max.lower > 5.0 && max.distance.is_finite());
    assert!(MaxSliced::new(1.0).unwrap().starts(0).measure(&x, &x, &mut rng).is_err());
}

#[test]
fn few_directions_have_wide_intervals() {
    // Two directions: Student's quantile with one degree of freedom is 12.7.
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let (x, y) = (normal(20, 4, &mut rng), normal(20, 4, &mut rng) * 2.0);
    let d = Sliced::independent(1.0, 4, 2, &mut rng).unwrap().measure(&x, &y).unwrap();
    assert!((d.cost.upper - d.cost.value) / d.cost.std_error > 12.7);
}
