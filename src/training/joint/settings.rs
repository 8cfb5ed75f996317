//! What a joint trainer is told.

use crate::error::check_range;
use crate::population::Loss;
use crate::schedule::Grid;
use crate::training::error::TrainingError;
use crate::training::hull::check_margin;
use crate::training::joint::levels::LevelSampling;
use crate::training::limits::check_steps;
use crate::training::network::descent::Descent;
use crate::training::standardisation::Scaling;

/// The weight of a pair of levels in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Weighting {
    /// 1.
    #[default]
    Uniform,
    /// (θ_T − θ_1)/((T − 1)(θ_t − θ_s)) for the pair s < t: short steps count more, as their losses are smaller.
    InverseStep,
}

/// All settings of a joint trainer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    pub(super) grid: Grid,
    pub(super) descent: Descent,
    pub(super) loss: Loss,
    pub(super) weighting: Weighting,
    pub(super) sampling: LevelSampling,
    pub(super) curriculum: Option<usize>,
    pub(super) ema: f64,
    pub(super) scaling: Scaling,
    pub(super) clip: Option<f64>,
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), TrainingError> {
        check_steps(self.grid.steps())?;
        self.descent.check()?;
        self.sampling.check()?;
        self.loss.check()?;
        if let Some(intervals) = self.curriculum {
            check_range("curriculum", intervals, intervals > 0, "[1, inf)")?;
        }
        if let Some(margin) = self.clip {
            check_margin(margin)?;
        }
        check_range("ema", self.ema, (0.0..1.0).contains(&self.ema), "[0, 1)")?;
        Ok(())
    }
}
