//! The model that is trained, by whichever way.

use super::common::{progress, training_progress};
use super::{Arguments, BATCH, Class, Method, Outcome};
use ndarray::Array2;
use onestep::audit::{StepCheck, StepReport};
use onestep::law::Product;
#[cfg(feature = "serde")]
use onestep::training::Winner;
use onestep::training::{Auto, Candidate, JointModel, Learned, OptimalPairs, Recursion, Selected, Trained};
use rand_chacha::ChaCha8Rng;
use std::ops::ControlFlow;

/// What either way of training returns.
pub(super) enum Model {
    Recursion(Learned),
    Joint(JointModel<f32>),
    Auto(Box<Selected<f32>>),
}

impl Model {
    pub(super) fn train(arguments: &Arguments, data: &Array2<f64>, rng: &mut ChaCha8Rng) -> Outcome<Self> {
        let grid = arguments.grid()?;
        if arguments.method == Method::Cd {
            let score = Product::copies(arguments.line()?, arguments.dim())?;
            let bar = progress(1, "distilling");
            let model = arguments.joint(grid).distil(&data.mapv(|v| v as f32), &score, rng)?;
            bar.finish_and_clear();
            return Ok(Self::Joint(model));
        }
        let model = if arguments.class == Class::Auto {
            let candidates = arguments.candidates();
            let bar = training_progress(candidates.len());
            let mut auto = Auto::new(grid).scaling(arguments.scaling()).candidates(&candidates);
            if let Some(margin) = arguments.clip {
                auto = auto.margin(margin);
            }
            Self::Auto(Box::new(auto.train_with(&data.mapv(|v| v as f32), rng, &mut |trial| {
                bar.inc(1);
                bar.set_message(trial.to_string());
                ControlFlow::Continue(())
            })?))
        } else if arguments.class == Class::Joint {
            let bar = training_progress(arguments.joint_iterations());
            Self::Joint(arguments.joint(grid).train_with(&data.mapv(|v| v as f32), rng, &mut |p| {
                bar.set_position(p.iteration as u64);
                bar.set_message(format!("loss {:.3e}", p.loss));
                ControlFlow::Continue(())
            })?)
        } else {
            let bar = training_progress(grid.steps());
            let mut recursion = Recursion::new(grid, arguments.pairs()).scaling(arguments.scaling());
            recursion = recursion.residual(arguments.residual).warm_start(arguments.warm_start).posterior_draws(arguments.draws);
            if let Some(margin) = arguments.clip {
                recursion = recursion.clip(margin);
            }
            if arguments.coupling != 1 {
                recursion = recursion.coupling(OptimalPairs::new(arguments.coupling)?);
            }
            Self::Recursion(recursion.train_with(data, arguments.function_class().as_ref(), rng, &mut |p| {
                bar.set_position(p.step as u64);
                bar.set_message(format!("loss {:.3e}", p.loss));
                ControlFlow::Continue(())
            })?)
        };
        Ok(model)
    }

    pub(super) fn measure(&self, check: &StepCheck<'_>, held_out: &Array2<f64>, rng: &mut ChaCha8Rng) -> Outcome<StepReport> {
        Ok(match self {
            Self::Recursion(m) => check.measure(m as &dyn Trained, held_out, rng)?,
            Self::Joint(m) => check.measure(m as &dyn Trained<f32>, &held_out.mapv(|v| v as f32), rng)?,
            Self::Auto(m) => check.measure(m.model.trained(), &held_out.mapv(|v| v as f32), rng)?,
        })
    }

    pub(super) fn sample(&self, n: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
        match self {
            Self::Recursion(m) => m.sample(n, rng),
            Self::Joint(m) => m.sample(n, rng).mapv(f64::from),
            Self::Auto(m) => m.sample(n, rng).mapv(f64::from),
        }
    }

    /// What was tried, and which of it was chosen.
    pub(super) fn selected(&self) -> Option<&Selected<f32>> {
        if let Self::Auto(selected) = self { Some(selected) } else { None }
    }

    /// Pairs (X_0, Z): at each level of a recursion, in all for a network.
    pub(super) fn pairs(&self, arguments: &Arguments) -> usize {
        match self.selected().map(Selected::candidate) {
            Some(Candidate::Affine { pairs } | Candidate::Fourier { pairs, .. }) => *pairs,
            Some(Candidate::Network { iterations, .. }) => BATCH * iterations,
            _ => arguments.pairs(),
        }
    }

    /// The model as JSON.
    #[cfg(feature = "serde")]
    pub(super) fn json(&self) -> Outcome<Vec<u8>> {
        let mut json = Vec::new();
        match self {
            Self::Recursion(m) => m.save(&mut json)?,
            Self::Joint(m) => m.save(&mut json)?,
            Self::Auto(m) => match &m.model {
                Winner::Recursion(m) => m.save(&mut json)?,
                Winner::Network(m) => m.save(&mut json)?,
            },
        }
        Ok(json)
    }

    #[cfg(not(feature = "serde"))]
    #[allow(clippy::unused_self, reason = "the form with the feature uses it")]
    pub(super) fn json(&self) -> Outcome<Vec<u8>> {
        Err(WITHOUT_SERDE.into())
    }
}

pub(super) const WITHOUT_SERDE: &str = "--model cannot be written: build with --features serde";
