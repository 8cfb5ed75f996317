//! Held-out pairs: sums of losses, and own errors from below.

use ndarray::{Array2, array};
use onestep::Float;
use onestep::audit::{AuditError, HeldOutEnergy, OwnErrorFromBelow};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn normal(rows: usize, columns: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
    Array2::from_shape_simple_fn((rows, columns), || f64::standard_normal(rng))
}

/// 1, x_1, …, x_d and x_1².
fn features(x: &Array2<f64>) -> Array2<f64> {
    let d = x.ncols();
    Array2::from_shape_fn((x.nrows(), d + 2), |(i, a)| match a {
        0 => 1.0,
        a if a <= d => x[[i, a - 1]],
        _ => x[[i, 0]] * x[[i, 0]],
    })
}

/// The double sum as it is defined, with the kernel of functions that are orthonormal exactly: 1, x, (x² − 1)/√2.
#[test]
fn the_fast_sum_is_the_double_sum() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (n, m) = (40, 30);
    let (x, r) = (normal(n, 1, &mut rng), normal(n, 2, &mut rng));
    let other = features(&normal(m, 1, &mut rng));
    let found = OwnErrorFromBelow::new(&r, &features(&x), &other).unwrap();
    // The kernel φ(x)ᵀ M⁻¹ φ(x'), M by Gauss-Jordan.
    let (mut a, k) = (other.t().dot(&other) / m as f64, 3);
    let mut inverse = Array2::<f64>::eye(k);
    for i in 0..k {
        let pivot = a[[i, i]];
        for j in 0..k {
            a[[i, j]] /= pivot;
            inverse[[i, j]] /= pivot;
        }
        for l in (0..k).filter(|&l| l != i) {
            let factor = a[[l, i]];
            for j in 0..k {
                let (own, below) = (a[[i, j]], inverse[[i, j]]);
                a[[l, j]] -= factor * own;
                inverse[[l, j]] -= factor * below;
            }
        }
    }
    let phi = features(&x);
    let double = |skip: Option<usize>| {
        let (mut sum, mut pairs) = (0.0, 0.0);
        for i in (0..n).filter(|&i| Some(i) != skip) {
            for j in (0..n).filter(|&j| j != i && Some(j) != skip) {
                sum += r.row(i).dot(&r.row(j)) * phi.row(i).dot(&inverse.dot(&phi.row(j)));
                pairs += 1.0;
            }
        }
        sum / pairs
    };
    assert!((found.squared.value - double(None)).abs() < 1e-12);
    let left: Vec<f64> = (0..n).map(|i| double(Some(i))).collect();
    let mean = left.iter().sum::<f64>() / n as f64;
    let jackknife = (left.iter().map(|l| (l - mean).powi(2)).sum::<f64>() * (n - 1) as f64 / n as f64).sqrt();
    assert!((found.squared.std_error / jackknife - 1.0).abs() < 1e-10);
}

/// Unbiased for the part of own_t in the span, zero without one; 200 repetitions. Each comparison is at five standard errors of the mean: a false
/// alarm in about 10⁻⁶ of the seeds.
#[test]
fn the_estimate_is_unbiased_and_the_null_deviation_is_its_size() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (n, repeats) = (100, 200);
    let other = features(&normal(20_000, 1, &mut rng));
    for (slope, cubic) in [(0.0, 0.0), (0.5, 0.0), (0.0, 0.3)] {
        let mut values = Vec::new();
        let mut null = 0.0;
        for _ in 0..repeats {
            let (x, noise) = (normal(n, 1, &mut rng), normal(n, 1, &mut rng));
            // x³ = (x³ − 3x) + 3x: the part in the span is 3x.
            let r = &noise + &x.mapv(|x| slope * x + cubic * x.powi(3));
            let found = OwnErrorFromBelow::new(&r, &features(&x), &other).unwrap();
            values.push(found.squared.value);
            null = found.null_deviation;
        }
        let mean = values.iter().sum::<f64>() / f64::from(repeats);
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / f64::from(repeats - 1)).sqrt();
        let exact = (slope + 3.0 * cubic).powi(2);
        // The functions are orthonormal up to √(k/m), about one per cent.
        assert!((mean - exact).abs() < 5.0 * deviation / f64::from(repeats).sqrt() + 0.02 * exact, "{slope}, {cubic}: {mean} for {exact}");
        if exact == 0.0 {
            assert!(deviation < 1.5 * null && deviation > 0.5 * null, "{deviation} against {null}");
        }
    }
}

#[test]
fn sums_of_losses_have_their_errors() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let tables: Vec<Array2<f64>> = (0..50).map(|_| 0.1 * normal(400, 2, &mut rng)).collect();
    let energy = HeldOutEnergy::new(&tables.iter().map(|t| &**t).collect::<Vec<_>>()).unwrap();
    // 50 levels of E‖r‖² = .02 with variance 4e−4 a pair.
    assert!((energy.sum.value - 1.0).abs() < 5.0 * energy.sum.std_error);
    assert!((energy.sum.std_error / (50.0 * 4e-4 / 400.0_f64).sqrt() - 1.0).abs() < 0.1);
    assert!(energy.root.lower < energy.root.value && energy.root.value < energy.root.upper && energy.losses.len() == 50);
    let nothing = HeldOutEnergy::new(&[&array![[0.0], [0.0]]]).unwrap();
    assert_eq!((nothing.sum.value, nothing.root.value, nothing.root.std_error), (0.0, 0.0, 0.0));
}

#[test]
fn tables_that_do_not_fit_are_refused() {
    let (two, three) = (array![[1.0], [2.0]], array![[1.0, 2.0], [1.0, 2.0], [0.0, 1.0]]);
    assert!(matches!(HeldOutEnergy::new(&[&two, &three]), Err(AuditError::Mismatch(_))));
    assert!(matches!(HeldOutEnergy::new(&[&array![[1.0], [f64::NAN]]]), Err(AuditError::NotFinite(_))));
    assert!(matches!(HeldOutEnergy::new(&[&array![[1e200], [1.0]]]), Err(AuditError::OutOfRange(_))));
    let ones = Array2::from_elem((3, 1), 1.0);
    let below = |r: &Array2<f64>, f: &Array2<f64>, e: &Array2<f64>| OwnErrorFromBelow::new(r, f, e).unwrap_err();
    assert!(matches!(below(&two, &two, &two), AuditError::OutOfRange(_)));
    assert!(matches!(below(&three, &two, &two), AuditError::Mismatch(_)));
    assert!(matches!(below(&three, &ones, &three), AuditError::Mismatch(_)));
    assert!(matches!(below(&three, &Array2::zeros((3, 0)), &Array2::zeros((3, 0))), AuditError::OutOfRange(_)));
    // Functions that depend on each other, and fewer rows than functions.
    assert!(matches!(below(&ones, &Array2::from_elem((3, 2), 1.0), &Array2::from_elem((9, 2), 1.0)), AuditError::OutOfRange(_)));
    assert!(matches!(below(&ones, &three, &array![[1.0, 0.0]]), AuditError::OutOfRange(_)));
    assert!(matches!(below(&array![[1e200], [1e200], [0.0]], &ones, &ones), AuditError::OutOfRange(_)));
}
