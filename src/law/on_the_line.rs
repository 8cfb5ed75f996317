//! Densities, posteriors and scores of laws on the line, point by point from their marginals.

use crate::float::Float;
use crate::law::{Comb, LineMixture, LogDensity, Posterior};
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::score::{ScoreFunction, ScoreJacobian};
use ndarray::{Array2, ArrayRef1, ArrayRef2, array};

/// A law with marginals `at(level)` that know `ln_density`, `score`, `score_slope` and `score_bend`, and with the posterior mean and variance at a point.
macro_rules! by_marginals {
    ($law:ty) => {
        impl LogDensity for $law {
            fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>) {
                assert_eq!(x.dim(), (out.len(), 1), "log_density: x has shape {:?}, out length {}", x.dim(), out.len());
                let marginal = self.at(level);
                for (row, o) in x.rows().into_iter().zip(out) {
                    *o = marginal.ln_density(row[0]);
                }
            }
        }

        impl Posterior for $law {
            fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
                assert_shapes("denoise", 1, x, out);
                let marginal = self.at(level);
                for (row, mut o) in x.rows().into_iter().zip(out.rows_mut()) {
                    o[0] = self.posterior(&marginal, level, row[0]).0;
                }
            }

            fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
                assert_eq!(x.len(), 1, "posterior_covariance: x has length {}, the target is on the line", x.len());
                array![[self.posterior(&self.at(level), level, x[0]).1]]
            }
        }

        impl<F: Float> ScoreFunction<F> for $law {
            fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
                assert_shapes("score", 1, x, out);
                let marginal = self.at(level);
                for (row, mut o) in x.rows().into_iter().zip(out.rows_mut()) {
                    o[0] = F::of(marginal.score(row[0].as_f64()));
                }
            }
        }

        impl<F: Float> ScoreJacobian<F> for $law {
            fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
                assert_shapes("score_jvp", 1, x, out);
                assert_shapes("score_jvp", 1, v, out);
                let marginal = self.at(level);
                for ((x, v), mut o) in x.rows().into_iter().zip(v.rows()).zip(out.rows_mut()) {
                    o[0] = v[0] * F::of(marginal.score_slope(x[0].as_f64()));
                }
            }

            fn score_second_derivative(
                &self,
                level: NoiseLevel,
                x: &ArrayRef2<F>,
                u: &ArrayRef2<F>,
                v: &ArrayRef2<F>,
            ) -> Option<Array2<F>> {
                assert_shapes("score_second_derivative", 1, x, u);
                assert_shapes("score_second_derivative", 1, x, v);
                let marginal = self.at(level);
                let bend = |i: usize| u[[i, 0]] * v[[i, 0]] * F::of(marginal.score_bend(x[[i, 0]].as_f64()));
                Some(Array2::from_shape_fn(x.raw_dim(), |(i, _)| bend(i)))
            }
        }
    };
}

by_marginals!(LineMixture);
by_marginals!(Comb);
