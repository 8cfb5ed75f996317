//! The settings that every trained network shares.

use crate::error::{check_entries, check_range};
use crate::float::Float;
use crate::training::error::TrainingError;
use crate::training::limits::{check_entries_of, check_parameters};
use crate::training::network::activation::Activation;
use crate::training::network::layers::{Network, parameter_count};
use rand::RngCore;

/// Hidden layers, and Adam on minibatches at a rate that rises for a few iterations and then falls to zero along a half cosine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Descent {
    pub(crate) hidden: Vec<usize>,
    pub(crate) activation: Activation,
    pub(crate) batch: usize,
    pub(crate) iterations: usize,
    pub(crate) rate: f64,
}

/// Iterations over which the rate rises.
const WARM_UP: usize = 20;

/// Data are of unit order: a loss this large an output means that the iteration runs away.
pub(crate) const RUNAWAY: f64 = 1e8;

impl Descent {
    /// SiLU, batches of 256, a rate of 3e−3.
    pub(crate) fn new(hidden: &[usize], iterations: usize) -> Self {
        Self { hidden: hidden.to_vec(), activation: Activation::default(), batch: 256, iterations, rate: 3e-3 }
    }

    pub(crate) fn check(&self) -> Result<(), TrainingError> {
        check_range("number of hidden layers", self.hidden.len(), self.hidden.len() <= 64, "[0, 64]")?;
        check_entries("hidden", &self.hidden, |w| (1..=65536).contains(&w), "[1, 65536]")?;
        check_range("batch", self.batch, (1..=1 << 24).contains(&self.batch), "[1, 16777216]")?;
        check_range("iterations", self.iterations, (1..=1_000_000_000).contains(&self.iterations), "[1, 1e9]")?;
        check_range("rate", self.rate, self.rate > 0.0 && self.rate.is_finite(), "(0, inf)")?;
        Ok(())
    }

    /// A random network for batches of at most `batch` rows.
    ///
    /// # Errors
    /// It, or what its batches need, is too large.
    pub(crate) fn network<F: Float>(
        &self,
        inputs: usize,
        outputs: usize,
        batch: usize,
        rng: &mut dyn RngCore,
    ) -> Result<Network<F>, TrainingError> {
        let sizes = [&[inputs], self.hidden.as_slice(), &[outputs]].concat();
        check_parameters(parameter_count(&sizes))?;
        check_entries_of("batch times widths", batch, sizes.iter().sum())?;
        Ok(Network::random(sizes, self.activation, rng))
    }

    /// The learning rate of an iteration, counted from 0.
    pub(crate) fn rate_at(&self, iteration: usize) -> f64 {
        let rise = if iteration < WARM_UP { (iteration + 1) as f64 / WARM_UP as f64 } else { 1.0 };
        let fall = 0.5 * (1.0 + (std::f64::consts::PI * iteration as f64 / self.iterations as f64).cos());
        self.rate * rise * fall
    }
}

/// Refuses a network whose last step left the finite numbers, or the loss `most` on a batch it was not made from.
pub(crate) fn check_last<F: Float>(iterations: usize, network: &Network<F>, loss: f64, most: f64) -> Result<(), TrainingError> {
    check_loss(iterations - 1, if network.is_finite() { loss } else { f64::NAN }, most)
}

/// Refuses a loss above `most`, or NaN, after an iteration, counted from 0.
pub(crate) fn check_loss(iteration: usize, loss: f64, most: f64) -> Result<(), TrainingError> {
    if loss <= most { Ok(()) } else { Err(TrainingError::Diverged { step: 0, iteration: iteration + 1, loss }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_over_twenty_iterations_and_falls_along_a_half_cosine() {
        let descent = Descent { rate: 2.0, ..Descent::new(&[1], 1000) };
        assert!((descent.rate_at(0) - 0.1).abs() < 1e-15);
        assert!((descent.rate_at(9) / (1.0 + (std::f64::consts::PI * 0.009).cos()) - 0.5).abs() < 1e-15);
        assert!((descent.rate_at(500) - 1.0).abs() < 1e-12 && (descent.rate_at(250) - 1.0 - 0.5f64.sqrt()).abs() < 1e-12);
        assert!((descent.rate_at(19) / (1.0 + (std::f64::consts::PI * 0.019).cos()) - 1.0).abs() < 1e-15);
        assert!(descent.rate_at(999) < 1e-5 && descent.rate_at(999) > 0.0);
    }
}
