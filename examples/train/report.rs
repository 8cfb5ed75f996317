//! What is printed of a run.

use super::common::{Row, count, number, say};
use super::model::Model;
use super::{Arguments, Class, MOST_KNOWN_DIMENSIONS};
use ndarray::Array2;
use onestep::audit::{Jump, StepReport};
use onestep::training::{Candidate, Trial};
use serde_json::{Value, json};

/// The farthest of `samples` outside the box of the rows, in ranges of a column; 0 where all are inside.
pub(super) fn outside(samples: &Array2<f64>, rows: &Array2<f64>) -> f64 {
    let ends = |column: ndarray::ArrayView1<'_, f64>| {
        column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
    };
    samples.columns().into_iter().zip(rows.columns()).fold(0.0, |farthest, (samples, rows)| {
        let ((low, high), (least, most)) = (ends(rows), ends(samples));
        f64::max(farthest, (low - least).max(most - high) / (high - low))
    })
}

/// Samples whose farthest is reported.
pub(super) const EXTREMES: usize = 10_000;

/// A trial as an object.
fn trial(trial: &Trial) -> Value {
    let distance = trial.distance.as_ref();
    json!({
        "candidate": trial.candidate.to_string(),
        "energy_distance": distance.map_or(Value::Null, |d| number(d.value)),
        "energy_distance_std_error": distance.map_or(Value::Null, |d| number(d.std_error)),
    })
}

pub(super) fn row(arguments: &Arguments, (model, outside): (&Model, f64), report: &StepReport, seconds: f64) -> Row {
    let errors = report.known.as_ref().map(|k| k.errors);
    let estimation = report.known.as_ref().and_then(|k| k.estimation.as_ref()).map(|e| e.accumulated);
    let approximation = report.known.as_ref().and_then(|k| k.approximation.as_ref()).map(|e| e.accumulated);
    let optional = |v: Option<f64>| v.map_or(Value::Null, number);
    let verdict = report.verdict.as_ref();
    vec![
        ("steps", report.steps.into()),
        ("dim", report.dim.into()),
        ("class", arguments.name().into()),
        ("chosen", model.selected().map_or(Value::Null, |s| s.candidate().to_string().into())),
        ("trials", model.selected().map_or(Value::Null, |s| s.trials.iter().map(trial).collect())),
        ("samples", model.pairs(arguments).into()),
        ("w1", number(report.w1.value)),
        ("w1_std_error", number(report.w1.std_error)),
        ("w1_baseline", number(report.w1_baseline.value)),
        ("w1_baseline_std_error", number(report.w1_baseline.std_error)),
        ("sliced_w1", number(report.sliced_w1.value)),
        ("sliced_w1_std_error", number(report.sliced_w1.std_error)),
        ("outside", number(outside)),
        ("epsilon_sum", optional(errors.map(|e| e.sum))),
        ("epsilon_max_times_steps", optional(errors.map(|e| e.max_times_steps))),
        ("estimation_sum", optional(estimation.map(|e| e.sum))),
        ("approximation_sum", optional(approximation.map(|e| e.sum))),
        ("energy_residual", number(report.energy_residual.value)),
        ("required_steps", verdict.map_or(Value::Null, |v| count(v.required.steps()))),
        ("within_bound", verdict.map_or(Value::Null, |v| (v.w1.value <= v.bound.total()).into())),
        ("verdict", verdict.map_or(Value::Null, |v| json!({"bound": number(v.bound.total()), "text": v.to_string()}))),
        ("seconds", number(seconds)),
    ]
}

pub(super) fn print_table(arguments: &Arguments, (model, outside): (&Model, f64), report: &StepReport, seconds: f64) {
    let network = arguments.class == Class::Joint || model.selected().is_some_and(|s| matches!(s.candidate(), Candidate::Network { .. }));
    say!(
        "class {}, T = {}, d = {}, {} pairs {}, seed {}, {seconds:.1} s",
        arguments.name(),
        report.steps,
        report.dim,
        model.pairs(arguments),
        if network { "in all" } else { "a step" },
        arguments.seed
    );
    if let Some(selected) = model.selected() {
        say!("{selected}");
    }
    if let Some(margin) = model.selected().map(|s| s.margin).or(arguments.clip) {
        say!("values confined to the box of the data, {} % wider on every side", 100.0 * margin);
    }
    say!(
        "W1 of one-step samples to held-out data   {:.4} ± {:.4}   ({} rows a cloud)",
        report.w1.value,
        report.w1.std_error,
        report.samples
    );
    say!(
        "W1 between two halves of held-out data    {:.4} ± {:.4}   (what a perfect sampler would show)",
        report.w1_baseline.value,
        report.w1_baseline.std_error
    );
    say!("ratio of the two                          {:.2}", report.w1.value / report.w1_baseline.value);
    say!("farthest of {EXTREMES} samples outside the box of the data: {outside:.3} of its range");
    say!("sliced W1                                 {:.4} ± {:.4}", report.sliced_w1.value, report.sliced_w1.std_error);
    say!("energy residual                           {:+.2e} ± {:.0e}", report.energy_residual.value, report.energy_residual.std_error);
    if let Some(jump) = report.largest_jump.filter(Jump::is_outlier) {
        say!("largest jump between levels               {jump}");
    }
    if let Some(known) = &report.known {
        say!(
            "training error ε + ε_F: sum over steps    {:.4}   (largest step times T: {:.4})",
            known.errors.sum,
            known.errors.max_times_steps
        );
        for (name, part) in [("estimation ε:     ", &known.estimation), ("approximation ε_F:", &known.approximation)] {
            if let Some(part) = part {
                let e = part.accumulated;
                say!("  {name} sum over steps    {:.4}   (largest step times T: {:.4})", e.sum, e.max_times_steps);
            }
        }
        say!(
            "W1 at the true law of X_T lies in         [{:.4}, {:.4}]   (sample means, ± {:.4})",
            known.sandwich.lower,
            known.sandwich.upper,
            known.sandwich.std_error
        );
    }
    match &report.verdict {
        Some(verdict) => say!("verdict: {verdict}"),
        None => say!("verdict: none; ε is known only for mixture and gaussian in at most {MOST_KNOWN_DIMENSIONS} dimensions"),
    }
}
