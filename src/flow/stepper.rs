//! One block of rows stepped through the path by an embedded Runge–Kutta method.

use crate::error::check_finite;
use crate::float::Float;
use crate::flow::effort::FlowEffort;
use crate::flow::error::FlowError;
use crate::flow::field::{Field, noise_cap};
use crate::flow::tableau::Tableau;
use crate::level::NoiseLevel;
use ndarray::{Array2, ArrayRef2, ArrayView2, ArrayViewMut2, Axis};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// What every block is integrated with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) tolerance: f64,
    pub(crate) tableau: Tableau,
    pub(crate) max_steps: usize,
}

/// Rows of a block: about 8192 numbers, so that a block with all its stages stays in the second-level cache. Depends on the width alone.
fn block_rows(width: usize) -> usize {
    (8192 / width.max(1)).clamp(32, 1024)
}

/// Numbers that are combined at a time: all stages of a piece stay in the first-level cache.
const PIECE: usize = 512;

/// Step sizes shrink and grow by these factors at most, and aim below the tolerance by this one.
const SHRINK: f64 = 0.2;
const GROW: f64 = 5.0;
const SAFETY: f64 = 0.85;

/// Exponents of the step size controller, in units of 1/order: h' = h · safety · e^{−0.7/p} e_last^{0.4/p} (Gustafsson 1991). The memory of
/// the last error keeps the size from running into the next rejection.
const PROPORTIONAL: f64 = 0.7;
const INTEGRAL: f64 = 0.4;

/// Integrates every row of `x` from `from` through `stops`; the points at each stop.
pub(crate) fn run_blocks<F: Float, V: Field<F>>(
    field: &V,
    plan: &Plan,
    from: NoiseLevel,
    stops: &[NoiseLevel],
    x: &ArrayRef2<F>,
) -> Result<(Vec<Array2<F>>, FlowEffort), FlowError> {
    check_finite("x", x)?;
    let rows = block_rows(field.width());
    let blocks: Vec<(usize, ArrayView2<'_, F>)> = x.axis_chunks_iter(Axis(0), rows).enumerate().map(|(i, b)| (i * rows, b)).collect();
    let run = |&(first_row, block): &(usize, ArrayView2<'_, F>)| Block::new(field, plan, first_row, block).run(from, stops);
    #[cfg(feature = "rayon")]
    let ends: Vec<_> = blocks.par_iter().map(run).collect();
    #[cfg(not(feature = "rayon"))]
    let ends: Vec<_> = blocks.iter().map(run).collect();

    let mut points = vec![Array2::zeros(x.raw_dim()); stops.len()];
    let mut effort = FlowEffort::default();
    for (end, &(first_row, _)) in ends.into_iter().zip(&blocks) {
        let (images, own) = end?;
        effort.add(own);
        for (all, image) in points.iter_mut().zip(images) {
            all.slice_axis_mut(Axis(0), (first_row..first_row + image.nrows()).into()).assign(&image);
        }
    }
    Ok((points, effort))
}

struct Block<'a, F, V> {
    field: &'a V,
    plan: &'a Plan,
    first_row: usize,
    shape: (usize, usize),
    y: Vec<F>,
    /// Trial point.
    trial: Vec<F>,
    stages: Vec<Vec<F>>,
    effort: FlowEffort,
    /// |h| to try next; 0 before the first step.
    step: f64,
    /// Error of the last accepted step.
    last_error: f64,
}

/// How a trial step went.
enum Trial {
    /// The largest error of a row in units of the tolerance, and that row.
    Error(f64, usize),
    /// The velocity is not finite at a stage: row and angle.
    NotFinite(usize, f64),
}

impl<'a, F: Float, V: Field<F>> Block<'a, F, V> {
    fn new(field: &'a V, plan: &'a Plan, first_row: usize, block: ArrayView2<'_, F>) -> Self {
        let y: Vec<F> = block.iter().copied().collect();
        let zeros = vec![F::zero(); y.len()];
        Self {
            field,
            plan,
            first_row,
            shape: block.dim(),
            trial: zeros.clone(),
            stages: vec![zeros; plan.tableau.stages()],
            y,
            effort: FlowEffort::default(),
            step: 0.0,
            last_error: 1.0,
        }
    }

    fn run(mut self, from: NoiseLevel, stops: &[NoiseLevel]) -> Result<(Vec<Array2<F>>, FlowEffort), FlowError> {
        let mut images = Vec::with_capacity(stops.len());
        let mut at = from;
        for &to in stops {
            if to != at && !self.y.is_empty() {
                self.leg(at, to)?;
            }
            let image = Array2::from_shape_vec(self.shape, self.y.clone()).expect("the block holds rows × width numbers");
            images.push(image);
            at = to;
        }
        Ok((images, self.effort))
    }

    /// From one level to another: out of the cap at the noise end, along the path, into the cap.
    fn leg(&mut self, from: NoiseLevel, to: NoiseLevel) -> Result<(), FlowError> {
        let edge = NoiseLevel::from_cos_sin(noise_cap::<F>().sin(), noise_cap::<F>().cos());
        let (start, end) = (if from.cos() < edge.cos() { edge } else { from }, if to.cos() < edge.cos() { edge } else { to });
        if start == end {
            return self.midpoint(from, to);
        }
        if start != from {
            self.midpoint(from, start)?;
        }
        self.path(start.angle(), end.angle())?;
        if end != to {
            self.midpoint(end, to)?;
        }
        Ok(())
    }

    /// Writes the velocity at (`level`, `trial`) into stage `i`; the first row that is not finite, if any.
    fn evaluate(&mut self, i: usize, level: NoiseLevel, at_trial: bool) -> Option<usize> {
        let point = if at_trial { &self.trial } else { &self.y };
        let y = ArrayView2::from_shape(self.shape, point).expect("the block holds rows × width numbers");
        let mut out = ArrayViewMut2::from_shape(self.shape, &mut self.stages[i]).expect("a stage has the size of the block");
        self.field.velocity(level, &y, &mut out);
        self.effort.point_evaluations += self.shape.0 as u64;
        let stage = &self.stages[i];
        // Without short circuit this is vectorised.
        if stage.iter().fold(true, |finite, v| finite & v.is_finite()) {
            return None;
        }
        stage.iter().position(|v| !v.is_finite()).map(|at| at / self.shape.1)
    }

    fn not_finite(&self, row: usize, angle: f64) -> FlowError {
        FlowError::ScoreNotFinite { row: self.first_row + row + 1, angle }
    }

    /// One implicit midpoint step, for the short way through the cap at the noise end: each sweep gains a factor of the width.
    fn midpoint(&mut self, from: NoiseLevel, to: NoiseLevel) -> Result<(), FlowError> {
        const SWEEPS: usize = 3;
        let width = from.co_angle() - to.co_angle();
        let middle = NoiseLevel::from_co_angle(0.5 * (from.co_angle() + to.co_angle())).unwrap_or(from);
        self.trial.copy_from_slice(&self.y);
        for sweep in 0..SWEEPS {
            if let Some(row) = self.evaluate(0, middle, true) {
                return Err(self.not_finite(row, middle.angle()));
            }
            let h = F::of(if sweep + 1 == SWEEPS { width } else { 0.5 * width });
            for ((t, &y), &k) in self.trial.iter_mut().zip(&self.y).zip(&self.stages[0]) {
                *t = y + h * k;
            }
        }
        self.y.copy_from_slice(&self.trial);
        Ok(())
    }

    /// The adaptive integration proper, between two angles outside the cap.
    fn path(&mut self, from: f64, to: f64) -> Result<(), FlowError> {
        let direction = (to - from).signum();
        let last = self.plan.tableau.stages() - 1;
        let exponent = -1.0 / f64::from(self.plan.tableau.order());
        let mut angle = from;
        if let Some(row) = self.evaluate(0, level_at(angle), false) {
            return Err(self.not_finite(row, angle));
        }
        if self.step == 0.0 {
            self.step = self.first_step((to - from).abs());
        }
        let (mut worst, mut after_rejection, mut failed) = (0, false, None);
        for _ in 0..self.plan.max_steps {
            let left = (to - angle).abs();
            // A step that would leave a sliver takes it along.
            let ends = self.step * 1.01 >= left;
            let h = direction * if ends { left } else { self.step };
            match self.attempt(angle, h) {
                Trial::Error(error, row) if error <= 1.0 => {
                    angle = if ends { to } else { angle + h };
                    self.effort.accepted += 1;
                    std::mem::swap(&mut self.y, &mut self.trial);
                    let grow = SAFETY * error.powf(PROPORTIONAL * exponent) * self.last_error.powf(-INTEGRAL * exponent);
                    let grow = grow.clamp(SHRINK, if after_rejection { 1.0 } else { GROW });
                    self.last_error = error.max(1e-4);
                    // A step cut short by its stop says nothing against the size that was planned.
                    self.step = if ends { self.step.max(h.abs() * grow) } else { h.abs() * grow };
                    if ends {
                        return Ok(());
                    }
                    if self.plan.tableau.first_same_as_last() {
                        self.stages.swap(0, last);
                    } else if let Some(row) = self.evaluate(0, level_at(angle), false) {
                        return Err(self.not_finite(row, angle));
                    }
                    (after_rejection, failed, worst) = (false, None, row);
                }
                Trial::Error(error, row) => {
                    self.effort.rejected += 1;
                    self.step = h.abs() * (SAFETY * error.powf(exponent)).clamp(SHRINK, 1.0);
                    (after_rejection, worst) = (true, row);
                }
                Trial::NotFinite(row, at) => {
                    self.effort.rejected += 1;
                    self.step = h.abs() * SHRINK;
                    (after_rejection, worst, failed) = (true, row, Some((row, at)));
                }
            }
            if angle + direction * self.step == angle {
                break;
            }
        }
        Err(match failed {
            Some((row, at)) => self.not_finite(row, at),
            None => FlowError::StepLimit { row: self.first_row + worst + 1, angle, steps: self.plan.max_steps },
        })
    }

    /// A hundredth of the time in which the fastest row would move by its own size.
    fn first_step(&self, span: f64) -> f64 {
        let width = self.shape.1;
        let size = |row: &[F]| row.iter().map(|v| v.as_f64().powi(2)).sum::<f64>().sqrt();
        let rows = self.y.chunks(width).zip(self.stages[0].chunks(width));
        let times = rows.map(|(y, k)| (size(y) + (width as f64).sqrt()) / size(k));
        (0.01 * times.fold(f64::INFINITY, f64::min)).min(span)
    }

    /// Writes the point after a step h into `trial`; stage 0 holds the velocity at `angle`.
    fn attempt(&mut self, angle: f64, h: f64) -> Trial {
        let tableau = &self.plan.tableau;
        for i in 1..tableau.stages() {
            combine(&mut self.trial, &self.y, h, tableau.matrix()[i], &self.stages);
            let at = angle + tableau.nodes()[i] * h;
            if let Some(row) = self.evaluate(i, level_at(at), true) {
                return Trial::NotFinite(row, at);
            }
        }
        if !tableau.first_same_as_last() {
            combine(&mut self.trial, &self.y, h, tableau.weights(), &self.stages);
        }
        self.error(h)
    }

    /// The largest error of a row: RMS over its coordinates, in units of tolerance · (1 + |y|).
    fn error(&self, h: f64) -> Trial {
        let (weights, width) = (self.plan.tableau.error_weights(), self.shape.1);
        let tolerance = F::of(self.plan.tolerance);
        let mut gap = vec![F::zero(); width];
        let (mut largest, mut worst) = (0.0_f64, 0);
        for row in 0..self.shape.0 {
            let range = row * width..(row + 1) * width;
            gap.fill(F::zero());
            for (&e, stage) in weights.iter().zip(&self.stages).filter(|(e, _)| **e != 0.0) {
                let e = F::of(h * e);
                gap.iter_mut().zip(&stage[range.clone()]).for_each(|(g, &k)| *g += e * k);
            }
            let points = self.y[range.clone()].iter().zip(&self.trial[range]);
            let square: F = gap
                .iter()
                .zip(points)
                .map(|(&g, (a, b))| {
                    let scaled = g / (tolerance * (F::one() + a.abs().max(b.abs())));
                    scaled * scaled
                })
                .sum();
            let error = (square.as_f64() / width as f64).sqrt();
            // A trial that overflowed compares with nothing: it counts as infinitely wrong.
            let error = if error.is_nan() { f64::INFINITY } else { error };
            if error > largest {
                (largest, worst) = (error, row);
            }
        }
        Trial::Error(largest, worst)
    }
}

/// The level of an angle on the path.
fn level_at(angle: f64) -> NoiseLevel {
    NoiseLevel::from_cos_sin(angle.cos(), angle.sin())
}

/// out = y + h Σ_i c_i k_i, piece by piece.
fn combine<F: Float>(out: &mut [F], y: &[F], h: f64, coefficients: &[f64], stages: &[Vec<F>]) {
    for start in (0..out.len()).step_by(PIECE) {
        let range = start..(start + PIECE).min(out.len());
        let piece = &mut out[range.clone()];
        // Two stages a pass: half the traffic of one. The first pass reads y.
        let mut terms =
            coefficients.iter().zip(stages).filter(|(c, _)| **c != 0.0).map(|(&c, stage)| (F::of(h * c), &stage[range.clone()]));
        let y = &y[range.clone()];
        match (terms.next(), terms.next()) {
            (Some((a, first)), Some((b, second))) => {
                let sources = y.iter().zip(first).zip(second);
                piece.iter_mut().zip(sources).for_each(|(o, ((&y, &k), &l))| *o = y + (a * k + b * l));
            }
            (Some((a, first)), None) => piece.iter_mut().zip(y.iter().zip(first)).for_each(|(o, (&y, &k))| *o = y + a * k),
            _ => piece.copy_from_slice(y),
        }
        while let Some((a, first)) = terms.next() {
            if let Some((b, second)) = terms.next() {
                piece.iter_mut().zip(first).zip(second).for_each(|((o, &k), &l)| *o += a * k + b * l);
            } else {
                piece.iter_mut().zip(first).for_each(|(o, &k)| *o += a * k);
            }
        }
    }
}
