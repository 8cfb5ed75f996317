//! Batches of rows cut into parts of a fixed size, each with buffers of its own.

use crate::numeric::dense::panels::TILE_ROWS;
use crate::transport::lists::row::Row;
use crate::transport::screen::Scratch;
#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// Bytes of scan buffers a part of a batch may fill.
const PART_BYTES: usize = 1 << 20;
/// Parts a batch is cut into; fixed, so that results do not depend on the number of threads.
const PARTS: usize = 4;

/// Buffers of one part of a batch.
#[derive(Debug, Default)]
pub(super) struct Worker {
    pub(super) scratch: Scratch,
    pub(super) groups: Vec<u32>,
    pub(super) kept: Vec<u64>,
    pub(super) near: Vec<(f64, u32)>,
}

/// The buffers of all parts.
#[derive(Debug)]
pub(super) struct Pool {
    workers: Vec<Worker>,
    /// Rows of a part.
    part: usize,
}

impl Pool {
    /// For scans of rows with so many bounds.
    pub(super) fn new(stride: usize) -> Self {
        Self {
            workers: std::iter::repeat_with(Worker::default).take(PARTS).collect(),
            part: (PART_BYTES / 4 / stride / TILE_ROWS * TILE_ROWS).clamp(2 * TILE_ROWS, 5 * TILE_ROWS),
        }
    }

    /// Rows worth scanning together.
    pub(super) fn batch(&self) -> usize {
        self.part * PARTS
    }

    /// Applies `work` to the parts of a batch and their lists.
    pub(super) fn for_parts(&mut self, batch: &[u32], lists: &mut [Row], work: impl Fn(&[u32], &mut [Row], &mut Worker) + Sync) {
        #[cfg(feature = "rayon")]
        if batch.len() > self.part {
            let parts = batch.par_chunks(self.part).zip(lists.par_chunks_mut(self.part)).zip(self.workers.par_iter_mut());
            parts.for_each(|((part, lists), worker)| work(part, lists, worker));
        } else {
            work(batch, lists, &mut self.workers[0]);
        }
        #[cfg(not(feature = "rayon"))]
        for ((part, lists), worker) in batch.chunks(self.part).zip(lists.chunks_mut(self.part)).zip(&mut self.workers) {
            work(part, lists, worker);
        }
    }
}
