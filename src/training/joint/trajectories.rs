//! Trajectories of a probability flow from noise to data.

use crate::error::check_finite;
use crate::float::Float;
use crate::level::NoiseLevel;
use crate::schedule::Grid;
use crate::score::ScoreFunction;
use crate::training::error::TrainingError;
use crate::training::limits::check_entries_of;
use crate::training::pairs::noise;
use ndarray::Array2;
use rand::RngCore;
use std::f64::consts::FRAC_PI_2;

/// Trajectories, unless they hold too many numbers.
const MOST_TRAJECTORIES: usize = 8192;
const MOST_NUMBERS: usize = 1 << 25;
/// The least number of steps of the integration from θ_T to θ_1.
const LEAST_STEPS: usize = 128;
/// Beyond, the score hardly says where the mean of the data is: D = (x + sin²θ s)/cos θ cancels.
const LARGEST_ANGLE: f64 = FRAC_PI_2 - 1e-3;

/// X_1, …, X_T of every trajectory: the table of step t stands at position t − 1.
pub(super) fn trajectories<F: Float>(
    grid: &Grid,
    score: &dyn ScoreFunction<F>,
    rng: &mut dyn RngCore,
) -> Result<Vec<Array2<F>>, TrainingError> {
    let (steps, dim) = (grid.steps(), score.dim());
    let rows = (MOST_NUMBERS / steps.saturating_mul(dim).max(1)).clamp(1, MOST_TRAJECTORIES);
    check_entries_of("levels times dimension", steps, dim)?;
    let parts = LEAST_STEPS.div_ceil(steps - 1);
    let angle = |t: usize| grid.level(t).angle().min(LARGEST_ANGLE);
    let mut points = vec![noise::<F>(rows, dim, rng)];
    for t in (2..=steps).rev() {
        let (high, low) = (angle(t), angle(t - 1));
        let mut x = points[points.len() - 1].clone();
        for k in 0..parts {
            let at = |k: usize| high + (low - high) * k as f64 / parts as f64;
            step(score, &mut x, at(k), at(k + 1));
        }
        check_finite("the trajectories of the flow", &x)?;
        points.push(x);
    }
    points.reverse();
    Ok(points)
}

/// The coefficients of x and of the score in E[X_s | X_t = x] = (sin θ_s x + sin(θ_t − θ_s) D(x))/sin θ_t, D(x) = (x + sin²θ_t s)/cos θ_t.
pub(super) fn coefficients<F: Float>(high: NoiseLevel, low: NoiseLevel) -> (F, F) {
    let delta = high.sin_from(low);
    (F::of((low.sin() + delta / high.cos()) / high.sin()), F::of(delta * high.sin() / high.cos()))
}

/// From the angle `high` to `low`.
fn step<F: Float>(score: &dyn ScoreFunction<F>, x: &mut Array2<F>, high: f64, low: f64) {
    let [high, low] = [high, low].map(|angle| NoiseLevel::from_angle(angle).expect("an angle between two of a grid is in range"));
    let values = score.score(high, x);
    let (keep, pull) = coefficients::<F>(high, low);
    x.zip_mut_with(&values, |x, s| *x = keep * *x + pull * *s);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowMap;
    use crate::law::{Covariance, Gaussian};
    use crate::numeric::stream::Stream;

    #[test]
    fn trajectories_are_those_of_the_flow_to_first_order() {
        let covariance = Covariance::isotropic(1, 0.09).expect("a variance");
        let law = Gaussian::new(&[0.5], covariance).expect("a Gaussian");
        let angles = [0.05, 0.4, 1.1, 1.5];
        let grid = Grid::from_angles(&angles).expect("angles that rise");
        let points = trajectories::<f64>(&grid, &law, &mut Stream::nth(3, 0)).expect("finite");
        assert_eq!((points.len(), points[0].nrows()), (4, MOST_TRAJECTORIES));
        for t in 1..4 {
            let exact = law.flow(grid.level(4), grid.level(t), &points[3]);
            let error = (&exact - &points[t - 1]).iter().fold(0.0_f64, |m, e| m.max(e.abs()));
            assert!(error < 0.05 && error > 1e-6, "step {t}: {error}");
        }
    }
}
