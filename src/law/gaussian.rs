//! Gaussian targets in any dimension.

use crate::error::{check_entries, check_equal};
use crate::float::Float;
use crate::law::Covariance;
use crate::law::covariance::{TINY_VARIANCE, centred};
use crate::law::{FITS, LawError, LogDensity, Moments, Posterior, Sample, fits};
use crate::level::NoiseLevel;
use crate::numeric::batch::for_blocks;
use crate::numeric::shapes::assert_shapes;
use crate::numeric::special::normal::LN_SQRT_2PI;
use crate::score::ScoreFunction;
use crate::space::Space;
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, ArrayView2, ArrayViewMut2};
use rand::RngCore;

/// The Gaussian N(m, Σ) on ℝ^d, Σ positive semi-definite.
///
/// At noise angle θ it is N(cos θ m, cos²θ Σ + sin²θ I). Everything about it is a function of Σ: with v = cos²θ λ + sin²θ for every
/// eigenvalue λ, the score is −(x − cos θ m)/v, the denoiser m + (cos θ λ/v)(x − cos θ m), the posterior covariance λ sin²θ/v.
///
/// Where Σ is singular and θ = 0 the law has no density: the score and the denoiser are then those of the law within its support
/// (the pseudo-inverse of Σ takes the place of its inverse), and a point off the support is treated as its projection.
///
/// # Shapes
/// Rows are points. d up to 10⁴ and more where Σ is isotropic or diagonal: no d × d storage.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{NoiseLevel, Posterior, ScoreFunction};
/// use onestep::law::{Covariance, Gaussian};
/// let target = Gaussian::new(&[1.0, 0.0], Covariance::diagonal(&[4.0, 0.25])?)?;
/// let level = NoiseLevel::from_angle(0.6)?;
/// let x = array![[0.3, -0.2]];
/// // Tweedie: D = (x + sin²θ s)/cos θ.
/// let tweedie = (&x + &(target.score(level, &x) * level.one_minus_alpha_bar())) / level.cos();
/// assert!((tweedie - target.denoise(level, &x)).iter().all(|e| e.abs() < 1e-15));
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    mean: Vec<f64>,
    covariance: Covariance,
}

impl Gaussian {
    /// N(`mean`, `covariance`).
    ///
    /// # Errors
    /// Lengths that differ, or a mean that is not finite.
    ///
    /// ```
    /// use onestep::law::{Covariance, Gaussian};
    /// assert!(Gaussian::new(&[0.0, f64::NAN], Covariance::isotropic(2, 1.0)?).is_err());
    /// assert!(Gaussian::new(&[0.0], Covariance::isotropic(2, 1.0)?).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(mean: &[f64], covariance: Covariance) -> Result<Self, LawError> {
        check_equal("mean", mean.len(), "covariance", covariance.dim())?;
        check_entries("mean", mean, fits, FITS)?;
        Ok(Self { mean: mean.to_vec(), covariance })
    }

    /// N(0, I) on ℝ^`dim`: every noise level has the same law.
    ///
    /// # Errors
    /// `dim` is 0 or above 10⁸.
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::Gaussian;
    /// assert_eq!(Gaussian::standard(3)?.second_moment(), 3.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn standard(dim: usize) -> Result<Self, LawError> {
        let covariance = Covariance::isotropic(dim, 1.0)?;
        Ok(Self { mean: vec![0.0; dim], covariance })
    }

    /// The mean m.
    ///
    /// ```
    /// assert_eq!(onestep::law::Gaussian::standard(2).unwrap().mean_slice(), [0.0, 0.0]);
    /// ```
    #[must_use]
    pub fn mean_slice(&self) -> &[f64] {
        &self.mean
    }

    /// The covariance Σ.
    ///
    /// ```
    /// assert_eq!(onestep::law::Gaussian::standard(2).unwrap().covariance().trace(), 2.0);
    /// ```
    #[must_use]
    pub fn covariance(&self) -> &Covariance {
        &self.covariance
    }

    /// The dimension d.
    ///
    /// ```
    /// assert_eq!(onestep::law::Gaussian::standard(2).unwrap().dim(), 2);
    /// ```
    #[must_use]
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// `offset` · m + g(Σ)(x − `scale` · m) for every row, g given by its values on the distinct eigenvalues.
    pub(crate) fn affine<F: Float>(&self, scale: f64, offset: f64, g: &[f64], x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        let centre: Vec<F> = self.mean.iter().map(|m| F::of(scale * m)).collect();
        let image: Vec<F> = self.mean.iter().map(|m| F::of(offset * m)).collect();
        for_blocks(x, out, |x: ArrayView2<'_, F>, mut out: ArrayViewMut2<'_, F>| {
            self.covariance.apply(g, &centred(&x, &centre), &mut out);
            for mut row in out.rows_mut() {
                row.iter_mut().zip(&image).for_each(|(o, &m)| *o += m);
            }
        });
    }
}

impl Space for Gaussian {
    fn dim(&self) -> usize {
        Self::dim(self)
    }
}

impl Sample for Gaussian {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        assert_eq!(out.ncols(), self.mean.len(), "sample: out has {} columns, the target dimension {}", out.ncols(), self.mean.len());
        let noise = Array2::from_shape_simple_fn(out.raw_dim(), || f64::standard_normal(rng));
        self.affine(0.0, 1.0, &self.covariance.map(f64::sqrt), &noise, out);
    }
}

impl LogDensity for Gaussian {
    fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>) {
        assert_eq!(x.dim(), (out.len(), self.mean.len()), "log_density: x has shape {:?}, out length {}", x.dim(), out.len());
        let v = |variance: f64| level.noisy_variance(variance);
        let degenerate = self.covariance.eigenvalues().any(|(variance, _)| v(variance) == 0.0);
        let constant = self.covariance.sum(|variance| LN_SQRT_2PI + 0.5 * v(variance).max(TINY_VARIANCE).ln());
        let inverse = self.covariance.map(|variance| 1.0 / v(variance).max(TINY_VARIANCE));
        let centre: Vec<f64> = self.mean.iter().map(|m| level.cos() * m).collect();
        // Off the support of a degenerate law every deviation above rounding outweighs the constant.
        let slack = f64::EPSILON * (1.0 + self.covariance.largest().sqrt() + centre.iter().fold(0.0, |a: f64, c| a.max(c.abs())));
        let threshold = 64.0 * self.dim() as f64 * slack * slack / TINY_VARIANCE;
        let quadratic = self.covariance.quadratic(&inverse, &centred(x, &centre));
        for (o, q) in out.iter_mut().zip(quadratic) {
            *o = match degenerate {
                false => -0.5 * q - constant,
                true if q <= threshold => f64::INFINITY,
                true => f64::NEG_INFINITY,
            };
        }
    }
}

impl Posterior for Gaussian {
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        assert_shapes("denoise", self.mean.len(), x, out);
        let gain = self.covariance.map(|variance| level.gain(variance));
        self.affine(level.cos(), 1.0, &gain, x, out);
    }

    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
        assert_eq!(x.len(), self.mean.len(), "posterior_covariance: x has length {}, the target dimension {}", x.len(), self.mean.len());
        self.covariance.function(|variance| level.posterior_variance(variance))
    }
}

impl Moments for Gaussian {
    fn mean(&self) -> Array1<f64> {
        Array1::from(self.mean.clone())
    }

    fn second_moment(&self) -> f64 {
        self.mean.iter().map(|m| m * m).sum::<f64>() + self.covariance.trace()
    }
}

impl<F: Float> ScoreFunction<F> for Gaussian {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score", self.mean.len(), x, out);
        let gain = self.covariance.map(|variance| level.over_noisy(-1.0, variance));
        self.affine(level.cos(), 0.0, &gain, x, out);
    }
}
