//! Quadrature of posterior expectations: E[g(X_0) | X_θ = x] as a finite sum.

mod comb;
mod compound;
mod curve;
mod gaussian;
mod normal;
mod radial;

pub(crate) use normal::effective_size;

use crate::delegate::delegate;
use crate::law::Sample;
use crate::level::NoiseLevel;
use ndarray::Array2;

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
/// Radial laws: Gauss rules of 10 radii and 8 angles to x in the plane and in space (there with 8 azimuths), 6 radii, 4 angles and 2(d − 1)
/// symmetric directions in more dimensions: means and covariances to 1e−6 where the radius is continuous, to rounding for shells. Noisy curves: Gauss rules of 16 points along each curve, times 5 × 5 for the noise around it: means and covariances to 1e−10, a wave of the
/// length 2π to 1e−3.
///
/// Any other law: [`MonteCarloPosterior`](crate::law::MonteCarloPosterior) from a sampler of the posterior (a law that is known by its score
/// alone has one, [`ReverseDiffusion`](crate::law::ReverseDiffusion)), or [`ImportancePosterior`](crate::law::ImportancePosterior) from
/// samples of the law.
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
    /// `x` does not have length [`dim`](crate::Space::dim).
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
