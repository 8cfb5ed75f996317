//! Faults that make another function out of a good one: each says what f would be, and is named where f is that.

use crate::audit::known_answer::finding::Finding;
use crate::audit::known_answer::{KnownAnswer, Table};
use crate::audit::{AuditError, flow_to_first};
use crate::consistency::ConsistencyFunction;
use crate::numeric::rows::lengths;
use ndarray::Array2;

/// A fault is named where it leaves this share of the distance to what is right, over all levels in root mean square and at two of them.
const LEFT: f64 = 0.25;
const FEWEST_LEVELS: usize = 2;

/// What the function behind the faulty one is.
#[derive(Clone, Copy)]
enum Reference<'a> {
    Flow,
    Optimum(&'a dyn ConsistencyFunction),
}

/// What was done to it.
#[derive(Clone, Copy)]
enum Fault<'a> {
    /// The network is given the time of level t + by for the point of level t.
    Shift(i8),
    /// c_out lacks σ_data.
    Scale(f64),
    /// Training without shared noise, which does not end with what is right: this is its optimum.
    Apart(&'a dyn ConsistencyFunction),
}

impl Reference<'_> {
    /// Its values at a level, where it has that level.
    fn eval(self, check: &KnownAnswer, step: usize, x: &Array2<f64>) -> Result<Option<Array2<f64>>, AuditError> {
        match self {
            Self::Flow => flow_to_first(check.flow, check.grid, step, x).map(Some),
            Self::Optimum(f) => Ok(f.holds(step).then(|| f.eval(step, x))),
        }
    }
}

impl Fault<'_> {
    /// The values that the fault makes of a reference; `None` where the level does not show it.
    fn made_of(
        self,
        reference: Reference,
        check: &KnownAnswer,
        scales: &[f64],
        step: usize,
        x: &Array2<f64>,
    ) -> Result<Option<Array2<f64>>, AuditError> {
        match self {
            Self::Shift(by) => {
                let Some(other) = step.checked_add_signed(isize::from(by)).filter(|t| (1..=scales.len()).contains(t)) else {
                    return Ok(None);
                };
                // The point in the units of the table, taken for one of the other level.
                reference.eval(check, other, &(x * (scales[step - 1] / scales[other - 1])))
            }
            Self::Scale(_) | Self::Apart(_) if step == 1 => Ok(None),
            Self::Apart(optimum) => Ok(optimum.holds(step).then(|| optimum.eval(step, x))),
            Self::Scale(sigma_data) => {
                let (first, level) = (check.grid.level(1), check.grid.level(step));
                let ahead = level.sigma() - first.sigma();
                // c_skip x of EDM, x/cos θ its point and f/cos θ_1 its value, in the units of the angle.
                let skip = sigma_data * sigma_data / (ahead * ahead + sigma_data * sigma_data) * first.cos() / level.cos();
                Ok(reference.eval(check, step, x)?.map(|f| &f / sigma_data + x * (skip * (1.0 - sigma_data.recip()))))
            }
        }
    }

    fn finding(self, step: usize, distance: f64, error: f64) -> Finding {
        match self {
            Self::Shift(by) => Finding::Shifted { step, by, distance, error },
            Self::Scale(sigma_data) => Finding::Unscaled { step, sigma_data, distance, error },
            Self::Apart(_) => Finding::NoiseApart { step, distance, error },
        }
    }
}

/// The fault that f is explained by. Where f_1 is not the `identity`, only that of the next noisier level is one: all others keep f_1.
pub(super) fn fault(check: &KnownAnswer, tables: &[Table], scales: &[f64], identity: bool) -> Result<Option<Finding>, AuditError> {
    let optima = [check.training, check.distillation].into_iter().flatten().map(Reference::Optimum);
    let references: Vec<Reference> = std::iter::once(Reference::Flow).chain(optima).collect();
    let mean = |values: &Array2<f64>, f: &Array2<f64>| {
        let lengths = lengths(&(values - f));
        lengths.iter().sum::<f64>() / lengths.len() as f64
    };
    // The distance of every level to the nearest of what is right.
    let mut right = Vec::with_capacity(tables.len());
    for table in tables {
        let mut nearest = f64::INFINITY;
        for reference in &references {
            if let Some(values) = reference.eval(check, table.step, &table.x)? {
                nearest = nearest.min(mean(&values, &table.f));
            }
        }
        right.push(nearest);
    }
    let shifts = [Fault::Shift(-1), Fault::Shift(1)].into_iter();
    let scale = check.sigma_data.filter(|s| *s != 1.0).map(Fault::Scale);
    let faults = shifts.chain(scale).chain(check.apart.map(Fault::Apart));
    for fault in faults.filter(|fault| identity || matches!(fault, Fault::Shift(1))) {
        for &reference in &references {
            let (mut left, mut total, mut told) = (0.0, 0.0, 0);
            let mut last = None;
            for (table, &error) in tables.iter().zip(&right) {
                let Some(made) = fault.made_of(reference, check, scales, table.step, &table.x)? else { continue };
                let distance = mean(&made, &table.f);
                left += distance * distance;
                total += error * error;
                told += usize::from(error > check.tolerance && distance <= LEFT * error);
                last = Some((table.step, distance, error));
            }
            if let Some((step, distance, error)) = last
                && told >= FEWEST_LEVELS
                && left <= LEFT * LEFT * total
            {
                return Ok(Some(fault.finding(step, distance, error)));
            }
        }
    }
    Ok(None)
}
