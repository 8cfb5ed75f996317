//! The settings that every trained network shares.

use crate::error::{check_entries, check_range};
use crate::float::Float;
use crate::training::error::TrainingError;
use crate::training::network::activation::Activation;
use crate::training::network::layers::Network;
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
        check_range("batch", self.batch, self.batch > 0, "[1, inf)")?;
        check_range("iterations", self.iterations, self.iterations > 0, "[1, inf)")?;
        check_range("rate", self.rate, self.rate > 0.0 && self.rate.is_finite(), "(0, inf)")?;
        Ok(())
    }

    pub(crate) fn network<F: Float>(&self, inputs: usize, outputs: usize, rng: &mut dyn RngCore) -> Network<F> {
        let sizes = [&[inputs], self.hidden.as_slice(), &[outputs]].concat();
        Network::random(sizes, self.activation, rng)
    }

    /// The learning rate of an iteration, counted from 0.
    pub(crate) fn rate_at(&self, iteration: usize) -> f64 {
        let rise = if iteration < WARM_UP { (iteration + 1) as f64 / WARM_UP as f64 } else { 1.0 };
        let fall = 0.5 * (1.0 + (std::f64::consts::PI * iteration as f64 / self.iterations as f64).cos());
        self.rate * rise * fall
    }
}

/// Refuses a loss above `most`, or NaN, after an iteration, counted from 0.
pub(crate) fn check_loss(iteration: usize, loss: f64, most: f64) -> Result<(), TrainingError> {
    if loss <= most { Ok(()) } else { Err(TrainingError::Diverged { step: 0, iteration: iteration + 1, loss }) }
}
