//! Batches of (X_0, Z) and the shared-noise pairs made from them.

use crate::float::Float;
use crate::law::Sample;
use crate::numeric::stream::{Stream, distinct_indices};
use crate::numeric::{batch, parallel};
use crate::training::{Coupling, TrainingError};
use ndarray::{Array2, ArrayRef2, ArrayView2, Axis};
use rand::{Rng, RngCore};

/// Where training data come from.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::training::Source;
/// let data = array![[0.0, 1.0], [2.0, 3.0]];
/// let source = Source::from(&data);
/// assert_eq!(source.dim(), 2);
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Source<'a, F: Float = f64> {
    /// A table of samples, one a row. A batch takes each row equally often (up to one), the rest at random without repetition.
    Rows(&'a ArrayRef2<F>),
    /// A law that is sampled anew for every batch.
    Law(&'a dyn Sample),
}

impl<'a, F: Float> From<&'a ArrayRef2<F>> for Source<'a, F> {
    fn from(rows: &'a ArrayRef2<F>) -> Self {
        Self::Rows(rows)
    }
}

impl<'a, F: Float> From<&'a Array2<F>> for Source<'a, F> {
    fn from(rows: &'a Array2<F>) -> Self {
        Self::Rows(rows)
    }
}

impl<'a, F: Float> From<&'a dyn Sample> for Source<'a, F> {
    fn from(law: &'a dyn Sample) -> Self {
        Self::Law(law)
    }
}

impl<F: Float> Source<'_, F> {
    /// The dimension d.
    ///
    /// ```
    /// assert_eq!(onestep::training::Source::Rows(&ndarray::array![[0.0_f32], [1.0]]).dim(), 1);
    /// ```
    #[must_use]
    pub fn dim(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.ncols(),
            Self::Law(law) => law.dim(),
        }
    }

    /// `n` independent draws: rows of a table with replacement.
    pub(crate) fn draw_some(&self, n: usize, rng: &mut dyn RngCore) -> Array2<F> {
        match self {
            Self::Law(_) => self.draw(n, rng),
            Self::Rows(rows) => {
                let chosen: Vec<usize> = (0..n).map(|_| rng.random_range(0..rows.nrows())).collect();
                rows.select(Axis(0), &chosen)
            }
        }
    }

    /// `n` samples.
    pub(crate) fn draw(&self, n: usize, rng: &mut dyn RngCore) -> Array2<F> {
        match self {
            Self::Law(law) => law.sample(n, rng).mapv(F::of),
            Self::Rows(rows) => {
                let mut order = Vec::with_capacity(n);
                while order.len() < n {
                    order.extend(distinct_indices(rows.nrows(), rows.nrows().min(n - order.len()), rng));
                }
                rows.select(Axis(0), &order)
            }
        }
    }
}

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
    if count == rows && pairs.len() == rows {
        Ok(())
    } else {
        Err(TrainingError::Mismatch {
            left_name: "rows of the batch",
            left: rows,
            right_name: "different partners in the coupling",
            right: count,
        })
    }
}
