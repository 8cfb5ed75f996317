//! Rotations of targets, scores, flows and consistency functions.

use crate::error::{Empty, check_equal};
use crate::float::Float;
use crate::law::covariance::{ORTHOGONALITY, orthonormality_gap};
use crate::law::{LawError, LogDensity, Moments, Posterior, Sample};
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::score::ScoreFunction;
use crate::space::{Family, Space, inherent_dim, inherent_family};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2};
use rand::RngCore;

/// The image of `T` under x ↦ Qx, Q orthogonal.
///
/// The forward process is rotation-equivariant, so the rotation of a target has the score Q s(Qᵀx), the flow map Q Φ(Qᵀx) and, since
/// f_1 = id, the consistency functions Q f_t(Qᵀx). `Rotated` therefore wraps targets, scores, flow maps and consistency functions alike.
///
/// # Example
/// A product of line targets is a target with independent coordinates; rotated, its coordinates are dependent and everything is known still.
/// ```
/// use ndarray::array;
/// use onestep::{NoiseLevel, ScoreFunction};
/// use onestep::law::{LineMixture, Product, Rotated};
/// let line = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.3, 0.3])?;
/// let quarter_turn = array![[0.0, -1.0], [1.0, 0.0]];
/// let target = Rotated::new(Product::copies(line, 2)?, &quarter_turn)?;
/// let level = NoiseLevel::from_angle(0.7)?;
/// let straight = target.inner().score(level, &array![[0.2, 0.5]]);
/// // Q (0.2, 0.5) = (−0.5, 0.2).
/// assert_eq!(target.score(level, &array![[-0.5, 0.2]]), array![[-straight[[0, 1]], straight[[0, 0]]]]);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rotated<T> {
    inner: T,
    /// Qᵀ: a row times it is the row of Qx.
    transposed: Array2<f64>,
}

impl<T> Rotated<T> {
    /// The image of `inner` under the orthogonal matrix `rotation` = Q.
    ///
    /// # Errors
    /// Q is empty, not square, or not orthogonal (to 1e−10).
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::law::{Gaussian, Rotated};
    /// assert!(Rotated::new(Gaussian::standard(2)?, &array![[1.0, 1.0], [0.0, 1.0]]).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(inner: T, rotation: &ArrayRef2<f64>) -> Result<Self, LawError>
    where
        T: Space,
    {
        if rotation.nrows() == 0 {
            return Err(Empty { name: "rotation" }.into());
        }
        check_equal("rows of rotation", rotation.nrows(), "columns of rotation", rotation.ncols())?;
        check_equal("dimension of inner", inner.dim(), "rows of rotation", rotation.nrows())?;
        let gap = orthonormality_gap(rotation);
        if !(gap <= ORTHOGONALITY) {
            return Err(LawError::NotOrthogonal { name: "rotation", gap });
        }
        Ok(Self { inner, transposed: rotation.t().to_owned() })
    }

    /// What was rotated.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::law::{Gaussian, Rotated};
    /// assert_eq!(Rotated::new(Gaussian::standard(1)?, &array![[-1.0]])?.inner().dim(), 1);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// The matrix Q.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::law::{Gaussian, Rotated};
    /// let q = array![[0.6, -0.8], [0.8, 0.6]];
    /// assert_eq!(Rotated::new(Gaussian::standard(2)?, &q)?.rotation(), q);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn rotation(&self) -> Array2<f64> {
        self.transposed.t().to_owned()
    }

    /// Qᵀx for every row, and the matrix that takes rows back.
    pub(crate) fn unrotate<F: Float>(&self, x: &ArrayRef2<F>) -> Array2<F> {
        x.dot(&self.transposed.mapv(F::of).t())
    }

    /// Writes Qy for every row y.
    pub(crate) fn rotate_into<F: Float>(&self, y: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        ndarray::linalg::general_mat_mul(F::one(), y, &self.transposed.mapv(F::of), F::zero(), out);
    }
}

impl<T: Space> Space for Rotated<T> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }
}

impl<T: Family> Family for Rotated<T> {
    fn steps(&self) -> usize {
        self.inner.steps()
    }

    fn holds(&self, t: usize) -> bool {
        self.inner.holds(t)
    }
}

inherent_dim!([T: Space] Rotated<T>);
inherent_family!([T: Family] Rotated<T>);

impl<T: Sample> Sample for Rotated<T> {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        self.rotate_into(&self.inner.sample(out.nrows(), rng), out);
    }
}

impl<T: LogDensity> LogDensity for Rotated<T> {
    fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>) {
        self.inner.log_density_into(level, &self.unrotate(x), out);
    }
}

impl<T: Posterior> Posterior for Rotated<T> {
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        self.rotate_into(&self.inner.denoise(level, &self.unrotate(x)), out);
    }

    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
        let inner = self.inner.posterior_covariance(level, &self.transposed.dot(x));
        self.transposed.t().dot(&inner).dot(&self.transposed)
    }
}

impl<T: Moments> Moments for Rotated<T> {
    fn mean(&self) -> Array1<f64> {
        self.transposed.t().dot(&self.inner.mean())
    }

    fn second_moment(&self) -> f64 {
        self.inner.second_moment()
    }
}

impl<F: Float, T: ScoreFunction<F>> ScoreFunction<F> for Rotated<T> {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score", self.inner.dim(), x, out);
        self.rotate_into(&self.inner.score(level, &self.unrotate(x)), out);
    }
}
