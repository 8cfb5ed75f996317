//! The schedule of the paper, eq. (23).

use crate::error::check_range;
use crate::schedule::{ScheduleError, VarianceSchedule, check_steps};

/// The schedule of Li, Huang and Wei: β_1 = T^{−c₀}, β_t = r · min{β_1 (1+r)^t, 1} for t ≥ 2, r = c₁ ln T / T.
///
/// The noise grows geometrically until β reaches its plateau r, where ᾱ falls by the factor 1−r a step. The plateau is reached only
/// if c₁ > c₀, and ᾱ_T ≈ e^{−1} T^{−(c₁−c₀)} is approached slowly in T. Use c₀ ∈ [1, 2], c₁ ∈ [4, 8] with c₁ − c₀ > 2 (or > 1 for
/// centred data): otherwise the mismatch between X_T and N(0, I) hides the 1/T term. The paper's proof asks for ᾱ_T ≤ T^{−c₂} with
/// c₂ ≥ 1000: a constant of the proof, unusable in practice. [`Grid::properties`](crate::schedule::Grid::properties) says which of the paper's properties hold.
///
/// # Example
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::schedule::LiHuangWei;
/// let s = LiHuangWei::new(1024, 2.0, 4.0)?;
/// assert_eq!(s.beta(1), 1024f64.powi(-2));
/// assert_eq!(s.beta(1024), s.rate());
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Li, Huang and Wei, "Towards a mathematical theory for consistency training in diffusion models", AISTATS 2025, eq. (23),
/// arXiv 2402.07802; after Li, Wei, Chen and Chi, arXiv 2306.09251.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LiHuangWei {
    steps: usize,
    c0: f64,
    c1: f64,
    rate: f64,
    /// ln T^{−c₀}.
    ln_first: f64,
    /// ln(1 + r).
    ln_rise: f64,
}

impl LiHuangWei {
    /// The schedule with `steps` = T and the constants c₀, c₁ > 0. The defaults used throughout the crate's examples are c₀ = 2, c₁ = 4.
    ///
    /// # Errors
    /// T < 2; c₀ or c₁ not positive and finite; r = c₁ ln T / T ≥ 1; or a β_1 that underflows. `c1 <= c0` is allowed (the audit warns).
    ///
    /// ```
    /// use onestep::schedule::LiHuangWei;
    /// assert!(LiHuangWei::new(8, 2.0, 4.0).is_err()); // r = 1.04
    /// assert!(LiHuangWei::new(9, 2.0, 4.0).is_ok());
    /// ```
    pub fn new(steps: usize, c0: f64, c1: f64) -> Result<Self, ScheduleError> {
        check_steps(steps)?;
        for (name, value) in [("c0", c0), ("c1", c1)] {
            check_range(name, value, value > 0.0 && value.is_finite(), "(0, inf)")?;
        }
        check_range("c0", c0, (steps as f64).powf(-c0) >= 1e-150, "values with T^-c0 >= 1e-150")?;
        let rate = c1 * (steps as f64).ln() / steps as f64;
        if !(rate < 1.0) {
            return Err(ScheduleError::RateTooLarge { rate, c1, steps });
        }
        Ok(Self { steps, c0, c1, rate, ln_first: -c0 * (steps as f64).ln(), ln_rise: rate.ln_1p() })
    }

    /// r = c₁ ln T / T, the plateau of β.
    ///
    /// ```
    /// let s = onestep::schedule::LiHuangWei::new(100, 2.0, 4.0).unwrap();
    /// assert!((s.rate() - 0.04 * 100f64.ln()).abs() < 1e-15);
    /// ```
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// c₀, the exponent of β_1.
    ///
    /// ```
    /// assert_eq!(onestep::schedule::LiHuangWei::new(100, 2.0, 4.0).unwrap().c0(), 2.0);
    /// ```
    #[must_use]
    pub fn c0(&self) -> f64 {
        self.c0
    }

    /// c₁, the constant of the rate.
    ///
    /// ```
    /// assert_eq!(onestep::schedule::LiHuangWei::new(100, 2.0, 4.0).unwrap().c1(), 4.0);
    /// ```
    #[must_use]
    pub fn c1(&self) -> f64 {
        self.c1
    }
}

impl VarianceSchedule for LiHuangWei {
    fn steps(&self) -> usize {
        self.steps
    }

    fn beta(&self, t: usize) -> f64 {
        if t <= 1 {
            return (self.steps as f64).powf(-self.c0);
        }
        let ln_growth = self.ln_first + t as f64 * self.ln_rise;
        if ln_growth < 0.0 { self.rate * ln_growth.exp() } else { self.rate }
    }
}
