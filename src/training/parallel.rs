//! Work on a list of items, over threads where the `rayon` feature is on.

#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// `work` of every item, in order. What an item is must not depend on the number of threads.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    #[cfg(feature = "rayon")]
    return items.into_par_iter().map(work).collect();
    #[cfg(not(feature = "rayon"))]
    items.into_iter().map(work).collect()
}
