//! Joint training, one-step sampling and the recursion, beside PyTorch where there is one.
//!
//! ```text
//! cargo bench --bench training                        # this crate alone
//! PYTHON=python3 cargo bench --bench training         # and the peer, by an interpreter that has torch
//! PYTHON=python3 cargo bench --bench training -- 256  # one width
//! cargo bench --bench training -- tasks               # sampling and the recursion alone
//! ```
//!
//! Every number is measured in a process of its own, on one thread and on two, peer and crate in turn. What is printed is what stands in
//! `benches/README.md`.

use ndarray::Array2;
use onestep::schedule::UniformAngle;
use onestep::training::class::{Perceptron, RandomFourier};
use onestep::training::{Joint, JointModel, Recursion};
use onestep::{Float, FunctionClass, VarianceSchedule};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{FRAC_PI_2, PI};
use std::hint::black_box;
use std::time::Instant;
use support::{Outcome, own, peer, printed};

/// Width of the three hidden layers, pairs a batch, optimiser steps.
const CASES: [[usize; 3]; 4] = [[64, 256, 400], [128, 512, 150], [256, 1024, 50], [512, 1024, 20]];

/// Runs of each program; the fastest counts, for both sides.
const RUNS: usize = 3;

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

fn train(width: usize, batch: usize, iterations: usize, data: &Array2<f32>) -> Outcome<JointModel<f32>> {
    let grid = UniformAngle::new(64, 1e-2, FRAC_PI_2 - 1e-3)?.grid()?;
    let joint = Joint::new(grid, &[width; 3]).batch(batch).iterations(iterations).rate(1e-3);
    Ok(joint.train(data, &mut ChaCha8Rng::seed_from_u64(2))?)
}

fn milliseconds<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<f64> {
    let started = Instant::now();
    black_box(work()?);
    Ok(1e3 * started.elapsed().as_secs_f64())
}

/// Milliseconds of an optimiser step, without what is done once.
fn joint_step(width: usize, batch: usize, steps: usize) -> Outcome<f64> {
    const UNCOUNTED: usize = 20;
    let data = moons(20_000);
    let short = milliseconds(|| train(width, batch, UNCOUNTED, &data))?;
    let long = milliseconds(|| train(width, batch, UNCOUNTED + steps, &data))?;
    Ok((long - short) / steps as f64)
}

/// Milliseconds for 10⁶ one-step samples in the plane.
fn sampling(width: usize) -> Outcome<f64> {
    let model = train(width, 256, 10, &moons(2000))?;
    milliseconds(|| Ok(model.sample(1_000_000, &mut ChaCha8Rng::seed_from_u64(4))))
}

/// Milliseconds for the recursion over eight levels, 2000 pairs a step.
fn recursion(class: &dyn FunctionClass) -> Outcome<f64> {
    let grid = UniformAngle::new(8, 0.05, FRAC_PI_2 - 0.01)?.grid()?;
    let data = moons(2000).mapv(f64::from);
    milliseconds(|| Ok(Recursion::new(grid, 2000).train(&data, class, &mut ChaCha8Rng::seed_from_u64(5))?))
}

/// What a child process measures.
fn measure(what: &str, numbers: &[usize]) -> Outcome<f64> {
    match (what, numbers) {
        ("joint", &[width, batch, steps]) => joint_step(width, batch, steps),
        ("sampling", &[width]) => sampling(width),
        ("fourier", &[features]) => recursion(&RandomFourier::new(features)),
        ("perceptron", &[width, iterations]) => recursion(&Perceptron::new(&[width; 2]).iterations(iterations)),
        _ => Err(format!("nothing is called {what} {numbers:?}").into()),
    }
}

fn ours(threads: usize, what: &str, numbers: &[usize]) -> Outcome<f64> {
    let numbers = numbers.iter().map(usize::to_string);
    Ok(printed(own(threads)?.arg(what).args(numbers))?.trim().parse()?)
}

fn theirs(python: &str, threads: usize, numbers: &[usize]) -> Outcome<f64> {
    let numbers = numbers.iter().map(usize::to_string);
    Ok(printed(peer(python, "joint_training.py", threads).args(numbers).arg(threads.to_string()))?.trim().parse()?)
}

fn steps(width: Option<usize>) -> Outcome<()> {
    let python = std::env::var("PYTHON").ok();
    println!("| width, batch | peer, 1 thread | 2 threads | `onestep`, 1 thread | 2 threads | ratio, 1 thread | best of each |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for case in CASES.into_iter().filter(|c| width.is_none_or(|w| w == c[0])) {
        let [mut peers, mut own] = [[f64::NAN; 2]; 2];
        for _ in 0..RUNS {
            for threads in [1, 2] {
                if let Some(python) = &python {
                    peers[threads - 1] = peers[threads - 1].min(theirs(python, threads, &case)?);
                }
                own[threads - 1] = own[threads - 1].min(ours(threads, "joint", &case)?);
            }
        }
        let ([width, batch, _], best) = (case, |t: [f64; 2]| t[0].min(t[1]));
        let (single, both) = (peers[0] / own[0], best(peers) / best(own));
        let [[p1, p2], [o1, o2]] = [peers, own];
        println!("| {width}, {batch} | {p1:.2} | {p2:.2} | {o1:.2} | {o2:.2} | {single:.2} | {both:.2} |");
    }
    Ok(())
}

fn tasks() -> Outcome<()> {
    println!("| task | 1 thread, ms | 2 threads, ms |\n| --- | --- | --- |");
    let tasks: [(&str, &str, &[usize]); 3] = [
        ("10⁶ one-step samples in the plane, width 64", "sampling", &[64]),
        ("recursion, T = 8, 2000 pairs, 150 random Fourier features", "fourier", &[150]),
        ("recursion, T = 8, 2000 pairs, perceptron 64-64, 200 iterations", "perceptron", &[64, 200]),
    ];
    for (name, what, numbers) in tasks {
        let time = |threads| (0..RUNS).try_fold(f64::NAN, |least, _| ours(threads, what, numbers).map(|t| t.min(least)));
        println!("| {name} | {:.0} | {:.0} |", time(1)?, time(2)?);
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => steps(None).and_then(|()| tasks()),
        ["tasks"] => tasks(),
        [width] => steps(Some(width.parse()?)),
        [what, numbers @ ..] => {
            let numbers = numbers.iter().map(|n| n.parse()).collect::<Result<Vec<usize>, _>>()?;
            println!("{}", measure(what, &numbers)?);
            Ok(())
        }
    }
}
