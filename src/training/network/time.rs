//! The inputs that tell a network its noise angle.

use crate::float::Float;

/// Frequencies k of the inputs sin kθ and cos kθ.
pub(crate) const FREQUENCIES: [f64; 4] = [1.0, 2.0, 4.0, 8.0];

/// Number of inputs that tell the network its noise angle.
pub(crate) const TIME_FEATURES: usize = 2 * FREQUENCIES.len();

/// sin kθ and cos kθ.
pub(crate) fn time_features<F: Float>(angle: f64) -> [F; TIME_FEATURES] {
    std::array::from_fn(|i| {
        let k = FREQUENCIES[i % FREQUENCIES.len()];
        F::of(if i < FREQUENCIES.len() { (k * angle).sin() } else { (k * angle).cos() })
    })
}
