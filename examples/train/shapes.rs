//! Laws in the plane whose exact answer is not known here.

use clap::ValueEnum;
use ndarray::Array2;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::PI;

/// A law in the plane to draw rows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    Skewed,
    Moons,
    Banana,
    Ring,
}

impl Shape {
    /// `rows` independent points.
    pub(crate) fn sample(self, rows: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
        let mut points = Array2::zeros((rows, 2));
        for mut row in points.rows_mut() {
            let [x, y] = self.point(rng);
            (row[0], row[1]) = (x, y);
        }
        points
    }

    fn point(self, rng: &mut ChaCha8Rng) -> [f64; 2] {
        let (u, v): (f64, f64) = (rng.random(), rng.random());
        let [z, w]: [f64; 2] = std::array::from_fn(|_| StandardNormal.sample(rng));
        match self {
            Self::Skewed if u < 0.7 => [-1.0 + 0.3 * z, 0.5 * w],
            Self::Skewed if u < 0.9 => [1.5 + 0.2 * z, 1.0 + 0.2 * w],
            Self::Skewed => [1.0 + 0.6 * z, -1.5 + 0.15 * w],
            Self::Moons => {
                let (sin, cos) = (PI * v).sin_cos();
                let [x, y] = if u < 0.5 { [cos, sin] } else { [1.0 - cos, 0.5 - sin] };
                [x + 0.1 * z, y + 0.1 * w]
            }
            Self::Banana => [z, z * z + 0.3 * w],
            Self::Ring => {
                let (sin, cos) = (PI / 4.0 * (8.0 * u).floor()).sin_cos();
                [2.0 * cos + 0.2 * z, 2.0 * sin + 0.2 * w]
            }
        }
    }
}
