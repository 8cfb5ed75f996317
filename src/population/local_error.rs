//! The errors of the single steps and their sum, the certificate.

use crate::numeric::special::sum::Sum;
use crate::population::quadrature::Quadrature;
use crate::schedule::{Equidistributed, Grid, ScheduleError};

/// The certificate is summed over all levels up to this number, and over this many of them beyond.
const CERTIFICATE_LEVELS: usize = 256;

/// Relative rounding of the sum of quadratures.
pub(crate) const ROUNDING: f64 = 1e-13;
/// Steps of at most this angle make errors below the rounding of the values.
const SHORT: f64 = 1e-12;

/// The error made at one step: for training local_t(x) = E[Φ_{t−1}(X_{t−1}) | X_t = x] − Φ_t(x), for distillation and other losses than the
/// squared one the change of f along the flow, f_t(x) − f_{t−1}(Φ_{t→t−1}(x)). In all cases the certificate is the sum of E|local_t|.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LocalError {
    /// t.
    pub step: usize,
    /// θ_{t−1} in radians.
    pub angle_before: f64,
    /// θ_t in radians.
    pub angle: f64,
    /// Δθ_t in radians.
    pub delta: f64,
    /// E|local_t(X_t)|.
    pub mean_abs: f64,
    /// (E local_t(X_t)²)^{1/2}.
    pub root_mean_square: f64,
}

impl LocalError {
    /// The entry for `local` at the labels.
    pub(crate) fn new(step: usize, grid: &Grid, q: &Quadrature, local: &[f64]) -> Self {
        let root_mean_square = q.mean_of(|i| local[i] * local[i]).max(0.0).sqrt();
        Self::known(step, grid, q.mean_abs(local), root_mean_square)
    }

    /// The entry for known moments.
    pub(crate) fn known(step: usize, grid: &Grid, mean_abs: f64, root_mean_square: f64) -> Self {
        let (angle_before, angle) = (grid.level(step - 1).angle(), grid.level(step).angle());
        Self { step, angle_before, angle, delta: grid.delta(step), mean_abs, root_mean_square }
    }

    /// g(θ_t) = E|local_t|/Δθ_t², which tends to a function of the angle alone as the grid becomes fine. A grid with density ∝ √g has
    /// the smallest certificate for its number of steps.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineRecursion;
    /// // N(0, 1): Φ = id and one step multiplies by cos Δθ, so g → E|Z|/2.
    /// let grid = Grid::from_angles(&(1..=200).map(|i| 0.0075 * i as f64).collect::<Vec<_>>())?;
    /// let run = LineRecursion::new(&LineMixture::gaussian(0.0, 1.0)?, &grid).run()?;
    /// let half_mean = 0.5 * (2.0 / std::f64::consts::PI).sqrt();
    /// assert!(run.local_errors().iter().all(|l| (l.density() / half_mean - 1.0).abs() < 1e-5));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn density(&self) -> f64 {
        self.mean_abs / (self.delta * self.delta)
    }
}

impl std::fmt::Display for LocalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { step, angle_before, angle, mean_abs, root_mean_square, .. } = self;
        write!(f, "t = {step}, θ = {angle_before:.6} to {angle:.6}: E|local| = {mean_abs:.4e}, root mean square {root_mean_square:.4e}")
    }
}

impl Equidistributed {
    /// T = `steps` levels with density ∝ √g, g(θ) = E|local_t|/Δθ_t² measured by a run on some grid: the grid with the smallest certificate
    /// over the angles of that run, to leading order.
    ///
    /// An error belongs to the middle of its step; the ends of the range take the values nearest to them.
    ///
    /// # Errors
    /// T < 2, no errors, or an error that is zero or not finite.
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineRecursion;
    /// use onestep::schedule::{Equidistributed, LiHuangWei};
    /// let law = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.6, 0.6])?;
    /// let paper = LineRecursion::new(&law, &LiHuangWei::new(64, 2.0, 4.0)?.grid()?).tolerance(1e-6).run()?;
    /// let best = Equidistributed::from_local_errors(64, paper.local_errors())?.grid()?;
    /// let optimal = LineRecursion::new(&law, &best).tolerance(1e-6).run()?;
    /// assert!(optimal.report().certificate < 0.5 * paper.report().certificate);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_local_errors(steps: usize, errors: &[LocalError]) -> Result<Self, ScheduleError> {
        let weight = |l: &LocalError| l.density().sqrt();
        let mut angles = Vec::with_capacity(errors.len() + 2);
        let mut weights = Vec::with_capacity(errors.len() + 2);
        if let (Some(first), Some(last)) = (errors.first(), errors.last()) {
            angles.push(first.angle_before);
            weights.push(weight(first));
            for local in errors {
                angles.push(local.angle - 0.5 * local.delta);
                weights.push(weight(local));
            }
            angles.push(last.angle);
            weights.push(weight(last));
        }
        Self::from_samples(steps, &angles, &weights)
    }
}

/// Levels at which E|local_t| is computed: all of them, or a subset spread evenly over the steps and over the angle, ends
/// included, and where the steps change their length.
pub(crate) fn certificate_levels(grid: &Grid) -> Vec<usize> {
    let steps = grid.steps();
    if steps <= CERTIFICATE_LEVELS {
        return (2..=steps).collect();
    }
    let half = CERTIFICATE_LEVELS / 2;
    let (a, b) = (grid.level(2).angle(), grid.last().angle());
    let mut levels: Vec<usize> = (0..half).map(|i| 2 + (steps - 2) * i / (half - 1)).collect();
    levels.extend((0..half).map(|i| {
        let angle = a + (b - a) * i as f64 / (half - 1) as f64;
        (grid.levels().partition_point(|l| l.angle() < angle) + 1).clamp(2, steps)
    }));
    // Where the length of the steps jumps, so may the density of their errors.
    let jumps = |t: &usize| !(0.8..1.25).contains(&(grid.delta(*t) / grid.delta(*t - 1)));
    levels.extend((3..=steps).filter(jumps).take(half / 2).flat_map(|t| [t - 1, t, (t + 1).min(steps)]));
    levels.sort_unstable();
    levels.dedup();
    levels
}

/// Σ_t of a local error known at some levels: value/Δθ² is interpolated linearly in the angle between them. The error is estimated
/// against the same sum over every other level; where all levels are known it is rounding.
pub(crate) fn sum_over_levels(grid: &Grid, locals: &[LocalError], value: impl Fn(&LocalError) -> f64) -> (f64, f64) {
    if locals.len() + 1 >= grid.steps() {
        let sum = locals.iter().map(value).collect::<Sum>().value();
        return (sum, ROUNDING * sum);
    }
    // Steps so short that their errors are rounding: the error itself is interpolated.
    let density = |l: &LocalError| if l.delta > SHORT { (value(l) / (l.delta * l.delta), false) } else { (value(l), true) };
    let all: Vec<(usize, f64, bool)> = locals.iter().map(|l| (l.step, density(l).0, density(l).1)).collect();
    let last = all.len() - 1;
    let half: Vec<(usize, f64, bool)> = all.iter().enumerate().filter(|(i, _)| i % 2 == 0 || *i == last).map(|(_, &l)| l).collect();
    let square = |t: usize| grid.delta(t).powi(2);
    let sum = |known: &[(usize, f64, bool)]| {
        let mut total = 0.0;
        for pair in known.windows(2) {
            let ((t0, g0, short0), (t1, g1, short1)) = (pair[0], pair[1]);
            if short0 || short1 {
                let error = |t: usize, g: f64, short: bool| if short { g } else { g * square(t) };
                let (e0, e1) = (error(t0, g0, short0), error(t1, g1, short1));
                total += (t1 - t0) as f64 * if e0 > e1 { e0 } else { e1 };
                continue;
            }
            let (a0, a1) = (grid.level(t0).angle(), grid.level(t1).angle());
            total += ((t0 + 1)..=t1)
                .map(|t| {
                    let part = if a1 > a0 { (grid.level(t).angle() - a0) / (a1 - a0) } else { 1.0 };
                    (g0 + part * (g1 - g0)) * square(t)
                })
                .sum::<f64>();
        }
        total + known.first().map_or(0.0, |&(t, g, short)| if short { g } else { g * square(t) })
    };
    let (fine, coarse) = (sum(&all), sum(&half));
    // Where the density jumps, the error of either sum is proportional to the distance of the levels: the difference is the error itself.
    (fine, 2.0 * (fine - coarse).abs() + ROUNDING * fine)
}
