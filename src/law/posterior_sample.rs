//! Exact samplers of the posterior X_0 | X_θ = x, in any dimension.

use crate::float::Float;
use crate::law::{Covariance, Gaussian, GaussianMixture, LineMixture, PointMasses, PosteriorSample, Product, Rotated, Shifted};
use crate::level::NoiseLevel;
use ndarray::{Array2, ArrayRef2, ArrayView1, Axis, Slice, Zip, aview1};
use rand::{Rng, RngCore};

/// An index drawn with probabilities that sum to one up to rounding.
fn pick(shares: &[f64], rng: &mut dyn RngCore) -> usize {
    let total: f64 = shares.iter().sum();
    let mut left = rng.random::<f64>() * total;
    for (k, share) in shares.iter().enumerate() {
        left -= share;
        if left < 0.0 {
            return k;
        }
    }
    // Rounding at the end of the sum: the last that can occur.
    shares.iter().rposition(|&share| share > 0.0).unwrap_or(0)
}

/// How often each index occurs among `draws`.
fn counts(shares: &[f64], draws: usize, rng: &mut dyn RngCore) -> Vec<usize> {
    (0..draws).map(|_| pick(shares, rng)).collect()
}

impl PosteriorSample for LineMixture {
    fn sample_posterior_into(&self, level: NoiseLevel, x: &[f64], rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        check_shape(1, x, out);
        let mut shares = vec![0.0; self.weights().len()];
        self.at(level).for_responsibilities(x[0], |k, r| shares[k] = r);
        for o in out.iter_mut() {
            let k = pick(&shares, rng);
            let (mean, variance) = (self.means()[k], self.stds()[k].powi(2));
            let centre = mean + level.gain(variance) * (x[0] - level.cos() * mean);
            *o = centre + level.posterior_variance(variance).sqrt() * f64::standard_normal(rng);
        }
    }
}

impl PosteriorSample for GaussianMixture {
    fn sample_posterior_into(&self, level: NoiseLevel, x: &[f64], rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        check_shape(self.dim(), x, out);
        let members = counts(&self.responsibilities(level, x), out.nrows(), rng);
        for (row, k) in members.into_iter().enumerate() {
            component(
                level,
                &self.means().row(k),
                &self.covariances()[k],
                x,
                rng,
                &mut out.slice_axis_mut(Axis(0), Slice::from(row..=row)),
            );
        }
    }
}

impl PosteriorSample for Gaussian {
    fn sample_posterior_into(&self, level: NoiseLevel, x: &[f64], rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        check_shape(self.dim(), x, out);
        component(level, &aview1(self.mean_slice()), self.covariance(), x, rng, out);
    }
}

impl PosteriorSample for PointMasses {
    fn sample_posterior_into(&self, level: NoiseLevel, x: &[f64], rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        check_shape(self.dim(), x, out);
        let members = counts(&self.mixture().responsibilities(level, x), out.nrows(), rng);
        out.rows_mut().into_iter().zip(members).for_each(|(mut row, k)| row.assign(&self.atoms().row(k)));
    }
}

impl<T: PosteriorSample> PosteriorSample for Product<T> {
    fn sample_posterior_into(&self, level: NoiseLevel, x: &[f64], rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        check_shape(self.dim(), x, out);
        let mut start = 0;
        for (factor, columns) in self.blocks() {
            let end = start + factor.dim();
            factor.sample_posterior_into(level, &x[start..end], rng, &mut out.slice_axis_mut(Axis(1), columns));
            start = end;
        }
    }
}

impl<T: PosteriorSample> PosteriorSample for Rotated<T> {
    fn sample_posterior_into(&self, level: NoiseLevel, x: &[f64], rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        check_shape(self.dim(), x, out);
        let straight: Vec<f64> = self.unrotate(&aview1(x).insert_axis(Axis(0))).iter().copied().collect();
        let mut draws = Array2::zeros(out.raw_dim());
        self.inner().sample_posterior_into(level, &straight, rng, &mut draws);
        self.rotate_into(&draws, out);
    }
}

impl<T: PosteriorSample> PosteriorSample for Shifted<T> {
    fn sample_posterior_into(&self, level: NoiseLevel, x: &[f64], rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        check_shape(self.dim(), x, out);
        let about: Vec<f64> = self.unshift(level, &aview1(x).insert_axis(Axis(0))).iter().copied().collect();
        self.inner().sample_posterior_into(level, &about, rng, out);
        self.add(1.0, out);
    }
}

fn check_shape(dim: usize, x: &[f64], out: &ArrayRef2<f64>) {
    assert_eq!(x.len(), dim, "sample_posterior: x has {} coordinates, the target {dim}", x.len());
    assert_eq!(out.ncols(), dim, "sample_posterior: out has {} columns, the target {dim}", out.ncols());
}

/// Draws of X_0 | X_θ = x for X_0 ~ N(mean, Σ): mean + gain(Σ)(x − cos θ mean) + √(posterior variance)(Σ) z.
fn component(
    level: NoiseLevel,
    mean: &ArrayView1<'_, f64>,
    covariance: &Covariance,
    x: &[f64],
    rng: &mut dyn RngCore,
    out: &mut ArrayRef2<f64>,
) {
    let offset = Array2::from_shape_fn((1, x.len()), |(_, j)| x[j] - level.cos() * mean[j]);
    let mut centre = Array2::zeros((1, x.len()));
    covariance.apply(&covariance.map(|v| level.gain(v)), &offset, &mut centre);
    let noise = Array2::from_shape_simple_fn(out.raw_dim(), || f64::standard_normal(rng));
    covariance.apply(&covariance.map(|v| level.posterior_variance(v).sqrt()), &noise, out);
    for mut row in out.rows_mut() {
        Zip::from(&mut row).and(centre.row(0)).and(mean).for_each(|o, c, m| *o += c + m);
    }
}
