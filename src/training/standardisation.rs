//! Centring and scaling of data.

use crate::float::Float;
use crate::training::error::{TrainingError, check_table};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, Axis};

/// How data are scaled before training. Consistency functions act between data of unit order and N(0, I) noise, so the scale matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Scaling {
    /// Every column to mean 0 and standard deviation 1. A constant column is refused.
    #[default]
    Columns,
    /// Columns to mean 0, all divided by one number, the root of their mean variance: a similarity, which keeps the shape of the law and
    /// every Wasserstein distance up to that number. Constant columns are allowed unless all are.
    Global,
    /// The data as they are: for targets with known answers.
    None,
}

/// The map x ↦ (x − mean)/scale, column by column, and its inverse.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::training::{Scaling, Standardisation};
/// let data = array![[1.0, 10.0], [3.0, 30.0]];
/// let s = Standardisation::new(&data, Scaling::Columns)?;
/// assert_eq!(s.standardise(&data), array![[-1.0, -1.0], [1.0, 1.0]]);
/// assert_eq!(s.restore(&s.standardise(&data)), data);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Standardisation {
    pub(crate) mean: Array1<f64>,
    pub(crate) scale: Array1<f64>,
}

impl Standardisation {
    /// The scaling of `data`, n × d, by its own moments (divisor n).
    ///
    /// # Errors
    /// Fewer than two rows, no columns, an entry that is not finite or beyond ±1e150, a constant column (all columns constant under
    /// [`Scaling::Global`]).
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::training::{Scaling, Standardisation, TrainingError};
    /// let data = array![[1.0, 0.0], [1.0, 2.0]];
    /// assert!(matches!(Standardisation::new(&data, Scaling::Columns), Err(TrainingError::ConstantColumn { column: 1, .. })));
    /// assert_eq!(Standardisation::new(&data, Scaling::Global)?.standardise(&data)[[1, 0]], 0.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new<F: Float>(data: &ArrayRef2<F>, scaling: Scaling) -> Result<Self, TrainingError> {
        if data.nrows() < 2 {
            return Err(TrainingError::TooFewRows { what: "data", rows: data.nrows(), needed: 2 });
        }
        check_table("data", data)?;
        let (n, d) = data.dim();
        if scaling == Scaling::None {
            return Ok(Self::identity(d));
        }
        let weights = Array1::from_elem(n, 1.0 / n as f64);
        let data = data.mapv(F::as_f64);
        if scaling == Scaling::Columns {
            return Self::of("data", &data, &weights);
        }
        let mean = data.t().dot(&weights);
        let deviations = &data - &mean;
        let variance = deviations.mapv(|v| v * v).sum() / (n * d) as f64;
        let largest = mean.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let scale = if variance > rounding(largest) && variance.is_normal() {
            variance.sqrt()
        } else {
            small_deviation(&deviations.flatten(), &Array1::from_elem(n * d, 1.0 / (n * d) as f64))
        };
        if !(scale > 4.0 * f64::EPSILON * largest) {
            return Err(TrainingError::ConstantColumn { what: "data", column: 1, value: mean[0] });
        }
        Ok(Self { mean, scale: Array1::from_elem(d, scale) })
    }

    /// The identity of ℝ^d.
    pub(crate) fn identity(dim: usize) -> Self {
        Self { mean: Array1::zeros(dim), scale: Array1::ones(dim) }
    }

    /// Weighted means and standard deviations of the columns of `table`; the weights sum to one.
    pub(crate) fn of(what: &'static str, table: &ArrayRef2<f64>, weights: &ArrayRef1<f64>) -> Result<Self, TrainingError> {
        let mean = table.t().dot(weights);
        let mut scale = Array1::zeros(mean.len());
        for (column, values) in table.axis_iter(Axis(1)).enumerate() {
            let square: f64 = values.iter().zip(weights).map(|(v, w)| w * (v - mean[column]).powi(2)).sum();
            if square > rounding(mean[column]) && square.is_normal() {
                scale[column] = square.sqrt();
                continue;
            }
            scale[column] = small_deviation(&values.mapv(|v| v - mean[column]), weights);
            if !(scale[column] > 4.0 * f64::EPSILON * mean[column].abs()) {
                return Err(TrainingError::ConstantColumn { what, column: column + 1, value: mean[column] });
            }
        }
        Ok(Self { mean, scale })
    }

    /// The dimension d.
    ///
    /// ```
    /// use onestep::training::{Scaling, Standardisation};
    /// assert_eq!(Standardisation::new(&ndarray::array![[0.0, 1.0], [1.0, 0.0]], Scaling::None).unwrap().dim(), 2);
    /// ```
    #[must_use]
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// (x − mean)/scale.
    ///
    /// # Panics
    /// `x` does not have [`dim`](Self::dim) columns.
    ///
    /// ```
    /// use onestep::training::{Scaling, Standardisation};
    /// let data = ndarray::array![[0.0], [4.0]];
    /// assert_eq!(Standardisation::new(&data, Scaling::Columns).unwrap().standardise(&data), ndarray::array![[-1.0], [1.0]]);
    /// ```
    #[must_use]
    pub fn standardise<F: Float>(&self, x: &ArrayRef2<F>) -> Array2<F> {
        self.columnwise(x, |v, mean, scale| (v - mean) / scale)
    }

    /// mean + scale · x, the inverse.
    ///
    /// # Panics
    /// `x` does not have [`dim`](Self::dim) columns.
    ///
    /// ```
    /// use onestep::training::{Scaling, Standardisation};
    /// let s = Standardisation::new(&ndarray::array![[0.0], [4.0]], Scaling::Columns).unwrap();
    /// assert_eq!(s.restore(&ndarray::array![[0.5]]), ndarray::array![[3.0]]);
    /// ```
    #[must_use]
    pub fn restore<F: Float>(&self, x: &ArrayRef2<F>) -> Array2<F> {
        self.columnwise(x, |v, mean, scale| mean + scale * v)
    }

    /// What a scaling read from a file must satisfy.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let scale = self.scale.iter().all(|s| *s > 0.0 && s.is_finite());
        !self.mean.is_empty() && self.mean.len() == self.scale.len() && scale && self.mean.iter().all(|m| m.is_finite())
    }

    fn columnwise<F: Float>(&self, x: &ArrayRef2<F>, map: impl Fn(f64, f64, f64) -> f64) -> Array2<F> {
        assert_eq!(x.ncols(), self.dim(), "standardisation of {} columns applied to {}", self.dim(), x.ncols());
        Array2::from_shape_fn(x.dim(), |(i, j)| F::of(map(x[[i, j]].as_f64(), self.mean[j], self.scale[j])))
    }
}

/// The root mean square of deviations whose squares underflow: they are squared as multiples of the largest. Not normal numbers give 0.
fn small_deviation(deviations: &ArrayRef1<f64>, weights: &ArrayRef1<f64>) -> f64 {
    let largest = deviations.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    if !largest.is_normal() {
        return 0.0;
    }
    let square: f64 = deviations.iter().zip(weights).map(|(v, w)| w * (v / largest).powi(2)).sum();
    largest * square.sqrt()
}

/// The variance that rounding of a mean leaves in a column that is constant.
fn rounding(mean: f64) -> f64 {
    (4.0 * f64::EPSILON * mean).powi(2)
}
