//! Scores in the conventions of others, both ways.

use crate::float::Float;
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::path::{GaussianPath, PathError, Prediction};
use crate::score::ScoreFunction;
use crate::space::{Space, inherent_dim};
use ndarray::{Array2, ArrayRef2, Zip};

/// A network in the convention of its path as a score of this crate: s_θ(x) = −ε/sin θ, with ε from what the network predicts at the point m x.
///
/// The network is a closure on a batch, `network(time, points, out)`: time and points in the convention of the path, one point a row.
///
/// # Accuracy
/// Where the path does not reach a level, or the prediction does not determine the noise there (see [`Place::convert`](crate::path::Place::convert)),
/// the values are NaN. At the data end a score does not exist.
///
/// # Example
/// ```
/// use ndarray::{ArrayRef2, array};
/// use onestep::path::{Path, Prediction};
/// use onestep::score::PathScore;
/// use onestep::{NoiseLevel, ScoreFunction};
/// // The denoiser of N(0, 4) in the convention of EDM: D = 4 x/(4 + σ²).
/// let denoiser = |sigma: f64, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| out.assign(&x.mapv(|x| 4.0 * x / (4.0 + sigma * sigma)));
/// let score = PathScore::new(Path::edm(), 1, Prediction::Denoised, denoiser);
/// let level = NoiseLevel::from_angle(0.7)?;
/// let exact = -1.5 / level.noisy_variance(4.0);
/// assert!((score.score(level, &array![[1.5]])[[0, 0]] - exact).abs() < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Clone)]
pub struct PathScore<P, N> {
    path: P,
    dim: usize,
    prediction: Prediction,
    network: N,
}

impl<P: std::fmt::Debug, N> std::fmt::Debug for PathScore<P, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, dim, prediction, .. } = self;
        f.debug_struct("PathScore").field("path", path).field("dim", dim).field("prediction", prediction).finish_non_exhaustive()
    }
}

impl<P: GaussianPath, N> PathScore<P, N> {
    /// The score behind a network that makes `prediction` on `path`, in dimension `dim`.
    ///
    /// ```
    /// use ndarray::{ArrayRef2, array};
    /// use onestep::path::{Path, Prediction};
    /// use onestep::score::PathScore;
    /// use onestep::{NoiseLevel, ScoreFunction};
    /// // ε = sin θ x is the noise in x ~ N(0, 1): the score is −x.
    /// let noise = |alpha_bar: f64, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| out.assign(&x.mapv(|x| (1.0 - alpha_bar).sqrt() * x));
    /// let score = PathScore::new(Path::vp(), 1, Prediction::Noise, noise);
    /// assert!((score.score(NoiseLevel::from_angle(0.3)?, &array![[2.0]])[[0, 0]] + 2.0).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new<F>(path: P, dim: usize, prediction: Prediction, network: N) -> Self
    where
        N: Fn(f64, &ArrayRef2<F>, &mut ArrayRef2<F>) + Send + Sync,
    {
        Self { path, dim, prediction, network }
    }
}

impl<P, N> Space for PathScore<P, N> {
    fn dim(&self) -> usize {
        self.dim
    }
}

inherent_dim!([P, N] PathScore<P, N>);

impl<F: Float, P: GaussianPath, N: Fn(f64, &ArrayRef2<F>, &mut ArrayRef2<F>) + Send + Sync> ScoreFunction<F> for PathScore<P, N> {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score", self.dim, x, out);
        let way = || {
            let place = self.path.on(level)?;
            Ok::<_, PathError>((self.path.time(level)?, place, place.convert(self.prediction, Prediction::Noise)?))
        };
        let Ok((time, place, to_noise)) = way() else {
            out.fill(F::nan());
            return;
        };
        let points = place.from_vp(x);
        (self.network)(time, &points, out);
        to_noise.apply_into(&points, out);
        let sin = F::of(level.sin());
        out.mapv_inplace(|noise| -noise / sin);
    }
}

/// A score of this crate in the convention of a path: what a perfect network of that convention returns.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::law::Gaussian;
/// use onestep::path::{Path, Prediction};
/// use onestep::score::OnPath;
/// let edm = OnPath::new(Gaussian::standard(1)?, Path::edm());
/// // X_0 + σZ ~ N(0, 1 + σ²): the score −x/(1 + σ²), the denoiser x/(1 + σ²), and F = 0 for σ_data = 1.
/// let x = array![[2.0_f64]];
/// assert!((edm.predict(Prediction::Score, 3.0, &x)?[[0, 0]] + 0.2).abs() < 1e-15);
/// assert!((edm.predict(Prediction::Denoised, 3.0, &x)?[[0, 0]] - 0.2).abs() < 1e-15);
/// assert!(edm.predict(Prediction::Edm { sigma_data: 1.0 }, 3.0, &x)?[[0, 0]].abs() < 1e-15);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct OnPath<S, P> {
    score: S,
    path: P,
}

impl<S, P: GaussianPath> OnPath<S, P> {
    /// `score` seen on `path`.
    ///
    /// ```
    /// use onestep::law::Gaussian;
    /// use onestep::path::Path;
    /// use onestep::score::OnPath;
    /// assert_eq!(OnPath::new(Gaussian::standard(3)?, Path::linear()).dim(), 3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(score: S, path: P) -> Self {
        Self { score, path }
    }

    /// The prediction at points of the path and a time of the path.
    ///
    /// # Errors
    /// The time is outside the path, or the score does not determine the prediction, as the denoised point where there is only noise.
    ///
    /// # Panics
    /// `x` does not have `dim()` columns.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::law::Gaussian;
    /// use onestep::path::{Path, Prediction};
    /// use onestep::score::OnPath;
    /// // On the linear path N(0, 1) has the velocity (2s − 1) x/((1 − s)² + s²).
    /// let flow = OnPath::new(Gaussian::standard(1)?, Path::linear());
    /// let u = flow.predict(Prediction::FlowVelocity, 0.8, &array![[2.0_f64]])?[[0, 0]];
    /// assert!((u - 0.6 * 2.0 / 0.68).abs() < 1e-14);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn predict<F: Float>(&self, prediction: Prediction, time: f64, x: &ArrayRef2<F>) -> Result<Array2<F>, PathError>
    where
        S: ScoreFunction<F>,
    {
        let place = self.path.place(time)?;
        let conversion = place.convert(Prediction::Noise, prediction)?;
        // ε = −sin θ s_θ(x/m).
        let mut out = self.score.score(place.level(), &place.to_vp(x));
        let sin = place.level().sin();
        Zip::from(&mut out).and(x).for_each(|o, x| *o = F::of(conversion.apply(x.as_f64(), -sin * o.as_f64())));
        Ok(out)
    }
}

impl<S: Space, P> Space for OnPath<S, P> {
    fn dim(&self) -> usize {
        self.score.dim()
    }
}

inherent_dim!([S: Space, P] OnPath<S, P>);
