//! The exact flow map on the line: quantile to quantile.

use crate::float::Float;
use crate::flow::{FlowJacobian, FlowMap, SecondDerivative};
use crate::law::{Comb, LineMixture};
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use ndarray::ArrayRef2;

/// The flow of a law on the line from its marginals' `transport`, `slope` and `bend`.
macro_rules! quantile_flow {
    ($(#[$doc:meta])* $law:ty) => {
        $(#[$doc])*
        impl<F: Float> FlowMap<F> for $law {
            fn flow_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
                assert_shapes("flow", 1, x, out);
                let (source, image) = (self.at(from), self.at(to));
                for (row, mut o) in x.rows().into_iter().zip(out.rows_mut()) {
                    o[0] = F::of(image.transport(&source, row[0].as_f64()));
                }
            }
        }

        impl<F: Float> FlowJacobian<F> for $law {
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
    };
}

quantile_flow!(
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
    LineMixture
);

quantile_flow!(
    /// F_θ'^{−1} ∘ F_θ, with the distribution function in closed form (Faddeeva's) and its inverse by Newton's method on ln F.
    ///
    /// # Accuracy
    /// About 1e−15 times the larger of 1 and the phase k|x|, over k.
    ///
    /// # Example
    /// ```
    /// use ndarray::array;
    /// use onestep::{FlowMap, NoiseLevel};
    /// use onestep::law::Comb;
    /// let (comb, x) = (Comb::new(0.5, 12.0)?, array![[0.3], [-2.0]]);
    /// let y = comb.flow(NoiseLevel::NOISE, NoiseLevel::DATA, &x);
    /// assert!((comb.at(NoiseLevel::DATA).cdf(y[[1, 0]]) - comb.at(NoiseLevel::NOISE).cdf(-2.0)).abs() < 1e-16);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    Comb
);
