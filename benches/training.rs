//! Joint training and one-step sampling of a time-conditioned perceptron, at the widths and batches of the peer in `benches/README.md`.

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;
use onestep::{Float, Joint, JointModel, Perceptron, Recursion, UniformAngle, VarianceSchedule};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{FRAC_PI_2, PI};
use std::hint::black_box;
use std::time::Duration;

/// Two half circles with a little noise.
fn moons(rows: usize) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut data = Array2::zeros((rows, 2));
    for mut row in data.rows_mut() {
        let (angle, side) = (PI as f32 * rng.random::<f32>(), if rng.random() { 1.0 } else { -1.0 });
        row[0] = side * angle.cos() + 0.5 * side + 0.05 * f32::standard_normal(&mut rng);
        row[1] = side * angle.sin() - 0.25 * side + 0.05 * f32::standard_normal(&mut rng);
    }
    data
}

fn joint(width: usize, batch: usize, iterations: usize) -> Joint {
    let grid = UniformAngle::new(64, 1e-2, FRAC_PI_2 - 1e-3).and_then(|s| s.grid()).expect("a valid range of angles");
    let joint = Joint::new(grid, &[width; 3]).and_then(|j| j.batch(batch)).and_then(|j| j.iterations(iterations));
    joint.and_then(|j| j.rate(1e-3)).expect("valid options")
}

fn training(criterion: &mut Criterion) {
    let data = moons(20_000);
    let mut group = criterion.benchmark_group("joint_step");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    for (width, batch, steps) in [(64, 256, 50), (128, 512, 20), (256, 1024, 5), (512, 1024, 2)] {
        let joint = joint(width, batch, steps);
        group.throughput(criterion::Throughput::Elements(steps as u64));
        group.bench_function(format!("width_{width}_batch_{batch}"), |b| {
            b.iter(|| {
                let model: JointModel<f32> = joint.train(&data, &mut ChaCha8Rng::seed_from_u64(2)).expect("training converges");
                black_box(model.loss())
            });
        });
    }
    group.finish();
}

fn sampling(criterion: &mut Criterion) {
    let data = moons(2000);
    let model: JointModel<f32> = joint(64, 256, 10).train(&data, &mut ChaCha8Rng::seed_from_u64(3)).expect("training converges");
    let mut group = criterion.benchmark_group("one_step_samples");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4));
    group.bench_function("million_points_width_64", |b| b.iter(|| black_box(model.sample(1_000_000, &mut ChaCha8Rng::seed_from_u64(4)))));
    group.finish();
}

fn recursion(criterion: &mut Criterion) {
    let data = moons(2000).mapv(f64::from);
    let grid = UniformAngle::new(8, 0.05, FRAC_PI_2 - 0.01).and_then(|s| s.grid()).expect("a valid range of angles");
    let recursion = Recursion::new(grid, 2000).expect("enough samples");
    let fourier = onestep::RandomFourier::new(150).expect("a valid number of features");
    let perceptron = Perceptron::new(&[64, 64]).and_then(|p| p.iterations(200)).expect("valid options");
    let mut group = criterion.benchmark_group("recursion_8_steps");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    let classes: [(&str, &dyn onestep::FunctionClass); 2] = [("random_fourier_150", &fourier), ("perceptron_64_64", &perceptron)];
    for (name, class) in classes {
        group.bench_function(name, |b| {
            b.iter(|| black_box(recursion.train(&data, class, &mut ChaCha8Rng::seed_from_u64(5)).expect("training converges")));
        });
    }
    group.finish();
}

criterion_group!(benches, training, sampling, recursion);
criterion_main!(benches);
