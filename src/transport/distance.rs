//! One interface to every distance between two clouds.

use crate::delegate::delegate;
use crate::float::Float;
use crate::transport::Assignment;
use crate::transport::Line;
use crate::transport::NetworkSimplex;
use crate::transport::Sinkhorn;
use crate::transport::Sliced;
use crate::transport::gaussian::gelbrich_plug_in;
use crate::transport::{TransportError, check};
use ndarray::ArrayRef2;

/// A distance between two clouds with equal weights: what bootstrap, permutation tests and baselines work on.
///
/// Implemented by [`Assignment`] (equal sizes), [`NetworkSimplex`] (any sizes), [`Line`] (one column), [`Sliced`] (SW_p), [`Sinkhorn`]
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
pub trait Distance<F: Float = f64>: Send + Sync {
    /// The distance between the empirical measures of the rows of `x` and of `y`, in the units of the coordinates.
    ///
    /// # Errors
    /// What the method refuses: see there.
    fn distance(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<f64, TransportError>;
}

delegate! {
    impl[F: Float,] Distance<F> {
        fn distance(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<f64, TransportError>;
    }
}

impl<F: Float> Distance<F> for Assignment {
    fn distance(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<f64, TransportError> {
        Ok(self.solve(x, y)?.distance)
    }
}

impl<F: Float> Distance<F> for NetworkSimplex {
    fn distance(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<f64, TransportError> {
        Ok(self.solve_uniform(x, y)?.distance)
    }
}

impl<F: Float> Distance<F> for Line {
    fn distance(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<f64, TransportError> {
        check::clouds(x, y)?;
        if x.ncols() != 1 {
            return Err(TransportError::Dimensions { left: x.ncols(), right: 1 });
        }
        let column = |x: &ArrayRef2<F>| x.iter().copied().collect::<Vec<_>>();
        self.samples(&column(x), &column(y))
    }
}

impl<F: Float> Distance<F> for Sliced {
    fn distance(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<f64, TransportError> {
        Ok(self.distance(x, y)?.distance.value)
    }
}

impl<F: Float> Distance<F> for Sinkhorn {
    fn distance(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<f64, TransportError> {
        Ok(self.divergence(x, y)?.value.max(0.0).powf(1.0 / self.order()))
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
    fn distance(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<f64, TransportError> {
        gelbrich_plug_in(x, y)
    }
}

/// A distance given by a closure on two clouds.
///
/// ```
/// use ndarray::{ArrayRef2, array};
/// use onestep::Distance;
/// use onestep::transport::DistanceFn;
/// let means = DistanceFn::new(|x: &ArrayRef2<f64>, y: &ArrayRef2<f64>| Ok((x.mean().unwrap() - y.mean().unwrap()).abs()));
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
    /// use ndarray::{ArrayRef2, array};
    /// use onestep::Distance;
    /// use onestep::transport::DistanceFn;
    /// let zero = DistanceFn::new(|_: &ArrayRef2<f32>, _: &ArrayRef2<f32>| Ok(0.0));
    /// assert_eq!(zero.distance(&array![[1.0_f32]], &array![[7.0_f32]]).unwrap(), 0.0);
    /// ```
    pub fn new<F: Float>(distance: C) -> Self
    where
        C: Fn(&ArrayRef2<F>, &ArrayRef2<F>) -> Result<f64, TransportError> + Send + Sync,
    {
        Self(distance)
    }
}

impl<F, C> Distance<F> for DistanceFn<C>
where
    F: Float,
    C: Fn(&ArrayRef2<F>, &ArrayRef2<F>) -> Result<f64, TransportError> + Send + Sync,
{
    fn distance(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<f64, TransportError> {
        (self.0)(x, y)
    }
}
