//! Tests of the room `audit`.

mod held_out;
mod faults;
mod known_answer;
mod ledger;
mod loss_floor;
mod rates;
mod replicates;
mod second_order;
mod step_check;
