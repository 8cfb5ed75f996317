//! Work on fixed blocks of rows, over threads where the `rayon` feature is on.

use ndarray::{ArrayRef2, ArrayView2, ArrayViewMut2, Axis};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// Rows of a block: small enough for the cache, large enough for a matrix product. Fixed, so that results do not depend on threads.
pub(crate) const BLOCK: usize = 512;

/// Calls `work(block of x, same block of out)` for every block of `BLOCK` rows.
pub(crate) fn for_blocks<A: Sync, B: Send>(
    x: &ArrayRef2<A>,
    out: &mut ArrayRef2<B>,
    work: impl Fn(ArrayView2<'_, A>, ArrayViewMut2<'_, B>) + Sync,
) {
    let blocks: Vec<_> = x.axis_chunks_iter(Axis(0), BLOCK).zip(out.axis_chunks_iter_mut(Axis(0), BLOCK)).collect();
    #[cfg(feature = "rayon")]
    blocks.into_par_iter().for_each(|(x, out)| work(x, out));
    #[cfg(not(feature = "rayon"))]
    blocks.into_iter().for_each(|(x, out)| work(x, out));
}

/// `work` of every item, in order.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    #[cfg(feature = "rayon")]
    return items.into_par_iter().map(work).collect();
    #[cfg(not(feature = "rayon"))]
    items.into_iter().map(work).collect()
}
