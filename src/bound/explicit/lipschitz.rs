//! 2.17: Lipschitz optimal maps.

use crate::bound::BoundError;
use crate::bound::error::positive;
use crate::bound::explicit::{OUTWARDS, SufficientSteps};
use crate::error::{check_entries, check_range, check_some};
use crate::numeric::special::sum::Sum;
use crate::schedule::Grid;
use std::f64::consts::FRAC_PI_2;
use std::fmt;

/// The hypothesis that f_1 = id, f_2*, …, f_{T−1}* are Λ-Lipschitz, on a target with covariance Σ (2.17).
///
/// ```math
/// W_2^2 \le \sum_t \mathrm{loss}_t^* \le \Lambda^2 \sum_{t=2}^T \sin^2\Delta\theta_t\, H(\theta_t), \qquad
/// H(\theta) = \sum_i \frac{\lambda_i}{\lambda_i \cos^2\theta + \sin^2\theta}
/// ```
///
/// with λ_i the eigenvalues of Σ: each step loses at most Λ² times the linear least mean-square error of X_{t−1} given X_t, and the losses
/// of the optimum add up to at least W_2² (2.15).
///
/// # Assumptions
/// Λ ≥ 1 is the caller's: it is bounded on the line and for Gaussians by
/// [`PopulationLaw::lipschitz_bounds`](crate::population::PopulationLaw::lipschitz_bounds), and for strongly log-concave targets by
/// [`LogConcave::lipschitz_maps`](crate::bound::LogConcave::lipschitz_maps). Lip f_t* can exceed Lip Φ_t.
///
/// # Example
/// Σ = I on uniform angles from the data to the noise: W_2 ≤ Λ (π/2) √(d/(T−1)).
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::bound::LipschitzMaps;
/// use onestep::schedule::UniformAngle;
/// let half_pi = std::f64::consts::FRAC_PI_2;
/// let maps = LipschitzMaps::new(2.0, &[1.0; 9])?;
/// let bound = maps.on(&UniformAngle::new(101, 1e-9, half_pi - 1e-9)?.grid()?);
/// assert!((bound.w2 - 2.0 * half_pi * (9.0f64 / 100.0).sqrt()).abs() < 1e-3 * bound.w2);
/// assert!(maps.on_uniform_angles(101, half_pi)? >= bound.w2);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LipschitzMaps {
    lambda: f64,
    eigenvalues: Vec<f64>,
}

/// The bound 2.17 on one grid, term by term.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LipschitzBound {
    /// Λ.
    pub lambda: f64,
    /// Σ_t sin²Δθ_t H(θ_t): what the losses are for Λ = 1.
    pub energy: f64,
    /// The bound on W_2, hence on W_1: Λ √energy.
    pub w2: f64,
}

impl fmt::Display for LipschitzBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "W2 <= {:.4e} with Lambda = {:.4}", self.w2, self.lambda)
    }
}

impl LipschitzMaps {
    /// From Λ and the eigenvalues of the covariance of X_0, one a dimension.
    ///
    /// # Errors
    /// Λ < 1 or not finite, no eigenvalue, or one that is negative or not finite.
    ///
    /// ```
    /// use onestep::bound::LipschitzMaps;
    /// assert!(LipschitzMaps::new(0.9, &[1.0]).is_err());
    /// assert!(LipschitzMaps::new(f64::NAN, &[1.0]).is_err());
    /// assert!(LipschitzMaps::new(1.0, &[1.0, -1.0]).is_err());
    /// ```
    pub fn new(lambda: f64, eigenvalues: &[f64]) -> Result<Self, BoundError> {
        check_range("lambda", lambda, lambda >= 1.0 && lambda.is_finite(), "[1, inf)")?;
        check_some("eigenvalues", eigenvalues)?;
        check_entries("eigenvalues", eigenvalues, |v| v >= 0.0 && v.is_finite(), "[0, inf)")?;
        Ok(Self { lambda, eigenvalues: eigenvalues.to_vec() })
    }

    /// The bound on any grid.
    ///
    /// # Accuracy
    /// An upper bound, rounding included. O(d T).
    ///
    /// See [`LipschitzMaps`] for an example.
    #[must_use]
    pub fn on(&self, grid: &Grid) -> LipschitzBound {
        let mut energy = Sum::default();
        for t in 2..=grid.steps() {
            let level = grid.level(t);
            let h: f64 = self.eigenvalues.iter().map(|&v| v / (v * level.alpha_bar() + level.one_minus_alpha_bar())).sum();
            energy.add(grid.sin_delta(t).powi(2) * h);
        }
        let energy = energy.value() * OUTWARDS;
        LipschitzBound { lambda: self.lambda, energy, w2: self.lambda * energy.sqrt() * OUTWARDS }
    }

    /// The closed form for T uniform angles that span `span` = θ_T − θ_1: Δ = span/(T−1),
    /// W_2² ≤ Λ² Δ [(π/2) tr Σ^{1/2} + Δ tr (Σ − I)₊].
    ///
    /// # Errors
    /// T < 2, or `span` outside (0, π/2].
    ///
    /// ```
    /// use onestep::bound::LipschitzMaps;
    /// let half_pi = std::f64::consts::FRAC_PI_2;
    /// let w2 = LipschitzMaps::new(1.0, &[1.0])?.on_uniform_angles(5, half_pi)?;
    /// assert!((w2 - half_pi / 2.0).abs() < 1e-11);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn on_uniform_angles(&self, steps: usize, span: f64) -> Result<f64, BoundError> {
        check_range("steps", steps, steps >= 2, "[2, inf)")?;
        let delta = check_span(span)? / (steps - 1) as f64;
        let (roots, excess) = self.traces();
        Ok(self.lambda * (delta * (FRAC_PI_2 * roots + delta * excess)).sqrt() * OUTWARDS)
    }

    /// The least T for which [`on_uniform_angles`](Self::on_uniform_angles) is at most `epsilon`.
    ///
    /// # Errors
    /// ε or `span` not positive and finite, or a T beyond 2^53.
    ///
    /// ```
    /// use onestep::bound::LipschitzMaps;
    /// // T − 1 ≥ (π²/4) Λ² d/ε² at Σ = I.
    /// let steps = LipschitzMaps::new(1.0, &[1.0; 4])?.steps_for(0.1, std::f64::consts::FRAC_PI_2)?;
    /// assert_eq!(steps.steps, 1 + (std::f64::consts::PI.powi(2) / 4.0 * 4.0 / 0.01).ceil() as usize);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn steps_for(&self, epsilon: f64, span: f64) -> Result<SufficientSteps, BoundError> {
        positive("epsilon", epsilon)?;
        check_span(span)?;
        let (roots, excess) = self.traces();
        // The positive root Δ of excess Δ² + (π/2) roots Δ = ε²/Λ², in the form that does not cancel.
        let (b, c) = (FRAC_PI_2 * roots, (epsilon / self.lambda).powi(2));
        let delta = 2.0 * c / (b + (b * b + 4.0 * excess * c).sqrt());
        // All eigenvalues 0: one interval is as good as many.
        let intervals = if delta.is_finite() { (span / delta).max(1.0) } else { 1.0 };
        check_range("epsilon", epsilon, intervals < 2f64.powi(53), "values that ask for fewer than 2^53 steps")?;
        let mut steps = (intervals * (1.0 - 1e-9)).floor() as usize + 1;
        while self.on_uniform_angles(steps.max(2), span)? > epsilon {
            steps += 1 + steps / 1_000_000_000_000;
        }
        Ok(SufficientSteps { steps: steps.max(2), verified: true })
    }

    /// tr Σ^{1/2} and tr (Σ − I)₊.
    fn traces(&self) -> (f64, f64) {
        self.eigenvalues.iter().fold((0.0, 0.0), |(roots, excess), &v| (roots + v.sqrt(), excess + (v - 1.0).max(0.0)))
    }
}

/// Checks the span of a grid.
pub(super) fn check_span(span: f64) -> Result<f64, BoundError> {
    Ok(check_range("span", span, span > 0.0 && span <= FRAC_PI_2, "(0, π/2]")?)
}
