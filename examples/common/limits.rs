//! Upper limits of the counts on the command line: a number with too many digits is a message with the option's name, not an end of memory.

use clap::builder::{RangedU64ValueParser, TypedValueParser};
use std::error::Error;

/// Levels T, dimensions, points and replicates are counted up to these.
pub(crate) const STEPS: u64 = 1_000_000;
pub(crate) const DIMENSIONS: u64 = 100_000;
pub(crate) const POINTS: u64 = 10_000_000;

/// Optimiser steps, rows of a batch and of an assignment within it, and the width of a layer.
pub(crate) const ITERATIONS: u64 = 1_000_000_000;
pub(crate) const BATCH: u64 = 100_000;
pub(crate) const WIDTH: u64 = 100_000;

/// Layers of a network.
const LAYERS: usize = 64;

/// Numbers held at once: 2 GiB of double precision.
const NUMBERS: usize = 1 << 28;

/// A count on the command line, from `least` to `most`.
pub(crate) fn count(least: u64, most: u64) -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::<usize>::new().range(least..=most)
}

/// Refuses a product of counts, each with the name of its option, that is more numbers than are held at once.
pub(crate) fn check_product(counts: &[(&str, usize)]) -> Result<(), Box<dyn Error>> {
    let product = counts.iter().try_fold(1_usize, |product, (_, count)| product.checked_mul(*count));
    if product.is_some_and(|p| p <= NUMBERS) {
        return Ok(());
    }
    let said: Vec<String> = counts.iter().map(|(name, count)| format!("{name} ({count})")).collect();
    Err(format!("{} are more than {NUMBERS} numbers, which memory has no room for", said.join(" times ")).into())
}

/// Refuses networks that memory has no room for.
pub(crate) fn check_widths(option: &str, widths: &[usize]) -> Result<(), Box<dyn Error>> {
    if widths.len() > LAYERS {
        return Err(format!("{option} has {} layers, more than {LAYERS}", widths.len()).into());
    }
    widths.windows(2).try_for_each(|pair| check_product(&[(option, pair[0]), (option, pair[1])]))
}
