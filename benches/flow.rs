//! The integrated probability flow of a Gaussian mixture. Ratios to peers are in `benches/README.md`.

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;
use onestep::flow::{FixedStep, FlowSolver};
use onestep::law::GaussianMixture;
use onestep::schedule::UniformAngle;
use onestep::{Float, NoiseLevel, VarianceSchedule};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::hint::black_box;

/// Means of norm 3 on the coordinate axes with alternating signs, isotropic standard deviation 0.5, equal weights.
fn mixture(dim: usize, components: usize) -> GaussianMixture {
    let sign = |k: usize| if k.is_multiple_of(2) { 3.0 } else { -3.0 };
    let means = Array2::from_shape_fn((components, dim), |(k, j)| if j == (k / 2) % dim { sign(k) } else { 0.0 });
    GaussianMixture::isotropic(&vec![1.0 / components as f64; components], &means, &vec![0.25; components]).expect("a valid mixture")
}

fn points(n: usize, dim: usize) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    Array2::from_shape_simple_fn((n, dim), || f64::standard_normal(&mut rng))
}

fn flow(c: &mut Criterion) {
    let (target, x) = (mixture(64, 8), points(10_000, 64));
    let (from, to) = (NoiseLevel::from_co_angle(1e-3).expect("in range"), NoiseLevel::from_angle(1e-2).expect("in range"));
    let mut group = c.benchmark_group("flow, 10000x64, 8 components");
    group.sample_size(10);
    for tolerance in [1e-4, 1e-6, 1e-8] {
        let solver = FlowSolver::new(tolerance).expect("in range");
        let solution = solver.solve(&target, from, to, &x).expect("the score is finite");
        println!("tolerance {tolerance:e}: {} evaluations a point", solution.effort.point_evaluations / 10_000);
        group.bench_function(format!("adaptive, tolerance {tolerance:e}"), |b| b.iter(|| solver.solve(&target, from, to, black_box(&x))));
    }
    let grid = UniformAngle::new(51, 1e-2, 1.57).and_then(|s| s.grid()).expect("in range");
    group.bench_function("DDIM, 50 steps", |b| b.iter(|| FixedStep::Ddim.sample(&target, &grid, black_box(&x))));
    group.finish();
}

criterion_group!(benches, flow);
criterion_main!(benches);
