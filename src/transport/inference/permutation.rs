//! The permutation test.

use crate::float::Float;
use crate::transport::inference::resample::{check_replicates, in_batches, known, shuffle};
use crate::transport::{Distance, TransportError, check};
use ndarray::{ArrayRef2, Axis, concatenate};
use rand::RngCore;
use std::fmt;

/// The outcome of a permutation test.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PermutationTest {
    /// The distance of the two clouds.
    pub statistic: f64,
    /// (1 + number of permutations with a distance at least as large)/(1 + permutations).
    pub p_value: f64,
    /// Mean distance over the permutations: what two samples of one law, the mixture of both, are apart.
    pub null_mean: f64,
    /// Number of random permutations.
    pub replicates: usize,
}

impl fmt::Display for PermutationTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statistic, p_value, null_mean, replicates } = self;
        write!(f, "p = {p_value:.4} over {replicates} permutations: distance {statistic:.6e}, {null_mean:.6e} on average under one law")
    }
}

/// Tests whether two samples come from one law: pools the rows, deals them out anew, and counts how often the distance is as large.
///
/// # Errors
/// `replicates` = 0, what the distance refuses, and a distance that is no number.
///
/// # Accuracy
/// Exact at every n, d and for every law: if the rows of both clouds are exchangeable, P(p ≤ α) ≤ α. The smallest p-value is
/// 1/(replicates + 1).
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::transport::Line;
/// use onestep::transport::inference::permutation_test;
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let x = array![[0.0], [0.1], [0.2], [0.3], [0.4], [0.5]];
/// let far = permutation_test(&Line::new(1.0)?, &x, &(&x + 9.0), 99, &mut rng)?;
/// let same = permutation_test(&Line::new(1.0)?, &x, &x, 99, &mut rng)?;
/// assert!(far.p_value < 0.05 && same.p_value == 1.0);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Phipson and Smyth, "Permutation p-values should never be zero", Stat. Appl. Genet. Mol. Biol. 9 (2010).
pub fn permutation_test<F: Float>(
    distance: &(impl Distance<F> + ?Sized),
    x: &ArrayRef2<F>,
    y: &ArrayRef2<F>,
    replicates: usize,
    rng: &mut dyn RngCore,
) -> Result<PermutationTest, TransportError> {
    check_replicates(replicates, 1)?;
    check::clouds(x, y)?;
    let statistic = known(distance.distance(x, y)?)?;
    let Ok(pool) = concatenate(Axis(0), &[x.view(), y.view()]) else { unreachable!("the clouds have equal numbers of columns") };
    let mut order: Vec<usize> = (0..pool.nrows()).collect();
    let mut draw = || {
        shuffle(&mut order, rng);
        order.clone()
    };
    let replicate = |order: &Vec<usize>| {
        let (left, right) = order.split_at(x.nrows());
        known(distance.distance(&pool.select(Axis(0), left), &pool.select(Axis(0), right))?)
    };
    let values = in_batches(replicates, &mut draw, replicate)?;
    // A permutation of equal points can miss the statistic by rounding: that is a tie.
    let as_large = values.iter().filter(|&&v| v >= statistic * (1.0 - 1e-12)).count();
    Ok(PermutationTest {
        statistic,
        p_value: (1 + as_large) as f64 / (1 + replicates) as f64,
        null_mean: values.iter().sum::<f64>() / replicates as f64,
        replicates,
    })
}
