//! Noise, and its coupling with data.

use crate::error::check_equal;
use crate::float::Float;
use crate::numeric::stream::Stream;
use crate::numeric::{batch, parallel};
use crate::training::coupling::Coupling;
use crate::training::error::TrainingError;
use ndarray::{Array2, ArrayRef2, ArrayView2, Axis};
use rand::RngCore;

/// n × d independent N(0, 1) draws; every block of rows has its own stream.
pub(crate) fn noise<F: Float>(n: usize, dim: usize, rng: &mut dyn RngCore) -> Array2<F> {
    let seed = rng.next_u64();
    let mut z = Array2::zeros((n, dim));
    let blocks: Vec<_> = z.axis_chunks_iter_mut(Axis(0), batch::BLOCK).enumerate().collect();
    parallel::map_items(blocks, |(k, mut block)| {
        let mut stream = Stream::nth(seed, k as u64);
        block.iter_mut().for_each(|v| *v = F::standard_normal(&mut stream));
    });
    z
}

/// Reorders the rows of `z` to go with the rows of `x`, piece by piece.
pub(crate) fn couple<F: Float>(coupling: &dyn Coupling<F>, x: &ArrayRef2<F>, z: &ArrayRef2<F>) -> Result<Array2<F>, TrainingError> {
    let size = coupling.batch().unwrap_or(x.nrows()).max(1);
    let pieces: Vec<(ArrayView2<'_, F>, ArrayView2<'_, F>)> =
        x.axis_chunks_iter(Axis(0), size).zip(z.axis_chunks_iter(Axis(0), size)).collect();
    let orders = parallel::map_items(pieces, |(x, z)| coupling.pair(&x, &z));
    let mut order = Vec::with_capacity(z.nrows());
    for (piece, pairs) in orders.into_iter().enumerate() {
        let start = piece * size;
        match pairs? {
            Some(pairs) => {
                let rows = size.min(z.nrows() - start);
                check_permutation(&pairs, rows)?;
                order.extend(pairs.into_iter().map(|j| start + j));
            }
            None => order.extend(start..(start + size).min(z.nrows())),
        }
    }
    Ok(z.select(Axis(0), &order))
}

fn check_permutation(pairs: &[usize], rows: usize) -> Result<(), TrainingError> {
    let mut seen = vec![false; rows];
    let fresh = |&&j: &&usize| seen.get_mut(j).is_some_and(|s| !std::mem::replace(s, true));
    let count = pairs.iter().filter(fresh).count();
    Ok(check_equal("rows of the batch", rows, "partners in the coupling", if pairs.len() == rows { count } else { pairs.len() })?)
}
