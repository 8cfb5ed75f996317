//! The loop of joint training: minibatches, teacher, curriculum.

use crate::float::Float;
use crate::numeric::stream::Stream;
use crate::training::error::TrainingError;
use crate::training::hull::Hull;
use crate::training::joint::levels::{LevelPairs, intervals};
use crate::training::joint::model::{JointModel, LevelRow};
use crate::training::joint::pass::{Batch, Objective, Rule};
use crate::training::joint::settings::Settings;
use crate::training::network::descent::{RUNAWAY, check_last, check_loss};
use crate::training::network::layers::Network;
use crate::training::network::optimiser::{Optimiser, chunk_sizes};
use crate::training::network::time::TIME_FEATURES;
use crate::training::source::Source;
use rand::RngCore;
use std::fmt;
use std::ops::ControlFlow;

/// What a progress callback is told.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct JointProgress {
    /// Iterations done.
    pub iteration: usize,
    /// Iterations in all.
    pub iterations: usize,
    /// The loss of the last minibatch.
    pub loss: f64,
    /// Intervals between levels in use (the curriculum's N).
    pub intervals: usize,
}

impl fmt::Display for JointProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { iteration, iterations, loss, intervals } = self;
        write!(f, "iteration {iteration} of {iterations}: loss {loss:.4e} on {intervals} intervals")
    }
}

/// Buffers and streams of the chunks of a minibatch.
pub(super) fn batches<F: Float>(batch: usize, dim: usize, network: &Network<F>, seed: u64) -> Vec<Batch<F>> {
    let sizes = chunk_sizes(batch).into_iter().enumerate();
    sizes.map(|(k, rows)| Batch::new(rows, dim, network, Stream::nth(seed, k as u64))).collect()
}

/// Trains a network from random weights.
pub(super) fn run<F: Float>(
    settings: &Settings,
    source: Source<'_, F>,
    objective: Objective<'_, F>,
    rng: &mut dyn RngCore,
    progress: &mut dyn FnMut(&JointProgress) -> ControlFlow<()>,
) -> Result<JointModel<F>, TrainingError> {
    const REPORT: usize = 100;
    settings.check()?;
    let Settings { grid, descent, sampling, curriculum, ema, scaling, clip, .. } = settings;
    let (prepared, standardisation) = source.prepare(*scaling)?;
    let source = prepared.source();
    let hull = Hull::of_source(source, *clip)?;
    let mut network = descent.network::<F>(source.dim() + TIME_FEATURES, source.dim(), descent.batch, rng)?;
    let mut teacher = (*ema > 0.0).then(|| network.clone());
    let mut batches = batches(descent.batch, source.dim(), &network, rng.next_u64());
    let mut optimiser = Optimiser::new(&network, descent.batch);
    let levels = LevelRow::table(grid);
    let iterations = descent.iterations;
    let whole = grid.steps() - 1;
    let mut count = 0;
    let mut pairs = LevelPairs::new(grid, whole, *sampling);
    let (mut tail, mut tail_count) = (0.0, 0.0);
    for iteration in 0..iterations {
        let wanted = curriculum.map_or(whole, |start| intervals(start, whole, iteration, iterations));
        if wanted != count {
            count = wanted;
            pairs = LevelPairs::new(grid, count, *sampling);
        }
        let rule = Rule { settings, levels: &levels, pairs: &pairs, source, objective };
        let loss = optimiser.step(&mut network, descent.rate_at(iteration), &mut batches, |student, batch, tape| {
            rule.pass(student, teacher.as_ref().unwrap_or(student), batch, tape);
        });
        check_loss(iteration, loss, RUNAWAY * source.dim() as f64)?;
        if let Some(teacher) = &mut teacher {
            let (keep, take) = (F::of(*ema), F::of(1.0 - *ema));
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
    let rule = Rule { settings, levels: &levels, pairs: &pairs, source, objective };
    let last = optimiser.gradient(&network, &mut batches, |student, batch, tape| rule.pass(student, student, batch, tape));
    check_last(iterations, &network, last, RUNAWAY * source.dim() as f64)?;
    Ok(JointModel { grid: grid.clone(), standardisation, network, loss: tail / tail_count, hull })
}
