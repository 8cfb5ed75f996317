//! Measurements on results: where the error of a consistency function comes from, known answers, fitted rates.

mod error;
pub(crate) mod known_answer;
pub(crate) mod ledger;
pub(crate) mod rates;

pub use error::AuditError;
