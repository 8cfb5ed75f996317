//! Regression problems.

use crate::error::{check_entries, check_equal, check_range};
use crate::float::Float;
use crate::training::error::{TrainingError, check_table};
use crate::training::features::tables::Tables;
use crate::training::fitted::Fitted;
use ndarray::{Array1, ArrayRef1, ArrayRef2, ArrayView1, ArrayView2};

/// A weighted regression problem: find g in a class with g(x_i) ≈ y_i, by minimising Σ_i w_i ‖g(x_i) − y_i‖² / Σ_i w_i.
///
/// # Shapes
/// `x` is n × p, `y` is n × q, the weights have length n.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::FunctionClass;
/// use onestep::training::Regression;
/// use onestep::training::class::Affine;
/// use rand::SeedableRng;
/// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[1.0], [3.0], [5.0]]);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let line = Affine::new().fit(&Regression::new(&x, &y)?, &mut rng)?;
/// assert!((line.eval(&array![[10.0]])[[0, 0]] - 21.0_f64).abs() < 1e-12);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Regression<'a, F: Float = f64> {
    x: ArrayView2<'a, F>,
    y: ArrayView2<'a, F>,
    weights: Option<ArrayView1<'a, F>>,
    start: Option<&'a Fitted<F>>,
}

impl<'a, F: Float> Regression<'a, F> {
    /// The problem with equal weights.
    ///
    /// # Errors
    /// Fewer than two rows, no columns, different numbers of rows, or an entry that is not finite or beyond ±1e150, whose
    /// square double precision does not hold.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::training::{Regression, TrainingError};
    /// let refused = Regression::new(&array![[0.0], [1.0]], &array![[f64::NAN], [1.0]]).unwrap_err();
    /// assert!(matches!(refused, TrainingError::NotFinite(place) if (place.name, place.row, place.column) == ("y", 1, 1)));
    /// ```
    pub fn new(x: &'a ArrayRef2<F>, y: &'a ArrayRef2<F>) -> Result<Self, TrainingError> {
        check_equal("rows of x", x.nrows(), "rows of y", y.nrows())?;
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
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::Affine;
    /// use rand::SeedableRng;
    /// let (x, y, w) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [9.0]], array![1.0, 1.0, 0.0]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let line = Affine::new().fit(&Regression::new(&x, &y)?.weighted(&w)?, &mut rng)?;
    /// assert!((line.eval(&x)[[2, 0]] - 2.0_f64).abs() < 1e-12); // the last row does not count
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn weighted(mut self, weights: &'a ArrayRef1<F>) -> Result<Self, TrainingError> {
        check_equal("rows of x", self.rows(), "weights", weights.len())?;
        let numbers: Vec<f64> = weights.iter().map(|w| w.as_f64()).collect();
        check_entries("weights", &numbers, |w| w >= 0.0 && w.is_finite(), "[0, inf)")?;
        let sum: f64 = numbers.iter().sum();
        check_range("sum of weights", sum, sum > 0.0 && sum.is_finite(), "(0, inf)")?;
        self.weights = Some(weights.view());
        Ok(self)
    }

    /// The same problem with a map to start from, for classes that iterate. A class that solves directly, or to which the map does not
    /// belong, ignores it.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::Affine;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[1.0], [3.0], [5.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let first = Affine::new().fit(&Regression::new(&x, &y)?, &mut rng)?;
    /// let again = Affine::new().fit(&Regression::new(&x, &y)?.starting_from(&first), &mut rng)?;
    /// assert_eq!(first.eval(&x), again.eval(&x)); // a direct solver has no use for a start
    /// # Ok::<(), onestep::Error>(())
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
    /// assert_eq!(onestep::training::Regression::new(&x, &y).unwrap().rows(), 2);
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
    /// assert_eq!(onestep::training::Regression::new(&x, &y).unwrap().x().ncols(), 1);
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
    /// assert_eq!(onestep::training::Regression::new(&x, &y).unwrap().y().ncols(), 2);
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
    /// assert!(onestep::training::Regression::new(&x, &y).unwrap().start().is_none());
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
    /// assert_eq!(onestep::training::Regression::new(&x, &y).unwrap().normalised_weights(), array![0.5, 0.5]);
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

    /// The data in `f64`.
    pub(crate) fn tables(&self) -> Tables {
        Tables { x: self.x.mapv(F::as_f64), y: self.y.mapv(F::as_f64), weights: self.normalised_weights() }
    }
}
