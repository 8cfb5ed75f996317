//! Derivatives of the scores of the built-in targets: the Hessians of ln p_θ.

use crate::float::Float;
use crate::law::Gaussian;
use crate::law::GaussianMixture;
use crate::law::LineMixture;
use crate::law::PointMasses;
use crate::law::Product;
use crate::law::Radial;
use crate::law::Rotated;
use crate::law::Shifted;
use crate::law::radial::{Shell, norm};
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::numeric::special::bessel::mean_ratio_slope;
use crate::score::{ScoreFunction, ScoreJacobian};
use crate::space::Space;
use ndarray::{Array2, ArrayRef2, Axis};

/// ∂s = −(cos²θ Σ + sin²θ I)^{−1} everywhere.
impl<F: Float> ScoreJacobian<F> for Gaussian {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", self.dim(), x, out);
        assert_shapes("score_jvp", self.dim(), v, out);
        let gain = self.covariance().map(|s| level.over_noisy(-1.0, s));
        self.covariance().apply(&gain, v, out);
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
}

impl<F: Float, T: ScoreJacobian<F>> ScoreJacobian<F> for Product<T> {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", self.dim(), x, out);
        assert_shapes("score_jvp", self.dim(), v, out);
        for (factor, columns) in self.blocks(Space::dim) {
            let (x, v) = (x.slice_axis(Axis(1), columns), v.slice_axis(Axis(1), columns));
            factor.score_jvp_into(level, &x, &v, &mut out.slice_axis_mut(Axis(1), columns));
        }
    }
}

impl<F: Float, T: ScoreJacobian<F>> ScoreJacobian<F> for Rotated<T> {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", self.dim(), x, out);
        assert_shapes("score_jvp", self.dim(), v, out);
        self.rotate_into(&self.inner().score_jvp(level, &self.unrotate(x), &self.unrotate(v)), out);
    }
}

/// As the mixture of normals of variance 0; without noise the score, which does not exist, is reported as 0, and so is its derivative.
impl<F: Float> ScoreJacobian<F> for PointMasses {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        self.mixture().score_jvp_into(level, x, v, out);
    }
}

impl<F: Float> ScoreJacobian<F> for LineMixture {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", 1, x, out);
        assert_shapes("score_jvp", 1, v, out);
        let marginal = self.at(level);
        for ((x, v), mut o) in x.rows().into_iter().zip(v.rows()).zip(out.rows_mut()) {
            o[0] = v[0] * F::of(marginal.score_slope(x[0].as_f64()));
        }
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
}
