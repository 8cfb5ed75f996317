//! A cloud with or without weights: what distances are between.

use ndarray::{ArrayBase, ArrayRef1, ArrayRef2, ArrayView1, ArrayView2, Axis, Data, Ix1, Ix2, RawData};

/// A discrete measure Σ a_i δ_{x_i}, borrowed: points, one a row, and a weight for each, equal ones unless given.
///
/// Every distance takes `impl Into<Measure>`: a reference to a two-dimensional array or view (equal weights 1/n), a slice or a one-dimensional
/// array (points on the line), or [`Measure::weighted`]. Points and weights are checked by whoever takes the measure.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::transport::{Line, Measure, NetworkSimplex};
/// let (x, y) = (array![[0.0], [1.0]], array![[0.0]]);
/// let w1 = NetworkSimplex::new(1.0)?;
/// assert_eq!(w1.solve(&x, &y)?.distance, 0.5);
/// assert_eq!(w1.solve(Measure::weighted(&x, &[0.75, 0.25]), &y)?.distance, 0.25);
/// // Points on the line need no columns.
/// assert_eq!(Line::new(1.0)?.samples(Measure::weighted(&[0.0, 1.0], &[0.75, 0.25]), &[0.0])?, 0.25);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Measure<'a, F = f64> {
    points: ArrayView2<'a, F>,
    weights: Option<&'a [f64]>,
}

impl<'a, F> Measure<'a, F> {
    /// `points` with `weights`, nonnegative and of sum one, in place of equal ones.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::transport::Measure;
    /// let x = array![[0.0], [1.0]];
    /// let m = Measure::weighted(&x, &[0.75, 0.25]);
    /// assert_eq!((m.points().nrows(), m.weights()), (2, Some(&[0.75, 0.25][..])));
    /// ```
    #[must_use]
    pub fn weighted(points: impl Into<Self>, weights: &'a [f64]) -> Self {
        Self { weights: Some(weights), ..points.into() }
    }

    /// The points, one a row.
    ///
    /// ```
    /// use onestep::transport::Measure;
    /// assert_eq!(Measure::from(&[1.0, 2.0, 3.0]).points().dim(), (3, 1));
    /// ```
    #[must_use]
    pub fn points(&self) -> ArrayView2<'a, F> {
        self.points
    }

    /// The weights, unless they are equal.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::transport::Measure;
    /// assert!(Measure::from(&array![[1.0, 2.0]]).weights().is_none());
    /// ```
    #[must_use]
    pub fn weights(&self) -> Option<&'a [f64]> {
        self.weights
    }
}

impl<'a, F> From<&'a ArrayRef2<F>> for Measure<'a, F> {
    fn from(points: &'a ArrayRef2<F>) -> Self {
        Self { points: points.view(), weights: None }
    }
}

impl<'a, F> From<&'a ArrayRef1<F>> for Measure<'a, F> {
    fn from(points: &'a ArrayRef1<F>) -> Self {
        Self { points: points.view().insert_axis(Axis(1)), weights: None }
    }
}

impl<'a, S: Data> From<&'a ArrayBase<S, Ix2>> for Measure<'a, <S as RawData>::Elem> {
    fn from(points: &'a ArrayBase<S, Ix2>) -> Self {
        Self { points: points.view(), weights: None }
    }
}

impl<'a, S: Data> From<&'a ArrayBase<S, Ix1>> for Measure<'a, <S as RawData>::Elem> {
    fn from(points: &'a ArrayBase<S, Ix1>) -> Self {
        Self { points: points.view().insert_axis(Axis(1)), weights: None }
    }
}

impl<'a, F> From<&'a [F]> for Measure<'a, F> {
    fn from(points: &'a [F]) -> Self {
        Self { points: ArrayView1::from(points).insert_axis(Axis(1)), weights: None }
    }
}

impl<'a, F> From<&'a Vec<F>> for Measure<'a, F> {
    fn from(points: &'a Vec<F>) -> Self {
        points.as_slice().into()
    }
}

impl<'a, F, const N: usize> From<&'a [F; N]> for Measure<'a, F> {
    fn from(points: &'a [F; N]) -> Self {
        points.as_slice().into()
    }
}
