//! The Lipschitz constant of Assumption 1, measured.

use crate::estimate::Estimate;
use crate::float::Float;
use crate::flow::field::TangentField;
use crate::flow::stepper::run_blocks;
use crate::flow::{FlowEffort, FlowError, FlowSolver};
use crate::level::NoiseLevel;
use crate::score::ScoreJacobian;
use nalgebra::DMatrix;
use ndarray::{Array2, ArrayRef2, ArrayView1, Axis};
use rand::Rng;

/// Why a Lipschitz constant could not be measured.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LipschitzError {
    /// There are no points.
    #[error("x has no rows: at least one point is needed")]
    NoPoints,
    /// Too few levels for a map between two of them.
    #[error("{levels} levels were given, at least 2 are needed")]
    TooFewLevels {
        /// Levels given.
        levels: usize,
    },
    /// The flow could not be integrated.
    #[error(transparent)]
    Flow(#[from] FlowError),
}

/// The norms ‖∂Φ(x_i)‖ at the points x_i, and what follows from them.
///
/// Every norm is attained up to the accuracy of the integration, so the largest is a **lower bound on L_f**: no finite sample gives an upper
/// one. Averages over X_T are estimates with an error bar.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::NoiseLevel;
/// use onestep::flow::{FlowSolver, LipschitzProbe};
/// use onestep::law::{Covariance, Gaussian};
/// # use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let target = Gaussian::new(&[0.0, 1.0], Covariance::diagonal(&[9.0, 0.25])?)?;
/// let probe = LipschitzProbe::new(FlowSolver::new(1e-9)?);
/// let report = probe.measure(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &array![[0.1, 0.2], [1.0, -1.0]], &mut rng)?;
/// // A Gaussian flow has the same derivative √Σ everywhere.
/// assert!((report.supremum() - 3.0).abs() < 1e-7 && (report.quantile(0.0) - 3.0).abs() < 1e-7);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LipschitzReport {
    /// ‖∂Φ(x_i)‖, one a row.
    pub norms: Vec<f64>,
    /// Whether every norm settled to the precision asked for. If not, the norms are lower bounds all the same.
    pub converged: bool,
    /// What it cost.
    pub effort: FlowEffort,
}

impl LipschitzReport {
    /// The largest norm found: a lower bound on L_f.
    ///
    /// ```
    /// # use onestep::NoiseLevel;
    /// # use onestep::flow::{FlowSolver, LipschitzProbe};
    /// # use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let probe = LipschitzProbe::new(FlowSolver::new(1e-6).unwrap());
    /// let x = ndarray::array![[0.3]];
    /// let report = probe.measure(&Gaussian::standard(1).unwrap(), NoiseLevel::NOISE, NoiseLevel::DATA, &x, &mut rng).unwrap();
    /// assert!((report.supremum() - 1.0).abs() < 1e-12); // N(0, I) does not move
    /// ```
    #[must_use]
    pub fn supremum(&self) -> f64 {
        self.norms.iter().copied().fold(0.0, f64::max)
    }

    /// The row where the norm is the largest.
    ///
    /// ```
    /// # use onestep::NoiseLevel;
    /// # use onestep::flow::{FlowSolver, LipschitzProbe};
    /// # use onestep::law::GaussianMixture;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let target = GaussianMixture::isotropic(&[0.5, 0.5], &ndarray::array![[-1.0], [1.0]], &[0.25, 0.25]).unwrap();
    /// let x = ndarray::array![[-1.0], [0.0], [1.0]];
    /// let probe = LipschitzProbe::new(FlowSolver::new(1e-6).unwrap());
    /// let report = probe.measure(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x, &mut rng).unwrap();
    /// assert_eq!(report.row_of_supremum(), 1); // steepest between the modes
    /// ```
    #[must_use]
    pub fn row_of_supremum(&self) -> usize {
        (0..self.norms.len()).fold(0, |best, i| if self.norms[i] > self.norms[best] { i } else { best })
    }

    /// The quantile of the norms at `level` in [0, 1], linear between order statistics; NaN for a level outside.
    ///
    /// ```
    /// # use onestep::NoiseLevel;
    /// # use onestep::flow::{FlowSolver, LipschitzProbe};
    /// # use onestep::law::GaussianMixture;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let target = GaussianMixture::isotropic(&[0.5, 0.5], &ndarray::array![[-1.0], [1.0]], &[0.25, 0.25]).unwrap();
    /// # let probe = LipschitzProbe::new(FlowSolver::new(1e-6).unwrap());
    /// let x = ndarray::array![[-1.0], [0.0], [1.5]];
    /// let report = probe.measure(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x, &mut rng).unwrap();
    /// assert!(report.quantile(0.0) < report.quantile(0.5) && report.quantile(0.5) < report.quantile(1.0));
    /// assert_eq!(report.quantile(1.0), report.supremum());
    /// ```
    #[must_use]
    pub fn quantile(&self, level: f64) -> f64 {
        if !(0.0..=1.0).contains(&level) {
            return f64::NAN;
        }
        let mut sorted = self.norms.clone();
        sorted.sort_by(f64::total_cmp);
        let place = level * (sorted.len() - 1) as f64;
        let below = place.floor() as usize;
        let above = (below + 1).min(sorted.len() - 1);
        sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
    }

    /// E‖∂Φ(X)‖^`power` with standard error and 95 % interval, for rows that are independent draws.
    ///
    /// ```
    /// # use onestep::NoiseLevel;
    /// # use onestep::flow::{FlowSolver, LipschitzProbe};
    /// # use onestep::law::{Covariance, Gaussian};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let probe = LipschitzProbe::new(FlowSolver::new(1e-9).unwrap());
    /// let target = Gaussian::new(&[0.0], Covariance::isotropic(1, 4.0).unwrap()).unwrap();
    /// let x = ndarray::array![[0.0], [1.0]];
    /// let report = probe.measure(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x, &mut rng).unwrap();
    /// assert!((report.mean_power(3.0).value - 8.0).abs() < 1e-6);
    /// ```
    #[must_use]
    pub fn mean_power(&self, power: f64) -> Estimate {
        Estimate::from_samples(&self.norms.iter().map(|n| n.powf(power)).collect::<Vec<_>>())
    }
}

/// Measures L_f of Assumption 1: sup ‖∂Φ_{t→k}(x)‖.
///
/// Up to d = 8 the norm is the largest singular value of the full Jacobian. Above, it is found by power iteration on ∂Φᵀ∂Φ, for all rows at
/// once: the derivative carries v forward along the trajectory, its transpose carries the image back.
///
/// # Accuracy
/// Power iteration stops when no norm moves by more than the precision (10⁻⁴ relative unless set) or after 200 rounds. ‖∂Φ v‖ for unit v is
/// a lower bound at every round, and the error of the last is about the precision over the relative gap to the second singular value.
///
/// # References
/// Li, Huang and Wei 2025, Assumption 1 (19), arXiv 2402.07802.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LipschitzProbe {
    solver: FlowSolver,
    precision: f64,
}

/// Up to this dimension the full Jacobian is cheaper than power iteration.
const FULL_JACOBIAN_DIM: usize = 8;
/// Rounds of power iteration.
const ROUNDS: usize = 200;

impl LipschitzProbe {
    /// A probe that integrates with `solver`.
    ///
    /// ```
    /// use onestep::flow::{FlowSolver, LipschitzProbe};
    /// assert_eq!(LipschitzProbe::new(FlowSolver::new(1e-6).unwrap()).precision(), 1e-4);
    /// ```
    #[must_use]
    pub fn new(solver: FlowSolver) -> Self {
        Self { solver, precision: 1e-4 }
    }

    /// Sets the relative change below which power iteration stops.
    ///
    /// ```
    /// use onestep::flow::{FlowSolver, LipschitzProbe};
    /// assert_eq!(LipschitzProbe::new(FlowSolver::new(1e-6).unwrap()).with_precision(1e-2).precision(), 1e-2);
    /// ```
    #[must_use]
    pub fn with_precision(mut self, precision: f64) -> Self {
        self.precision = precision;
        self
    }

    /// The relative change below which power iteration stops.
    ///
    /// ```
    /// use onestep::flow::{FlowSolver, LipschitzProbe};
    /// assert!(LipschitzProbe::new(FlowSolver::new(1e-6).unwrap()).precision() < 1e-3);
    /// ```
    #[must_use]
    pub fn precision(&self) -> f64 {
        self.precision
    }

    /// ‖∂Φ_{from→to}(x_i)‖ for every row. `rng` draws the starting directions of power iteration (unused up to d = 8).
    ///
    /// # Errors
    /// No rows, or the flow could not be integrated.
    ///
    /// # Panics
    /// `x` does not have as many columns as the score has dimensions.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use onestep::NoiseLevel;
    /// use onestep::flow::{FlowSolver, LipschitzProbe};
    /// use onestep::law::{Covariance, Gaussian};
    /// # use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// // d = 20: power iteration finds the one wide direction.
    /// let mut variances = vec![1.0; 20];
    /// variances[7] = 6.25;
    /// let target = Gaussian::new(&[0.0; 20], Covariance::diagonal(&variances)?)?;
    /// let x = Array2::<f64>::zeros((1, 20));
    /// let report = LipschitzProbe::new(FlowSolver::new(1e-8)?).measure(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x, &mut rng)?;
    /// assert!(report.converged && (report.supremum() / 2.5 - 1.0).abs() < 1e-3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn measure<F: Float, S: ScoreJacobian<F> + ?Sized, R: Rng + ?Sized>(
        &self,
        score: &S,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        rng: &mut R,
    ) -> Result<LipschitzReport, LipschitzError> {
        if x.nrows() == 0 {
            return Err(LipschitzError::NoPoints);
        }
        assert_eq!(x.ncols(), score.dim(), "measure: x has {} columns, the score dimension {}", x.ncols(), score.dim());
        if score.dim() <= FULL_JACOBIAN_DIM { self.by_jacobian(score, &[from, to], x) } else { self.by_power(score, from, to, x, rng) }
    }

    /// sup over pairs of the given levels, noisier to cleaner: for every row x_i, taken at the first and noisiest of `levels` (in falling
    /// order of noise), the largest ‖∂Φ_{t→k}‖ along its trajectory over all pairs of levels. Identity maps count: no norm is below 1.
    ///
    /// Up to d = 8 the Jacobians of all pairs come from one integration, ∂Φ_{t→k} = ∂Φ_{T→k} (∂Φ_{T→t})^{−1}; above, every pair is a power
    /// iteration of its own, so give few levels.
    ///
    /// # Errors
    /// No rows, fewer than two levels, or the flow could not be integrated.
    ///
    /// # Panics
    /// `x` does not have as many columns as the score has dimensions.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::NoiseLevel;
    /// use onestep::flow::{FlowSolver, LipschitzProbe};
    /// use onestep::law::{Covariance, Gaussian};
    /// # use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let levels = [1.5, 0.8, 0.1].map(|angle| NoiseLevel::from_angle(angle).unwrap());
    /// // A narrow Gaussian contracts from every level to every cleaner one: only the identity has norm 1.
    /// let narrow = Gaussian::new(&[0.0], Covariance::isotropic(1, 0.04)?)?;
    /// let report = LipschitzProbe::new(FlowSolver::new(1e-8)?).over_levels(&narrow, &levels, &array![[0.5]], &mut rng)?;
    /// assert_eq!(report.supremum(), 1.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn over_levels<F: Float, S: ScoreJacobian<F> + ?Sized, R: Rng + ?Sized>(
        &self,
        score: &S,
        levels: &[NoiseLevel],
        x: &ArrayRef2<F>,
        rng: &mut R,
    ) -> Result<LipschitzReport, LipschitzError> {
        if x.nrows() == 0 {
            return Err(LipschitzError::NoPoints);
        }
        assert_eq!(x.ncols(), score.dim(), "over_levels: x has {} columns, the score dimension {}", x.ncols(), score.dim());
        if levels.len() < 2 {
            return Err(LipschitzError::TooFewLevels { levels: levels.len() });
        }
        let mut report = if score.dim() <= FULL_JACOBIAN_DIM {
            self.by_jacobian(score, levels, x)?
        } else {
            let solution = self.solver.trajectory(score, levels[0], levels, x)?;
            let mut all = LipschitzReport { norms: vec![1.0; x.nrows()], converged: true, effort: solution.effort };
            for (i, start) in solution.points.iter().enumerate() {
                for &to in &levels[i + 1..] {
                    let pair = self.by_power(score, levels[i], to, start, rng)?;
                    all.norms.iter_mut().zip(pair.norms).for_each(|(a, b)| *a = a.max(b));
                    all.converged &= pair.converged;
                    all.effort.add(pair.effort);
                }
            }
            all
        };
        report.norms.iter_mut().for_each(|n| *n = n.max(1.0));
        Ok(report)
    }

    /// Climbs from the rows of `x` towards larger norms: each round proposes x + scale · N(0, I) for every row, keeps what is larger, and
    /// halves the scale after a round in which no row improved. The report is that of the rows reached, which are returned with it.
    ///
    /// The points leave the law of X_T, so of this report only [`supremum`](LipschitzReport::supremum) means something.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    ///
    /// # Panics
    /// As [`measure`](Self::measure).
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::NoiseLevel;
    /// use onestep::flow::{FlowSolver, LipschitzProbe};
    /// use onestep::law::GaussianMixture;
    /// # use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let target = GaussianMixture::isotropic(&[0.5, 0.5], &array![[-1.0], [1.0]], &[0.36, 0.36])?;
    /// let probe = LipschitzProbe::new(FlowSolver::new(1e-8)?);
    /// let (report, x) = probe.search(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &array![[0.9_f64], [1.2]], 20, &mut rng)?;
    /// // The steepest place is the middle, with slope σ e^{1/(2σ²)} = 2.4062350.
    /// assert!((report.supremum() / 2.406_235 - 1.0).abs() < 1e-2);
    /// assert!(x[[report.row_of_supremum(), 0]].abs() < 0.1);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn search<F: Float, S: ScoreJacobian<F> + ?Sized, R: Rng + ?Sized>(
        &self,
        score: &S,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        rounds: usize,
        rng: &mut R,
    ) -> Result<(LipschitzReport, Array2<F>), LipschitzError> {
        let mut best = self.measure(score, from, to, x, rng)?;
        let mut at = x.to_owned();
        let mut scale = 0.5;
        for _ in 0..rounds {
            let proposal = at.mapv(|v| v + F::of(scale) * F::standard_normal(&mut &mut *rng));
            let tried = self.measure(score, from, to, &proposal, rng)?;
            best.effort.add(tried.effort);
            let mut improved = false;
            for (i, &norm) in tried.norms.iter().enumerate() {
                if norm > best.norms[i] {
                    best.norms[i] = norm;
                    at.row_mut(i).assign(&proposal.row(i));
                    improved = true;
                }
            }
            if !improved {
                scale *= 0.5;
            }
        }
        Ok((best, at))
    }

    /// The largest norm over all pairs of `levels`, by full Jacobians from the first level.
    fn by_jacobian<F: Float, S: ScoreJacobian<F> + ?Sized>(
        &self,
        score: &S,
        levels: &[NoiseLevel],
        x: &ArrayRef2<F>,
    ) -> Result<LipschitzReport, LipschitzError> {
        let dim = score.dim();
        let field = TangentField { score, tangents: dim, transposed: false };
        let start = FlowSolver::with_unit_tangents(x);
        let (points, effort) = run_blocks(&field, &self.solver.plan(), levels[0], &levels[1..], &start)?;
        let jacobian = |row: ArrayView1<'_, F>| DMatrix::from_fn(dim, dim, |j, k| row[(k + 1) * dim + j].as_f64());
        let norms = (0..x.nrows()).map(|i| {
            let jacobians: Vec<_> = points.iter().map(|p| jacobian(p.row(i))).collect();
            let pairs = jacobians.iter().enumerate().flat_map(|(a, from)| {
                let inverse = from.clone().try_inverse();
                jacobians[a + 1..].iter().filter_map(move |to| inverse.as_ref().map(|inverse| to * inverse))
            });
            pairs.chain(jacobians.iter().cloned()).map(|j| j.singular_values().max()).fold(0.0, f64::max)
        });
        Ok(LipschitzReport { norms: norms.collect(), converged: true, effort })
    }

    fn by_power<F: Float, S: ScoreJacobian<F> + ?Sized, R: Rng + ?Sized>(
        &self,
        score: &S,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        rng: &mut R,
    ) -> Result<LipschitzReport, LipschitzError> {
        let mut v = Array2::from_shape_simple_fn(x.raw_dim(), || F::standard_normal(&mut &mut *rng));
        normalise(&mut v);
        let mut report = LipschitzReport { norms: vec![0.0; x.nrows()], converged: false, effort: FlowEffort::default() };
        for _ in 0..ROUNDS {
            let forward = self.solver.solve_tangent(score, from, to, x, &v)?;
            report.effort.add(forward.effort);
            let mut image = forward.tangents;
            let norms = normalise(&mut image);
            let change = norms.iter().zip(&report.norms).map(|(n, o)| (n - o).abs() / n.max(f64::MIN_POSITIVE)).fold(0.0, f64::max);
            report.norms.iter_mut().zip(norms).for_each(|(best, n)| *best = best.max(n));
            if change <= self.precision {
                report.converged = true;
                break;
            }
            let back = self.solver.solve_transposed(score, from, to, &forward.points, &image)?;
            report.effort.add(back.effort);
            v = back.tangents;
            normalise(&mut v);
        }
        Ok(report)
    }
}

/// Scales every row to length one and returns the lengths; a zero row stays.
fn normalise<F: Float>(rows: &mut Array2<F>) -> Vec<f64> {
    rows.axis_iter_mut(Axis(0))
        .map(|mut row| {
            let length = row.iter().map(|v| v.as_f64().powi(2)).sum::<f64>().sqrt();
            if length > 0.0 {
                row.mapv_inplace(|v| v / F::of(length));
            }
            length
        })
        .collect()
}
