//! How often the interval of `transport::inference::confidence` holds W_p of the two laws, by simulation.
//!
//! ```text
//! cargo run --release --example coverage -- 60 250 1
//! ```
//!
//! Arguments: rows of each sample, runs a line of the table, and a seed. Laws: N(0, I_d) against its shift by δ, and against N(0, 1.5² I_d).
//! A share of 95 % over 250 runs has a standard error of 1.4 %.

use ndarray::Array2;
use onestep::transport::inference::confidence;
use onestep::transport::{Assignment, Line};
use onestep::{Distance, Float};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::io::Write;

/// Splits of each interval.
const SPLITS: usize = 30;

/// W_p of N(0, I_d) and N(0, 1.5² I_d): E‖Z/2‖ for p = 1, its root mean square for p = 2.
fn scale_distance(order: f64, dim: usize) -> f64 {
    let d = dim as f64;
    if order == 2.0 { 0.5 * d.sqrt() } else { 0.5 * 2_f64.sqrt() * (libm::lgamma(0.5 * (d + 1.0)) - libm::lgamma(0.5 * d)).exp() }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let (rows, runs) = (numbers.first().copied().unwrap_or(60).clamp(8, 10_000), numbers.get(1).copied().unwrap_or(250).clamp(1, 100_000));
    let mut out = std::io::stdout().lock();
    writeln!(out, "| d | p | laws | W_p | covered | too high | too low | mean width |\n| --- | --- | --- | --- | --- | --- | --- | --- |")?;
    let mut rng = ChaCha8Rng::seed_from_u64(numbers.get(2).copied().unwrap_or(1) as u64);
    for dim in [1, 3, 5] {
        for order in [1.0, 2.0] {
            let (line, exact) = (Line::new(order)?, Assignment::new(order)?);
            let distance: &dyn Distance = if dim == 1 { &line } else { &exact };
            for (shift, scale) in [(0.0, 1.0), (0.3, 1.0), (1.0, 1.0), (3.0, 1.0), (0.0, 1.5)] {
                let truth = if scale == 1.0 { shift } else { scale_distance(order, dim) };
                let (mut high, mut low, mut width) = (0, 0, 0.0);
                for _ in 0..runs {
                    let mut cloud = || Array2::from_shape_simple_fn((rows, dim), || f64::standard_normal(&mut rng));
                    let (x, mut y) = (cloud(), cloud() * scale);
                    y.column_mut(0).mapv_inplace(|v| v + shift);
                    let interval = confidence(distance, &x, &y, SPLITS, &mut rng)?.distance;
                    high += usize::from(interval.lower > truth);
                    low += usize::from(interval.upper < truth);
                    width += interval.upper - interval.lower;
                }
                let part = |count: usize| count as f64 / runs as f64;
                let laws = if scale == 1.0 { format!("shift {shift}") } else { format!("scale {scale}") };
                let (covered, width) = (1.0 - part(high + low), width / runs as f64);
                writeln!(
                    out,
                    "| {dim} | {order} | {laws} | {truth:.3} | {covered:.3} | {:.3} | {:.3} | {width:.2} |",
                    part(high),
                    part(low)
                )?;
            }
        }
    }
    Ok(())
}
