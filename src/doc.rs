//! Prose: the theory statement by statement, how to read a bound, and what happens when an assumption fails.

#[doc = include_str!("../docs/theory.md")]
pub mod theory {}

#[doc = include_str!("../docs/reading_a_bound.md")]
pub mod reading_a_bound {}

#[doc = include_str!("../docs/point_masses.md")]
pub mod point_masses {}

#[doc = include_str!("../docs/explicit_bounds.md")]
pub mod explicit_bounds {}

#[doc = include_str!("../docs/lipschitz_is_not_enough.md")]
pub mod lipschitz_is_not_enough {}
