//! Exact W_p: the lazy auction and the network simplex on the clouds of `benches/README.md`, and a textbook Hungarian method.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ndarray::Array2;
use onestep::{Assignment, Float, NetworkSimplex};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::hint::black_box;

/// x ~ N(0, I), y ~ N(0.5 e_1, diag(s)²) with s from 0.5 to 1.5: the laws of the peers' script.
fn clouds(n: usize, dim: usize) -> (Array2<f64>, Array2<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut normal = || Array2::from_shape_simple_fn((n, dim), || f64::standard_normal(&mut rng));
    let (x, mut y) = (normal(), normal());
    for (k, mut column) in y.columns_mut().into_iter().enumerate() {
        let scale = 0.5 + k as f64 / (dim.max(2) - 1) as f64;
        column.mapv_inplace(|z| scale * z);
    }
    y.column_mut(0).mapv_inplace(|z| z + 0.5);
    (x, y)
}

/// The O(n³) Hungarian method with row potentials on a full cost matrix; returns the mean cost.
fn hungarian(x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    let n = x.nrows();
    let cost = Array2::from_shape_fn((n, n), |(i, j)| x.row(i).iter().zip(y.row(j)).map(|(a, b)| (a - b) * (a - b)).sum::<f64>());
    let (mut u, mut v) = (vec![0.0; n], vec![0.0; n + 1]);
    let mut row = vec![usize::MAX; n + 1];
    for root in 0..n {
        let (mut least, mut from, mut done) = (vec![f64::INFINITY; n], vec![n; n], vec![false; n + 1]);
        let mut j = n;
        row[n] = root;
        while row[j] != usize::MAX {
            done[j] = true;
            let i = row[j];
            let (mut step, mut next) = (f64::INFINITY, n);
            for k in 0..n {
                if !done[k] {
                    let reduced = cost[[i, k]] - u[i] - v[k];
                    if reduced < least[k] {
                        (least[k], from[k]) = (reduced, j);
                    }
                    if least[k] < step {
                        (step, next) = (least[k], k);
                    }
                }
            }
            for k in 0..=n {
                if done[k] {
                    u[row[k]] += step;
                    v[k] -= step;
                } else if k < n {
                    least[k] -= step;
                }
            }
            j = next;
        }
        while j != n {
            row[j] = row[from[j]];
            j = from[j];
        }
    }
    (0..n).map(|j| cost[[row[j], j]]).sum::<f64>() / n as f64
}

fn assignment(c: &mut Criterion) {
    let mut group = c.benchmark_group("assignment");
    for (n, dim, order) in [(500, 16, 2.0), (2000, 2, 2.0), (2000, 16, 1.0), (2000, 16, 2.0), (2000, 128, 2.0)] {
        let (x, y) = clouds(n, dim);
        let solver = Assignment::new(order).expect("the order is valid");
        group.bench_function(BenchmarkId::new("onestep", format!("n={n} d={dim} p={order}")), |b| {
            b.iter(|| solver.solve(black_box(&x), black_box(&y)).expect("the clouds are valid").cost);
        });
    }
    let (x, y) = clouds(500, 16);
    let truth = Assignment::new(2.0).and_then(|solver| solver.solve(&x, &y)).expect("the clouds are valid").cost;
    assert!((hungarian(&x, &y) / truth - 1.0).abs() < 1e-12, "the reference disagrees");
    group.bench_function("hungarian/n=500 d=16 p=2", |b| b.iter(|| hungarian(black_box(&x), black_box(&y))));
    group.finish();
}

fn network(c: &mut Criterion) {
    let (x, y) = clouds(1000, 16);
    let weights: Vec<f64> = (0..1000).map(|i| f64::from(1 + i % 10) / 5500.0).collect();
    let solver = NetworkSimplex::new(2.0).expect("the order is valid");
    c.bench_function("network/n=m=1000 d=16 p=2", |b| {
        b.iter(|| solver.solve(black_box(&x), &weights, black_box(&y), &vec![1e-3; 1000]).expect("the input is valid").cost);
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(std::time::Duration::from_secs(1)).warm_up_time(std::time::Duration::from_millis(300));
    targets = assignment, network
}
criterion_main!(benches);
