//! Cubic B-splines on the line.

use crate::error::{check_equal, check_range};
use crate::float::Float;
use crate::training::class::function_class::FunctionClass;
use crate::training::error::TrainingError;
use crate::training::features::basis::Basis;
use crate::training::features::least_squares::Penalty;
use crate::training::features::linear::{best_fit, fit_basis};
use crate::training::features::spline::{DEGREE, SplineBasis};
use crate::training::fitted::Fitted;
use crate::training::regression::Regression;
use rand::RngCore;

/// The class of cubic splines on the line with knots at quantiles of the inputs, continued linearly beyond the outer knots.
///
/// The linear tails are those of a consistency function, which becomes affine far from the data. The outer knots lie at the quantiles
/// 0.002 and 0.998 of the inputs.
///
/// **Minimiser**: the least-squares spline, found exactly by Cholesky factorisation of the normal equations in B-splines, refined once.
/// The number of inner knots is either fixed or the one among 0, 1, 2, 4, …, 64 with the least generalised cross-validation score.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use onestep::FunctionClass;
/// use onestep::training::Regression;
/// use onestep::training::class::Spline;
/// use rand::SeedableRng;
/// let x = Array2::from_shape_fn((400, 1), |(i, _)| 0.015 * i as f64 - 3.0);
/// let y = x.mapv(f64::tanh);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let fit = Spline::new().fit(&Regression::new(&x, &y)?, &mut rng)?;
/// assert!(fit.summary().loss < 1e-8);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// de Boor, "A practical guide to splines", Springer 1978.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spline {
    knots: Option<usize>,
}

/// Numbers of inner knots tried by cross-validation.
const KNOT_CHOICES: [usize; 8] = [0, 1, 2, 4, 8, 16, 32, 64];

/// The largest number of inner knots.
const MOST_KNOTS: usize = 1000;

impl Spline {
    /// Cubic splines, number of knots by cross-validation.
    ///
    /// ```
    /// use onestep::FunctionClass;
    /// use onestep::training::class::Spline;
    /// assert_eq!(FunctionClass::<f64>::name(&Spline::new()), "spline");
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { knots: None }
    }

    /// Cubic splines with a fixed number of inner knots; a fit refuses more than 1000.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::Spline;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [4.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!(Spline::with_knots(1001).fit(&Regression::new(&x, &y)?, &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn with_knots(knots: usize) -> Self {
        Self { knots: Some(knots) }
    }
}

impl<F: Float> FunctionClass<F> for Spline {
    fn name(&self) -> &'static str {
        "spline"
    }

    fn fit(&self, data: &Regression<'_, F>, _rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError> {
        if let Some(knots) = self.knots {
            check_range("knots", knots, knots <= MOST_KNOTS, "[0, 1000]")?;
        }
        let tables = data.tables();
        check_equal("dimension of a spline", 1, "columns of x", tables.x.ncols())?;
        tables.standardisation()?;
        let mut sorted = tables.x.column(0).to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let fixed = self.knots.map(|k| vec![k]);
        let choices = fixed.as_deref().unwrap_or(&KNOT_CHOICES);
        let choices = choices.iter().copied().filter(|k| self.knots.is_some() || 2 * (k + DEGREE + 1) <= sorted.len());
        let best = best_fit(choices, |k| {
            let basis = Basis::Spline(SplineBasis::at_quantiles(&sorted, k));
            let free = basis.len();
            fit_basis("spline", basis, free, &tables, Penalty::GeneralisedCrossValidation)
        })?;
        Ok(Fitted::linear(
            best,
            "weighted least squares over cubic splines with linear tails",
            "exact and global for its knots: Cholesky of the normal equations in B-splines, refined once",
        ))
    }
}
