//! The error of each step against the exact posterior expectation, whole and in its two parts.

use crate::audit::AuditError;
use crate::audit::error::check_values;
use crate::audit::step_check::report::StepErrors;
use crate::bound::AccumulatedError;
use crate::estimate::Estimate;
use crate::float::Float;
use crate::law::PosteriorRule;
use crate::law::conditional::Conditional;
use crate::numeric::parallel;
use crate::numeric::stream::Stream;
use crate::process::ForwardProcess;
use crate::training::Trained;
use ndarray::{Array2, ArrayRef2};
use rand::RngCore;

/// The parts of the error of step t.
pub(super) struct StepError {
    /// E‖f_t − f_t*‖.
    pub(super) whole: Estimate,
    /// E‖f_t − f_t^F‖ and E‖f_t^F − f_t*‖, where the class is linear and the split was asked for.
    pub(super) parts: Option<(Estimate, Estimate)>,
}

/// f_t*(x) = E[f_{t−1}(X_{t−1}) | X_t = x] at the rows of `x`, by the posterior's quadrature rule; f_{t−1} is the trained one.
fn expectation<F: Float>(trained: &dyn Trained<F>, law: &dyn PosteriorRule, t: usize, x: &ArrayRef2<f64>) -> Array2<f64> {
    let grid = trained.levels();
    let rules = parallel::map(x.nrows(), |i| law.posterior_rule(grid.level(t), &x.row(i).to_vec()));
    let before = Conditional::new(grid, t, x, &rules);
    before.mean(&trained.eval(t - 1, &before.nodes().mapv(F::of)))
}

/// The mean length of the rows of a − b.
fn mean_gap(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>) -> Estimate {
    let gaps: Vec<f64> = a.rows().into_iter().zip(b.rows()).map(|(a, b)| (&a - &b).mapv(|v| v * v).sum().sqrt()).collect();
    Estimate::from_samples(&gaps)
}

/// Measures step t at `points` fresh points; f_t^F is fitted to f_t* at `projection` other points, if asked for.
pub(super) fn step_error<F: Float>(
    trained: &dyn Trained<F>,
    law: &dyn PosteriorRule,
    t: usize,
    (points, projection): (usize, Option<usize>),
    rng: &mut dyn RngCore,
) -> Result<StepError, AuditError> {
    let process = ForwardProcess::new(trained.levels());
    let mut draw = |n: usize| process.marginal(t, &law.sample(n, rng), &mut Stream::fork(rng));
    let x = draw(points);
    let optimum = expectation(trained, law, t, &x);
    let fitted = trained.eval(t, &x.mapv(F::of)).mapv(F::as_f64);
    check_values("the trained family", t, &x, &fitted)?;
    check_values("its posterior expectation", t, &x, &optimum)?;
    let whole = mean_gap(&fitted, &optimum);
    let Some(projection) = projection.filter(|_| trained.is_linear(t)) else { return Ok(StepError { whole, parts: None }) };
    let own = draw(projection);
    let best = trained.best_of_class(t, &own, &expectation(trained, law, t, &own), &x).map_err(|e| e.at_step(t))?;
    Ok(StepError { whole, parts: best.map(|best| (mean_gap(&fitted, &best), mean_gap(&best, &optimum))) })
}

/// Both normalisations of Assumption 2 for the errors of steps 2..=T.
pub(super) fn accumulate(name: &'static str, steps: Vec<Estimate>) -> Result<StepErrors, AuditError> {
    let values: Vec<f64> = steps.iter().map(|e| e.value).collect();
    Ok(StepErrors { accumulated: AccumulatedError::from_steps(name, steps.len() + 1, &values)?, steps })
}
