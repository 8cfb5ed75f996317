//! Rules for Gaussians, their mixtures and point masses.

use crate::law::posterior_rule::normal::{NEGLIGIBLE, Rule};
use crate::law::{Covariance, DiscreteLaw, Gaussian, GaussianMixture, LineMixture, PointMasses, PosteriorRule};
use crate::level::NoiseLevel;
use ndarray::{Array2, ArrayView1, Axis, aview1};

/// The law Σ_k r_k N(m_k, C_k) by the rule of each component, given as (r_k, nodes of the component).
fn mixture(parts: impl Iterator<Item = (f64, Array2<f64>)>, rule: &DiscreteLaw) -> DiscreteLaw {
    let (mut nodes, mut weights) = (Array2::zeros((0, rule.nodes.ncols())), Vec::new());
    for (r, own) in parts.filter(|(r, _)| *r > NEGLIGIBLE) {
        nodes.append(Axis(0), own.view()).expect("every component's nodes have the target's dimension");
        weights.extend(rule.weights.iter().map(|w| r * w));
    }
    DiscreteLaw::pruned(&nodes, &weights)
}

impl PosteriorRule for LineMixture {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        self.rule(level, x, Rule::Main)
    }

    fn comparison_rule(&self, level: NoiseLevel, x: &[f64]) -> Option<DiscreteLaw> {
        Some(self.rule(level, x, Rule::Comparison))
    }
}

impl LineMixture {
    fn rule(&self, level: NoiseLevel, x: &[f64], which: Rule) -> DiscreteLaw {
        assert_eq!(x.len(), 1, "posterior_rule: x has {} coordinates, the target 1", x.len());
        let rule = DiscreteLaw::standard_normal(1, which);
        let mut shares = vec![0.0; self.weights().len()];
        self.at(level).for_responsibilities(x[0], |k, r| shares[k] = r);
        let part = |k: usize| {
            let (mean, variance) = (self.means()[k], self.stds()[k].powi(2));
            let centre = mean + level.gain(variance) * (x[0] - level.cos() * mean);
            let deviation = level.posterior_variance(variance).sqrt();
            (shares[k], rule.nodes.mapv(|z| centre + deviation * z))
        };
        mixture((0..shares.len()).map(part), &rule)
    }
}

impl PosteriorRule for GaussianMixture {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        self.rule(level, x, Rule::Main)
    }

    fn comparison_rule(&self, level: NoiseLevel, x: &[f64]) -> Option<DiscreteLaw> {
        Some(self.rule(level, x, Rule::Comparison))
    }
}

impl GaussianMixture {
    fn rule(&self, level: NoiseLevel, x: &[f64], which: Rule) -> DiscreteLaw {
        assert_eq!(x.len(), self.dim(), "posterior_rule: x has {} coordinates, the target {}", x.len(), self.dim());
        let rule = DiscreteLaw::standard_normal(self.dim(), which);
        let shares = self.responsibilities(level, x);
        let part = |k: usize| (shares[k], component(level, &self.means().row(k), &self.covariances()[k], x, &rule));
        mixture((0..shares.len()).map(part), &rule)
    }
}

impl PosteriorRule for Gaussian {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        self.rule(level, x, Rule::Main)
    }

    fn comparison_rule(&self, level: NoiseLevel, x: &[f64]) -> Option<DiscreteLaw> {
        Some(self.rule(level, x, Rule::Comparison))
    }
}

impl Gaussian {
    fn rule(&self, level: NoiseLevel, x: &[f64], which: Rule) -> DiscreteLaw {
        assert_eq!(x.len(), self.dim(), "posterior_rule: x has {} coordinates, the target {}", x.len(), self.dim());
        let rule = DiscreteLaw::standard_normal(self.dim(), which);
        DiscreteLaw { nodes: component(level, &aview1(self.mean_slice()), self.covariance(), x, &rule), weights: rule.weights.clone() }
    }
}

/// The nodes of `rule` carried to X_0 | X_θ = x for X_0 ~ N(mean, Σ): mean + gain(Σ)(x − cos θ mean) + √(posterior variance)(Σ) z.
fn component(level: NoiseLevel, mean: &ArrayView1<'_, f64>, covariance: &Covariance, x: &[f64], rule: &DiscreteLaw) -> Array2<f64> {
    let offset = Array2::from_shape_fn((1, x.len()), |(_, j)| x[j] - level.cos() * mean[j]);
    let mut centre = Array2::zeros((1, x.len()));
    covariance.apply(&covariance.map(|v| level.gain(v)), &offset, &mut centre);
    let mut nodes = Array2::zeros(rule.nodes.raw_dim());
    covariance.apply(&covariance.map(|v| level.posterior_variance(v).sqrt()), &rule.nodes, &mut nodes);
    nodes + &centre + mean
}

impl PosteriorRule for PointMasses {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        assert_eq!(x.len(), self.dim(), "posterior_rule: x has {} coordinates, the target {}", x.len(), self.dim());
        DiscreteLaw::pruned(self.atoms(), &self.mixture().responsibilities(level, x))
    }

    fn comparison_rule(&self, level: NoiseLevel, x: &[f64]) -> Option<DiscreteLaw> {
        Some(self.posterior_rule(level, x))
    }
}
