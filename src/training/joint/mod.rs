//! One time-conditioned network trained on all levels at once, as practitioners do.

pub(crate) mod levels;
pub(crate) mod model;
pub(crate) mod pass;
pub(crate) mod run;
pub(crate) mod settings;
pub(crate) mod trainer;
pub(crate) mod trajectories;

pub use levels::LevelSampling;
pub use model::JointModel;
pub use run::JointProgress;
pub use settings::Weighting;
pub use trainer::{BatchGradient, Joint};
