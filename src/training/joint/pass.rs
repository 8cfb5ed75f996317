//! What one chunk of a minibatch does: draw pairs, ask the teacher, compare the student.

use crate::float::Float;
use crate::numeric::stream::Stream;
use crate::score::ScoreFunction;
use crate::training::joint::levels::LevelPairs;
use crate::training::joint::model::LevelRow;
use crate::training::joint::settings::{Settings, Weighting};
use crate::training::joint::trajectories::coefficients;
use crate::training::network::layers::{Network, Tape};
use crate::training::source::Source;
use ndarray::{Array2, Axis};
use rand::Rng;

/// Where the teacher is evaluated.
#[derive(Clone, Copy)]
pub(super) enum Objective<'a, F: Float> {
    /// At X_{t−1} with the same noise.
    Training,
    /// At E[X_{t−1} | X_t] from a score.
    Distillation(&'a dyn ScoreFunction<F>),
    /// Nowhere: the target is the point X_1 of the same trajectory. The table of step t stands at position t − 1, its rows are trajectories.
    Flow(&'a [Array2<F>]),
}

/// The buffers of a chunk and its random stream.
pub(super) struct Batch<F: Float> {
    stream: Stream,
    steps: Vec<(usize, usize)>,
    data: Array2<F>,
    law: Array2<f64>,
    upper: Array2<F>,
    lower: Array2<F>,
    teacher: Tape<F>,
}

impl<F: Float> Batch<F> {
    pub(super) fn new(rows: usize, dim: usize, network: &Network<F>, stream: Stream) -> Self {
        let table = || Array2::zeros((rows, dim));
        Self {
            stream,
            steps: vec![(1, 2); rows],
            data: table(),
            law: Array2::zeros((rows, dim)),
            upper: table(),
            lower: table(),
            teacher: network.scratch(rows),
        }
    }
}

/// Everything the chunks of one minibatch share.
pub(super) struct Rule<'a, F: Float> {
    pub(super) settings: &'a Settings,
    pub(super) levels: &'a [LevelRow<F>],
    pub(super) pairs: &'a LevelPairs,
    pub(super) source: Source<'a, F>,
    pub(super) objective: Objective<'a, F>,
}

impl<F: Float> Rule<'_, F> {
    /// Fills the student's tape, its output gradient and the loss of the chunk.
    pub(super) fn pass(&self, student: &Network<F>, teacher: &Network<F>, batch: &mut Batch<F>, tape: &mut Tape<F>) {
        if let Objective::Flow(points) = self.objective {
            // At step 1 the function is the identity and the teacher's network has the weight 0.
            self.pick(points, batch);
        } else {
            self.draw(batch);
            if let Objective::Distillation(score) = self.objective {
                self.follow(score, batch);
            }
            self.encode(&batch.lower, batch.steps.iter().map(|s| s.0), &mut batch.teacher);
            teacher.evaluate(&mut batch.teacher);
        }
        self.encode(&batch.upper, batch.steps.iter().map(|s| s.1), tape);
        student.forward(tape);
        self.compare(batch, tape);
    }

    /// Fresh data, noise and levels: X_t and X_s with the same noise, for s < t.
    fn draw(&self, batch: &mut Batch<F>) {
        match self.source {
            Source::Rows(rows) => {
                for mut to in batch.data.rows_mut() {
                    to.assign(&rows.row(batch.stream.random_range(0..rows.nrows())));
                }
            }
            Source::Law(law) => {
                law.sample_into(&mut batch.stream, &mut batch.law);
                batch.data.zip_mut_with(&batch.law, |d, l| *d = F::of(*l));
            }
        }
        let dim = batch.data.ncols();
        let points = contiguous(&batch.data).chunks_exact(dim);
        let ends = contiguous_mut(&mut batch.upper).chunks_exact_mut(dim).zip(contiguous_mut(&mut batch.lower).chunks_exact_mut(dim));
        for ((x, (upper, lower)), steps) in points.zip(ends).zip(&mut batch.steps) {
            *steps = self.pairs.draw(&mut batch.stream);
            let (low, high) = (&self.levels[steps.0 - 1], &self.levels[steps.1 - 1]);
            for ((x, u), l) in x.iter().zip(upper).zip(lower) {
                let z = F::standard_normal(&mut batch.stream);
                *u = high.cos * *x + high.sin * z;
                *l = low.cos * *x + low.sin * z;
            }
        }
    }

    /// X_t and X_1 of one trajectory, at a level of its own for every row.
    fn pick(&self, points: &[Array2<F>], batch: &mut Batch<F>) {
        let rows = batch.upper.rows_mut().into_iter().zip(batch.lower.rows_mut());
        for ((mut upper, mut lower), steps) in rows.zip(&mut batch.steps) {
            *steps = (1, self.pairs.draw(&mut batch.stream).1);
            let row = batch.stream.random_range(0..points[0].nrows());
            upper.assign(&points[steps.1 - 1].row(row));
            lower.assign(&points[0].row(row));
        }
    }

    /// Replaces X_s by E[X_s | X_t] = (sin θ_s x + sin(θ_t − θ_s) D(x))/sin θ_t.
    fn follow(&self, score: &dyn ScoreFunction<F>, batch: &mut Batch<F>) {
        let grid = &self.settings.grid;
        // One call for the rows of a level: a score sees a batch, not a row at a time.
        let mut order: Vec<usize> = (0..batch.steps.len()).collect();
        order.sort_by_key(|&i| batch.steps[i].1);
        for rows in order.chunk_by(|&i, &j| batch.steps[i].1 == batch.steps[j].1) {
            let high = grid.level(batch.steps[rows[0]].1);
            let points = batch.upper.select(Axis(0), rows);
            let mut values = Array2::zeros(points.raw_dim());
            score.score_into(high, &points, &mut values);
            for ((&i, x), v) in rows.iter().zip(points.rows()).zip(values.rows()) {
                let (keep, pull) = coefficients::<F>(high, grid.level(batch.steps[i].0));
                for ((l, x), v) in batch.lower.row_mut(i).iter_mut().zip(x).zip(v) {
                    *l = keep * *x + pull * *v;
                }
            }
        }
    }

    /// Points and time features into the input of a network.
    fn encode(&self, points: &Array2<F>, steps: impl Iterator<Item = usize>, tape: &mut Tape<F>) {
        let dim = points.ncols();
        let mut input = tape.input_mut();
        let width = input.ncols();
        let rows = input.as_slice_mut().expect("the input rows of a tape are contiguous").chunks_exact_mut(width);
        for ((to, x), t) in rows.zip(contiguous(points).chunks_exact(dim)).zip(steps) {
            to[..dim].copy_from_slice(x);
            to[dim..].copy_from_slice(&self.levels[t - 1].features);
        }
    }

    /// The loss of every pair and its derivative by the student's network output.
    fn compare(&self, batch: &Batch<F>, tape: &mut Tape<F>) {
        let mut loss = 0.0;
        let share = 1.0 / self.settings.descent.batch as f64;
        let teacher = batch.teacher.output();
        let (output, mut gradient) = tape.output_and_gradient();
        let tables = output.rows().into_iter().zip(teacher.rows()).zip(batch.upper.rows()).zip(batch.lower.rows());
        for ((tables, mut slope), &(s, t)) in tables.zip(gradient.rows_mut()).zip(&batch.steps) {
            let (((output, teacher), upper), lower) = tables;
            let (low, high) = (&self.levels[s - 1], &self.levels[t - 1]);
            let mut square = F::zero();
            for (j, e) in slope.iter_mut().enumerate() {
                let target = low.skip * lower[j] + low.out * teacher[j];
                *e = high.skip * upper[j] + high.out * output[j] - target;
                square += *e * *e;
            }
            let (value, factor) = self.settings.loss.at(square);
            let weight = share * self.weight(s, t);
            loss += weight * value.as_f64();
            let factor = F::of(weight) * factor * high.out;
            slope.iter_mut().for_each(|e| *e *= factor);
        }
        tape.loss = loss;
    }

    fn weight(&self, s: usize, t: usize) -> f64 {
        match self.settings.weighting {
            Weighting::Uniform => 1.0,
            Weighting::InverseStep => {
                let grid = &self.settings.grid;
                (grid.last().angle() - grid.level(1).angle()) / (grid.steps() - 1) as f64 / grid.level(t).sin_from(grid.level(s)).asin()
            }
        }
    }
}

fn contiguous<F>(table: &Array2<F>) -> &[F] {
    table.as_slice().expect("an owned table in standard layout is contiguous")
}

fn contiguous_mut<F>(table: &mut Array2<F>) -> &mut [F] {
    table.as_slice_mut().expect("an owned table in standard layout is contiguous")
}
