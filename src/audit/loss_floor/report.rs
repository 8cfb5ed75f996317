//! Loss floors level by level, and a loss beside them.

use crate::estimate::Estimate;
use std::fmt;

/// The floor at one level.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FloorLevel {
    /// t.
    pub step: usize,
    /// θ_t in radians.
    pub angle: f64,
    /// σ_t = tan θ_t.
    pub sigma: f64,
    /// Δθ_t in radians.
    pub delta: f64,
    /// The loss at the optimum, a sum over coordinates.
    pub floor: Estimate,
    /// By how much the floor changes with another rule for the posterior: about the error of the quadrature. `None` where there is no other rule,
    /// or where the rule is exact.
    pub quadrature_error: Option<f64>,
}

/// The floor of a loss at all levels.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LossFloorReport {
    /// The levels in increasing order.
    pub levels: Vec<FloorLevel>,
}

impl LossFloorReport {
    pub(super) fn new(levels: Vec<FloorLevel>) -> Self {
        Self { levels }
    }

    /// The sum over levels, of independent estimates.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::GaussianFloor;
    /// use onestep::law::Gaussian;
    /// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.2, 0.7, 1.2])?);
    /// // N(0, 1): f_t* = cos(θ_t − θ_1) in closed form, and 1 − E f_T*² = 1 − cos⁴(1/2) is lost.
    /// assert!((GaussianFloor::new(&law, &grid).consistency().sum().value - (1.0 - 0.5f64.cos().powi(4))).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn sum(&self) -> Estimate {
        self.weighted(|_| 1.0)
    }

    /// The mean over levels: the floor of a loss whose level is drawn uniformly from them.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::GaussianFloor;
    /// use onestep::law::Gaussian;
    /// use onestep::path::{Path, Prediction};
    /// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.2, 0.7, 1.2])?);
    /// // N(0, 1): the velocity given X_θ has variance 1 at every level.
    /// assert!((GaussianFloor::new(&law, &grid).denoising(&Path::vp(), Prediction::Velocity)?.mean().value - 1.0).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn mean(&self) -> Estimate {
        let share = (self.levels.len() as f64).recip();
        self.weighted(|_| share)
    }

    /// Σ w_t floor_t with weights of one's own: probabilities of levels times weights of the loss.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::audit::GaussianFloor;
    /// use onestep::law::Gaussian;
    /// let (law, grid) = (Gaussian::standard(1)?, Grid::from_angles(&[0.2, 0.7, 1.2])?);
    /// let floor = GaussianFloor::new(&law, &grid).consistency();
    /// assert_eq!(floor.weighted(|level| if level.step == 2 { 1.0 } else { 0.0 }).value, floor.levels[0].floor.value);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn weighted(&self, weight: impl Fn(&FloorLevel) -> f64) -> Estimate {
        let (mut value, mut variance, mut evaluations) = (0.0, 0.0, 0);
        for level in &self.levels {
            let w = weight(level);
            value += w * level.floor.value;
            variance += (w * level.floor.std_error).powi(2);
            evaluations += level.floor.evaluations;
        }
        Estimate::normal(value, variance.sqrt(), evaluations)
    }
}

impl fmt::Display for LossFloorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = self.sum();
        write!(f, "loss floor over {} levels: sum {:.6} ± {:.1e}", self.levels.len(), sum.value, sum.std_error)
    }
}

/// A loss beside its floor.
///
/// ```
/// use onestep::Estimate;
/// use onestep::audit::Excess;
/// let excess = Excess::new(0.31, Estimate::normal(0.27, 0.001, 1000));
/// assert!((excess.value() - 0.04).abs() < 1e-15 && !excess.is_below());
/// assert!(excess.to_string().starts_with("loss 0.31, floor 0.27"));
/// assert!(Excess::new(0.2, Estimate::normal(0.27, 0.001, 1000)).is_below());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Excess {
    /// The loss that was measured.
    pub loss: f64,
    /// The loss at the optimum.
    pub floor: Estimate,
}

/// Standard errors of the floor from where on a loss is below it.
const BELOW: f64 = 5.0;

impl Excess {
    /// From a loss and its floor.
    ///
    /// ```
    /// use onestep::Estimate;
    /// use onestep::audit::Excess;
    /// assert_eq!(Excess::new(1.5, Estimate::computed(1.0, 0.0, 1)).value(), 0.5);
    /// ```
    #[must_use]
    pub fn new(loss: f64, floor: Estimate) -> Self {
        Self { loss, floor }
    }

    /// loss − floor = E‖f − f*‖², weighted as the loss is.
    ///
    /// ```
    /// use onestep::Estimate;
    /// use onestep::audit::Excess;
    /// assert_eq!(Excess::new(1.0, Estimate::computed(1.0, 0.0, 1)).value(), 0.0);
    /// ```
    #[must_use]
    pub fn value(&self) -> f64 {
        self.loss - self.floor.value
    }

    /// Whether the loss is below the floor by more than five standard errors of it: then it is another loss, on training data that are fewer
    /// than the law, a mean over coordinates, or weighted otherwise.
    ///
    /// ```
    /// use onestep::Estimate;
    /// use onestep::audit::Excess;
    /// assert!(!Excess::new(0.996, Estimate::normal(1.0, 0.001, 1)).is_below());
    /// ```
    #[must_use]
    pub fn is_below(&self) -> bool {
        // NaN is not above.
        !(self.value() >= -BELOW * self.floor.std_error)
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { loss, floor } = self;
        let digits = |x: f64| format!("{}", (x * 1e6).round() / 1e6);
        write!(f, "loss {}, floor {} ± {:.0e}: ", digits(*loss), digits(floor.value), floor.std_error)?;
        if self.is_below() {
            f.write_str(
                "below the floor: this is another loss (a mean over coordinates, other weights, or data that were learned by heart)",
            )
        } else {
            write!(f, "excess {}, which is E|f - f*|^2 in the weights of the loss", digits(self.value()))
        }
    }
}
