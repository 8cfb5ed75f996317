//! Exact W_p between two clouds of equal size with equal weights: the assignment problem.

mod auction;
mod augment;

use super::cost::Geometry;
use super::lists::Lists;
use super::screen::Screen;
use super::{TransportError, certificate, check};
use crate::Float;
use ndarray::ArrayRef2;

/// Exact W_p between two clouds of n points each, every point of mass 1/n.
///
/// ```math
/// W_p^p = \min_{\pi \in S_n} \frac1n \sum_i \lVert x_i - y_{\pi(i)} \rVert^p
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assignment {
    order: f64,
    memory: usize,
}

/// An optimal matching, its cost and the proof of its optimality.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    /// (1/n) Σ_i ‖x_i − y_π(i)‖^p.
    pub cost: f64,
    /// W_p = cost^{1/p}.
    pub distance: f64,
    /// Lower bound on W_p from the dual potentials: (mean u + mean v)^{1/p}.
    pub lower: f64,
    /// Duality gap of the cost: cost − (mean u + mean v), at least 0.
    pub gap: f64,
    /// Row i of the first cloud is matched with row `permutation[i]` of the second.
    pub permutation: Vec<usize>,
    /// Dual potential of the first cloud: u_i + v_j ≤ ‖x_i − y_j‖^p for all i, j.
    pub u: Vec<f64>,
    /// Dual potential of the second cloud.
    pub v: Vec<f64>,
    /// What the solution took.
    pub effort: Effort,
}

/// Work counted during a solution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effort {
    /// ε-scaling phases.
    pub phases: usize,
    /// Bids of the auction, or pivots of the network simplex.
    pub iterations: usize,
    /// Rows scanned against the whole second cloud.
    pub scans: usize,
    /// Shortest augmenting paths.
    pub paths: usize,
}

impl Assignment {
    /// For the cost ‖x − y‖^p with `order` p ≥ 1.
    ///
    /// # Errors
    /// `order` is NaN, infinite or below 1.
    pub fn new(order: f64) -> Result<Self, TransportError> {
        Ok(Self { order: check::order(order)?, memory: 1 << 30 })
    }

    /// Most bytes the solver may spend on stored costs.
    #[must_use]
    pub fn memory(self, bytes: usize) -> Self {
        Self { memory: bytes, ..self }
    }

    /// Solves the assignment problem between the rows of `x` and of `y`.
    ///
    /// # Errors
    /// A cloud is empty or holds NaN or ∞; the clouds differ in dimension or in size.
    pub fn solve<F: Float>(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<Matching, TransportError> {
        check::clouds(x, y)?;
        check::equal_sizes(x, y)?;
        Ok(solve(&Geometry::new(self.order, x, y)))
    }
}

fn env(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

fn solve(geometry: &Geometry) -> Matching {
    let n = geometry.rows();
    let screen = Screen::new(geometry);
    let mut lists = Lists::new(geometry, &screen);
    let all: Vec<u32> = (0..n as u32).collect();
    let verbose = env("VERBOSE", 0.0) > 0.0;
    let start = std::time::Instant::now();
    lists.refresh(&all, super::lists::WANT);
    let mut effort = Effort::default();
    let mut pairs = auction::Pairs::new(n);
    let last = env("EPSEND", 1e-3) * mean_reach(&lists, n);
    let mut epsilon = env("EPS0", 0.2) * spread(geometry);
    let theta = env("THETA", 7.0);
    let limit = (env("LIMIT", 0.0) * n as f64) as usize;
    let cap = 400 * n + 100_000;
    if verbose {
        eprintln!("start {:?} eps {epsilon:e} last {last:e}", start.elapsed());
    }
    loop {
        let final_phase = epsilon <= last;
        epsilon = epsilon.max(last);
        let free = auction::release_dear(&mut lists, &mut pairs, epsilon);
        let scans = lists.scans;
        let bids = auction::phase(&mut lists, &mut pairs, epsilon, env("PATIENCE", 0.0), if final_phase { (env("LIMITF", 0.0) * n as f64) as usize } else { limit }, cap);
        effort.iterations += bids;
        effort.phases += 1;
        if verbose {
            eprintln!(
                "phase eps {epsilon:e}: free {free} bids/row {:.2} scans/row {:.2} at {:?}",
                bids as f64 / n as f64,
                (lists.scans - scans) as f64 / n as f64,
                start.elapsed()
            );
        }
        if final_phase {
            break;
        }
        epsilon /= theta;
    }
    let zero = env("ZERO", 2.0);
    if zero > 0.0 {
        let scans = lists.scans;
        let free = auction::release_dear(&mut lists, &mut pairs, 0.0);
        let cap = (zero * free as f64) as usize;
        let bids = auction::phase(&mut lists, &mut pairs, 0.0, 0.0, 0, cap);
        effort.iterations += bids;
        if verbose {
            eprintln!("zero: free {free} bids {bids} scans {} at {:?}", (lists.scans - scans), start.elapsed());
        }
    }
    for i in 0..n as u32 {
        lists.certain_look(i);
    }
    let scans = lists.scans;
    auction::release_dear(&mut lists, &mut pairs, 0.0);
    let mut search = augment::Search::new(n);
    let free = pairs.free_rows();
    for &root in &free {
        search.augment(root, &mut lists, &mut pairs);
    }
    effort.paths = free.len();
    if verbose {
        eprintln!("augment: {} scans {} at {:?}", free.len(), lists.scans - scans, start.elapsed());
    }
    effort.scans = lists.scans;
    let v = lists.into_prices();
    let u = certificate::potential(geometry, &screen, &v);
    if verbose {
        eprintln!("certificate at {:?}", start.elapsed());
    }
    let mean = |values: &[f64]| certificate::sum(values.iter().copied()) / n as f64;
    let cost = mean(&pairs.cost);
    let dual = mean(&u) + mean(&v);
    Matching {
        cost: geometry.restore_cost(cost),
        distance: geometry.restore_distance(cost),
        lower: geometry.restore_distance(dual.max(0.0).min(cost)),
        gap: geometry.restore_cost((cost - dual).max(0.0)),
        permutation: pairs.column.iter().map(|&j| j as usize).collect(),
        u: u.iter().map(|&u| geometry.restore_cost(u)).collect(),
        v: v.iter().map(|&v| geometry.restore_cost(v)).collect(),
        effort,
    }
}

/// Mean over the rows of threshold − smallest value: the scale on which columns compete.
fn mean_reach(lists: &Lists<'_>, n: usize) -> f64 {
    let reach = |i| {
        let row = lists.row(i);
        let top = if row.threshold < f64::INFINITY { row.threshold } else { row.entries.last().map_or(0.0, |e| e.cost) };
        (top - lists.look(i).best).max(0.0)
    };
    (0..n as u32).map(reach).sum::<f64>() / n as f64
}

/// Standard deviation of the cost over pairs taken at a fixed stride.
fn spread(geometry: &Geometry) -> f64 {
    let n = geometry.rows();
    let count = (4 * n).min(4000);
    let costs = (0..count).map(|k| geometry.cost(k % n, (k * 7919 + k / n) % n));
    let (sum, square) = costs.fold((0.0, 0.0), |(s, q), c| (s + c, q + c * c));
    let mean = sum / count as f64;
    (square / count as f64 - mean * mean).max(0.0).sqrt()
}
