//! Functions that are linear in their parameters: features times coefficients.

use crate::error::check_finite;
use crate::float::Float;
use crate::numeric::parallel;
use crate::training::error::TrainingError;
use crate::training::features::basis::Basis;
use crate::training::features::least_squares::{Penalty, Problem, Solution};
use crate::training::features::tables::Tables;
use crate::training::limits::check_entries_of;
use ndarray::{Array2, ArrayRef2, ArrayViewMut2, Axis};

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
    check_entries_of("rows times features", tables.x.nrows(), basis.len())?;
    let features = basis.features(&tables.x);
    check_finite("the table of features", &features)?;
    let (free, shrunk) = features.view().split_at(Axis(1), free);
    let problem = Problem { class, free, shrunk, y: tables.y.view(), weights: tables.weights.clone() };
    let solution = problem.solve(penalty)?;
    if !(solution.loss.is_finite() && solution.coefficients.iter().all(|c| c.is_finite())) {
        let unknowns = solution.coefficients.nrows();
        return Err(TrainingError::Singular { class, rows: tables.x.nrows(), unknowns, reciprocal_condition: 0.0 });
    }
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
