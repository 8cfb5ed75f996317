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

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Reverses every piece of four rows.
    #[derive(Debug)]
    struct Reverse(bool);

    impl Coupling<f64> for Reverse {
        fn pair(&self, data: &ArrayRef2<f64>, _noise: &ArrayRef2<f64>) -> Result<Option<Vec<usize>>, TrainingError> {
            let rows = data.nrows();
            Ok(Some(if self.0 { (0..rows).rev().collect() } else { vec![0; rows] }))
        }
        fn batch(&self) -> Option<usize> {
            Some(4)
        }
    }

    #[test]
    fn pieces_are_coupled_one_by_one() {
        let z = Array2::from_shape_fn((10, 1), |(i, _)| i as f64);
        let paired = couple(&Reverse(true), &z, &z).expect("a permutation");
        assert_eq!(paired, array![[3.0], [2.0], [1.0], [0.0], [7.0], [6.0], [5.0], [4.0], [9.0], [8.0]]);
        assert!(matches!(couple(&Reverse(false), &z, &z), Err(TrainingError::Mismatch(e)) if (e.left, e.right) == (4, 1)));
    }

    #[test]
    fn noise_is_normal_and_its_blocks_do_not_depend_on_how_many_there_are() {
        let draw = |n| noise::<f64>(n, 2, &mut Stream::nth(5, 0));
        let (few, many) = (draw(batch::BLOCK), draw(40 * batch::BLOCK));
        let mut blocks = many.axis_chunks_iter(Axis(0), batch::BLOCK);
        assert_eq!(blocks.next(), Some(few.view()));
        assert_ne!(blocks.next(), Some(few.view()));
        let n = many.len() as f64;
        let (mean, square) = (many.sum() / n, many.mapv(|v| v * v).sum() / n);
        assert!(mean.abs() < 5.0 / n.sqrt() && (square - 1.0).abs() < 5.0 * (2.0 / n).sqrt(), "{mean} {square}");
    }
}
