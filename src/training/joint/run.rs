//! The loop of joint training: minibatches, teacher, curriculum.

use crate::float::Float;
use crate::numeric::stream::Stream;
use crate::training::Source;
use crate::training::joint::TIME_FEATURES;
use crate::training::joint::levels::{LevelPairs, intervals};
use crate::training::joint::model::LevelRow;
use crate::training::joint::pass::{Batch, Objective, Rule};
use crate::training::network::{Network, Optimiser, RUNAWAY, check_loss, chunk_sizes};
use crate::training::{Joint, JointModel, JointProgress};
use crate::training::{Scaling, Standardisation, TrainingError};
use rand::RngCore;
use std::ops::ControlFlow;

impl Joint {
    pub(super) fn batches<F: Float>(&self, dim: usize, network: &Network<F>, seed: u64) -> Vec<Batch<F>> {
        let sizes = chunk_sizes(self.descent.batch).into_iter().enumerate();
        sizes.map(|(k, rows)| Batch::new(rows, dim, network, Stream::nth(seed, k as u64))).collect()
    }

    pub(super) fn prepare<'a, F: Float>(
        &self,
        source: Source<'a, F>,
        rng: &mut dyn RngCore,
    ) -> Result<(Prepared<'a, F>, Standardisation), TrainingError> {
        match source {
            Source::Rows(rows) => {
                let standardisation = Standardisation::new(rows, self.scaling)?;
                Ok((Prepared::Table(standardisation.standardise(rows)), standardisation))
            }
            Source::Law(_) => Ok((Prepared::Law(source), Standardisation::new(&source.draw(2, rng), Scaling::None)?)),
        }
    }

    pub(super) fn run<F: Float>(
        &self,
        source: Source<'_, F>,
        objective: Objective<'_, F>,
        rng: &mut dyn RngCore,
        progress: &mut dyn FnMut(&JointProgress) -> ControlFlow<()>,
    ) -> Result<JointModel<F>, TrainingError> {
        const REPORT: usize = 100;
        let (table, standardisation) = self.prepare(source, rng)?;
        let source = table.source();
        let mut network = self.descent.network::<F>(source.dim() + TIME_FEATURES, source.dim(), rng);
        let mut teacher = (self.ema > 0.0).then(|| network.clone());
        let mut batches = self.batches(source.dim(), &network, rng.next_u64());
        let mut optimiser = Optimiser::new(&network, self.descent.batch);
        let levels = LevelRow::table(&self.grid);
        let iterations = self.descent.iterations;
        let whole = self.grid.steps() - 1;
        let mut count = 0;
        let mut pairs = LevelPairs::new(&self.grid, whole, self.sampling);
        let (mut tail, mut tail_count) = (0.0, 0.0);
        for iteration in 0..iterations {
            let wanted = self.curriculum.map_or(whole, |start| intervals(start, whole, iteration, iterations));
            if wanted != count {
                count = wanted;
                pairs = LevelPairs::new(&self.grid, count, self.sampling);
            }
            let rule = Rule { joint: self, levels: &levels, pairs: &pairs, source, objective };
            let loss = optimiser.step(&mut network, self.descent.rate_at(iteration), &mut batches, |student, batch, tape| {
                rule.pass(student, teacher.as_ref().unwrap_or(student), batch, tape);
            });
            check_loss(iteration, loss, RUNAWAY * source.dim() as f64)?;
            if let Some(teacher) = &mut teacher {
                let (keep, take) = (F::of(self.ema), F::of(1.0 - self.ema));
                let own = teacher.parameters_mut().iter_mut().zip(network.parameters());
                own.for_each(|(t, s)| *t = keep * *t + take * *s);
            }
            if iteration >= iterations - iterations.div_ceil(10) {
                (tail, tail_count) = (tail + loss, tail_count + 1.0);
            }
            let done = iteration + 1;
            if done % REPORT == 0 && progress(&JointProgress { iteration: done, iterations, loss, intervals: count }).is_break() {
                return Err(TrainingError::Stopped { step: done });
            }
        }
        Ok(JointModel { grid: self.grid.clone(), standardisation, network, loss: tail / tail_count })
    }
}

/// Scaled data, or a law as it is.
pub(super) enum Prepared<'a, F: Float> {
    Table(ndarray::Array2<F>),
    Law(Source<'a, F>),
}

impl<F: Float> Prepared<'_, F> {
    pub(super) fn source(&self) -> Source<'_, F> {
        match self {
            Self::Table(table) => Source::Rows(table),
            Self::Law(law) => *law,
        }
    }
}
