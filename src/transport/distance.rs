//! One interface to every distance between two clouds.

use crate::delegate::delegate;
use crate::float::Float;
use crate::numeric::extremes::positive;
use crate::transport::gaussian::gelbrich_plug_in;
use crate::transport::{Assignment, Line, NetworkSimplex, Sinkhorn, Sliced};
use crate::transport::{Measure, TransportError, check};
use ndarray::ArrayRef2;

/// A distance between two clouds: one number, what bootstrap, permutation tests and baselines work on.
///
/// Implemented by [`Assignment`] (equal sizes and weights), [`NetworkSimplex`] (any), [`Line`] (one column), [`Sliced`] (SW_p), [`Sinkhorn`]
/// (S_ε^{1/p}, cut at 0), [`Bures`] and [`DistanceFn`].
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::Distance;
/// use onestep::transport::{Assignment, Line};
/// let (x, y) = (array![[0.0], [3.0]], array![[1.0], [-1.0]]);
/// // In one dimension sorting solves the assignment problem.
/// let (line, exact) = (Line::new(2.0)?, Assignment::new(2.0)?);
/// assert!((line.distance(&x, &y)? - exact.distance(&x, &y)?).abs() < 1e-15);
/// # Ok::<(), onestep::Error>(())
/// ```
#[doc(alias = "Wasserstein distance")]
#[doc(alias = "optimal transport")]
#[doc(alias = "EMD")]
pub trait Distance<F: Float = f64>: Send + Sync {
    /// The distance between two measures, in the units of the coordinates.
    ///
    /// # Errors
    /// What the method refuses: see there. A method for equal weights refuses others with [`TransportError::Weighted`].
    fn between(&self, x: Measure<'_, F>, y: Measure<'_, F>) -> Result<f64, TransportError>;

    /// The distance between the empirical measures of the rows of `x` and of `y`, in the units of the coordinates.
    ///
    /// # Errors
    /// As [`between`](Self::between).
    fn distance(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<f64, TransportError> {
        self.between(x.into(), y.into())
    }
}

delegate! {
    impl[F: Float,] Distance<F> {
        fn between(&self, x: Measure<'_, F>, y: Measure<'_, F>) -> Result<f64, TransportError>;
        fn distance(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<f64, TransportError>;
    }
}

impl<F: Float> Distance<F> for Assignment {
    fn between(&self, x: Measure<'_, F>, y: Measure<'_, F>) -> Result<f64, TransportError> {
        let [first, second] = check::CLOUDS;
        Ok(self.solve(&check::unweighted(&first, x)?, &check::unweighted(&second, y)?)?.distance)
    }
}

impl<F: Float> Distance<F> for NetworkSimplex {
    fn between(&self, x: Measure<'_, F>, y: Measure<'_, F>) -> Result<f64, TransportError> {
        Ok(self.solve(x, y)?.distance)
    }
}

impl<F: Float> Distance<F> for Line {
    fn between(&self, x: Measure<'_, F>, y: Measure<'_, F>) -> Result<f64, TransportError> {
        self.samples(x, y)
    }
}

impl<F: Float> Distance<F> for Sliced {
    fn between(&self, x: Measure<'_, F>, y: Measure<'_, F>) -> Result<f64, TransportError> {
        Ok(self.measure(x, y)?.distance.value)
    }
}

impl<F: Float> Distance<F> for Sinkhorn {
    fn between(&self, x: Measure<'_, F>, y: Measure<'_, F>) -> Result<f64, TransportError> {
        Ok(positive(self.divergence(x, y)?.value).powf(1.0 / self.order()))
    }
}

/// W_2 of the Gaussians with the clouds' means and covariances: see [`gelbrich_plug_in`].
///
/// ```
/// use ndarray::array;
/// use onestep::Distance;
/// use onestep::transport::Bures;
/// assert_eq!(Bures.distance(&array![[0.0], [2.0]], &array![[5.0], [7.0]]).unwrap(), 5.0);
/// ```
#[doc(alias = "FID")]
#[doc(alias = "Fréchet distance")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bures;

impl<F: Float> Distance<F> for Bures {
    fn between(&self, x: Measure<'_, F>, y: Measure<'_, F>) -> Result<f64, TransportError> {
        gelbrich_plug_in(x, y)
    }
}

/// A distance given by a closure on two measures.
///
/// ```
/// use ndarray::array;
/// use onestep::Distance;
/// use onestep::transport::{DistanceFn, Measure};
/// let mean = |x: Measure<'_, f64>| x.points().mean().unwrap_or(f64::NAN);
/// let means = DistanceFn::new(|x: Measure<'_, f64>, y: Measure<'_, f64>| Ok((mean(x) - mean(y)).abs()));
/// assert_eq!(means.distance(&array![[1.0], [3.0]], &array![[7.0]]).unwrap(), 5.0);
/// ```
#[derive(Clone, Copy)]
pub struct DistanceFn<C>(C);

impl<C> std::fmt::Debug for DistanceFn<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DistanceFn").finish_non_exhaustive()
    }
}

impl<C> DistanceFn<C> {
    /// From `distance(x, y)`.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Distance;
    /// use onestep::transport::{DistanceFn, Measure};
    /// let zero = DistanceFn::new(|_: Measure<'_, f32>, _: Measure<'_, f32>| Ok(0.0));
    /// assert_eq!(zero.distance(&array![[1.0_f32]], &array![[7.0_f32]]).unwrap(), 0.0);
    /// ```
    pub fn new<F: Float>(distance: C) -> Self
    where
        C: Fn(Measure<'_, F>, Measure<'_, F>) -> Result<f64, TransportError> + Send + Sync,
    {
        Self(distance)
    }
}

impl<F, C> Distance<F> for DistanceFn<C>
where
    F: Float,
    C: Fn(Measure<'_, F>, Measure<'_, F>) -> Result<f64, TransportError> + Send + Sync,
{
    fn between(&self, x: Measure<'_, F>, y: Measure<'_, F>) -> Result<f64, TransportError> {
        (self.0)(x, y)
    }
}
