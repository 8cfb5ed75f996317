//! The population recursion on the line beside the same one in NumPy and SciPy, and beside a naive one in plain Rust.
//!
//! ```text
//! cargo bench --bench line_recursion
//! PYTHON=python3 cargo bench --bench line_recursion      # and the peer, by an interpreter that has SciPy
//! ```

use onestep::law::LineMixture;
use onestep::population::LineRecursion;
use onestep::schedule::UniformAngle;
use onestep::{Grid, VarianceSchedule};
use std::hint::black_box;
use std::time::Instant;
use support::{Outcome, own, peer, printed};

const WEIGHTS: [f64; 3] = [0.5, 0.3, 0.2];
const MEANS: [f64; 3] = [-1.5, 0.5, 2.0];
const STDS: [f64; 3] = [0.4, 0.5, 0.3];
const STEPS: [usize; 3] = [800, 1000, 4000];
/// The fastest of so many runs counts.
const RUNS: usize = 3;

fn grid(steps: usize) -> Outcome<Grid> {
    Ok(UniformAngle::new(steps, 0.01, std::f64::consts::FRAC_PI_2 - 0.001)?.grid()?)
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

/// Seconds and W_1 at the law of X_T of one way.
fn measure(way: &str, steps: usize) -> Outcome<(f64, f64)> {
    let grid = grid(steps)?;
    let target = LineMixture::new(&WEIGHTS, &MEANS, &STDS)?;
    let recursion = LineRecursion::new(&target, &grid);
    let recursion = match way {
        "naive" => {
            let start = Instant::now();
            black_box(naive(&grid));
            return Ok((start.elapsed().as_secs_f64(), f64::NAN));
        }
        "once" => recursion.spacing(0.5).refinements(0),
        tolerance => recursion.tolerance(tolerance.parse()?),
    };
    let mut found = (f64::INFINITY, f64::NAN);
    for _ in 0..RUNS {
        let start = Instant::now();
        let w1 = recursion.run()?.report().w1_marginal.lower;
        found = (found.0.min(start.elapsed().as_secs_f64()), w1);
    }
    Ok(found)
}

/// Two numbers that a process prints.
fn pair(printed: &str) -> Outcome<(f64, f64)> {
    let (seconds, w1) = printed.trim().split_once(' ').ok_or("two numbers are expected")?;
    Ok((seconds.parse()?, w1.parse()?))
}

fn table() -> Outcome<()> {
    let python = std::env::var("PYTHON").ok();
    println!(
        "| T | NumPy, s | its W_1 off by | naive, s | to 1e-9, 1 thread, s | 2 threads, s | to 1e-3, 1 thread, s | 2 threads, s | one run at spacing 0.5, s |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for steps in STEPS {
        let ours = |way: &str, threads: usize| pair(&printed(own(threads)?.args([way, &steps.to_string()]))?);
        let (fine, w1) = ours("1e-9", 1)?;
        let (theirs, off) = match &python {
            Some(python) => pair(&printed(peer(python, "line_recursion.py", 1).arg(steps.to_string()))?)?,
            None => (f64::NAN, f64::NAN),
        };
        let rest = [("naive", 1), ("1e-9", 2), ("1e-3", 1), ("1e-3", 2), ("once", 1)].map(|(way, threads)| ours(way, threads));
        let [naive, fine_two, loose, loose_two, once] = rest.map(|found| found.map_or(f64::NAN, |f| f.0));
        println!(
            "| {steps} | {theirs:.2} | {:.0e} | {naive:.2} | {fine:.3} | {fine_two:.3} | {loose:.3} | {loose_two:.3} | {once:.3} |",
            (off / w1 - 1.0).abs()
        );
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match arguments.as_slice() {
        [way, steps] => {
            let (seconds, w1) = measure(way, steps.parse()?)?;
            println!("{seconds} {w1}");
            Ok(())
        }
        _ => table(),
    }
}
