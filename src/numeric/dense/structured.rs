//! Symmetric matrices on which decompositions go wrong, with their eigenvalues.

use std::f64::consts::PI;

/// A positive semidefinite matrix, row by row, and its eigenvalues in decreasing order.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) entries: Vec<f64>,
    pub(crate) values: Vec<f64>,
}

impl Known {
    fn new(name: &'static str, dim: usize, entry: impl Fn(usize, usize) -> f64, value: impl Fn(usize) -> f64) -> Self {
        let entries = (0..dim * dim).map(|e| entry(e / dim, e % dim)).collect();
        Self { name, entries, values: (0..dim).map(value).collect() }
    }

    /// The number of eigenvalues that are not zero.
    pub(crate) fn rank(&self) -> usize {
        self.values.iter().filter(|v| **v > 0.0).count()
    }
}

/// Identity, ones, equal correlations, second differences, diagonals over many decades and with equal entries, ranks one and two, blocks.
pub(crate) fn known(dim: usize) -> Vec<Known> {
    let (d, one) = (dim as f64, |k: usize| f64::from(u8::from(k == 0)));
    let same = |i: usize, j: usize| f64::from(u8::from(i == j));
    // Integers with many zeros.
    let v = |i: usize| f64::from([0, 2, 0, 0, 4, -2, 0, 4, 0, 0, 1, 0, 1, -3, 1][i % 15]);
    let square: f64 = (0..dim).map(|i| v(i) * v(i)).sum();
    // Two vectors without a common coordinate.
    let halves: [f64; 2] = [0, 1].map(|part| (0..dim).filter(|i| i % 2 == part).map(|i| ((i + 1) * (i + 1)) as f64).sum());
    let (most, least) = (halves[0].max(halves[1]), halves[0].min(halves[1]));
    let last = dim - dim / 3;
    vec![
        Known::new("identity", dim, same, |_| 1.0),
        Known::new("zero", dim, |_, _| 0.0, |_| 0.0),
        Known::new("ones", dim, |_, _| 1.0, |k| d * one(k)),
        Known::new("equal correlations", dim, |i, j| 9.0 + same(i, j), |k| 1.0 + 9.0 * d * one(k)),
        Known::new(
            "second differences",
            dim,
            |i, j| if i == j { 2.0 } else { -f64::from(u8::from(i.abs_diff(j) == 1)) },
            |k| 4.0 * (0.5 * (dim - k) as f64 * PI / (d + 1.0)).sin().powi(2),
        ),
        Known::new("sixteen decades", dim, |i, j| same(i, j) * 10f64.powf(-16.0 * i as f64 / d), |k| 10f64.powf(-16.0 * k as f64 / d)),
        Known::new("rank one", dim, |i, j| v(i) * v(j), |k| square * one(k)),
        Known::new(
            "rank two",
            dim,
            |i, j| if (i + j) % 2 == 0 { ((i + 1) * (j + 1)) as f64 } else { 0.0 },
            |k| [most, least].get(k).copied().unwrap_or(0.0),
        ),
        Known::new("a block at the end", dim, |i, j| f64::from(u8::from(i >= last && j >= last)), |k| (dim - last) as f64 * one(k)),
    ]
}
