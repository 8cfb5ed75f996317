//! Fixed-step samplers on a grid.

use super::field::{Field, ScoreField};
use crate::{Float, Grid, ScoreFunction};
use ndarray::{Array2, ArrayRef2, Zip};

/// Why a sampler stopped.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SamplerError {
    /// A point became NaN or infinite.
    #[error("row {row} is not finite after the step from level {t}")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The level t the step started from.
        t: usize,
    },
}

/// The fixed-step samplers people use, run on the levels θ_T, …, θ_1 of a grid.
///
/// With u(θ, x) = −tan θ (x + s_θ(x)) the velocity of the probability flow:
///
/// - `Euler`: X_{t−1} = X_t − Δθ_t u(θ_t, X_t), order 1;
/// - `Heun`: the mean of the velocities at both ends, order 2, two score evaluations a step;
/// - `Ddim`: X_{t−1} = (sin θ_{t−1} X_t + sin Δθ_t D(X_t))/sin θ_t, the deterministic sampler (η = 0) of Song, Meng and Ermon. It is
///   the rotation X_{t−1} = cos Δθ_t X_t − sin Δθ_t u(θ_t, X_t), order 1, exact where D is constant along the step, and what consistency
///   training averages over.
///
/// # Accuracy
/// At the noise end itself (cos θ_T < ε^{1/3}) the velocity is taken ε^{1/3} radians away from it, see
/// [`FlowSolver`](crate::FlowSolver).
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{FixedStep, PointMasses, UniformAngle, VarianceSchedule};
/// // To a single point, DDIM is exact in one step: X_1 = cos θ_1 a + sin θ_1 Z.
/// let target = PointMasses::new(&[1.0], &array![[3.0, -1.0]])?;
/// let grid = UniformAngle::new(2, 0.1, 1.5)?.grid()?;
/// let z = array![[0.4, 0.7]];
/// let start = array![[3.0, -1.0]] * 1.5f64.cos() + &z * 1.5f64.sin();
/// let end = FixedStep::Ddim.sample(&target, &grid, &start)?;
/// let exact = array![[3.0, -1.0]] * 0.1f64.cos() + &z * 0.1f64.sin();
/// assert!((end - exact).iter().all(|gap: &f64| gap.abs() < 1e-14));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Song, Meng and Ermon, "Denoising diffusion implicit models", 2021, eq. (12), arXiv 2010.02502; Karras et al. 2022, algorithm 1,
/// arXiv 2206.00364 (Heun).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FixedStep {
    /// Euler's method in the angle.
    Euler,
    /// Heun's method in the angle.
    Heun,
    /// DDIM with η = 0.
    Ddim,
}

impl FixedStep {
    /// Carries every row of `x` from level T down to level 1.
    ///
    /// # Errors
    /// A point became NaN or infinite, as it does when the score is.
    ///
    /// # Panics
    /// `x` does not have as many columns as the score has dimensions.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{FixedStep, Gaussian, UniformAngle, VarianceSchedule};
    /// // N(0, I): the velocity is 0, Euler and Heun stay; DDIM rotates, shrinking by cos Δθ a step.
    /// let (target, x) = (Gaussian::standard(1)?, array![[1.0]]);
    /// let grid = UniformAngle::new(3, 0.5, 1.5)?.grid()?;
    /// assert_eq!(FixedStep::Heun.sample(&target, &grid, &x)?, x);
    /// assert!((FixedStep::Ddim.sample(&target, &grid, &x)?[[0, 0]] - 0.5f64.cos().powi(2)).abs() < 1e-15);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sample<F: Float, S: ScoreFunction<F> + ?Sized>(
        self,
        score: &S,
        grid: &Grid,
        x: &ArrayRef2<F>,
    ) -> Result<Array2<F>, SamplerError> {
        assert_eq!(x.ncols(), score.dim(), "sample: x has {} columns, the score dimension {}", x.ncols(), score.dim());
        let field = ScoreField { score };
        let mut x = x.to_owned();
        let (mut first, mut second, mut trial) = (Array2::zeros(x.raw_dim()), Array2::zeros(x.raw_dim()), Array2::zeros(x.raw_dim()));
        for t in (2..=grid.steps()).rev() {
            field.velocity(grid.level(t), &x, &mut first);
            let (delta, sin_delta) = (F::of(grid.delta(t)), F::of(grid.sin_delta(t)));
            match self {
                Self::Euler => x.zip_mut_with(&first, |x, &u| *x -= delta * u),
                Self::Ddim => {
                    let cos_delta = F::of(grid.delta(t).cos());
                    x.zip_mut_with(&first, |x, &u| *x = cos_delta * *x - sin_delta * u);
                }
                Self::Heun => {
                    Zip::from(&mut trial).and(&x).and(&first).for_each(|y, &x, &u| *y = x - delta * u);
                    field.velocity(grid.level(t - 1), &trial, &mut second);
                    let half = delta * F::of(0.5);
                    Zip::from(&mut x).and(&first).and(&second).for_each(|x, &a, &b| *x -= half * (a + b));
                }
            }
            if let Some(row) = x.rows().into_iter().position(|row| row.iter().any(|v| !v.is_finite())) {
                return Err(SamplerError::NotFinite { row, t });
            }
        }
        Ok(x)
    }
}
