//! Bounds on W_2(f_T*(X_T), X_1) whose every constant is known, for three hypotheses on the target.
//!
//! | hypothesis | bound | order |
//! | --- | --- | --- |
//! | the optimal maps are Λ-Lipschitz | [`LipschitzMaps`] | Λ √(d/T) |
//! | ∇²V ≥ α > 0, V = −ln p_data | [`LogConcave::energy`] | √(d/T), the Gaussian N(m, I/α) is extremal |
//! | α ≤ ∇²V ≤ β | [`LogConcave::bound`] | K(α, β) √d/T |
//!
//! All three hold on every grid, with X_T at its true law. They are proved in `docs/explicit_bounds.md` under the numbers 2.17, 2.18 and 2.19.

mod lipschitz;
mod log_concave;

pub use lipschitz::{LipschitzBound, LipschitzMaps};
pub use log_concave::{LogConcave, LogConcaveBound, LogConcaveRate};

use std::fmt;

/// A number of steps that is enough.
///
/// # Example
/// ```
/// use onestep::bound::LogConcave;
/// let steps = LogConcave::new(4, 1.0, 2.0)?.steps_for(0.1, 1e-3, 1.57)?;
/// assert!(steps.verified && steps.steps < 60);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SufficientSteps {
    /// T.
    pub steps: usize,
    /// Whether the bound was evaluated at this T and lies below ε; otherwise T comes from the leading order alone.
    pub verified: bool,
}

impl fmt::Display for SufficientSteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T = {} {}", self.steps, if self.verified { "is enough" } else { "by the leading order alone" })
    }
}

/// What rounding may have taken from a sum of positive terms, each good to a few dozen roundings: results are moved up by this factor.
const OUTWARDS: f64 = 1.0 + 1e-12;
