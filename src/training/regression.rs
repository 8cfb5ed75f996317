//! Regression problems, the classes that solve them, and the maps they return.

use super::TrainingError;
use super::linear::LinearModel;
use super::mlp::PerceptronModel;
use super::nearest::NearestModel;
use crate::{Float, batch};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, ArrayView1, ArrayView2, Zip};
use rand::RngCore;
use std::sync::Arc;

/// A weighted regression problem: find g in a class with g(x_i) ≈ y_i, by minimising Σ_i w_i ‖g(x_i) − y_i‖² / Σ_i w_i.
///
/// # Shapes
/// `x` is n × p, `y` is n × q, the weights have length n.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{Affine, FunctionClass, Regression};
/// use rand::SeedableRng;
/// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[1.0], [3.0], [5.0]]);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let line = Affine::new().fit(&Regression::new(&x, &y)?, &mut rng)?;
/// assert!((line.eval(&array![[10.0]])[[0, 0]] - 21.0_f64).abs() < 1e-12);
/// # Ok::<(), onestep::TrainingError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Regression<'a, F: Float = f64> {
    x: ArrayView2<'a, F>,
    y: ArrayView2<'a, F>,
    weights: Option<ArrayView1<'a, F>>,
    start: Option<&'a Fitted<F>>,
}

/// Checks that a table has columns and finite entries.
pub(crate) fn check_table<F: Float>(what: &'static str, table: &ArrayRef2<F>) -> Result<(), TrainingError> {
    if table.ncols() == 0 {
        return Err(TrainingError::NoColumns { what });
    }
    match table.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((row, column), v)) => Err(TrainingError::NotFinite { what, row, column, value: v.as_f64() }),
        None => Ok(()),
    }
}

impl<'a, F: Float> Regression<'a, F> {
    /// The problem with equal weights.
    ///
    /// # Errors
    /// Fewer than two rows, no columns, different numbers of rows, or an entry that is not finite.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{Regression, TrainingError};
    /// let refused = Regression::new(&array![[0.0], [1.0]], &array![[f64::NAN], [1.0]]).unwrap_err();
    /// assert!(matches!(refused, TrainingError::NotFinite { what: "y", row: 0, column: 0, .. }));
    /// ```
    pub fn new(x: &'a ArrayRef2<F>, y: &'a ArrayRef2<F>) -> Result<Self, TrainingError> {
        if x.nrows() != y.nrows() {
            return Err(TrainingError::Mismatch { left_name: "rows of x", left: x.nrows(), right_name: "rows of y", right: y.nrows() });
        }
        if x.nrows() < 2 {
            return Err(TrainingError::TooFewRows { what: "x", rows: x.nrows(), needed: 2 });
        }
        check_table("x", x)?;
        check_table("y", y)?;
        Ok(Self { x: x.view(), y: y.view(), weights: None, start: None })
    }

    /// The same problem with weights w_i ≥ 0, which need not sum to one.
    ///
    /// # Errors
    /// The wrong number of weights, one that is negative or not finite, or all of them zero.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{Affine, FunctionClass, Regression};
    /// use rand::SeedableRng;
    /// let (x, y, w) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [9.0]], array![1.0, 1.0, 0.0]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let line = Affine::new().fit(&Regression::new(&x, &y)?.weighted(&w)?, &mut rng)?;
    /// assert!((line.eval(&x)[[2, 0]] - 2.0_f64).abs() < 1e-12); // the last row does not count
    /// # Ok::<(), onestep::TrainingError>(())
    /// ```
    pub fn weighted(mut self, weights: &'a ArrayRef1<F>) -> Result<Self, TrainingError> {
        if weights.len() != self.rows() {
            return Err(TrainingError::Mismatch { left_name: "rows of x", left: self.rows(), right_name: "weights", right: weights.len() });
        }
        if let Some(&bad) = weights.iter().find(|w| !(**w >= F::zero() && w.is_finite())) {
            return Err(TrainingError::OutOfRange { name: "weight", value: bad.as_f64(), range: "[0, inf)" });
        }
        if !(weights.sum() > F::zero()) {
            return Err(TrainingError::OutOfRange { name: "sum of weights", value: 0.0, range: "(0, inf)" });
        }
        self.weights = Some(weights.view());
        Ok(self)
    }

    /// The same problem with a map to start from, for classes that iterate. A class that solves directly, or to which the map does not
    /// belong, ignores it.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{Affine, FunctionClass, Regression};
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[1.0], [3.0], [5.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let first = Affine::new().fit(&Regression::new(&x, &y)?, &mut rng)?;
    /// let again = Affine::new().fit(&Regression::new(&x, &y)?.starting_from(&first), &mut rng)?;
    /// assert_eq!(first.eval(&x), again.eval(&x)); // a direct solver has no use for a start
    /// # Ok::<(), onestep::TrainingError>(())
    /// ```
    #[must_use]
    pub fn starting_from(mut self, start: &'a Fitted<F>) -> Self {
        self.start = Some(start);
        self
    }

    /// The number of rows n.
    ///
    /// ```
    /// use ndarray::array;
    /// let (x, y) = (array![[0.0], [1.0]], array![[1.0, 0.0], [3.0, 0.0]]);
    /// assert_eq!(onestep::Regression::new(&x, &y).unwrap().rows(), 2);
    /// ```
    #[must_use]
    pub fn rows(&self) -> usize {
        self.x.nrows()
    }

    /// The inputs, n × p.
    ///
    /// ```
    /// use ndarray::array;
    /// let (x, y) = (array![[0.0], [1.0]], array![[1.0, 0.0], [3.0, 0.0]]);
    /// assert_eq!(onestep::Regression::new(&x, &y).unwrap().x().ncols(), 1);
    /// ```
    #[must_use]
    pub fn x(&self) -> ArrayView2<'_, F> {
        self.x.view()
    }

    /// The values to fit, n × q.
    ///
    /// ```
    /// use ndarray::array;
    /// let (x, y) = (array![[0.0], [1.0]], array![[1.0, 0.0], [3.0, 0.0]]);
    /// assert_eq!(onestep::Regression::new(&x, &y).unwrap().y().ncols(), 2);
    /// ```
    #[must_use]
    pub fn y(&self) -> ArrayView2<'_, F> {
        self.y.view()
    }

    /// The map to start from.
    ///
    /// ```
    /// use ndarray::array;
    /// let (x, y) = (array![[0.0], [1.0]], array![[1.0], [3.0]]);
    /// assert!(onestep::Regression::new(&x, &y).unwrap().start().is_none());
    /// ```
    #[must_use]
    pub fn start(&self) -> Option<&Fitted<F>> {
        self.start
    }

    /// The weights divided by their sum; 1/n each where none were given.
    ///
    /// ```
    /// use ndarray::array;
    /// let (x, y) = (array![[0.0], [1.0]], array![[1.0], [3.0]]);
    /// assert_eq!(onestep::Regression::new(&x, &y).unwrap().normalised_weights(), array![0.5, 0.5]);
    /// ```
    #[must_use]
    pub fn normalised_weights(&self) -> Array1<f64> {
        match &self.weights {
            None => Array1::from_elem(self.rows(), 1.0 / self.rows() as f64),
            Some(w) => {
                let sum: f64 = w.iter().map(|w| w.as_f64()).sum();
                w.mapv(|w| w.as_f64() / sum)
            }
        }
    }
}

/// A map ℝ^p → ℝ^q, as a user's own class returns it.
///
/// # Shapes
/// `x` is n × p, `out` is n × q, any n ≥ 0.
///
/// # Example
/// ```
/// use ndarray::{ArrayRef2, array};
/// use onestep::{FitSummary, Fitted, FittedMap};
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

/// What a fit minimised, how, and how far it got.
///
/// # Example
/// ```
/// use onestep::FitSummary;
/// let summary = FitSummary::new("weighted least squares", "Cholesky").with_loss(0.25).with_effective_parameters(3.0);
/// assert_eq!((summary.loss, summary.effective_parameters), (0.25, 3.0));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct FitSummary {
    /// What was minimised, over which functions.
    pub minimiser: String,
    /// How the minimiser was found: the algorithm, and whether it is exact, global or only stationary.
    pub method: String,
    /// Σ w_i ‖g(x_i) − y_i‖² / Σ w_i on the rows of the fit.
    pub loss: f64,
    /// Effective number of parameters an output: the trace of the smoother for linear fits, a plain count otherwise.
    pub effective_parameters: f64,
    /// The penalty λ in use; 0 where there is none.
    pub penalty: f64,
    /// Iterations of the optimiser; 0 for a direct solver.
    pub iterations: usize,
}

impl FitSummary {
    /// A summary with its words, and numbers still zero.
    ///
    /// ```
    /// assert_eq!(onestep::FitSummary::new("a", "b").iterations, 0);
    /// ```
    #[must_use]
    pub fn new(minimiser: &str, method: &str) -> Self {
        Self {
            minimiser: minimiser.to_owned(),
            method: method.to_owned(),
            loss: 0.0,
            effective_parameters: 0.0,
            penalty: 0.0,
            iterations: 0,
        }
    }

    /// The same with the loss.
    ///
    /// ```
    /// assert_eq!(onestep::FitSummary::new("a", "b").with_loss(2.0).loss, 2.0);
    /// ```
    #[must_use]
    pub fn with_loss(mut self, loss: f64) -> Self {
        self.loss = loss;
        self
    }

    /// The same with the effective number of parameters.
    ///
    /// ```
    /// assert_eq!(onestep::FitSummary::new("a", "b").with_effective_parameters(2.0).effective_parameters, 2.0);
    /// ```
    #[must_use]
    pub fn with_effective_parameters(mut self, count: f64) -> Self {
        self.effective_parameters = count;
        self
    }

    /// The same with the penalty λ.
    ///
    /// ```
    /// assert_eq!(onestep::FitSummary::new("a", "b").with_penalty(2.0).penalty, 2.0);
    /// ```
    #[must_use]
    pub fn with_penalty(mut self, penalty: f64) -> Self {
        self.penalty = penalty;
        self
    }

    /// The same with the number of iterations.
    ///
    /// ```
    /// assert_eq!(onestep::FitSummary::new("a", "b").with_iterations(2).iterations, 2);
    /// ```
    #[must_use]
    pub fn with_iterations(mut self, iterations: usize) -> Self {
        self.iterations = iterations;
        self
    }
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

    /// A map of the user's own, for a [`FunctionClass`] outside this crate. It trains and evaluates like the others; it cannot be saved.
    ///
    /// See [`FittedMap`] for an example.
    ///
    /// ```
    /// # use ndarray::ArrayRef2;
    /// # use onestep::{FitSummary, Fitted, FittedMap};
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

    /// What a map read from a file must satisfy.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        match &self.model {
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
    /// use onestep::{Affine, FunctionClass, Regression};
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [3.0], [0.0]]);
    /// let fit = Affine::new().fit(&Regression::new(&x, &y)?, &mut rand_chacha::ChaCha8Rng::seed_from_u64(1))?;
    /// assert!((fit.summary().loss - 2.0).abs() < 1e-14); // the best line is y = 1, with residuals -1, 2, -1
    /// # Ok::<(), onestep::TrainingError>(())
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
    /// use onestep::{Affine, FunctionClass, Regression};
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [2.0]]);
    /// let fit = Affine::new().fit(&Regression::new(&x, &y)?, &mut rand_chacha::ChaCha8Rng::seed_from_u64(1))?;
    /// let mut out = Array2::zeros((1, 1));
    /// fit.eval_into(&array![[7.0]], &mut out);
    /// assert!((out[[0, 0]] - 7.0_f64).abs() < 1e-12);
    /// # Ok::<(), onestep::TrainingError>(())
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
    /// See [`Regression`] for an example.
    #[must_use]
    pub fn eval(&self, x: &ArrayRef2<F>) -> Array2<F> {
        let mut out = Array2::zeros((x.nrows(), self.outputs()));
        self.eval_into(x, &mut out);
        out
    }
}

/// A class 𝓕 of functions with a way to fit one of them to data.
///
/// Implement it to bring a network or smoother of your own: return [`Fitted::custom`]. The trait is dyn-compatible.
///
/// # Example
/// ```
/// use onestep::{Affine, FunctionClass, Polynomial};
/// let classes: Vec<Box<dyn FunctionClass>> = vec![Box::new(Affine::new()), Box::new(Polynomial::new(3)?)];
/// assert_eq!(classes[1].name(), "polynomial");
/// # Ok::<(), onestep::TrainingError>(())
/// ```
pub trait FunctionClass<F: Float = f64>: std::fmt::Debug + Send + Sync {
    /// A short lower-case name.
    fn name(&self) -> &'static str;

    /// Fits a function of the class to the data. `rng` serves classes that draw something (features, centres, minibatches); the same
    /// stream gives the same fit whatever the number of threads.
    ///
    /// # Errors
    /// [`TrainingError`]: the problem does not determine the fit, the data do not suit the class, or an iteration diverged.
    fn fit(&self, data: &Regression<'_, F>, rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError>;
}

macro_rules! delegate {
    ($pointer:ty) => {
        impl<F: Float, C: FunctionClass<F> + ?Sized> FunctionClass<F> for $pointer {
            fn name(&self) -> &'static str {
                (**self).name()
            }
            fn fit(&self, data: &Regression<'_, F>, rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError> {
                (**self).fit(data, rng)
            }
        }
    };
}
delegate!(&C);
delegate!(Box<C>);
delegate!(Arc<C>);

/// Σ w_i ‖fit_i − y_i‖² with weights that sum to one.
pub(crate) fn weighted_loss(fit: &ArrayRef2<f64>, y: &ArrayRef2<f64>, weights: &ArrayRef1<f64>) -> f64 {
    Zip::from(fit.rows())
        .and(y.rows())
        .and(weights)
        .fold(0.0, |sum, f, y, w| sum + w * f.iter().zip(y).map(|(f, y)| (f - y) * (f - y)).sum::<f64>())
}
