//! What [`Auto`](super::Auto) tries.

use crate::float::Float;
use crate::schedule::Grid;
use crate::training::auto::selected::Winner;
use crate::training::class::affine::Affine;
use crate::training::class::random_features::RandomFourier;
use crate::training::error::TrainingError;
use crate::training::joint::trainer::Joint;
use crate::training::recursion::Recursion;
use crate::training::score_matching::ScoreMatching;
use crate::training::standardisation::Scaling;
use ndarray::Array2;
use rand::RngCore;
use std::fmt;

/// A way of training, with its settings.
///
/// ```
/// use onestep::training::Candidate;
/// let network = Candidate::Network { hidden: vec![64, 64], iterations: 4000 };
/// assert_eq!(network.to_string(), "network 64-64 on the flow of a learned score, 4000 iterations each");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Candidate {
    /// The [`Recursion`](crate::training::Recursion) over affine functions: right for Gaussian data.
    Affine {
        /// Pairs (X_0, Z) a step.
        pairs: usize,
    },
    /// The recursion over [`RandomFourier`](crate::training::class::RandomFourier) functions; bandwidth and penalty by cross-validation at every step.
    Fourier {
        /// Waves.
        features: usize,
        /// Pairs (X_0, Z) a step.
        pairs: usize,
    },
    /// A score learned by [`ScoreMatching`](crate::training::ScoreMatching), then a network on its flow by
    /// [`Joint::distil_flow`](crate::training::Joint::distil_flow).
    Network {
        /// Hidden widths of both networks.
        hidden: Vec<usize>,
        /// Optimiser steps of each.
        iterations: usize,
    },
}

impl Candidate {
    /// What is tried by default: affine functions, a hundred waves, networks of three layers of 64 and of 128.
    ///
    /// ```
    /// use onestep::training::Candidate;
    /// assert!(Candidate::defaults().contains(&Candidate::Affine { pairs: 2000 }));
    /// ```
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        vec![
            Self::Affine { pairs: 2000 },
            Self::Fourier { features: 100, pairs: 2000 },
            Self::Network { hidden: vec![64; 3], iterations: 20_000 },
            Self::Network { hidden: vec![128; 3], iterations: 5000 },
        ]
    }

    /// Trains it.
    pub(super) fn train<F: Float>(
        &self,
        grid: &Grid,
        (scaling, margin): (Scaling, f64),
        data: &Array2<F>,
        rng: &mut dyn RngCore,
    ) -> Result<Winner<F>, TrainingError> {
        let recursion = |pairs: usize| Recursion::<F>::new(grid.clone(), pairs).scaling(scaling).clip(margin);
        Ok(match self {
            Self::Affine { pairs } => Winner::Recursion(recursion(*pairs).train(data, &Affine::new(), rng)?),
            Self::Fourier { features, pairs } => {
                let class = RandomFourier::new(*features).bandwidths(&[0.25, 0.5]);
                Winner::Recursion(recursion(*pairs).train(data, &class, rng)?)
            }
            Self::Network { hidden, iterations } => {
                let score = ScoreMatching::new(hidden).iterations(*iterations).scaling(scaling).train(data, rng)?;
                let joint = Joint::new(grid.clone(), hidden).iterations(*iterations).scaling(scaling).clip(margin);
                Winner::Network(joint.distil_flow(data, &score, rng)?)
            }
        })
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Affine { pairs } => write!(f, "recursion over affine functions, {pairs} pairs a step"),
            Self::Fourier { features, pairs } => write!(f, "recursion over {features} random waves, {pairs} pairs a step"),
            Self::Network { hidden, iterations } => {
                let widths: Vec<String> = hidden.iter().map(usize::to_string).collect();
                write!(f, "network {} on the flow of a learned score, {iterations} iterations each", widths.join("-"))
            }
        }
    }
}
