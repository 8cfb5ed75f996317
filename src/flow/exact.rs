//! Exact flow maps: Gaussian targets, products, rotations and shifts.

use crate::float::Float;
use crate::flow::{FlowJacobian, FlowMap, SecondDerivative};
use crate::law::{Gaussian, Product, Rotated, Shifted};
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::schedule::Grid;
use ndarray::{Array2, ArrayRef2, Axis};

impl Gaussian {
    /// √(v_to/v_from) for every distinct eigenvalue: the slope of the flow map along its eigenspace. Without noise and variance there is
    /// nothing to transport, and the slope is 0.
    fn slopes(&self, from: NoiseLevel, to: NoiseLevel) -> Vec<f64> {
        self.covariance().map(|s| from.over_noisy(to.noisy_variance(s), s).sqrt())
    }

    /// The Lipschitz constant of Φ_{from→to}: the largest slope √(v_to/v_from) over the eigenvalues.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::{Covariance, Gaussian};
    /// let target = Gaussian::new(&[0.0, 0.0], Covariance::diagonal(&[4.0, 0.25])?)?;
    /// assert_eq!(target.flow_lipschitz(NoiseLevel::NOISE, NoiseLevel::DATA), 2.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn flow_lipschitz(&self, from: NoiseLevel, to: NoiseLevel) -> f64 {
        self.slopes(from, to).into_iter().fold(0.0, f64::max)
    }

    /// L_f of Assumption 1: the largest Lipschitz constant of the maps Φ_{t→k}, 1 ≤ k ≤ t ≤ T.
    ///
    /// v_t moves monotonically from λ to 1, so it is max(1, √(v_1/v_T)) at the largest eigenvalue.
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::law::{Covariance, Gaussian};
    /// use onestep::schedule::LiHuangWei;
    /// let grid = LiHuangWei::new(256, 2.0, 4.0)?.grid()?;
    /// let target = Gaussian::new(&[0.0], Covariance::isotropic(1, 9.0)?)?;
    /// assert!((target.lipschitz(&grid) - 3.0).abs() < 1e-3);
    /// assert_eq!(Gaussian::standard(1)?.lipschitz(&grid), 1.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    ///
    /// # References
    /// Li, Huang and Wei 2025, eq. (19), arXiv 2402.07802.
    #[must_use]
    pub fn lipschitz(&self, grid: &Grid) -> f64 {
        self.flow_lipschitz(grid.last(), grid.level(1)).max(1.0)
    }
}

/// Φ_{θ→θ'}(x) = cos θ' m + √(v'/v)(x − cos θ m) along every eigenvector, v = cos²θ λ + sin²θ; exact at both ends of the path.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{FlowMap, NoiseLevel};
/// use onestep::law::{Covariance, Gaussian};
/// let target = Gaussian::new(&[1.0, -1.0], Covariance::diagonal(&[4.0, 0.0])?)?;
/// let image = target.flow(NoiseLevel::NOISE, NoiseLevel::DATA, &array![[0.5, 0.5]]);
/// assert_eq!(image, array![[2.0, -1.0]]); // m + √λ z
/// # Ok::<(), onestep::Error>(())
/// ```
impl<F: Float> FlowMap<F> for Gaussian {
    fn flow_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("flow", self.mean_slice().len(), x, out);
        self.affine(from.cos(), to.cos(), &self.slopes(from, to), x, out);
    }
}

impl<F: Float> FlowJacobian<F> for Gaussian {
    fn jvp_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("jvp", self.mean_slice().len(), x, out);
        assert_shapes("jvp", self.mean_slice().len(), v, out);
        self.covariance().apply(&self.slopes(from, to), v, out);
    }

    /// 0: the map is affine.
    fn second_derivative(
        &self,
        _from: NoiseLevel,
        _to: NoiseLevel,
        x: &ArrayRef2<F>,
        u: &ArrayRef2<F>,
        v: &ArrayRef2<F>,
    ) -> Option<SecondDerivative<F>> {
        assert_shapes("second_derivative", self.mean_slice().len(), x, u);
        assert_shapes("second_derivative", self.mean_slice().len(), x, v);
        Some(SecondDerivative::zero(x.nrows(), x.ncols()))
    }
}

impl<F: Float, T: FlowMap<F>> FlowMap<F> for Product<T> {
    fn flow_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("flow", self.dim(), x, out);
        for (factor, columns) in self.blocks() {
            factor.flow_into(from, to, &x.slice_axis(Axis(1), columns), &mut out.slice_axis_mut(Axis(1), columns));
        }
    }
}

impl<F: Float, T: FlowJacobian<F>> FlowJacobian<F> for Product<T> {
    fn jvp_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("jvp", self.dim(), x, out);
        assert_shapes("jvp", self.dim(), v, out);
        for (factor, columns) in self.blocks() {
            let (x, v) = (x.slice_axis(Axis(1), columns), v.slice_axis(Axis(1), columns));
            factor.jvp_into(from, to, &x, &v, &mut out.slice_axis_mut(Axis(1), columns));
        }
    }

    fn second_derivative(
        &self,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        u: &ArrayRef2<F>,
        v: &ArrayRef2<F>,
    ) -> Option<SecondDerivative<F>> {
        assert_shapes("second_derivative", self.dim(), x, u);
        assert_shapes("second_derivative", self.dim(), x, v);
        let mut whole = SecondDerivative::zero(x.nrows(), x.ncols());
        for (factor, columns) in self.blocks() {
            let [x, u, v] = [x, u, v].map(|table| table.slice_axis(Axis(1), columns));
            let part = factor.second_derivative(from, to, &x, &u, &v)?;
            whole.value.slice_axis_mut(Axis(1), columns).assign(&part.value);
            whole.error.iter_mut().zip(part.error).for_each(|(e, own)| *e = e.hypot(own));
        }
        Some(whole)
    }
}

impl<F: Float, T: FlowMap<F>> FlowMap<F> for Rotated<T> {
    fn flow_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("flow", self.inner().dim(), x, out);
        self.rotate_into(&self.inner().flow(from, to, &self.unrotate(x)), out);
    }
}

impl<F: Float, T: FlowJacobian<F>> FlowJacobian<F> for Rotated<T> {
    fn jvp_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("jvp", self.inner().dim(), x, out);
        assert_shapes("jvp", self.inner().dim(), v, out);
        self.rotate_into(&self.inner().jvp(from, to, &self.unrotate(x), &self.unrotate(v)), out);
    }

    fn second_derivative(
        &self,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        u: &ArrayRef2<F>,
        v: &ArrayRef2<F>,
    ) -> Option<SecondDerivative<F>> {
        let [x, u, v] = [x, u, v].map(|table| self.unrotate(table));
        let straight = self.inner().second_derivative(from, to, &x, &u, &v)?;
        let mut value = Array2::zeros(straight.value.raw_dim());
        self.rotate_into(&straight.value, &mut value);
        Some(SecondDerivative::new(value, straight.error))
    }
}

/// Φ_{θ→θ'}(x) = cos θ' c + Φ⁰_{θ→θ'}(x − cos θ c), Φ⁰ the flow of the target that was moved.
impl<F: Float, T: FlowMap<F>> FlowMap<F> for Shifted<T> {
    fn flow_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("flow", self.inner().dim(), x, out);
        self.inner().flow_into(from, to, &self.unshift(from, x), out);
        self.add(to.cos(), out);
    }
}

impl<F: Float, T: FlowJacobian<F>> FlowJacobian<F> for Shifted<T> {
    fn jvp_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("jvp", self.inner().dim(), x, out);
        self.inner().jvp_into(from, to, &self.unshift(from, x), v, out);
    }

    fn second_derivative(
        &self,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        u: &ArrayRef2<F>,
        v: &ArrayRef2<F>,
    ) -> Option<SecondDerivative<F>> {
        self.inner().second_derivative(from, to, &self.unshift(from, x), u, v)
    }
}
