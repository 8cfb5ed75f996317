//! Wide vector instructions where the processor has them, chosen when the program runs.

/// Calls `work(fused)` compiled for AVX2 and FMA where the processor has them, and for the target of the compilation elsewhere. `fused` says
/// whether a fused multiplication and addition (`mul_add`) is one instruction there; it is a constant once `work` is inlined.
///
/// Only what is inlined into `work` is compiled so: everything it calls in a loop should be `#[inline(always)]`, and it is best written with
/// `for`, since a long closure handed to `for_each` may become a function of its own. Without `mul_add` results do not depend on the processor.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce(bool) -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if let Some(wide) = pulp::x86::V3::try_new() {
        return wide.vectorize(
            #[inline(always)]
            || work(true),
        );
    }
    work(cfg!(any(target_feature = "fma", target_arch = "aarch64")))
}

/// Numbers that are worked on side by side: a few vectors of the widest processors, so that one hides the latency of the others.
pub(crate) const LANES: usize = 16;

/// The entries from `start` on; the last one again where the list ends.
#[inline(always)]
pub(crate) fn load(list: &[f64], start: usize) -> [f64; LANES] {
    let rest = &list[start..];
    match rest.first_chunk() {
        Some(chunk) => *chunk,
        None => std::array::from_fn(|l| rest[l.min(rest.len() - 1)]),
    }
}

/// Writes the lanes to the entries from `start` on, as far as the list goes.
#[inline(always)]
pub(crate) fn store(list: &mut [f64], start: usize, lanes: &[f64; LANES]) {
    let rest = &mut list[start..];
    match rest.first_chunk_mut() {
        Some(chunk) => *chunk = *lanes,
        None => rest.iter_mut().zip(lanes).for_each(|(out, v)| *out = *v),
    }
}
