//! The Lipschitz constant of Assumption 1, measured.

use crate::error::{Empty, check_range};
use crate::float::Float;
use crate::flow::effort::FlowEffort;
use crate::flow::error::FlowError;
use crate::flow::field::TangentField;
use crate::flow::lipschitz_report::LipschitzReport;
use crate::flow::solver::FlowSolver;
use crate::flow::stepper::run_blocks;
use crate::level::NoiseLevel;
use crate::numeric::rows::normalise;
use crate::score::ScoreJacobian;
use nalgebra::DMatrix;
use ndarray::{Array2, ArrayRef2, Axis, Slice};
use rand::RngCore;

/// Measures L_f of Assumption 1, sup ‖∂Φ_{t→k}(x)‖, **from below**: a norm at a point is at most L_f, and no finite number of points gives more.
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
/// A search ends when its proposals come this near to the points.
const SMALLEST_SCALE: f64 = 1e-12;
/// Rounds of power iteration.
const ROUNDS: usize = 200;

impl LipschitzProbe {
    /// A probe that integrates with `solver`.
    ///
    /// ```
    /// use onestep::flow::{FlowSolver, LipschitzProbe};
    /// let solver = FlowSolver::new(1e-6)?;
    /// assert_eq!(LipschitzProbe::new(solver), LipschitzProbe::new(solver).precision(1e-4));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(solver: FlowSolver) -> Self {
        Self { solver, precision: 1e-4 }
    }

    /// The relative change, in (0, 1), below which power iteration stops; 1e−4 by default.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::NoiseLevel;
    /// use onestep::flow::{FlowSolver, LipschitzProbe};
    /// use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let probe = LipschitzProbe::new(FlowSolver::new(1e-6)?).precision(f64::NAN);
    /// let found = probe.measure(&Gaussian::standard(1)?, NoiseLevel::NOISE, NoiseLevel::DATA, &array![[0.3_f64]], &mut rng);
    /// assert_eq!(found.unwrap_err().to_string(), "precision = NaN is outside (0, 1)");
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn precision(mut self, precision: f64) -> Self {
        self.precision = precision;
        self
    }

    /// Everything that can be checked before the first integration.
    fn check<F: Float>(&self, x: &ArrayRef2<F>) -> Result<(), FlowError> {
        check_range("precision", self.precision, self.precision > 0.0 && self.precision < 1.0, "(0, 1)")?;
        if x.nrows() == 0 {
            return Err(Empty { name: "x" }.into());
        }
        Ok(())
    }

    /// ‖∂Φ_{from→to}(x_i)‖ for every row. `rng` draws the starting directions of power iteration (unused up to d = 8).
    ///
    /// # Errors
    /// A precision outside (0, 1), no rows, or a flow that could not be integrated.
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
    pub fn measure<F: Float, S: ScoreJacobian<F> + ?Sized>(
        &self,
        score: &S,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        rng: &mut dyn RngCore,
    ) -> Result<LipschitzReport, FlowError> {
        self.check(x)?;
        assert_eq!(x.ncols(), score.dim(), "measure: x has {} columns, the score dimension {}", x.ncols(), score.dim());
        if score.dim() <= FULL_JACOBIAN_DIM { self.by_jacobian(score, &[from, to], x) } else { self.by_power(score, from, to, x, rng) }
    }

    /// sup over pairs of the given levels, noisier to cleaner: for every row x_i, taken at the first and noisiest of `levels` (in falling
    /// order of noise), the largest ‖∂Φ_{t→k}‖ along its trajectory over all pairs of levels. Identity maps count: no norm is below 1.
    ///
    /// Up to d = 8 the Jacobians of all pairs come from one integration, as products of those between neighbouring levels; above, every pair is a power
    /// iteration of its own, so give few levels.
    ///
    /// # Errors
    /// As [`measure`](Self::measure); fewer than two levels.
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
    pub fn over_levels<F: Float, S: ScoreJacobian<F> + ?Sized>(
        &self,
        score: &S,
        levels: &[NoiseLevel],
        x: &ArrayRef2<F>,
        rng: &mut dyn RngCore,
    ) -> Result<LipschitzReport, FlowError> {
        self.check(x)?;
        assert_eq!(x.ncols(), score.dim(), "over_levels: x has {} columns, the score dimension {}", x.ncols(), score.dim());
        check_range("levels", levels.len(), levels.len() >= 2, "[2, inf)")?;
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
    /// halves the scale after a round in which no row improved; it ends early at a scale of 10⁻¹². The report is that of the rows reached, which are returned with it.
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
    pub fn search<F: Float, S: ScoreJacobian<F> + ?Sized>(
        &self,
        score: &S,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        rounds: usize,
        rng: &mut dyn RngCore,
    ) -> Result<(LipschitzReport, Array2<F>), FlowError> {
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
            if scale < SMALLEST_SCALE {
                break;
            }
        }
        Ok((best, at))
    }

    /// The largest norm over all pairs of `levels`, by the full Jacobians of the maps between neighbours. The derivative of a longer map is
    /// their product; no matrix is inverted, since flows to narrow laws have singular derivatives.
    fn by_jacobian<F: Float, S: ScoreJacobian<F> + ?Sized>(
        &self,
        score: &S,
        levels: &[NoiseLevel],
        x: &ArrayRef2<F>,
    ) -> Result<LipschitzReport, FlowError> {
        let dim = score.dim();
        let field = TangentField { score, tangents: dim, transposed: false };
        let (mut at, mut effort) = (x.to_owned(), FlowEffort::default());
        let mut norms = vec![0.0; x.nrows()];
        // For every row the derivatives from each level passed to the present one.
        let mut open: Vec<Vec<DMatrix<f64>>> = vec![Vec::new(); x.nrows()];
        for leg in levels.windows(2) {
            let (points, own) = run_blocks(&field, &self.solver.plan()?, leg[0], &leg[1..], &FlowSolver::with_unit_tangents(&at))?;
            effort.add(own);
            let end = &points[0];
            for ((open, norm), row) in open.iter_mut().zip(&mut norms).zip(end.rows()) {
                let step = DMatrix::from_fn(dim, dim, |j, k| row[(k + 1) * dim + j].as_f64());
                open.iter_mut().for_each(|from| *from = &step * &*from);
                open.push(step);
                *norm = open.iter().map(|j| j.singular_values().max()).fold(*norm, larger);
            }
            at = end.slice_axis(Axis(1), Slice::from(..dim)).to_owned();
        }
        if let Some(row) = norms.iter().position(|n: &f64| !n.is_finite()) {
            return Err(FlowError::DerivativeNotFinite { row: row + 1 });
        }
        Ok(LipschitzReport { norms, converged: true, effort })
    }

    fn by_power<F: Float, S: ScoreJacobian<F> + ?Sized>(
        &self,
        score: &S,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        rng: &mut dyn RngCore,
    ) -> Result<LipschitzReport, FlowError> {
        let mut v = Array2::from_shape_simple_fn(x.raw_dim(), || F::standard_normal(rng));
        normalise(&mut v);
        let mut report = LipschitzReport { norms: vec![0.0; x.nrows()], converged: false, effort: FlowEffort::default() };
        for _ in 0..ROUNDS {
            let forward = self.solver.solve_tangent(score, from, to, x, &v)?;
            report.effort.add(forward.effort);
            let mut image = forward.tangents;
            let norms = normalise(&mut image);
            let change = norms.iter().zip(&report.norms).map(|(n, o)| (n - o).abs() / n.max(f64::MIN_POSITIVE)).fold(0.0, f64::max);
            report.norms.iter_mut().zip(norms).for_each(|(best, n)| *best = larger(*best, n));
            if let Some(row) = report.norms.iter().position(|n| !n.is_finite()) {
                return Err(FlowError::DerivativeNotFinite { row: row + 1 });
            }
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

/// The larger of two numbers, NaN if either is.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a >= b { a } else { b }
}
