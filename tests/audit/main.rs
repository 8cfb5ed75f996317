//! Tests of the room `audit`.

mod known_answer;
mod ledger;
mod rates;
mod step_check;
