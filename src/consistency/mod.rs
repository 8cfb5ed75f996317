//! Consistency functions.
//!
//! | question | take |
//! | --- | --- |
//! | I have f_t as a function of a point | [`ConsistencyFn`]; for batches, [`ConsistencyFunction`] for a type of your own |
//! | … in `f32`, to be audited in `f64` | [`AsF64`] |
//! | … in the convention of EDM, TrigFlow or flow matching | [`PathConsistency`]; the other way [`ConsistencyOnPath`] |
//! | I have a raw network F of EDM | [`Preconditioned`] |
//! | The exact f_t of a law | [`ExactMaps`] |
//! | I have maps between any two levels: flow maps, `MeanFlow`, shortcut | [`TwoTimeMap`], [`AverageVelocity`]; [`semigroup_defect`] says whether they can be cut |
//! | The leading error of two families removed, a grid and its bisection | [`Extrapolated`] |
//! | Draw samples in one evaluation each | [`one_step`] |
//! | … in a few | [`MultiStep`] |

mod composed;
mod error;
mod extrapolated;
mod on_path;
mod preconditioned;
mod sampling;
mod two_time;

pub use error::ConsistencyError;
pub use extrapolated::Extrapolated;
pub use on_path::{ConsistencyOnPath, PathConsistency};
pub use preconditioned::Preconditioned;
pub use sampling::{MultiStep, one_step};
pub use two_time::{AverageVelocity, ExactMaps, ToFirst, TwoTimeMap, average_velocity, semigroup_defect};

use crate::delegate::delegate;
use crate::float::Float;
use crate::numeric::shapes::assert_shapes;
use crate::score::AsF64;
use crate::score::as_f64::{narrow, widen};
use crate::space::{Family, Space, inherent_dim, inherent_family};
use ndarray::{Array2, ArrayRef2};

/// A family f_1, …, f_T of consistency functions: f_t maps a point at level t of a [`Grid`](crate::schedule::Grid) to an approximate sample of X_1.
///
/// **Contract: f_1 = id**, exactly. A family may hold only some of its levels (a recursion over a million steps keeps a few of its
/// functions): [`holds`](crate::Family::holds) says which.
///
/// # Shapes
/// Rows are points, columns coordinates: `x` and `out` are n × [`dim`](crate::Space::dim). Steps count from 1 to [`steps`](crate::Family::steps) = T.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::ConsistencyFunction;
/// use onestep::consistency::ConsistencyFn;
/// let f = ConsistencyFn::new(1, 3, |t, x: &[f64], out: &mut [f64]| out[0] = x[0] / t as f64);
/// assert_eq!(f.eval(1, &array![[4.0]]), array![[4.0]]);
/// assert_eq!(f.eval(2, &array![[4.0]]), array![[2.0]]);
/// ```
#[doc(alias = "LCM")]
pub trait ConsistencyFunction<F: Float = f64>: Family + Send + Sync {
    /// Writes f_t of every row of `x` into the same row of `out`.
    ///
    /// # Panics
    /// `x` and `out` do not both have shape n × `dim()`, or the family does not [hold](crate::Family::holds) level `t`.
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>);

    /// Allocating form of [`eval_into`](Self::eval_into).
    ///
    /// # Panics
    /// As [`eval_into`](Self::eval_into).
    fn eval(&self, t: usize, x: &ArrayRef2<F>) -> Array2<F> {
        let mut out = Array2::zeros(x.raw_dim());
        self.eval_into(t, x, &mut out);
        out
    }
}

delegate! {
    impl[F: Float,] ConsistencyFunction<F> {
        fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>);
    }
}

/// A consistency function given by a closure on one point: `f(t, x, out)`, called for t ≥ 2 only; t = 1 is the identity.
///
/// ```
/// use onestep::ConsistencyFunction;
/// use onestep::consistency::ConsistencyFn;
/// let f = ConsistencyFn::new(2, 10, |_t, x: &[f32], out: &mut [f32]| out.copy_from_slice(x));
/// assert_eq!(f.steps(), 10);
/// ```
#[derive(Clone)]
pub struct ConsistencyFn<C> {
    dim: usize,
    steps: usize,
    f: C,
}

impl<C> std::fmt::Debug for ConsistencyFn<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsistencyFn").field("dim", &self.dim).field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl<C> ConsistencyFn<C> {
    /// A family of `steps` functions on ℝ^`dim` from `f(t, x, out)`.
    ///
    /// ```
    /// use onestep::ConsistencyFunction;
    /// use onestep::consistency::ConsistencyFn;
    /// let f = ConsistencyFn::new(2, 10, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    /// assert_eq!(f.dim(), 2);
    /// ```
    pub fn new<F>(dim: usize, steps: usize, f: C) -> Self
    where
        C: Fn(usize, &[F], &mut [F]) + Send + Sync,
    {
        Self { dim, steps, f }
    }
}

impl<T: ConsistencyFunction<f32>> ConsistencyFunction<f64> for AsF64<T> {
    fn eval_into(&self, t: usize, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        assert_evaluable(self, t, x, out);
        if t == 1 {
            out.assign(x);
        } else {
            widen(&self.inner().eval(t, &narrow(x)), out);
        }
    }
}

/// Panics when the family `f` cannot be evaluated at `t` on `x` into `out`.
pub(crate) fn assert_evaluable<F: Float, C: ConsistencyFunction<F> + ?Sized>(f: &C, t: usize, x: &ArrayRef2<F>, out: &ArrayRef2<F>) {
    assert!(f.holds(t), "eval: level {t} is not held (levels run from 1 to {})", f.steps());
    assert_shapes("eval", f.dim(), x, out);
}

impl<C> Space for ConsistencyFn<C> {
    fn dim(&self) -> usize {
        self.dim
    }
}

impl<C> Family for ConsistencyFn<C> {
    fn steps(&self) -> usize {
        self.steps
    }
}

inherent_dim!([C] ConsistencyFn<C>);
inherent_family!([C] ConsistencyFn<C>);

impl<F: Float, C: Fn(usize, &[F], &mut [F]) + Send + Sync> ConsistencyFunction<F> for ConsistencyFn<C> {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        if t == 1 {
            out.assign(x);
            return;
        }
        let mut point = vec![F::zero(); self.dim];
        let mut value = vec![F::zero(); self.dim];
        for (row, mut to) in x.rows().into_iter().zip(out.rows_mut()) {
            point.iter_mut().zip(row).for_each(|(p, &r)| *p = r);
            (self.f)(t, &point, &mut value);
            to.iter_mut().zip(&value).for_each(|(t, &v)| *t = v);
        }
    }
}
