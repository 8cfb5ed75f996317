//! Cubic B-splines on the line.

use crate::float::Float;
use crate::training::check_range;
use crate::training::class::Penalty;
use crate::training::class::linear::{Basis, Tables, best_fit, fit_basis, fitted};
use crate::training::{Fitted, FunctionClass, Regression, TrainingError};
use ndarray::{ArrayRef1, ArrayRef2, ArrayViewMut2};
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

/// Quantile of the outer knots.
const TAIL: f64 = 0.002;

const DEGREE: usize = 3;

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

    /// Cubic splines with a fixed number of inner knots, at most 1000.
    ///
    /// # Errors
    /// More than 1000 knots.
    ///
    /// ```
    /// assert!(onestep::training::class::Spline::with_knots(1001).is_err());
    /// ```
    pub fn with_knots(knots: usize) -> Result<Self, TrainingError> {
        check_range("knots", knots as f64, knots <= 1000, "[0, 1000]")?;
        Ok(Self { knots: Some(knots) })
    }
}

impl<F: Float> FunctionClass<F> for Spline {
    fn name(&self) -> &'static str {
        "spline"
    }

    fn fit(&self, data: &Regression<'_, F>, _rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError> {
        let tables = Tables::new(data);
        if tables.x.ncols() != 1 {
            return Err(TrainingError::Mismatch {
                left_name: "dimension of a spline",
                left: 1,
                right_name: "columns of x",
                right: tables.x.ncols(),
            });
        }
        tables.standardisation()?;
        let mut sorted = tables.x.column(0).to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let fixed = self.knots.map(|k| vec![k]);
        let choices = fixed.as_deref().unwrap_or(&KNOT_CHOICES);
        let choices = choices.iter().copied().filter(|k| self.knots.is_some() || 2 * (k + DEGREE + 1) <= sorted.len());
        let (model, solution) = best_fit(choices, |k| {
            let basis = Basis::Spline(SplineBasis::at_quantiles(&sorted, k));
            let free = basis.len();
            fit_basis("spline", basis, free, &tables, Penalty::GeneralisedCrossValidation)
        })?;
        Ok(fitted(
            model,
            &solution,
            "weighted least squares over cubic splines with linear tails",
            "exact and global for its knots: Cholesky of the normal equations in B-splines, refined once",
        ))
    }
}

/// Cubic B-splines on clamped knots, extended linearly.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct SplineBasis {
    /// The first and the last knot four times each.
    knots: Vec<f64>,
}

impl SplineBasis {
    fn at_quantiles(sorted: &[f64], inner: usize) -> Self {
        let at = |p: f64| sorted[((p * sorted.len() as f64) as usize).min(sorted.len() - 1)];
        let low = if at(TAIL) < at(1.0 - TAIL) { at(TAIL) } else { sorted[0] };
        let high = if at(TAIL) < at(1.0 - TAIL) { at(1.0 - TAIL) } else { sorted[sorted.len() - 1] };
        let mut knots = vec![low; DEGREE + 1];
        for i in 1..=inner {
            let knot = at(i as f64 / (inner + 1) as f64);
            // Ties in the data would make a knot of higher multiplicity, hence a kink: keep one.
            if knot > knots[knots.len() - 1] && knot < high {
                knots.push(knot);
            }
        }
        knots.extend([high; DEGREE + 1]);
        Self { knots }
    }

    pub(crate) fn len(&self) -> usize {
        self.knots.len() - DEGREE - 1
    }

    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let n = self.knots.len();
        n > 2 * DEGREE + 1
            && self.knots.iter().all(|k| k.is_finite())
            && self.knots[..=DEGREE].iter().all(|k| *k == self.knots[0])
            && self.knots[n - DEGREE - 1..].iter().all(|k| *k == self.knots[n - 1])
            && self.knots[DEGREE..n - DEGREE].windows(2).all(|w| w[0] < w[1])
    }

    pub(crate) fn fill(&self, x: &ArrayRef2<f64>, mut out: ArrayViewMut2<'_, f64>) {
        out.fill(0.0);
        for (&x, mut features) in x.iter().zip(out.rows_mut()) {
            self.features_at(x, &mut features);
        }
    }

    fn features_at(&self, x: f64, out: &mut ArrayRef1<f64>) {
        let n = self.len();
        let (low, high) = (self.knots[0], self.knots[n]);
        let inside = x.clamp(low, high);
        let span = self.knots[DEGREE + 1..n].partition_point(|k| *k <= inside) + DEGREE;
        for (j, value) in self.cubic(span, inside).into_iter().enumerate() {
            out[span - DEGREE + j] = value;
        }
        // At a clamped end only the last two B-splines have a slope: ∓ degree over the length of the end interval's support.
        let beyond = x - inside;
        if beyond < 0.0 {
            let slope = beyond * DEGREE as f64 / (self.knots[DEGREE + 1] - self.knots[1]);
            out[0] -= slope;
            out[1] += slope;
        } else if beyond > 0.0 {
            let slope = beyond * DEGREE as f64 / (self.knots[n + DEGREE - 1] - self.knots[n - 1]);
            out[n - 1] += slope;
            out[n - 2] -= slope;
        }
    }

    /// The four B-splines that do not vanish on [knots[span], knots[span+1]), by the recurrence of Cox and de Boor.
    fn cubic(&self, span: usize, x: f64) -> [f64; DEGREE + 1] {
        let mut values = [1.0, 0.0, 0.0, 0.0];
        for degree in 1..=DEGREE {
            let mut saved = 0.0;
            for (r, value) in values[..degree].iter_mut().enumerate() {
                let (right, left) = (self.knots[span + r + 1], self.knots[span + 1 + r - degree]);
                let part = *value / (right - left);
                *value = saved + (right - x) * part;
                saved = (x - left) * part;
            }
            values[degree] = saved;
        }
        values
    }
}
