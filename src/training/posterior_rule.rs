//! Quadrature of posterior expectations: E[g(X_0) | X_θ = x] as a finite sum.

use crate::special::hermite::gauss_hermite;
use crate::{Gaussian, GaussianMixture, LineMixture, NoiseLevel, PointMasses, Product, Sample};
use ndarray::{Array2, ArrayRef2, Axis};

/// Nodes and weights of a discrete law, one node a row; the weights sum to one.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscreteLaw {
    /// m × d.
    pub nodes: Array2<f64>,
    /// Length m.
    pub weights: Vec<f64>,
}

/// A law whose posterior X_0 | X_θ = x can be integrated.
///
/// # Accuracy
/// Point masses: exact. Mixtures of Gaussians: Gauss–Hermite rules in every component, 16 nodes on the line, 8 × 8 in the plane,
/// 6 × 6 × 6 in space: exact for polynomials of degree 31, 15 and 11 a coordinate. In more dimensions 2d symmetric points a component,
/// exact through degree three. Products: tensor products of their factors' rules. Nodes of weight below 1e−13 are dropped.
///
/// # Example
/// ```
/// use onestep::{LineMixture, NoiseLevel, Posterior, PosteriorRule};
/// let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.3, 0.3])?;
/// let level = NoiseLevel::from_angle(0.8)?;
/// let rule = target.posterior_rule(level, &[0.4]);
/// let mean: f64 = rule.nodes.column(0).iter().zip(&rule.weights).map(|(x, w)| x * w).sum();
/// assert!((mean - target.denoise(level, &ndarray::array![[0.4]])[[0, 0]]).abs() < 1e-11);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait PosteriorRule: Sample {
    /// The discrete law that stands for X_0 given X_θ = `x`.
    ///
    /// # Panics
    /// `x` does not have length [`dim`](Sample::dim).
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw;
}

/// Weights below this are dropped.
const NEGLIGIBLE: f64 = 1e-13;

impl DiscreteLaw {
    fn pruned(nodes: &ArrayRef2<f64>, weights: &[f64]) -> Self {
        let kept: Vec<usize> = (0..weights.len()).filter(|&k| weights[k] > NEGLIGIBLE).collect();
        let total: f64 = kept.iter().map(|&k| weights[k]).sum();
        Self { nodes: nodes.select(Axis(0), &kept), weights: kept.iter().map(|&k| weights[k] / total).collect() }
    }

    /// All pairs of a node of `self` and a node of `other`, side by side.
    fn tensor(&self, other: &Self) -> Self {
        let (m, n) = (self.weights.len(), other.weights.len());
        let split = self.nodes.ncols();
        let entry = |row: usize, j: usize| if j < split { self.nodes[[row / n, j]] } else { other.nodes[[row % n, j - split]] };
        let nodes = Array2::from_shape_fn((m * n, split + other.nodes.ncols()), |(row, j)| entry(row, j));
        let weights: Vec<f64> = (0..m * n).map(|row| self.weights[row / n] * other.weights[row % n]).collect();
        Self::pruned(&nodes, &weights)
    }

    /// A rule for N(0, I) in `dim` dimensions.
    fn standard_normal(dim: usize) -> Self {
        let points = match dim {
            1 => 16,
            2 => 8,
            3 => 6,
            _ => {
                let radius = (dim as f64).sqrt();
                let place = |(k, j): (usize, usize)| if k / 2 == j { radius * (1.0 - 2.0 * (k % 2) as f64) } else { 0.0 };
                return Self { nodes: Array2::from_shape_fn((2 * dim, dim), place), weights: vec![0.5 / dim as f64; 2 * dim] };
            }
        };
        let (nodes, weights) = gauss_hermite(points);
        let line = Self { nodes: Array2::from_shape_fn((points, 1), |(k, _)| nodes[k]), weights };
        (1..dim).fold(line.clone(), |rule, _| rule.tensor(&line))
    }
}

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
        assert_eq!(x.len(), 1, "posterior_rule: x has {} coordinates, the target 1", x.len());
        let rule = DiscreteLaw::standard_normal(1);
        let mut shares = vec![0.0; self.weights().len()];
        self.at(level).for_responsibilities(x[0], |k, r| shares[k] = r);
        let part = |k: usize| {
            let (mean, variance) = (self.means()[k], self.stds()[k].powi(2));
            let total = level.alpha_bar() * variance + level.one_minus_alpha_bar();
            let centre = mean + level.cos() * variance / total * (x[0] - level.cos() * mean);
            let deviation = self.stds()[k] * level.sin() / total.sqrt();
            (shares[k], rule.nodes.mapv(|z| centre + deviation * z))
        };
        mixture((0..shares.len()).map(part), &rule)
    }
}

impl PosteriorRule for GaussianMixture {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        assert_eq!(x.len(), self.dim(), "posterior_rule: x has {} coordinates, the target {}", x.len(), self.dim());
        let rule = DiscreteLaw::standard_normal(self.dim());
        let noisy = |v: f64| level.alpha_bar() * v + level.one_minus_alpha_bar();
        let offset = |k: usize| Array2::from_shape_fn((1, x.len()), |(_, j)| x[j] - level.cos() * self.means()[[k, j]]);
        let logits: Vec<f64> = (0..self.weights().len())
            .map(|k| {
                let covariance = &self.covariances()[k];
                let square = covariance.quadratic(&covariance.map(|v| 1.0 / noisy(v)), &offset(k))[0];
                self.weights()[k].ln() - 0.5 * (covariance.sum(|v| noisy(v).ln()) + square)
            })
            .collect();
        let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = logits.iter().map(|l| (l - top).exp()).sum();
        let part = |k: usize| {
            let covariance = &self.covariances()[k];
            let mut centre = Array2::zeros((1, x.len()));
            covariance.apply(&covariance.map(|v| level.cos() * v / noisy(v)), &offset(k), &mut centre);
            let mut nodes = Array2::zeros(rule.nodes.raw_dim());
            covariance.apply(&covariance.map(|v| v.sqrt() * level.sin() / noisy(v).sqrt()), &rule.nodes, &mut nodes);
            ((logits[k] - top).exp() / total, nodes + &centre + self.means().row(k))
        };
        mixture((0..logits.len()).map(part), &rule)
    }
}

impl PosteriorRule for Gaussian {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        assert_eq!(x.len(), self.dim(), "posterior_rule: x has {} coordinates, the target {}", x.len(), self.dim());
        let rule = DiscreteLaw::standard_normal(self.dim());
        let noisy = |v: f64| level.alpha_bar() * v + level.one_minus_alpha_bar();
        let offset = Array2::from_shape_fn((1, x.len()), |(_, j)| x[j] - level.cos() * self.mean_slice()[j]);
        let mut centre = Array2::from_shape_fn((1, x.len()), |_| 0.0);
        let covariance = self.covariance();
        covariance.apply(&covariance.map(|v| level.cos() * v / noisy(v)), &offset, &mut centre);
        centre.iter_mut().zip(self.mean_slice()).for_each(|(c, m)| *c += m);
        let mut nodes = Array2::zeros(rule.nodes.raw_dim());
        covariance.apply(&covariance.map(|v| v.sqrt() * level.sin() / noisy(v).sqrt()), &rule.nodes, &mut nodes);
        DiscreteLaw { nodes: nodes + &centre, weights: rule.weights }
    }
}

impl PosteriorRule for PointMasses {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        assert_eq!(x.len(), self.dim(), "posterior_rule: x has {} coordinates, the target {}", x.len(), self.dim());
        let logit = |(atom, w): (ndarray::ArrayView1<'_, f64>, &f64)| {
            let square: f64 = atom.iter().zip(x).map(|(a, x)| ((x - level.cos() * a) / level.sin()).powi(2)).sum();
            w.ln() - 0.5 * square
        };
        let logits: Vec<f64> = self.atoms().rows().into_iter().zip(self.weights()).map(logit).collect();
        let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = logits.iter().map(|l| (l - top).exp()).sum();
        let weights: Vec<f64> = logits.iter().map(|l| (l - top).exp() / total).collect();
        DiscreteLaw::pruned(self.atoms(), &weights)
    }
}

impl<T: PosteriorRule> PosteriorRule for Product<T> {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        assert_eq!(x.len(), self.dim(), "posterior_rule: x has {} coordinates, the target {}", x.len(), self.dim());
        let mut start = 0;
        let mut whole = DiscreteLaw { nodes: Array2::zeros((1, 0)), weights: vec![1.0] };
        for factor in self.factors() {
            let end = start + factor.dim();
            whole = whole.tensor(&factor.posterior_rule(level, &x[start..end]));
            start = end;
        }
        whole
    }
}
