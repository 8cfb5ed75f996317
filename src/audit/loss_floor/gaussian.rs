//! Loss floors of a Gaussian, in closed form.

use crate::audit::AuditError;
use crate::audit::loss_floor::levels::factor;
use crate::audit::loss_floor::report::{FloorLevel, LossFloorReport};
use crate::error::check_range;
use crate::estimate::Estimate;
use crate::law::Gaussian;
use crate::path::{GaussianPath, Path, Prediction};
use crate::schedule::Grid;

/// The floors of [`LossFloor`](crate::audit::LossFloor) for N(m, Σ), in closed form: sums over the eigenvalues of Σ.
///
/// With eigenvalue s and v_θ = cos²θ s + sin²θ: Var(X_0 | X_θ) = sin²θ s/v_θ, Φ'_{t→r} = √(v_r/v_t), and the optimum of training has the gain
/// g_t = g_{t−1} Cov(X_{t−1}, X_t)/v_t.
///
/// # Example
/// ```
/// use onestep::Grid;
/// use onestep::audit::GaussianFloor;
/// use onestep::law::{Covariance, Gaussian};
/// let law = Gaussian::new(&[0.0], Covariance::isotropic(1, 0.25)?)?;
/// let grid = Grid::from_angles(&[0.1, 1.5])?;
/// assert!((GaussianFloor::new(&law, &grid).mean_flow(0.2, 0.8)? - 0.11834).abs() < 5e-6);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct GaussianFloor<'a> {
    law: &'a Gaussian,
    grid: &'a Grid,
}

/// Rounding of a sum of a few products, relative.
const ROUNDING: f64 = 1e-14;

impl<'a> GaussianFloor<'a> {
    /// The floors of `law` along `grid`.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::GaussianFloor;
    /// use onestep::law::Gaussian;
    /// let (law, grid) = (Gaussian::standard(3)?, Grid::from_angles(&[0.1, 1.5])?);
    /// assert!((GaussianFloor::new(&law, &grid).continuous().levels[0].floor.value - 3.0).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(law: &'a Gaussian, grid: &'a Grid) -> Self {
        Self { law, grid }
    }

    /// As [`LossFloor::denoising`](crate::audit::LossFloor::denoising).
    ///
    /// # Errors
    /// The path does not reach a level, or the prediction is not determined there.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::GaussianFloor;
    /// use onestep::law::Gaussian;
    /// use onestep::path::{Path, Prediction};
    /// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.3, 1.5])?);
    /// let floor = GaussianFloor::new(&law, &grid).denoising(&Path::vp(), Prediction::Denoised)?;
    /// assert!((floor.levels[0].floor.value - 0.3f64.sin().powi(2)).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn denoising(&self, path: &dyn GaussianPath, prediction: Prediction) -> Result<LossFloorReport, AuditError> {
        let levels = (1..=self.grid.steps()).map(|t| {
            let level = self.grid.level(t);
            let factor = factor(path.on(level)?, prediction)?;
            Ok(self.level(t, factor * self.trace(|s| level.posterior_variance(s))))
        });
        Ok(LossFloorReport::new(levels.collect::<Result<_, AuditError>>()?))
    }

    /// As [`LossFloor::consistency`](crate::audit::LossFloor::consistency), with the population optimum.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::GaussianFloor;
    /// use onestep::law::Gaussian;
    /// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.2, 0.7])?);
    /// let floor = GaussianFloor::new(&law, &grid).consistency().levels[0].floor.value;
    /// assert!((floor - 0.5f64.sin().powi(2)).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn consistency(&self) -> LossFloorReport {
        let mut gains: Vec<(f64, usize, f64)> = self.law.covariance().eigenvalues().map(|(s, n)| (s, n, 1.0)).collect();
        let levels = (2..=self.grid.steps()).map(|t| {
            let (before, now) = (self.grid.level(t - 1), self.grid.level(t));
            let turn = self.grid.sin_delta(t) / now.sin();
            let mut floor = 0.0;
            for (s, n, gain) in &mut gains {
                floor += *n as f64 * (*gain * turn).powi(2) * now.posterior_variance(*s);
                *gain *= now.over_noisy(before.cos() * now.cos() * *s + before.sin() * now.sin(), *s);
            }
            self.level(t, floor)
        });
        LossFloorReport::new(levels.collect())
    }

    /// As [`LossFloor::continuous`](crate::audit::LossFloor::continuous).
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::GaussianFloor;
    /// use onestep::law::{Covariance, Gaussian};
    /// let law = Gaussian::new(&[0.0], Covariance::isotropic(1, 4.0)?)?;
    /// let grid = Grid::from_angles(&[1e-8, 0.7])?;
    /// // At the data end the flow is the identity and X_0 given X_θ is nearly known: Cov(X_0 | X_θ)/sin²θ → 1.
    /// assert!((GaussianFloor::new(&law, &grid).continuous().levels[0].floor.value - 1.0).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn continuous(&self) -> LossFloorReport {
        let first = self.grid.level(1);
        let levels = (1..=self.grid.steps()).map(|t| {
            let level = self.grid.level(t);
            // Φ'² Var(X_0 | X_t)/sin²θ_t = (v_1/v_t)(s/v_t).
            self.level(t, self.trace(|s| level.over_noisy(first.noisy_variance(s), s) * level.over_noisy(s, s)))
        });
        LossFloorReport::new(levels.collect())
    }

    /// As [`LossFloor::mean_flow`](crate::audit::LossFloor::mean_flow): (v_r/v_t) s/v_t with v_s = (1−s)² λ + s² of the linear path.
    ///
    /// # Errors
    /// Not 0 ≤ r ≤ t ≤ 1, or t = 0.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::GaussianFloor;
    /// use onestep::law::Gaussian;
    /// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.1, 1.5])?);
    /// // N(0, 1) at r = t = 1/2: Z − X_0 is independent of (X_0 + Z)/2.
    /// assert!((GaussianFloor::new(&law, &grid).mean_flow(0.5, 0.5)? - 2.0).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn mean_flow(&self, r: f64, t: f64) -> Result<f64, AuditError> {
        check_range("t", t, t > 0.0 && t <= 1.0, "(0, 1]")?;
        check_range("r", r, r >= 0.0 && r <= t, "[0, t]")?;
        let (from, to) = (Path::linear().place(t)?, Path::linear().place(r)?);
        let scale = to.scale() / from.scale() / t;
        let (from, to) = (from.level(), to.level());
        Ok(scale * scale * self.trace(|s| from.over_noisy(to.noisy_variance(s), s) * from.posterior_variance(s)))
    }

    fn trace(&self, of: impl Fn(f64) -> f64) -> f64 {
        self.law.covariance().eigenvalues().map(|(s, n)| n as f64 * of(s)).sum()
    }

    fn level(&self, t: usize, floor: f64) -> FloorLevel {
        let level = self.grid.level(t);
        let floor = Estimate::computed(floor, ROUNDING * floor.abs(), 1);
        FloorLevel { step: t, angle: level.angle(), sigma: level.sigma(), delta: self.grid.delta(t), floor, quadrature_error: None }
    }
}
