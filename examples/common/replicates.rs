//! A ledger by posterior draws, as examples print it.

use super::{Format, Row, number, print_last_row, remark, say};
use ndarray::ArrayRef2;
use onestep::audit::{Blame, ReplicateReport, ReplicateStep};
use onestep::{ConsistencyFunction, Estimate, Family, Space};
use serde_json::Value;

/// A family in single precision, in double precision.
pub(crate) struct Doubled<M>(pub(crate) M);

impl<M: Space> Space for Doubled<M> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
}

impl<M: Family> Family for Doubled<M> {
    fn steps(&self) -> usize {
        self.0.steps()
    }

    fn holds(&self, t: usize) -> bool {
        self.0.holds(t)
    }
}

impl<M: ConsistencyFunction<f32>> ConsistencyFunction for Doubled<M> {
    fn eval_into(&self, t: usize, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        if t == 1 {
            // The identity, without rounding.
            out.assign(x);
        } else {
            let values = self.0.eval(t, &x.mapv(|v| v as f32));
            out.zip_mut_with(&values, |o, v| *o = f64::from(*v));
        }
    }
}

/// A number as JSON; `null` where there is none.
fn optional(number_of: fn(&Estimate) -> f64, estimate: Option<Estimate>) -> Value {
    estimate.map_or(Value::Null, |e| number(number_of(&e)))
}

fn row(report: &ReplicateReport, step: &ReplicateStep) -> Row {
    let mut row: Row = vec![
        ("steps", report.grid_steps.into()),
        ("dim", report.dim.into()),
        ("samples", report.samples.into()),
        ("replicates", report.replicates.into()),
        ("step", step.step.into()),
        ("angle", number(step.angle)),
        ("delta", number(step.delta)),
    ];
    for (value_name, error_name, term) in [
        ("training_loss", "training_loss_std_error", Some(step.loss)),
        ("own_square", "own_square_std_error", Some(step.own_square)),
        ("spread", "spread_std_error", Some(step.spread)),
        ("local_square", "local_square_std_error", step.local_square),
        ("error_square", "error_square_std_error", step.error_square),
    ] {
        row.push((value_name, optional(|e| e.value, term)));
        row.push((error_name, optional(|e| e.std_error, term)));
    }
    row
}

/// The verdict, as one object.
pub(crate) fn verdict(report: &ReplicateReport) -> Row {
    let blame = |of: fn(&Blame) -> Value| report.blame().map_or(Value::Null, |b| of(&b));
    let mut row: Row = Vec::new();
    for (names, sum) in [
        (["own", "own_lower", "own_upper"], Some(report.own())),
        (["local", "local_lower", "local_upper"], report.local()),
        (["prior", "prior_lower", "prior_upper"], Some(report.prior())),
        (["w2_by_second_moments", "w2_by_second_moments_lower", "w2_by_second_moments_upper"], report.energy_upper()),
        (["w2_by_sums", "w2_by_sums_lower", "w2_by_sums_upper"], report.bound()),
    ] {
        row.push((names[0], optional(|e| e.value, sum)));
        row.push((names[1], optional(|e| e.lower, sum)));
        row.push((names[2], optional(|e| e.upper, sum)));
    }
    row.push(("blame", blame(|b| b.term.to_string().into())));
    row.push(("blame_share", blame(|b| number(b.share))));
    row.push(("blame_clear", blame(|b| b.clear.into())));
    row.push(("blame_step", blame(|b| b.step.map_or(Value::Null, Value::from))));
    row
}

/// The steps and the verdict, which is the summary of the last row and, for readers, on standard error.
pub(crate) fn print(format: Format, report: &ReplicateReport) {
    if format != Format::Table {
        let summary = Value::Object(verdict(report).into_iter().map(|(name, value)| (name.to_string(), value)).collect());
        for (i, step) in report.steps.iter().enumerate() {
            let last = i + 1 == report.steps.len();
            print_last_row(format, i == 0, &row(report, step), if last { summary.clone() } else { Value::Null });
        }
        remark!("{report}");
        return;
    }
    say!(
        "d = {}, T = {}, {} points a step, {} draws of X_t-1 a point; squares with standard errors",
        report.dim,
        report.grid_steps,
        report.samples,
        report.replicates
    );
    let heads = ["loss", "own", "spread", "local", "error"].map(|name| format!("{name:>11} {:>8}", "±")).join(" ");
    say!("{:>6} {:>8} {heads}", "t", "angle");
    for step in &report.steps {
        let terms = [Some(step.loss), Some(step.own_square), Some(step.spread), step.local_square, step.error_square];
        let shown = terms.map(|term| match term {
            Some(e) => format!("{:>11.4e} {:>8.1e}", e.value, e.std_error),
            None => format!("{:>11} {:>8}", "-", ""),
        });
        say!("{:>6} {:>8.4} {}", step.step, step.angle, shown.join(" "));
    }
    say!("roots of mean squares, sums over the steps, with 95 % intervals:");
    say!("{report}");
}
