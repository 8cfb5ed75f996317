//! Which way of training? Some are tried, held-out rows decide.

mod candidate;
mod energy;
mod selected;

pub use candidate::Candidate;
pub use selected::{Selected, Trial, Winner};

use crate::error::{check_range, check_some};
use crate::float::Float;
use crate::numeric::stream::{Stream, distinct_indices};
use crate::schedule::Grid;
use crate::training::error::{TrainingError, check_table};
use crate::training::hull::check_margin;
use crate::training::pairs::noise;
use crate::training::standardisation::Scaling;
use energy::energy_distance;
use ndarray::{Array2, ArrayRef2, Axis};
use rand::RngCore;
use std::ops::ControlFlow;

/// Training without settings: every [`Candidate`] is trained on four fifths of the rows, and the one is taken whose one-step samples are
/// nearest to the other fifth in the energy distance
/// ```math
/// D^2 = 2\,\mathbb E\lVert X - Y\rVert - \mathbb E\lVert X - X'\rVert - \mathbb E\lVert Y - Y'\rVert ,
/// ```
/// which is 0 for equal laws alone. It is estimated without bias on the scaled data, all candidates against the same rows and from the same
/// noise. No knowledge of the law enters. A candidate that diverges, or whose regressions are singular, is passed over.
///
/// The winner is not trained again: the fifth has only chosen it. Of k candidates the least distance is a little too small, so that a distance
/// to be reported needs rows of its own. The values of the winner are confined to the box of its training rows, a tenth of their
/// range wider on every side. The schedule is the caller's.
///
/// The numbers are reproducible as those of all [training](crate::training) are; time has no part in the choice.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use onestep::{Float, Grid};
/// use onestep::training::{Auto, Candidate};
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// // Two narrow modes: an affine function makes one wide one of them.
/// let data = Array2::from_shape_fn((600, 1), |(i, _)| if i % 2 == 0 { 1.0 } else { -1.0 } + 0.1 * f32::standard_normal(&mut rng));
/// let grid = Grid::from_angles(&[0.05, 0.3, 0.6, 0.9, 1.2, 1.5])?;
/// let candidates = [Candidate::Affine { pairs: 500 }, Candidate::Network { hidden: vec![32, 32], iterations: 1500 }];
/// let selected = Auto::new(grid).candidates(&candidates).train(&data, &mut rng)?;
/// assert_eq!(selected.candidate(), &candidates[1]);
/// assert!(selected.sample(100, &mut rng).iter().all(|x| x.abs() < 2.0));
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Székely and Rizzo, "Energy statistics: a class of statistics based on distances", J. Statist. Plann. Inference 143 (2013) 1249–1272.
#[derive(Debug, Clone, PartialEq)]
pub struct Auto {
    grid: Grid,
    scaling: Scaling,
    margin: f64,
    candidates: Vec<Candidate>,
}

/// Rows that choose: a fifth, at most so many, since the energy distance compares all pairs.
const MOST_VALIDATION: usize = 4096;
/// With fewer rows a fifth of them has no pairs.
const LEAST_ROWS: usize = 10;

/// Whether the fit failed, and not its settings.
fn is_of_the_fit(error: &TrainingError) -> bool {
    matches!(
        error,
        TrainingError::Diverged { .. }
            | TrainingError::Singular { .. }
            | TrainingError::NotSolved { .. }
            | TrainingError::NotFinite(_)
            | TrainingError::TooFewRows { .. }
            | TrainingError::ConstantColumn { .. }
    )
}

impl Auto {
    /// On the levels of `grid`: [`Candidate::defaults`], data scaled column by column, a margin of 0.1.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::training::{Auto, Selected, TrainingError};
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let few = ndarray::array![[0.0], [1.0], [2.0]];
    /// let refused: Result<Selected, _> = Auto::new(Grid::from_angles(&[0.1, 1.5])?).train(&few, &mut rng);
    /// assert!(matches!(refused, Err(TrainingError::TooFewRows { rows: 3, needed: 10, .. })));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(grid: Grid) -> Self {
        Self { grid, scaling: Scaling::default(), margin: 0.1, candidates: Candidate::defaults() }
    }

    /// Scales the data in another way.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::training::{Auto, Scaling};
    /// let auto = Auto::new(Grid::from_angles(&[0.1, 1.5])?);
    /// assert_ne!(auto.clone().scaling(Scaling::Global), auto);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }

    /// Another margin around the box of the data, in ranges of each column; training refuses one that is negative or not finite.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::training::{Auto, Selected};
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let data = ndarray::Array2::from_shape_fn((20, 1), |(i, _)| i as f64);
    /// let refused: Result<Selected, _> = Auto::new(Grid::from_angles(&[0.1, 1.5])?).margin(-0.1).train(&data, &mut rng);
    /// assert_eq!(refused.unwrap_err().to_string(), "margin of the clipping = -0.1 is outside [0, inf)");
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn margin(mut self, margin: f64) -> Self {
        self.margin = margin;
        self
    }

    /// Other candidates; the first of equals wins. Training refuses an empty list.
    ///
    /// See [`Auto`] for an example.
    #[must_use]
    pub fn candidates(mut self, candidates: &[Candidate]) -> Self {
        self.candidates = candidates.to_vec();
        self
    }

    /// Tries the candidates on a table of samples.
    ///
    /// # Errors
    /// No candidates, a margin or a setting of a candidate out of its range, fewer than ten rows, entries that are not finite, a constant column under [`Scaling::Columns`];
    /// or the error of the first candidate, where all of them are passed over.
    ///
    /// See [`Auto`] for an example.
    pub fn train<F: Float>(&self, data: &ArrayRef2<F>, rng: &mut dyn RngCore) -> Result<Selected<F>, TrainingError> {
        self.train_with(data, rng, &mut |_| ControlFlow::Continue(()))
    }

    /// The same with a callback after every candidate, which may stop the training.
    ///
    /// # Errors
    /// As [`train`](Self::train), and [`TrainingError::Stopped`] with the number of candidates tried.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::training::{Auto, TrainingError};
    /// use rand::SeedableRng;
    /// use std::ops::ControlFlow;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let data = ndarray::Array2::from_shape_fn((20, 1), |(i, _)| i as f64);
    /// let stopped = Auto::new(Grid::from_angles(&[0.1, 1.5])?).train_with(&data, &mut rng, &mut |_| ControlFlow::Break(()));
    /// assert_eq!(stopped.unwrap_err(), TrainingError::Stopped { step: 1 });
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn train_with<F: Float>(
        &self,
        data: &ArrayRef2<F>,
        rng: &mut dyn RngCore,
        progress: &mut dyn FnMut(&Trial) -> ControlFlow<()>,
    ) -> Result<Selected<F>, TrainingError> {
        check_some("candidates", &self.candidates)?;
        check_margin(self.margin)?;
        check_table("data", data)?;
        let rows = data.nrows();
        if rows < LEAST_ROWS {
            return Err(TrainingError::TooFewRows { what: "data", rows, needed: LEAST_ROWS });
        }
        check_range("steps", self.grid.steps(), self.grid.steps() > 1, "[2, inf)")?;
        let order = distinct_indices(rows, rows, rng);
        let (chosen, rest) = order.split_at((rows / 5).min(MOST_VALIDATION));
        let (validation, training) = (data.select(Axis(0), chosen), data.select(Axis(0), rest));
        let z = noise(validation.nrows(), data.ncols(), rng);
        let seed = rng.next_u64();
        let (mut best, mut trials): (Option<(usize, Winner<F>)>, Vec<Trial>) = (None, Vec::new());
        for (k, candidate) in self.candidates.iter().enumerate() {
            let made = self.attempt(candidate, &training, &validation, &z, &mut Stream::nth(seed, k as u64));
            let (model, distance) = match made {
                Ok((model, distance)) => (Some(model), Ok(distance)),
                Err(error) if is_of_the_fit(&error) => (None, Err(error)),
                Err(error) => return Err(error),
            };
            let trial = Trial { candidate: candidate.clone(), distance };
            let least = best.as_ref().map_or(f64::INFINITY, |(b, _)| trials[*b].value());
            if let Some(model) = model.filter(|_| trial.value() < least) {
                best = Some((k, model));
            }
            let stop = progress(&trial).is_break();
            trials.push(trial);
            if stop {
                return Err(TrainingError::Stopped { step: k + 1 });
            }
        }
        match best {
            Some((chosen, model)) => Ok(Selected { model, chosen, trials, margin: self.margin, validation: validation.nrows() }),
            None => Err(trials.into_iter().find_map(|t| t.distance.err()).expect("a candidate without a distance has an error")),
        }
    }

    /// Trains a candidate and measures it.
    fn attempt<F: Float>(
        &self,
        candidate: &Candidate,
        training: &Array2<F>,
        validation: &Array2<F>,
        z: &Array2<F>,
        stream: &mut Stream,
    ) -> Result<(Winner<F>, crate::estimate::Estimate), TrainingError> {
        let model = candidate.train(&self.grid, (self.scaling, self.margin), training, stream)?;
        let trained = model.trained();
        let made = trained.eval(trained.steps(), z);
        crate::error::check_finite("one-step samples", &made)?;
        let distance = energy_distance(&trained.scaling().standardise(validation), &made);
        Ok((model, distance))
    }
}
