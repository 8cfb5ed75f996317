//! Quadrature of posterior expectations: E[g(X_0) | X_θ = x] as a finite sum.

use crate::delegate::delegate;
use crate::law::{Gaussian, GaussianMixture, LineMixture, PointMasses, Product, Rotated, Sample, Shifted};
use crate::level::NoiseLevel;
use crate::numeric::special::hermite::gauss_hermite;
use ndarray::{Array2, ArrayRef2, Axis, aview1};
use std::borrow::Cow;
use std::sync::OnceLock;

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
/// exact through degree three. Products: tensor products of their factors' rules; rotations and translations: the image of the rule. Nodes
/// of weight below 1e−13 are dropped.
///
/// # Example
/// ```
/// use onestep::{NoiseLevel, Posterior, PosteriorRule};
/// use onestep::law::LineMixture;
/// let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.3, 0.3])?;
/// let level = NoiseLevel::from_angle(0.8)?;
/// let rule = target.posterior_rule(level, &[0.4]);
/// let mean: f64 = rule.nodes.column(0).iter().zip(&rule.weights).map(|(x, w)| x * w).sum();
/// assert!((mean - target.denoise(level, &ndarray::array![[0.4]])[[0, 0]]).abs() < 1e-11);
/// # Ok::<(), onestep::Error>(())
/// ```
pub trait PosteriorRule: Sample {
    /// The discrete law that stands for X_0 given X_θ = `x`.
    ///
    /// # Panics
    /// `x` does not have length [`dim`](Space::dim).
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw;

    /// Another rule for the same law, of no higher accuracy: what the two differ by estimates the error of
    /// [`posterior_rule`](Self::posterior_rule), on the safe side where this one is the coarser. `None`, the default, where there is none.
    ///
    /// Built-in: 12 nodes on the line, 6 × 6 in the plane, 5 × 5 × 5 in space; in more dimensions the symmetric points turned by a reflection;
    /// for point masses the same exact sum.
    ///
    /// # Panics
    /// As [`posterior_rule`](Self::posterior_rule).
    ///
    /// ```
    /// use onestep::{NoiseLevel, PosteriorRule};
    /// use onestep::law::Gaussian;
    /// let (target, level) = (Gaussian::standard(1)?, NoiseLevel::from_angle(0.8)?);
    /// let fourth = |rule: onestep::law::DiscreteLaw| rule.nodes.column(0).iter().zip(&rule.weights).map(|(x, w)| w * x.powi(4)).sum::<f64>();
    /// let (fine, coarse) = (target.posterior_rule(level, &[0.4]), target.comparison_rule(level, &[0.4]).unwrap());
    /// assert!(fine.weights.len() > coarse.weights.len());
    /// assert!((fourth(fine) - fourth(coarse)).abs() < 1e-12); // both are exact for a polynomial of degree four
    /// # Ok::<(), onestep::Error>(())
    /// ```
    fn comparison_rule(&self, _level: NoiseLevel, _x: &[f64]) -> Option<DiscreteLaw> {
        None
    }
}

delegate! {
    impl[] PosteriorRule {
        fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw;
        fn comparison_rule(&self, level: NoiseLevel, x: &[f64]) -> Option<DiscreteLaw>;
    }
}

/// Which of the two rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Main,
    Comparison,
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
    fn standard_normal(dim: usize, which: Rule) -> Cow<'static, Self> {
        /// Nodes a coordinate on the line, in the plane and in space.
        const POINTS: [[usize; 3]; 2] = [[16, 8, 6], [12, 6, 5]];
        static RULES: [[OnceLock<DiscreteLaw>; 3]; 2] = [const { [const { OnceLock::new() }; 3] }; 2];
        let which = usize::from(which == Rule::Comparison);
        match POINTS[which].get(dim - 1) {
            Some(&points) => Cow::Borrowed(RULES[which][dim - 1].get_or_init(|| {
                let (nodes, weights) = gauss_hermite(points);
                let line = Self { nodes: Array2::from_shape_fn((points, 1), |(k, _)| nodes[k]), weights };
                (1..dim).fold(line.clone(), |rule, _| rule.tensor(&line))
            })),
            None => Cow::Owned(Self::symmetric_points(dim, which == 1)),
        }
    }

    /// ±√d e_j with equal weights; `turned` by the reflection that takes e_1 to (1, …, 1)/√d.
    fn symmetric_points(dim: usize, turned: bool) -> Self {
        let radius = (dim as f64).sqrt();
        let mut nodes =
            Array2::from_shape_fn((2 * dim, dim), |(k, j)| if k / 2 == j { radius * (1.0 - 2.0 * (k % 2) as f64) } else { 0.0 });
        if turned {
            // I − 2uuᵀ/‖u‖² with u = e_1 − (1, …, 1)/√d.
            let u: Vec<f64> = (0..dim).map(|j| f64::from(u8::from(j == 0)) - 1.0 / radius).collect();
            let twice = 2.0 / u.iter().map(|u| u * u).sum::<f64>();
            for mut node in nodes.rows_mut() {
                let along: f64 = node.iter().zip(&u).map(|(n, u)| n * u).sum();
                node.zip_mut_with(&aview1(&u), |n, u| *n -= twice * along * u);
            }
        }
        Self { nodes, weights: vec![0.5 / dim as f64; 2 * dim] }
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
        let noisy = |v: f64| level.alpha_bar() * v + level.one_minus_alpha_bar();
        let offset = Array2::from_shape_fn((1, x.len()), |(_, j)| x[j] - level.cos() * self.mean_slice()[j]);
        let mut centre = Array2::from_shape_fn((1, x.len()), |_| 0.0);
        let covariance = self.covariance();
        covariance.apply(&covariance.map(|v| level.cos() * v / noisy(v)), &offset, &mut centre);
        centre.iter_mut().zip(self.mean_slice()).for_each(|(c, m)| *c += m);
        let mut nodes = Array2::zeros(rule.nodes.raw_dim());
        covariance.apply(&covariance.map(|v| v.sqrt() * level.sin() / noisy(v).sqrt()), &rule.nodes, &mut nodes);
        DiscreteLaw { nodes: nodes + &centre, weights: rule.weights.clone() }
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

    fn comparison_rule(&self, level: NoiseLevel, x: &[f64]) -> Option<DiscreteLaw> {
        Some(self.posterior_rule(level, x))
    }
}

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
