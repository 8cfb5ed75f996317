//! Translations of targets, scores and flows.

use crate::error::{check_entries, check_equal};
use crate::float::Float;
use crate::law::{FITS, LawError, LogDensity, Moments, Posterior, Sample, fits};
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::score::ScoreFunction;
use crate::space::{Space, inherent_dim};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2};
use rand::RngCore;

/// The image of `T` under X_0 ↦ X_0 + c.
///
/// The path X_θ = cos θ X_0 + sin θ Z moves by cos θ c, so that the score is s_θ(x − cos θ c), the posterior mean D_θ(x − cos θ c) + c and the
/// flow map cos θ' c + Φ_{θ→θ'}(x − cos θ c). A rigid motion X_0 ↦ QX_0 + c is `Shifted` of [`Rotated`](crate::law::Rotated). Consistency functions
/// are not wrapped: theirs moves by another multiple of c at every level, which they know as an index only.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{FlowMap, NoiseLevel};
/// use onestep::law::{LineMixture, Shifted};
/// let coin = LineMixture::point_masses(&[0.5, 0.5], &[-1.0, 1.0])?;
/// let moved = Shifted::new(coin, &[5.0])?;
/// // Noise above 0 flows to the upper point, 5 + 1.
/// assert_eq!(moved.flow(NoiseLevel::NOISE, NoiseLevel::DATA, &array![[0.3]]), array![[6.0]]);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Shifted<T> {
    inner: T,
    shift: Vec<f64>,
}

impl<T> Shifted<T> {
    /// `inner` moved by `shift` = c, in the units of the data.
    ///
    /// # Errors
    /// c has not the dimension of `inner`, or an entry that is not finite.
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::{Gaussian, Shifted};
    /// assert_eq!(Shifted::new(Gaussian::standard(2)?, &[3.0, 4.0])?.second_moment(), 27.0);
    /// assert!(Shifted::new(Gaussian::standard(2)?, &[3.0]).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(inner: T, shift: &[f64]) -> Result<Self, LawError>
    where
        T: Space,
    {
        check_equal("coordinates of inner", inner.dim(), "shift", shift.len())?;
        check_entries("shift", shift, fits, FITS)?;
        Ok(Self { inner, shift: shift.to_vec() })
    }

    /// What was moved.
    ///
    /// ```
    /// use onestep::law::{Gaussian, Shifted};
    /// assert_eq!(Shifted::new(Gaussian::standard(2)?, &[3.0, 4.0])?.inner(), &Gaussian::standard(2)?);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// The vector c.
    ///
    /// ```
    /// use onestep::law::{Gaussian, Shifted};
    /// assert_eq!(Shifted::new(Gaussian::standard(2)?, &[3.0, 4.0])?.shift(), [3.0, 4.0]);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn shift(&self) -> &[f64] {
        &self.shift
    }

    /// x − cos θ c for every row.
    pub(crate) fn unshift<F: Float>(&self, level: NoiseLevel, x: &ArrayRef2<F>) -> Array2<F> {
        let mut moved = x.to_owned();
        self.add(-level.cos(), &mut moved);
        moved
    }

    /// Adds `scale` · c to every row.
    pub(crate) fn add<F: Float>(&self, scale: f64, rows: &mut ArrayRef2<F>) {
        for mut row in rows.rows_mut() {
            row.iter_mut().zip(&self.shift).for_each(|(y, c)| *y += F::of(scale * c));
        }
    }
}

impl<T: Space> Space for Shifted<T> {
    fn dim(&self) -> usize {
        self.shift.len()
    }
}

inherent_dim!([T: Space] Shifted<T>);

impl<T: Sample> Sample for Shifted<T> {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        self.inner.sample_into(rng, out);
        self.add(1.0, out);
    }
}

impl<T: LogDensity> LogDensity for Shifted<T> {
    fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>) {
        assert_eq!(x.ncols(), self.shift.len(), "log_density: x has {} columns, the target dimension {}", x.ncols(), self.shift.len());
        self.inner.log_density_into(level, &self.unshift(level, x), out);
    }
}

impl<T: Posterior> Posterior for Shifted<T> {
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        assert_shapes("denoise", self.shift.len(), x, out);
        self.inner.denoise_into(level, &self.unshift(level, x), out);
        self.add(1.0, out);
    }

    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
        assert_eq!(x.len(), self.shift.len(), "posterior_covariance: x has length {}, the target dimension {}", x.len(), self.shift.len());
        let moved: Array1<f64> = x.iter().zip(&self.shift).map(|(x, c)| x - level.cos() * c).collect();
        self.inner.posterior_covariance(level, &moved)
    }
}

impl<T: Moments> Moments for Shifted<T> {
    fn mean(&self) -> Array1<f64> {
        self.inner.mean().iter().zip(&self.shift).map(|(m, c)| m + c).collect()
    }

    /// E‖X_0‖² + 2⟨E X_0, c⟩ + ‖c‖².
    fn second_moment(&self) -> f64 {
        let cross: f64 = self.inner.mean().iter().zip(&self.shift).map(|(m, c)| (m + m + c) * c).sum();
        self.inner.second_moment() + cross
    }
}

impl<F: Float, T: ScoreFunction<F>> ScoreFunction<F> for Shifted<T> {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score", self.shift.len(), x, out);
        self.inner.score_into(level, &self.unshift(level, x), out);
    }
}
