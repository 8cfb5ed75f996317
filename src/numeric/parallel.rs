//! Threads that never change a number: work is cut into pieces of a fixed size, and results are combined in the order of the pieces.

#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// [f(0), …, f(count − 1)], in this order, spread over threads with the feature `rayon`.
pub(crate) fn map<T: Send>(count: usize, f: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
    #[cfg(feature = "rayon")]
    return (0..count).into_par_iter().map(f).collect();
    #[cfg(not(feature = "rayon"))]
    (0..count).map(f).collect()
}

/// f of every item, in order, spread over threads with the feature `rayon`. What an item is must not depend on the number of threads.
pub(crate) fn map_items<T: Send, R: Send>(items: Vec<T>, f: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    #[cfg(feature = "rayon")]
    return items.into_par_iter().map(f).collect();
    #[cfg(not(feature = "rayon"))]
    items.into_iter().map(f).collect()
}

/// As [`map`], with a workspace made by `init` that serves several calls one after another; what it holds must not change a result.
pub(crate) fn map_with<T: Send, W>(
    count: usize,
    init: impl Fn() -> W + Send + Sync,
    f: impl Fn(&mut W, usize) -> T + Send + Sync,
) -> Vec<T> {
    #[cfg(feature = "rayon")]
    return (0..count).into_par_iter().map_init(init, f).collect();
    #[cfg(not(feature = "rayon"))]
    {
        let mut workspace = init();
        (0..count).map(|k| f(&mut workspace, k)).collect()
    }
}

/// (a(), b()), at the same time with the feature `rayon`.
pub(crate) fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    #[cfg(feature = "rayon")]
    return rayon::join(a, b);
    #[cfg(not(feature = "rayon"))]
    (a(), b())
}

/// f(), on one of the threads that the functions of this module share their work with: a caller outside would be put to sleep and woken
/// at each of them.
pub(crate) fn within<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    #[cfg(feature = "rayon")]
    return rayon::scope(|_| f());
    #[cfg(not(feature = "rayon"))]
    f()
}

/// Calls f(k, block) on the successive blocks of `len` entries of `data` (the last may be shorter), spread over threads with the feature
/// `rayon`.
pub(crate) fn for_blocks<T: Send>(data: &mut [T], len: usize, f: impl Fn(usize, &mut [T]) + Send + Sync) {
    #[cfg(feature = "rayon")]
    data.par_chunks_mut(len).enumerate().for_each(|(k, block)| f(k, block));
    #[cfg(not(feature = "rayon"))]
    data.chunks_mut(len).enumerate().for_each(|(k, block)| f(k, block));
}
