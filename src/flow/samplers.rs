//! Fixed-step samplers on a grid.

use crate::float::Float;
use crate::flow::error::FlowError;
use crate::flow::field::{Field, ScoreField};
use crate::flow::tableau::Tableau;
use crate::level::NoiseLevel;
use crate::schedule::Grid;
use crate::score::ScoreFunction;
use ndarray::{Array2, ArrayRef2};

/// The fixed-step samplers people use, run on the levels θ_T, …, θ_1 of a grid.
///
/// With u(θ, x) = −tan θ (x + s_θ(x)) the velocity of the probability flow:
///
/// - `Euler`: X_{t−1} = X_t − Δθ_t u(θ_t, X_t), order 1;
/// - `Heun`: the mean of the velocities at both ends, order 2, two score evaluations a step;
/// - `RungeKutta`: any explicit method, one step a grid interval;
/// - `Ddim`: X_{t−1} = (sin θ_{t−1} X_t + sin Δθ_t D(X_t))/sin θ_t, the deterministic sampler (η = 0) of Song, Meng and Ermon. It is
///   the rotation X_{t−1} = cos Δθ_t X_t − sin Δθ_t u(θ_t, X_t), order 1, exact where D is constant along the step, and what consistency
///   training averages over.
///
/// # Accuracy
/// At the noise end itself (cos θ_T < ε^{1/3}) the velocity is taken ε^{1/3} radians away from it, see
/// [`FlowSolver`](crate::flow::FlowSolver).
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::VarianceSchedule;
/// use onestep::flow::FixedStep;
/// use onestep::law::PointMasses;
/// use onestep::schedule::UniformAngle;
/// // To a single point, DDIM is exact in one step: X_1 = cos θ_1 a + sin θ_1 Z.
/// let target = PointMasses::new(&[1.0], &array![[3.0, -1.0]])?;
/// let grid = UniformAngle::new(2, 0.1, 1.5)?.grid()?;
/// let z = array![[0.4, 0.7]];
/// let start = array![[3.0, -1.0]] * 1.5f64.cos() + &z * 1.5f64.sin();
/// let end = FixedStep::Ddim.sample(&target, &grid, &start)?;
/// let exact = array![[3.0, -1.0]] * 0.1f64.cos() + &z * 0.1f64.sin();
/// assert!((end - exact).iter().all(|gap: &f64| gap.abs() < 1e-14));
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Song, Meng and Ermon, "Denoising diffusion implicit models", 2021, eq. (12), arXiv 2010.02502; Karras et al. 2022, algorithm 1,
/// arXiv 2206.00364 (Heun).
#[doc(alias = "DDIM")]
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum FixedStep {
    /// Euler's method in the angle.
    Euler,
    /// Heun's method in the angle.
    Heun,
    /// The explicit Runge–Kutta method of a tableau.
    RungeKutta(Tableau),
    /// DDIM with η = 0.
    #[doc(alias = "DDIM")]
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
    /// use onestep::VarianceSchedule;
    /// use onestep::flow::FixedStep;
    /// use onestep::law::Gaussian;
    /// use onestep::schedule::UniformAngle;
    /// // N(0, I): the velocity is 0, Euler and Heun stay; DDIM rotates, shrinking by cos Δθ a step.
    /// let (target, x) = (Gaussian::standard(1)?, array![[1.0]]);
    /// let grid = UniformAngle::new(3, 0.5, 1.5)?.grid()?;
    /// assert!((FixedStep::Heun.sample(&target, &grid, &x)?[[0, 0]] - 1.0_f64).abs() < 1e-14);
    /// assert!((FixedStep::Ddim.sample(&target, &grid, &x)?[[0, 0]] - 0.5f64.cos().powi(2)).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn sample<F: Float, S: ScoreFunction<F> + ?Sized>(self, score: &S, grid: &Grid, x: &ArrayRef2<F>) -> Result<Array2<F>, FlowError> {
        assert_eq!(x.ncols(), score.dim(), "sample: x has {} columns, the score dimension {}", x.ncols(), score.dim());
        let field = ScoreField { score };
        let mut x = x.to_owned();
        let mut stages = vec![Array2::zeros(x.raw_dim()); self.tableau().stages()];
        for t in (2..=grid.steps()).rev() {
            field.velocity(grid.level(t), &x, &mut stages[0]);
            if self == Self::Ddim {
                let (cos_delta, sin_delta) = (F::of(grid.delta(t).cos()), F::of(grid.sin_delta(t)));
                x.zip_mut_with(&stages[0], |x, &u| *x = cos_delta * *x - sin_delta * u);
            } else {
                runge_kutta_step(&field, self.tableau(), grid, t, &mut x, &mut stages);
            }
            if let Some(row) = x.rows().into_iter().position(|row| row.iter().any(|v| !v.is_finite())) {
                return Err(FlowError::PointNotFinite { row: row + 1, t });
            }
        }
        Ok(x)
    }

    /// The method's tableau; DDIM evaluates the velocity where Euler does.
    fn tableau(self) -> Tableau {
        match self {
            Self::Euler | Self::Ddim => Tableau::EULER,
            Self::Heun => Tableau::HEUN,
            Self::RungeKutta(tableau) => tableau,
        }
    }
}

/// x − Δθ Σ_i a_i k_i.
fn back_by<F: Float>(x: &Array2<F>, delta: f64, coefficients: &[f64], stages: &[Array2<F>]) -> Array2<F> {
    let mut out = x.clone();
    for (&a, stage) in coefficients.iter().zip(stages).filter(|(a, _)| **a != 0.0) {
        out.scaled_add(F::of(-delta * a), stage);
    }
    out
}

/// One step from level t to t − 1; the first stage is given.
fn runge_kutta_step<F: Float>(field: &impl Field<F>, method: Tableau, grid: &Grid, t: usize, x: &mut Array2<F>, stages: &mut [Array2<F>]) {
    let delta = grid.delta(t);
    for i in 1..method.stages() {
        let node = method.nodes()[i];
        let level = if node == 1.0 { grid.level(t - 1) } else { between(grid, t, node) };
        let point = back_by(x, delta, method.matrix()[i], stages);
        field.velocity(level, &point, &mut stages[i]);
    }
    *x = back_by(x, delta, method.weights(), stages);
}

/// The level at θ_t − c Δθ_t, counted from the nearer end of the path.
fn between(grid: &Grid, t: usize, c: f64) -> NoiseLevel {
    let (now, back) = (grid.level(t), c * grid.delta(t));
    let level =
        if now.cos() < now.sin() { NoiseLevel::from_co_angle(now.co_angle() + back) } else { NoiseLevel::from_angle(now.angle() - back) };
    level.unwrap_or(now)
}
