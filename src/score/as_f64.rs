//! Single precision seen in double.

use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::score::{ScoreFunction, ScoreJacobian};
use crate::space::{Family, Space, inherent_dim, inherent_family};
use ndarray::{ArrayRef2, Zip};

/// An `f32` score, flow map or consistency function as an `f64` one: points are rounded to `f32`, a whole batch at a time, and the values
/// widened. An audit in double precision takes a network as it is.
///
/// # Accuracy
/// Rounding the points moves the value by the slope times 6e−8 ‖x‖: an audit does not see errors below that.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::ConsistencyFunction;
/// use onestep::consistency::ConsistencyFn;
/// use onestep::score::AsF64;
/// let network = ConsistencyFn::new(1, 3, |t, x: &[f32], out: &mut [f32]| out[0] = x[0] / t as f32);
/// let seen = AsF64::new(&network);
/// assert_eq!(seen.eval(2, &array![[3.0_f64]]), array![[1.5_f64]]);
/// // f_1 = id, without rounding.
/// assert_eq!(seen.eval(1, &array![[0.1_f64]]), array![[0.1_f64]]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsF64<T> {
    inner: T,
}

impl<T> AsF64<T> {
    /// Widens `inner`.
    ///
    /// ```
    /// use onestep::law::Gaussian;
    /// use onestep::score::AsF64;
    /// assert_eq!(AsF64::new(Gaussian::standard(3)?).dim(), 3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(inner: T) -> Self {
        Self { inner }
    }

    /// What is widened.
    ///
    /// ```
    /// use onestep::law::Gaussian;
    /// use onestep::score::AsF64;
    /// assert_eq!(AsF64::new(Gaussian::standard(3)?).inner().dim(), 3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn inner(&self) -> &T {
        &self.inner
    }
}

/// Writes the widened values into `out`.
pub(crate) fn widen(values: &ArrayRef2<f32>, out: &mut ArrayRef2<f64>) {
    Zip::from(out).and(values).for_each(|o, v| *o = f64::from(*v));
}

/// The points in single precision.
pub(crate) fn narrow(x: &ArrayRef2<f64>) -> ndarray::Array2<f32> {
    x.mapv(|v| v as f32)
}

impl<T: Space> Space for AsF64<T> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }
}

impl<T: Family> Family for AsF64<T> {
    fn steps(&self) -> usize {
        self.inner.steps()
    }

    fn holds(&self, t: usize) -> bool {
        self.inner.holds(t)
    }
}

inherent_dim!([T: Space] AsF64<T>);
inherent_family!([T: Family] AsF64<T>);

impl<T: ScoreFunction<f32>> ScoreFunction<f64> for AsF64<T> {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        assert_shapes("score", self.dim(), x, out);
        widen(&self.inner.score(level, &narrow(x)), out);
    }
}

impl<T: ScoreJacobian<f32>> ScoreJacobian<f64> for AsF64<T> {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, v: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        assert_shapes("score_jvp", self.dim(), x, out);
        assert_shapes("score_jvp", self.dim(), v, out);
        widen(&self.inner.score_jvp(level, &narrow(x), &narrow(v)), out);
    }
}
