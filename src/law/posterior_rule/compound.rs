//! Rules for products, rotations and translations of laws that have one.

use crate::law::{DiscreteLaw, PosteriorRule, Product, Rotated, Shifted};
use crate::level::NoiseLevel;
use ndarray::{Array2, Axis, aview1};

impl<T: PosteriorRule> PosteriorRule for Product<T> {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        self.tensor_of(x, |factor, x| Some(factor.posterior_rule(level, x))).expect("every factor has a rule")
    }

    fn comparison_rule(&self, level: NoiseLevel, x: &[f64]) -> Option<DiscreteLaw> {
        self.tensor_of(x, |factor, x| factor.comparison_rule(level, x))
    }
}

impl<T: PosteriorRule> Product<T> {
    fn tensor_of(&self, x: &[f64], rule: impl Fn(&T, &[f64]) -> Option<DiscreteLaw>) -> Option<DiscreteLaw> {
        assert_eq!(x.len(), self.dim(), "posterior_rule: x has {} coordinates, the target {}", x.len(), self.dim());
        let mut start = 0;
        let mut whole = DiscreteLaw { nodes: Array2::zeros((1, 0)), weights: vec![1.0] };
        for factor in self.factors() {
            let end = start + factor.dim();
            whole = whole.tensor(&rule(factor, &x[start..end])?);
            start = end;
        }
        Some(whole)
    }
}

impl<T: PosteriorRule> PosteriorRule for Rotated<T> {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        self.turned(self.inner().posterior_rule(level, &self.straight(x)))
    }

    fn comparison_rule(&self, level: NoiseLevel, x: &[f64]) -> Option<DiscreteLaw> {
        self.inner().comparison_rule(level, &self.straight(x)).map(|rule| self.turned(rule))
    }
}

impl<T> Rotated<T> {
    /// Qᵀx.
    fn straight(&self, x: &[f64]) -> Vec<f64> {
        self.unrotate(&aview1(x).insert_axis(Axis(0))).iter().copied().collect()
    }

    fn turned(&self, rule: DiscreteLaw) -> DiscreteLaw {
        let mut nodes = Array2::zeros(rule.nodes.raw_dim());
        self.rotate_into(&rule.nodes, &mut nodes);
        DiscreteLaw { nodes, weights: rule.weights }
    }
}

impl<T: PosteriorRule> PosteriorRule for Shifted<T> {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        self.moved(self.inner().posterior_rule(level, &self.about_origin(level, x)))
    }

    fn comparison_rule(&self, level: NoiseLevel, x: &[f64]) -> Option<DiscreteLaw> {
        self.inner().comparison_rule(level, &self.about_origin(level, x)).map(|rule| self.moved(rule))
    }
}

impl<T> Shifted<T> {
    /// x − cos θ c.
    fn about_origin(&self, level: NoiseLevel, x: &[f64]) -> Vec<f64> {
        self.unshift(level, &aview1(x).insert_axis(Axis(0))).iter().copied().collect()
    }

    fn moved(&self, mut rule: DiscreteLaw) -> DiscreteLaw {
        self.add(1.0, &mut rule.nodes);
        rule
    }
}
