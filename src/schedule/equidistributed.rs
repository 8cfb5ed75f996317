//! The grid with a prescribed density of steps.

use crate::error::{check_entries, check_equal, check_range};
use crate::numeric::special::sum::Sum;
use crate::schedule::{Grid, ScheduleError, VarianceSchedule, check_levels, check_monotone, check_steps};
use std::f64::consts::FRAC_PI_2;

/// A piece of the weight: the parabola through its values at both ends and the middle.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    start: f64,
    width: f64,
    left: f64,
    middle: f64,
    right: f64,
}

impl Piece {
    /// ∫ of the parabola over the first part s ∈ [0, 1] of the piece, divided by its width.
    fn mass_to(&self, s: f64) -> f64 {
        let (slope, bend) = self.coefficients();
        s * (self.left + s * (0.5 * slope + s * bend / 3.0))
    }

    fn value(&self, s: f64) -> f64 {
        let (slope, bend) = self.coefficients();
        self.left + s * (slope + s * bend)
    }

    /// w(s) = left + slope s + bend s².
    fn coefficients(&self) -> (f64, f64) {
        let bend = 2.0 * (self.left - 2.0 * self.middle + self.right);
        (self.right - self.left - bend, bend)
    }

    /// Whether the parabola stays positive between its three positive values.
    fn is_positive(&self) -> bool {
        let (slope, bend) = self.coefficients();
        let turn = -0.5 * slope / bend;
        !(turn > 0.0 && turn < 1.0) || self.value(turn) > 0.0
    }

    /// The two chords of the parabola.
    fn chords(&self) -> [Self; 2] {
        let half = 0.5 * self.width;
        let chord = |start, left: f64, right: f64| Self { start, width: half, left, middle: 0.5 * (left + right), right };
        [chord(self.start, self.left, self.middle), chord(self.start + half, self.middle, self.right)]
    }

    /// The s ∈ [0, 1] with `mass_to(s)` = `mass`, by Newton steps kept inside a bracket. w > 0, so the mass rises strictly.
    fn position(&self, mass: f64) -> f64 {
        /// Bisection alone would end at the last bit after this many halvings.
        const CAP: usize = 60;
        let (mut low, mut high) = (0.0, 1.0);
        let mut s = (mass / self.mass_to(1.0)).clamp(0.0, 1.0);
        for _ in 0..CAP {
            let excess = self.mass_to(s) - mass;
            if excess > 0.0 {
                high = s;
            } else {
                low = s;
            }
            let newton = s - excess / self.value(s);
            let next = if newton >= low && newton <= high { newton } else { 0.5 * (low + high) };
            if (next - s).abs() <= f64::EPSILON {
                return next;
            }
            s = next;
        }
        s
    }
}

/// The grid whose levels lie as densely as a weight asks: every interval [θ_{t−1}, θ_t], t ≥ 2, holds the same part of ∫ w dθ.
///
/// If the local error of a consistency-training step is Δθ² g(θ), then on n(θ) levels per radian the errors add up to ∫ g/n dθ, which is
/// smallest for **n ∝ √g**, with value (∫ √g dθ)²/(T − 1): pass w = √g, and [`integral`](Self::integral) gives ∫ √g. This is the optimal
/// grid for the *certificate*; signs can cancel in W_1 itself, whose own optimum may differ a little.
///
/// # Accuracy
/// A weight given by samples is taken as piecewise linear, a weight given by a closure as piecewise parabolic on 4096 pieces (relative
/// error of the angles of order (span/4096)⁴ w''''/w for a smooth weight). For that interpolant every θ_t is right to about 1e−14, both
/// end points are exact, and the increments of the grid belong to the angles as they are, whatever T is.
///
/// # Example
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::schedule::Equidistributed;
/// // w = 1/θ makes the angles a geometric sequence.
/// let grid = Equidistributed::from_weight(3, 0.01, 1.0, |angle| 1.0 / angle)?.grid()?;
/// assert!((grid.level(2).angle() - 0.1).abs() < 1e-8);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Equidistributed {
    grid: Grid,
    integral: f64,
}

/// Pieces on which a closure is sampled.
const PIECES: usize = 4096;

impl Equidistributed {
    /// T = `steps` levels from the first to the last of `angles`, for a weight given by its values at these angles and linear between.
    ///
    /// # Errors
    /// T < 2; fewer than two samples, or lists of unequal lengths; angles not increasing or outside (0, π/2]; a weight not in (0, ∞).
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::schedule::Equidistributed;
    /// // Twice the weight, half the spacing.
    /// let s = Equidistributed::from_samples(5, &[0.5, 1.0, 1.001, 1.5], &[1.0, 1.0, 3.0, 3.0])?;
    /// let grid = s.grid()?;
    /// assert!((grid.delta(5) - s.integral() / 4.0 / 3.0).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_samples(steps: usize, angles: &[f64], weights: &[f64]) -> Result<Self, ScheduleError> {
        check_equal("angles", angles.len(), "weights", weights.len())?;
        check_levels("angles", angles, |a| a > 0.0 && a <= FRAC_PI_2, "(0, π/2]")?;
        check_monotone("angles", angles, true)?;
        check_entries("weights", weights, |w| w > 0.0 && w.is_finite(), "(0, inf)")?;
        let pieces = angles.windows(2).zip(weights.windows(2)).map(|(a, w)| Piece {
            start: a[0],
            width: a[1] - a[0],
            left: w[0],
            middle: 0.5 * (w[0] + w[1]),
            right: w[1],
        });
        Self::from_pieces(steps, &pieces.collect::<Vec<_>>(), angles[angles.len() - 1])
    }

    /// T = `steps` levels on [`angle_min`, `angle_max`] for a weight given as a function of the angle.
    ///
    /// # Errors
    /// T < 2; 0 < `angle_min` < `angle_max` ≤ π/2 does not hold; a value of the weight not in (0, ∞).
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::schedule::{Equidistributed, UniformAngle};
    /// // A constant weight gives uniform angles.
    /// let (a, b) = (Equidistributed::from_weight(9, 0.1, 1.5, |_| 7.0)?.grid()?, UniformAngle::new(9, 0.1, 1.5)?.grid()?);
    /// assert!((1..=9).all(|t| (a.level(t).angle() - b.level(t).angle()).abs() < 1e-14));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_weight(steps: usize, angle_min: f64, angle_max: f64, weight: impl Fn(f64) -> f64) -> Result<Self, ScheduleError> {
        check_range("angle_max", angle_max, angle_max > 0.0 && angle_max <= FRAC_PI_2, "(0, π/2]")?;
        check_range("angle_min", angle_min, angle_min > 0.0 && angle_min < angle_max, "(0, angle_max)")?;
        let at = |i: usize| angle_min + (angle_max - angle_min) * (i as f64 / (2 * PIECES) as f64);
        let weights: Vec<f64> = (0..=2 * PIECES).map(|i| weight(at(i))).collect();
        check_entries("values of the weight", &weights, |w| w > 0.0 && w.is_finite(), "(0, inf)")?;
        let mut pieces = Vec::with_capacity(PIECES);
        for i in 0..PIECES {
            let [left, middle, right] = [weights[2 * i], weights[2 * i + 1], weights[2 * i + 2]];
            let piece = Piece { start: at(2 * i), width: at(2 * i + 2) - at(2 * i), left, middle, right };
            if piece.is_positive() { pieces.push(piece) } else { pieces.extend(piece.chords()) }
        }
        Self::from_pieces(steps, &pieces, angle_max)
    }

    fn from_pieces(steps: usize, pieces: &[Piece], end: f64) -> Result<Self, ScheduleError> {
        check_steps(steps)?;
        let mut cumulative = Vec::with_capacity(pieces.len() + 1);
        cumulative.push(0.0);
        let mut sum = Sum::default();
        cumulative.extend(pieces.iter().map(|piece| sum.add(piece.width * piece.mass_to(1.0))));
        let integral = cumulative[pieces.len()];
        check_range("integral of the weight", integral, integral.is_finite(), "(0, inf)")?;
        let mut angles = Vec::with_capacity(steps);
        let mut at = 0;
        for t in 0..steps - 1 {
            let mass = integral * (t as f64 / (steps - 1) as f64);
            while at + 1 < pieces.len() && cumulative[at + 1] <= mass {
                at += 1;
            }
            let piece = &pieces[at];
            angles.push(piece.start + piece.width * piece.position((mass - cumulative[at]) / piece.width));
        }
        angles.push(end);
        Ok(Self { grid: Grid::from_angles(&angles)?, integral })
    }

    /// ∫ w dθ over the range. For w = √g the certificate's leading term on this grid is `integral()`²/(T − 1).
    ///
    /// ```
    /// let s = onestep::schedule::Equidistributed::from_weight(10, 0.25, 1.0, |angle| angle.sqrt().recip()).unwrap();
    /// assert!((s.integral() - 1.0).abs() < 1e-14);
    /// ```
    #[must_use]
    pub fn integral(&self) -> f64 {
        self.integral
    }
}

impl VarianceSchedule for Equidistributed {
    fn steps(&self) -> usize {
        self.grid.steps()
    }

    fn beta(&self, t: usize) -> f64 {
        self.grid.beta(t)
    }

    fn grid(&self) -> Result<Grid, ScheduleError> {
        Ok(self.grid.clone())
    }
}
