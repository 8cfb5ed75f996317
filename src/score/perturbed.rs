//! Scores with an error of known size.

use crate::error::{check_equal, check_finite, check_range};
use crate::float::Float;
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::score::{ScoreError, ScoreFunction, ScoreJacobian};
use crate::space::{Space, inherent_dim};
use ndarray::{Array2, ArrayRef2};

/// What the error of a perturbed score has a constant size in: the factor a(θ) in ‖e(θ, x)‖ = size · a(θ).
///
/// Networks are trained to predict different things, and an error of constant size in each is a different error of the score:
///
/// | quantity | tie to the score | a(θ) |
/// | --- | --- | --- |
/// | `Score` | s | 1 |
/// | `Noise` | E\[Z \| x\] = −sin θ s | 1/sin θ |
/// | `Denoiser` | D = (x + sin²θ s)/cos θ | cos θ/sin²θ |
/// | `Velocity` | u = −tan θ (x + s) | cos θ/sin θ |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ErrorScale {
    /// Constant error of the score itself.
    #[default]
    Score,
    /// Constant error of the predicted noise.
    Noise,
    /// Constant error of the predicted data.
    Denoiser,
    /// Constant error of the velocity of the probability flow.
    Velocity,
}

impl ErrorScale {
    /// a(θ); infinite at θ = 0 but for `Score`.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::score::ErrorScale;
    /// let level = NoiseLevel::from_angle(0.5)?;
    /// assert_eq!(ErrorScale::Noise.factor(level) * 0.5_f64.sin(), 1.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn factor(self, level: NoiseLevel) -> f64 {
        let (cos, sin) = (level.cos(), level.sin());
        match self {
            Self::Score => 1.0,
            Self::Noise => 1.0 / sin,
            Self::Denoiser => cos / sin / sin,
            Self::Velocity => cos / sin,
        }
    }

    /// |∫ tan θ a(θ) dθ| between two levels, in closed form: the length of the way an error of size one pushes a point off the flow.
    ///
    /// `Score` −ln cos θ, `Noise` ln(sec θ + tan θ), `Denoiser` ln tan(θ/2), `Velocity` θ. Infinite where the integral is: at the noise
    /// end for `Score` and `Noise`, at the data end for `Denoiser`.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::score::ErrorScale;
    /// let (from, to) = (NoiseLevel::from_angle(1.2)?, NoiseLevel::from_angle(0.2)?);
    /// assert!((ErrorScale::Velocity.drift(from, to) - 1.0).abs() < 1e-15);
    /// assert!((ErrorScale::Score.drift(from, to) - (0.2_f64.cos() / 1.2_f64.cos()).ln()).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn drift(self, from: NoiseLevel, to: NoiseLevel) -> f64 {
        // tan(θ/2) = sin θ/(1 + cos θ), and sec θ + tan θ = (1 + sin θ)/cos θ.
        let antiderivative = |l: NoiseLevel| match self {
            Self::Score => -0.5 * l.ln_alpha_bar(),
            Self::Noise => l.sin().ln_1p() - l.cos().ln(),
            Self::Denoiser => (l.sin() / (1.0 + l.cos())).ln(),
            Self::Velocity => l.angle(),
        };
        if from == to { 0.0 } else { (antiderivative(from) - antiderivative(to)).abs() }
    }
}

/// The field of directions, of norm one at every point.
#[derive(Debug, Clone, PartialEq)]
enum Direction {
    /// The same everywhere.
    Constant(Vec<f64>),
    /// Frequencies, one row for each pair of coordinates.
    Waves(Array2<f64>),
}

impl Direction {
    fn dim(&self) -> usize {
        match self {
            Self::Constant(unit) => unit.len(),
            Self::Waves(frequencies) => frequencies.ncols(),
        }
    }
}

/// A score with an error of known size: s̃(θ, x) = s(θ, x) + size · a(θ) · v(x), ‖v(x)‖ = 1 **at every point**.
///
/// Hence E‖s̃ − s‖² = size² a(θ)² under every law, so that the L² error which theories of score-based sampling assume (and a trained
/// network only estimates) is a given number here, pointwise, in every L^p. Two fields of directions:
///
/// - [`constant`](Self::constant): v is one unit vector, a bias;
/// - [`waves`](Self::waves): v = √(2/d) (cos⟨w_1, x⟩, sin⟨w_1, x⟩, cos⟨w_2, x⟩, …), an error that changes sign on the scale 1/‖w_i‖; in an odd
///   dimension the last coordinate is 1/√d.
///
/// # What it does to the flow
/// Let Φ̃ be the flow of s̃. By the variation of constants of Alekseev and Gröbner, for every x,
///
/// ```math
/// ‖\tilde Φ_{θ→θ'}(x) − Φ_{θ→θ'}(x)‖ ≤ L \, \text{size} \left| \int_{θ'}^{θ} \tan φ \, a(φ) \, dφ \right| ,
/// ```
///
/// L being the Lipschitz constant of the exact maps Φ_{φ→θ'}: [`flow_bound`](Self::flow_bound). It bounds W_p between the two pushforwards
/// of one law for every p ≤ ∞, and is attained for N(0, I) and a constant direction.
///
/// # Panics
/// Evaluation panics, as for any score, when `x` does not have the dimension; also when the score and the directions have different ones.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{NoiseLevel, ScoreFunction};
/// use onestep::law::Gaussian;
/// use onestep::score::{ErrorScale, PerturbedScore};
/// let exact = Gaussian::standard(2)?;
/// let level = NoiseLevel::from_angle(0.7)?;
/// let rough = PerturbedScore::waves(&exact, 0.1, &array![[3.0, -1.0]])?.scaled(ErrorScale::Noise);
/// let x = array![[0.4, -1.3], [2.0, 0.1]];
/// let gap = rough.score(level, &x) - exact.score(level, &x);
/// for e in gap.rows() {
///     assert!((e.dot(&e) - rough.l2_error(level).powi(2)).abs() < 1e-15);
/// }
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Hairer, Nørsett and Wanner 1993, theorem I.14.5 (Alekseev and Gröbner).
#[derive(Debug, Clone, PartialEq)]
pub struct PerturbedScore<S> {
    score: S,
    size: f64,
    scale: ErrorScale,
    direction: Direction,
}

fn check_size(value: f64) -> Result<f64, ScoreError> {
    Ok(check_range("size", value, value >= 0.0 && value.is_finite(), "[0, inf)")?)
}

impl<S> PerturbedScore<S> {
    /// An error of norm `size` in one direction, which is normalised.
    ///
    /// # Errors
    /// A size that is negative or not finite; a direction that is zero or not finite.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{NoiseLevel, ScoreFunction};
    /// use onestep::law::Gaussian;
    /// use onestep::score::PerturbedScore;
    /// let biased = PerturbedScore::constant(Gaussian::standard(2)?, 5.0, &[0.3, 0.4])?;
    /// assert_eq!(biased.score(NoiseLevel::DATA, &array![[0.0, 0.0]]), array![[3.0, 4.0]]);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn constant(score: S, size: f64, direction: &[f64]) -> Result<Self, ScoreError> {
        let size = check_size(size)?;
        let largest = direction.iter().fold(0.0, |m: f64, v| if v.abs() <= m { m } else { v.abs() });
        let norm = largest * direction.iter().map(|v| (v / largest).powi(2)).sum::<f64>().sqrt();
        if !(norm > 0.0 && norm.is_finite()) {
            return Err(ScoreError::Direction { norm });
        }
        let unit = direction.iter().map(|v| v / norm).collect();
        Ok(Self { score, size, scale: ErrorScale::Score, direction: Direction::Constant(unit) })
    }

    /// An error of norm `size` whose direction turns with x: `frequencies` holds w_1, …, w_⌊d/2⌋, one a row.
    ///
    /// # Units
    /// Frequencies are in radians per unit of the data.
    ///
    /// # Errors
    /// A size that is negative or not finite; frequencies that are not ⌊d/2⌋ rows of d finite numbers.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{NoiseLevel, ScoreFunction};
    /// use onestep::law::Gaussian;
    /// use onestep::score::PerturbedScore;
    /// let rough = PerturbedScore::waves(Gaussian::standard(3)?, 1.0, &array![[0.0, 2.0, 0.0]])?;
    /// let at_zero = rough.score(NoiseLevel::DATA, &array![[0.0, 0.0, 0.0]]);
    /// let exact = array![[(2.0_f64 / 3.0).sqrt(), 0.0, (1.0_f64 / 3.0).sqrt()]];
    /// assert!((at_zero - exact).iter().all(|gap: &f64| gap.abs() < 1e-15));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn waves(score: S, size: f64, frequencies: &ArrayRef2<f64>) -> Result<Self, ScoreError> {
        let size = check_size(size)?;
        let (rows, columns) = frequencies.dim();
        check_range("columns of frequencies", columns, columns > 0, "[1, inf)")?;
        check_equal("rows of frequencies", rows, "pairs of coordinates", columns / 2)?;
        check_finite("frequencies", frequencies)?;
        Ok(Self { score, size, scale: ErrorScale::Score, direction: Direction::Waves(frequencies.to_owned()) })
    }

    /// Makes the error constant in another quantity than the score.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::Gaussian;
    /// use onestep::score::{ErrorScale, PerturbedScore};
    /// let rough = PerturbedScore::constant(Gaussian::standard(1)?, 0.2, &[1.0])?.scaled(ErrorScale::Velocity);
    /// assert_eq!(rough.l2_error(NoiseLevel::from_sigma(2.0)?), 0.1); // tan θ times it is 0.2
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn scaled(mut self, scale: ErrorScale) -> Self {
        self.scale = scale;
        self
    }

    /// The score without the error.
    ///
    /// ```
    /// use onestep::law::Gaussian;
    /// use onestep::score::PerturbedScore;
    /// let rough = PerturbedScore::constant(Gaussian::standard(1)?, 0.2, &[1.0])?;
    /// assert_eq!(rough.exact().dim(), 1);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn exact(&self) -> &S {
        &self.score
    }

    /// √E‖s̃ − s‖² = size · a(θ), exactly, under any law.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::Gaussian;
    /// use onestep::score::PerturbedScore;
    /// let rough = PerturbedScore::constant(Gaussian::standard(1)?, 0.2, &[-1.0])?;
    /// assert_eq!(rough.l2_error(NoiseLevel::NOISE), 0.2);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn l2_error(&self, level: NoiseLevel) -> f64 {
        if self.size == 0.0 { 0.0 } else { self.size * self.scale.factor(level) }
    }

    /// L · size · |∫ tan θ a(θ) dθ|: how far the flow of s̃ is from the exact one at any point, L bounding the Lipschitz constants of
    /// the exact maps into `to`. It bounds W_p between the pushforwards for every p.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::NoiseLevel;
    /// use onestep::flow::FlowSolver;
    /// use onestep::law::Gaussian;
    /// use onestep::score::{ErrorScale, PerturbedScore};
    /// // The flow of N(0, I) is the identity, L = 1: a bias moves every point by exactly the bound.
    /// let biased = PerturbedScore::constant(Gaussian::standard(1)?, 0.1, &[1.0])?;
    /// let (from, to) = (NoiseLevel::from_angle(1.5)?, NoiseLevel::DATA);
    /// let end = FlowSolver::new(1e-10)?.solve(&biased, from, to, &array![[0.3]])?;
    /// let gap: f64 = end.points[0][[0, 0]] - 0.3;
    /// assert!((gap - biased.flow_bound(from, to, 1.0)).abs() < 1e-8);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn flow_bound(&self, from: NoiseLevel, to: NoiseLevel, lipschitz: f64) -> f64 {
        if self.size == 0.0 { 0.0 } else { lipschitz * self.size * self.scale.drift(from, to) }
    }
}

/// ⟨w_i, x⟩ for every row of `x` and every frequency.
fn phases<F: Float>(frequencies: &Array2<f64>, x: &ArrayRef2<F>) -> Array2<f64> {
    x.mapv(F::as_f64).dot(&frequencies.t())
}

impl<S: Space> Space for PerturbedScore<S> {
    fn dim(&self) -> usize {
        let (dim, directions) = (self.score.dim(), self.direction.dim());
        assert_eq!(dim, directions, "score of dimension {dim}, directions of dimension {directions}");
        dim
    }
}

inherent_dim!([S: Space] PerturbedScore<S>);

impl<F: Float, S: ScoreFunction<F>> ScoreFunction<F> for PerturbedScore<S> {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score", self.dim(), x, out);
        self.score.score_into(level, x, out);
        let size = self.l2_error(level);
        match &self.direction {
            Direction::Constant(unit) => {
                let error: Vec<F> = unit.iter().map(|u| F::of(size * u)).collect();
                out.rows_mut().into_iter().for_each(|mut o| o.iter_mut().zip(&error).for_each(|(o, &e)| *o += e));
            }
            Direction::Waves(frequencies) => {
                let dim = self.dim();
                let each = size * (2.0 / dim as f64).sqrt();
                for (mut o, phases) in out.rows_mut().into_iter().zip(phases(frequencies, x).rows()) {
                    for (i, phase) in phases.iter().enumerate() {
                        let (sin, cos) = phase.sin_cos();
                        o[2 * i] += F::of(each * cos);
                        o[2 * i + 1] += F::of(each * sin);
                    }
                    if dim % 2 == 1 {
                        o[dim - 1] += F::of(size / (dim as f64).sqrt());
                    }
                }
            }
        }
    }
}

/// ∂v(x) w has the pair √(2/d) ⟨w_i, w⟩ (−sin⟨w_i, x⟩, cos⟨w_i, x⟩) for every frequency w_i. It is **not symmetric**: s̃ is not a gradient
/// unless the direction is constant, so [`FlowSolver::solve_transposed`](crate::flow::FlowSolver::solve_transposed) does not apply.
impl<F: Float, S: ScoreJacobian<F>> ScoreJacobian<F> for PerturbedScore<S> {
    fn score_jvp_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score_jvp", self.dim(), x, out);
        assert_shapes("score_jvp", self.dim(), v, out);
        self.score.score_jvp_into(level, x, v, out);
        if let Direction::Waves(frequencies) = &self.direction {
            let each = self.l2_error(level) * (2.0 / self.dim() as f64).sqrt();
            let (at, along) = (phases(frequencies, x), phases(frequencies, v));
            for ((mut o, at), along) in out.rows_mut().into_iter().zip(at.rows()).zip(along.rows()) {
                for (i, (phase, rate)) in at.iter().zip(along).enumerate() {
                    let (sin, cos) = phase.sin_cos();
                    o[2 * i] -= F::of(each * rate * sin);
                    o[2 * i + 1] += F::of(each * rate * cos);
                }
            }
        }
    }
}
