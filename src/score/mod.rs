//! Score functions.
//!
//! | question | take |
//! | --- | --- |
//! | I have a score as a function of a point | [`ScoreFn`]; for batches, [`ScoreFunction`] for a type of your own |
//! | … and need its derivative | [`DifferencedScore`], or [`ScoreJacobian`] for a type of your own |
//! | … in `f32` | [`AsF64`] |
//! | I have a network that predicts ε, v, D, F or a velocity, in the convention of DDPM, EDM, TrigFlow or flow matching | [`PathScore`]; the other way [`OnPath`] |
//! | What does an error of the score of known size do? | [`PerturbedScore`], with [`ErrorScale`] for the quantity the error is constant in |
//! | What posterior moments, samples and rules follow from a score? | [`Tweedie`](crate::law::Tweedie), [`ReverseDiffusion`](crate::law::ReverseDiffusion) and [`MonteCarloPosterior`](crate::law::MonteCarloPosterior) in [`law`](crate::law) |

pub(crate) mod as_f64;
mod error;
mod on_path;
mod perturbed;

pub use as_f64::AsF64;
pub use error::ScoreError;
pub use on_path::{OnPath, PathScore};
pub use perturbed::{ErrorScale, PerturbedScore};

use crate::delegate::delegate;
use crate::float::Float;
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::space::{Space, inherent_dim};
use ndarray::{Array2, ArrayRef2, ArrayView1};

/// A score s_θ(x) = ∇ log p_θ(x) of the law p_θ of X = cos θ · X₀ + sin θ · Z, exact or approximate.
///
/// # Shapes
/// Rows are points, columns coordinates: `x` and `out` are n × [`dim`](crate::Space::dim), any n ≥ 0.
///
/// # Example
/// The score of N(0, I) is −x at every level; [`ScoreFn`] turns the closure into a score.
/// ```
/// use ndarray::array;
/// use onestep::{NoiseLevel, ScoreFunction};
/// use onestep::score::ScoreFn;
/// let gaussian = ScoreFn::new(2, |_level: NoiseLevel, x: &[f64], out: &mut [f64]| {
///     for (o, x) in out.iter_mut().zip(x) { *o = -x; }
/// });
/// assert_eq!(gaussian.score(NoiseLevel::NOISE, &array![[1.0, -2.0]]), array![[-1.0, 2.0]]);
/// ```
pub trait ScoreFunction<F: Float = f64>: Space + Send + Sync {
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

/// A score with its derivative: the Hessian of ln p_θ, applied to vectors.
///
/// Implemented analytically by the built-in targets; [`DifferencedScore`] supplies it for any score by central differences.
///
/// # Shapes
/// `x`, `v` and `out` are n × [`dim`](crate::Space::dim), row by row.
pub trait ScoreJacobian<F: Float = f64>: ScoreFunction<F> {
    /// Writes ∂s_θ(x_i) v_i for every row i into `out`.
    ///
    /// # Panics
    /// `x`, `v` and `out` do not all have shape n × `dim()`.
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>);

    /// Allocating form of [`score_jvp_into`](Self::score_jvp_into).
    ///
    /// # Panics
    /// `x` and `v` do not both have shape n × `dim()`.
    fn score_jvp(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>) -> Array2<F> {
        let mut out = Array2::zeros(x.raw_dim());
        self.score_jvp_into(level, x, v, &mut out);
        out
    }

    /// ∂²s_θ(x_i)\[u_i, v_i\] of every row i: third derivatives of ln p_θ. `None` where they are not known in closed form, whatever the points.
    ///
    /// # Panics
    /// `x`, `u` and `v` do not all have shape n × `dim()`.
    fn score_second_derivative(&self, _level: NoiseLevel, _x: &ArrayRef2<F>, _u: &ArrayRef2<F>, _v: &ArrayRef2<F>) -> Option<Array2<F>> {
        None
    }
}

delegate! {
    impl[F: Float,] ScoreFunction<F> {
        fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>);
    }
}

delegate! {
    impl[F: Float,] ScoreJacobian<F> {
        fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>);
        fn score_second_derivative(&self, level: NoiseLevel, x: &ArrayRef2<F>, u: &ArrayRef2<F>, v: &ArrayRef2<F>) -> Option<Array2<F>>;
    }
}

/// A score given by a closure on one point: `score(level, x, out)` with slices of length `dim`.
///
/// ```
/// use ndarray::array;
/// use onestep::{NoiseLevel, ScoreFunction};
/// use onestep::score::ScoreFn;
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
    /// use onestep::{NoiseLevel, ScoreFunction};
    /// use onestep::score::ScoreFn;
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

impl<C> Space for ScoreFn<C> {
    fn dim(&self) -> usize {
        self.dim
    }
}

inherent_dim!([C] ScoreFn<C>);

impl<S: Space> Space for DifferencedScore<S> {
    fn dim(&self) -> usize {
        self.score.dim()
    }
}

inherent_dim!([S: Space] DifferencedScore<S>);

impl<F: Float, C: Fn(NoiseLevel, &[F], &mut [F]) + Send + Sync> ScoreFunction<F> for ScoreFn<C> {
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

/// Any score, with derivatives by central differences: ∂s(x) v ≈ (s(x + hv) − s(x − hv))/(2h).
///
/// # Accuracy
/// h = ε^{1/3} (1 + ‖x‖)/‖v‖, so the relative error is about ε^{2/3} (4e−11 in `f64`, 2e−5 in `f32`) for a score that varies on the scale
/// of 1 + ‖x‖; where it varies on a smaller scale ℓ, ((1 + ‖x‖)/ℓ)² times that. Two evaluations of the score a product.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{NoiseLevel, ScoreJacobian};
/// use onestep::score::{DifferencedScore, ScoreFn};
/// let cubic = ScoreFn::new(1, |_: NoiseLevel, x: &[f64], out: &mut [f64]| out[0] = -x[0].powi(3));
/// let jvp = DifferencedScore::new(cubic).score_jvp(NoiseLevel::DATA, &array![[2.0]], &array![[0.5]]);
/// assert!((jvp[[0, 0]] + 6.0).abs() < 1e-8); // −3x²v
/// ```
#[derive(Debug, Clone, Copy)]
pub struct DifferencedScore<S> {
    score: S,
}

impl<S> DifferencedScore<S> {
    /// Differences `score`.
    ///
    /// ```
    /// use onestep::{NoiseLevel, ScoreFunction};
    /// use onestep::score::{DifferencedScore, ScoreFn};
    /// let s = DifferencedScore::new(ScoreFn::new(3, |_: NoiseLevel, x: &[f64], out: &mut [f64]| out.copy_from_slice(x)));
    /// assert_eq!(s.dim(), 3);
    /// ```
    pub fn new(score: S) -> Self {
        Self { score }
    }
}

impl<F: Float, S: ScoreFunction<F>> ScoreFunction<F> for DifferencedScore<S> {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        self.score.score_into(level, x, out);
    }
}

impl<F: Float, S: ScoreFunction<F>> ScoreJacobian<F> for DifferencedScore<S> {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", self.score.dim(), x, out);
        assert_shapes("score_jvp", self.score.dim(), v, out);
        let norm = |row: ArrayView1<'_, F>| row.iter().map(|&c| c * c).sum::<F>().sqrt();
        let steps: Vec<F> = x
            .rows()
            .into_iter()
            .zip(v.rows())
            .map(|(x, v)| {
                let length = norm(v);
                if length > F::zero() { F::epsilon().cbrt() * (F::one() + norm(x)) / length } else { F::one() }
            })
            .collect();
        let shifted = |sign: F| Array2::from_shape_fn(x.raw_dim(), |(i, j)| x[[i, j]] + sign * steps[i] * v[[i, j]]);
        let before = self.score.score(level, &shifted(-F::one()));
        self.score.score_into(level, &shifted(F::one()), out);
        for ((mut o, b), &h) in out.rows_mut().into_iter().zip(before.rows()).zip(&steps) {
            let half = F::one() / (h + h);
            o.iter_mut().zip(b).for_each(|(o, &b)| *o = (*o - b) * half);
        }
    }
}
