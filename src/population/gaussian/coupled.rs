//! Data and noise that are jointly Gaussian and correlated.

use crate::bound::mean_norm;
use crate::error::{OutOfRange, check_range};
use crate::level::NoiseLevel;
use crate::population::PopulationError;
use crate::schedule::Grid;
use std::f64::consts::FRAC_PI_4;

/// Population consistency training of N(0, λI) where X_0 and Z, coordinate by coordinate, are jointly Gaussian with correlation ρ.
///
/// Everything stays linear: the gain of f_T against the flow map is the product of the correlations of X_t and X_{t−1}. All X_t lie in one
/// plane, where data and noise are arccos ρ apart, so it is Π cos Δφ_t with
///
/// ```math
/// \tan\varphi_\theta = \frac{\sqrt{1-\rho^2}\,\sin\theta}{\sqrt\lambda\cos\theta + \rho\sin\theta} .
/// ```
///
/// Over all schedules of T levels from data to noise 1 − gain is smallest at equal angles φ in that plane, where it is
/// 1 − cos^{T−1}(arccos ρ/(T−1)) ≈ ½ arccos²ρ/(T−1), whatever λ. ρ = 0 is the independent coupling of the theory; pairs that lie close by,
/// ρ > 0, need fewer steps. For a Gaussian with several eigenvalues this holds for each.
///
/// # Units
/// λ is a variance; ρ a correlation in (−1, 1); angles in radians.
///
/// # Example
/// ```
/// use onestep::Grid;
/// use onestep::population::CoupledGaussian;
/// let grid = Grid::from_angles(&[0.1, 0.6, 1.1, 1.5])?;
/// let independent = CoupledGaussian::new(1.0, 0.0)?;
/// // Without correlation the angle is that of the noise level.
/// assert!((independent.shortfall(&grid) - (1.0 - 0.5f64.cos().powi(2) * 0.4f64.cos())).abs() < 1e-15);
/// assert!(CoupledGaussian::new(1.0, 0.7)?.shortfall(&grid) < 0.3 * independent.shortfall(&grid));
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Derived in THEORY 6.5 (`docs/theory.md`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoupledGaussian {
    /// √λ.
    std: f64,
    correlation: f64,
    /// √(1 − ρ²).
    across: f64,
}

impl CoupledGaussian {
    /// From λ in [1e−100, 1e100] and ρ in (−1, 1).
    ///
    /// # Errors
    /// A number outside its range, or NaN.
    ///
    /// ```
    /// use onestep::population::CoupledGaussian;
    /// assert!(CoupledGaussian::new(1.0, 1.0).is_err() && CoupledGaussian::new(1.0, -1.0).is_err());
    /// assert!(CoupledGaussian::new(0.0, 0.5).is_err() && CoupledGaussian::new(1.0, f64::NAN).is_err());
    /// ```
    pub fn new(variance: f64, correlation: f64) -> Result<Self, PopulationError> {
        check_range("variance", variance, (1e-100..=1e100).contains(&variance), "[1e-100, 1e100]")?;
        check_range("correlation", correlation, correlation > -1.0 && correlation < 1.0, "(-1, 1)")?;
        let across = ((1.0 - correlation) * (1.0 + correlation)).sqrt();
        Ok(Self { std: variance.sqrt(), correlation, across })
    }

    /// X_θ in the plane: along the data, and across.
    fn place(&self, level: NoiseLevel) -> (f64, f64) {
        (self.std * level.cos() + self.correlation * level.sin(), self.across * level.sin())
    }

    /// φ_θ, the angle between the data and X_θ: from 0 to arccos ρ.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::population::CoupledGaussian;
    /// let law = CoupledGaussian::new(4.0, 0.3)?;
    /// assert!((law.angle(NoiseLevel::NOISE) - 0.3f64.acos()).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn angle(&self, level: NoiseLevel) -> f64 {
        let (along, across) = self.place(level);
        across.atan2(along)
    }

    /// Var X_θ = λ cos²θ + sin²θ + 2ρ√λ sin θ cos θ, of one coordinate.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::population::CoupledGaussian;
    /// let law = CoupledGaussian::new(1.0, 0.5)?;
    /// assert!((law.variance(NoiseLevel::from_angle(std::f64::consts::FRAC_PI_4)?) - 1.5).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn variance(&self, level: NoiseLevel) -> f64 {
        let (along, across) = self.place(level);
        along * along + across * across
    }

    /// 1 − gain = 1 − Π cos Δφ_t: what f_T loses of the standard deviation of X_1. To about 13 digits at any T.
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::population::CoupledGaussian;
    /// use onestep::schedule::UniformAngle;
    /// let grid = UniformAngle::new(10_001, 1e-9, std::f64::consts::FRAC_PI_2)?.grid()?;
    /// let scaled = 1e4 * CoupledGaussian::new(1.0, 0.3)?.shortfall(&grid);
    /// assert!((scaled - 0.80679).abs() < 1e-4);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn shortfall(&self, grid: &Grid) -> f64 {
        let (mut ln_gain, mut sign) = (0.0, 1.0);
        let mut before = self.place(grid.level(1));
        for t in 2..=grid.steps() {
            let here = self.place(grid.level(t));
            let lengths = before.0.hypot(before.1) * here.0.hypot(here.1);
            let cos = (before.0 / lengths).mul_add(here.0, before.1 / lengths * here.1);
            if cos > 0.5 {
                // sin Δφ without cancellation, however short the step.
                let sin = self.std * self.across * grid.sin_delta(t) / lengths;
                ln_gain += 0.5 * (-sin * sin).ln_1p();
            } else {
                ln_gain += cos.abs().ln();
                sign *= cos.signum();
            }
            before = here;
        }
        if sign > 0.0 { -ln_gain.exp_m1() } else { 1.0 + ln_gain.exp() }
    }

    /// W_1(f_T(X_T), X_1) in dimension `dim`, X_T at its true law: the difference of two isotropic standard deviations times E‖Z‖.
    ///
    /// # Errors
    /// `dim` is 0.
    ///
    /// ```
    /// use onestep::law::Gaussian;
    /// use onestep::population::{CoupledGaussian, GaussianRecursion};
    /// use onestep::Grid;
    /// let (law, grid) = (Gaussian::standard(3)?, Grid::from_angles(&[0.1, 0.6, 1.1, 1.5])?);
    /// let w1 = GaussianRecursion::new(&law, &grid).run()?.report().w1_marginal.upper;
    /// assert!((CoupledGaussian::new(1.0, 0.0)?.w1(&grid, 3)? / w1 - 1.0).abs() < 1e-13);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn w1(&self, grid: &Grid, dim: usize) -> Result<f64, PopulationError> {
        let Ok(norm) = mean_norm(dim) else {
            return Err(OutOfRange { name: "dim", value: dim.into(), range: "[1, inf)" }.into());
        };
        let lost = self.shortfall(grid);
        // A gain below 0 turns the law over, which a centred normal law does not show.
        let narrower = if lost <= 1.0 { lost } else { 2.0 - lost };
        Ok(narrower * self.variance(grid.level(1)).sqrt() * norm)
    }

    /// The grid of T = `steps` levels between two angles on which [`shortfall`](Self::shortfall) is smallest: equal angles φ.
    ///
    /// # Errors
    /// T < 2, 0 < `angle_min` < `angle_max` ≤ π/2 does not hold, or levels that double precision does not tell apart.
    ///
    /// ```
    /// use onestep::population::CoupledGaussian;
    /// let law = CoupledGaussian::new(4.0, 0.7)?;
    /// let grid = law.best_grid(6, 0.05, 1.5)?;
    /// let phi: Vec<f64> = (1..=6).map(|t| law.angle(grid.level(t))).collect();
    /// assert!(phi.windows(3).all(|p| (p[2] - 2.0 * p[1] + p[0]).abs() < 1e-14));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn best_grid(&self, steps: usize, angle_min: f64, angle_max: f64) -> Result<Grid, PopulationError> {
        let ends = Grid::from_angles(&[angle_min, angle_max])?;
        check_range("steps", steps, steps > 1, "[2, inf)")?;
        let (first, last) = (self.angle(ends.level(1)), self.angle(ends.level(2)));
        let inner = (1..steps - 1).map(|i| {
            let (sin, cos) = (first + (last - first) * (i as f64 / (steps - 1) as f64)).sin_cos();
            let noise = sin / self.across;
            (self.std * noise).atan2(cos - self.correlation * noise)
        });
        let angles: Vec<f64> = std::iter::once(angle_min).chain(inner).chain(std::iter::once(angle_max)).collect();
        Ok(Grid::from_angles(&angles)?)
    }

    /// lim T·(1 − gain) on uniform angles from data to noise: (π/4) (1+λ)/(2√λ) (arccos ρ/√(1−ρ²) − ρ).
    ///
    /// ```
    /// use onestep::population::CoupledGaussian;
    /// // π²/8 without correlation.
    /// let limit = CoupledGaussian::new(1.0, 0.0)?.uniform_limit();
    /// assert!((limit - 1.233700550136170).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn uniform_limit(&self) -> f64 {
        /// Below this angle A/sin A − cos A cancels and is summed as a series. Both keep twelve digits here.
        const SMALL: f64 = 0.03;
        let angle = self.total();
        let part = if angle < SMALL {
            let square = angle * angle;
            square * (2.0 / 3.0 - square * (1.0 / 45.0 - square * (13.0 / 3780.0)))
        } else {
            angle / self.across - self.correlation
        };
        FRAC_PI_4 * (self.std + self.std.recip()) / 2.0 * part
    }

    /// lim T·(1 − gain) on the best schedules from data to noise: ½ arccos²ρ, whatever λ.
    ///
    /// ```
    /// use onestep::population::CoupledGaussian;
    /// assert!((CoupledGaussian::new(9.0, -0.5)?.best_limit() - 2.1932454).abs() < 1e-7);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn best_limit(&self) -> f64 {
        0.5 * self.total() * self.total()
    }

    /// arccos ρ, with all digits near 0 too.
    fn total(&self) -> f64 {
        self.across.atan2(self.correlation)
    }
}
