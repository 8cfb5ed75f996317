//! Wasserstein estimators, line, sliced, Sinkhorn and Gaussian, beside POT, SciPy and NumPy where there is a Python.
//!
//! ```text
//! cargo bench --bench transport                     # this crate alone
//! PYTHON=python3 cargo bench --bench transport      # and the peers, by an interpreter that has POT and SciPy
//! PYTHON=python3 cargo bench --bench transport -- sinkhorn
//! ```
//!
//! Every number is measured in a process of its own, on one thread and on two, peers and crate in turn on the same arrays, and is the
//! fastest of some calls. What is printed is what stands in `benches/README.md`.

use ndarray::{Array1, Array2};
use ndarray_npy::{read_npy, write_npy};
use onestep::Float;
use onestep::transport::gaussian::gaussian_w2;
use onestep::transport::{Line, Sinkhorn, Sliced};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;
use support::{Folder, Outcome, own, peer, printed};

/// Name, rows, columns and calls of each case; `gaussian` measures the laws of the covariances.
const CASES: [(&str, usize, usize, usize); 6] = [
    ("line", 1_000_000, 1, 7),
    ("sliced", 10_000, 64, 5),
    ("sinkhorn", 2000, 16, 3),
    ("gaussian", 10, 10, 200),
    ("gaussian", 100, 100, 50),
    ("gaussian", 500, 500, 10),
];

/// What is measured, in words.
fn title(case: &str, rows: usize, columns: usize) -> String {
    match case {
        "line" => format!("`Line::samples`, W_1, {rows} points each"),
        "sliced" => format!("`Sliced::measure`, SW_2, {rows} × {columns}, 200 directions"),
        "sinkhorn" => format!("`Sinkhorn::solve`, {rows} × {columns}, ε = 1, marginal error 1e−6"),
        _ => format!("`gaussian_w2`, d = {columns}"),
    }
}

fn normal(rows: usize, columns: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
    Array2::from_shape_simple_fn((rows, columns), || f64::standard_normal(rng))
}

/// Writes the two arrays of a case: clouds, or covariances of clouds of 2d points.
fn write_arrays(folder: &Folder, case: &str, rows: usize, columns: usize) -> Outcome<[PathBuf; 2]> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let paths = ["a.npy", "b.npy"].map(|name| folder.file(name));
    for path in &paths {
        if case == "gaussian" {
            let root = normal(2 * rows, columns, &mut rng);
            write_npy(path, &(root.t().dot(&root) / (2 * rows) as f64))?;
        } else {
            write_npy(path, &normal(rows, columns, &mut rng))?;
        }
    }
    Ok(paths)
}

/// Milliseconds of the fastest of `calls` calls.
fn fastest<T, E: Error + 'static>(calls: usize, work: impl Fn() -> Result<T, E>) -> Outcome<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..calls {
        let started = Instant::now();
        black_box(work()?);
        least = least.min(1e3 * started.elapsed().as_secs_f64());
    }
    Ok(least)
}

/// What a child process measures.
fn measure(case: &str, calls: usize, a: &Path, b: &Path) -> Outcome<f64> {
    let (a, b): (Array2<f64>, Array2<f64>) = (read_npy(a)?, read_npy(b)?);
    match case {
        "line" => {
            let (line, x, y) = (Line::new(1.0)?, a.flatten().to_vec(), b.flatten().to_vec());
            fastest(calls, || line.samples(black_box(&x), black_box(&y)))
        }
        "sliced" => {
            let sliced = Sliced::new(2.0, a.ncols(), 200, &mut ChaCha8Rng::seed_from_u64(3))?;
            fastest(calls, || sliced.measure(black_box(&a), black_box(&b)))
        }
        "sinkhorn" => {
            let sinkhorn = Sinkhorn::new(2.0, 1.0)?;
            eprintln!("{} iterations", sinkhorn.solve(&a, &b)?.iterations);
            fastest(calls, || sinkhorn.solve(black_box(&a), black_box(&b)))
        }
        _ => {
            let mean = Array1::zeros(a.nrows()).to_vec();
            fastest(calls, || gaussian_w2(&mean, black_box(&a), &mean, black_box(&b)))
        }
    }
}

fn ours(threads: usize, case: &str, calls: usize, arrays: &[PathBuf; 2]) -> Outcome<f64> {
    let text = printed(own(threads)?.args(["measure", case, &calls.to_string()]).args(arrays))?;
    Ok(text.trim().parse()?)
}

/// Names and milliseconds of the peers.
fn peers(python: &str, threads: usize, case: &str, arrays: &[PathBuf; 2]) -> Outcome<Vec<(String, f64)>> {
    let text = printed(peer(python, "estimators.py", threads).arg(case).args(arrays))?;
    let row = |line: &str| -> Outcome<(String, f64)> {
        let (name, time) = line.split_once('\t').ok_or("a peer prints its name, a tab and milliseconds")?;
        Ok((name.to_owned(), time.parse()?))
    };
    text.lines().map(row).collect()
}

fn table(only: Option<&str>) -> Outcome<()> {
    let python = std::env::var("PYTHON").ok();
    println!("| case | peer | peer, 1 thread, ms | 2 threads | `onestep`, 1 thread, ms | 2 threads | ratio, best of each |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (case, rows, columns, calls) in CASES.into_iter().filter(|c| only.is_none_or(|o| o == c.0)) {
        let folder = Folder::new()?;
        let arrays = write_arrays(&folder, case, rows, columns)?;
        let mut theirs = Vec::new();
        let mut found = [0.0; 2];
        for threads in [1, 2] {
            found[threads - 1] = ours(threads, case, calls, &arrays)?;
            if let Some(python) = &python {
                theirs.push(peers(python, threads, case, &arrays)?);
            }
        }
        let (title, [o1, o2]) = (title(case, rows, columns), found);
        if theirs.is_empty() {
            println!("| {title} | | | | {o1:.3} | {o2:.3} | |");
        } else {
            for ((name, p1), (_, p2)) in theirs[0].iter().zip(&theirs[1]) {
                println!("| {title} | {name} | {p1:.3} | {p2:.3} | {o1:.3} | {o2:.3} | {:.2} |", p1.min(*p2) / o1.min(o2));
            }
        }
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => table(None),
        ["measure", case, calls, a, b] => {
            println!("{}", measure(case, calls.parse()?, Path::new(a), Path::new(b))?);
            Ok(())
        }
        [only] => table(Some(only)),
        _ => Err("usage: transport [line|sliced|sinkhorn|gaussian]".into()),
    }
}
