//! What came of the candidates.

use crate::estimate::Estimate;
use crate::float::Float;
use crate::training::auto::candidate::Candidate;
use crate::training::error::TrainingError;
use crate::training::joint::model::JointModel;
use crate::training::learned::Learned;
use crate::training::trained::Trained;
use ndarray::Array2;
use rand::RngCore;
use std::fmt;

/// A candidate and how far its one-step samples are from the validation rows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Trial {
    /// What was trained.
    pub candidate: Candidate,
    /// D², unbiased: it may be negative where the laws are equal. Or why the candidate failed.
    pub distance: Result<Estimate, TrainingError>,
}

impl Trial {
    /// D², infinite for a failure.
    pub(super) fn value(&self) -> f64 {
        self.distance.as_ref().map_or(f64::INFINITY, |d| d.value)
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.distance {
            Ok(d) => write!(f, "{:+.5} ± {:.5}  {}", d.value, d.std_error, self.candidate),
            Err(error) => write!(f, "failed ({error})  {}", self.candidate),
        }
    }
}

/// A trained family of either kind.
#[derive(Debug, Clone)]
pub enum Winner<F: Float = f64> {
    /// One map a level.
    Recursion(Learned<F>),
    /// One network for all levels.
    Network(JointModel<F>),
}

impl<F: Float> Winner<F> {
    /// The family as everything that measures takes it.
    ///
    /// See [`Selected::sample`] for an example.
    #[must_use]
    pub fn trained(&self) -> &dyn Trained<F> {
        match self {
            Self::Recursion(model) => model,
            Self::Network(model) => model,
        }
    }
}

/// The winner of [`Auto`](super::Auto), and all trials. Its `Display` lists them, the chosen one with a star.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Selected<F: Float = f64> {
    /// The family.
    pub model: Winner<F>,
    /// The position of its trial.
    pub chosen: usize,
    /// Every candidate, in the order tried.
    pub trials: Vec<Trial>,
    /// No sample is farther outside the box of the training rows than this many ranges of a column.
    pub margin: f64,
    /// Validation rows that chose.
    pub validation: usize,
}

impl<F: Float> Selected<F> {
    /// What was chosen.
    ///
    /// See [`Auto`](super::Auto) for an example.
    #[must_use]
    pub fn candidate(&self) -> &Candidate {
        &self.trials[self.chosen].candidate
    }

    /// `n` one-step samples on the scale of the data.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::training::{Auto, Candidate};
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let data = ndarray::Array2::from_shape_fn((50, 1), |(i, _)| i as f64);
    /// let auto = Auto::new(Grid::from_angles(&[0.1, 1.5])?).candidates(&[Candidate::Affine { pairs: 50 }]);
    /// let selected = auto.train(&data, &mut rng)?;
    /// assert_eq!(selected.sample(7, &mut rng).dim(), (7, 1));
    /// assert_eq!(selected.model.trained().levels().steps(), 2);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn sample(&self, n: usize, rng: &mut dyn RngCore) -> Array2<F> {
        match &self.model {
            Winner::Recursion(model) => model.sample(n, rng),
            Winner::Network(model) => model.sample(n, rng),
        }
    }
}

impl<F: Float> fmt::Display for Selected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "squared energy distance of one-step samples to {} held-back rows of the training data:", self.validation)?;
        for (k, trial) in self.trials.iter().enumerate() {
            write!(f, "\n  {} {trial}", if k == self.chosen { "*" } else { " " })?;
        }
        Ok(())
    }
}
