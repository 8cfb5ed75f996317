//! Fully connected networks: layers, activations, Adam on minibatches.

pub(crate) mod activation;
pub(crate) mod descent;
pub(crate) mod layers;
pub(crate) mod optimiser;
pub(crate) mod perceptron;
pub(crate) mod time;
