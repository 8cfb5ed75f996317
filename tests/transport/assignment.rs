//! Exact assignment: reference values, brute force, certificates, degenerate clouds.

use crate::clouds::{bell, check_duals, clouds, cost, golden};
use ndarray::{Array2, ArrayRef2, array};
use onestep::error::{Mismatch, NotFinite, OutOfRange};
use onestep::transport::{Assignment, Matching, TransportError};
use proptest::prelude::*;

/// Relative agreement with SciPy and among routes: sums in different orders, and roots; measured: 1e−15.
const VALUE: f64 = 1e-14;
/// Gap relative to the cost, rounding of large potentials included: beyond it the solver goes over to integers.
const RELATIVE_GAP: f64 = 1e-12;
/// Cost less dual, and dual infeasibility, relative to the largest cost; measured: 2e−16.
const GAP: f64 = 2e-15;

/// What the bounds on primal and dual may leave open, relative to the largest cost, in units of u: p (d/32 + 5) + 11 for the dual, twice
/// 5 p for the lengths in the bound below and twice 6 p + 11 for lengths, terms and sum in the bound above; powers other than 1 and 2 round
/// by 4 more, thrice.
fn rounding(order: f64, dim: usize) -> f64 {
    0.5 * f64::EPSILON * (order * (dim as f64 / 32.0 + 27.0) + 45.0)
}

fn solve(order: f64, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>) -> Matching {
    Assignment::new(order).unwrap().solve(x, y).unwrap()
}

/// Permutation, cost, duals and bounds agree with each other and with the clouds.
fn check(order: f64, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, m: &Matching) {
    let n = x.nrows();
    let mut seen = vec![false; n];
    m.permutation.iter().for_each(|&j| assert!(!std::mem::replace(&mut seen[j], true), "column {j} is used twice"));
    let primal = m.permutation.iter().enumerate().map(|(i, &j)| cost(order, x, y, i, j)).sum::<f64>() / n as f64;
    let scale = check_duals(order, x, y, &m.u, &m.v, GAP);
    assert!((primal - m.cost).abs() <= VALUE * primal, "cost {} but the pairs cost {primal}", m.cost);
    assert!(m.gap >= 0.0 && m.gap <= rounding(order, x.ncols()) * scale, "gap {} on scale {scale}", m.gap);
    let dual = (m.u.iter().sum::<f64>() + m.v.iter().sum::<f64>()) / n as f64;
    assert!((m.cost - dual).abs() <= VALUE * scale && m.cost - dual <= m.gap + GAP * scale);
    assert!(m.lower <= m.distance && m.distance <= m.upper && m.lower >= 0.0 && m.unit == 1.0);
    assert!(m.cost == 0.0 || m.lower < m.upper, "something rounds");
    assert!((m.distance.powf(order) - m.cost).abs() <= VALUE * m.cost);
}

#[test]
fn agrees_with_scipy() {
    for case in golden().into_iter().filter(|case| !case.weighted) {
        let (x, y) = clouds(&case.law, case.n, case.m, case.dim);
        let m = solve(case.order, &x, &y);
        check(case.order, &x, &y, &m);
        assert!(m.gap <= RELATIVE_GAP * m.cost, "{case:?}: gap {}", m.gap);
        assert!((m.cost - case.cost).abs() <= VALUE * case.cost, "{case:?}: {} (relative error {:e})", m.cost, m.cost / case.cost - 1.0);
    }
}

fn best_permutation(order: f64, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, row: usize, used: u32) -> f64 {
    if row == x.nrows() {
        return 0.0;
    }
    let free = (0..x.nrows()).filter(|&j| used >> j & 1 == 0);
    free.map(|j| cost(order, x, y, row, j) + best_permutation(order, x, y, row + 1, used | 1 << j)).fold(f64::INFINITY, f64::min)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn is_the_best_permutation(seed in 0_u64..1000, n in 1_usize..8, dim in 1_usize..7, order in prop::sample::select(vec![1.0, 1.3, 2.0, 4.0]), grid in any::<bool>()) {
        let (mut x, mut y) = (bell(10 + 2 * seed, n, dim), bell(11 + 2 * seed, n, dim));
        if grid {
            x.mapv_inplace(f64::round);
            y.mapv_inplace(f64::round);
        }
        let m = solve(order, &x, &y);
        let best = best_permutation(order, &x, &y, 0, 0) / n as f64;
        prop_assert!((m.cost - best).abs() <= VALUE * best.max(1e-3), "{} but the best is {best}", m.cost);
    }

    #[test]
    fn is_a_metric(seed in 0_u64..1000, n in 1_usize..60, dim in 1_usize..7, order in prop::sample::select(vec![1.0, 1.7, 2.0, 3.0])) {
        let cloud = |k: u64| bell(10 + 3 * seed + k, n, dim) * (1.0 + k as f64);
        let (x, y, z) = (cloud(0), cloud(1), cloud(2));
        let w = |a: &Array2<f64>, b: &Array2<f64>| solve(order, a, b).distance;
        prop_assert_eq!(w(&x, &x), 0.0);
        prop_assert!((w(&x, &y) - w(&y, &x)).abs() <= VALUE * w(&x, &y));
        prop_assert!(w(&x, &z) <= (w(&x, &y) + w(&y, &z)) * (1.0 + VALUE));
    }

    #[test]
    fn scales_with_the_clouds(seed in 0_u64..1000, n in 2_usize..60, dim in 1_usize..7, exponent in -150_i32..150) {
        let (x, y) = (bell(10 + 2 * seed, n, dim), bell(11 + 2 * seed, n, dim));
        let scale = 10_f64.powi(exponent);
        for order in [1.0, 2.0] {
            let (m, scaled) = (solve(order, &x, &y), solve(order, &(&x * scale), &(&y * scale)));
            prop_assert!((scaled.distance / scale / m.distance - 1.0).abs() < VALUE);
        }
    }
}

#[test]
fn translation_costs_its_length() {
    for n in [1, 2, 31, 32, 33, 65, 600] {
        let x = bell(1, n, 3);
        let m = solve(2.0, &x, &(&x + &array![2.0, 3.0, 6.0]));
        assert!((m.distance - 7.0).abs() < 1e-14, "n = {n}: {}", m.distance);
    }
}

/// A cloud moved by 1e−9: ‖x‖² + ‖y‖² − 2x·y in double precision would answer with an error of 800 %.
#[test]
fn tiny_distances_keep_their_digits() {
    let (x, step) = (bell(1, 500, 16), bell(2, 500, 16) * 1e-9);
    let y = &x + &step;
    let moved = &y - &x;
    let truth = (moved.iter().map(|h| h * h).sum::<f64>() / 500.0).sqrt();
    let m = solve(2.0, &x, &y);
    assert!((m.distance / truth - 1.0).abs() < 1e-14, "{} for {truth}", m.distance);
    assert!(m.gap <= rounding(2.0, 16) * m.cost);
}

/// z ↦ z³|z| is increasing, so coordinate by coordinate it is the gradient of a convex function: an optimal map for p = 2 (Brenier, *Comm.
/// Pure Appl. Math.* 44, 1991). Under fifth powers most points lie in a thousandth of the diameter.
#[test]
fn heavy_tails_keep_the_monotone_map() {
    for dim in 2..=5 {
        let z = bell(21, 700, dim);
        let x = z.mapv(|z| z.powi(5));
        let image = z.mapv(|z| z.powi(3) * z.abs());
        let order: Vec<usize> = (0..700).map(|i| 99 * i % 700).collect();
        let m = solve(2.0, &x, &image.select(ndarray::Axis(0), &order));
        check(2.0, &x, &image.select(ndarray::Axis(0), &order), &m);
        assert!((0..700).all(|i| order[m.permutation[i]] == i), "d = {dim}");
        let expected = (&x - &image).mapv(|difference| difference * difference).sum() / 700.0;
        assert!((m.cost - expected).abs() <= VALUE * expected && m.gap <= RELATIVE_GAP * expected, "d = {dim}: {} or {expected}", m.cost);
    }
}

/// Searches by boxes and scans of all columns find the same value where a dense middle meets far tails: a zero coordinate more changes
/// the method, not the distance.
#[test]
fn heavy_tails_agree_among_methods() {
    for (dim, order) in [(2, 1.0), (2, 1.5), (2, 2.0), (3, 1.0), (3, 2.0), (4, 2.0), (4, 3.0)] {
        let tails = |seed| bell(seed, 500, dim).mapv(|z| z.powi(3) * z.abs());
        let (x, y) = (tails(31), tails(32));
        let m = solve(order, &x, &y);
        check(order, &x, &y, &m);
        let flat = |cloud: &Array2<f64>| ndarray::concatenate![ndarray::Axis(1), *cloud, Array2::zeros((500, 5 - dim))];
        let scanned = solve(order, &flat(&x), &flat(&y));
        assert!((m.cost - scanned.cost).abs() <= VALUE * m.cost, "d = {dim}, p = {order}: {} and {}", m.cost, scanned.cost);
        assert!(m.gap <= RELATIVE_GAP * m.cost, "d = {dim}, p = {order}: gap {}", m.gap);
    }
}

#[test]
fn offsets_do_not_matter() {
    let (x, y) = (bell(1, 300, 4), bell(2, 300, 4));
    // Multiples of 2⁻²⁰ survive the offset 2²⁷ exactly.
    let round = |z: &Array2<f64>| z.mapv(|z| (z * 1_048_576.0).round() / 1_048_576.0);
    let (x, y) = (round(&x), round(&y));
    let far = 134_217_728.0;
    for order in [1.0, 2.0] {
        let (near, moved) = (solve(order, &x, &y), solve(order, &(&x + far), &(&y + far)));
        assert!((near.cost / moved.cost - 1.0).abs() < VALUE);
    }
}

#[test]
fn equal_points() {
    let x = Array2::from_elem((100, 3), 0.7);
    let m = solve(2.0, &x, &x);
    assert_eq!((m.cost, m.distance, m.lower, m.gap), (0.0, 0.0, 0.0, 0.0));
    let y = Array2::from_elem((100, 3), -0.3);
    let m = solve(1.0, &x, &y);
    assert!((m.distance - 3_f64.sqrt()).abs() < 1e-15);
    check(1.0, &x, &y, &m);
    // Negative zero is zero.
    let z = Array2::from_elem((9, 2), 0.0);
    assert_eq!(solve(2.0, &z, &(-&z)).distance, 0.0);
}

/// All points different, all costs tied many times over.
#[test]
fn ties_without_duplicates() {
    let grid =
        |step: f64, shift: f64| Array2::from_shape_fn((400, 2), |(i, k)| step * (if k == 0 { i % 20 } else { i / 20 }) as f64 + shift);
    for (order, truth) in [(1.0, 0.5_f64.sqrt()), (2.0, 0.5_f64.sqrt())] {
        let (x, y) = (grid(1.0, 0.0), grid(1.0, 0.5));
        let m = solve(order, &x, &y);
        check(order, &x, &y, &m);
        assert!((m.distance - truth).abs() < 1e-14, "{}", m.distance);
    }
    // Stretched by two about its corner, point k goes to 2k: the monotone map is optimal for squares.
    let (x, y) = (grid(1.0, 0.0), grid(2.0, 0.0));
    let m = solve(2.0, &x, &y);
    check(2.0, &x, &y, &m);
    let truth = (0..400).map(|i| f64::from((i % 20) * (i % 20) + (i / 20) * (i / 20))).sum::<f64>() / 400.0;
    assert!((m.cost - truth).abs() < 1e-12 * truth);
}

/// Every pair costs the same: the two axes crosses are equidistant.
#[test]
fn all_costs_equal() {
    let n = 50;
    let x = Array2::from_shape_fn((n, 2 * n), |(i, k)| f64::from(u8::from(i == k)));
    let y = Array2::from_shape_fn((n, 2 * n), |(j, k)| f64::from(u8::from(j + n == k)));
    for order in [1.0, 2.0, 3.0] {
        let m = solve(order, &x, &y);
        check(order, &x, &y, &m);
        assert!((m.distance - 2_f64.sqrt()).abs() < 1e-15);
    }
}

#[test]
fn single_precision_is_widened() {
    let (x, y) = (bell(1, 200, 5).mapv(|z| z as f32), bell(2, 200, 5).mapv(|z| z as f32));
    let narrow = Assignment::new(2.0).unwrap().solve(&x, &y).unwrap();
    assert_eq!(narrow, solve(2.0, &x.mapv(f64::from), &y.mapv(f64::from)));
}

/// Inner products kept or computed anew, alone or by tiles: in 40 dimensions the solver does the one or the other as memory allows.
#[test]
fn memory_does_not_matter() {
    let (x, y) = (bell(3, 300, 40), bell(4, 300, 40));
    for order in [1.0, 2.0, 3.0] {
        let [kept, anew] = [usize::MAX, 0].map(|bytes| Assignment::new(order).unwrap().memory(bytes).solve(&x, &y).unwrap());
        check(order, &x, &y, &kept);
        check(order, &x, &y, &anew);
        assert!((kept.cost - anew.cost).abs() <= VALUE * kept.cost);
    }
}

#[test]
fn views_pass() {
    let (x, y) = (bell(1, 40, 6), bell(2, 40, 6));
    let transposed = x.t().as_standard_layout().to_owned();
    assert_eq!(solve(2.0, &transposed.t(), &y), solve(2.0, &x, &y));
}

#[cfg(feature = "rayon")]
#[test]
fn threads_do_not_matter() {
    for (dim, order) in [(2, 1.0), (2, 2.0), (12, 1.0), (12, 2.0)] {
        let (x, y) = clouds("shifted", 1200, 1200, dim);
        let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| solve(order, &x, &y));
        assert_eq!(on(1), on(3));
    }
}

#[test]
fn bad_input_is_refused() {
    let solver = Assignment::new(2.0).unwrap();
    let x = bell(1, 4, 2);
    assert!(matches!(solver.solve(&Array2::<f64>::zeros((0, 2)), &x), Err(TransportError::Empty(_))));
    assert!(matches!(solver.solve(&x, &Array2::<f64>::zeros((4, 0))), Err(TransportError::Empty(_))));
    assert!(matches!(solver.solve(&x, &bell(1, 4, 3)), Err(TransportError::Mismatch(Mismatch { left: 2, right: 3, .. }))));
    assert!(matches!(solver.solve(&x, &bell(1, 5, 2)), Err(TransportError::Mismatch(Mismatch { left: 4, right: 5, .. }))));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut y = x.clone();
        y[[2, 1]] = bad;
        assert!(matches!(solver.solve(&x, &y), Err(TransportError::NotFinite(NotFinite { row: 3, column: 2, .. }))));
    }
    for bad in [0.99, 0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(Assignment::new(bad), Err(TransportError::OutOfRange(OutOfRange { name: "order", .. }))), "{bad}");
    }
}
