//! Sampling with consistency functions: in one step, and in several.

use crate::consistency::{ConsistencyError, ConsistencyFunction};
use crate::error::{check_equal, check_range};
use crate::float::Float;
use crate::numeric::parallel;
use crate::numeric::stream::Stream;
use crate::schedule::Grid;
use ndarray::{Array2, ArrayRef2, ArrayView2, Axis};
use rand::RngCore;

/// Rows that share a random stream. Fixed, so that samples do not depend on threads.
const CHUNK: usize = 1024;

/// Numbers in a cloud, at most.
const MOST_NUMBERS: usize = 1 << 30;

/// Draws `n` samples f_T(Z), Z ~ N(0, I): one evaluation each.
///
/// Rows are drawn in chunks of 1024, each from its own stream, all seeded by one number of `rng`: the samples do not depend on the number
/// of threads.
///
/// # Errors
/// The family does not hold f_T, or a sample is not finite.
///
/// # Example
/// ```
/// use onestep::consistency::{ConsistencyFn, one_step};
/// # use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let f = ConsistencyFn::new(1, 8, |t, x: &[f64], out: &mut [f64]| out[0] = x[0] * t as f64);
/// // f_8(Z) = 8 Z; five standard errors.
/// let variance = one_step(&f, 4000, &mut rng)?.mapv(|x| x * x).mean().unwrap_or(0.0);
/// assert!((variance / 64.0 - 1.0).abs() < 5.0 * (2.0_f64 / 4000.0).sqrt());
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Li, Huang and Wei 2025, §2, arXiv 2402.07802; Song et al., "Consistency models", 2023, arXiv 2303.01469.
pub fn one_step<F, C>(f: &C, n: usize, rng: &mut dyn RngCore) -> Result<Array2<F>, ConsistencyError>
where
    F: Float,
    C: ConsistencyFunction<F> + ?Sized,
{
    Chain { first: f.steps(), returns: &[] }.draw(f, n, rng)
}

/// A return from the data to a level: X_t = keep · X_1 + noise · Z.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Return {
    level: usize,
    keep: f64,
    noise: f64,
}

/// Multi-step consistency sampling: denoise, put noise back, denoise again.
///
/// ```text
/// x ← f_T(Z);   for t in t_1 > t_2 > …:   x ← f_t( √(ᾱ_t/ᾱ_1) x + √(1 − ᾱ_t/ᾱ_1) Z' ),   fresh Z' each time.
/// ```
///
/// f_t returns samples of X_1, **not of X_0**, so noise is put back by the forward process from level 1 to level t, whose retention is
/// ᾱ_t/ᾱ_1: the variance (ᾱ_t/ᾱ_1)(1 − ᾱ_1) that X_1 already carries and the 1 − ᾱ_t/ᾱ_1 that is added make 1 − ᾱ_t. The added variance is
/// computed as sin(θ_t − θ_1) sin(θ_t + θ_1)/cos²θ_1, without cancellation.
///
/// With the exact flow maps f_t = Φ_t and X_T at its true law every iterate has the law of X_1. With approximate f_t, the error of the
/// iterate after the return to t is that of f_t alone plus the Lipschitz image of what is left of the earlier error,
/// Lip(f_t) √(ᾱ_t/ᾱ_1) times it, in any W_p: small t forgets little and errs little, large t the reverse.
///
/// # Example
/// ```
/// use onestep::Grid;
/// use onestep::consistency::{ConsistencyFn, MultiStep};
/// # use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// // Point mass at 3 seen at level 1: f_t = (sin θ_1/sin θ_t)(x − 3 cos θ_t) + 3 cos θ_1 is its exact flow map.
/// let grid = Grid::from_angles(&[0.2, 0.6, 1.0, 1.5])?;
/// let levels = grid.levels().to_vec();
/// let flow = ConsistencyFn::new(1, 4, move |t, x: &[f64], out: &mut [f64]| {
///     let (one, t) = (levels[0], levels[t - 1]);
///     out[0] = one.sin() / t.sin() * (x[0] - 3.0 * t.cos()) + 3.0 * one.cos();
/// });
/// let samples = MultiStep::new(&grid, &[3, 2])?.sample(&flow, 4000, &mut rng)?;
/// // X_1 ~ N(3 cos θ_1, sin²θ_1); what the start at N(0, 1) leaves is far below five standard errors.
/// assert!((samples.mean().unwrap_or(0.0) - 3.0 * 0.2_f64.cos()).abs() < 5.0 * 0.2_f64.sin() / 4000_f64.sqrt());
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Song et al., "Consistency models", 2023, algorithm 1, arXiv 2303.01469 (there for the variance-exploding process started at level ε).
#[derive(Debug, Clone, PartialEq)]
pub struct MultiStep {
    steps: usize,
    returns: Vec<Return>,
}

impl MultiStep {
    /// On the levels of `grid`, returning to the levels `renoise` after the first step from T; an empty list gives one-step sampling.
    ///
    /// # Errors
    /// A level outside 2..T, or a list that does not decrease strictly.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::consistency::{MultiStep, ConsistencyError};
    /// let grid = Grid::from_angles(&[0.2, 0.6, 1.0, 1.5])?;
    /// assert!(MultiStep::new(&grid, &[3, 2]).is_ok());
    /// assert!(matches!(MultiStep::new(&grid, &[2, 3]), Err(ConsistencyError::NotDecreasing { index: 2, level: 3, before: 2 })));
    /// assert!(matches!(MultiStep::new(&grid, &[4]), Err(ConsistencyError::NoSuchLevel { index: 1, level: 4, steps: 4 })));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(grid: &Grid, renoise: &[usize]) -> Result<Self, ConsistencyError> {
        let steps = grid.steps();
        let mut before = steps;
        for (index, &level) in renoise.iter().enumerate() {
            if !(2..steps).contains(&level) {
                return Err(ConsistencyError::NoSuchLevel { index: index + 1, level, steps });
            }
            if level >= before {
                return Err(ConsistencyError::NotDecreasing { index: index + 1, level, before });
            }
            before = level;
        }
        let first = grid.level(1);
        let returns = renoise.iter().map(|&t| {
            let level = grid.level(t);
            // sin(θ_t + θ_1) and sin(θ_t − θ_1).
            let sum = level.sin() * first.cos() + level.cos() * first.sin();
            let noise = (level.sin_from(first) * sum).sqrt() / first.cos();
            Return { level: t, keep: level.cos() / first.cos(), noise }
        });
        Ok(Self { steps, returns: returns.collect() })
    }

    /// Function evaluations a sample: one, and one for every return.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::consistency::MultiStep;
    /// let grid = Grid::from_angles(&[0.2, 0.6, 1.0, 1.5])?;
    /// assert_eq!(MultiStep::new(&grid, &[3, 2]).unwrap().evaluations(), 3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn evaluations(&self) -> usize {
        1 + self.returns.len()
    }

    /// Draws `n` samples, starting from Z ~ N(0, I). Rows and streams as in [`one_step`].
    ///
    /// # Errors
    /// The family has another number of levels than the grid, does not hold a level that is visited, or returns a point that is not finite.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::consistency::{ConsistencyFn, MultiStep, ConsistencyError};
    /// # use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let grid = Grid::from_angles(&[0.2, 0.6, 1.0]).unwrap();
    /// // The last function called decides: f_2 = 0 forgets everything.
    /// let zero = ConsistencyFn::new(1, 3, |t, x: &[f64], out: &mut [f64]| out[0] = if t == 2 { 0.0 } else { x[0] });
    /// assert!(MultiStep::new(&grid, &[2])?.sample(&zero, 10, &mut rng)?.iter().all(|&x: &f64| x == 0.0));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn sample<F, C>(&self, f: &C, n: usize, rng: &mut dyn RngCore) -> Result<Array2<F>, ConsistencyError>
    where
        F: Float,
        C: ConsistencyFunction<F> + ?Sized,
    {
        self.chain(f)?.draw(f, n, rng)
    }

    /// Carries given points of level T through the chain: for a start at the true law of X_T, or noise shared with another sampler.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    ///
    /// # Panics
    /// `x` does not have as many columns as the functions have dimensions.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::consistency::{ConsistencyFn, MultiStep, ConsistencyError};
    /// # use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let grid = Grid::from_angles(&[0.2, 0.6, 1.0]).unwrap();
    /// let double = ConsistencyFn::new(1, 3, |_t, x: &[f64], out: &mut [f64]| out[0] = 2.0 * x[0]);
    /// // No returns: f_T itself, nothing drawn.
    /// assert_eq!(MultiStep::new(&grid, &[])?.sample_from(&double, &array![[3.0]], &mut rng)?, array![[6.0]]);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn sample_from<F, C>(&self, f: &C, x: &ArrayRef2<F>, rng: &mut dyn RngCore) -> Result<Array2<F>, ConsistencyError>
    where
        F: Float,
        C: ConsistencyFunction<F> + ?Sized,
    {
        assert_eq!(x.ncols(), f.dim(), "sample_from: x has {} columns, the functions dimension {}", x.ncols(), f.dim());
        let chain = self.chain(f)?;
        let seed = rng.next_u64();
        let chunks: Vec<ArrayView2<'_, F>> = x.axis_chunks_iter(Axis(0), CHUNK).collect();
        let ends = parallel::map(chunks.len(), |k| chain.run(f, chunks[k].to_owned(), &mut Stream::nth(seed, k as u64)));
        collect(f.dim(), x.nrows(), ends)
    }

    fn chain<F: Float, C: ConsistencyFunction<F> + ?Sized>(&self, f: &C) -> Result<Chain<'_>, ConsistencyError> {
        check_equal("levels of the consistency function", f.steps(), "levels of the grid", self.steps)?;
        Ok(Chain { first: self.steps, returns: &self.returns })
    }
}

/// The functions to apply, in order.
struct Chain<'a> {
    first: usize,
    returns: &'a [Return],
}

impl Chain<'_> {
    fn draw<F, C>(&self, f: &C, n: usize, rng: &mut dyn RngCore) -> Result<Array2<F>, ConsistencyError>
    where
        F: Float,
        C: ConsistencyFunction<F> + ?Sized,
    {
        let dim = f.dim();
        check_range("n", n, n.checked_mul(dim.max(1)).is_some_and(|size| size <= MOST_NUMBERS), "[0, 2^30 / dimension]")?;
        let seed = rng.next_u64();
        let ends = parallel::map(n.div_ceil(CHUNK), |k| {
            let mut stream = Stream::nth(seed, k as u64);
            let rows = CHUNK.min(n - k * CHUNK);
            let start = Array2::from_shape_simple_fn((rows, dim), || F::standard_normal(&mut stream));
            self.run(f, start, &mut stream)
        });
        collect(dim, n, ends)
    }

    /// Carries one chunk through; an error counts its row from the chunk's first.
    fn run<F, C>(&self, f: &C, mut x: Array2<F>, stream: &mut Stream) -> Result<Array2<F>, ConsistencyError>
    where
        F: Float,
        C: ConsistencyFunction<F> + ?Sized,
    {
        let mut out = Array2::zeros(x.raw_dim());
        evaluate(f, self.first, &x, &mut out)?;
        for back in self.returns {
            let (keep, noise) = (F::of(back.keep), F::of(back.noise));
            x.zip_mut_with(&out, |x, &o| *x = keep * o + noise * F::standard_normal(stream));
            evaluate(f, back.level, &x, &mut out)?;
        }
        Ok(out)
    }
}

fn evaluate<F, C>(f: &C, level: usize, x: &Array2<F>, out: &mut Array2<F>) -> Result<(), ConsistencyError>
where
    F: Float,
    C: ConsistencyFunction<F> + ?Sized,
{
    if !f.holds(level) {
        return Err(ConsistencyError::NotHeld { level });
    }
    f.eval_into(level, x, out);
    match out.rows().into_iter().position(|row| row.iter().any(|v| !v.is_finite())) {
        Some(row) => Err(ConsistencyError::NotFinite { row: row + 1, level }),
        None => Ok(()),
    }
}

/// Puts the chunks under one another.
fn collect<F: Float>(dim: usize, n: usize, chunks: Vec<Result<Array2<F>, ConsistencyError>>) -> Result<Array2<F>, ConsistencyError> {
    let mut all = Array2::zeros((n, dim));
    for (k, (chunk, mut rows)) in chunks.into_iter().zip(all.axis_chunks_iter_mut(Axis(0), CHUNK)).enumerate() {
        let chunk = chunk.map_err(|error| match error {
            ConsistencyError::NotFinite { row, level } => ConsistencyError::NotFinite { row: row + k * CHUNK, level },
            other => other,
        })?;
        rows.assign(&chunk);
    }
    Ok(all)
}
