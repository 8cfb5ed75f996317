//! Problems that double precision cannot settle: outliers, high powers, tiny masses, ties. What is printed must hold.

use crate::double_double::Double;
use ndarray::{Array2, ArrayRef2, array};
use onestep::transport::{Assignment, Bottleneck, Matching, Measure, NetworkSimplex, Plan};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Width of the bounds relative to the distance: where double precision leaves 1e−12 of the cost open, and the rounding of a few dozen
/// operations of the distance, the solvers go over to integers.
fn width(order: f64) -> f64 {
    1e-12 / order + 4e-14
}

/// What every answer says of itself.
struct Said {
    distance: f64,
    lower: f64,
    upper: f64,
    cost: f64,
    gap: f64,
    unit: f64,
}

impl From<&Matching> for Said {
    fn from(m: &Matching) -> Self {
        Self { distance: m.distance, lower: m.lower, upper: m.upper, cost: m.cost, gap: m.gap, unit: m.unit }
    }
}

impl From<&Plan> for Said {
    fn from(p: &Plan) -> Self {
        Self { distance: p.distance, lower: p.lower, upper: p.upper, cost: p.cost, gap: p.gap, unit: p.unit }
    }
}

/// The right value lies within the bounds, the bounds are close, and cost, gap and unit agree with them.
fn check(said: impl Into<Said>, order: f64, right: Double, what: &str) {
    let Said { distance, lower, upper, cost, gap, unit } = said.into();
    let text = format!("{what}: {distance} in [{lower}, {upper}], right {}", right.hi);
    assert!(Double::from(lower) <= right && right <= Double::from(upper), "{text}");
    assert!(lower <= distance && distance <= upper && upper.is_finite(), "{text}");
    assert!(upper - lower <= width(order) * upper, "{text}: open by {:e}", (upper - lower) / upper);
    assert!(gap >= 0.0 && gap.is_finite() && cost.is_finite() && unit > 0.0 && unit.is_finite(), "{text}: gap {gap}");
    if right.hi > 0.0 {
        // W^p is within the gap below the cost, and the gap is not zero: that would claim that nothing rounds.
        let ratio = (right / Double::from(unit)).hi.powf(order);
        assert!(gap > 0.0 && (cost - ratio).abs() <= gap + 8.0 * order * f64::EPSILON * cost, "{text}: cost {cost}, gap {gap}, {ratio}");
        assert!(gap <= 4.0 * order * width(order) * cost, "{text}: gap {gap} of {cost}");
    }
}

fn length(x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, i: usize, j: usize) -> Double {
    let differences = || x.row(i).into_iter().zip(y.row(j)).map(|(&a, &b)| Double::from(a) - Double::from(b));
    let scale = differences().fold(0.0, |most: f64, t| most.max(t.hi.abs()));
    if scale == 0.0 {
        return Double::ZERO;
    }
    let scale = Double::from(2.0_f64.powi(scale.log2().floor() as i32));
    scale * differences().fold(Double::ZERO, |sum, t| sum + (t / scale) * (t / scale)).sqrt()
}

/// The best permutation in 106 bits: W_p and W_∞.
fn brute(order: u32, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>) -> (Double, Double) {
    let n = x.nrows();
    let lengths: Vec<Vec<Double>> = (0..n).map(|i| (0..n).map(|j| length(x, y, i, j)).collect()).collect();
    let bottleneck = least(n, 0, 0, &|i, j| lengths[i][j], &Double::max);
    if bottleneck.hi == 0.0 {
        return (Double::ZERO, Double::ZERO);
    }
    // Powers of what is longer by far are infinite, and never the best.
    let cost = |i: usize, j: usize| {
        let ratio = lengths[i][j] / bottleneck;
        if ratio.hi.ln() * f64::from(order) > 600.0 { Double::from(1e290) } else { ratio.powi(order) }
    };
    let costs: Vec<Vec<Double>> = (0..n).map(|i| (0..n).map(|j| cost(i, j)).collect()).collect();
    let sum = least(n, 0, 0, &|i, j| costs[i][j], &|a, b| a + b);
    ((sum / Double::from(n as f64)).root(order) * bottleneck, bottleneck)
}

fn least(n: usize, row: usize, used: u32, cost: &dyn Fn(usize, usize) -> Double, join: &dyn Fn(Double, Double) -> Double) -> Double {
    if row == n {
        return Double::ZERO;
    }
    let free = (0..n).filter(|&j| used >> j & 1 == 0);
    let best = free.map(|j| join(cost(row, j), least(n, row + 1, used | 1 << j, cost, join)));
    best.reduce(Double::min).unwrap()
}

/// A cloud with what breaks floating point: outliers, ties, duplicates, points of very different size.
fn hostile(n: usize, dim: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
    let kind = rng.random_range(0..6);
    let far = 10.0_f64.powf(rng.random_range(3.0..15.0));
    Array2::from_shape_fn((n, dim), |_| match kind {
        0 => rng.random_range(-3..4).into(),
        1 => rng.random_range(-1.0..1.0),
        2 => far + rng.random_range(-1.0..1.0),
        3 => rng.random_range(-1.0..1.0) * 10.0_f64.powi(rng.random_range(-12..3)),
        4 if rng.random_bool(0.3) => far * f64::from(rng.random_range(-2..3)),
        _ => f64::from(rng.random_range(-20..20)) / 4.0,
    })
}

/// Points of one cloud that are outliers have outliers for partners more often than not.
fn pair(n: usize, m: usize, dim: usize, rng: &mut ChaCha8Rng) -> (Array2<f64>, Array2<f64>) {
    let (mut x, mut y) = (hostile(n, dim, rng), hostile(m, dim, rng));
    if rng.random_bool(0.5) {
        let far = 10.0_f64.powf(rng.random_range(3.0..15.0)).round();
        x.row_mut(rng.random_range(0..n))[0] += far;
        y.row_mut(rng.random_range(0..m))[0] += far;
    }
    (x, y)
}

#[test]
fn a_thousand_assignments() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    for case in 0..1200 {
        let (n, dim) = (rng.random_range(1..7), rng.random_range(1..4));
        let order = [1, 2, 3, 4, 7, 16, 40, 100, 333, 600][rng.random_range(0..10)];
        let (x, y) = pair(n, n, dim, &mut rng);
        let (right, bottleneck) = brute(order, &x, &y);
        let p = f64::from(order);
        let m = Assignment::new(p).unwrap().solve(&x, &y).unwrap();
        check(&m, p, right, &format!("assignment {case}: n = {n}, d = {dim}, p = {p}\n{x}\n{y}"));
        let plan = NetworkSimplex::new(p).unwrap().solve(&x, &y).unwrap();
        check(&plan, p, right, &format!("network {case}: n = {n}, d = {dim}, p = {p}\n{x}\n{y}"));
        let worst = Bottleneck::new().solve(&x, &y).unwrap();
        assert!(Double::from(worst.lower) <= bottleneck && bottleneck <= Double::from(worst.upper), "bottleneck {case}");
        assert!(worst.upper - worst.lower <= 1e-14 * worst.upper && (worst.lower..=worst.upper).contains(&worst.distance));
    }
}

/// Multiples of 1/8 are copies of points: the vertices of the transport polytope are integral.
#[test]
fn dyadic_weights_are_copies() {
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    for case in 0..150 {
        let (n, m, dim) = (rng.random_range(1..6), rng.random_range(1..6), rng.random_range(1..4));
        let order = [1, 2, 5, 24, 200][rng.random_range(0..5)];
        let (x, y) = pair(n, m, dim, &mut rng);
        let mut copies = |n: usize| {
            let mut copies: Vec<usize> = (0..n).collect();
            copies.resize_with(8, || rng.random_range(0..n));
            copies.sort_unstable();
            copies
        };
        let (a, b) = (copies(n), copies(m));
        let weights =
            |copies: &[usize], n: usize| (0..n).map(|i| copies.iter().filter(|&&k| k == i).count() as f64 / 8.0).collect::<Vec<_>>();
        let (right, bottleneck) = subset(order, &x.select(ndarray::Axis(0), &a), &y.select(ndarray::Axis(0), &b));
        let p = f64::from(order);
        let (a, b) = (weights(&a, n), weights(&b, m));
        let plan = NetworkSimplex::new(p).unwrap().solve(Measure::weighted(&x, &a), Measure::weighted(&y, &b)).unwrap();
        check(&plan, p, right, &format!("case {case}: p = {p}\n{x}\n{a:?}\n{y}\n{b:?}"));
        let worst = Bottleneck::new().solve(Measure::weighted(&x, &a), Measure::weighted(&y, &b)).unwrap();
        assert!(Double::from(worst.lower) <= bottleneck && bottleneck <= Double::from(worst.upper), "bottleneck {case}");
    }
}

/// As `brute`, by dynamic programming over the sets of columns.
fn subset(order: u32, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>) -> (Double, Double) {
    let n = x.nrows();
    let best = |cost: &dyn Fn(usize, usize) -> Double, join: &dyn Fn(Double, Double) -> Double| {
        let mut table = vec![Double::ZERO; 1 << n];
        for used in 1_usize..1 << n {
            let row = used.count_ones() as usize - 1;
            let ends = (0..n).filter(|&j| used >> j & 1 == 1).map(|j| join(cost(row, j), table[used & !(1 << j)]));
            table[used] = ends.reduce(Double::min).unwrap();
        }
        table[(1 << n) - 1]
    };
    let lengths: Vec<Vec<Double>> = (0..n).map(|i| (0..n).map(|j| length(x, y, i, j)).collect()).collect();
    let bottleneck = best(&|i, j| lengths[i][j], &Double::max);
    if bottleneck.hi == 0.0 {
        return (Double::ZERO, Double::ZERO);
    }
    let cost = |i: usize, j: usize| {
        let ratio = lengths[i][j] / bottleneck;
        if ratio.hi.ln() * f64::from(order) > 600.0 { Double::from(1e290) } else { ratio.powi(order) }
    };
    let costs: Vec<Vec<Double>> = (0..n).map(|i| (0..n).map(|j| cost(i, j)).collect()).collect();
    let sum = best(&|i, j| costs[i][j], &|a, b| a + b);
    ((sum / Double::from(n as f64)).root(order) * bottleneck, bottleneck)
}

/// Two points against two: the flow has one degree of freedom, and the best is an end. Weights down to 1e−300.
#[test]
fn two_against_two_with_tiny_weights() {
    let mut rng = ChaCha8Rng::seed_from_u64(14);
    for case in 0..300 {
        let dim = rng.random_range(1..4);
        let order = [1, 2, 3, 8, 60, 400][rng.random_range(0..6)];
        let (x, y) = pair(2, 2, dim, &mut rng);
        let mut weights = || {
            let small = 10.0_f64.powf(-rng.random_range(1.0..300.0));
            [1.0 - small, small]
        };
        let (a, b) = (weights(), weights());
        let right = two(order, &x, a.map(Double::from), &y, b.map(Double::from));
        let p = f64::from(order);
        let plan = NetworkSimplex::new(p).unwrap().solve(Measure::weighted(&x, &a), Measure::weighted(&y, &b)).unwrap();
        check(&plan, p, right, &format!("case {case}: p = {p}\n{x}\n{a:?}\n{y}\n{b:?}"));
    }
}

fn two(order: u32, x: &ArrayRef2<f64>, a: [Double; 2], y: &ArrayRef2<f64>, b: [Double; 2]) -> Double {
    let (a_sum, b_sum) = (a[0] + a[1], b[0] + b[1]);
    let (a, b) = (a.map(|w| w * b_sum), b.map(|w| w * a_sum));
    let lengths = [0, 1].map(|i| [0, 1].map(|j| length(x, y, i, j)));
    let value = |last: Double, first: Double| {
        let flows = [[first, b[1] - last], [a[1] - last, last]];
        let used = (0..4).filter(|k| flows[k / 2][k % 2].hi > 0.0);
        let top = used.clone().map(|k| lengths[k / 2][k % 2]).fold(Double::ZERO, Double::max);
        if top.hi == 0.0 {
            return Double::ZERO;
        }
        let terms = used.map(|k| flows[k / 2][k % 2] * (lengths[k / 2][k % 2] / top).powi(order));
        (terms.fold(Double::ZERO, |sum, t| sum + t) / (a_sum * b_sum)).root(order) * top
    };
    let together = a[1].min(b[1]);
    value(together, a[0] - (b[1] - together)).min(value(Double::ZERO, a[0] - b[1]))
}

fn read(text: &str) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = text.lines().map(|line| line.split(',').map(|z| z.trim().parse().unwrap()).collect()).collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, k)| rows[i][k])
}

fn close(plan: &Plan, right: f64) {
    assert!((plan.distance - right).abs() <= 2.0 * f64::EPSILON * right, "{plan} for {right}");
    assert!(plan.lower <= right && right <= plan.upper && plan.upper - plan.lower <= width(1.0) * right, "{plan} for {right}");
}

/// Right values by HiGHS in rational arithmetic.
#[test]
fn reported_clouds() {
    let (a, b) = (read(include_str!("../golden/hostile/mini_cert_a.csv")), read(include_str!("../golden/hostile/mini_cert_b.csv")));
    close(&NetworkSimplex::new(2.0).unwrap().solve(&a, &b).unwrap(), 2.169_869_427_715_256);
    let (a, b) = (read(include_str!("../golden/hostile/mini_p_a.csv")), read(include_str!("../golden/hostile/mini_p_b.csv")));
    close(&NetworkSimplex::new(40.0).unwrap().solve(&a, &b).unwrap(), 18.249_183_143_040_37);
    let (a, c) = (read(include_str!("../golden/hostile/n2_a.csv")), read(include_str!("../golden/hostile/n2_c.csv")));
    for (order, most) in [(24.0, 1.568_24), (40.0, 1.660)] {
        let plan = NetworkSimplex::new(order).unwrap().solve(&a, &c).unwrap();
        assert!(plan.upper <= most && plan.upper - plan.lower <= width(order) * plan.upper, "p = {order}: {plan}");
        assert!(plan.upper <= Bottleneck::new().solve(&a, &c).unwrap().upper);
    }
    let (x, y) = (array![[1.0], [2.0], [3.0], [54.0]], array![[1.0], [2.0], [3.0], [4.0]]);
    let m = Assignment::new(540.0).unwrap().solve(&x, &y).unwrap();
    assert!((m.distance - 49.871_804_034_510_89).abs() < 1e-14 * 50.0 && m.lower <= m.distance && m.distance <= m.upper, "{m}");
    assert!(m.unit > 1.0 && m.cost > 0.0, "50^540 is no float: {}", m.unit);
}

/// Two clusters, one far away: what happens in either must not round away.
#[test]
fn far_clusters_keep_the_digits_of_near_ones() {
    for (order, far) in [(1, 1e12), (2, 1e6), (2, 1e9), (3, 1e4), (3, 1e12), (8, 1e15)] {
        let mut rng = ChaCha8Rng::seed_from_u64(15);
        let mut cloud = || {
            Array2::from_shape_fn((6, 3), |(i, k)| f64::from(rng.random_range(-40..40)) / 8.0 + if i == 0 && k == 0 { far } else { 0.0 })
        };
        let (x, y) = (cloud(), cloud());
        let (right, _) = brute(order, &x, &y);
        let p = f64::from(order);
        let copies: Vec<usize> = (0..12).map(|k| k / 2).collect();
        let plan = NetworkSimplex::new(p).unwrap().solve(&x, &y.select(ndarray::Axis(0), &copies)).unwrap();
        check(&plan, p, right, &format!("p = {p}, far = {far:e}"));
        check(&Assignment::new(p).unwrap().solve(&x, &y).unwrap(), p, right, &format!("p = {p}, far = {far:e}"));
    }
}

/// Five points near 1e12, and clouds that all but coincide with a point.
#[test]
fn nothing_hangs_or_panics() {
    let mut rng = ChaCha8Rng::seed_from_u64(16);
    for order in [1.0, 2.0, 50.0, 600.0] {
        let mut cloud =
            |n: usize, centre: f64, size: f64| Array2::from_shape_simple_fn((n, 2), || centre + size * rng.random_range(-1.0..1.0));
        let (x, y) = (cloud(5, 1e12, 1.0), cloud(5, 1e12, 1.0));
        let m = Assignment::new(order).unwrap().solve(&x, &y).unwrap();
        assert!(m.upper - m.lower <= width(order) * m.upper, "p = {order}: {m}");
        for size in [1e-12, 1e-17, 1e-30] {
            let (x, y) = (cloud(400, 0.0, 1.0), cloud(400, 0.0, size));
            let m = Assignment::new(order).unwrap().solve(&x, &y).unwrap();
            // Every matching costs the same up to the size.
            let alone = (x.rows().into_iter().map(|row| row.dot(&row).sqrt().powf(order)).sum::<f64>() / 400.0).powf(1.0 / order);
            assert!((m.distance - alone).abs() <= 2.0 * size + 1e-13 * alone, "p = {order}, {size:e}: {m}");
            assert!(m.upper - m.lower <= 1e-11 * m.upper, "p = {order}, {size:e}: {m}");
        }
    }
}

/// The largest and the smallest floats.
#[test]
fn the_ends_of_the_range() {
    let solve = |order: f64, x: f64, y: f64| Assignment::new(order).unwrap().solve(&array![[x, 0.0]], &array![[y, 0.0]]);
    for order in [1.0, 2.0, 3.5] {
        for (x, y) in [(5e-324, 1.5e-323), (1e-200, 3e-200), (1e200, -1e200), (8e307, -8e307)] {
            let m = solve(order, x, y).unwrap();
            assert!(m.lower <= (x - y).abs() && (x - y).abs() <= m.upper, "{m}");
            assert!(m.cost > 0.0 && m.cost.is_finite() && m.gap.is_finite() && m.u[0].is_finite(), "{m:?}");
        }
        assert!(solve(order, 1e308, -1e308).is_err(), "the distance is no float");
    }
    assert!(Bottleneck::new().solve(&array![[1e308]], &array![[-1e308]]).is_err());
}
