//! The error ledger against independent quadrature, closed forms and the population recursions.

use ndarray::{Array2, array};
use onestep::audit::{AuditError, Ledger, LedgerTerm, LocalPart};
use onestep::consistency::ConsistencyFn;
use onestep::error::{Empty, Mismatch, OutOfRange};
use onestep::flow::{FlowSolver, IntegratedFlow};
use onestep::law::{Covariance, Gaussian, GaussianMixture, LineMixture, Product, Rotated};
use onestep::population::{GaussianRecursion, Keep, LineConsistency, LineRecursion};
use onestep::{ConsistencyFunction, FlowMap, Grid};
use onestep::{Family, Space};
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

fn population(target: &LineMixture, grid: &Grid) -> LineConsistency {
    LineRecursion::new(target, grid).keep(Keep::All).run().unwrap().consistency().clone()
}

fn at(f: &impl ConsistencyFunction, t: usize, x: f64) -> f64 {
    f.eval(t, &array![[x]])[[0, 0]]
}

/// A smooth family that is neither the flow map nor an optimum.
fn bent(steps: usize) -> impl ConsistencyFunction {
    ConsistencyFn::new(1, steps, |t, x: &[f64], out: &mut [f64]| out[0] = x[0] + 0.1 * (t as f64).ln() * (x[0] + 0.2).sin())
}

/// E[g(X_{t−1}) | X_t = x] by the trapezoidal rule over X_0, which converges exponentially: 4001 points over ±9 for a posterior of width 0.1
/// and more leave rounding.
fn expectation(target: &LineMixture, grid: &Grid, t: usize, x: f64, g: impl Fn(f64) -> f64) -> f64 {
    let (now, before) = (grid.level(t), grid.level(t - 1));
    let data = target.at(onestep::NoiseLevel::DATA);
    let (mut sum, mut mass) = (0.0, 0.0);
    for i in 0..=4000 {
        let x0 = -9.0 + 18.0 * f64::from(i) / 4000.0;
        let weight = (data.ln_density(x0) - 0.5 * ((x - now.cos() * x0) / now.sin()).powi(2)).exp();
        sum += weight * g((before.sin() * x + grid.sin_delta(t) * x0) / now.sin());
        mass += weight;
    }
    sum / mass
}

/// 16-point Gauss–Hermite sums of these functions are within 1e−10 of the integral where the posterior is narrower than half the scale of
/// the flow; quantile maps and Newton's iterations contribute 1e−13.
const RULE: f64 = 1e-9;
/// T_2 by extrapolated differences of a Jacobian that is accurate to 1e−13: relative error 1e−9, of numbers of order 0.1.
const CURVATURE: f64 = 1e-9;

#[test]
fn every_term_equals_its_definition_pointwise() {
    let (target, grid) = (modes(), uniform_angles(12));
    let f = bent(12);
    let points = [-2.1, -0.9, -0.2, 0.1, 0.6, 1.7];
    let x = Array2::from_shape_vec((6, 1), points.to_vec()).unwrap();
    let first = target.at(grid.level(1));
    for t in [2, 3, 6, 9, 12] {
        let terms = Ledger::new(&target, &grid).terms(&f, t, &x).unwrap();
        let flow = |k: usize, x: f64| target.flow(grid.level(k), grid.level(1), &array![[x]])[[0, 0]];
        for (i, &x) in points.iter().enumerate() {
            let mean = |g: &dyn Fn(f64) -> f64| expectation(&target, &grid, t, x, g);
            let close = |name: &str, found: f64, truth: f64, tolerance: f64| {
                assert!((found - truth).abs() < tolerance, "t = {t}, x = {x}: {name} {found:e} for {truth:e}");
            };
            let inherited = mean(&|y| at(&f, t - 1, y) - flow(t - 1, y));
            let own = at(&f, t, x) - mean(&|y| at(&f, t - 1, y));
            let local = mean(&|y| flow(t - 1, y)) - flow(t, x);
            close("error", terms.error[[i, 0]], at(&f, t, x) - flow(t, x), 1e-14);
            close("inherited", terms.inherited[[i, 0]], inherited, RULE);
            close("own", terms.own[[i, 0]], own, RULE);
            close("local", terms.local[[i, 0]], local, RULE);
            close("identity (34)", terms.error[[i, 0]], inherited + own + local, RULE);
            // On the line Φ' = p_{t−1}/p_1 and Φ'' = Φ' (s_{t−1} − s_1 Φ').
            let before = target.at(grid.level(t - 1));
            let image = target.flow(grid.level(t), grid.level(t - 1), &array![[x]])[[0, 0]];
            let end = flow(t - 1, image);
            let slope = before.density(image) / first.density(end);
            let bend = slope * (before.score(image) - first.score(end) * slope);
            let drift = mean(&|y| y - image);
            let square = mean(&|y| (y - image).powi(2));
            close("T1", terms.first_order[[i, 0]], slope * drift, RULE);
            close("T2", terms.second_order[[i, 0]], 0.5 * bend * square, CURVATURE);
            let error = terms.second_order_error[i];
            let off = (terms.second_order[[i, 0]] - 0.5 * bend * square).abs();
            assert!(off <= 10.0 * error + RULE, "t = {t}, x = {x}: T2 is off by {off:e}, its error is said to be {error:e}");
        }
    }
}

#[test]
fn local_errors_are_those_of_the_line_recursion() {
    let (target, grid) = (modes(), uniform_angles(12));
    let run = LineRecursion::new(&target, &grid).keep(Keep::All).run().unwrap();
    // The midpoint rule in the quantile: its error is a few n^−2 from kinks of |local| and from the tails.
    let n = 4000;
    let ledger = Ledger::new(&target, &grid);
    for local in run.local_errors().iter().filter(|l| [2, 5, 8, 12].contains(&l.step)) {
        let law = target.at(grid.level(local.step));
        let x = Array2::from_shape_fn((n, 1), |(i, _)| law.quantile((i as f64 + 0.5) / n as f64));
        let terms = ledger.terms(run.consistency(), local.step, &x).unwrap();
        let mean = |a: &Array2<f64>| a.mapv(f64::abs).mean().unwrap();
        assert!((mean(&terms.local) / local.mean_abs - 1.0).abs() < 1e-3, "{} for {}", mean(&terms.local), local.mean_abs);
        // The kept functions are interpolants with a relative error of 1e−9 and less.
        assert!(terms.own.iter().all(|o| o.abs() < 1e-7), "own {:e}", terms.own.iter().fold(0.0, |a: f64, b| a.max(b.abs())));
    }
}

#[test]
fn population_optimum_has_no_own_error_and_the_certificate_as_bound() {
    let (target, grid) = (modes(), uniform_angles(12));
    let run = LineRecursion::new(&target, &grid).keep(Keep::All).run().unwrap();
    let report = Ledger::new(&target, &grid).samples(1500).measure(run.consistency(), &mut rng(70)).unwrap();
    // Five standard errors, two-sided: 6e−7 each for a fixed seed.
    let agrees = |estimate: onestep::Estimate, truth: f64| (estimate.value - truth).abs() < 5.0 * estimate.std_error;
    assert!(report.own().value < 1e-7, "{:?}", report.own());
    assert!(agrees(report.local(), run.report().certificate - run.report().certificate_error), "{:?}", report.local());
    assert!(agrees(report.error, run.report().w1_marginal.lower), "{:?}", report.error);
    // On the line the mismatch of the recursion is W_1, the one with shared noise is an upper bound.
    assert!(report.prior_mismatch.upper >= run.report().prior_mismatch);
    let bound = report.bound().unwrap();
    assert!((bound.value - report.own().value - report.local().value).abs() < 1e-12);
    let blame = report.blame().unwrap();
    assert_eq!(blame.term, LedgerTerm::Local);
    assert!(blame.clear && blame.share > 0.9, "{blame}");
    assert!(report.numerical_error() < 1e-6, "{:e}", report.numerical_error());
}

#[test]
fn terms_add_up_and_expectation_contracts() {
    let (target, grid) = (modes(), uniform_angles(10));
    let report = Ledger::new(&target, &grid).samples(800).measure(&bent(10), &mut rng(71)).unwrap();
    for step in &report.steps {
        // The triangle inequality holds sample by sample; the identity up to the rounding of numbers of order one.
        assert!(step.error.value <= step.inherited.value + step.made.value + 1e-12);
        assert!((step.made.value - step.own.value - step.local.value).abs() < 1e-12);
        assert!(step.identity_gap < 1e-13, "{:e}", step.identity_gap);
    }
    for pair in report.steps.windows(2) {
        let slack = 5.0 * (pair[0].error.std_error + pair[1].inherited.std_error);
        assert!(pair[1].inherited.value <= pair[0].error.value + slack);
    }
    assert!(report.error.value <= report.bound().unwrap().value);
}

#[test]
fn a_constant_added_at_one_step_is_found_there() {
    let (target, grid) = (modes(), uniform_angles(12));
    let best = population(&target, &grid);
    for (step, c) in [(3, 0.4), (9, -0.6)] {
        // Later functions carry the constant on, as training would.
        let wrong = ConsistencyFn::new(1, 12, |t, x: &[f64], out: &mut [f64]| {
            out[0] = at(&best, t, x[0]) + if t >= step { c } else { 0.0 };
        });
        let report = Ledger::new(&target, &grid).samples(300).measure(&wrong, &mut rng(72)).unwrap();
        for found in &report.steps {
            let truth = if found.step == step { f64::abs(c) } else { 0.0 };
            assert!((found.own.value - truth).abs() < 1e-7, "step {}: own error {} for {truth}", found.step, found.own.value);
        }
        let blame = report.blame().unwrap();
        assert_eq!((blame.term, blame.step, blame.part), (LedgerTerm::Own, Some(step), None));
        assert!(blame.clear && blame.step_share > 0.999, "{blame}");
    }
}

#[test]
fn gaussian_local_errors_are_first_order_in_closed_form() {
    let (values, turn) = ([2.0, 0.3], 0.7_f64);
    let q = array![[turn.cos(), -turn.sin()], [turn.sin(), turn.cos()]];
    let mean = [0.5, -1.0];
    let target = Gaussian::new(&mean, Covariance::spectrum(&values, &q).unwrap()).unwrap();
    let grid = uniform_angles(9);
    let run = GaussianRecursion::new(&target, &grid).keep(Keep::All).run().unwrap();
    let x = array![[0.3, -0.7], [1.5, 0.4], [-2.0, 1.0]];
    for t in 2..=9 {
        let terms = Ledger::new(&target, &grid).terms(run.consistency(), t, &x).unwrap();
        let noisy = |k: usize, v: f64| grid.level(k).alpha_bar() * v + grid.level(k).one_minus_alpha_bar();
        // Along each eigenvector √(v_1/v_t)(cos Δψ_t − 1)(x − cos θ_t m), tan ψ = tan θ/√λ.
        let psi = |k: usize, v: f64| (grid.level(k).tan() / v.sqrt()).atan();
        let gain = |v: f64| (noisy(1, v) / noisy(t, v)).sqrt() * ((psi(t, v) - psi(t - 1, v)).cos() - 1.0);
        let centred = &x - &(array![[mean[0], mean[1]]] * grid.level(t).cos());
        let expected = (centred.dot(&q) * &array![[gain(values[0]), gain(values[1])]]).dot(&q.t());
        for ((found, first), truth) in terms.local.iter().zip(&terms.first_order).zip(&expected) {
            assert!((found - truth).abs() < 1e-13, "t = {t}: local {found:e} for {truth:e}");
            assert!((first - truth).abs() < 1e-13, "t = {t}: T1 {first:e} for {truth:e}");
        }
        assert!(terms.second_order.iter().all(|v| v.abs() < 1e-13) && terms.own.iter().all(|v| v.abs() < 1e-13));
    }
    let report = Ledger::new(&target, &grid).samples(400).measure(run.consistency(), &mut rng(73)).unwrap();
    assert_eq!(report.blame().unwrap().part, Some(LocalPart::FirstOrder));
    assert!((report.local().value - run.report().certificate).abs() < 5.0 * report.local().std_error);
}

#[test]
fn terms_turn_with_the_target() {
    let product = Product::new(vec![modes(), LineMixture::new(&[0.5, 0.5], &[-0.7, 0.7], &[0.4, 0.4]).unwrap()]).unwrap();
    let turn = 0.4_f64;
    let q = array![[turn.cos(), -turn.sin()], [turn.sin(), turn.cos()]];
    let rotated = Rotated::new(product.clone(), &q).unwrap();
    let grid = uniform_angles(6);
    let f = ConsistencyFn::new(2, 6, |t, x: &[f64], out: &mut [f64]| {
        let shrink = 0.95_f64.powi(t as i32 - 1);
        out[0] = shrink * x[0] + 0.1 * x[1].sin() * (t as f64 - 1.0);
        out[1] = shrink * x[1];
    });
    let turned = Rotated::new(&f, &q).unwrap();
    let x = array![[0.3, -0.7], [1.5, 0.4], [-1.0, 1.0]];
    let straight = Ledger::new(&product, &grid).terms(&f, 4, &x).unwrap();
    let found = Ledger::new(&rotated, &grid).terms(&turned, 4, &x.dot(&q.t())).unwrap();
    let pairs = [
        (&straight.error, &found.error),
        (&straight.own, &found.own),
        (&straight.local, &found.local),
        (&straight.first_order, &found.first_order),
        (&straight.second_order, &found.second_order),
    ];
    for (k, (a, b)) in pairs.into_iter().enumerate() {
        // T2 is differenced along other axes; the rest is the same sum turned.
        assert!((a.dot(&q.t()) - b).iter().all(|gap| gap.abs() < if k == 4 { 1e-8 } else { 1e-12 }), "term {k}: {a:?} {b:?}");
    }
}

#[test]
fn an_integrated_flow_serves_as_well() {
    let line = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.6, 0.6]).unwrap();
    let mixture = GaussianMixture::isotropic(&[0.5, 0.5], &array![[-1.0], [1.0]], &[0.36, 0.36]).unwrap();
    let flow = IntegratedFlow::new(LineMixture::clone(&line), FlowSolver::new(1e-11).unwrap());
    let (grid, x) = (uniform_angles(5), array![[-0.6], [0.4], [1.3]]);
    let exact = Ledger::new(&line, &grid).terms(&bent(5), 4, &x).unwrap();
    let found = Ledger::new(&mixture, &grid).flow(&flow).terms(&bent(5), 4, &x).unwrap();
    for (a, b) in [(&exact.inherited, &found.inherited), (&exact.own, &found.own), (&exact.local, &found.local)] {
        assert!((a - b).iter().all(|gap| gap.abs() < 1e-8));
    }
    // Differences of an integrated Jacobian: its tolerance over the distance.
    assert!((&exact.second_order - &found.second_order).iter().all(|gap| gap.abs() < 1e-6));
}

#[test]
fn a_step_depends_on_nothing_but_its_draws() {
    let (target, grid, f) = (modes(), uniform_angles(7), bent(7));
    let ledger = Ledger::new(&target, &grid).samples(150);
    let whole = ledger.measure(&f, &mut rng(74)).unwrap();
    let part = ledger.clone().steps(&[6, 3, 6]).measure(&f, &mut rng(74)).unwrap();
    assert_eq!(part.steps, [whole.steps[1].clone(), whole.steps[4].clone()]);
    assert_eq!((part.error, part.prior_mismatch), (whole.error, whole.prior_mismatch));
    assert!(part.bound().is_none() && part.own().value < whole.own().value);
    // Rows one by one and in a batch that is cut into several pieces.
    let x = Array2::from_shape_fn((150, 1), |(i, _)| 0.03 * i as f64 - 2.2);
    let batch = ledger.terms(&f, 4, &x).unwrap();
    for i in [0, 63, 64, 149] {
        let one = ledger.terms(&f, 4, &array![[x[[i, 0]]]]).unwrap();
        assert_eq!(
            (one.own[[0, 0]], one.local[[0, 0]], one.remainder[[0, 0]]),
            (batch.own[[i, 0]], batch.local[[i, 0]], batch.remainder[[i, 0]])
        );
    }
}

#[test]
fn one_point_has_nothing_to_blame() {
    let (target, grid) = (LineMixture::point_masses(&[1.0], &[3.0]).unwrap(), uniform_angles(5));
    let exact = LineRecursion::new(&target, &grid).keep(Keep::All).run().unwrap();
    let report = Ledger::new(&target, &grid).samples(50).measure(exact.consistency(), &mut rng(75)).unwrap();
    // One atom: no discretisation error, E[X_{t−1} | X_t] lies on the flow.
    assert!(report.local().value < 1e-13 && report.own().value < 1e-13, "{report:?}");
}

#[test]
fn bad_input_is_refused() {
    let (target, grid) = (modes(), uniform_angles(4));
    let ledger = Ledger::new(&target, &grid).samples(20);
    let measure = |ledger: &Ledger<'_, LineMixture>, f: &dyn ConsistencyFunction| ledger.measure(f, &mut rng(76)).unwrap_err();
    let f = bent(4);
    assert!(matches!(measure(&ledger.clone().samples(1), &f), AuditError::OutOfRange(OutOfRange { name: "samples", .. })));
    assert!(matches!(measure(&ledger.clone().steps(&[]), &f), AuditError::Empty(Empty { name: "steps", .. })));
    for step in [0, 1, 5] {
        let found = measure(&ledger.clone().steps(&[2, step]), &f);
        assert_eq!(found, AuditError::NoSuchStep { name: "steps", index: 2, step, first: 2, last: 4 });
    }
    assert!(matches!(measure(&ledger, &bent(5)), AuditError::Mismatch(Mismatch { left: 4, right: 5, .. })));
    let plane = ConsistencyFn::new(2, 4, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    assert!(matches!(measure(&ledger, &plane), AuditError::Mismatch(Mismatch { left: 1, right: 2, .. })));
    let last_only = LineRecursion::new(&target, &grid).run().unwrap();
    assert!(matches!(measure(&ledger, last_only.consistency()), AuditError::NotHeld { step: 2, .. }));
    let infinite = ConsistencyFn::new(1, 4, |t, x: &[f64], out: &mut [f64]| out[0] = if t == 3 { f64::INFINITY } else { x[0] });
    let found = measure(&ledger, &infinite);
    assert!(matches!(found, AuditError::ValueNotFinite { name: "the consistency function", step: 3, coordinate: 1, .. }), "{found}");
    let moved = Moved(bent(4));
    assert!(matches!(measure(&ledger, &moved), AuditError::Boundary { .. }));
}

/// Breaks the contract f_1 = id.
struct Moved<C>(C);

impl<C: ConsistencyFunction> Space for Moved<C> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
}

impl<C: ConsistencyFunction> Family for Moved<C> {
    fn steps(&self) -> usize {
        self.0.steps()
    }
}

impl<C: ConsistencyFunction> ConsistencyFunction for Moved<C> {
    fn eval_into(&self, t: usize, x: &ndarray::ArrayRef2<f64>, out: &mut ndarray::ArrayRef2<f64>) {
        self.0.eval_into(t, x, out);
        *out += 1.0;
    }
}

#[test]
fn a_lead_is_clear_only_beyond_the_sampling_error() {
    let (target, grid) = (modes(), uniform_angles(6));
    let best = population(&target, &grid);
    let local = Ledger::new(&target, &grid).samples(4000).measure(&best, &mut rng(90)).unwrap().local();
    // An own error as large as the local ones, in all steps' sum: few draws cannot tell which is larger, and the report says so.
    let shifted = |size: f64| {
        let best = best.clone();
        ConsistencyFn::new(1, 6, move |t, x: &[f64], out: &mut [f64]| out[0] = at(&best, t, x[0]) + if t >= 4 { size } else { 0.0 })
    };
    let even = Ledger::new(&target, &grid).samples(50).measure(&shifted(local.value), &mut rng(91)).unwrap();
    let blame = even.blame().unwrap();
    assert!(!blame.clear && blame.to_string().ends_with("the lead is within the sampling error"), "{blame}");
    let far = Ledger::new(&target, &grid).samples(50).measure(&shifted(10.0 * local.value), &mut rng(92)).unwrap();
    let blame = far.blame().unwrap();
    assert!(blame.clear && blame.term == LedgerTerm::Own && !blame.to_string().contains("sampling error"), "{blame}");
}

#[test]
fn the_quadrature_error_is_seen_and_not_below_the_true_one() {
    // A function with a kink and a step is beyond any Gauss rule: the reported error is of the order of the true one.
    let (target, grid) = (modes(), uniform_angles(6));
    let kinked = ConsistencyFn::new(1, 6, |_t, x: &[f64], out: &mut [f64]| out[0] = (x[0] - 0.1).abs());
    let report = Ledger::new(&target, &grid).steps(&[4]).samples(64).measure(&kinked, &mut rng(93)).unwrap();
    let seen = report.steps[0].quadrature_error.unwrap();
    let smooth = Ledger::new(&target, &grid).steps(&[4]).samples(64).measure(&bent(6), &mut rng(93)).unwrap();
    assert!(seen > 1e-4 && smooth.steps[0].quadrature_error.unwrap() < 1e-6, "{seen:e}");
    assert!(report.numerical_error() >= seen);
    // The true mean error at a few points of the same level, by the trapezoidal rule.
    let x = Array2::from_shape_fn((20, 1), |(i, _)| 0.2 * (i as f64 - 9.5));
    let terms = Ledger::new(&target, &grid).terms(&kinked, 4, &x).unwrap();
    let off = |i: usize| {
        let exact = x[[i, 0]] - 0.1;
        let own = exact.abs() - expectation(&target, &grid, 4, x[[i, 0]], |y| (y - 0.1).abs());
        (terms.own[[i, 0]] - own).abs()
    };
    let truth = (0..20).map(off).sum::<f64>() / 20.0;
    assert!(truth < 10.0 * seen, "true error {truth:e}, reported {seen:e}");
}

#[test]
fn in_more_than_three_dimensions_the_comparison_rule_differs_from_the_main_one() {
    // Degree 4 is beyond the rules in high dimension: |x|⁴ shows what they miss, |x|² does not.
    let target = Gaussian::new(&[0.0; 5], Covariance::isotropic(5, 0.5).unwrap()).unwrap();
    let grid = uniform_angles(4);
    let power = |p: i32| {
        ConsistencyFn::new(5, 4, move |_t, x: &[f64], out: &mut [f64]| {
            out.copy_from_slice(x);
            out[0] += x[1].powi(p);
        })
    };
    let error = |p: i32| {
        let ledger = Ledger::new(&target, &grid).steps(&[3]).samples(30);
        ledger.measure(&power(p), &mut rng(94)).unwrap().steps[0].quadrature_error.unwrap()
    };
    assert!(error(2) < 1e-9 && error(6) > 1e-3, "{:e}, {:e}", error(2), error(6));
}

#[test]
fn sizes_and_values_that_cannot_be_are_refused() {
    let (target, grid) = (modes(), uniform_angles(4));
    let f = bent(4);
    let many = Ledger::new(&target, &grid).samples(1_000_000_000_000).measure(&f, &mut rng(95)).unwrap_err();
    assert!(matches!(many, AuditError::OutOfRange(OutOfRange { name: "samples", .. })));
    // Values whose squares overflow have their errors, and values whose differences do are refused: no infinite mean.
    let scaled =
        |size: f64| ConsistencyFn::new(1, 4, move |t, x: &[f64], out: &mut [f64]| out[0] = if t == 1 { x[0] } else { size * x[0].sin() });
    let report = Ledger::new(&target, &grid).measure(&scaled(1e200), &mut rng(96)).unwrap();
    assert!(report.steps.iter().all(|s| s.error.std_error.is_finite() && s.error.value > 1e199));
    let found = Ledger::new(&target, &grid).measure(&scaled(1.7e308), &mut rng(96)).unwrap_err();
    assert!(matches!(found, AuditError::Overflow { .. }), "{found}");
}

/// For the population optimum the upper end is √Σ loss*, for any f W_2 lies above the lower end: five standard errors.
#[test]
fn second_moments_bracket_the_distance() {
    use onestep::population::{Keep, LineRecursion};
    let law = onestep::law::LineMixture::new(&[0.4, 0.6], &[-1.0, 0.8], &[0.5, 0.7]).unwrap();
    let grid = onestep::Grid::from_angles(&[0.1, 0.4, 0.8, 1.2, 1.5]).unwrap();
    let run = LineRecursion::new(&law, &grid).keep(Keep::All).run().unwrap();
    let mut rng = <rand_chacha::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(5);
    let report = onestep::audit::Ledger::new(&law, &grid).samples(2000).measure(run.consistency(), &mut rng).unwrap();
    let (upper, lower, w2) = (report.energy_upper().unwrap(), report.energy_lower, run.report().w2_marginal.upper);
    assert!((upper.value - run.report().loss_sum.sqrt()).abs() < 5.0 * upper.std_error + 1e-6, "{upper} {}", run.report());
    assert!((lower.value - run.report().energy_lower).abs() < 5.0 * lower.std_error, "{lower} {}", run.report());
    assert!(lower.value - 5.0 * lower.std_error < w2 && w2 < upper.value, "{report}");
    let spread: f64 = report.steps.iter().map(|s| s.spread.value).sum();
    assert!((spread - run.report().loss_sum).abs() < 0.05 * spread);
    // Own errors add to the upper end what they are: a shift by 0.1 at the last level.
    let shifted = onestep::consistency::ConsistencyFn::new(1, 5, |t, x: &[f64], out: &mut [f64]| {
        use onestep::ConsistencyFunction;
        let value: ndarray::Array2<f64> = run.consistency().eval(t, &ndarray::array![[x[0]]]);
        out[0] = value[[0, 0]] + if t == 5 { 0.1 } else { 0.0 };
    });
    let other = onestep::audit::Ledger::new(&law, &grid).samples(500).measure(&shifted, &mut rng).unwrap();
    let last = &other.steps[3];
    assert!((last.own_square.value - 0.01).abs() < 1e-6, "{}", last.own_square);
    assert!(onestep::audit::Ledger::new(&law, &grid).steps(&[3]).measure(&shifted, &mut rng).unwrap().energy_upper().is_none());
}
