//! Population recursions for Gaussian mixtures in two and three dimensions, on a lattice.

mod lattice;

use crate::consistency::ConsistencyFunction;
use crate::consistency::assert_evaluable;
use crate::float::Float;
use crate::flow::FlowSolver;
use crate::law::gaussian::{noisy_variance, over};
use crate::law::mixture::softmax;
use crate::law::{GaussianMixture, Moments};
use crate::level::NoiseLevel;
use crate::numeric::parallel;
use crate::numeric::special::hermite::gauss_hermite;
use crate::population::settings::Kept;
use crate::population::{Interval, Keep, Method, PopulationError};
use crate::schedule::Grid;
use crate::space::{Family, Space, inherent_dim, inherent_family};
use lattice::{Lattice, MOST_DIMS};
use ndarray::{Array2, ArrayRef2, Axis};

/// The lattice reaches this many standard deviations from the means of the components, at every level.
const REACH: f64 = 7.5;
/// Most nodes of a lattice.
const MOST_NODES: usize = 4_000_000;
/// Fewest nodes an axis.
const FEWEST_NODES: usize = 16;
/// Components with less than this share of the posterior are left out.
const NEGLIGIBLE: f64 = 1e-17;
/// Nodes of less probability are left out of expectations.
const UNSEEN: f64 = 1e-18;
/// Tolerance of the flow maps that f_T is compared with.
const FLOW_TOLERANCE: f64 = 1e-9;
/// Nodes handled at a time.
const CHUNK: usize = 256;

/// Population consistency training and distillation for a Gaussian mixture on ℝ^d, d ≤ 3, that is neither a product nor a rotation of one.
///
/// f_t is held at the nodes of a lattice and interpolated by tensor polynomials of degree 7. Given X_t = x, X_{t−1} is a mixture of the
/// Gaussians N(a x + b m_k(x), b² C_k), a = sin θ_{t−1}/sin θ_t, b = sin Δθ_t/sin θ_t, with m_k, C_k the posterior moments of component k, and
/// f_t(x) = E[f_{t−1}(X_{t−1}) | x] is a tensor Gauss–Hermite sum for each component. Distillation needs one evaluation, at
/// a x + b E[X_0 | x].
///
/// Expectations over X_t are sums over the nodes: the trapezoidal rule, which is spectrally accurate for a Gaussian mixture.
///
/// # Accuracy
/// The run is repeated on a lattice with three quarters of the nodes and one Hermite point less; `numerical_error` is the root mean
/// square difference of the two f_T, which overestimates the error of the finer one about tenfold while the lattice resolves
/// the mixture (a spacing below half the smallest standard deviation at level 1 and below the width of the passages between modes).
///
/// # Cost
/// T · nodes^d · K · points^d interpolations of 8^d terms. Nodes are spread over threads.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::VarianceSchedule;
/// use onestep::law::GaussianMixture;
/// use onestep::population::TensorRecursion;
/// use onestep::schedule::UniformAngle;
/// let target = GaussianMixture::isotropic(&[0.5, 0.5], &array![[-0.5, 0.2], [0.5, -0.2]], &[0.5, 0.8])?;
/// let grid = UniformAngle::new(8, 0.1, 1.5)?.grid()?;
/// let run = TensorRecursion::new(&target, &grid).nodes(40).run()?;
/// let report = run.report();
/// // Energy identity: the losses add up to the lost second moment.
/// assert!((report.loss_sum / report.energy_deficit - 1.0).abs() < 1e-3);
/// assert!(report.w1.lower > 0.0 && report.w1.lower <= report.w1.upper);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Li, Huang and Wei 2025, eq. (14), arXiv 2402.07802.
#[derive(Debug, Clone)]
pub struct TensorRecursion<'a> {
    target: &'a GaussianMixture,
    grid: &'a Grid,
    method: Method,
    keep: Keep,
    nodes: usize,
    points: usize,
}

impl<'a> TensorRecursion<'a> {
    /// Consistency training on `grid`, keeping f_T; 1024, 96 or 40 nodes an axis for d = 1, 2, 3, and five Gauss–Hermite points.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::TensorRecursion;
    /// let target = GaussianMixture::isotropic(&[1.0], &ndarray::array![[0.0]], &[1.0])?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = TensorRecursion::new(&target, &grid).run()?;
    /// // N(0, 1): f_T = ∏ cos Δθ_t x, so 1 − (∏ cos Δθ_t)² is lost.
    /// assert!((run.report().energy_deficit - (1.0 - 0.7_f64.cos().powi(4))).abs() < 1e-9);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(target: &'a GaussianMixture, grid: &'a Grid) -> Self {
        let nodes = match target.dim() {
            1 => 1024,
            2 => 96,
            _ => 40,
        };
        Self { target, grid, method: Method::Training, keep: Keep::Last, nodes, points: 5 }
    }

    /// Training or distillation.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::{Method, TensorRecursion};
    /// let target = GaussianMixture::isotropic(&[1.0], &ndarray::array![[0.0]], &[1.0])?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = TensorRecursion::new(&target, &grid).method(Method::Distillation).run()?;
    /// assert_eq!(run.report().loss_sum, 0.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Which functions to keep.
    ///
    /// ```
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::{Keep, TensorRecursion};
    /// let target = GaussianMixture::isotropic(&[1.0], &ndarray::array![[0.0]], &[1.0])?;
    /// let grid = Grid::from_angles(&[0.1, 0.8, 1.5])?;
    /// let run = TensorRecursion::new(&target, &grid).nodes(50).keep(Keep::All).run()?;
    /// assert!(run.consistency().holds(2));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Nodes along each axis.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::TensorRecursion;
    /// let target = GaussianMixture::isotropic(&[1.0], &ndarray::array![[0.0]], &[1.0])?;
    /// let grid = Grid::from_angles(&[0.1, 1.5])?;
    /// assert!(TensorRecursion::new(&target, &grid).nodes(3).run().is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// Gauss–Hermite points along each axis, 2 to 20.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::TensorRecursion;
    /// let target = GaussianMixture::isotropic(&[1.0], &ndarray::array![[0.0]], &[1.0])?;
    /// let grid = Grid::from_angles(&[0.1, 1.5])?;
    /// assert!(TensorRecursion::new(&target, &grid).points(1).run().is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn points(mut self, points: usize) -> Self {
        self.points = points;
        self
    }

    fn check(&self) -> Result<(), PopulationError> {
        let refuse = |name, value: usize, range| Err(PopulationError::OutOfRange { name, value: value as f64, range });
        let dim = self.target.dim();
        if dim > MOST_DIMS {
            return refuse("dim", dim, "[1, 3]");
        }
        let total = self.nodes.checked_pow(dim as u32);
        if self.nodes < FEWEST_NODES || total.is_none_or(|n| n > MOST_NODES) {
            return refuse("nodes", self.nodes, "[16, 4e6^(1/d)]");
        }
        if !(2..=20).contains(&self.points) {
            return refuse("points", self.points, "[2, 20]");
        }
        self.keep.check(self.grid.steps())
    }

    /// Runs the recursion.
    ///
    /// # Errors
    /// d > 3; fewer than 16 nodes an axis or more than 4 million in all; Hermite points outside 2..=20; a level to keep that does not exist; a
    /// flow map that cannot be integrated.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::TensorRecursion;
    /// let four = GaussianMixture::isotropic(&[1.0], &ndarray::Array2::zeros((1, 4)), &[1.0])?;
    /// assert!(TensorRecursion::new(&four, &Grid::from_angles(&[0.1, 1.5])?).run().is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn run(&self) -> Result<TensorPopulation, PopulationError> {
        self.check()?;
        let coarse = Sweep::new(self, (3 * self.nodes).div_ceil(4).max(FEWEST_NODES - 4), self.points - 1).run(&Keep::Last);
        let fine = Sweep::new(self, self.nodes, self.points).run(&self.keep);
        let report = self.report(&fine, &coarse)?;
        let consistency = TensorConsistency { lattice: fine.lattice, steps: self.grid.steps(), kept: fine.kept };
        Ok(TensorPopulation { consistency, report })
    }

    fn report(&self, fine: &Swept, coarse: &Swept) -> Result<TensorReport, PopulationError> {
        let (grid, dim) = (self.grid, self.target.dim());
        let (first, last) = (grid.level(1), grid.last());
        let all = probabilities(self.target, &fine.lattice, last);
        let mass: f64 = all.iter().sum();
        let seen: Vec<usize> = (0..all.len()).filter(|&i| all[i] > UNSEEN).collect();
        let x = Array2::from_shape_fn((seen.len(), dim), |(row, j)| fine.lattice.coordinate(seen[row], j));
        let exact = FlowSolver::new(FLOW_TOLERANCE)?.solve(self.target, last, first, &x)?;
        let exact = &exact.points[0];
        let image = Array2::from_shape_fn(x.raw_dim(), |(row, j)| fine.last()[seen[row] * dim + j]);
        let mut other = Array2::zeros(x.raw_dim());
        for (mut o, x) in other.rows_mut().into_iter().zip(x.rows()) {
            let (mut value, x) = ([0.0; MOST_DIMS], x.to_vec());
            coarse.lattice.interpolate(coarse.last(), &x, &mut value[..dim]);
            o.iter_mut().zip(value).for_each(|(o, v)| *o = v);
        }
        let expect = |g: &dyn Fn(usize) -> f64| -> f64 { seen.iter().enumerate().map(|(row, &i)| all[i] * g(row)).sum::<f64>() / mass };
        let square = |a: &Array2<f64>, b: &Array2<f64>, row: usize| -> f64 {
            a.row(row).iter().zip(b.row(row)).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        let mean: Vec<f64> = self.target.mean().iter().map(|m| first.cos() * m).collect();
        let about = |a: &Array2<f64>, row: usize| -> f64 { a.row(row).iter().zip(&mean).map(|(a, m)| (a - m) * (a - m)).sum() };
        let shift: f64 = (0..dim).map(|j| (expect(&|row| image[[row, j]]) - mean[j]).powi(2)).sum();
        let energy_deficit = expect(&|row| about(exact, row) - about(&image, row)) - shift;
        let spread = |a: &Array2<f64>| expect(&|row| about(a, row)).sqrt();
        let w2_upper = expect(&|row| square(exact, &image, row)).sqrt();
        Ok(TensorReport {
            steps: grid.steps(),
            dim,
            w1: Interval {
                lower: expect(&|row| about(exact, row).sqrt() - about(&image, row).sqrt()).abs(),
                upper: expect(&|row| square(exact, &image, row).sqrt()),
            },
            w2: Interval { lower: (spread(exact) - spread(&image)).abs(), upper: w2_upper },
            mean_shift: shift.sqrt(),
            energy_deficit,
            loss_sum: fine.loss_sum,
            numerical_error: expect(&|row| square(&image, &other, row)).sqrt(),
            mass_error: fine.mass_error.max((mass - 1.0).abs()),
        })
    }
}

/// p_t(x) · cell at every node: probabilities of the trapezoidal rule.
fn probabilities(target: &GaussianMixture, lattice: &Lattice, level: NoiseLevel) -> Vec<f64> {
    let ln_cell = lattice.cell().ln();
    let chunks = parallel::map(lattice.len().div_ceil(CHUNK), |k| {
        let logits = target.logits(level, &chunk(lattice, k));
        logits.rows().into_iter().map(|row| row.iter().map(|l| (l + ln_cell).exp()).sum::<f64>()).collect::<Vec<_>>()
    });
    chunks.concat()
}

/// The nodes of chunk k, one a row.
fn chunk(lattice: &Lattice, k: usize) -> Array2<f64> {
    let rows = CHUNK.min(lattice.len() - k * CHUNK);
    Array2::from_shape_fn((rows, lattice.dim()), |(row, j)| lattice.coordinate(k * CHUNK + row, j))
}

/// One run at one resolution.
struct Sweep<'a> {
    run: &'a TensorRecursion<'a>,
    lattice: Lattice,
    /// Tensor Gauss–Hermite rule: `dim` coordinates a point.
    offsets: Vec<f64>,
    weights: Vec<f64>,
}

struct Swept {
    lattice: Lattice,
    /// f_t at the nodes.
    kept: Kept<Vec<f64>>,
    loss_sum: f64,
    mass_error: f64,
}

impl Swept {
    fn last(&self) -> &[f64] {
        self.kept.last().map_or(&[], Vec::as_slice)
    }
}

/// What a chunk of nodes gives in one step.
struct Advanced {
    values: Vec<f64>,
    loss: f64,
    mass: f64,
}

impl<'a> Sweep<'a> {
    fn new(run: &'a TensorRecursion<'a>, nodes: usize, points: usize) -> Self {
        let (target, dim) = (run.target, run.target.dim());
        let (mut low, mut high) = (vec![f64::INFINITY; dim], vec![f64::NEG_INFINITY; dim]);
        for level in [run.grid.level(1), run.grid.last()] {
            for (mean, covariance) in target.means().rows().into_iter().zip(target.covariances()) {
                let noisy = covariance.function(|s| noisy_variance(level, s));
                for j in 0..dim {
                    let reach = REACH * noisy[[j, j]].sqrt();
                    low[j] = low[j].min(level.cos() * mean[j] - reach);
                    high[j] = high[j].max(level.cos() * mean[j] + reach);
                }
            }
        }
        let (z, w) = gauss_hermite(points);
        let total = points.pow(dim as u32);
        let digit = |i: usize, j: usize| i / points.pow(j as u32) % points;
        Self {
            run,
            lattice: Lattice::new(low, &high, nodes),
            offsets: (0..total * dim).map(|at| z[digit(at / dim, at % dim)]).collect(),
            weights: (0..total).map(|i| (0..dim).map(|j| w[digit(i, j)]).product()).collect(),
        }
    }

    fn run(self, keep: &Keep) -> Swept {
        let (grid, dim) = (self.run.grid, self.lattice.dim());
        let steps = grid.steps();
        // f_1 = id, which the interpolation reproduces.
        let mut values: Vec<f64> = (0..self.lattice.len() * dim).map(|at| self.lattice.coordinate(at / dim, at % dim)).collect();
        let (mut kept, mut loss_sum, mut mass_error) = (Kept::default(), 0.0, 0.0_f64);
        for t in 2..=steps {
            let chunks = parallel::map(self.lattice.len().div_ceil(CHUNK), |k| self.advance(t, k, &values));
            let mass: f64 = chunks.iter().map(|c| c.mass).sum();
            loss_sum += chunks.iter().map(|c| c.loss).sum::<f64>() / mass;
            mass_error = mass_error.max((mass - 1.0).abs());
            values.clear();
            chunks.iter().for_each(|c| values.extend_from_slice(&c.values));
            if keep.keeps(t, steps) {
                kept.push(t, values.clone());
            }
        }
        Swept { lattice: self.lattice, kept, loss_sum, mass_error }
    }

    /// f_t at the nodes of chunk k from f_{t−1} at all nodes, with the chunk's part of the loss and of the total probability.
    fn advance(&self, t: usize, k: usize, before: &[f64]) -> Advanced {
        let (target, grid, dim) = (self.run.target, self.run.grid, self.lattice.dim());
        let (level, back) = (grid.level(t), grid.backward(t));
        let (a, b) = (back.keep, back.turn);
        let x = chunk(&self.lattice, k);
        let mut shares = target.logits(level, &x);
        let ln_cell = self.lattice.cell().ln();
        let probability: Vec<f64> = shares.rows().into_iter().map(|row| row.iter().map(|l| (l + ln_cell).exp()).sum()).collect();
        shares.rows_mut().into_iter().for_each(softmax);
        let posterior: Vec<Array2<f64>> = (0..target.weights().len()).map(|k| posterior_means(target, level, k, &x)).collect();
        let mut advanced = Advanced { values: vec![0.0; x.len()], loss: 0.0, mass: probability.iter().sum() };
        if self.run.method == Method::Distillation {
            for (row, out) in advanced.values.chunks_exact_mut(dim).enumerate() {
                let mut y = [0.0; MOST_DIMS];
                for j in 0..dim {
                    let mean: f64 = posterior.iter().zip(shares.row(row)).map(|(m, r)| r * m[[row, j]]).sum();
                    y[j] = a * x[[row, j]] + b * mean;
                }
                self.lattice.interpolate(before, &y[..dim], out);
            }
            return advanced;
        }
        let deviations: Vec<Vec<f64>> = target.covariances().iter().map(|c| self.deviations(level, b, c)).collect();
        for (row, out) in advanced.values.chunks_exact_mut(dim).enumerate() {
            let mut square = 0.0;
            let origin: [f64; MOST_DIMS] = std::array::from_fn(|j| if j < dim { x[[row, j]] } else { 0.0 });
            for (k, share) in shares.row(row).iter().enumerate().filter(|(_, share)| **share > NEGLIGIBLE) {
                for (deviation, weight) in deviations[k].chunks_exact(dim).zip(&self.weights) {
                    let (mut y, mut value) = ([0.0; MOST_DIMS], [0.0; MOST_DIMS]);
                    for j in 0..dim {
                        y[j] = a * origin[j] + b * posterior[k][[row, j]] + deviation[j];
                    }
                    self.lattice.interpolate(before, &y[..dim], &mut value[..dim]);
                    for j in 0..dim {
                        // Relative to x itself: the variance of a small change must not cancel.
                        let change = value[j] - origin[j];
                        out[j] += share * weight * change;
                        square += share * weight * change * change;
                    }
                }
            }
            let variance = square - out.iter().map(|o| o * o).sum::<f64>();
            advanced.loss += probability[row] * variance;
            out.iter_mut().zip(origin).for_each(|(o, x)| *o += x);
        }
        advanced
    }

    /// b √C z for every point z of the rule, C the posterior covariance of a component.
    fn deviations(&self, level: NoiseLevel, b: f64, covariance: &crate::law::Covariance) -> Vec<f64> {
        let root = covariance.function(|s| b * over(s * level.one_minus_alpha_bar(), noisy_variance(level, s)).sqrt());
        let dim = self.lattice.dim();
        let image = |z: &[f64], j: usize| -> f64 { (0..dim).map(|i| root[[j, i]] * z[i]).sum() };
        self.offsets.chunks_exact(dim).flat_map(|z| (0..dim).map(|j| image(z, j)).collect::<Vec<_>>()).collect()
    }
}

/// E\[X_0 | X_t = x, component k\] for every row.
fn posterior_means(target: &GaussianMixture, level: NoiseLevel, k: usize, x: &Array2<f64>) -> Array2<f64> {
    let covariance = &target.covariances()[k];
    let mut means = Array2::zeros(x.raw_dim());
    let gain = covariance.map(|s| over(level.cos() * s, noisy_variance(level, s)));
    covariance.apply(&gain, &target.about_mean(level, k, x), &mut means);
    means += &target.means().row(k);
    means
}

/// What a [`TensorRecursion`] found, with X_T at its true law.
///
/// Two numbers of [`PopulationReport`](crate::population::PopulationReport) are not here, and the bounds hold without them: the certificate, of which
/// `w1.upper` takes the place (it is the error against the flow map itself, which the certificate bounds), and the prior mismatch, the
/// change of W_1 when X_T starts from N(0, I), at most a Lipschitz constant of f_T times W_1(p_T, N(0, I)).
///
/// # Units
/// Distances and errors are in the units of the data; `energy_deficit` and `loss_sum` in their square.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorReport {
    /// T, the number of levels.
    pub steps: usize,
    /// d.
    pub dim: usize,
    /// W_1(f_T(X_T), X_1): from below by |E‖X_1 − m‖ − E‖f_T(X_T) − m‖|, m = E X_1, the distance to m being 1-Lipschitz; from above by
    /// E‖f_T(X_T) − Φ_T(X_T)‖.
    pub w1: Interval,
    /// W_2(f_T(X_T), X_1): from below by the difference of the root mean squares about E X_1, from above by √E‖f_T(X_T) − Φ_T(X_T)‖².
    pub w2: Interval,
    /// ‖E f_T(X_T) − E X_1‖; 0 up to numerical error for training.
    pub mean_shift: f64,
    /// tr Cov X_1 − tr Cov f_T(X_T), which for training is E‖X_1‖² − E‖f_T(X_T)‖².
    pub energy_deficit: f64,
    /// Σ_{t=2}^T of the minimal training losses, equal to `energy_deficit` for training; 0 for distillation.
    pub loss_sum: f64,
    /// √E‖f_T(X_T) − f_T'(X_T)‖², f_T' from a coarser lattice: an overestimate of the numerical error of f_T.
    pub numerical_error: f64,
    /// Largest |Σ p_t · cell − 1| over the levels: how well the lattice integrates the marginals.
    pub mass_error: f64,
}

/// The outcome of a [`TensorRecursion`].
#[derive(Debug, Clone)]
pub struct TensorPopulation {
    consistency: TensorConsistency,
    report: TensorReport,
}

impl TensorPopulation {
    /// The functions that were kept.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::{ConsistencyFunction, Grid};
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::TensorRecursion;
    /// let target = GaussianMixture::isotropic(&[1.0], &array![[0.0, 0.0]], &[1.0])?;
    /// let run = TensorRecursion::new(&target, &Grid::from_angles(&[0.1, 0.8, 1.5])?).nodes(48).run()?;
    /// let image = run.consistency().eval(3, &array![[1.0, -2.0]]);
    /// assert!((image - array![[1.0, -2.0]] * 0.7_f64.cos().powi(2)).iter().all(|gap: &f64| gap.abs() < 1e-9));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn consistency(&self) -> &TensorConsistency {
        &self.consistency
    }

    /// Errors and bounds.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::law::GaussianMixture;
    /// use onestep::population::TensorRecursion;
    /// let target = GaussianMixture::isotropic(&[1.0], &array![[0.0, 0.0]], &[1.0])?;
    /// let run = TensorRecursion::new(&target, &Grid::from_angles(&[0.1, 0.8, 1.5])?).nodes(48).run()?;
    /// // f_T and Φ_T = id are multiples of each other: both bounds on W_2 are (1 − ∏ cos Δθ_t) √d.
    /// let exact = (1.0 - 0.7_f64.cos().powi(2)) * 2.0_f64.sqrt();
    /// assert!((run.report().w2.lower - exact).abs() < 1e-8 && (run.report().w2.upper - exact).abs() < 1e-8);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn report(&self) -> &TensorReport {
        &self.report
    }
}

/// The population consistency functions of a mixture, interpolated on a lattice. Holds t = 1, t = T and whatever [`Keep`] asked for; outside the
/// lattice, 7.5 standard deviations from the means, they go on linearly along each axis.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorConsistency {
    lattice: Lattice,
    steps: usize,
    /// f_t at the nodes.
    kept: Kept<Vec<f64>>,
}

impl Space for TensorConsistency {
    fn dim(&self) -> usize {
        self.lattice.dim()
    }
}

impl Family for TensorConsistency {
    fn steps(&self) -> usize {
        self.steps
    }

    fn holds(&self, t: usize) -> bool {
        self.kept.holds(t)
    }
}

inherent_dim!([] TensorConsistency);
inherent_family!([] TensorConsistency);

impl<F: Float> ConsistencyFunction<F> for TensorConsistency {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        let Some(values) = self.kept.find(t) else {
            out.assign(x);
            return;
        };
        let dim = self.lattice.dim();
        for (x, mut o) in x.axis_iter(Axis(0)).zip(out.axis_iter_mut(Axis(0))) {
            let (mut y, mut value) = ([0.0; MOST_DIMS], [0.0; MOST_DIMS]);
            y.iter_mut().zip(x).for_each(|(y, x)| *y = x.as_f64());
            self.lattice.interpolate(values, &y[..dim], &mut value[..dim]);
            o.iter_mut().zip(value).for_each(|(o, v)| *o = F::of(v));
        }
    }
}
