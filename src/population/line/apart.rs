//! What training ends with when its pairs do not share their noise.

use crate::law::LineMixture;
use crate::population::interpolant::Interpolant;
use crate::population::line::LineConsistency;
use crate::population::line::law::{LineLaw, Tracker};
use crate::population::line::mesh::LineDensity;
use crate::population::line::rules::{hermite_rules, rule_for};
use crate::population::mesh::local_scales;
use crate::population::settings::Kept;
use crate::population::{Keep, PopulationError};
use crate::schedule::Grid;

/// Local scales between neighbouring nodes.
const SPACING: f64 = 0.2;

/// The optimum of training with the same X_0 but another Z in the target: f_1 = id, f_t(x) = E[f_{t−1}(cos θ_{t−1} X_0 + sin θ_{t−1} Z') | X_t = x].
/// A fault, and what it leads to: f_t knows X_t by the posterior of X_0 alone and tends to the mean of the data.
/// [`KnownAnswer::noise_apart`](crate::audit::KnownAnswer::noise_apart) recognises it.
///
/// # Errors
/// A mixture that [`LineRecursion`](crate::population::LineRecursion) refuses, a level to keep that does not exist, too many nodes.
///
/// # Accuracy
/// About 1e−6 of the spread of the data.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::law::LineMixture;
/// use onestep::population::{Keep, noise_apart};
/// use onestep::{ConsistencyFunction, Grid};
/// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
/// let f = noise_apart(&LineMixture::gaussian(0.0, 1.0)?, &grid, &Keep::All)?;
/// // N(0, 1): a factor cos θ_t cos θ_{t−1} a step, where shared noise has cos Δθ.
/// let product = 1.5_f64.cos() * 0.8_f64.cos() * 0.8_f64.cos() * 0.1_f64.cos();
/// assert!((f.eval(3, &array![[2.0]])[[0, 0]] - 2.0 * product).abs() < 1e-8);
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn noise_apart(law: &LineMixture, grid: &Grid, keep: &Keep) -> Result<LineConsistency, PopulationError> {
    let steps = grid.steps();
    keep.check(steps)?;
    law.check(grid)?;
    let mesh = LineDensity::new(law, grid).mesh(law, grid, SPACING)?;
    let (rules, tracker) = (hermite_rules(), law.tracker(&mesh.labels, grid.level(1)));
    let mut nodes = tracker.start(grid.level(1));
    let (mut f, mut scales) = (mesh.labels.clone(), vec![0.0; mesh.labels.len()]);
    let (mut before, mut kept) = (Interpolant::default(), Kept::default());
    for t in 2..=steps {
        local_scales(&nodes.x, SPACING, &mut scales);
        before.rebuild(&nodes.x, &f, &mesh.degrees);
        let (level, target) = (grid.level(t), grid.level(t - 1));
        tracker.advance(level, &mut nodes);
        let p = law.at(level);
        for (i, (f, &x)) in f.iter_mut().zip(&nodes.x).enumerate() {
            *f = 0.0;
            p.for_responsibilities(x, |k, r| {
                // X_0 given x and the component, then a target of its own.
                let (variance, noisy) = (law.stds()[k] * law.stds()[k], p.stds[k] * p.stds[k]);
                let mean = law.means()[k] + level.cos() * variance / noisy * (x - p.means[k]);
                let left = variance * level.one_minus_alpha_bar() / noisy;
                let (centre, width) = (target.cos() * mean, (target.alpha_bar() * left + target.one_minus_alpha_bar()).sqrt());
                let mut near = before.nearest(centre, i);
                for &(z, w) in &rule_for(&rules, width / scales[near]).nodes {
                    let value;
                    (value, near) = before.eval(centre + width * z, near);
                    *f += r * w * value;
                }
            });
        }
        if keep.keeps(t, steps) {
            kept.push(t, Interpolant::new(&nodes.x, &f, &mesh.degrees));
        }
    }
    Ok(LineConsistency { steps, kept })
}
