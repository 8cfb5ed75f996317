//! Exact weighted transport: reference values, certificates, degenerate weights and clouds.

use crate::clouds::{bell, check_duals, clouds, cost, golden, uniform};
use ndarray::{Array2, ArrayRef2, Axis, array, concatenate};
use onestep::error::{EntryOutOfRange, Mismatch, NotFinite};
use onestep::transport::{Assignment, Measure, NetworkSimplex, Plan, TransportError};
use proptest::prelude::*;

/// Relative agreement with POT and among routes: sums of a few hundred products in different orders; measured: 4e−15.
const VALUE: f64 = 4e-14;
/// Gap relative to the cost, rounding of large potentials included; measured: 1e−13.
const RELATIVE_GAP: f64 = 1e-12;
/// Dual infeasibility and marginal error relative to their scales; measured: 5e−16.
const GAP: f64 = 5e-15;

fn solve(order: f64, x: &ArrayRef2<f64>, a: &[f64], y: &ArrayRef2<f64>, b: &[f64]) -> Plan {
    NetworkSimplex::new(order).unwrap().solve(Measure::weighted(x, a), Measure::weighted(y, b)).unwrap()
}

/// Squared uniforms, every `zero`-th without mass, normalised; as in the script of the reference values.
fn weights(stream: u64, count: usize, zero: usize) -> Vec<f64> {
    let mut w: Vec<f64> = uniform(stream, count).iter().map(|u| u * u).collect();
    w.iter_mut().step_by(zero).for_each(|w| *w = 0.0);
    let sum: f64 = w.iter().sum();
    w.iter().map(|w| w / sum).collect()
}

/// Marginals, cost, duals and bounds agree with each other and with the clouds.
fn check(order: f64, x: &ArrayRef2<f64>, a: &[f64], y: &ArrayRef2<f64>, b: &[f64], p: &Plan) {
    let (mut rows, mut columns) = (vec![0.0; a.len()], vec![0.0; b.len()]);
    let mut primal = 0.0;
    for &(i, j, mass) in &p.plan {
        assert!(mass > 0.0);
        rows[i] += mass;
        columns[j] += mass;
        primal += mass * cost(order, x, y, i, j);
    }
    assert!(p.plan.windows(2).all(|w| (w[0].0, w[0].1) < (w[1].0, w[1].1)), "the plan is not ordered");
    assert!(p.plan.len() < a.len() + b.len(), "a vertex has at most n + m − 1 pairs");
    rows.iter().zip(a).chain(columns.iter().zip(b)).for_each(|(sum, w)| assert!((sum - w).abs() <= GAP, "{sum} for {w}"));
    let scale = check_duals(order, x, y, &p.u, &p.v, GAP);
    assert!((primal - p.cost).abs() <= VALUE * p.cost);
    // As for assignments; masses round as well.
    let rounding = 0.5 * f64::EPSILON * (order * (x.ncols() as f64 / 32.0 + 27.0) + 60.0);
    assert!(p.gap >= 0.0 && p.gap <= rounding * scale, "gap {} on scale {scale}", p.gap);
    assert!(p.lower <= p.distance && p.distance <= p.upper && p.unit == 1.0);
    assert!(p.cost == 0.0 || p.lower < p.upper, "something rounds");
}

#[test]
fn agrees_with_pot() {
    for case in golden().into_iter().filter(|case| case.weighted) {
        let (x, y) = clouds(&case.law, case.n, case.m, case.dim);
        let (a, b) = (weights(3, case.n, 7), weights(4, case.m, 5));
        let p = solve(case.order, &x, &a, &y, &b);
        check(case.order, &x, &a, &y, &b, &p);
        assert!(p.gap <= RELATIVE_GAP * p.cost, "{case:?}: gap {}", p.gap);
        assert!((p.cost - case.cost).abs() <= VALUE * case.cost, "{case:?}: {} (relative error {:e})", p.cost, p.cost / case.cost - 1.0);
    }
}

/// Equal weights and sizes are an assignment problem; a cloud repeated twice is the same law.
#[test]
fn equal_weights_are_an_assignment() {
    for (dim, order) in [(1, 1.0), (2, 2.0), (7, 1.0), (7, 2.5)] {
        let (x, y) = clouds("shifted", 240, 240, dim);
        let truth = Assignment::new(order).unwrap().solve(&x, &y).unwrap().cost;
        let solver = NetworkSimplex::new(order).unwrap();
        let plain = solver.solve(&x, &y).unwrap();
        assert!((plain.cost - truth).abs() <= VALUE * truth);
        let twice = concatenate(Axis(0), &[y.view(), y.view()]).unwrap();
        let repeated = solver.solve(&x, &twice).unwrap();
        assert!((repeated.cost - truth).abs() <= VALUE * truth);
    }
}

#[test]
fn one_point_takes_all() {
    let (x, y) = (array![[1.0, 1.0]], bell(1, 30, 2));
    let b = weights(4, 30, 5);
    let p = solve(2.0, &x, &[1.0], &y, &b);
    let truth: f64 = (0..30).map(|j| b[j] * cost(2.0, &x, &y, 0, j)).sum();
    assert!((p.cost - truth).abs() <= VALUE * truth);
    check(2.0, &x, &[1.0], &y, &b, &p);
    let back = solve(2.0, &y, &b, &x, &[1.0]);
    assert!((back.cost - truth).abs() <= VALUE * truth);
    let single = solve(1.0, &x, &[1.0], &array![[4.0, 5.0]], &[1.0]);
    assert_eq!((single.distance, single.plan), (5.0, vec![(0, 0, 1.0)]));
    assert!(single.lower < 5.0 && single.upper > 5.0 && single.upper - single.lower < 5e-14);
}

#[test]
fn equal_clouds_cost_nothing() {
    let x = bell(1, 50, 3);
    let a = weights(3, 50, 7);
    let p = solve(2.0, &x, &a, &x, &a);
    assert_eq!((p.cost, p.distance, p.gap), (0.0, 0.0, 0.0));
    let same = Array2::from_elem((50, 3), 1.25);
    assert_eq!(solve(1.0, &same, &a, &same, &weights(4, 50, 5)).cost, 0.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn is_a_metric(seed in 0_u64..1000, sizes in prop::array::uniform3(1_usize..40), dim in 1_usize..7, order in prop::sample::select(vec![1.0, 1.5, 2.0])) {
        let law = |k: usize| {
            let raw: Vec<f64> = uniform(4000 + 3 * seed + k as u64, sizes[k]).iter().map(|u| u + 0.01).collect();
            let sum: f64 = raw.iter().sum();
            (bell(10 + 3 * seed + k as u64, sizes[k], dim), raw.iter().map(|w| w / sum).collect::<Vec<_>>())
        };
        let laws: Vec<_> = (0..3).map(law).collect();
        let w = |k: usize, l: usize| solve(order, &laws[k].0, &laws[k].1, &laws[l].0, &laws[l].1).distance;
        prop_assert_eq!(w(0, 0), 0.0);
        prop_assert!((w(0, 1) - w(1, 0)).abs() <= VALUE * w(0, 1));
        prop_assert!(w(0, 2) <= (w(0, 1) + w(1, 2)) * (1.0 + VALUE));
    }

    /// A vertex of the transport polytope with integer masses is integral: brute force over copies.
    #[test]
    fn integer_masses_are_copies(seed in 0_u64..1000, counts in prop::collection::vec(1_usize..4, 2..5), dim in 1_usize..4) {
        let total: usize = counts.iter().sum();
        let (x, y) = (bell(10 + 2 * seed, counts.len(), dim), bell(11 + 2 * seed, total, dim));
        let a: Vec<f64> = counts.iter().map(|&c| c as f64 / total as f64).collect();
        let p = solve(2.0, &x, &a, &y, &vec![1.0 / total as f64; total]);
        let copies: Vec<usize> = counts.iter().enumerate().flat_map(|(i, &c)| std::iter::repeat_n(i, c)).collect();
        let truth = Assignment::new(2.0).unwrap().solve(&x.select(Axis(0), &copies), &y).unwrap().cost;
        prop_assert!((p.cost - truth).abs() <= VALUE * truth);
    }
}

#[cfg(feature = "rayon")]
#[test]
fn threads_do_not_matter() {
    let (a, b) = (weights(3, 700, 7), weights(4, 500, 5));
    for dim in [2, 12] {
        let (x, y) = clouds("shifted", 700, 500, dim);
        let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| solve(2.0, &x, &a, &y, &b));
        assert_eq!(on(1), on(3));
    }
}

#[test]
fn bad_input_is_refused() {
    let solver = NetworkSimplex::new(1.0).unwrap();
    let (x, y) = (bell(1, 2, 2), bell(2, 2, 2));
    let half = [0.5, 0.5];
    let with = |a: &[f64]| solver.solve(Measure::weighted(&x, a), Measure::weighted(&y, &half)).unwrap_err();
    assert!(matches!(with(&[1.0]), TransportError::Mismatch(_)));
    assert!(matches!(with(&[1.5, -0.5]), TransportError::EntryOutOfRange(EntryOutOfRange { index: 2, .. })));
    assert!(matches!(with(&[f64::NAN, 1.0]), TransportError::EntryOutOfRange(EntryOutOfRange { index: 1, .. })));
    assert!(matches!(with(&[f64::INFINITY, 1.0]), TransportError::EntryOutOfRange(EntryOutOfRange { index: 1, .. })));
    assert!(matches!(with(&[0.5, 0.5 + 1e-6]), TransportError::WeightSum { .. }));
    assert!(matches!(with(&[0.0, 0.0]), TransportError::WeightSum { .. }));
    assert!(solver.solve(Measure::weighted(&x, &[0.5, 0.5 + 1e-10]), &y).is_ok());
    assert!(matches!(
        solver.solve(&array![[1.0, f64::NAN], [0.0, 0.0]], &y),
        Err(TransportError::NotFinite(NotFinite { row: 1, column: 2, .. }))
    ));
    assert!(matches!(solver.solve(&x, &bell(1, 2, 3)), Err(TransportError::Mismatch(Mismatch { left: 2, right: 3, .. }))));
    assert!(matches!(NetworkSimplex::new(f64::NAN), Err(TransportError::OutOfRange(_))));
}
