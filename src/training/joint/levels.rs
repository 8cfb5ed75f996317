//! Which pairs of levels a joint trainer visits, and how often.

use crate::error::check_range;
use crate::schedule::Grid;
use crate::training::error::TrainingError;
use rand::Rng;

/// The law of the level of a training pair.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum LevelSampling {
    /// Every pair of neighbours equally often.
    #[default]
    Uniform,
    /// ln σ of the upper level, σ = tan θ, from a normal law with this mean and standard deviation, discretised on the grid:
    /// probability ∝ erf((ln σ_t − mean)/(√2 std)) − erf((ln σ_{t−1} − mean)/(√2 std)). Song and Dhariwal use −1.1 and 2.0.
    LogNormal {
        /// Mean of ln σ.
        mean: f64,
        /// Standard deviation of ln σ, positive.
        std: f64,
    },
}

impl LevelSampling {
    pub(crate) fn check(self) -> Result<(), TrainingError> {
        if let Self::LogNormal { mean, std } = self {
            check_range("mean of ln sigma", mean, mean.is_finite(), "(-inf, inf)")?;
            check_range("standard deviation of ln sigma", std, std > 0.0 && std.is_finite(), "(0, inf)")?;
        }
        Ok(())
    }
}

/// Pairs (lower, upper) of steps with their cumulative probabilities.
#[derive(Debug, Clone)]
pub(crate) struct LevelPairs {
    pairs: Vec<(usize, usize)>,
    cumulative: Vec<f64>,
}

impl LevelPairs {
    /// `intervals` pairs of neighbours spread evenly over the steps of the grid.
    pub(crate) fn new(grid: &Grid, intervals: usize, sampling: LevelSampling) -> Self {
        let whole = grid.steps() - 1;
        let step = |i: usize| 1 + (2 * i * whole + intervals) / (2 * intervals);
        let pairs: Vec<_> = (0..intervals).map(|i| (step(i), step(i + 1))).collect();
        let mass = |&(low, high): &(usize, usize)| match sampling {
            LevelSampling::Uniform => 1.0,
            LevelSampling::LogNormal { mean, std } => {
                let at = |t: usize| libm::erf((grid.level(t).sigma().ln() - mean) / (std * std::f64::consts::SQRT_2));
                // A floor keeps every level in play and the total positive.
                (at(high) - at(low)).max(1e-9)
            }
        };
        let mut total = 0.0;
        let cumulative = pairs
            .iter()
            .map(|p| {
                total += mass(p);
                total
            })
            .collect();
        Self { pairs, cumulative }
    }

    pub(crate) fn draw(&self, rng: &mut impl Rng) -> (usize, usize) {
        let last = self.cumulative.len() - 1;
        let u = rng.random::<f64>() * self.cumulative[last];
        self.pairs[self.cumulative.partition_point(|c| *c <= u).min(last)]
    }
}

/// The number of intervals at an iteration of the step-doubling curriculum: N = min(s_0 2^⌊k/K'⌋, T − 1) with
/// K' = ⌊K/(log_2⌊(T−1)/s_0⌋ + 1)⌋ (Song and Dhariwal 2023, arXiv 2310.14189, in the form they give for iCT).
pub(crate) fn intervals(start: usize, whole: usize, iteration: usize, iterations: usize) -> usize {
    let start = start.min(whole);
    let stages = (whole / start).max(1).ilog2() as usize + 1;
    let stage = iteration / (iterations / stages).max(1);
    // The last stage is always the whole grid, also where the doubling does not hit it.
    if stage + 1 >= stages { whole } else { (start << stage).min(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curriculum_doubles_up_to_the_whole_grid() {
        let stages: Vec<usize> = (0..5).map(|k| intervals(4, 64, k * 200, 1000)).collect();
        assert_eq!(stages, [4, 8, 16, 32, 64]);
        assert_eq!(intervals(100, 64, 0, 1000), 64);
    }

    #[test]
    fn pairs_tile_the_grid() {
        let grid = Grid::from_betas(vec![0.1; 12]).expect("valid betas");
        for n in 1..=11 {
            let pairs = LevelPairs::new(&grid, n, LevelSampling::LogNormal { mean: 0.0, std: 1.0 }).pairs;
            assert_eq!((pairs[0].0, pairs[n - 1].1), (1, 12));
            assert!(pairs.windows(2).all(|w| w[0].1 == w[1].0 && w[0].0 < w[0].1));
        }
    }

    #[test]
    fn levels_are_drawn_as_often_as_their_law_says() {
        let grid = Grid::from_angles(&[0.1, 0.4, 0.9, 1.4]).expect("angles that rise");
        let (mean, std, draws) = (-0.4, 1.2, 40_000);
        let at = |t: usize| libm::erf((grid.level(t).sigma().ln() - mean) / (std * std::f64::consts::SQRT_2));
        let total = at(4) - at(1);
        for (sampling, mass) in [
            (LevelSampling::Uniform, [1.0 / 3.0; 3]),
            (LevelSampling::LogNormal { mean, std }, [1, 2, 3].map(|t| (at(t + 1) - at(t)) / total)),
        ] {
            let pairs = LevelPairs::new(&grid, 3, sampling);
            let mut stream = crate::numeric::stream::Stream::nth(9, 0);
            let mut counts = [0.0; 3];
            for _ in 0..draws {
                let (s, t) = pairs.draw(&mut stream);
                assert_eq!(s + 1, t);
                counts[s - 1] += 1.0;
            }
            for (count, mass) in counts.iter().zip(mass) {
                let std_error = (mass * (1.0 - mass) / f64::from(draws)).sqrt();
                assert!((count / f64::from(draws) - mass).abs() < 5.0 * std_error, "{sampling:?}: {counts:?}");
            }
        }
    }
}
