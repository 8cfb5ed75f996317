//! The sort beside the standard library's.

use super::*;
use crate::numeric::stream::Stream;
use proptest::prelude::*;

/// Sorted as the standard library sorts, also through `f32` where that loses nothing and out of one memory.
fn check(sorter: &mut Sorter, keys: &[f64]) {
    let mut sorted = vec![f64::NAN; keys.len() / 2];
    sorter.sort(keys, &mut sorted);
    let mut expected = keys.to_vec();
    expected.sort_unstable_by(f64::total_cmp);
    assert!(sorted == expected, "{} keys from {:?}", keys.len(), &keys[..keys.len().min(3)]);
    // Every key is there: bits, with those of 0 and −0, which are equal.
    let bits = |keys: &[f64]| keys.iter().fold(0_u64, |sum, v| sum.wrapping_add(v.to_bits()));
    assert_eq!(bits(&sorted), bits(&expected));
}

/// Keys of laws easy and hard, from two normal draws z and w and a uniform one u.
const LAWS: [fn(f64, f64, f64) -> f64; 25] = [
    |z, _, _| z,
    |_, _, u| u,
    |z, _, _| 1e15 + z,
    |z, _, _| z.powi(5),
    |z, _, _| z.powi(9),
    |z, _, _| z.powi(45),
    |z, w, _| z / w,
    |z, w, _| (z / w).powi(7),
    |z, _, _| (200.0 * z).exp().min(f64::MAX),
    |z, w, _| if w > 0.0 { z } else { z + 1e8 },
    |z, w, _| if w > -1.5 { z } else { 1e-3 * z + 1e8 },
    |z, w, _| 1e-9 * z + (2.0 * w).round(),
    |z, w, _| if w > 0.0 { 0.0 } else { z },
    |z, w, _| if w > -1.3 { 0.25 } else { z },
    |_, _, _| 1.0,
    |z, _, _| z.signum(),
    |z, _, _| 0.0 * z,
    |_, _, u| (10.0 * u).floor(),
    |z, _, _| (10.0 * z).round() / 10.0,
    |z, _, _| z * 1e-310,
    |z, _, _| z * 5e-324,
    |z, _, u| f64::MAX.copysign(z) * u,
    |z, w, _| if w > 3.0 { f64::MAX.copysign(z) } else { z },
    |_, _, u| f64::from_bits((u * 2046.99 * 4_503_599_627_370_496.0) as u64),
    // A Cantor law: every round leaves clusters.
    |_, _, u| (1..50).fold(0.0, |sum, k| sum + f64::from((u * f64::from(k).exp2()) as u64 as u32 & 1) * 0.01_f64.powi(k)),
];

#[test]
fn sorts_all_laws_as_the_standard_library() {
    let mut sorter = Sorter::default();
    for n in [0, 1, 2, SMALL, SMALL + 1, 100, 1000, 10_000, FINE, FINE + 1, 70_001] {
        let mut stream = Stream::nth(1, n as u64);
        let mut draw = || (f64::standard_normal(&mut stream), f64::standard_normal(&mut stream), f64::standard_uniform(&mut stream));
        for law in LAWS {
            let mut keys: Vec<f64> = (0..n)
                .map(|_| {
                    let (z, w, u) = draw();
                    law(z, w, u)
                })
                .collect();
            check(&mut sorter, &keys);
            keys.sort_unstable_by(f64::total_cmp);
            check(&mut sorter, &keys);
            keys.reverse();
            check(&mut sorter, &keys);
            for i in (0..n).step_by(37) {
                keys.swap(i, i * 7919 % n);
            }
            check(&mut sorter, &keys);
        }
    }
}

#[test]
fn sorts_a_million_keys() {
    let mut sorter = Sorter::default();
    let mut stream = Stream::nth(1, 0);
    for law in [LAWS[0], LAWS[4], LAWS[6], LAWS[9], LAWS[11]] {
        let mut draw = || (f64::standard_normal(&mut stream), f64::standard_normal(&mut stream), f64::standard_uniform(&mut stream));
        let keys: Vec<f64> = (0..1_000_000)
            .map(|_| {
                let (z, w, u) = draw();
                law(z, w, u)
            })
            .collect();
        check(&mut sorter, &keys);
    }
}

#[test]
fn reads_single_precision() {
    let mut stream = Stream::nth(1, 0);
    let keys: Vec<f32> = (0..5000).map(|_| f32::standard_normal(&mut stream)).collect();
    let (mut sorted, mut expected) = (Vec::new(), keys.clone());
    expected.sort_unstable_by(f32::total_cmp);
    Sorter::default().sort(&keys, &mut sorted);
    assert!(sorted.iter().zip(&expected).all(|(a, b)| *a == f64::from(*b)) && sorted.len() == expected.len());
}

proptest! {
    #[test]
    fn sorts_any_floats(keys in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO, 0..2000)) {
        check(&mut Sorter::default(), &keys);
    }

    #[test]
    fn sorts_few_exponents(keys in prop::collection::vec(-1.0..1.0_f64, 0..600), copies in 1..40_usize) {
        check(&mut Sorter::default(), &keys.repeat(copies));
    }
}
