//! The flow of rotation-invariant targets: transport of the radii, semigroup, Jacobian, Lipschitz behaviour.

use ndarray::{Array2, array};
use onestep::law::{Gaussian, LineMixture, Radial};
use onestep::{FlowJacobian, FlowMap, NoiseLevel, Sample, ScoreFunction};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// The integrator's tolerance is 1e−13 a step of the last but one column.
const INTEGRATION: f64 = 1e-12;

fn level(angle: f64) -> NoiseLevel {
    NoiseLevel::from_angle(angle).unwrap()
}

fn largest(gap: &Array2<f64>) -> f64 {
    gap.iter().fold(0.0, |a: f64, g| a.max(g.abs()))
}

#[test]
fn radii_are_transported_monotonically() {
    for line in include_str!("../golden/radius_map.csv").lines().skip(1) {
        let v: Vec<f64> = line.split(',').map(|v| v.parse().unwrap()).collect();
        let dim = v[0] as usize;
        let mut x = Array2::zeros((1, dim));
        x[[0, dim - 1]] = v[4];
        // The script takes its angles from the decimal digits, as the parser does.
        let image = Radial::sphere(dim, v[1]).unwrap().flow(level(v[2]), level(v[3]), &x)[[0, dim - 1]];
        assert!((image / v[5] - 1.0).abs() < INTEGRATION, "{line}: {image}");
    }
}

#[test]
fn two_maps_in_turn_are_one() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for target in
        [Radial::sphere(2, 1.0).unwrap(), Radial::shells(6, &[0.3, 0.7], &[1.0, 3.0]).unwrap(), Radial::ball_shells(40, 7.0, 8).unwrap()]
    {
        let x = Gaussian::standard(target.dim()).unwrap().sample(6, &mut rng);
        for (a, b, c) in [(1.5, 0.9, 0.4), (0.5, 1.2, 1.4), (1.57, 0.6, 1.1)] {
            let through = target.flow(level(b), level(c), &target.flow(level(a), level(b), &x));
            assert!(largest(&(through - target.flow(level(a), level(c), &x))) < 100.0 * INTEGRATION);
            let back = target.flow(level(b), level(a), &target.flow(level(a), level(b), &x));
            assert!(largest(&(back - &x)) < 100.0 * INTEGRATION);
        }
    }
}

#[test]
fn the_flow_solves_its_differential_equation() {
    let h = 1e-5;
    let target = Radial::shells(4, &[0.5, 0.5], &[1.0, 2.5]).unwrap();
    let x = array![[0.3, -0.4, 0.9, 0.1], [-1.0, 1.2, 0.1, 1.0]];
    for (to, from) in [(0.5, 1.3), (1.0, 0.4)] {
        let slope = (target.flow(level(from), level(to + h), &x) - target.flow(level(from), level(to - h), &x)) / (2.0 * h);
        let y = target.flow(level(from), level(to), &x);
        let velocity = (&y + &target.score(level(to), &y)) * -f64::tan(to);
        assert!(largest(&(slope - velocity)) < 2e-8); // rounding 1e−13/h, and h² times the third derivative
    }
}

#[test]
fn on_the_line_the_sphere_is_a_pair_of_points() {
    let (sphere, pair) = (Radial::sphere(1, 1.0).unwrap(), LineMixture::point_masses(&[0.5, 0.5], &[-1.0, 1.0]).unwrap());
    let x = array![[-2.0], [-0.3], [0.01], [1.0]];
    for (from, to) in [(1.5, 0.3), (0.4, 1.3)] {
        let gap: Array2<f64> = sphere.flow(level(from), level(to), &x) - pair.flow(level(from), level(to), &x);
        assert!(largest(&gap) < INTEGRATION);
    }
}

#[test]
fn jacobians_are_the_derivatives() {
    let h = 1e-6;
    let target = Radial::shells(4, &[0.5, 0.5], &[1.0, 2.5]).unwrap();
    let (from, to) = (level(1.4), level(0.5));
    let x = array![[0.3, -0.4, 0.9, 0.1]];
    for v in [array![[0.3, -0.4, 0.9, 0.1]], array![[1.0, 0.0, 0.0, 0.0]], array![[0.4, 0.3, 0.0, 0.0]]] {
        let slope = (target.flow(from, to, &(&x + &(&v * h))) - target.flow(from, to, &(&x - &(&v * h)))) / (2.0 * h);
        assert!(largest(&(slope - target.jvp(from, to, &x, &v))) < 1e-7);
    }
}

#[test]
fn noise_flows_onto_the_sphere_and_the_origin_stays() {
    let target = Radial::sphere(5, 3.0).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let z = Gaussian::standard(5).unwrap().sample(20, &mut rng);
    let data = target.flow(NoiseLevel::NOISE, NoiseLevel::DATA, &z);
    for row in data.rows() {
        assert!((row.dot(&row).sqrt() - 3.0).abs() < 1e-10); // the data end is the angle 1e−12
    }
    let origin = Array2::<f64>::zeros((1, 5));
    assert_eq!(target.flow(NoiseLevel::NOISE, level(0.5), &origin), origin);
}
