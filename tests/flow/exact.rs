//! Exact flow maps: semigroup, inverse, transport of the marginals, Jacobians, Lipschitz constants.

use ndarray::{Array2, Axis, array};
use onestep::law::{Comb, Covariance, Gaussian, LineMixture, Product, Rotated};
use onestep::schedule::LiHuangWei;
use onestep::{FlowJacobian, FlowMap, NoiseLevel, Sample, ScoreFunction, VarianceSchedule};
use proptest::prelude::*;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// A few ulp of numbers of size one, through two matrix products.
const CLOSED_FORM: f64 = 1e-13;
/// The quantile map is good to 1e−14 of its condition number, which reaches 40 here.
const QUANTILE: f64 = 1e-12;

fn gaussian() -> Gaussian {
    let covariance = Covariance::full(&array![[2.0, 0.6, 0.1], [0.6, 1.0, -0.3], [0.1, -0.3, 0.2]]).unwrap();
    Gaussian::new(&[1.0, -2.0, 0.5], covariance).unwrap()
}

fn rotation() -> Array2<f64> {
    let (s, c) = f64::sin_cos(0.7);
    array![[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]].dot(&array![[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
}

fn rotated_product() -> Rotated<Product<LineMixture>> {
    let factors = vec![
        LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.6, 0.6]).unwrap(),
        LineMixture::gaussian(0.3, 2.0).unwrap(),
        LineMixture::new(&[0.3, 0.7], &[-1.0, 0.5], &[0.5, 0.8]).unwrap(),
    ];
    Rotated::new(Product::new(factors).unwrap(), &rotation()).unwrap()
}

fn combs() -> Product<Comb> {
    Product::new([(0.5, 6.0), (0.9, 2.0), (0.2, 40.0)].map(|(a, k)| Comb::new(a, k).unwrap()).to_vec()).unwrap()
}

fn flows() -> Vec<(Box<dyn FlowJacobian>, f64)> {
    vec![(Box::new(gaussian()), CLOSED_FORM), (Box::new(rotated_product()), QUANTILE), (Box::new(combs()), QUANTILE)]
}

fn level(angle: f64) -> NoiseLevel {
    NoiseLevel::from_angle(angle).unwrap()
}

fn largest(gap: &Array2<f64>) -> f64 {
    gap.iter().fold(0.0, |a: f64, g| a.max(g.abs()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn two_maps_in_turn_are_one(a in 0.01..1.57, b in 0.01..1.57, c in 0.01..1.57, x in proptest::collection::vec(-2.0..2.0, 3)) {
        let x = Array2::from_shape_vec((1, 3), x).unwrap();
        for (flow, tolerance) in flows() {
            let through = flow.flow(level(b), level(c), &flow.flow(level(a), level(b), &x));
            prop_assert!(largest(&(through - flow.flow(level(a), level(c), &x))) < 20.0 * tolerance);
            let back = flow.flow(level(b), level(a), &flow.flow(level(a), level(b), &x));
            prop_assert!(largest(&(back - &x)) < 20.0 * tolerance);
        }
    }
}

#[test]
fn the_flow_solves_its_differential_equation() {
    // dΦ/dθ' = −tan θ' (Φ + s_θ'(Φ)), by central differences of step h: error h² times the third derivative.
    let h = 1e-5;
    let x = array![[0.3, -0.4, 0.9], [-1.0, 0.2, 0.1]];
    for (to, from) in [(0.5, 1.3), (1.0, 0.2)] {
        let (g, p) = (gaussian(), rotated_product());
        let check = |flow: &dyn FlowMap, score: &dyn ScoreFunction| {
            let slope = (flow.flow(level(from), level(to + h), &x) - flow.flow(level(from), level(to - h), &x)) / (2.0 * h);
            let y = flow.flow(level(from), level(to), &x);
            let velocity = (&y + &score.score(level(to), &y)) * -f64::tan(to);
            assert!(largest(&(slope - velocity)) < 2e-8);
        };
        check(&g, &g);
        check(&p, &p);
    }
}

#[test]
fn noise_becomes_data() {
    // Mean and covariance of Φ_{π/2→0}(Z) are those of the target; each of the 9 + 3 checks has false-alarm probability below 1e−6.
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let n = 100_000;
    let z = Gaussian::standard(3).unwrap().sample(n, &mut rng);
    let target = gaussian();
    let data = target.flow(NoiseLevel::NOISE, NoiseLevel::DATA, &z);
    let mean = data.mean_axis(Axis(0)).unwrap();
    let sigma = target.covariance().to_matrix();
    let root = (n as f64).sqrt();
    for i in 0..3 {
        assert!((mean[i] - target.mean_slice()[i]).abs() < 5.0 * sigma[[i, i]].sqrt() / root);
    }
    let centred = &data - &mean;
    let covariance = centred.t().dot(&centred) / n as f64;
    for ((i, j), c) in covariance.indexed_iter() {
        let deviation = (sigma[[i, i]] * sigma[[j, j]] + sigma[[i, j]].powi(2)).sqrt() / root;
        assert!((c - sigma[[i, j]]).abs() < 5.0 * deviation);
    }
}

#[test]
fn jacobians_are_the_derivatives() {
    let h = 1e-6;
    let x = array![[0.3, -0.4, 0.9]];
    let v = array![[0.6, 0.0, -0.8]];
    for (flow, _) in flows() {
        let (from, to) = (level(1.4), level(0.1));
        let slope = (flow.flow(from, to, &(&x + &(&v * h))) - flow.flow(from, to, &(&x - &(&v * h)))) / (2.0 * h);
        assert!(largest(&(slope - flow.jvp(from, to, &x, &v))) < 1e-8); // rounding 1e−14 over h, and h² times the third derivative
    }
}

#[test]
fn degenerate_directions_are_carried_exactly() {
    let target = Gaussian::new(&[2.0, 1.0], Covariance::diagonal(&[0.0, 4.0]).unwrap()).unwrap();
    let x = array![[0.5, -0.5]];
    assert_eq!(target.flow(NoiseLevel::NOISE, NoiseLevel::DATA, &x), array![[2.0, 0.0]]);
    // From the data the point of the support moves to the centre of its noise.
    assert_eq!(target.flow(NoiseLevel::DATA, NoiseLevel::NOISE, &array![[2.0, 3.0]]), array![[0.0, 1.0]]);
    assert!(largest(&(target.flow(level(0.4), level(0.4), &x) - &x)) < 1e-15);
}

#[test]
fn lipschitz_constant_is_the_largest_over_all_pairs_of_levels() {
    let grid = LiHuangWei::new(60, 2.0, 4.0).unwrap().grid().unwrap();
    for variances in [[0.3, 4.0], [0.1, 0.9], [1.0, 1.0]] {
        let target = Gaussian::new(&[0.0, 1.0], Covariance::diagonal(&variances).unwrap()).unwrap();
        let pairs = (1..=60).flat_map(|t| (1..=t).map(move |k| (t, k)));
        let searched = pairs.map(|(t, k)| target.flow_lipschitz(grid.level(t), grid.level(k))).fold(0.0, f64::max);
        assert!((target.lipschitz(&grid) / searched - 1.0).abs() < 1e-14);
    }
}

#[test]
fn single_precision_follows_double_precision() {
    let x = array![[0.3_f64, -0.4, 0.9]];
    let (from, to) = (level(1.4), level(0.1));
    let single = gaussian().flow(from, to, &x.mapv(|v| v as f32)).mapv(f64::from);
    assert!(largest(&(single - gaussian().flow(from, to, &x))) < 2e-6);
}
