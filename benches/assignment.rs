//! Exact W_p, with and without weights, beside POT and SciPy where there is a Python.
//!
//! ```text
//! cargo bench --bench assignment                        # this crate alone, up to 2000 points
//! PYTHON=python3 cargo bench --bench assignment         # and the peers, by an interpreter that has POT and SciPy
//! PYTHON=python3 cargo bench --bench assignment -- n=8000
//! cargo bench --bench assignment -- hungarian           # a textbook O(n³) method, in this language
//! ```
//!
//! An argument picks the cases whose title contains it, the large ones too. Every number is measured in a process of its own, peers and
//! crate in turn on the same arrays; costs are included. What is printed is what stands in `benches/README.md`.

use ndarray::{Array1, Array2};
use ndarray_npy::{read_npy, write_npy};
use onestep::Float;
use onestep::transport::{Assignment, Measure, NetworkSimplex};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::PathBuf;
use std::time::Instant;
use support::{Folder, Outcome, own, peer, printed};

/// A pair of clouds: their law, sizes, dimension, the order p, whether with weights, and how often a peer is run; 0 for too slow.
#[derive(Clone, Copy)]
struct Case {
    law: &'static str,
    rows: usize,
    columns: usize,
    dim: usize,
    order: usize,
    weights: bool,
    peer_runs: usize,
}

const fn uniform(law: &'static str, n: usize, dim: usize, order: usize, peer_runs: usize) -> Case {
    Case { law, rows: n, columns: n, dim, order, weights: false, peer_runs }
}

const fn weighted(rows: usize, columns: usize, dim: usize, order: usize) -> Case {
    Case { law: "scaled", rows, columns, dim, order, weights: true, peer_runs: 3 }
}

const CASES: [Case; 30] = [
    uniform("null", 500, 16, 2, 3),
    uniform("null", 1000, 16, 2, 3),
    uniform("null", 2000, 2, 2, 3),
    uniform("null", 2000, 16, 2, 3),
    uniform("null", 2000, 128, 2, 3),
    uniform("scaled", 500, 16, 2, 3),
    uniform("scaled", 2000, 2, 2, 3),
    uniform("scaled", 2000, 2, 1, 3),
    uniform("scaled", 2000, 16, 2, 3),
    uniform("scaled", 2000, 16, 1, 3),
    uniform("scaled", 2000, 128, 2, 3),
    uniform("lattice", 2000, 2, 2, 3),
    uniform("halves", 2000, 2, 2, 3),
    uniform("shifted lattice", 1936, 2, 2, 3),
    uniform("tails", 2000, 2, 2, 3),
    weighted(2000, 2000, 2, 2),
    weighted(2000, 2000, 2, 1),
    weighted(2000, 2000, 16, 2),
    weighted(2000, 2000, 128, 2),
    weighted(1500, 2500, 16, 1),
    uniform("null", 4000, 2, 2, 1),
    uniform("null", 4000, 16, 2, 1),
    uniform("null", 4000, 128, 2, 1),
    uniform("scaled", 8000, 2, 2, 1),
    uniform("scaled", 8000, 16, 2, 1),
    uniform("scaled", 20_000, 2, 2, 0),
    uniform("scaled", 20_000, 16, 2, 0),
    uniform("scaled", 50_000, 2, 2, 0),
    uniform("scaled", 50_000, 16, 2, 0),
    uniform("scaled", 100_000, 16, 2, 0),
];

/// Points up to which a case is run without being asked for.
const SMALL: usize = 2500;
/// Solutions of which the median counts; one above [`SMALL`].
const RUNS: usize = 5;

impl Case {
    fn title(&self) -> String {
        let sizes = if self.rows == self.columns { format!("n={}", self.rows) } else { format!("n={} m={}", self.rows, self.columns) };
        let weights = if self.weights { ", weights" } else { "" };
        format!("{}, {sizes} d={} p={}{weights}", self.law, self.dim, self.order)
    }

    fn runs(&self) -> usize {
        if self.rows.max(self.columns) <= SMALL { RUNS } else { 1 }
    }

    /// The clouds, by rows.
    ///
    /// null: both N(0, I); scaled: x ~ N(0, I), y ~ N(0.5 e_1, diag(s)²) with s from 0.5 to 1.5; lattice: different points of a square
    /// lattice of about 4n; halves: scaled, rounded to multiples of 1/2; shifted lattice: a square lattice and itself moved by half a
    /// cell; tails: signed fourth powers of standard normal coordinates.
    fn clouds(&self, rng: &mut ChaCha8Rng) -> Outcome<[Array2<f64>; 2]> {
        let mut normal = |rows| Array2::from_shape_simple_fn((rows, self.dim), || f64::standard_normal(rng));
        let (x, y) = (normal(self.rows), normal(self.columns));
        let scaled = |mut y: Array2<f64>| {
            for (k, mut column) in y.columns_mut().into_iter().enumerate() {
                column.mapv_inplace(|z| (0.5 + k as f64 / (self.dim.max(2) - 1) as f64) * z);
            }
            y.column_mut(0).mapv_inplace(|z| z + 0.5);
            y
        };
        let side = self.rows.isqrt();
        let mut lattice = || {
            let mut sites: Vec<usize> = (0..4 * side * side).collect();
            sites.shuffle(rng);
            Array2::from_shape_fn((self.rows, 2), |(i, k)| [sites[i] % (2 * side), sites[i] / (2 * side)][k] as f64)
        };
        let square = Array2::from_shape_fn((self.rows, 2), |(i, k)| [i % side, i / side][k] as f64);
        Ok(match self.law {
            "null" => [x, y],
            "scaled" => [x, scaled(y)],
            "lattice" => [lattice(), lattice()],
            "halves" => [x, scaled(y)].map(|cloud| cloud.mapv(|z| (2.0 * z).round() / 2.0)),
            "shifted lattice" => [square.clone(), square + 0.5],
            "tails" => [x, y].map(|cloud| cloud.mapv(|z| z.powi(3) * z.abs())),
            law => return Err(format!("no law is called {law}").into()),
        })
    }

    /// Writes the clouds and, where there are any, the weights; returns the files in the order in which the peer takes them.
    fn write(&self, folder: &Folder) -> Outcome<Vec<PathBuf>> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let [x, y] = self.clouds(&mut rng)?;
        let mut files = vec![folder.file("x.npy"), folder.file("y.npy")];
        write_npy(&files[0], &x)?;
        write_npy(&files[1], &y)?;
        if self.weights {
            for (name, n) in [("a.npy", self.rows), ("b.npy", self.columns)] {
                let weights = Array1::from_shape_simple_fn(n, || rng.random_range(0.01..1.0));
                files.push(folder.file(name));
                write_npy(&files[files.len() - 1], &(&weights / weights.sum()))?;
            }
        }
        Ok(files)
    }
}

/// Prints the least seconds of some solutions, the value W_p^p, and the most memory the process used, in MB.
fn measure(order: f64, runs: usize, files: &[PathBuf]) -> Outcome<()> {
    let (x, y): (Array2<f64>, Array2<f64>) = (read_npy(&files[0])?, read_npy(&files[1])?);
    let weights = files[2..].iter().map(read_npy).collect::<Result<Vec<Array1<f64>>, _>>()?;
    let mut seconds = Vec::new();
    let mut cost = f64::NAN;
    for _ in 0..runs {
        let started = Instant::now();
        cost = match weights.as_slice() {
            [a, b] => NetworkSimplex::new(order)?.solve(Measure::weighted(&x, &a.to_vec()), Measure::weighted(&y, &b.to_vec()))?.cost,
            _ => Assignment::new(order)?.solve(&x, &y)?.cost,
        };
        seconds.push(started.elapsed().as_secs_f64());
    }
    let least = seconds.into_iter().fold(f64::INFINITY, f64::min);
    println!("{least} {cost:e} {}", peak_memory().unwrap_or(f64::NAN));
    Ok(())
}

/// The largest resident size so far, where the system tells.
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kilobytes| kilobytes / 1024.0)
}

fn numbers(text: &str) -> Outcome<Vec<f64>> {
    Ok(text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

/// Seconds of POT and SciPy, the fastest of some runs on one thread; neither gains from a second.
fn peers(python: &str, case: &Case, files: &[PathBuf], value: f64) -> Outcome<Vec<f64>> {
    let mut least = Vec::new();
    for _ in 0..case.peer_runs {
        let text = printed(peer(python, "assignment.py", 1).arg(case.order.to_string()).args(files))?;
        let found = numbers(&text)?.chunks(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>();
        for &(_, theirs) in &found {
            if (theirs / value - 1.0).abs() > 1e-9 {
                return Err(format!("{}: a peer finds {theirs:e}, not {value:e}", case.title()).into());
            }
        }
        let seconds: Vec<f64> = found.iter().map(|found| found.0).collect();
        least = if least.is_empty() { seconds } else { seconds.iter().zip(&least).map(|(a, b): (&f64, &f64)| a.min(*b)).collect() };
    }
    Ok(least)
}

fn table(cases: &[Case]) -> Outcome<()> {
    let python = std::env::var("PYTHON").ok();
    println!("| case | POT, s | SciPy, s | one thread, s | two threads, s | MB | ratio to the better peer |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for case in cases {
        let folder = Folder::new()?;
        let files = case.write(&folder)?;
        let run = |threads: usize| -> Outcome<Vec<f64>> {
            numbers(&printed(own(threads)?.args(["measure", &case.order.to_string(), &case.runs().to_string()]).args(&files))?)
        };
        let (one, two) = (run(1)?, run(2)?);
        let theirs = python.as_ref().map_or(Ok(Vec::new()), |python| peers(python, case, &files, one[1]))?;
        let cell = |at: usize| theirs.get(at).map_or(String::new(), |seconds| format!("{seconds:.3}"));
        let best = theirs.iter().fold(f64::NAN, |least, &seconds| seconds.min(least));
        let ratio = if best.is_nan() { String::new() } else { format!("{:.1}", best / one[0].min(two[0])) };
        println!("| {} | {} | {} | {:.3} | {:.3} | {:.0} | {ratio} |", case.title(), cell(0), cell(1), one[0], two[0], two[2]);
    }
    Ok(())
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

fn against_hungarian() -> Outcome<()> {
    let [x, y] = uniform("scaled", 500, 16, 2, 0).clouds(&mut ChaCha8Rng::seed_from_u64(0))?;
    let started = Instant::now();
    let reference = hungarian(&x, &y);
    println!("textbook Hungarian method, n = 500, d = 16: {:.3} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    let cost = Assignment::new(2.0)?.solve(&x, &y)?.cost;
    println!("Assignment: {:.3} s, values differ by {:.1e} relative", started.elapsed().as_secs_f64(), (cost / reference - 1.0).abs());
    Ok(())
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => table(&CASES.into_iter().filter(|case| case.rows.max(case.columns) <= SMALL).collect::<Vec<_>>()),
        ["hungarian"] => against_hungarian(),
        ["measure", order, runs, files @ ..] => {
            measure(order.parse()?, runs.parse()?, &files.iter().map(PathBuf::from).collect::<Vec<_>>())
        }
        [part] => table(&CASES.into_iter().filter(|case| case.title().contains(part)).collect::<Vec<_>>()),
        _ => Err("usage: assignment [hungarian | part of a title]".into()),
    }
}
