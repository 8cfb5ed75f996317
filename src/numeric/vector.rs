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
