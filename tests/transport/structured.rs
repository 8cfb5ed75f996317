//! Gaussian distances where decompositions go wrong: integer, singular, constant and block covariances, in both orders; and the Gelbrich bound
//! against the exact distance of small clouds of integers.

use ndarray::{Array2, ArrayView2, array};
use onestep::law::Covariance;
use onestep::transport::gaussian::{gaussian_w2, gelbrich, gelbrich_lower_bound, gelbrich_plug_in};
use onestep::transport::{Assignment, Bures, Measure, NetworkSimplex, TransportError};
use onestep::{Distance, Sample};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Entries are integers, so that rank is exact: pivots of rounding are left out and the others keep their digits. In units of √tr Σ₁ + √tr Σ₂.
const EXACT: f64 = 1e-14;
/// Where a covariance has eigenvalues of 1e−13 that are not zero they count as zero, which moves a distance by their roots.
const NEARLY_SINGULAR: f64 = 1e-7;

fn w2(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let mean = vec![0.0; a.nrows()];
    gaussian_w2(&mean, a, &mean, b).unwrap()
}

fn size(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.diag().sum().sqrt() + b.diag().sum().sqrt()
}

fn integers(rows: usize, columns: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
    Array2::from_shape_simple_fn((rows, columns), || f64::from(rng.random_range(-3..=3)))
}

fn gram(rank: usize, dim: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
    let x = integers(rank, dim, rng);
    x.t().dot(&x)
}

/// A block in the last rows and columns, zero elsewhere.
fn block(dim: usize, block: &Array2<f64>) -> Array2<f64> {
    let before = dim - block.nrows();
    Array2::from_shape_fn((dim, dim), |(i, j)| if i.min(j) < before { 0.0 } else { block[[i - before, j - before]] })
}

/// Identity, ones, Toeplitz, Gram matrices of integers of all ranks, constant columns, blocks.
fn structured(kind: usize, dim: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
    let entry = |f: &dyn Fn(usize, usize) -> f64| Array2::from_shape_fn((dim, dim), |(i, j)| f(i, j));
    match kind % 9 {
        0 => Array2::eye(dim),
        1 => Array2::ones((dim, dim)),
        2 => entry(&|i, j| if i == j { 10.0 } else { 9.0 }),
        3 => entry(&|i, j| if i == j { 2.0 } else { -f64::from(u8::from(i.abs_diff(j) == 1)) }),
        4 => gram(1, dim, rng),
        5 => gram(rng.random_range(1..=dim), dim, rng),
        6 => gram(dim + 2, dim, rng),
        7 => {
            let mut x = integers(dim + 1, dim, rng);
            x.column_mut(0).fill(2.0);
            x.t().dot(&x)
        }
        _ => {
            let inner = rng.random_range(1..=dim);
            block(dim, &gram(rng.random_range(1..=inner), inner, rng))
        }
    }
}

#[test]
fn golden_values_in_both_orders() {
    for line in include_str!("../golden/structured.csv").lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let (dim, exact): (usize, f64) = (fields[0].parse().unwrap(), fields[1].parse().unwrap());
        let entries: Vec<f64> = fields[2].split(' ').map(|v| v.parse().unwrap()).collect();
        let matrix = |part: usize| ArrayView2::from_shape((dim, dim), &entries[part * dim * dim..][..dim * dim]).unwrap().to_owned();
        let (a, b) = (matrix(0), matrix(1));
        for w in [w2(&a, &b), w2(&b, &a)] {
            assert!((w - exact).abs() <= EXACT * size(&a, &b), "{w} for {exact}: {a} {b}");
        }
    }
}

#[test]
fn reported_values() {
    let one = Array2::from_shape_fn((5, 5), |(i, j)| if i == j { 1.0 } else { 0.9 });
    let spread = Array2::from_diag(&array![1.0, 2.0, 3.0, 4.0, 5.0]);
    let regular = array![[12.0, -8.0, 2.0, 4.0], [-8.0, 31.0, 13.0, -10.0], [2.0, 13.0, 21.0, 3.0], [4.0, -10.0, 3.0, 18.0]];
    let corner = block(4, &array![[25.0, 20.0], [20.0, 16.0]]);
    let v = array![[1.0], [2.0], [3.0]];
    let cases = [
        (one, spread, 2.900_670_280_549_62),
        (regular, corner, 7.868_284_603_571),
        (v.dot(&v.t()), Array2::eye(3), (17.0 - 2.0 * 14f64.sqrt()).sqrt()),
    ];
    for (a, b, exact) in cases {
        for w in [w2(&a, &b), w2(&b, &a)] {
            assert!((w / exact - 1.0).abs() < 1e-13, "{w} for {exact}");
        }
    }
}

/// N(0, A) and its image N(0, T A T) under a symmetric positive definite T, which is the optimal map: W_2² = tr (T − I) A (T − I).
#[test]
fn thirty_thousand_images_in_both_orders() {
    let mut rng = ChaCha8Rng::seed_from_u64(20);
    let mut singular = 0;
    for case in 0..30_000 {
        let dim = rng.random_range(1..=8);
        let a = structured(case, dim, &mut rng);
        // Diagonally dominant, hence positive definite; integers, so that T A T is exact.
        let mut t = integers(dim, dim, &mut rng);
        t = &t + &t.t();
        for i in 0..dim {
            t[[i, i]] = 1.0 + t.row(i).iter().map(|v| v.abs()).sum::<f64>();
        }
        let b = t.dot(&a).dot(&t);
        let move_by = &t - &Array2::<f64>::eye(dim);
        let exact = move_by.dot(&a).dot(&move_by).diag().sum().sqrt();
        let (forth, back) = (w2(&a, &b), w2(&b, &a));
        singular += usize::from(case % 9 == 4 && dim > 1);
        for w in [forth, back] {
            assert!((w - exact).abs() <= EXACT * size(&a, &b), "case {case}: {w} for {exact}: {a} {t}");
        }
        assert!(w2(&b, &b) <= NEARLY_SINGULAR * size(&b, &b));
    }
    assert!(singular > 2000);
}

#[test]
fn every_rank_has_a_covariance() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    let v = [0.0, 2.0, 0.0, 0.0, 4.0, -2.0, 0.0, 4.0, 0.0, 0.0, 1.0, 0.0, 1.0, -3.0, 1.0];
    let reported = Array2::from_shape_fn((15, 15), |(i, j)| v[i] * v[j]);
    let others = (0..20_000).map(|case| {
        let dim = rng.random_range(1..=15);
        if case % 2 == 0 { gram(1, dim, &mut rng) } else { structured(case, dim, &mut rng) }
    });
    for matrix in std::iter::once(reported).chain(others.collect::<Vec<_>>()) {
        let sigma = Covariance::full(&matrix).unwrap();
        let scale = matrix.iter().fold(f64::MIN_POSITIVE, |m: f64, v| m.max(v.abs()));
        let gap = (sigma.to_matrix() - &matrix).iter().fold(0.0, |m: f64, v| if v.abs() <= m { m } else { v.abs() });
        assert!(gap <= 1e-13 * scale, "{gap} {matrix}");
    }
    let law = onestep::law::Gaussian::new(&[0.0; 15], Covariance::full(&Array2::from_shape_fn((15, 15), |(i, j)| v[i] * v[j])).unwrap());
    assert!(law.unwrap().sample(50, &mut rng).iter().all(|x| x.is_finite()));
}

#[test]
fn gelbrich_is_never_above_the_exact_distance() {
    let exact = NetworkSimplex::new(2.0).unwrap();
    let reported = (
        array![[0.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 2.0], [0.0, 2.0, 2.0, 2.0], [0.0, 1.0, 0.0, 0.0]],
        array![[1.0, 1.0, 1.0, 2.0], [1.0, 2.0, 0.0, 1.0]],
    );
    let mut rng = ChaCha8Rng::seed_from_u64(22);
    let mut cloud = |dim: usize| {
        let rows = rng.random_range(1..=5);
        Array2::from_shape_simple_fn((rows, dim), || f64::from(rng.random_range(0..=2)))
    };
    let others: Vec<_> = (0..10_000).map(|case| (cloud(1 + case % 5), cloud(1 + case % 5))).collect();
    let mut attained = 0;
    for (x, y) in std::iter::once(reported).chain(others) {
        let (w, bound) = (exact.solve(&x, &y).unwrap().upper, gelbrich_lower_bound(&x, &y).unwrap());
        assert!(bound <= w, "{bound} above {w}: {x} {y}");
        let plain = Bures.distance(&x, &y).unwrap();
        assert!(bound <= plain && plain - bound < 1e-6, "{plain} {bound}: {x} {y}");
        attained += usize::from(w > 0.0 && w - bound < 1e-6);
    }
    // A bound that is never above is worth something where it is reached: translations and images among the clouds.
    assert!(attained > 100);
}

/// Clouds of reals with weights, in units from 1e−60 to 1e60 and at any distance from 0.
#[test]
fn gelbrich_is_never_above_the_exact_distance_of_weighted_clouds() {
    let exact = NetworkSimplex::new(2.0).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(23);
    for case in 0..3000 {
        let (dim, unit) = (rng.random_range(1..=4), 10f64.powi(20 * (case % 7) - 60));
        let far = if case % 3 == 0 { 10f64.powi(rng.random_range(0..12)) } else { 0.0 };
        let mut cloud = |rows: usize, stretch: f64| {
            let points = Array2::from_shape_simple_fn((rows, dim), || unit * (far + stretch * rng.random_range(-1.0..1.0)));
            let weights: Vec<f64> = (0..rows).map(|_| rng.random_range(0.0..1.0_f64).powi(4)).collect();
            let total: f64 = weights.iter().sum();
            (points, weights.iter().map(|w| w / total).collect::<Vec<_>>())
        };
        let ((x, a), (mut y, b)) = (cloud(1 + case as usize % 6, 1.0), cloud(1 + case as usize % 5, [1.0, 1e-3, 30.0][case as usize % 3]));
        if case % 5 == 0 {
            y.assign(&(&x.row(0) + unit));
        }
        let (mu, nu) = (Measure::weighted(&x, &a), Measure::weighted(&y, &b));
        let (upper, bound) = (exact.solve(mu, nu).unwrap().upper, gelbrich_lower_bound(mu, nu).unwrap());
        assert!(bound <= upper, "case {case}: {bound} above {upper}");
        assert_eq!(bound, gelbrich_lower_bound(mu, nu).unwrap());
    }
}

/// The bound of the golden file is exact for the clouds as they are; 20 of its digits are written.
#[test]
fn golden_bounds_are_never_exceeded() {
    let mut close = 0;
    for (case, line) in include_str!("../golden/gelbrich.csv").lines().enumerate() {
        let fields: Vec<&str> = line.split(',').collect();
        let [dim, n, m] = [0, 1, 2].map(|k: usize| fields[k].parse::<usize>().unwrap());
        let exact: f64 = fields[3].parse().unwrap();
        let numbers = |k: usize| fields[k].split_whitespace().map(|v| v.parse().unwrap()).collect::<Vec<f64>>();
        let (x, y) = (Array2::from_shape_vec((n, dim), numbers(4)).unwrap(), Array2::from_shape_vec((m, dim), numbers(5)).unwrap());
        let weights: Vec<f64> = numbers(6).iter().map(|v| v / 64.0).collect();
        let bound = if weights.is_empty() {
            gelbrich_lower_bound(&x, &y)
        } else {
            gelbrich_lower_bound(Measure::weighted(&x, &weights[..n]), Measure::weighted(&y, &weights[n..]))
        };
        let bound = bound.unwrap();
        assert!(bound <= exact, "case {case}: {bound} above {exact}");
        // Where both covariances are regular n ε is given away; where one is singular, its root; of a translation, n ε again.
        let spread = x.std_axis(ndarray::Axis(0), 0.0).sum() + y.std_axis(ndarray::Axis(0), 0.0).sum();
        assert!(exact - bound <= 1e-6 * spread + 1e-14 * exact, "case {case}: {bound} for {exact}");
        if case % 4 == 3 {
            assert!(bound >= exact * (1.0 - 1e-12), "case {case}: {bound} for {exact}");
        }
        close += usize::from(exact - bound <= 1e-12 * exact);
    }
    assert!(close >= 120, "{close}");
}

#[test]
fn what_has_no_bound_is_an_error() {
    let (far, near) = (array![[1e200, 0.0], [-1e200, 1.0], [0.0, 1.0]], array![[0.0, 0.0], [1.0, 2.0]]);
    for (x, y) in [(&far, &near), (&near, &far), (&far, &far)] {
        assert!(matches!(gelbrich_lower_bound(x, y), Err(TransportError::OutOfRange(_))));
        assert!(matches!(gelbrich_plug_in(x, y), Err(TransportError::OutOfRange(_))));
        assert!(matches!(gelbrich(x, y), Err(TransportError::OutOfRange(_))));
    }
    assert!(matches!(gelbrich_lower_bound(&array![[f64::NAN]], &array![[0.0]]), Err(TransportError::NotFinite(_))));
    // Squares that are no normal numbers are given away, and nothing more is claimed than what is left.
    let tiny = array![[1e-170], [3e-170]];
    assert_eq!(gelbrich_lower_bound(&tiny, &array![[0.0], [0.0]]).unwrap(), 0.0);
    let bound = gelbrich_lower_bound(&tiny, &array![[1.0], [1.0]]).unwrap();
    assert!(bound <= 1.0 && bound > 1.0 - 1e-14);
}

/// More dimensions than points, and more points than dimensions, where the factorisations work in blocks.
#[test]
fn gelbrich_is_never_above_the_exact_distance_in_many_dimensions() {
    let exact = Assignment::new(2.0).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(24);
    for (rows, dim) in [(5, 40), (30, 12), (60, 60), (100, 70), (20, 120)] {
        for case in 0..6 {
            let mut cloud = |stretch: f64| Array2::from_shape_simple_fn((rows, dim), || stretch * rng.random_range(-1.0..1.0));
            let (x, mut y) = (cloud(1.0), cloud(if case % 2 == 0 { 1.0 } else { 0.1 }));
            match case / 2 {
                0 => {}
                1 => y = &x + 0.25,
                // An image under a positive definite map: the bound is attained.
                _ => y = Array2::from_shape_fn((rows, dim), |(i, j)| x[[i, j]] * (1.0 + (j % 7) as f64) + 0.5),
            }
            let (upper, bound) = (exact.solve(&x, &y).unwrap().upper, gelbrich_lower_bound(&x, &y).unwrap());
            assert!(bound <= upper, "{rows} points in {dim} dimensions: {bound} above {upper}");
            if case >= 2 {
                assert!(bound >= upper * (1.0 - 1e-6), "{rows} points in {dim} dimensions: {bound} for {upper}");
            }
        }
    }
}
