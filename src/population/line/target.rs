//! The laws whose recursion on the line can be run.

use crate::law::{Comb, LineMixture};

/// A law on the line that a [`LineRecursion`](crate::population::LineRecursion) takes: by reference, as it is.
///
/// # Example
/// ```
/// use onestep::Grid;
/// use onestep::law::{Comb, LineMixture};
/// use onestep::population::{LineRecursion, LineTarget};
/// let (comb, normal) = (Comb::new(0.0, 3.0)?, LineMixture::gaussian(0.0, 1.0)?);
/// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
/// // A comb of amplitude 0 is N(0, 1).
/// let targets = [LineTarget::from(&comb), LineTarget::from(&normal)];
/// let w1 = targets.map(|law| LineRecursion::new(law, &grid).run().unwrap().report().w1_marginal.upper);
/// assert!((w1[0] / w1[1] - 1.0).abs() < 1e-8);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum LineTarget<'a> {
    /// A mixture of Gaussians or point masses.
    Mixture(&'a LineMixture),
    /// A comb.
    Comb(&'a Comb),
}

impl<'a> From<&'a LineMixture> for LineTarget<'a> {
    fn from(law: &'a LineMixture) -> Self {
        Self::Mixture(law)
    }
}

impl<'a> From<&'a Comb> for LineTarget<'a> {
    fn from(law: &'a Comb) -> Self {
        Self::Comb(law)
    }
}
