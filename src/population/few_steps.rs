//! Sampling with several evaluations of the population optimum (2.23).

use crate::error::check_range;
use crate::level::NoiseLevel;
use crate::population::{Interval, PopulationError};
use crate::schedule::Grid;

/// Which levels are evaluated after T.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Evaluations {
    /// The best levels for this many evaluations in all: for isotropic Gaussians by dynamic programming; on the line, and for other
    /// Gaussians, each level is the best after those before it, which for two evaluations is the best.
    Best(usize),
    /// These, falling, all below T; f_T comes first by itself.
    Levels(Vec<usize>),
}

/// The law of a sample after several evaluations: f_T(Z), Z ~ N(0, I); then, for every further level τ, noise is added up to it and f_τ
/// applied, Y ← f_τ(ρ Y + √(1 − ρ²) Z'), ρ = cos θ_τ/cos θ_1.
///
/// # Example
/// For N(0, 1) on 50 uniform angles the second evaluation belongs to level 39, and wins a tenth.
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::law::Gaussian;
/// use onestep::population::{Evaluations, PopulationLaw, Settings};
/// use onestep::schedule::UniformAngle;
/// let grid = UniformAngle::new(50, 0.01, std::f64::consts::FRAC_PI_2 - 0.001)?.grid()?;
/// let law = Gaussian::standard(1)?;
/// let two = law.few_steps(&grid, &Settings::new(), &Evaluations::Best(2)).unwrap()?;
/// assert_eq!(two.levels, [50, 39]);
/// assert!((50.0 * two.w1.upper - 0.873203317395).abs() < 1e-11);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FewSteps {
    /// The levels at which f is evaluated, T first.
    pub levels: Vec<usize>,
    /// W_1 between X_1 and the sample: exact on the line and for isotropic Gaussians.
    pub w1: Interval,
}

impl FewSteps {
    pub(crate) fn new(levels: Vec<usize>, w1: Interval) -> Self {
        Self { levels, w1 }
    }
}

impl Evaluations {
    /// Refuses levels that do not fall, that are not levels, and more evaluations than there are levels above the first.
    pub(crate) fn check(&self, steps: usize) -> Result<(), PopulationError> {
        match self {
            Self::Best(count) => {
                check_range("evaluations", *count, *count >= 1 && *count < steps.max(2), "[1, T − 1]")?;
            }
            Self::Levels(levels) => {
                let mut before = steps;
                for &level in levels {
                    if !(1..=steps).contains(&level) {
                        return Err(PopulationError::NoSuchLevel { level, steps });
                    }
                    check_range("levels", level, level < before && level >= 2, "from 2 on, falling, below T")?;
                    before = level;
                }
            }
        }
        Ok(())
    }
}

/// ρ = cos θ_τ/cos θ_1 and 1 − ρ², without cancellation.
pub(crate) fn renoise(grid: &Grid, t: usize) -> (f64, f64) {
    let (first, level): (NoiseLevel, NoiseLevel) = (grid.level(1), grid.level(t));
    let apart = (level.angle() - first.angle()).sin() * (level.sin() * first.cos() + level.cos() * first.sin());
    (level.cos() / first.cos(), (apart / first.alpha_bar()).max(0.0))
}
