//! The ledger by posterior draws against sums over a rule, and against exact values in sixteen dimensions.
//!
//! All comparisons are at five standard errors with fixed seeds: about 150 of them, so that chance alone would fail one run in ten thousand.

use ndarray::{Array2, ArrayRef2, array};
use onestep::audit::{AuditError, Ledger, ReplicateLedger};
use onestep::consistency::{ConsistencyFn, ExactMaps};
use onestep::flow::FlowSolver;
use onestep::law::{LineMixture, PointMasses, Product};
use onestep::{ConsistencyFunction, Estimate, Family, ForwardProcess, Grid, Sample, Space};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn uniform_angles(steps: usize) -> Grid {
    let (a, b) = (0.05, std::f64::consts::FRAC_PI_2 - 0.01);
    Grid::from_angles(&(0..steps).map(|i| a + (b - a) * i as f64 / (steps - 1) as f64).collect::<Vec<_>>()).unwrap()
}

fn modes() -> LineMixture {
    LineMixture::new(&[0.3, 0.7], &[-1.0, 0.8], &[0.5, 0.7]).unwrap()
}

/// A smooth function of one coordinate that is neither the flow map nor an optimum.
fn bent(t: usize, x: f64) -> f64 {
    x + 0.1 * (t as f64).ln() * (x + 0.2).sin()
}

fn near(what: &str, found: Estimate, exact: f64, exact_error: f64) {
    let spread = found.std_error.hypot(exact_error);
    assert!((found.value - exact).abs() < 5.0 * spread + 1e-12, "{what}: {found} against {exact} ± {exact_error:e}");
}

#[test]
fn draws_agree_with_sums_over_a_rule_in_the_plane() {
    let (law, grid) = (Product::copies(modes(), 2).unwrap(), uniform_angles(6));
    // The coordinates are mixed, so that no product structure helps.
    let f = ConsistencyFn::new(2, 6, |t, x: &[f64], out: &mut [f64]| {
        out.copy_from_slice(x);
        if t > 1 {
            out[0] += 0.2 * (x[0] - x[1]).sin();
            out[1] += 0.1 * (t as f64) * (0.5 * x[0] * x[1]).cos();
        }
    });
    let draws = ReplicateLedger::new(&law, &grid).samples(4000).replicates(8).flow(&law).measure(&f, &mut rng(1)).unwrap();
    let ledger = Ledger::new(&law, &grid);
    let mut stream = rng(2);
    for step in &draws.steps {
        let x = ForwardProcess::new(&grid).marginal(step.step, &law.sample(500, &mut stream), &mut stream);
        let terms = ledger.terms(&f, step.step, &x).unwrap();
        let square = |table: &Array2<f64>| Estimate::from_samples(&table.rows().into_iter().map(|r| r.dot(&r)).collect::<Vec<_>>());
        let (own, local, error) = (square(&terms.own), square(&terms.local), square(&terms.error));
        let spread = Estimate::from_samples(&terms.spread);
        near("own", step.own_square, own.value, own.std_error);
        near("spread", step.spread, spread.value, spread.std_error);
        near("local", step.local_square.unwrap(), local.value, local.std_error);
        near("error", step.error_square.unwrap(), error.value, error.std_error);
        // The test can fail: the numbers are known to a few per cent.
        assert!(step.own_square.std_error < 0.1 * own.value, "{step}");
    }
}

#[test]
fn in_sixteen_dimensions_draws_agree_with_the_exact_values_of_a_product() {
    const DIM: usize = 16;
    let (line, grid) = (modes(), uniform_angles(6));
    let law = Product::copies(line.clone(), DIM).unwrap();
    let f = ConsistencyFn::new(DIM, 6, |t, x: &[f64], out: &mut [f64]| out.iter_mut().zip(x).for_each(|(o, x)| *o = bent(t, *x)));
    let report = ReplicateLedger::new(&law, &grid).samples(4000).replicates(3).flow(&law).measure(&f, &mut rng(3)).unwrap();
    let one = ConsistencyFn::new(1, 6, |t, x: &[f64], out: &mut [f64]| out[0] = bent(t, x[0]));
    // On the line all terms are functions of x; their squares against the density by the trapezoidal rule, which converges exponentially.
    let (count, width) = (600, 8.0);
    let x = Array2::from_shape_fn((count + 1, 1), |(i, _)| -width + 2.0 * width * i as f64 / count as f64);
    let ledger = Ledger::new(&line, &grid);
    for step in &report.steps {
        let terms = ledger.terms(&one, step.step, &x).unwrap();
        let marginal = line.at(grid.level(step.step));
        let weight: Vec<f64> = x.iter().map(|&x| marginal.density(x) * 2.0 * width / count as f64).collect();
        assert!((weight.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let mean = |values: &mut dyn Iterator<Item = f64>| DIM as f64 * values.zip(&weight).map(|(v, w)| v * w).sum::<f64>();
        let square = |table: &Array2<f64>| mean(&mut table.iter().map(|v| v * v));
        let (own, spread) = (square(&terms.own), mean(&mut terms.spread.iter().copied()));
        near("own", step.own_square, own, 0.0);
        near("spread", step.spread, spread, 0.0);
        near("loss", step.loss, own + spread, 0.0);
        near("local", step.local_square.unwrap(), square(&terms.local), 0.0);
        near("error", step.error_square.unwrap(), square(&terms.error), 0.0);
        assert!(step.own_square.std_error < 0.2 * own, "{step}");
    }
    // The sums hold what they bound.
    let error = report.steps.last().unwrap().error_square.unwrap().value.sqrt();
    assert!(error < report.bound().unwrap().upper);
}

fn atoms() -> PointMasses {
    let atoms = array![[1.0, 0.0, 0.0, 2.0, 0.0], [0.0, -1.0, 0.5, 0.0, 0.0], [0.3, 0.3, -2.0, 0.0, 1.0]];
    PointMasses::new(&[0.2, 0.5, 0.3], &atoms).unwrap()
}

fn squeezed(steps: usize) -> impl ConsistencyFunction {
    ConsistencyFn::new(5, steps, |t, x: &[f64], out: &mut [f64]| {
        out.iter_mut().zip(x).for_each(|(o, x)| *o = bent(t, *x) * 0.9_f64.powi(t as i32 - 1));
    })
}

/// E‖own_3‖² of three atoms with the softmax written out.
fn own_square_by_hand(law: &PointMasses, grid: &Grid, f: &impl ConsistencyFunction, t: usize, x: &Array2<f64>) -> Vec<f64> {
    let (now, before) = (grid.level(t), grid.level(t - 1));
    let of_row = |x: ndarray::ArrayView1<'_, f64>| {
        let weight = |k: usize| {
            let gap = &x - &(&law.atoms().row(k) * now.cos());
            law.weights()[k] * (-gap.dot(&gap) / (2.0 * now.sin().powi(2))).exp()
        };
        let total: f64 = (0..3).map(weight).sum();
        let mut own = f.eval(t, &x.to_owned().insert_axis(ndarray::Axis(0)));
        for k in 0..3 {
            let node = (&x * before.sin() + &law.atoms().row(k) * grid.sin_delta(t)) / now.sin();
            own.scaled_add(-weight(k) / total, &f.eval(t - 1, &node.insert_axis(ndarray::Axis(0))));
        }
        own.iter().map(|o| o * o).sum()
    };
    x.rows().into_iter().map(of_row).collect()
}

#[test]
fn sums_over_atoms_are_exact_and_draws_agree_with_them() {
    let (law, grid, f) = (atoms(), uniform_angles(7), squeezed(7));
    let draws = ReplicateLedger::new(&law, &grid).samples(4000).replicates(4).measure(&f, &mut rng(5)).unwrap();
    let sums = ReplicateLedger::new(&law, &grid).samples(4000).sums(&law).measure(&f, &mut rng(6)).unwrap();
    let mut stream = rng(7);
    for (by_draws, by_sums) in draws.steps.iter().zip(&sums.steps) {
        let t = by_sums.step;
        let x = ForwardProcess::new(&grid).marginal(t, &law.sample(4000, &mut stream), &mut stream);
        let hand = Estimate::from_samples(&own_square_by_hand(&law, &grid, &f, t, &x));
        near("sums by hand", by_sums.own_square, hand.value, hand.std_error);
        near("own", by_draws.own_square, by_sums.own_square.value, by_sums.own_square.std_error);
        near("spread", by_draws.spread, by_sums.spread.value, by_sums.spread.std_error);
        // One identity, point by point: loss = own² + spread.
        for step in [by_draws, by_sums] {
            assert!((step.loss.value - step.own_square.value - step.spread.value).abs() < 1e-12 * step.loss.value);
        }
    }
}

#[test]
fn local_errors_of_atoms_agree_with_sums_over_the_atoms() {
    let (law, grid) = (atoms(), uniform_angles(6));
    let flow = FlowSolver::new(1e-9).unwrap().flow_of(&law);
    let report = ReplicateLedger::new(&law, &grid).samples(200).flow(&flow).flow_samples(150).measure(&squeezed(6), &mut rng(8)).unwrap();
    let (exact, mut stream) = (ExactMaps::new(&flow, &grid), rng(12));
    for step in &report.steps {
        let t = step.step;
        let x = ForwardProcess::new(&grid).marginal(t, &law.sample(150, &mut stream), &mut stream);
        // What the flow is off by as a consistency function is the local error.
        let hand = Estimate::from_samples(&own_square_by_hand(&law, &grid, &exact, t, &x));
        let local = step.local_square.unwrap();
        near("local", local, hand.value, hand.std_error);
        assert_eq!((local.evaluations, step.own_square.evaluations), (150, 200));
    }
    let error = report.steps.last().unwrap().error_square.unwrap().value.sqrt();
    assert!(error < report.bound().unwrap().upper);
}

#[test]
fn errors_fall_as_the_root_of_the_number_of_points() {
    let (law, grid, f) = (atoms(), uniform_angles(4), squeezed(4));
    let error =
        |samples| ReplicateLedger::new(&law, &grid).samples(samples).measure(&f, &mut rng(9)).unwrap().steps[2].own_square.std_error;
    let ratio = error(1000) / error(16_000);
    assert!((ratio - 4.0).abs() < 0.8, "{ratio}");
}

#[test]
fn a_step_does_not_depend_on_the_others() {
    let (law, grid, f) = (atoms(), uniform_angles(5), squeezed(5));
    let all = ReplicateLedger::new(&law, &grid).samples(100).measure(&f, &mut rng(10)).unwrap();
    let one = ReplicateLedger::new(&law, &grid).samples(100).steps(&[4]).measure(&f, &mut rng(10)).unwrap();
    assert_eq!(one.steps[0], all.steps[2]);
    assert_eq!((one.bound(), one.energy_upper()), (None, None));
    assert!(!one.is_complete() && all.is_complete());
}

/// f_t = 2 id, also at t = 1, where it must not be.
struct Doubling;

impl Space for Doubling {
    fn dim(&self) -> usize {
        5
    }
}

impl Family for Doubling {
    fn steps(&self) -> usize {
        5
    }
}

impl ConsistencyFunction for Doubling {
    fn eval_into(&self, _t: usize, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        out.assign(&(x * 2.0));
    }
}

#[test]
fn bad_sizes_are_refused() {
    let (law, grid, f) = (atoms(), uniform_angles(5), squeezed(5));
    let base = || ReplicateLedger::new(&law, &grid);
    let said = |ledger: ReplicateLedger<'_, PointMasses>| ledger.measure(&f, &mut rng(11)).unwrap_err().to_string();
    assert_eq!(said(base().replicates(1)), "replicates = 1 is outside [2, 1024]");
    assert_eq!(said(base().samples(10).flow_samples(11)), "flow_samples = 11 is outside [2, samples]");
    assert_eq!(said(base().steps(&[6])), "steps[1] = 6 is outside [2, 5]");
    let line = modes();
    assert!(matches!(base().flow(&line).measure(&f, &mut rng(11)), Err(AuditError::Mismatch(_))));
    assert!(matches!(base().sums(&line).measure(&f, &mut rng(11)), Err(AuditError::Mismatch(_))));
    assert!(matches!(base().measure(&squeezed(4), &mut rng(11)), Err(AuditError::Mismatch(_))));
    assert!(matches!(base().measure(&Doubling, &mut rng(11)), Err(AuditError::Boundary { .. })));
}
