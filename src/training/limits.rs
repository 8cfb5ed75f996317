//! Upper limits of sizes, so that a size that no machine holds is an error before memory is asked for.

use crate::error::{OutOfRange, check_range};

/// Entries of a table that a fit makes: 2 GiB in double precision.
const MOST_ENTRIES: usize = 1 << 28;

/// Parameters of a network: with their moments and gradients 3 GiB in double precision.
const MOST_PARAMETERS: usize = 1 << 26;

/// Levels of a trained family: each has a map, or a row of features.
const MOST_STEPS: usize = 1 << 20;

/// Refuses a table of `rows` × `columns` that is too large; `name` says what the number of its entries is to the caller.
pub(crate) fn check_entries_of(name: &'static str, rows: usize, columns: usize) -> Result<(), OutOfRange> {
    let entries = rows.saturating_mul(columns);
    check_range(name, entries, entries <= MOST_ENTRIES, "[0, 268435456]").map(drop)
}

/// Refuses a grid of too many levels.
pub(crate) fn check_steps(steps: usize) -> Result<(), OutOfRange> {
    check_range("steps", steps, steps <= MOST_STEPS, "[2, 1048576]").map(drop)
}

/// Refuses a network of too many parameters.
pub(crate) fn check_parameters(parameters: Option<usize>) -> Result<(), OutOfRange> {
    let parameters = parameters.unwrap_or(usize::MAX);
    check_range("number of parameters", parameters, parameters <= MOST_PARAMETERS, "[1, 67108864]").map(drop)
}
