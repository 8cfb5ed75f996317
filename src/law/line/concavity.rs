//! How log-concave a mixture on the line is: bounds on (ln p)'' over the whole line, by branch and bound.

use crate::law::line::{LineMarginal, LineMixture};
use crate::level::NoiseLevel;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// α ≤ V'' ≤ β, V = −ln p: how strongly log-concave a law is, and how smooth.
///
/// # Example
/// ```
/// use onestep::law::LineMixture;
/// let constants = LineMixture::new(&[0.5, 0.5], &[-0.5, 0.5], &[0.6, 0.6])?.log_concavity().unwrap();
/// assert!((constants.alpha - (1.0 / 0.36 - 0.25 / 0.36f64.powi(2))).abs() < 1e-8);
/// assert!((constants.beta - 1.0 / 0.36).abs() < 1e-8);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LogConcavity {
    /// α > 0, a lower bound on all eigenvalues of ∇²V.
    pub alpha: f64,
    /// β ≥ α, an upper bound on them.
    pub beta: f64,
}

/// Rounding of a bound, relative to the terms that it is a sum of.
const OUTWARDS: f64 = 1e-12;
/// Relative accuracy of α, and the cells that may be looked at for it.
const ACCURACY: f64 = 1e-9;
const MOST_CELLS: usize = 100_000;
/// Odds from which on a component counts as the only one.
const LARGEST_ODDS: f64 = 1e100;

impl LineMixture {
    /// α and β of the law itself, if it is proved to be strongly log-concave: V'' ≤ 1/min σ_k², and α from below by branch and bound, to nine
    /// digits. `None` for point masses and for laws with (ln p)'' ≥ 0 somewhere, which two equal modes N(±m, σ²) have for m ≥ σ, and many
    /// mixtures of unequal variances have far out, where the widest component takes over.
    ///
    /// ```
    /// use onestep::law::LineMixture;
    /// let gaussian = LineMixture::gaussian(3.0, 0.5)?.log_concavity().unwrap();
    /// assert!((gaussian.alpha - 4.0).abs() < 1e-9 && gaussian.alpha <= 4.0 && gaussian.beta >= 4.0);
    /// assert_eq!(LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.6, 0.6])?.log_concavity(), None);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn log_concavity(&self) -> Option<LogConcavity> {
        let data = self.at(NoiseLevel::DATA);
        let smallest = data.stds.iter().copied().fold(f64::INFINITY, f64::min);
        if !(smallest > 0.0) {
            return None;
        }
        let constants: Vec<f64> = data.stds.iter().map(|s| -(s * s).recip()).collect();
        let alpha = -Curvature { law: &data, constants: &constants }.supremum(ACCURACY, MOST_CELLS);
        let beta = (smallest * smallest).recip() * (1.0 + OUTWARDS);
        (alpha > 0.0 && beta.is_finite()).then(|| LogConcavity { alpha: alpha.min(beta), beta })
    }

    /// An upper bound on sup_x 1 + (ln p_θ)''(x), at most some 1e−4 of its size above it: how much faster than N(0, 1) the law loses
    /// log-concavity. Infinite for point masses without noise.
    pub(crate) fn excess_curvature(&self, level: NoiseLevel) -> f64 {
        const ROUGH: f64 = 1e-4;
        const CELLS: usize = 20_000;
        let p = self.at(level);
        if p.stds.contains(&0.0) {
            return f64::INFINITY;
        }
        // 1 − 1/v = cos²θ (σ² − 1)/v, which keeps its digits near the noise.
        let constants: Vec<f64> =
            self.stds.iter().zip(&p.stds).map(|(s, noisy)| level.alpha_bar() * (s * s - 1.0) / (noisy * noisy)).collect();
        Curvature { law: &p, constants: &constants }.supremum(ROUGH, CELLS)
    }
}

/// The cell [centre − half, centre + half] with an upper bound there.
struct Cell {
    bound: f64,
    centre: f64,
    half: f64,
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Cell {}

impl PartialOrd for Cell {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cell {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bound.total_cmp(&other.bound)
    }
}

/// One component seen from the centre of a cell.
struct Seen {
    /// An upper bound on (g_k − a)² + c_k over the cell, a an affine function.
    value: f64,
    /// Bounds on the odds against the likeliest component.
    low: f64,
    high: f64,
}

/// The function Σ_k r_k [(g_k − s)² + c_k] of a marginal without point masses, s the score: (ln p)'' for c_k = −1/σ_k².
struct Curvature<'a> {
    law: &'a LineMarginal,
    constants: &'a [f64],
}

impl Curvature<'_> {
    /// An upper bound on the supremum, at most `accuracy` · (max |c_k| + its size) above it unless more than `cells` cells are needed.
    ///
    /// It is min_a Σ_k r_k [(g_k − a)² + c_k], with the components' own scores g_k. On a cell, a is an affine function close to the
    /// score, and the odds of every component against one of them, exponentials of quadratics, lie between two bounds: the largest value of a
    /// quotient of linear functions over that box stands at a vertex, with all the larger values at their largest odds. Beyond the last cell
    /// one component remains, and the odds of the others times their squared distance fall.
    fn supremum(&self, accuracy: f64, cells: usize) -> f64 {
        let (means, stds) = (&self.law.means, &self.law.stds);
        let scale = self.constants.iter().map(|c| c.abs()).fold(0.0, f64::max);
        let rounding = |value: f64| value + OUTWARDS * (value.abs() + 2.0 * scale);
        if means.iter().all(|&m| m == means[0]) && stds.iter().all(|&s| s == stds[0]) {
            return rounding(self.constants[0]);
        }
        let largest = stds.iter().copied().fold(0.0, f64::max);
        let (first, last) = (means[0], means[means.len() - 1]);
        let mut best = means.iter().map(|&m| self.at(m)).fold(f64::NEG_INFINITY, f64::max);
        let slack = |best: f64| accuracy * (scale + best.abs());
        let mut tails = f64::NEG_INFINITY;
        let mut ends = [first, last];
        for (side, end) in [-1.0, 1.0].into_iter().zip(&mut ends) {
            let mut reach = 4.0 * largest;
            let start = *end;
            loop {
                *end = start + side * reach;
                best = best.max(self.at(*end));
                match self.tail_bound(*end, side) {
                    Some(bound) if bound <= best + slack(best) => {
                        tails = tails.max(bound);
                        break;
                    }
                    _ if reach > 1e9 * (largest + last - first) => return f64::INFINITY,
                    _ => reach *= 1.5,
                }
            }
        }
        let mut heap = BinaryHeap::new();
        let width = (ends[1] - ends[0]) / 64.0;
        for i in 0..64 {
            let centre = ends[0] + (f64::from(i) + 0.5) * width;
            best = best.max(self.at(centre));
            heap.push(Cell { bound: self.cell_bound(centre, 0.5 * width), centre, half: 0.5 * width });
        }
        let mut looked = 0;
        while let Some(cell) = heap.pop() {
            if cell.bound <= best + slack(best) || looked >= cells {
                return rounding(cell.bound.max(tails).max(best));
            }
            looked += 2;
            let half = 0.5 * cell.half;
            for centre in [cell.centre - half, cell.centre + half] {
                best = best.max(self.at(centre));
                // Cells overlap by their rounding.
                let bound = self.cell_bound(centre, half + 1e-14 * (centre.abs() + half)).min(cell.bound);
                heap.push(Cell { bound, centre, half });
            }
        }
        f64::INFINITY
    }

    /// Its value.
    fn at(&self, x: f64) -> f64 {
        let score = self.law.score(x);
        let mut sum = 0.0;
        self.law.for_responsibilities(x, |k, r| {
            let g = (self.law.means[k] - x) / (self.law.stds[k] * self.law.stds[k]);
            sum += r * ((g - score) * (g - score) + self.constants[k]);
        });
        sum
    }

    /// An upper bound on it over [centre − half, centre + half].
    fn cell_bound(&self, centre: f64, half: f64) -> f64 {
        let count = self.law.means.len();
        let (mut top, mut likeliest) = (f64::NEG_INFINITY, 0);
        let (mut score, mut slope) = (0.0, 0.0);
        self.law.for_responsibilities(centre, |k, r| {
            if r > top {
                (top, likeliest) = (r, k);
            }
            let precision = (self.law.stds[k] * self.law.stds[k]).recip();
            score += r * (self.law.means[k] - centre) * precision;
            slope -= r * precision;
        });
        let of = |k: usize| {
            let precision = (self.law.stds[k] * self.law.stds[k]).recip();
            ((self.law.means[k] - centre) * precision, precision)
        };
        let (pull, reference) = of(likeliest);
        let mut seen: Vec<Seen> = (0..count)
            .map(|k| {
                let (g, precision) = of(k);
                // g_k − a at centre + d is (g − score) − (precision + slope) d.
                let distance = (g - score).abs() + (precision + slope).abs() * half;
                // ln odds at centre + d: bend d²/2 + tilt d above its value at the centre.
                let (tilt, bend) = (g - pull, reference - precision);
                let at = |d: f64| d * (tilt + 0.5 * bend * d);
                let (mut low, mut high) = (at(half).min(at(-half)), at(half).max(at(-half)));
                let vertex = -tilt / bend;
                if vertex.abs() < half {
                    (low, high) = (low.min(at(vertex)), high.max(at(vertex)));
                }
                let odds = self.law.weights[k] / self.law.weights[likeliest] * (self.law.stds[likeliest] / self.law.stds[k]);
                let exponent =
                    0.5 * ((centre - self.law.means[likeliest]).powi(2) * reference - (centre - self.law.means[k]).powi(2) * precision);
                // In logarithms: far from a narrow component its odds underflow, and what they change by over the cell overflows.
                let here = if k == likeliest { 0.0 } else { odds.ln() + exponent };
                let (low, high) = ((here + low).exp().min(LARGEST_ODDS), (here + high).exp().min(LARGEST_ODDS));
                Seen { value: distance * distance + self.constants[k], low, high }
            })
            .collect();
        seen.sort_by(|a, b| b.value.total_cmp(&a.value));
        let (mut weight, mut sum) = seen.iter().fold((0.0, 0.0), |(w, s), c| (w + c.low, s + c.low * c.value));
        let mut bound = f64::NEG_INFINITY;
        for c in &seen {
            weight += c.high - c.low;
            sum += (c.high - c.low) * c.value;
            let here = sum / weight;
            if !(here <= bound) {
                bound = here;
            }
        }
        if bound.is_nan() { f64::INFINITY } else { bound }
    }

    /// An upper bound on it beyond `end`, on the side of its sign, if `end` is far enough out.
    fn tail_bound(&self, end: f64, side: f64) -> Option<f64> {
        let count = self.law.means.len();
        // The widest component remains, and of several the farthest out.
        let order = |&a: &usize, &b: &usize| {
            self.law.stds[a].total_cmp(&self.law.stds[b]).then((side * self.law.means[a]).total_cmp(&(side * self.law.means[b])))
        };
        let rest = (0..count).max_by(order)?;
        let precision = |k: usize| (self.law.stds[k] * self.law.stds[k]).recip();
        let pull = |k: usize| (self.law.means[k] - end) * precision(k);
        let ln = |k: usize| (self.law.weights[k] / self.law.stds[k]).ln() - 0.5 * (end - self.law.means[k]).powi(2) * precision(k);
        let (mut others, mut excess) = (0.0, 0.0);
        for k in (0..count).filter(|&k| k != rest) {
            if self.law.means[k] == self.law.means[rest] && self.law.stds[k] == self.law.stds[rest] {
                continue;
            }
            // Going outwards: the odds against the rest fall at the rate `fall`, which grows; the distance of the pulls changes at `rate`.
            let distance = pull(k) - pull(rest);
            let fall = -side * distance;
            let rate = side * (precision(rest) - precision(k));
            let away = distance * rate >= 0.0;
            if !(fall > 0.0 && away && (rate == 0.0 || fall >= 2.0 * rate / distance)) {
                return None;
            }
            let odds = (ln(k) - ln(rest)).exp();
            others += odds;
            excess += odds * (distance * distance + self.constants[k].max(0.0));
        }
        let own = self.constants[rest];
        Some(excess + if own < 0.0 { own / (1.0 + others) } else { own })
    }
}
