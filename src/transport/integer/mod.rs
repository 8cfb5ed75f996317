//! Masses and costs as integers, whose sums do not round.

pub(in crate::transport) mod masses;
pub(in crate::transport) mod wide;

use std::fmt::Debug;
use std::ops::{Add, Sub};

/// Numbers that masses and potentials are made of.
pub(in crate::transport) trait Number: Copy + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Debug {
    const ZERO: Self;
}

impl Number for f64 {
    const ZERO: Self = 0.0;
}

impl Number for i64 {
    const ZERO: Self = 0;
}

impl Number for i128 {
    const ZERO: Self = 0;
}
