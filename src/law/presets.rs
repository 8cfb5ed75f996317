//! Laws that the field draws, by name.

use crate::error::check_range;
use crate::law::{GaussianMixture, LawError};
use ndarray::Array2;
use std::f64::consts::TAU;

impl GaussianMixture {
    /// `modes` equal normals N(·, `std`² I) spread evenly on the circle of `radius` in the plane: the ring of eight is `ring(8, 2.0, 0.2)`.
    ///
    /// # Errors
    /// No mode or more than 10⁴, or a radius or standard deviation outside what a mixture takes.
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::GaussianMixture;
    /// let ring = GaussianMixture::ring(8, 2.0, 0.2)?;
    /// assert!((ring.second_moment() - (4.0 + 2.0 * 0.04)).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn ring(modes: usize, radius: f64, std: f64) -> Result<Self, LawError> {
        check_range("modes", modes, (1..=10_000).contains(&modes), "[1, 10000]")?;
        check_range("std", std, std >= 0.0, "[0, inf)")?;
        let angle = |k: usize| TAU * k as f64 / modes as f64;
        let means = Array2::from_shape_fn((modes, 2), |(k, j)| radius * if j == 0 { angle(k).cos() } else { angle(k).sin() });
        Self::isotropic(&vec![1.0 / modes as f64; modes], &means, &vec![std * std; modes])
    }

    /// ½N((0, −½), .01² I) + ½N((0, ½), .01² I): two spots in the plane, the toy that many papers on consistency models and flow maps draw.
    ///
    /// # Errors
    /// None.
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::GaussianMixture;
    /// let spots = GaussianMixture::two_spots()?;
    /// assert!((spots.second_moment() - (0.25 + 2e-4)).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn two_spots() -> Result<Self, LawError> {
        Self::isotropic(&[0.5, 0.5], &ndarray::array![[0.0, -0.5], [0.0, 0.5]], &[1e-4, 1e-4])
    }
}
