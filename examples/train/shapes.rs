//! Laws in the plane that are drawn from alone: their exact answer is not used here.

use ndarray::array;
use onestep::Sample;
use onestep::law::{Covariance, GaussianMixture, LawError, NoisyCurve};

/// Three unlike modes of weights 0.7, 0.2 and 0.1.
fn skewed() -> Result<GaussianMixture, LawError> {
    let shapes = [[0.3, 0.5], [0.2, 0.2], [0.6, 0.15]].map(|[x, y]: [f64; 2]| Covariance::diagonal(&[x * x, y * y]));
    let covariances = shapes.into_iter().collect::<Result<Vec<_>, _>>()?;
    GaussianMixture::new(&[0.7, 0.2, 0.1], &array![[-1.0, 0.0], [1.5, 1.0], [1.0, -1.5]], &covariances)
}

/// The law of a name.
pub(crate) fn shape(target: super::Target) -> Option<Result<Box<dyn Sample>, LawError>> {
    fn boxed(law: Result<impl Sample + 'static, LawError>) -> Option<Result<Box<dyn Sample>, LawError>> {
        Some(law.map(|law| Box::new(law) as Box<dyn Sample>))
    }
    match target {
        super::Target::Mixture | super::Target::Gaussian => None,
        super::Target::Skewed => boxed(skewed()),
        super::Target::Moons => boxed(NoisyCurve::two_moons(0.1)),
        super::Target::Banana => boxed(NoisyCurve::banana(1.0, 1.0, 0.3)),
        super::Target::Ring => boxed(GaussianMixture::ring(8, 2.0, 0.2)),
    }
}
