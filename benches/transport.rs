//! Wasserstein estimators: line, sliced, Gaussian, Sinkhorn. Ratios to peers are in `benches/README.md`.

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, ArrayRef2};
use onestep::{Float, Line, Sinkhorn, Sliced, gaussian_w2};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::hint::black_box;

fn cloud(n: usize, dim: usize, seed: u64) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((n, dim), || f64::standard_normal(&mut rng))
}

fn line(c: &mut Criterion) {
    for n in [10_000, 100_000, 1_000_000] {
        let (x, y) = (cloud(n, 1, 1).into_raw_vec_and_offset().0, cloud(n, 1, 2).into_raw_vec_and_offset().0);
        let w1 = Line::new(1.0).expect("1 is a valid order");
        c.bench_function(&format!("line/{n}"), |b| b.iter(|| w1.samples(black_box(&x), black_box(&y))));
    }
}

fn sliced(c: &mut Criterion) {
    let (x, y) = (cloud(10_000, 64, 1), cloud(10_000, 64, 2));
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let sliced = Sliced::new(2.0, 64, 200, &mut rng).expect("the parameters are valid");
    c.bench_function("sliced/10000x64, 200 directions", |b| b.iter(|| sliced.distance(black_box(&x), black_box(&y))));
}

fn covariance(x: &ArrayRef2<f64>) -> Array2<f64> {
    x.t().dot(x) / x.nrows() as f64
}

fn gaussian(c: &mut Criterion) {
    for dim in [10, 100, 500] {
        let (a, b) = (covariance(&cloud(2 * dim, dim, 1)), covariance(&cloud(2 * dim, dim, 2)));
        let mean = vec![0.0; dim];
        c.bench_function(&format!("gaussian_w2/{dim}"), |bench| bench.iter(|| gaussian_w2(&mean, black_box(&a), &mean, black_box(&b))));
    }
}

/// 50 iterations at a fixed ε, so that the time is that of the iterations and not of a stopping rule.
fn sinkhorn(c: &mut Criterion) {
    let (x, y) = (cloud(2000, 16, 1), cloud(2000, 16, 2));
    let sinkhorn = Sinkhorn::new(2.0, 1.0).expect("the parameters are valid").iterations(50);
    c.bench_function("sinkhorn/2000x16, 50 iterations", |b| b.iter(|| sinkhorn.solve(black_box(&x), black_box(&y))));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(std::time::Duration::from_secs(1)).warm_up_time(std::time::Duration::from_millis(300));
    targets = line, sliced, gaussian, sinkhorn
}
criterion_main!(benches);
