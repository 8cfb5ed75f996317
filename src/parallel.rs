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

/// (a(), b()), at the same time with the feature `rayon`.
pub(crate) fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    #[cfg(feature = "rayon")]
    return rayon::join(a, b);
    #[cfg(not(feature = "rayon"))]
    (a(), b())
}
