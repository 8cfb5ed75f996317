//! The step backwards: X_{t−1} as a combination of X_t and X_0.

use crate::schedule::Grid;

/// X_{t−1} = `keep` · X_t + `turn` · X_0, for X_{t−1} and X_t made of the same X_0 and the same noise.
///
/// With X_t = cos θ_t X_0 + sin θ_t Z, the sine theorem in the plane of X_0 and Z gives keep = sin θ_{t−1}/sin θ_t and
/// turn = sin Δθ_t/sin θ_t. It is the step of DDIM, of consistency training with shared noise, and, with E[X_0 | X_t] in place of X_0, the
/// mean of X_{t−1} given X_t.
///
/// # Example
/// ```
/// use onestep::Grid;
/// let grid = Grid::from_angles(&[0.3, 0.7])?;
/// let (x0, z) = (2.0, -0.5);
/// let at = |angle: f64| angle.cos() * x0 + angle.sin() * z;
/// assert!((grid.backward(2).step(at(0.7), x0) - at(0.3)).abs() < 1e-15);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Song, Meng and Ermon 2021, "Denoising diffusion implicit models", (12) with σ = 0, arXiv 2010.02502.
#[doc(alias = "DDIM")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backward {
    /// sin θ_{t−1}/sin θ_t.
    pub keep: f64,
    /// sin Δθ_t/sin θ_t.
    pub turn: f64,
    /// sin θ_{t−1}, sin Δθ_t and sin θ_t.
    before: f64,
    delta: f64,
    sin: f64,
}

impl Backward {
    /// (sin θ_{t−1} x + sin Δθ_t `x0`)/sin θ_t, with one division: one coordinate of the step.
    ///
    /// ```
    /// let grid = onestep::Grid::from_angles(&[0.3, 0.7])?;
    /// // The origin stays where it is.
    /// assert_eq!(grid.backward(2).step(0.0, 0.0), 0.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn step(&self, x: f64, x0: f64) -> f64 {
        (self.before * x + self.delta * x0) / self.sin
    }
}

impl Grid {
    /// The coefficients of X_{t−1} = (sin θ_{t−1} X_t + sin Δθ_t X_0)/sin θ_t, for t in 1..=T. At t = 1 they are 0 and 1.
    ///
    /// # Panics
    /// `t` outside 1..=T.
    ///
    /// ```
    /// let grid = onestep::Grid::from_angles(&[0.3, 0.7])?;
    /// let b = grid.backward(2);
    /// assert_eq!(b.keep, 0.3_f64.sin() / 0.7_f64.sin());
    /// assert!((b.turn - 0.4_f64.sin() / 0.7_f64.sin()).abs() < 1e-15);
    /// assert_eq!((grid.backward(1).keep, grid.backward(1).turn), (0.0, 1.0));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn backward(&self, t: usize) -> Backward {
        let (before, delta, sin) = (self.level(t - 1).sin(), self.sin_delta(t), self.level(t).sin());
        Backward { keep: before / sin, turn: delta / sin, before, delta, sin }
    }

    /// cos θ_{t−1} − cos θ_t and sin θ_{t−1} − sin θ_t without cancellation, by the addition theorem with 1 − cos Δθ_t.
    pub(crate) fn changes(&self, t: usize) -> (f64, f64) {
        let (to, sin_delta) = (self.level(t - 1), self.sin_delta(t));
        let versine = sin_delta * sin_delta / (1.0 + self.cos_delta(t));
        (to.cos() * versine + to.sin() * sin_delta, to.sin() * versine - to.cos() * sin_delta)
    }
}
