//! Measurements on results: where the error of a consistency function comes from, known answers, fitted rates.

mod error;
mod known_answer;
mod ledger;
mod rates;
mod step_check;
mod step_errors;

pub use error::AuditError;
pub use known_answer::{Decrease, Finding, Gap, KnownAnswer, KnownAnswerReport, LevelAnswer};
pub use ledger::{Blame, Ledger, LedgerReport, LedgerStep, LedgerTerm, LedgerTerms, LocalPart};
pub use rates::{RateError, RateFit, RateModel};
pub use step_check::{KnownErrors, KnownTarget, Sandwiched, StepCheck, StepErrors, StepReport};

use crate::flow::FlowMap;
use crate::schedule::Grid;
use error::check_values;
use ndarray::{Array2, ArrayRef2};

/// Φ_t at the rows of `x`, which must be finite.
fn flow_to_first<M: FlowMap + ?Sized>(flow: &M, grid: &Grid, t: usize, x: &ArrayRef2<f64>) -> Result<Array2<f64>, AuditError> {
    if t == 1 {
        return Ok(x.to_owned());
    }
    let image = flow.flow(grid.level(t), grid.level(1), x);
    check_values("the flow map", t, x, &image)?;
    Ok(image)
}

/// The lengths of the rows.
fn lengths(rows: &ArrayRef2<f64>) -> Vec<f64> {
    rows.rows().into_iter().map(|r| r.dot(&r).sqrt()).collect()
}
