//! What a run on a lattice measures.

use crate::flow::{FlowSolver, LipschitzProbe};
use crate::law::Moments;
use crate::level::NoiseLevel;
use crate::numeric::stream::Stream;
use crate::population::lattice::TOLERANCE;
use crate::population::lattice::interpolation::{Lattice, MOST_DIMS};
use crate::population::lattice::sweep::{FLOW_TOLERANCE, Swept, probabilities};
use crate::population::local_error::sum_over_levels;
use crate::population::{Interval, LatticeRecursion, Method, PopulationError, PopulationReport};
use crate::schedule::Grid;
use ndarray::{Array2, Axis};

/// Nodes of less probability are left out of expectations.
const UNSEEN: f64 = 1e-18;
/// Nodes and levels at which L_f is searched for, and the least probability density, against the largest, of these nodes.
const PROBES: usize = 128;
const PROBE_LEVELS: usize = 12;
const PROBED: f64 = 1e-6;
/// Tolerance of the derivatives of the flow.
const PROBE_TOLERANCE: f64 = 1e-6;

/// The nodes that matter, with their probabilities, and what f_T and the flow do to them.
struct Seen {
    probabilities: Vec<f64>,
    mass: f64,
    dim: usize,
    /// The rows of the two neighbours along every axis, where they are seen.
    neighbours: Vec<[Option<usize>; 2 * MOST_DIMS]>,
}

impl Seen {
    fn new(all: &[f64], rows: &[usize], lattice: &Lattice) -> Self {
        let dim = lattice.dim();
        let row_of = |node: usize| rows.binary_search(&node).ok();
        let around = |&node: &usize| -> [Option<usize>; 2 * MOST_DIMS] {
            std::array::from_fn(|k| if k / 2 < dim { lattice.neighbours(node, k / 2)[k % 2].and_then(row_of) } else { None })
        };
        let probabilities = rows.iter().map(|&i| all[i]).collect();
        Self { probabilities, mass: all.iter().sum(), dim, neighbours: rows.iter().map(around).collect() }
    }

    /// How much the kink of ‖g‖ where g = a − b vanishes costs the trapezoidal rule, at most: with slope s along the only axis the error is
    /// s h² p/6, and nodes closer to the zero than g moves over a cell are weighted by the rest of that move, which adds up to s h² p.
    fn kink(&self, a: &Array2<f64>, b: &Array2<f64>) -> f64 {
        const PART: f64 = 0.3;
        let apart = |row: usize, other: Option<usize>| -> f64 {
            let g = |r: usize, j: usize| a[[r, j]] - b[[r, j]];
            (0..self.dim).map(|j| (g(row, j) - other.map_or(0.0, |o| g(o, j))).powi(2)).sum()
        };
        PART * self.expect(|row| {
            let across = self.neighbours[row].chunks_exact(2).map(|pair| {
                pair.iter().flatten().map(|&other| apart(row, Some(other))).fold(0.0, |most, d| if d > most { d } else { most })
            });
            (across.sum::<f64>().sqrt() - apart(row, None).sqrt()).max(0.0)
        })
    }

    fn expect(&self, g: impl Fn(usize) -> f64) -> f64 {
        self.probabilities.iter().enumerate().map(|(row, p)| p * g(row)).sum::<f64>() / self.mass
    }

    /// E‖a − b‖ and E‖a − b‖².
    fn between(&self, a: &Array2<f64>, b: &Array2<f64>) -> (f64, f64) {
        let square = |row: usize| -> f64 { a.row(row).iter().zip(b.row(row)).map(|(a, b)| (a - b) * (a - b)).sum() };
        (self.expect(|row| square(row).sqrt()), self.expect(square))
    }
}

/// The report, and √E‖f_T − f_T'‖² with f_T' from the coarser lattice.
pub(super) fn report(run: &LatticeRecursion<'_>, fine: &Swept, coarse: &Swept) -> Result<(PopulationReport, f64), PopulationError> {
    let LatticeRecursion { target, grid, .. } = *run;
    let dim = target.dim();
    let (first, last) = (grid.level(1), grid.last());
    let all = probabilities(target, &fine.lattice, last);
    let rows: Vec<usize> = (0..all.len()).filter(|&i| all[i] > UNSEEN).collect();
    let seen = Seen::new(&all, &rows, &fine.lattice);
    let x = Array2::from_shape_fn((rows.len(), dim), |(row, j)| fine.lattice.coordinate(rows[row], j));
    let solver = FlowSolver::new(FLOW_TOLERANCE)?;
    let exact = &solver.solve(target, last, first, &x)?.points[0];
    // The flow on to pure noise carries X_T to N(0, I), where f_T is evaluated for samples.
    let noise = &solver.solve(target, last, NoiseLevel::NOISE, &x)?.points[0];
    let at_nodes = |values: &[f64]| Array2::from_shape_fn(x.raw_dim(), |(row, j)| values[rows[row] * dim + j]);
    let interpolated = |swept: &Swept, values: &[f64], points: &Array2<f64>| {
        let mut out = Array2::zeros(points.raw_dim());
        for (mut o, y) in out.rows_mut().into_iter().zip(points.rows()) {
            let mut value = [0.0; MOST_DIMS];
            swept.lattice.interpolate(values, &y.to_vec(), &mut value[..dim]);
            o.iter_mut().zip(value).for_each(|(o, v)| *o = v);
        }
        out
    };
    let (image, flow) = (at_nodes(fine.last()), at_nodes(&fine.flow));
    let other = interpolated(coarse, coarse.last(), &x);
    let from_noise = interpolated(fine, fine.last(), noise);
    let mean: Vec<f64> = target.mean().iter().map(|m| first.cos() * m).collect();
    let measured = seen.measure(grid, &mean, exact, &image, &from_noise, fine.loss_sum);
    let before = seen.measure(grid, &mean, exact, &other, &interpolated(coarse, coarse.last(), noise), coarse.loss_sum);
    let moved = measured.change_from(&before, mean.iter().fold(1.0, |m: f64, v| m.max(v.abs())));
    let certificate = |swept: &Swept| sum_over_levels(grid, &swept.locals, |l| l.mean_abs);
    let ((sum, part), (sum_before, _)) = (certificate(fine), certificate(coarse));
    let certificate_error = part + 2.0 * (sum - sum_before).abs() + seen.between(&flow, exact).0;
    let numerical_error = seen.between(&image, &other).1.sqrt();
    let error = |finer: f64, coarser: f64| 2.0 * (finer - coarser).abs() + numerical_error;
    let widened = |finer: Interval, coarser: Interval, kinks: [f64; 2]| Interval {
        lower: (finer.lower - error(finer.lower, coarser.lower) - kinks[0]).max(0.0),
        upper: finer.upper + error(finer.upper, coarser.upper) + kinks[1],
    };
    let centre = Array2::from_shape_fn(x.raw_dim(), |(_, j)| mean[j]);
    let kinks = |samples: &Array2<f64>| [seen.kink(exact, &centre) + seen.kink(samples, &centre), seen.kink(exact, samples)];
    let w1 = widened(measured.w1, before.w1, kinks(&from_noise));
    let w1_marginal = widened(measured.w1_marginal, before.w1_marginal, kinks(&image));
    let w2_marginal = widened(measured.w2_marginal, before.w2_marginal, [0.0; 2]);
    let energy = |r: &PopulationReport| r.loss_sum.max(r.energy_deficit).max(0.0).sqrt();
    let (upper, upper_before) = (energy(&measured), energy(&before));
    let report = PopulationReport {
        w1,
        w1_marginal,
        w2_marginal,
        // The lower end of W_2 is the difference of the root mean squares about E X_1.
        energy_lower: w2_marginal.lower,
        energy_upper: (run.settings.method == Method::Training).then(|| upper + error(upper, upper_before)),
        lower_bound: w1.lower.min(w1_marginal.lower),
        prior_mismatch: measured.prior_mismatch + error(measured.prior_mismatch, before.prior_mismatch) + seen.kink(&from_noise, &image),
        certificate: sum + certificate_error,
        certificate_error,
        ln_lipschitz: lipschitz(run, &seen, &x)?.ln(),
        resolution_error: moved,
        resolved: moved <= run.settings.tolerance_or(TOLERANCE),
        ..measured
    };
    report.check()?;
    Ok((report, numerical_error))
}

impl Seen {
    /// Distances and moments, from Φ_T(X_T), f_T(X_T) and f_T(Z) under the coupling by the flow.
    fn measure(
        &self,
        grid: &Grid,
        mean: &[f64],
        exact: &Array2<f64>,
        image: &Array2<f64>,
        from_noise: &Array2<f64>,
        loss_sum: f64,
    ) -> PopulationReport {
        let about = |a: &Array2<f64>, row: usize| -> f64 { a.row(row).iter().zip(mean).map(|(a, m)| (a - m) * (a - m)).sum() };
        let shift: Vec<f64> = (0..self.dim).map(|j| self.expect(|row| image[[row, j]]) - mean[j]).collect();
        // ‖X_1‖² − ‖f‖² = ‖X_1 − m‖² − ‖f − m‖² − 2 m·(f − X_1), and E X_1 = m.
        let along: f64 = shift.iter().zip(mean).map(|(s, m)| s * m).sum();
        let spread = |a: &Array2<f64>| self.expect(|row| about(a, row)).sqrt();
        let w1 = |samples: &Array2<f64>| Interval {
            lower: self.expect(|row| about(exact, row).sqrt() - about(samples, row).sqrt()).abs(),
            upper: self.between(exact, samples).0,
        };
        let (from_prior, marginal) = (w1(from_noise), w1(image));
        let squared = |a: &Array2<f64>, b: &Array2<f64>| self.between(a, b).1.sqrt();
        PopulationReport {
            steps: grid.steps(),
            dim: self.dim,
            lower_bound: from_prior.lower.min(marginal.lower),
            w1: from_prior,
            w1_marginal: marginal,
            w2_marginal: Interval { lower: (spread(exact) - spread(image)).abs(), upper: squared(exact, image) },
            spread: spread(exact),
            mean_shift: shift.iter().map(|s| s * s).sum::<f64>().sqrt(),
            energy_deficit: self.expect(|row| about(exact, row) - about(image, row)) - 2.0 * along,
            loss_sum,
            energy_lower: 0.0,
            energy_upper: None,
            certificate: 0.0,
            certificate_error: 0.0,
            prior_mismatch: self.between(from_noise, image).0,
            ln_lipschitz: 0.0,
            resolution_error: f64::INFINITY,
            resolved: false,
        }
    }
}

/// The largest ‖∂Φ_{t→k}‖ found at some nodes and levels.
fn lipschitz(run: &LatticeRecursion<'_>, seen: &Seen, x: &Array2<f64>) -> Result<f64, PopulationError> {
    let top = seen.probabilities.iter().copied().fold(0.0, f64::max);
    let likely: Vec<usize> = (0..x.nrows()).filter(|&row| seen.probabilities[row] > PROBED * top).collect();
    let rows: Vec<usize> = (0..PROBES.min(likely.len())).map(|i| likely[i * likely.len() / PROBES.min(likely.len())]).collect();
    let steps = run.grid.steps();
    let mut levels: Vec<usize> = (0..PROBE_LEVELS).map(|i| steps - (steps - 1) * i / (PROBE_LEVELS - 1)).collect();
    levels.dedup();
    let levels: Vec<NoiseLevel> = levels.into_iter().map(|t| run.grid.level(t)).collect();
    let probe = LipschitzProbe::new(FlowSolver::new(PROBE_TOLERANCE)?);
    // In up to three dimensions the whole Jacobian is taken: no direction is drawn.
    let mut rng = Stream::nth(0, 0);
    Ok(probe.over_levels(run.target, &levels, &x.select(Axis(0), &rows), &mut rng)?.supremum())
}
