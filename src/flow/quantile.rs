//! The exact flow map on the line: quantile to quantile.

use crate::float::Float;
use crate::flow::{FlowJacobian, FlowMap, SecondDerivative};
use crate::law::LineMixture;
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use ndarray::ArrayRef2;

/// On the line Φ_{θ→θ'} = F_θ'^{−1} ∘ F_θ, exactly: the flow is increasing and transports the marginals.
///
/// The target itself is its flow map. Points are carried by their [`LineLabel`](crate::law::LineLabel), so tails and gaps between modes keep
/// their digits. Without noise the map to point masses is the step function of the quantiles.
///
/// # Accuracy
/// About 1e−14 of the larger of the value and the condition number of the map.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{FlowJacobian, FlowMap, NoiseLevel};
/// use onestep::law::LineMixture;
/// let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5])?;
/// let (noise, data) = (NoiseLevel::NOISE, NoiseLevel::DATA);
/// // The slope at the centre of a symmetric pair is σ e^{1/(2σ²)}.
/// let slope = target.jvp(noise, data, &array![[0.0]], &array![[1.0]])[[0, 0]];
/// assert!((slope - 0.5 * 2f64.exp()).abs() < 1e-12);
/// # Ok::<(), onestep::Error>(())
/// ```
impl<F: Float> FlowMap<F> for LineMixture {
    fn flow_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("flow", 1, x, out);
        let (source, image) = (self.at(from), self.at(to));
        for (row, mut o) in x.rows().into_iter().zip(out.rows_mut()) {
            o[0] = F::of(image.transport(&source, row[0].as_f64()));
        }
    }
}

impl<F: Float> FlowJacobian<F> for LineMixture {
    fn jvp_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("jvp", 1, x, out);
        assert_shapes("jvp", 1, v, out);
        let (source, image) = (self.at(from), self.at(to));
        for ((row, v), mut o) in x.rows().into_iter().zip(v.rows()).zip(out.rows_mut()) {
            let x = row[0].as_f64();
            let y = image.transport(&source, x);
            o[0] = F::of(image.slope(&source, x, y)) * v[0];
        }
    }

    /// Φ'' = Φ' (s_θ(x) − s_θ'(Φ) Φ').
    fn second_derivative(
        &self,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        u: &ArrayRef2<F>,
        v: &ArrayRef2<F>,
    ) -> Option<SecondDerivative<F>> {
        assert_shapes("second_derivative", 1, x, u);
        assert_shapes("second_derivative", 1, x, v);
        let (source, image) = (self.at(from), self.at(to));
        let mut whole = SecondDerivative::zero(x.nrows(), 1);
        for (i, row) in x.rows().into_iter().enumerate() {
            let x = row[0].as_f64();
            let (bend, error) = image.bend(&source, x, image.transport(&source, x));
            let factor = u[[i, 0]].as_f64() * v[[i, 0]].as_f64();
            whole.value[[i, 0]] = F::of(bend * factor);
            whole.error[i] = error * factor.abs();
        }
        Some(whole)
    }
}
