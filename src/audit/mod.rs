//! Measurements on results: where the error of a consistency function comes from, known answers, fitted rates.
//!
//! | question | take | needs |
//! | --- | --- | --- |
//! | Which step and which term of the proof is to blame for the error? | [`Ledger`] | a function to call; the law's posterior and its flow |
//! | The same in many dimensions, or on a finite data set as the target? | [`ReplicateLedger`] | a function to call; a sampler of the law's posterior, its flow for local errors |
//! | Is this table of values (t, x, f) from another framework right? | [`KnownAnswer`] | values alone, in any [convention](crate::path); the flow, and the population optima beside it |
//! | What should my loss be when I am done? | [`LossFloor`], and for a Gaussian [`GaussianFloor`] | a law with a posterior rule |
//! | What is my trained family worth, and was T enough? | [`StepCheck`] | a trained family and held-out data; the law for errors, sandwich and verdict |
//! | What do held-out data say when the law is not known? | [`HeldOutEnergy`], [`OwnErrorFromBelow`] | residuals of a model; functions to test them with |
//! | How fast does an error fall with T or d? | [`RateModel::fit`] for measured errors, [`RateModel::trend`] for computed ones | errors at several sizes |
//!
//! A law with a flow in closed form is its own flow map. For another one take [`FlowSolver::flow_of`](crate::flow::FlowSolver::flow_of).

mod error;
mod held_out;
mod known_answer;
mod ledger;
mod loss_floor;
mod rates;
mod step_check;

pub use error::AuditError;
pub use held_out::{HeldOutEnergy, OwnErrorFromBelow};
pub use known_answer::{Decrease, Finding, Gap, KnownAnswer, KnownAnswerReport, LevelAnswer, Size};
pub use ledger::{Blame, Ledger, LedgerReport, LedgerStep, LedgerTerm, LedgerTerms, LocalPart};
pub use ledger::{ReplicateLedger, ReplicateReport, ReplicateStep};
pub use loss_floor::{Excess, FloorLevel, GaussianFloor, LevelLaw, LossFloor, LossFloorReport};
pub use rates::{LocalSlope, RateFit, RateModel, RateTrend};
pub use step_check::{Jump, KnownErrors, Sandwiched, StepCheck, StepErrors, StepReport};

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
