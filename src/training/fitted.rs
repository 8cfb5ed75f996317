//! The maps that fits return, and what is known about the fit.

use crate::float::Float;
use crate::numeric::batch;
use crate::training::error::TrainingError;
use crate::training::features::linear::{Candidate, LinearModel};
use crate::training::features::nearest::NearestModel;
use crate::training::network::perceptron::PerceptronModel;
use crate::training::summary::FitSummary;
use ndarray::{Array2, ArrayRef2};
use std::sync::Arc;

/// A map ℝ^p → ℝ^q, as a user's own class returns it.
///
/// # Shapes
/// `x` is n × p, `out` is n × q, any n ≥ 0.
///
/// # Example
/// ```
/// use ndarray::{ArrayRef2, array};
/// use onestep::training::{FitSummary, Fitted, FittedMap};
/// #[derive(Debug)]
/// struct Halve;
/// impl FittedMap<f64> for Halve {
///     fn inputs(&self) -> usize { 2 }
///     fn outputs(&self) -> usize { 2 }
///     fn eval_into(&self, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) { out.zip_mut_with(x, |o, x| *o = 0.5 * x); }
/// }
/// let map = Fitted::custom(Halve, FitSummary::new("none", "given"));
/// assert_eq!(map.eval(&array![[2.0, 4.0]]), array![[1.0, 2.0]]);
/// ```
pub trait FittedMap<F: Float = f64>: std::fmt::Debug + Send + Sync {
    /// The input dimension p.
    fn inputs(&self) -> usize;

    /// The output dimension q.
    fn outputs(&self) -> usize;

    /// Writes the image of every row of `x` into the same row of `out`.
    ///
    /// # Panics
    /// `x` is not n × p or `out` not n × q.
    fn eval_into(&self, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>);
}

/// The map inside a [`Fitted`].
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(rename_all = "snake_case", bound(serialize = "F: serde::Serialize", deserialize = "F: serde::Deserialize<'de>"))
)]
pub(crate) enum Model<F: Float> {
    Linear(LinearModel),
    Nearest(NearestModel),
    Perceptron(PerceptronModel<F>),
    #[cfg_attr(feature = "serde", serde(skip))]
    Custom(Arc<dyn FittedMap<F>>),
}

/// A trained map ℝ^p → ℝ^q with the [summary](FitSummary) of its fit. Cheap to evaluate in batches; parallel over blocks of rows.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "F: serde::Serialize", deserialize = "F: serde::Deserialize<'de>")))]
pub struct Fitted<F: Float = f64> {
    pub(crate) model: Model<F>,
    summary: FitSummary,
}

impl<F: Float> Fitted<F> {
    pub(crate) fn new(model: Model<F>, summary: FitSummary) -> Self {
        Self { model, summary }
    }

    /// A linear model with the summary of its solution.
    pub(crate) fn linear((model, solution): Candidate, minimiser: &str, method: &str) -> Self {
        let summary = FitSummary::new(minimiser, method)
            .with_loss(solution.loss)
            .with_effective_parameters(solution.effective_parameters)
            .with_penalty(solution.penalty);
        Self::new(Model::Linear(model), summary)
    }

    /// A map of the user's own, for a [`FunctionClass`](super::FunctionClass) outside this crate. It trains and evaluates like the others; it cannot be saved.
    ///
    /// See [`FittedMap`] for an example.
    ///
    /// ```
    /// # use ndarray::ArrayRef2;
    /// # use onestep::training::{FitSummary, Fitted, FittedMap};
    /// # #[derive(Debug)] struct Identity;
    /// # impl FittedMap<f32> for Identity {
    /// #     fn inputs(&self) -> usize { 3 }
    /// #     fn outputs(&self) -> usize { 3 }
    /// #     fn eval_into(&self, x: &ArrayRef2<f32>, out: &mut ArrayRef2<f32>) { out.assign(x); }
    /// # }
    /// let map: Fitted<f32> = Fitted::custom(Identity, FitSummary::new("none", "given"));
    /// assert_eq!((map.inputs(), map.outputs()), (3, 3));
    /// ```
    pub fn custom(map: impl FittedMap<F> + 'static, summary: FitSummary) -> Self {
        Self::new(Model::Custom(Arc::new(map)), summary)
    }

    /// The input dimension p.
    ///
    /// See [`custom`](Self::custom).
    #[must_use]
    pub fn inputs(&self) -> usize {
        match &self.model {
            Model::Linear(m) => m.inputs(),
            Model::Nearest(m) => m.x.ncols(),
            Model::Perceptron(m) => m.affine.nrows(),
            Model::Custom(m) => m.inputs(),
        }
    }

    /// The output dimension q.
    ///
    /// See [`custom`](Self::custom).
    #[must_use]
    pub fn outputs(&self) -> usize {
        match &self.model {
            Model::Linear(m) => m.outputs(),
            Model::Nearest(m) => m.y.ncols(),
            Model::Perceptron(m) => m.affine.ncols(),
            Model::Custom(m) => m.outputs(),
        }
    }

    #[cfg(feature = "serde")]
    pub(crate) fn is_custom(&self) -> bool {
        matches!(self.model, Model::Custom(_))
    }

    /// What a map in a file must satisfy.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let FitSummary { loss, effective_parameters, penalty, .. } = self.summary;
        let finite = loss.is_finite() && effective_parameters.is_finite() && penalty.is_finite();
        finite
            && match &self.model {
                Model::Linear(m) => m.is_sound(),
                Model::Nearest(m) => m.is_sound(),
                Model::Perceptron(m) => m.is_sound(),
                Model::Custom(_) => true,
            }
    }

    /// What the fit minimised, how, and how far it got.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::Affine;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [3.0], [0.0]]);
    /// let fit = Affine::new().fit(&Regression::new(&x, &y)?, &mut rand_chacha::ChaCha8Rng::seed_from_u64(1))?;
    /// assert!((fit.summary().loss - 2.0).abs() < 1e-14); // the best line is y = 1, with residuals -1, 2, -1
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn summary(&self) -> &FitSummary {
        &self.summary
    }

    /// Whether the map is a combination of fixed features.
    pub(crate) fn is_linear(&self) -> bool {
        matches!(self.model, Model::Linear(_))
    }

    /// The combination of this map's features nearest to `y` over the rows of `x`, at the rows of `at`.
    pub(crate) fn project(
        &self,
        x: &ArrayRef2<f64>,
        y: &ArrayRef2<f64>,
        at: &ArrayRef2<f64>,
    ) -> Result<Option<Array2<f64>>, TrainingError> {
        match &self.model {
            Model::Linear(m) => m.basis.project(x, y, at).map(Some),
            _ => Ok(None),
        }
    }

    /// Writes the image of every row of `x` into the same row of `out`.
    ///
    /// # Panics
    /// `x` is not n × p or `out` not n × q.
    ///
    /// ```
    /// use ndarray::{Array2, array};
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::Affine;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [2.0]]);
    /// let fit = Affine::new().fit(&Regression::new(&x, &y)?, &mut rand_chacha::ChaCha8Rng::seed_from_u64(1))?;
    /// let mut out = Array2::zeros((1, 1));
    /// fit.eval_into(&array![[7.0]], &mut out);
    /// assert!((out[[0, 0]] - 7.0_f64).abs() < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn eval_into(&self, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_eq!(x.ncols(), self.inputs(), "eval: x has {} columns, the map {} inputs", x.ncols(), self.inputs());
        assert_eq!(out.dim(), (x.nrows(), self.outputs()), "eval: out has shape {:?}", out.dim());
        match &self.model {
            Model::Linear(m) => batch::for_blocks(x, out, |x, out| m.eval_block(&x, out)),
            Model::Nearest(m) => batch::for_blocks(x, out, |x, out| m.eval_block(&x, out)),
            Model::Perceptron(m) => m.eval_into(x, out),
            Model::Custom(m) => batch::for_blocks(x, out, |x, mut out| m.eval_into(&x, &mut out)),
        }
    }

    /// Allocating form of [`eval_into`](Self::eval_into).
    ///
    /// # Panics
    /// `x` does not have p columns.
    ///
    /// See [`Regression`](super::Regression) for an example.
    #[must_use]
    pub fn eval(&self, x: &ArrayRef2<F>) -> Array2<F> {
        let mut out = Array2::zeros((x.nrows(), self.outputs()));
        self.eval_into(x, &mut out);
        out
    }
}
