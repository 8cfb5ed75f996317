//! Tests of the room `audit`.

mod faults;
mod held_out;
mod known_answer;
mod ledger;
mod loss_floor;
mod rates;
mod replicates;
mod second_order;
mod step_check;
