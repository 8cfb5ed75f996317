//! The forward process.
//!
//! | question | take |
//! | --- | --- |
//! | Draws of X_t from data | [`ForwardProcess::marginal`] |
//! | Draws of X_t from X_{t−1} | [`ForwardProcess::step`] |
//! | The pair (X_{t−1}, X_t) that consistency training regresses on | [`ForwardProcess::draw_pair`], or [`ForwardProcess::shared_noise_pair`] from given data and noise |

use crate::float::Float;
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::schedule::Grid;
use ndarray::{Array2, ArrayRef2, Zip};
use rand::RngCore;

/// The forward process X_t = √(1−β_t) X_{t−1} + √β_t W_t on a grid, whose marginals are X_t = cos θ_t X_0 + sin θ_t Z
/// (Li, Huang and Wei 2025, eqs. (5), (7), arXiv 2402.07802).
///
/// Coefficients are computed in `f64` from the grid's sines and cosines, so both ends are exact, and rounded once to `F`.
///
/// # Shapes
/// Rows are samples; every array of a call has the same shape n × d, any n and d.
///
/// # Example
/// Two levels driven by the same X_0 and Z lie on a circle: X_{t−1} is a rotation of X_t towards X_0,
/// X_{t−1} = (sin θ_{t−1} X_t + sin Δθ_t X_0)/sin θ_t.
/// ```
/// use ndarray::array;
/// use onestep::{ForwardProcess, Grid};
/// let grid = Grid::from_angles(&[0.3, 0.7])?;
/// let process = ForwardProcess::new(&grid);
/// let (x0, z) = (array![[1.5, -2.0]], array![[0.2, 0.9]]);
/// let pair = process.shared_noise_pair(2, &x0, &z);
/// let rotated = (&pair.now * 0.3f64.sin() + &x0 * 0.4f64.sin()) / 0.7f64.sin();
/// assert!((rotated - &pair.before).iter().all(|gap| gap.abs() < 1e-15));
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ForwardProcess<'g> {
    grid: &'g Grid,
}

/// (X_{t−1}, X_t) made from the same X_0 and the same Z: what consistency training regresses on.
///
/// ```
/// use ndarray::array;
/// use onestep::{ForwardProcess, Grid};
/// let grid = Grid::from_angles(&[0.3, 0.7]).unwrap();
/// let pair = ForwardProcess::new(&grid).shared_noise_pair(1, &array![[2.0]], &array![[5.0]]);
/// assert_eq!(pair.before, array![[2.0]]); // θ_0 = 0 is the data
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SharedNoisePair<F> {
    /// X_{t−1}.
    pub before: Array2<F>,
    /// X_t.
    pub now: Array2<F>,
}

/// Writes a·x + b·y into `out`.
fn combine_into<F: Float>(what: &str, (a, x): (f64, &ArrayRef2<F>), (b, y): (f64, &ArrayRef2<F>), out: &mut ArrayRef2<F>) {
    assert_shapes(what, x.ncols(), x, out);
    assert_shapes(what, x.ncols(), y, out);
    let (a, b) = (F::of(a), F::of(b));
    Zip::from(out).and(x).and(y).for_each(|o, &x, &y| *o = a * x + b * y);
}

/// Writes a·x + b·(fresh noise) into `out`, drawing row by row.
fn perturb_into<F: Float>(what: &str, a: f64, x: &ArrayRef2<F>, b: f64, rng: &mut dyn RngCore, out: &mut ArrayRef2<F>) {
    assert_shapes(what, x.ncols(), x, out);
    let (a, b) = (F::of(a), F::of(b));
    Zip::from(out.rows_mut()).and(x.rows()).for_each(|mut to, from| {
        to.iter_mut().zip(from).for_each(|(o, &x)| *o = a * x + b * F::standard_normal(rng));
    });
}

impl<'g> ForwardProcess<'g> {
    /// The process on a grid.
    ///
    /// ```
    /// use onestep::{ForwardProcess, Grid};
    /// let grid = Grid::from_angles(&[0.3, 0.7]).unwrap();
    /// assert_eq!(ForwardProcess::new(&grid).grid().steps(), 2);
    /// ```
    #[must_use]
    pub fn new(grid: &'g Grid) -> Self {
        Self { grid }
    }

    /// The grid.
    ///
    /// ```
    /// use onestep::{ForwardProcess, Grid};
    /// let grid = Grid::from_angles(&[0.3, 0.7]).unwrap();
    /// assert_eq!(ForwardProcess::new(&grid).grid(), &grid);
    /// ```
    #[must_use]
    pub fn grid(&self) -> &'g Grid {
        self.grid
    }

    /// Draws X_t = cos θ_t X_0 + sin θ_t Z with fresh noise for every row of `x0`, for t in 0..=T.
    ///
    /// # Panics
    /// `t` > T, or the shapes differ.
    ///
    /// ```
    /// use ndarray::{Array2, array};
    /// use onestep::{ForwardProcess, Grid};
    /// let grid = Grid::from_angles(&[0.3, 0.7]).unwrap();
    /// let mut out = Array2::zeros((1, 2));
    /// let mut rng = rand_chacha::ChaCha8Rng::from_seed([0; 32]);
    /// # use rand::SeedableRng;
    /// ForwardProcess::new(&grid).marginal_into(0, &array![[1.0, 2.0]], &mut rng, &mut out);
    /// assert_eq!(out, array![[1.0, 2.0]]); // t = 0 is the data
    /// ```
    pub fn marginal_into<F: Float>(&self, t: usize, x0: &ArrayRef2<F>, rng: &mut dyn RngCore, out: &mut ArrayRef2<F>) {
        let level = self.grid.level(t);
        perturb_into("marginal", level.cos(), x0, level.sin(), rng, out);
    }

    /// Allocating form of [`marginal_into`](Self::marginal_into).
    ///
    /// # Panics
    /// `t` > T.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use onestep::{ForwardProcess, Grid};
    /// # use rand::SeedableRng;
    /// let grid = Grid::from_angles(&[0.3, 0.7]).unwrap();
    /// let mut rng = rand_chacha::ChaCha8Rng::from_seed([0; 32]);
    /// let x = ForwardProcess::new(&grid).marginal(2, &Array2::<f64>::zeros((4000, 1)), &mut rng);
    /// // From X_0 = 0 the variance is sin²θ; five standard errors.
    /// let variance = x.mapv(|x| x * x).mean().unwrap() / 0.7f64.sin().powi(2);
    /// assert!((variance - 1.0).abs() < 5.0 * (2.0_f64 / 4000.0).sqrt());
    /// ```
    #[must_use]
    pub fn marginal<F: Float>(&self, t: usize, x0: &ArrayRef2<F>, rng: &mut dyn RngCore) -> Array2<F> {
        let mut out = Array2::zeros(x0.raw_dim());
        self.marginal_into(t, x0, rng, &mut out);
        out
    }

    /// Draws one step X_t = √(1−β_t) X_{t−1} + √β_t W_t with fresh W_t for every row of `x`, for t in 1..=T.
    ///
    /// √(1−β_t) is computed as cos θ_t/cos θ_{t−1}.
    ///
    /// # Panics
    /// `t` outside 1..=T, or the shapes differ.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use onestep::{ForwardProcess, Grid};
    /// # use rand::SeedableRng;
    /// // At the noise end β = 1: nothing is left of the start.
    /// let grid = Grid::from_angles(&[0.3, std::f64::consts::FRAC_PI_2]).unwrap();
    /// let draw = |x: f64| {
    ///     let mut out = Array2::zeros((1, 1));
    ///     let mut rng = rand_chacha::ChaCha8Rng::from_seed([0; 32]);
    ///     ForwardProcess::new(&grid).step_into(2, &Array2::from_elem((1, 1), x), &mut rng, &mut out);
    ///     out[[0, 0]]
    /// };
    /// assert_eq!(draw(5.0), draw(-7.0));
    /// ```
    pub fn step_into<F: Float>(&self, t: usize, x: &ArrayRef2<F>, rng: &mut dyn RngCore, out: &mut ArrayRef2<F>) {
        let retention = self.grid.level(t).cos() / self.grid.level(t - 1).cos();
        perturb_into("step", retention, x, self.grid.beta(t).sqrt(), rng, out);
    }

    /// Allocating form of [`step_into`](Self::step_into).
    ///
    /// # Panics
    /// `t` outside 1..=T.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use onestep::{ForwardProcess, Grid};
    /// # use rand::SeedableRng;
    /// let grid = Grid::from_betas(vec![0.1, 0.36]).unwrap();
    /// let mut rng = rand_chacha::ChaCha8Rng::from_seed([0; 32]);
    /// let x = ForwardProcess::new(&grid).step(2, &Array2::from_elem((4000, 1), 10.0_f64), &mut rng);
    /// // The mean is √0.64 · 10; five standard errors of √0.36.
    /// assert!((x.mean().unwrap() - 8.0).abs() < 5.0 * 0.6 / 4000f64.sqrt());
    /// ```
    #[must_use]
    pub fn step<F: Float>(&self, t: usize, x: &ArrayRef2<F>, rng: &mut dyn RngCore) -> Array2<F> {
        let mut out = Array2::zeros(x.raw_dim());
        self.step_into(t, x, rng, &mut out);
        out
    }

    /// Writes X_{t−1} and X_t made from the given X_0 and Z, the same in both, for t in 1..=T.
    ///
    /// # Panics
    /// `t` outside 1..=T, or the shapes differ.
    ///
    /// ```
    /// use ndarray::{Array2, array};
    /// use onestep::{ForwardProcess, Grid};
    /// let grid = Grid::from_angles(&[0.3, 0.7]).unwrap();
    /// let (mut before, mut now) = (Array2::zeros((1, 1)), Array2::zeros((1, 1)));
    /// ForwardProcess::new(&grid).shared_noise_pair_into(2, &array![[0.0]], &array![[1.0]], &mut before, &mut now);
    /// assert_eq!((before[[0, 0]], now[[0, 0]]), (0.3f64.sin(), 0.7f64.sin()));
    /// ```
    pub fn shared_noise_pair_into<F: Float>(
        &self,
        t: usize,
        x0: &ArrayRef2<F>,
        z: &ArrayRef2<F>,
        before: &mut ArrayRef2<F>,
        now: &mut ArrayRef2<F>,
    ) {
        let at = |level: NoiseLevel, out: &mut ArrayRef2<F>| combine_into("shared noise", (level.cos(), x0), (level.sin(), z), out);
        at(self.grid.level(t - 1), before);
        at(self.grid.level(t), now);
    }

    /// Allocating form of [`shared_noise_pair_into`](Self::shared_noise_pair_into).
    ///
    /// # Panics
    /// `t` outside 1..=T, or the shapes differ.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{ForwardProcess, Grid};
    /// let grid = Grid::from_angles(&[0.3, 0.7]).unwrap();
    /// let pair = ForwardProcess::new(&grid).shared_noise_pair(2, &array![[1.0]], &array![[0.0]]);
    /// assert_eq!((pair.before[[0, 0]], pair.now[[0, 0]]), (0.3f64.cos(), 0.7f64.cos()));
    /// ```
    #[must_use]
    pub fn shared_noise_pair<F: Float>(&self, t: usize, x0: &ArrayRef2<F>, z: &ArrayRef2<F>) -> SharedNoisePair<F> {
        let (mut before, mut now) = (Array2::zeros(x0.raw_dim()), Array2::zeros(x0.raw_dim()));
        self.shared_noise_pair_into(t, x0, z, &mut before, &mut now);
        SharedNoisePair { before, now }
    }

    /// Draws Z and makes the pair (X_{t−1}, X_t) from it, for t in 1..=T.
    ///
    /// # Panics
    /// `t` outside 1..=T.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use onestep::{ForwardProcess, Grid};
    /// # use rand::SeedableRng;
    /// let grid = Grid::from_angles(&[0.3, 0.7]).unwrap();
    /// let mut rng = rand_chacha::ChaCha8Rng::from_seed([0; 32]);
    /// let pair = ForwardProcess::new(&grid).draw_pair(2, &Array2::<f64>::zeros((5, 2)), &mut rng);
    /// // With X_0 = 0 the two are proportional: the noise is shared.
    /// let ratio = 0.7f64.sin() / 0.3f64.sin();
    /// assert!((&pair.before * ratio - &pair.now).iter().all(|gap| gap.abs() < 1e-15 * 10.0));
    /// ```
    #[must_use]
    pub fn draw_pair<F: Float>(&self, t: usize, x0: &ArrayRef2<F>, rng: &mut dyn RngCore) -> SharedNoisePair<F> {
        let z = Array2::from_shape_simple_fn(x0.raw_dim(), || F::standard_normal(rng));
        self.shared_noise_pair(t, x0, &z)
    }
}
