//! Prose: the theory statement by statement, how to read a bound, what happens when an assumption fails, and how to bring a model of one's own.

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

#[doc = include_str!("../docs/conventions.md")]
pub mod conventions {}

#[doc = include_str!("../docs/sweeps.md")]
pub mod sweeps {}
