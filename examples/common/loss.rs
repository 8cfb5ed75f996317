//! The loss that a step of training minimises.

use clap::{Args, ValueEnum};
use onestep::population::Loss;
use std::error::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LossName {
    /// The square of ‖e‖.
    Squared,
    /// Pseudo-Huber, √(‖e‖² + c²) − c.
    Huber,
    /// ‖e‖.
    L1,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LossOptions {
    /// What a step of training minimises, e its residual; huber and l1 for mixtures on the line.
    #[arg(long, value_enum, default_value = "squared")]
    pub(crate) loss: LossName,
    /// c of --loss huber, in the units of the data.
    #[arg(long)]
    pub(crate) huber: Option<f64>,
}

impl LossOptions {
    /// The loss.
    pub(crate) fn read(&self) -> Result<Loss, Box<dyn Error>> {
        match (self.loss, self.huber) {
            (LossName::Huber, Some(c)) if (1e-100..=1e100).contains(&c) => Ok(Loss::PseudoHuber { c }),
            (LossName::Huber, Some(c)) => Err(format!("--huber {c} is outside [1e-100, 1e100]").into()),
            (LossName::Huber, None) => Err("--loss huber needs --huber, its c".into()),
            (_, Some(_)) => Err("--huber belongs to --loss huber".into()),
            (LossName::Squared, None) => Ok(Loss::Squared),
            (LossName::L1, None) => Ok(Loss::Absolute),
        }
    }

    /// Whether it is the squared loss, which the theory is about.
    pub(crate) fn is_squared(&self) -> bool {
        self.loss == LossName::Squared
    }
}
