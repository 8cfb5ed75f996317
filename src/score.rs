//! Score functions.

use crate::{Float, NoiseLevel};
use ndarray::{Array2, ArrayRef2};
use std::sync::Arc;

/// A score s_θ(x) = ∇ log p_θ(x) of the law p_θ of X = cos θ · X₀ + sin θ · Z, exact or approximate.
///
/// # Shapes
/// Rows are points, columns coordinates: `x` and `out` are n × [`dim`](Self::dim), any n ≥ 0.
///
/// # Example
/// The score of N(0, I) is −x at every level; [`ScoreFn`] turns the closure into a score.
/// ```
/// use ndarray::array;
/// use onestep::{NoiseLevel, ScoreFn, ScoreFunction};
/// let gaussian = ScoreFn::new(2, |_level: NoiseLevel, x: &[f64], out: &mut [f64]| {
///     for (o, x) in out.iter_mut().zip(x) { *o = -x; }
/// });
/// assert_eq!(gaussian.score(NoiseLevel::NOISE, &array![[1.0, -2.0]]), array![[-1.0, 2.0]]);
/// ```
pub trait ScoreFunction<F: Float = f64>: Send + Sync {
    /// The dimension d of the space.
    fn dim(&self) -> usize;

    /// Writes s_θ of every row of `x` into the same row of `out`.
    ///
    /// # Panics
    /// `x` and `out` do not both have shape n × `dim()`.
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>);

    /// Allocating form of [`score_into`](Self::score_into).
    ///
    /// # Panics
    /// `x` does not have `dim()` columns.
    fn score(&self, level: NoiseLevel, x: &ArrayRef2<F>) -> Array2<F> {
        let mut out = Array2::zeros(x.raw_dim());
        self.score_into(level, x, &mut out);
        out
    }
}

/// Panics, as ndarray does, when `x` and `out` are not both n × `dim`.
pub(crate) fn assert_shapes<F, G>(what: &str, dim: usize, x: &ArrayRef2<F>, out: &ArrayRef2<G>) {
    assert_eq!(x.ncols(), dim, "{what}: x has {} columns, the space has dimension {dim}", x.ncols());
    assert_eq!(x.dim(), out.dim(), "{what}: x has shape {:?}, out {:?}", x.dim(), out.dim());
}

macro_rules! delegate {
    ($pointer:ty) => {
        impl<F: Float, S: ScoreFunction<F> + ?Sized> ScoreFunction<F> for $pointer {
            fn dim(&self) -> usize {
                (**self).dim()
            }
            fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
                (**self).score_into(level, x, out);
            }
        }
    };
}
delegate!(&S);
delegate!(Box<S>);
delegate!(Arc<S>);

/// A score given by a closure on one point: `score(level, x, out)` with slices of length `dim`.
///
/// ```
/// use ndarray::array;
/// use onestep::{NoiseLevel, ScoreFn, ScoreFunction};
/// let s = ScoreFn::new(1, |_: NoiseLevel, x: &[f32], out: &mut [f32]| out[0] = 1.0 - x[0]);
/// assert_eq!(s.score(NoiseLevel::DATA, &array![[3.0_f32]]), array![[-2.0_f32]]);
/// ```
#[derive(Clone)]
pub struct ScoreFn<C> {
    dim: usize,
    score: C,
}

impl<C> std::fmt::Debug for ScoreFn<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScoreFn").field("dim", &self.dim).finish_non_exhaustive()
    }
}

impl<C> ScoreFn<C> {
    /// A score on ℝ^`dim` from `score(level, x, out)`.
    ///
    /// ```
    /// use onestep::{NoiseLevel, ScoreFn, ScoreFunction};
    /// let s = ScoreFn::new(3, |_: NoiseLevel, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    /// assert_eq!(s.dim(), 3);
    /// ```
    pub fn new<F>(dim: usize, score: C) -> Self
    where
        C: Fn(NoiseLevel, &[F], &mut [F]) + Send + Sync,
    {
        Self { dim, score }
    }
}

impl<F: Float, C: Fn(NoiseLevel, &[F], &mut [F]) + Send + Sync> ScoreFunction<F> for ScoreFn<C> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score", self.dim, x, out);
        let mut point = vec![F::zero(); self.dim];
        let mut value = vec![F::zero(); self.dim];
        for (row, mut to) in x.rows().into_iter().zip(out.rows_mut()) {
            point.iter_mut().zip(row).for_each(|(p, &r)| *p = r);
            (self.score)(level, &point, &mut value);
            to.iter_mut().zip(&value).for_each(|(t, &v)| *t = v);
        }
    }
}
