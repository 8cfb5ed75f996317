//! Several evaluations for a Gaussian, in closed form.

use crate::law::Gaussian;
use crate::population::few_steps::renoise;
use crate::population::gaussian::distance::{Gap, wasserstein};
use crate::population::gaussian::eigenspace::{Eigenspace, eigenspaces};
use crate::population::{Evaluations, FewSteps, PopulationError};
use crate::schedule::Grid;

/// The samples along one eigenspace: their variance, and by which multiple of the mean they miss cos θ_1 m.
#[derive(Debug, Clone, Copy)]
struct Spread {
    variance: f64,
    shift: f64,
}

/// The gains of all f_t, eigenspace by eigenspace.
struct Gains<'a> {
    grid: &'a Grid,
    spaces: Vec<Eigenspace>,
    by_level: Vec<Vec<f64>>,
}

impl Gains<'_> {
    /// After f_T(Z).
    fn start(&self) -> Vec<Spread> {
        let cos = self.grid.last().cos();
        self.by_level[self.grid.steps()].iter().map(|g| Spread { variance: g * g, shift: -g * cos }).collect()
    }

    /// After noise up to level t and f_t.
    fn step(&self, t: usize, before: &[Spread]) -> Vec<Spread> {
        let (keep, noise) = renoise(self.grid, t);
        let along = |(g, s): (&f64, &Spread)| Spread { variance: g * g * (keep * keep * s.variance + noise), shift: g * keep * s.shift };
        self.by_level[t].iter().zip(before).map(along).collect()
    }

    /// Σ of squared distances, W_2² of the samples.
    fn square(&self, samples: &[Spread]) -> f64 {
        let along = |(space, s): (&Eigenspace, &Spread)| {
            space.multiplicity * (space.first.sqrt() - s.variance.sqrt()).powi(2) + space.mean_squared * s.shift * s.shift
        };
        self.spaces.iter().zip(samples).map(along).sum()
    }

    /// The best levels after T: a larger distance before a step is a larger one after it, so that the best before every level is enough.
    fn best(&self, evaluations: usize) -> Vec<usize> {
        let steps = self.grid.steps();
        let mut tables: Vec<Vec<Option<(Vec<Spread>, usize)>>> = vec![vec![None; steps + 1]];
        tables[0][steps] = Some((self.start(), 0));
        for round in 1..evaluations {
            let mut next = vec![None; steps + 1];
            let mut best: Option<(Vec<Spread>, usize)> = None;
            for t in (2..steps).rev() {
                if let Some((samples, _)) = &tables[round - 1][t + 1]
                    && best.as_ref().is_none_or(|(found, _)| self.square(samples) < self.square(found))
                {
                    best = Some((samples.clone(), t + 1));
                }
                next[t] = best.as_ref().map(|(samples, from)| (self.step(t, samples), *from));
            }
            tables.push(next);
        }
        let last = &tables[evaluations - 1];
        let found = (2..=steps).filter(|&t| last[t].is_some());
        let value = |t: usize| last[t].as_ref().map_or(f64::INFINITY, |(samples, _)| self.square(samples));
        let mut t = found.min_by(|&a, &b| value(a).total_cmp(&value(b))).unwrap_or(steps);
        let mut levels = Vec::new();
        for round in (1..evaluations).rev() {
            levels.push(t);
            t = tables[round][t].as_ref().map_or(steps, |(_, from)| *from);
        }
        levels.reverse();
        levels
    }
}

/// The law after the evaluations asked for.
pub(in crate::population) fn few_steps(law: &Gaussian, grid: &Grid, evaluations: &Evaluations) -> Result<FewSteps, PopulationError> {
    evaluations.check(grid.steps())?;
    let (mut spaces, _) = eigenspaces(law, grid);
    let mut by_level = vec![vec![1.0; spaces.len()]; 2];
    for t in 2..=grid.steps() {
        let (before, level) = (grid.level(t - 1), grid.level(t));
        for space in &mut spaces {
            space.step(level.noisy_variance(space.variance), grid.sin_delta(t), before.cos() * level.cos(), before.sin() * level.sin());
        }
        by_level.push(spaces.iter().map(Eigenspace::gain).collect());
    }
    let gains = Gains { grid, spaces, by_level };
    let levels = match evaluations {
        Evaluations::Best(count) => gains.best(*count),
        Evaluations::Levels(levels) => levels.clone(),
    };
    let samples = levels.iter().fold(gains.start(), |samples, &t| gains.step(t, &samples));
    let gap = |(space, s): (&Eigenspace, &Spread)| Gap::new(space, space.first.sqrt() - s.variance.sqrt(), -s.shift);
    let gaps: Vec<Gap> = gains.spaces.iter().zip(&samples).map(gap).collect();
    Ok(FewSteps::new(std::iter::once(grid.steps()).chain(levels).collect(), wasserstein(&gaps)))
}
