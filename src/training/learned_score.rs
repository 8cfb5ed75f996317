//! A score learned by score matching.

use crate::float::Float;
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::score::ScoreFunction;
use crate::space::{Space, inherent_dim};
use crate::training::network::layers::Network;
use crate::training::network::time::time_features;
use crate::training::standardisation::Standardisation;
use ndarray::ArrayRef2;

/// The smallest angle visited in training: below it the data hide the noise.
pub(super) const LEAST_ANGLE: f64 = 0.002;

/// A learned score of the scaled data: s_θ(x) = −x − cot θ · v(x, θ). At θ = 0 it is evaluated at the smallest angle of training.
/// Made by [`ScoreMatching`](super::ScoreMatching).
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "F: serde::Serialize", deserialize = "F: serde::Deserialize<'de>")))]
pub struct LearnedScore<F: Float = f64> {
    pub(super) standardisation: Standardisation,
    pub(super) network: Network<F>,
}

impl<F: Float> LearnedScore<F> {
    /// The scaling between the data and the space the score lives on.
    ///
    /// ```
    /// use onestep::training::{LearnedScore, ScoreMatching};
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let score: LearnedScore = ScoreMatching::new(&[4]).iterations(1).train(&ndarray::array![[1.0], [3.0]], &mut rng)?;
    /// assert_eq!(score.standardisation().standardise(&ndarray::array![[3.0]]), ndarray::array![[1.0]]);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn standardisation(&self) -> &Standardisation {
        &self.standardisation
    }
}

impl<F: Float> Space for LearnedScore<F> {
    fn dim(&self) -> usize {
        self.standardisation.dim()
    }
}

inherent_dim!([F: Float] LearnedScore<F>);

impl<F: Float> ScoreFunction<F> for LearnedScore<F> {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score", self.dim(), x, out);
        let angle = level.angle().max(LEAST_ANGLE);
        let features = time_features(angle);
        let cotangent = F::of(if level.is_noise() { 0.0 } else { angle.tan().recip() });
        let dim = self.dim();
        self.network.eval_rows(
            x,
            out,
            |x, mut to| to.iter_mut().zip(x.iter().chain(&features)).for_each(|(t, v)| *t = *v),
            |x, _, value, mut to| (0..dim).for_each(|j| to[j] = -x[j] - cotangent * value[j]),
        );
    }
}
