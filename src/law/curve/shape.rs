//! Plane curves with a latent variable.

use crate::float::Float;
use crate::numeric::special::normal::LN_SQRT_2PI;
use rand::{Rng, RngCore};

/// A point or vector of the plane.
pub(super) type Point = [f64; 2];

/// Where the normal latent variable is cut: it is beyond with probability 1.5e−23.
const CUT: f64 = 10.0;

/// A curve u ↦ c(u) and the law of its latent variable u.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// c(φ) = centre + radius (cos φ, sin φ), φ uniform on [from, from + sweep].
    Arc { centre: Point, radius: f64, from: f64, sweep: f64 },
    /// c(z) = (width · z, height · (z² − 1)), z ~ N(0, 1) cut at ±[`CUT`].
    Parabola { width: f64, height: f64 },
}

impl Shape {
    /// The range of the latent variable.
    pub(super) fn range(&self) -> (f64, f64) {
        match *self {
            Self::Arc { from, sweep, .. } => (from, from + sweep),
            Self::Parabola { .. } => (-CUT, CUT),
        }
    }

    /// c(u).
    pub(super) fn at(&self, u: f64) -> Point {
        match *self {
            Self::Arc { centre, radius, .. } => [centre[0] + radius * u.cos(), centre[1] + radius * u.sin()],
            Self::Parabola { width, height } => [width * u, height * (u * u - 1.0)],
        }
    }

    /// The logarithm of the latent density, up to a constant.
    pub(super) fn ln_density(&self, u: f64) -> f64 {
        match self {
            Self::Arc { .. } => 0.0,
            Self::Parabola { .. } => -0.5 * u * u,
        }
    }

    /// ln ∫ of what [`ln_density`](Self::ln_density) is the logarithm of.
    pub(super) fn ln_mass(&self) -> f64 {
        match *self {
            Self::Arc { sweep, .. } => sweep.ln(),
            Self::Parabola { .. } => LN_SQRT_2PI,
        }
    }

    /// −(ln density)'' of the latent variable.
    pub(super) fn stiffness(&self) -> f64 {
        match self {
            Self::Arc { .. } => 0.0,
            Self::Parabola { .. } => 1.0,
        }
    }

    /// max |c'| over an interval of the latent variable.
    pub(super) fn speed(&self, low: f64, high: f64) -> f64 {
        match *self {
            Self::Arc { radius, .. } => radius,
            Self::Parabola { width, height } => width.hypot(2.0 * height * low.abs().max(high.abs())),
        }
    }

    /// max |c''|.
    pub(super) fn acceleration(&self) -> f64 {
        match *self {
            Self::Arc { radius, .. } => radius,
            Self::Parabola { height, .. } => 2.0 * height.abs(),
        }
    }

    /// Draws the latent variable.
    pub(super) fn draw(&self, rng: &mut dyn RngCore) -> f64 {
        match *self {
            Self::Arc { from, sweep, .. } => from + sweep * rng.random::<f64>(),
            Self::Parabola { .. } => f64::standard_normal(rng).clamp(-CUT, CUT),
        }
    }

    /// E c(u) and E‖c(u)‖².
    pub(super) fn moments(&self) -> (Point, f64) {
        match *self {
            Self::Arc { centre, radius, from, sweep } => {
                let to = from + sweep;
                let mean = [radius * (to.sin() - from.sin()) / sweep, radius * (from.cos() - to.cos()) / sweep];
                let square = |p: Point, q: Point| p[0] * q[0] + p[1] * q[1];
                ([centre[0] + mean[0], centre[1] + mean[1]], square(centre, centre) + 2.0 * square(centre, mean) + radius * radius)
            }
            Self::Parabola { width, height } => ([0.0, 0.0], width * width + 2.0 * height * height),
        }
    }
}
