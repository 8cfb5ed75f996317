//! The rule for a comb: equal steps that resolve its wavelength.

use crate::law::posterior_rule::normal::Rule;
use crate::law::{Comb, DiscreteLaw, PosteriorRule};
use crate::level::NoiseLevel;
use crate::numeric::special::normal::density;
use ndarray::Array2;

/// Half the length of the rule in standard deviations.
const REACH: f64 = 8.5;
/// Steps in standard deviations for smooth functions: the error e^{−2π²/step²} is 1e−66, and 1e−43 for comparison.
const STEP: [f64; 2] = [0.36, 0.45];
/// Wavelengths shorter than one over this many standard deviations average out: e^{−60²/2} is no number.
const AVERAGED: f64 = 60.0;

impl Comb {
    /// X_0 = cos θ x + sin θ ζ with ζ of density γ(ζ)(1 + A cos(kX_0))/B. The step resolves functions that vary like the comb itself, as the
    /// flow maps to the data do.
    fn rule(&self, level: NoiseLevel, x: &[f64], which: Rule) -> DiscreteLaw {
        assert_eq!(x.len(), 1, "posterior_rule: x has {} coordinates, the target 1", x.len());
        let phase = self.wavenumber() * level.sin();
        let (amplitude, phase) = if phase < AVERAGED { (self.amplitude(), phase) } else { (0.0, 0.0) };
        let step = (STEP[usize::from(which == Rule::Comparison)].recip() + phase / std::f64::consts::PI).recip();
        let half = (REACH / step).ceil() as i32;
        let centre = level.cos() * x[0];
        let (mut nodes, mut weights): (Vec<f64>, Vec<f64>) = (-half..=half)
            .map(|j| {
                let z = f64::from(j) * step;
                let node = centre + level.sin() * z;
                (node, density(z) * (1.0 + amplitude * (self.wavenumber() * node).cos()))
            })
            .unzip();
        if level.sin() == 0.0 {
            (nodes, weights) = (vec![centre], vec![1.0]);
        }
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= total);
        let count = nodes.len();
        DiscreteLaw { nodes: Array2::from_shape_vec((count, 1), nodes).expect("every node has one coordinate"), weights }
    }
}

impl PosteriorRule for Comb {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        self.rule(level, x, Rule::Main)
    }

    fn comparison_rule(&self, level: NoiseLevel, x: &[f64]) -> Option<DiscreteLaw> {
        Some(self.rule(level, x, Rule::Comparison))
    }
}
