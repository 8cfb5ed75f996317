//! Classes of functions that can be fitted.

use crate::delegate::delegate;
use crate::float::Float;
use crate::training::error::TrainingError;
use crate::training::fitted::Fitted;
use crate::training::regression::Regression;
use rand::RngCore;

/// A class 𝓕 of functions with a way to fit one of them to data.
///
/// Implement it to bring a network or smoother of your own: return [`Fitted::custom`]. The trait is dyn-compatible.
///
/// # Example
/// ```
/// use onestep::FunctionClass;
/// use onestep::training::class::{Affine, Polynomial};
/// let classes: Vec<Box<dyn FunctionClass>> = vec![Box::new(Affine::new()), Box::new(Polynomial::new(3))];
/// assert_eq!(classes[1].name(), "polynomial");
/// # Ok::<(), onestep::Error>(())
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

delegate! {
    impl[F: Float,] FunctionClass<F> {
        fn name(&self) -> &'static str;
        fn fit(&self, data: &Regression<'_, F>, rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError>;
    }
}
