//! Saving and loading trained families.

use crate::float::Float;
use crate::training::joint::model::JointModel;
use crate::training::learned::{Learned, StepProgress};
use crate::training::learned_score::LearnedScore;
use crate::training::network::layers::Network;
use crate::training::network::time::TIME_FEATURES;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::{Read, Write};

/// Why a model could not be saved or loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Reading or writing failed, or the text is not JSON of the right shape.
    #[error("the model file cannot be read or written: {reason}")]
    Format {
        /// What the reader or writer said.
        reason: String,
    },
    /// The file is not a model of this crate.
    #[error("the file says it holds `{found}`, expected `{expected}`")]
    Kind {
        /// What the file says.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// The file was written by another version of the format.
    #[error("the file has format version {found}: this build reads version {supported}")]
    Version {
        /// The file's version.
        found: u32,
        /// The version this build reads.
        supported: u32,
    },
    /// A map of the user's own, which has no form in a file.
    #[error("the map of step {step} is a custom one: it cannot be saved")]
    Custom {
        /// The step t.
        step: usize,
    },
    /// The numbers do not make a model: shapes that disagree, values that are not finite. Neither written nor read.
    #[error("the model is damaged: {what}")]
    Damaged {
        /// What is wrong.
        what: &'static str,
    },
}

const VERSION: u32 = 1;

#[derive(Serialize)]
struct Saved<'a, M> {
    format: String,
    version: u32,
    model: &'a M,
}

/// Read in two steps: kind and version first, so that a file of another kind is told apart from a damaged one.
#[derive(Deserialize)]
struct Loaded {
    format: String,
    version: u32,
    model: serde_json::Value,
}

fn format_error(error: impl std::fmt::Display) -> ModelError {
    ModelError::Format { reason: error.to_string() }
}

/// The name of a kind of model over scalars of type `F`.
fn format_name<F>(kind: &str) -> String {
    format!("onestep {kind} f{}", 8 * size_of::<F>())
}

/// Writes a sound model in one piece: what cannot be put into the format leaves nothing behind.
fn save<M: Serialize + Sound>(format: String, model: &M, mut writer: impl Write) -> Result<(), ModelError> {
    model.check()?;
    let text = serde_json::to_vec(&Saved { format, version: VERSION, model }).map_err(format_error)?;
    writer.write_all(&text).and_then(|()| writer.flush()).map_err(format_error)
}

/// What a model must satisfy to be written, and after it was read.
trait Sound {
    fn check(&self) -> Result<(), ModelError>;
}

impl<F: Float> Sound for Learned<F> {
    fn check(&self) -> Result<(), ModelError> {
        require(self.grid.is_sound(), "the grid of levels")?;
        require(self.standardisation.is_sound(), "the scaling")?;
        require(self.hull.as_ref().is_none_or(|hull| hull.is_sound(self.dim())), "the box of the values")?;
        require(self.maps.len() + 1 == self.grid.steps() && self.records.len() == self.maps.len(), "the number of maps")?;
        for (i, map) in self.maps.iter().enumerate() {
            if map.is_custom() {
                return Err(ModelError::Custom { step: i + 2 });
            }
            require(map.is_sound(), "a map")?;
            require((map.inputs(), map.outputs()) == (self.dim(), self.dim()), "the dimension of a map")?;
        }
        let finite = |r: &StepProgress| r.loss.is_finite() && r.target_second_moment.is_finite() && r.effective_parameters.is_finite();
        require(self.records.iter().all(finite), "the record of a step")
    }
}

impl<F: Float> Sound for JointModel<F> {
    fn check(&self) -> Result<(), ModelError> {
        require(self.grid.is_sound(), "the grid of levels")?;
        require(self.standardisation.is_sound(), "the scaling")?;
        require(self.network.is_sound(), "the network")?;
        require(self.loss.is_finite(), "the loss")?;
        require(self.hull.as_ref().is_none_or(|hull| hull.is_sound(self.dim())), "the box of the values")?;
        require(is_time_conditioned(&self.network, self.dim()), "the dimension of the network")
    }
}

impl<F: Float> Sound for LearnedScore<F> {
    fn check(&self) -> Result<(), ModelError> {
        require(self.standardisation.is_sound(), "the scaling")?;
        require(self.network.is_sound(), "the network")?;
        require(is_time_conditioned(&self.network, self.dim()), "the dimension of the network")
    }
}

fn load<M: DeserializeOwned + Sound>(expected: String, reader: impl Read) -> Result<M, ModelError> {
    let loaded: Loaded = serde_json::from_reader(reader).map_err(format_error)?;
    if loaded.format != expected {
        return Err(ModelError::Kind { found: loaded.format, expected });
    }
    if loaded.version != VERSION {
        return Err(ModelError::Version { found: loaded.version, supported: VERSION });
    }
    let model: M = serde_json::from_value(loaded.model).map_err(format_error)?;
    model.check()?;
    Ok(model)
}

fn require(sound: bool, what: &'static str) -> Result<(), ModelError> {
    if sound { Ok(()) } else { Err(ModelError::Damaged { what }) }
}

/// Whether a network maps d coordinates and the features of a noise angle to d coordinates.
fn is_time_conditioned<F: Float>(network: &Network<F>, dim: usize) -> bool {
    (network.inputs(), network.outputs()) == (dim + TIME_FEATURES, dim)
}

impl<F: Float + Serialize + DeserializeOwned> Learned<F> {
    /// Writes the family as versioned JSON. Numbers are read back bit for bit.
    ///
    /// # Errors
    /// Writing fails, a map is a [custom](super::Fitted::custom) one, or the family could not be read back: a number in it is not finite.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::training::{Learned, Recursion};
    /// use onestep::training::class::Affine;
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let learned = Recursion::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, 64).train(&data, &Affine::new(), &mut rng)?;
    /// let mut file = Vec::new();
    /// learned.save(&mut file)?;
    /// let again = Learned::load(file.as_slice())?;
    /// assert_eq!(learned.eval(3, &data), again.eval(3, &data));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn save(&self, writer: impl Write) -> Result<(), ModelError> {
        save(format_name::<F>("recursion"), self, writer)
    }

    /// Reads a family written by [`save`](Self::save), and checks it.
    ///
    /// # Errors
    /// [`ModelError`]: not such a file, another version, or damaged.
    ///
    /// ```
    /// use onestep::training::{Learned, ModelError};
    /// assert!(matches!(Learned::<f64>::load("{}".as_bytes()), Err(ModelError::Format { .. })));
    /// ```
    pub fn load(reader: impl Read) -> Result<Self, ModelError> {
        load(format_name::<F>("recursion"), reader)
    }
}

impl<F: Float + Serialize + DeserializeOwned> JointModel<F> {
    /// Writes the model as versioned JSON. Numbers are read back bit for bit.
    ///
    /// # Errors
    /// Writing fails, or the model could not be read back: a number in it is not finite.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::training::{Joint, JointModel};
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let data = ndarray::array![[0.0_f32], [1.0], [2.0], [3.0]];
    /// let model = Joint::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, &[8]).iterations(5).train(&data, &mut rng)?;
    /// let mut file = Vec::new();
    /// model.save(&mut file)?;
    /// assert_eq!(JointModel::load(file.as_slice())?.eval(3, &data), model.eval(3, &data));
    /// assert!(JointModel::<f64>::load(file.as_slice()).is_err()); // saved in single precision
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn save(&self, writer: impl Write) -> Result<(), ModelError> {
        save(format_name::<F>("joint"), self, writer)
    }

    /// Reads a model written by [`save`](Self::save), and checks it.
    ///
    /// # Errors
    /// [`ModelError`]: not such a file, another version, or damaged.
    ///
    /// ```
    /// use onestep::training::{JointModel, ModelError};
    /// assert!(matches!(JointModel::<f64>::load("not JSON".as_bytes()), Err(ModelError::Format { .. })));
    /// ```
    pub fn load(reader: impl Read) -> Result<Self, ModelError> {
        load(format_name::<F>("joint"), reader)
    }
}

impl<F: Float + Serialize + DeserializeOwned> LearnedScore<F> {
    /// Writes the score as versioned JSON. Numbers are read back bit for bit.
    ///
    /// # Errors
    /// Writing fails, or the score could not be read back: a number in it is not finite.
    ///
    /// ```
    /// use onestep::{NoiseLevel, ScoreFunction};
    /// use onestep::training::{LearnedScore, ScoreMatching};
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let score: LearnedScore = ScoreMatching::new(&[8]).iterations(5).train(&data, &mut rng)?;
    /// let mut file = Vec::new();
    /// score.save(&mut file)?;
    /// let level = NoiseLevel::from_angle(0.7)?;
    /// assert_eq!(LearnedScore::<f64>::load(file.as_slice())?.score(level, &data), score.score(level, &data));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn save(&self, writer: impl Write) -> Result<(), ModelError> {
        save(format_name::<F>("score"), self, writer)
    }

    /// Reads a score written by [`save`](Self::save), and checks it.
    ///
    /// # Errors
    /// [`ModelError`]: not such a file, another version, or damaged.
    ///
    /// ```
    /// use onestep::training::{LearnedScore, ModelError};
    /// assert!(matches!(LearnedScore::<f64>::load("[]".as_bytes()), Err(ModelError::Format { .. })));
    /// ```
    pub fn load(reader: impl Read) -> Result<Self, ModelError> {
        load(format_name::<F>("score"), reader)
    }
}
