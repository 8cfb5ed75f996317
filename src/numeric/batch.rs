//! Work on fixed blocks of rows, over threads with the feature `rayon`.

use ndarray::{ArrayRef2, ArrayView2, ArrayViewMut2, Axis};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// Rows of a block: small enough for the cache, large enough for a matrix product. Fixed, so that results do not depend on threads.
pub(crate) const BLOCK: usize = 256;

/// Calls `work(block of x, same block of out)` for every block of [`BLOCK`] rows.
pub(crate) fn for_blocks<A: Sync, B: Send>(
    x: &ArrayRef2<A>,
    out: &mut ArrayRef2<B>,
    work: impl Fn(ArrayView2<'_, A>, ArrayViewMut2<'_, B>) + Sync + Send,
) {
    let blocks: Vec<_> = x.axis_chunks_iter(Axis(0), BLOCK).zip(out.axis_chunks_iter_mut(Axis(0), BLOCK)).collect();
    #[cfg(feature = "rayon")]
    blocks.into_par_iter().for_each(|(x, out)| work(x, out));
    #[cfg(not(feature = "rayon"))]
    for (x, out) in blocks {
        work(x, out);
    }
}
