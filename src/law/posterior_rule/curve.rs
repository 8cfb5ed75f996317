//! Rules for noisy curves: Gauss along each curve, Gauss–Hermite for the noise around it.

use crate::law::posterior_rule::normal::Rule;
use crate::law::{DiscreteLaw, NoisyCurve, PosteriorRule};
use crate::level::NoiseLevel;
use crate::numeric::special::jacobi::gauss_of;
use ndarray::Array2;

impl NoisyCurve {
    fn rule(&self, level: NoiseLevel, x: &[f64], which: Rule) -> DiscreteLaw {
        assert_eq!(x.len(), 2, "posterior_rule: x has {} coordinates, the target 2", x.len());
        let (order, around) = if which == Rule::Main { (16, 5) } else { (12, 4) };
        let around = DiscreteLaw::normal_grid(2, around);
        let variance = self.noise() * self.noise();
        let (gain, deviation) = (level.gain(variance), level.posterior_variance(variance).sqrt());
        let (mut nodes, mut weights) = (Vec::new(), Vec::new());
        for (part, latents, shares) in self.latent_posterior(level, [x[0], x[1]]) {
            let total: f64 = shares.iter().sum();
            let shares: Vec<f64> = shares.iter().map(|s| s / total).collect();
            let (latents, shares) = gauss_of(&latents, &shares, order);
            for (latent, share) in latents.into_iter().zip(shares) {
                let c = self.point(part, latent);
                for (z, w) in around.nodes.rows().into_iter().zip(&around.weights) {
                    nodes.extend((0..2).map(|j| c[j] + gain * (x[j] - level.cos() * c[j]) + deviation * z[j]));
                    weights.push(total * share * w);
                }
            }
        }
        let nodes = Array2::from_shape_vec((weights.len(), 2), nodes).expect("every node has two coordinates");
        // None is dropped: far out on a banana a weight of 1e−13 still counts in the second moments.
        DiscreteLaw { nodes, weights }
    }
}

impl PosteriorRule for NoisyCurve {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        self.rule(level, x, Rule::Main)
    }

    fn comparison_rule(&self, level: NoiseLevel, x: &[f64]) -> Option<DiscreteLaw> {
        Some(self.rule(level, x, Rule::Comparison))
    }
}
