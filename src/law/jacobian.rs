//! Derivatives of the scores of the built-in laws: second and third derivatives of ln p_θ.

use crate::float::Float;
use crate::law::radial::{Shell, norm};
use crate::law::{Gaussian, GaussianMixture, PointMasses, Product, Radial, Rotated, Shifted};
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::numeric::special::bessel::mean_ratio_slope;
use crate::score::{ScoreFunction, ScoreJacobian};
use ndarray::{Array2, ArrayRef2, Axis};

/// ∂s = −(cos²θ Σ + sin²θ I)^{−1} everywhere.
impl<F: Float> ScoreJacobian<F> for Gaussian {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", self.dim(), x, out);
        assert_shapes("score_jvp", self.dim(), v, out);
        let gain = self.covariance().map(|s| level.over_noisy(-1.0, s));
        self.covariance().apply(&gain, v, out);
    }

    /// 0: the score is affine.
    fn score_second_derivative(&self, _level: NoiseLevel, x: &ArrayRef2<F>, u: &ArrayRef2<F>, v: &ArrayRef2<F>) -> Option<Array2<F>> {
        assert_shapes("score_second_derivative", self.dim(), x, u);
        assert_shapes("score_second_derivative", self.dim(), x, v);
        Some(Array2::zeros(x.raw_dim()))
    }
}

/// With g_k = −A_k (x − cos θ m_k), A_k the inverse covariance of component k at this level, and responsibilities r_k:
/// s = Σ r_k g_k and ∂s v = Σ r_k [(g_k · v)(g_k − s) − A_k v]; centring on s keeps the digits of a small posterior spread.
impl<F: Float> ScoreJacobian<F> for GaussianMixture {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", self.dim(), x, out);
        assert_shapes("score_jvp", self.dim(), v, out);
        let r = self.posterior_weights(level, x);
        let score: Array2<F> = ScoreFunction::score(self, level, x);
        let (mut pull, mut image) = (Array2::<F>::zeros(x.raw_dim()), Array2::<F>::zeros(x.raw_dim()));
        out.fill(F::zero());
        for (k, covariance) in self.covariances().iter().enumerate() {
            let gain = covariance.map(|s| level.over_noisy(-1.0, s));
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

    /// Third derivatives are third cumulants of the pulls g_k, with ĝ_k = g_k − s:
    /// ∂²s\[u, v\] = Σ r_k {\[(ĝ_k · u)(ĝ_k · v) − u · A_k v\] ĝ_k − (ĝ_k · u) A_k v − (ĝ_k · v) A_k u}.
    fn score_second_derivative(&self, level: NoiseLevel, x: &ArrayRef2<F>, u: &ArrayRef2<F>, v: &ArrayRef2<F>) -> Option<Array2<F>> {
        assert_shapes("score_second_derivative", self.dim(), x, u);
        assert_shapes("score_second_derivative", self.dim(), x, v);
        let r = self.posterior_weights(level, x);
        let score: Array2<F> = ScoreFunction::score(self, level, x);
        let mut out = Array2::zeros(x.raw_dim());
        let [mut pull, mut of_u, mut of_v] = [(); 3].map(|()| Array2::<F>::zeros(x.raw_dim()));
        for (k, covariance) in self.covariances().iter().enumerate() {
            // −A_k of the deviation and of both directions.
            let gain = covariance.map(|s| level.over_noisy(-1.0, s));
            covariance.apply(&gain, &self.about_mean(level, k, x), &mut pull);
            pull -= &score;
            covariance.apply(&gain, u, &mut of_u);
            covariance.apply(&gain, v, &mut of_v);
            for (i, mut o) in out.rows_mut().into_iter().enumerate() {
                let weight = F::of(r[[i, k]]);
                if weight > F::zero() {
                    let (g, u, v) = (pull.row(i), u.row(i), v.row(i));
                    let (along_u, along_v) = (g.dot(&u), g.dot(&v));
                    let both = along_u * along_v + u.dot(&of_v.row(i));
                    for ((o, &g), (&a, &b)) in o.iter_mut().zip(g).zip(of_u.row(i).iter().zip(of_v.row(i))) {
                        *o += weight * (both * g + along_u * b + along_v * a);
                    }
                }
            }
        }
        Some(out)
    }
}

impl<F: Float, T: ScoreJacobian<F>> ScoreJacobian<F> for Product<T> {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", self.dim(), x, out);
        assert_shapes("score_jvp", self.dim(), v, out);
        for (factor, columns) in self.blocks() {
            let (x, v) = (x.slice_axis(Axis(1), columns), v.slice_axis(Axis(1), columns));
            factor.score_jvp_into(level, &x, &v, &mut out.slice_axis_mut(Axis(1), columns));
        }
    }

    fn score_second_derivative(&self, level: NoiseLevel, x: &ArrayRef2<F>, u: &ArrayRef2<F>, v: &ArrayRef2<F>) -> Option<Array2<F>> {
        assert_shapes("score_second_derivative", self.dim(), x, u);
        assert_shapes("score_second_derivative", self.dim(), x, v);
        let mut out = Array2::zeros(x.raw_dim());
        for (factor, columns) in self.blocks() {
            let [x, u, v] = [x, u, v].map(|table| table.slice_axis(Axis(1), columns));
            out.slice_axis_mut(Axis(1), columns).assign(&factor.score_second_derivative(level, &x, &u, &v)?);
        }
        Some(out)
    }
}

impl<F: Float, T: ScoreJacobian<F>> ScoreJacobian<F> for Rotated<T> {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", self.dim(), x, out);
        assert_shapes("score_jvp", self.dim(), v, out);
        self.rotate_into(&self.inner().score_jvp(level, &self.unrotate(x), &self.unrotate(v)), out);
    }

    fn score_second_derivative(&self, level: NoiseLevel, x: &ArrayRef2<F>, u: &ArrayRef2<F>, v: &ArrayRef2<F>) -> Option<Array2<F>> {
        let [x, u, v] = [x, u, v].map(|table| self.unrotate(table));
        let straight = self.inner().score_second_derivative(level, &x, &u, &v)?;
        let mut out = Array2::zeros(straight.raw_dim());
        self.rotate_into(&straight, &mut out);
        Some(out)
    }
}

/// As the mixture of normals of variance 0; without noise the score, which does not exist, is reported as 0, and so is its derivative.
impl<F: Float> ScoreJacobian<F> for PointMasses {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        self.mixture().score_jvp_into(level, x, v, out);
    }

    fn score_second_derivative(&self, level: NoiseLevel, x: &ArrayRef2<F>, u: &ArrayRef2<F>, v: &ArrayRef2<F>) -> Option<Array2<F>> {
        self.mixture().score_second_derivative(level, x, u, v)
    }
}

impl Radial {
    /// The eigenvalues of ∂s at radius r: along x, and across it, where it is the factor of s(x) = factor · x.
    ///
    /// Along x, ∂s = (cos²θ Var⟨X_0, x/r⟩/sin²θ − 1)/sin²θ, and by the law of total variance over the shells
    /// Var = Σ_j p_j \[ρ_j² A'(κ_j) + (ρ_j A(κ_j) − ‖D‖)²\].
    fn score_slopes(&self, level: NoiseLevel, r: f64) -> (f64, f64) {
        let (cos, sin, variance) = (level.cos(), level.sin(), level.one_minus_alpha_bar());
        let mean = self.denoised_radius(cos, sin, r);
        let mut spread = 0.0;
        self.for_posterior(cos, sin, r, |Shell { radius: rho, ratio: a, probability: p }| {
            let kappa = Self::concentration(rho, cos, sin, r);
            spread += p * (rho * rho * mean_ratio_slope(self.dim(), kappa, a) + (rho * a - mean).powi(2));
        });
        ((cos * cos * spread / variance - 1.0) / variance, (cos * self.denoiser_factor(level, r) - 1.0) / variance)
    }
}

/// ∂s v = across · v + (along − across) ⟨x, v⟩ x/‖x‖²; 0 without noise, as the score.
///
/// # Accuracy
/// About ε max(κ, 1)/sin²θ, κ = cos θ ρ ‖x‖/sin²θ, up to κ = 20 d², from where on it is ε/sin²θ.
impl<F: Float> ScoreJacobian<F> for Radial {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", self.dim(), x, out);
        assert_shapes("score_jvp", self.dim(), v, out);
        if level.is_data() {
            out.fill(F::zero());
            return;
        }
        for ((x, v), mut o) in x.rows().into_iter().zip(v.rows()).zip(out.rows_mut()) {
            let r = norm(x);
            let (along, across) = self.score_slopes(level, r);
            let component = if r > 0.0 { x.iter().zip(v).map(|(x, v)| (x.as_f64() / r) * v.as_f64()).sum::<f64>() } else { 0.0 };
            for ((o, x), v) in o.iter_mut().zip(x).zip(v) {
                let unit = if r > 0.0 { x.as_f64() / r } else { 0.0 };
                *o = F::of(across * v.as_f64() + (along - across) * component * unit);
            }
        }
    }
}

impl<F: Float, T: ScoreJacobian<F>> ScoreJacobian<F> for Shifted<T> {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", self.dim(), x, out);
        self.inner().score_jvp_into(level, &self.unshift(level, x), v, out);
    }

    fn score_second_derivative(&self, level: NoiseLevel, x: &ArrayRef2<F>, u: &ArrayRef2<F>, v: &ArrayRef2<F>) -> Option<Array2<F>> {
        assert_shapes("score_second_derivative", self.dim(), x, u);
        self.inner().score_second_derivative(level, &self.unshift(level, x), u, v)
    }
}
