//! Functions that are linear in their parameters: features times coefficients.

use crate::float::Float;
use crate::numeric::{batch, parallel};
use crate::training::class::Penalty;
use crate::training::class::affine::AffineBasis;
use crate::training::class::fitted::Model;
use crate::training::class::kernel::KernelBasis;
use crate::training::class::least_squares::{Problem, Solution};
use crate::training::class::polynomial::PolynomialBasis;
use crate::training::class::random_features::FourierBasis;
use crate::training::class::spline::SplineBasis;
use crate::training::{FitSummary, Fitted, Regression, Standardisation, TrainingError};
use ndarray::{Array1, Array2, ArrayRef2, ArrayViewMut2, Axis};

/// The features of a linear class, evaluated in `f64`.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub(crate) enum Basis {
    Affine(AffineBasis),
    Polynomial(PolynomialBasis),
    Fourier(FourierBasis),
    Kernel(KernelBasis),
    Spline(SplineBasis),
}

impl Basis {
    pub(crate) fn inputs(&self) -> usize {
        match self {
            Self::Affine(b) => b.inputs(),
            Self::Polynomial(b) => b.inputs(),
            Self::Fourier(b) => b.inputs(),
            Self::Kernel(b) => b.inputs(),
            Self::Spline(_) => 1,
        }
    }

    /// The number of features.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Affine(b) => b.len(),
            Self::Polynomial(b) => b.len(),
            Self::Fourier(b) => b.len(),
            Self::Kernel(b) => b.len(),
            Self::Spline(b) => b.len(),
        }
    }

    /// Fills n × `len()` features of n × `inputs()` points.
    fn fill(&self, x: &ArrayRef2<f64>, out: ArrayViewMut2<'_, f64>) {
        match self {
            Self::Affine(b) => b.fill(x, out),
            Self::Polynomial(b) => b.fill(x, out),
            Self::Fourier(b) => b.fill(x, out),
            Self::Kernel(b) => b.fill(x, out),
            Self::Spline(b) => b.fill(x, out),
        }
    }

    /// The number of leading features that are never penalised.
    fn free(&self) -> usize {
        match self {
            Self::Fourier(b) => b.len() - b.waves(),
            Self::Kernel(b) => b.inputs() + 1,
            Self::Affine(_) | Self::Polynomial(_) | Self::Spline(_) => self.len(),
        }
    }

    /// The combination of the features nearest to `y` over the rows of `x`, at the rows of `at`. Waves and kernels are nearly dependent:
    /// they carry a penalty of 1e−10 a unit coefficient, which rounding needs and no error of interest notices.
    pub(crate) fn project(&self, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, at: &ArrayRef2<f64>) -> Result<Array2<f64>, TrainingError> {
        const FLOOR: f64 = 1e-10;
        if x.nrows() < self.len() {
            return Err(TrainingError::TooFewRows { what: "points of the projection", rows: x.nrows(), needed: self.len() });
        }
        let weights = Array1::from_elem(x.nrows(), 1.0 / x.nrows() as f64);
        let features = self.features(x);
        let (free, shrunk) = features.view().split_at(Axis(1), self.free());
        let problem = Problem { class: "best of the class", free, shrunk, y: y.view(), weights };
        Ok(self.features(at).dot(&problem.solve(Penalty::Fixed(FLOOR))?.coefficients))
    }

    /// What features read from a file must satisfy.
    #[cfg(feature = "serde")]
    fn is_sound(&self) -> bool {
        match self {
            Self::Affine(b) => b.is_sound(),
            Self::Polynomial(b) => b.is_sound(),
            Self::Fourier(b) => b.is_sound(),
            Self::Kernel(b) => b.is_sound(),
            Self::Spline(b) => b.is_sound(),
        }
    }

    /// The feature table of all rows of `x`.
    pub(crate) fn features(&self, x: &ArrayRef2<f64>) -> Array2<f64> {
        let mut out = Array2::zeros((x.nrows(), self.len()));
        batch::for_blocks(x, &mut out, |x, out| self.fill(&x, out));
        out
    }
}

/// x ↦ features(x) · coefficients.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct LinearModel {
    pub(crate) basis: Basis,
    /// len × q.
    pub(crate) coefficients: Array2<f64>,
}

impl LinearModel {
    pub(crate) fn inputs(&self) -> usize {
        self.basis.inputs()
    }

    pub(crate) fn outputs(&self) -> usize {
        self.coefficients.ncols()
    }

    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        self.basis.is_sound() && self.coefficients.nrows() == self.basis.len() && self.coefficients.iter().all(|c| c.is_finite())
    }

    /// Evaluates one block of rows.
    pub(crate) fn eval_block<F: Float>(&self, x: &ArrayRef2<F>, mut out: ArrayViewMut2<'_, F>) {
        let mut features = Array2::zeros((x.nrows(), self.basis.len()));
        self.basis.fill(&x.mapv(F::as_f64), features.view_mut());
        let values = features.dot(&self.coefficients);
        out.zip_mut_with(&values, |o, v| *o = F::of(*v));
    }
}

/// The data of a regression in `f64`.
pub(crate) struct Tables {
    pub(crate) x: Array2<f64>,
    pub(crate) y: Array2<f64>,
    pub(crate) weights: Array1<f64>,
}

impl Tables {
    pub(crate) fn new<F: Float>(data: &Regression<'_, F>) -> Self {
        Self { x: data.x().mapv(F::as_f64), y: data.y().mapv(F::as_f64), weights: data.normalised_weights() }
    }

    /// Weighted mean and standard deviation of every input column.
    ///
    /// # Errors
    /// A column is constant.
    pub(crate) fn standardisation(&self) -> Result<Standardisation, TrainingError> {
        Standardisation::of("x", &self.x, &self.weights)
    }
}

/// A fitted model with its solution.
pub(crate) type Candidate = (LinearModel, Solution);

/// Fits the coefficients of a basis whose first `free` features are not penalised.
pub(crate) fn fit_basis(
    class: &'static str,
    basis: Basis,
    free: usize,
    tables: &Tables,
    penalty: Penalty,
) -> Result<Candidate, TrainingError> {
    let features = basis.features(&tables.x);
    let (free, shrunk) = features.view().split_at(Axis(1), free);
    let problem = Problem { class, free, shrunk, y: tables.y.view(), weights: tables.weights.clone() };
    let solution = problem.solve(penalty)?;
    Ok((LinearModel { basis, coefficients: solution.coefficients.clone() }, solution))
}

/// The fit of a choice with the least validation score, the first of equals; singular ones are passed over while another remains.
pub(crate) fn best_fit<T: Send>(
    choices: impl Iterator<Item = T>,
    fit: impl Fn(T) -> Result<Candidate, TrainingError> + Send + Sync,
) -> Result<Candidate, TrainingError> {
    let mut best: Option<Candidate> = None;
    let mut failure = TrainingError::TooFewRows { what: "x", rows: 0, needed: 2 };
    for fit in parallel::map_items(choices.collect(), fit) {
        match fit {
            Ok(fit) if best.as_ref().is_none_or(|b| fit.1.score < b.1.score) => best = Some(fit),
            Ok(_) => {}
            Err(error @ (TrainingError::Singular { .. } | TrainingError::TooFewRows { .. })) => failure = error,
            Err(error) => return Err(error),
        }
    }
    best.ok_or(failure)
}

/// Wraps a linear model and its solution as a [`Fitted`].
pub(crate) fn fitted<F: Float>(model: LinearModel, solution: &Solution, minimiser: &str, method: &str) -> Fitted<F> {
    let summary = FitSummary::new(minimiser, method)
        .with_loss(solution.loss)
        .with_effective_parameters(solution.effective_parameters)
        .with_penalty(solution.penalty);
    Fitted::new(Model::Linear(model), summary)
}
