//! What a step of training minimises.

use crate::error::{OutOfRange, check_range};
use crate::float::Float;
use std::fmt;

/// The distance between f_t(X_t) and its target f_{t−1}(X_{t−1}) whose mean is minimised; e is their difference.
///
/// Under the squared loss the minimiser is the conditional expectation, and everything the theory says is about it. Under the others it is
/// an M-estimate of f_{t−1}(X_{t−1}) given X_t = x: under the absolute loss on the line the median, whose error does not vanish as T → ∞;
/// under pseudo-Huber something between the two. With steps Δθ its distance from the mean adds up to O((Δθ/c)²), which is below the
/// discretisation error O(Δθ) only if c ≫ √Δθ: keep c while T grows, and never scale it with the step (6.4).
///
/// # Example
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::law::LineMixture;
/// use onestep::population::{LineRecursion, Loss};
/// use onestep::schedule::UniformAngle;
/// let law = LineMixture::new(&[0.3, 0.7], &[-1.0, 0.5], &[0.9, 0.35])?;
/// let grid = UniformAngle::new(50, 0.01, std::f64::consts::FRAC_PI_2 - 0.001)?.grid()?;
/// let w1 = |loss| -> onestep::Result<f64> { Ok(LineRecursion::new(&law, &grid).loss(loss).tolerance(1e-5).run()?.report().w1_marginal.upper) };
/// assert!(w1(Loss::PseudoHuber { c: 0.3 })? < 1.04 * w1(Loss::Squared)?);
/// assert!(w1(Loss::Absolute)? > 7.0 * w1(Loss::Squared)?);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Song and Dhariwal, "Improved techniques for training consistency models", ICLR 2024, arXiv 2310.14189, for pseudo-Huber, with c = 0.00054 √d.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "loss", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Loss {
    /// ‖e‖²: its population minimiser is the f_t* of the theory.
    #[default]
    Squared,
    /// √(‖e‖² + c²) − c, which forgives outliers; its minimiser is not a conditional mean.
    PseudoHuber {
        /// c in [1e−100, 1e100], in the units of the data.
        c: f64,
    },
    /// ‖e‖: its minimiser is the conditional median.
    Absolute,
}

impl Loss {
    /// A c outside [1e−100, 1e100], whose square is not held, is an error.
    pub(crate) fn check(self) -> Result<(), OutOfRange> {
        if let Self::PseudoHuber { c } = self {
            check_range("c", c, (1e-100..=1e100).contains(&c), "[1e-100, 1e100]")?;
        }
        Ok(())
    }

    /// The loss at ‖e‖² = `square`, and the factor that makes its gradient of e.
    #[inline]
    pub(crate) fn at<F: Float>(self, square: F) -> (F, F) {
        match self {
            Self::Squared => (square, F::of(2.0)),
            Self::PseudoHuber { c } => {
                let root = (square + F::of(c * c)).sqrt();
                // √(q + c²) − c without cancellation.
                (square / (root + F::of(c)), F::one() / root)
            }
            Self::Absolute => {
                let root = square.sqrt();
                (root, if root > F::zero() { F::one() / root } else { F::zero() })
            }
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Squared => f.write_str("squared"),
            Self::PseudoHuber { c } => write!(f, "pseudo-Huber (c = {c})"),
            Self::Absolute => f.write_str("absolute"),
        }
    }
}
