//! What a check needs of a trained family.

use crate::consistency::ConsistencyFunction;
use crate::delegate::delegate;
use crate::float::Float;
use crate::schedule::Grid;
use crate::training::error::TrainingError;
use crate::training::fitted::Fitted;
use crate::training::joint::model::JointModel;
use crate::training::learned::Learned;
use crate::training::standardisation::Standardisation;
use ndarray::{Array2, ArrayRef2};

/// A trained family with what is needed to judge it. Implemented by [`Learned`] and [`JointModel`].
pub trait Trained<F: Float = f64>: ConsistencyFunction<F> {
    /// The levels of training.
    fn levels(&self) -> &Grid;

    /// The scaling between the data and the space the family acts on.
    fn scaling(&self) -> &Standardisation;

    /// Whether the functions of step t's class form a linear space, so that its best element can be found exactly.
    fn is_linear(&self, _t: usize) -> bool {
        false
    }

    /// The element of step t's class nearest to `y` in least squares over the rows of `x`, evaluated at the rows of `at`; `None` where the
    /// class is not linear. For features drawn or placed by the fit the class is their span, without penalty.
    ///
    /// # Errors
    /// Fewer rows than the class has features, or singular normal equations.
    fn best_of_class(
        &self,
        _t: usize,
        _x: &ArrayRef2<f64>,
        _y: &ArrayRef2<f64>,
        _at: &ArrayRef2<f64>,
    ) -> Result<Option<Array2<f64>>, TrainingError> {
        Ok(None)
    }
}

delegate! {
    impl[F: Float,] Trained<F> {
        fn levels(&self) -> &Grid;
        fn scaling(&self) -> &Standardisation;
        fn is_linear(&self, t: usize) -> bool;
        fn best_of_class(&self, t: usize, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, at: &ArrayRef2<f64>) -> Result<Option<Array2<f64>>, TrainingError>;
    }
}

impl<F: Float> Trained<F> for Learned<F> {
    fn levels(&self) -> &Grid {
        self.grid()
    }
    fn scaling(&self) -> &Standardisation {
        self.standardisation()
    }
    fn is_linear(&self, t: usize) -> bool {
        self.hull.is_none() && self.map(t).is_some_and(Fitted::is_linear)
    }
    fn best_of_class(
        &self,
        t: usize,
        x: &ArrayRef2<f64>,
        y: &ArrayRef2<f64>,
        at: &ArrayRef2<f64>,
    ) -> Result<Option<Array2<f64>>, TrainingError> {
        let Some(map) = self.map(t).filter(|_| self.is_linear(t)) else { return Ok(None) };
        // In the residual form the class is f_{t−1} + corrections.
        let base = |x: &ArrayRef2<f64>| self.eval(t - 1, &x.mapv(F::of)).mapv(F::as_f64);
        if self.is_residual() {
            return Ok(map.project(x, &(-base(x) + y), at)?.map(|correction| correction + base(at)));
        }
        map.project(x, y, at)
    }
}

impl<F: Float> Trained<F> for JointModel<F> {
    fn levels(&self) -> &Grid {
        self.grid()
    }
    fn scaling(&self) -> &Standardisation {
        self.standardisation()
    }
}
