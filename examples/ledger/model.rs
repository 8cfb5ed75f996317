//! A model that was saved, on the space it was trained on.

use super::Outcome;
use super::common::law::Law;
use super::common::replicates::Doubled;
#[cfg(feature = "serde")]
use super::common::table::source;
use ndarray::Array2;
use onestep::law::PointMasses;
use onestep::training::{JointModel, Learned, Standardisation, Trained};
use onestep::{ConsistencyFunction, Grid};
use std::path::Path;

/// A trained family of either kind.
#[cfg_attr(not(feature = "serde"), allow(dead_code, reason = "without the feature nothing is loaded"))]
pub(crate) enum Model {
    Recursion(Learned<f64>),
    Joint(Doubled<JointModel<f32>>),
}

impl Model {
    #[cfg(feature = "serde")]
    pub(crate) fn load(path: &Path) -> Outcome<Self> {
        let named = |error: &dyn std::fmt::Display| format!("--model {}: {error}", path.display());
        let text = source::read(path).map_err(|e| named(&e))?;
        match JointModel::load(&text[..]) {
            Ok(model) => Ok(Self::Joint(Doubled(model))),
            Err(onestep::training::ModelError::Kind { .. }) => Ok(Self::Recursion(Learned::load(&text[..]).map_err(|e| named(&e))?)),
            Err(error) => Err(named(&error).into()),
        }
    }

    #[cfg(not(feature = "serde"))]
    pub(crate) fn load(_path: &Path) -> Outcome<Self> {
        Err("--model cannot be read: build with --features serde".into())
    }

    pub(crate) fn function(&self) -> &dyn ConsistencyFunction {
        match self {
            Self::Recursion(model) => model,
            Self::Joint(model) => model,
        }
    }

    pub(crate) fn grid(&self) -> &Grid {
        match self {
            Self::Recursion(model) => model.levels(),
            Self::Joint(model) => model.0.levels(),
        }
    }

    fn scaling(&self) -> &Standardisation {
        match self {
            Self::Recursion(model) => model.scaling(),
            Self::Joint(model) => model.0.scaling(),
        }
    }

    /// The law on the space of the model: point masses are scaled as its data were, another law needs a model without scaling.
    pub(crate) fn on_its_space(&self, law: Law) -> Outcome<Law> {
        let (scaling, dim) = (self.scaling(), law.dim());
        if self.function().dim() != dim {
            return Err(format!("the model has {} dimensions, the law {dim}", self.function().dim()).into());
        }
        if let Law::Points(points) = &law {
            return Ok(Law::Points(PointMasses::new(points.weights(), &scaling.standardise(points.atoms()))?));
        }
        let probe = Array2::from_shape_fn((2, dim), |(i, _)| i as f64);
        if scaling.standardise(&probe) == probe {
            Ok(law)
        } else {
            Err("the model was trained on scaled data: take --target points with the --data it was trained on".into())
        }
    }
}
