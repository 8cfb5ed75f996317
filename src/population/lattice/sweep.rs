//! One run of the recursion on one lattice.

use crate::flow::FlowSolver;
use crate::law::mixture::softmax;
use crate::law::{Covariance, GaussianMixture};
use crate::level::NoiseLevel;
use crate::numeric::parallel;
use crate::numeric::special::hermite::gauss_hermite;
use crate::population::lattice::interpolation::{Lattice, MOST_DIMS};
use crate::population::local_error::certificate_levels;
use crate::population::settings::Kept;
use crate::population::{Keep, LatticeRecursion, LocalError, Method, PopulationError};
use ndarray::Array2;

/// The lattice reaches this many standard deviations from the means of the components, at every level.
const REACH: f64 = 7.5;
/// Components with less than this share of the posterior are left out.
const NEGLIGIBLE: f64 = 1e-17;
/// Tolerance of the flow maps that f_T is compared with.
pub(super) const FLOW_TOLERANCE: f64 = 1e-9;
/// Nodes handled at a time.
const CHUNK: usize = 256;

/// p_t(x) · cell at every node: probabilities of the trapezoidal rule.
pub(super) fn probabilities(target: &GaussianMixture, lattice: &Lattice, level: NoiseLevel) -> Vec<f64> {
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
pub(super) struct Sweep<'a> {
    run: &'a LatticeRecursion<'a>,
    lattice: Lattice,
    /// Lattice Gauss–Hermite rule: `dim` coordinates a point.
    offsets: Vec<f64>,
    weights: Vec<f64>,
}

pub(super) struct Swept {
    pub(super) lattice: Lattice,
    /// f_t at the nodes.
    pub(super) kept: Kept<Vec<f64>>,
    /// Φ_T at the nodes, carried from level to level on the lattice as f_t is.
    pub(super) flow: Vec<f64>,
    pub(super) locals: Vec<LocalError>,
    pub(super) loss_sum: f64,
    pub(super) mass_error: f64,
}

impl Swept {
    /// f_T at the nodes.
    pub(super) fn last(&self) -> &[f64] {
        self.kept.last().map_or(&[], Vec::as_slice)
    }
}

/// What a chunk of nodes gives in one step.
struct Advanced {
    /// f_t and Φ_t, side by side.
    values: Vec<f64>,
    loss: f64,
    /// Σ p ‖local_t‖ and Σ p ‖local_t‖².
    local: f64,
    local_square: f64,
    mass: f64,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(run: &'a LatticeRecursion<'a>, nodes: usize, points: usize) -> Self {
        let (target, dim) = (run.target, run.target.dim());
        let (mut low, mut high) = (vec![f64::INFINITY; dim], vec![f64::NEG_INFINITY; dim]);
        for level in [run.grid.level(1), run.grid.last()] {
            for (mean, covariance) in target.means().rows().into_iter().zip(target.covariances()) {
                let noisy = covariance.function(|s| level.noisy_variance(s));
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

    pub(super) fn run(self, keep: &Keep) -> Result<Swept, PopulationError> {
        let (grid, dim) = (self.run.grid, self.lattice.dim());
        let steps = grid.steps();
        // f_1 = Φ_1 = id, which the interpolation reproduces; side by side, node by node.
        let (width, count) = (2 * dim, self.lattice.len());
        let mut values: Vec<f64> = (0..count * width).map(|at| self.lattice.coordinate(at / width, at % dim)).collect();
        let (mut kept, mut locals, mut loss_sum, mut mass_error) = (Kept::default(), Vec::new(), 0.0, 0.0_f64);
        let measured = certificate_levels(grid);
        for t in 2..=steps {
            let measure = measured.binary_search(&t).is_ok();
            let chunks = parallel::map(count.div_ceil(CHUNK), |k| self.advance(t, k, &values, measure));
            let chunks = chunks.into_iter().collect::<Result<Vec<_>, _>>()?;
            let total = |part: fn(&Advanced) -> f64| chunks.iter().map(part).sum::<f64>();
            let mass = total(|c| c.mass);
            loss_sum += total(|c| c.loss) / mass;
            mass_error = mass_error.max((mass - 1.0).abs());
            if measure {
                locals.push(LocalError::known(t, grid, total(|c| c.local) / mass, (total(|c| c.local_square) / mass).sqrt()));
            }
            values.clear();
            chunks.iter().for_each(|c| values.extend_from_slice(&c.values));
            if keep.keeps(t, steps) {
                kept.push(t, values.chunks_exact(width).flat_map(|node| node[..dim].iter().copied()).collect::<Vec<_>>());
            }
        }
        let flow = values.chunks_exact(width).flat_map(|node| node[dim..].iter().copied()).collect();
        Ok(Swept { lattice: self.lattice, kept, flow, locals, loss_sum, mass_error })
    }

    /// f_t and Φ_t at the nodes of chunk k from f_{t−1} and Φ_{t−1} at all nodes, with the chunk's part of the loss, of the local error and of
    /// the total probability.
    fn advance(&self, t: usize, k: usize, before: &[f64], measure: bool) -> Result<Advanced, PopulationError> {
        let (target, grid, dim) = (self.run.target, self.run.grid, self.lattice.dim());
        let (level, back) = (grid.level(t), grid.backward(t));
        let (a, b) = (back.keep, back.turn);
        let x = chunk(&self.lattice, k);
        let flowed = FlowSolver::new(FLOW_TOLERANCE)?.solve(target, level, grid.level(t - 1), &x)?;
        let flowed = &flowed.points[0];
        let mut shares = target.logits(level, &x);
        let ln_cell = self.lattice.cell().ln();
        let probability: Vec<f64> = shares.rows().into_iter().map(|row| row.iter().map(|l| (l + ln_cell).exp()).sum()).collect();
        shares.rows_mut().into_iter().for_each(softmax);
        let posterior: Vec<Array2<f64>> = (0..target.weights().len()).map(|k| posterior_means(target, level, k, &x)).collect();
        let deviations: Vec<Vec<f64>> = target.covariances().iter().map(|c| self.deviations(level, b, c)).collect();
        let mut advanced =
            Advanced { values: vec![0.0; 2 * x.len()], loss: 0.0, local: 0.0, local_square: 0.0, mass: probability.iter().sum() };
        for (row, out) in advanced.values.chunks_exact_mut(2 * dim).enumerate() {
            let along: [f64; MOST_DIMS] = std::array::from_fn(|j| if j < dim { flowed[[row, j]] } else { 0.0 });
            let mut flow = [0.0; 2 * MOST_DIMS];
            // f_{t−1} and Φ_t = Φ_{t−1} where the flow leads.
            self.lattice.interpolate(before, &along[..dim], &mut flow[..2 * dim]);
            let mut local = [0.0; MOST_DIMS];
            if self.run.settings.method == Method::Distillation {
                let (mut y, mut value) = ([0.0; MOST_DIMS], [0.0; 2 * MOST_DIMS]);
                for j in 0..dim {
                    let mean: f64 = posterior.iter().zip(shares.row(row)).map(|(m, r)| r * m[[row, j]]).sum();
                    y[j] = a * x[[row, j]] + b * mean;
                }
                self.lattice.interpolate(before, &y[..dim], &mut value[..2 * dim]);
                out[..dim].copy_from_slice(&value[..dim]);
                (0..dim).for_each(|j| local[j] = value[j] - flow[j]);
            } else {
                let mut square = 0.0;
                let origin: [f64; MOST_DIMS] = std::array::from_fn(|j| if j < dim { x[[row, j]] } else { 0.0 });
                let width = if measure { 2 * dim } else { dim };
                for (k, share) in shares.row(row).iter().enumerate().filter(|(_, share)| **share > NEGLIGIBLE) {
                    for (deviation, weight) in deviations[k].chunks_exact(dim).zip(&self.weights) {
                        let (mut y, mut value) = ([0.0; MOST_DIMS], [0.0; 2 * MOST_DIMS]);
                        for j in 0..dim {
                            y[j] = a * origin[j] + b * posterior[k][[row, j]] + deviation[j];
                        }
                        self.lattice.interpolate_some(before, 2 * dim, &y[..dim], &mut value[..width]);
                        for j in 0..dim {
                            // Relative to x itself: the variance of a small change must not cancel.
                            let change = value[j] - origin[j];
                            out[j] += share * weight * change;
                            square += share * weight * change * change;
                            local[j] += share * weight * (value[dim + j] - flow[dim + j]);
                        }
                    }
                }
                let variance = square - out[..dim].iter().map(|o| o * o).sum::<f64>();
                advanced.loss += probability[row] * variance;
                out[..dim].iter_mut().zip(origin).for_each(|(o, x)| *o += x);
            }
            out[dim..].copy_from_slice(&flow[dim..2 * dim]);
            let square: f64 = local.iter().map(|l| l * l).sum();
            advanced.local += probability[row] * square.sqrt();
            advanced.local_square += probability[row] * square;
        }
        Ok(advanced)
    }

    /// b √C z for every point z of the rule, C the posterior covariance of a component.
    fn deviations(&self, level: NoiseLevel, b: f64, covariance: &Covariance) -> Vec<f64> {
        let root = covariance.function(|s| b * level.posterior_variance(s).sqrt());
        let dim = self.lattice.dim();
        let image = |z: &[f64], j: usize| -> f64 { (0..dim).map(|i| root[[j, i]] * z[i]).sum() };
        self.offsets.chunks_exact(dim).flat_map(|z| (0..dim).map(|j| image(z, j)).collect::<Vec<_>>()).collect()
    }
}

/// E\[X_0 | X_t = x, component k\] for every row.
fn posterior_means(target: &GaussianMixture, level: NoiseLevel, k: usize, x: &Array2<f64>) -> Array2<f64> {
    let covariance = &target.covariances()[k];
    let mut means = Array2::zeros(x.raw_dim());
    let gain = covariance.map(|s| level.gain(s));
    covariance.apply(&gain, &target.about_mean(level, k, x), &mut means);
    means += &target.means().row(k);
    means
}
