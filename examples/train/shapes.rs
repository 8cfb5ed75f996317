//! Laws in the plane that are drawn from alone: their exact answer is not used here.

use super::Target;
use ndarray::array;
use onestep::Sample;
use onestep::law::{Covariance, GaussianMixture, LawError, NoisyCurve};

/// Three unlike modes of weights 0.7, 0.2 and 0.1.
fn skewed() -> Result<GaussianMixture, LawError> {
    let shapes = [[0.3, 0.5], [0.2, 0.2], [0.6, 0.15]].map(|[x, y]: [f64; 2]| Covariance::diagonal(&[x * x, y * y]));
    let covariances = shapes.into_iter().collect::<Result<Vec<_>, _>>()?;
    GaussianMixture::new(&[0.7, 0.2, 0.1], &array![[-1.0, 0.0], [1.5, 1.0], [1.0, -1.5]], &covariances)
}

/// The law of a name; `None` where its exact answer is known.
pub(crate) fn shape(target: Target) -> Result<Option<Box<dyn Sample>>, LawError> {
    Ok(match target {
        Target::Mixture | Target::Gaussian => None,
        Target::Skewed => Some(Box::new(skewed()?)),
        Target::Moons => Some(Box::new(NoisyCurve::two_moons(0.1)?)),
        Target::Banana => Some(Box::new(NoisyCurve::banana(1.0, 1.0, 0.3)?)),
        Target::Ring => Some(Box::new(GaussianMixture::ring(8, 2.0, 0.2)?)),
    })
}
