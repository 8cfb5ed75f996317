//! Derivatives of the scores of Gaussian targets.

use super::gaussian::{Gaussian, noisy_variance, over};
use super::mixture::{GaussianMixture, softmax};
use super::product::Product;
use super::rotated::Rotated;
use crate::{Float, NoiseLevel, ScoreFunction, ScoreJacobian, score::assert_shapes};
use ndarray::{Array2, ArrayRef2, Axis};

/// ∂s = −(cos²θ Σ + sin²θ I)^{−1} everywhere.
impl<F: Float> ScoreJacobian<F> for Gaussian {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", self.dim(), x, out);
        assert_shapes("score_jvp", self.dim(), v, out);
        let gain = self.covariance().map(|s| over(-1.0, noisy_variance(level, s)));
        self.covariance().apply(&gain, v, out);
    }
}

/// With g_k = −A_k (x − cos θ m_k), A_k the inverse covariance of component k at this level, and responsibilities r_k:
/// s = Σ r_k g_k and ∂s v = Σ r_k [(g_k · v)(g_k − s) − A_k v]; centring on s keeps the digits of a small posterior spread.
impl<F: Float> ScoreJacobian<F> for GaussianMixture {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", self.dim(), x, out);
        assert_shapes("score_jvp", self.dim(), v, out);
        let mut r = self.logits(level, x);
        r.rows_mut().into_iter().for_each(softmax);
        let score: Array2<F> = ScoreFunction::score(self, level, x);
        let (mut pull, mut image) = (Array2::<F>::zeros(x.raw_dim()), Array2::<F>::zeros(x.raw_dim()));
        out.fill(F::zero());
        for (k, covariance) in self.covariances().iter().enumerate() {
            let gain = covariance.map(|s| over(-1.0, noisy_variance(level, s)));
            covariance.apply(&gain, &self.about_mean(level, k, x), &mut pull);
            covariance.apply(&gain, v, &mut image);
            for (i, mut o) in out.rows_mut().into_iter().enumerate() {
                let weight = F::of(r[[i, k]]);
                if weight > F::zero() {
                    let deviation = pull.row(i).iter().zip(score.row(i)).zip(v.row(i)).map(|((&g, &s), &v)| (g - s) * v).sum::<F>();
                    let terms = o.iter_mut().zip(pull.row(i)).zip(score.row(i)).zip(image.row(i));
                    terms.for_each(|(((o, &g), &s), &a)| *o += weight * (deviation * (g - s) + a));
                }
            }
        }
    }
}

impl<F: Float, T: ScoreJacobian<F>> ScoreJacobian<F> for Product<T> {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", ScoreFunction::dim(self), x, out);
        assert_shapes("score_jvp", ScoreFunction::dim(self), v, out);
        for (factor, columns) in self.blocks(ScoreFunction::dim) {
            let (x, v) = (x.slice_axis(Axis(1), columns), v.slice_axis(Axis(1), columns));
            factor.score_jvp_into(level, &x, &v, &mut out.slice_axis_mut(Axis(1), columns));
        }
    }
}

impl<F: Float, T: ScoreJacobian<F>> ScoreJacobian<F> for Rotated<T> {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", ScoreFunction::dim(self), x, out);
        assert_shapes("score_jvp", ScoreFunction::dim(self), v, out);
        self.rotate_into(&self.inner().score_jvp(level, &self.unrotate(x), &self.unrotate(v)), out);
    }
}
