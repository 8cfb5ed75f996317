//! The population recursion on the line against a naive reference: the same target, levels and quantity, f on a fixed uniform grid.
//!
//! `cargo bench --bench line_recursion`; the ratio and the comparison with NumPy are in `benches/README.md`.

use criterion::{Criterion, criterion_group, criterion_main};
use onestep::law::LineMixture;
use onestep::population::LineRecursion;
use onestep::schedule::UniformAngle;
use onestep::{Grid, VarianceSchedule};
use std::hint::black_box;
use std::time::Duration;

const WEIGHTS: [f64; 3] = [0.5, 0.3, 0.2];
const MEANS: [f64; 3] = [-1.5, 0.5, 2.0];
const STDS: [f64; 3] = [0.4, 0.5, 0.3];
const STEPS: usize = 4000;

fn grid() -> Grid {
    UniformAngle::new(STEPS, 0.01, std::f64::consts::FRAC_PI_2 - 0.001).and_then(|s| s.grid()).expect("the angles are valid")
}

/// f_T on 801 points of [−7, 7]: cubic interpolation, five-point Gauss–Hermite, everything recomputed at every step.
fn naive(grid: &Grid) -> Vec<f64> {
    const POINTS: usize = 801;
    const EDGE: f64 = 7.0;
    // Nodes and weights of the five-point rule for N(0, 1).
    let a = (5.0 - 10f64.sqrt()).sqrt();
    let b = (5.0 + 10f64.sqrt()).sqrt();
    let (wa, wb) = ((7.0 + 2.0 * 10f64.sqrt()) / 60.0, (7.0 - 2.0 * 10f64.sqrt()) / 60.0);
    let rule = [(-b, wb), (-a, wa), (0.0, 8.0 / 15.0), (a, wa), (b, wb)];
    let h = 2.0 * EDGE / (POINTS - 1) as f64;
    let x: Vec<f64> = (0..POINTS).map(|i| -EDGE + h * i as f64).collect();
    let mut f = x.clone();
    let cubic = |f: &[f64], y: f64| {
        let s = (y + EDGE) / h;
        let i = (s.floor() as isize).clamp(1, POINTS as isize - 3) as usize;
        let t = s - i as f64;
        let (p, q, r, u) = (f[i - 1], f[i], f[i + 1], f[i + 2]);
        -p * t * (t - 1.0) * (t - 2.0) / 6.0 + q * (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0 - r * (t + 1.0) * t * (t - 2.0) / 2.0
            + u * (t + 1.0) * t * (t - 1.0) / 6.0
    };
    for t in 2..=grid.steps() {
        let (now, before) = (grid.level(t), grid.level(t - 1));
        let new = x
            .iter()
            .map(|&x| {
                let mut total = 0.0;
                let mut sum = 0.0;
                for k in 0..3 {
                    let v = (now.cos() * STDS[k]).powi(2) + now.one_minus_alpha_bar();
                    let centre = x - now.cos() * MEANS[k];
                    let weight = WEIGHTS[k] * (-0.5 * centre * centre / v).exp() / v.sqrt();
                    let covariance = now.cos() * before.cos() * STDS[k] * STDS[k] + now.sin() * before.sin();
                    let mean = before.cos() * MEANS[k] + covariance / v * centre;
                    let spread = STDS[k] * grid.sin_delta(t) / v.sqrt();
                    total += weight;
                    sum += weight * rule.iter().map(|(z, w)| w * cubic(&f, mean + spread * z)).sum::<f64>();
                }
                sum / total
            })
            .collect();
        f = new;
    }
    f
}

fn recursion(c: &mut Criterion) {
    let grid = grid();
    let target = LineMixture::new(&WEIGHTS, &MEANS, &STDS).expect("the mixture is valid");
    let mut group = c.benchmark_group("line recursion, T = 4000");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    group.bench_function("naive, 801 points", |b| b.iter(|| naive(black_box(&grid))));
    group.bench_function("one run at spacing 0.5", |b| {
        b.iter(|| LineRecursion::new(&target, black_box(&grid)).spacing(0.5).refinements(0).run().map(|r| r.report().w1_marginal.lower));
    });
    group.bench_function("to relative tolerance 1e-9", |b| {
        b.iter(|| LineRecursion::new(&target, black_box(&grid)).run().map(|r| r.report().w1_marginal.lower));
    });
    group.finish();
}

criterion_group!(benches, recursion);
criterion_main!(benches);
