//! Several evaluations on the line: the law of the samples as atoms, its distribution function as a smooth sum.

use crate::error::check_range;
use crate::level::NoiseLevel;
use crate::numeric::special::normal;
use crate::population::few_steps::renoise;
use crate::population::interpolant::Interpolant;
use crate::population::line::law::LineLaw;
use crate::population::quadrature::gauss;
use crate::population::{Evaluations, FewSteps, Interval, LinePopulation, PopulationError};
use crate::schedule::Grid;

/// The largest T for which the best levels are sought: all functions are held.
pub(super) const MOST_SOUGHT: usize = 4096;
/// Parts of a cell, at most, where the noise that is added is narrower than it.
const MOST_PARTS: f64 = 64.0;

/// Points with masses.
type Atoms = Vec<(f64, f64)>;

/// Nodes and weights over the cells of a function, each cell in parts whose images are no wider than `width`.
fn points(f: &Interpolant, width: f64, coarse: bool) -> Vec<(f64, f64)> {
    let nodes = f.nodes();
    let mut points = Vec::new();
    for (i, cell) in nodes.windows(2).enumerate() {
        let (a, b) = (cell[0], cell[1]);
        if coarse {
            points.push((0.5 * (a + b), b - a));
            continue;
        }
        let image = (f.eval(b, i).0 - f.eval(a, i).0).abs();
        let parts = (image / width).ceil().clamp(1.0, MOST_PARTS) as usize;
        let at = |k: usize| a + (b - a) * k as f64 / parts as f64;
        points.extend((0..parts).flat_map(|k| gauss(at(k), at(k + 1))));
    }
    points
}

/// What the sampler needs of a run.
pub(super) struct Sampler<'a, L> {
    pub(super) law: &'a L,
    pub(super) grid: &'a Grid,
    pub(super) run: &'a LinePopulation,
}

impl<L: LineLaw> Sampler<'_, L> {
    fn function(&self, t: usize) -> Result<&Interpolant, PopulationError> {
        let steps = self.grid.steps();
        self.run.consistency.kept.find(t).ok_or(PopulationError::NoSuchLevel { level: t, steps })
    }

    /// The atoms of f_T(Z).
    fn start(&self, width: f64, coarse: bool) -> Result<Atoms, PopulationError> {
        let f = self.function(self.grid.steps())?;
        Ok(points(f, width, coarse).into_iter().map(|(z, w)| (f.eval(z, 0).0, w * normal::density(z))).collect())
    }

    /// The atoms after noise up to level t and f_t.
    fn step(&self, t: usize, before: &Atoms, width: f64, coarse: bool) -> Result<Atoms, PopulationError> {
        let f = self.function(t)?;
        let (keep, noise) = renoise(self.grid, t);
        let std = noise.sqrt();
        let density = |x: f64| before.iter().map(|(y, w)| w * normal::density((x - keep * y) / std)).sum::<f64>() / std;
        Ok(points(f, width, coarse).into_iter().map(|(x, w)| (f.eval(x, 0).0, w * density(x))).collect())
    }

    /// W_1 after noise up to level t and f_t: ∫ |G(x) − F_1(f_t(x))| f_t'(x) dx with G the distribution function of the noised samples.
    fn distance(&self, t: usize, before: &Atoms, coarse: bool) -> Result<f64, PopulationError> {
        let f = self.function(t)?;
        let (keep, noise) = renoise(self.grid, t);
        let std = noise.sqrt();
        let normal_quantile = self.law.transport(self.grid.level(1), NoiseLevel::NOISE);
        let gap = |x: f64| {
            let below = |(y, w): &(f64, f64)| w * normal::cdf((x - keep * y) / std);
            before.iter().map(below).sum::<f64>() - normal::cdf(normal_quantile(f.eval(x, 0).0))
        };
        let nodes = f.nodes();
        if coarse {
            let gaps: Vec<f64> = nodes.iter().map(|&x| gap(x).abs()).collect();
            let image = |i: usize| f.eval(nodes[i], i).0;
            return Ok((1..nodes.len()).map(|i| 0.5 * (gaps[i] + gaps[i - 1]) * (image(i) - image(i - 1))).sum());
        }
        let mut sum = 0.0;
        let mut left = gap(nodes[0]);
        for (i, cell) in nodes.windows(2).enumerate() {
            let (a, b) = (cell[0], cell[1]);
            let right = gap(b);
            let part = |a: f64, b: f64| gauss(a, b).map(|(x, w)| w * gap(x) * f.slope(x, i)).sum::<f64>().abs();
            sum += if left * right < 0.0 {
                // The zero, by halving: the integrand is continuous there, and 2^−20 of a cell is beyond its error.
                let (mut low, mut high) = (a, b);
                for _ in 0..20 {
                    let middle = 0.5 * (low + high);
                    if gap(middle) * left > 0.0 {
                        low = middle;
                    } else {
                        high = middle;
                    }
                }
                part(a, low) + part(low, b)
            } else {
                part(a, b)
            };
            left = right;
        }
        Ok(sum)
    }

    /// The level with the smallest distance after `before`, below `last`.
    fn best(&self, before: &Atoms, last: usize) -> Result<usize, PopulationError> {
        let mut best = (f64::INFINITY, last - 1);
        for t in 2..last {
            let found = self.distance(t, before, true)?;
            if found < best.0 {
                best = (found, t);
            }
        }
        Ok(best.1)
    }

    pub(super) fn run(&self, evaluations: &Evaluations) -> Result<FewSteps, PopulationError> {
        let steps = self.grid.steps();
        let mut levels = match evaluations {
            Evaluations::Levels(levels) => levels.clone(),
            Evaluations::Best(count) => {
                check_range("steps for the best levels", steps, steps <= MOST_SOUGHT, "[2, 4096]")?;
                let (mut levels, mut samples) = (Vec::new(), self.start(f64::INFINITY, true)?);
                for _ in 1..*count {
                    let last = levels.last().copied().unwrap_or(steps);
                    if last <= 2 {
                        break;
                    }
                    let t = self.best(&samples, last)?;
                    samples = self.step(t, &samples, f64::INFINITY, true)?;
                    levels.push(t);
                }
                levels
            }
        };
        let Some(&last) = levels.last() else {
            return Ok(FewSteps::new(vec![steps], self.run.report.w1));
        };
        // Atoms closer than the noise that is added to them next.
        let std = |t: usize| renoise(self.grid, t).1.sqrt();
        let mut samples = self.start(std(levels[0]), false)?;
        for pair in levels.windows(2) {
            samples = self.step(pair[0], &samples, std(pair[1]), false)?;
        }
        let w1 = self.distance(last, &samples, false)?;
        levels.insert(0, steps);
        Ok(FewSteps::new(levels, Interval::exact(w1)))
    }
}
