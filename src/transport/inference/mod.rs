//! What a distance between two samples says about the laws behind them.
//!
//! The plug-in distance W_p(P_n, Q_m) has two errors. Its **bias** is of order n^{−1/d} for d ≥ 3 (Fournier and Guillin, PTRF 2015,
//! arXiv 1312.2128) and is what a user mostly sees: at d = 16 and n = 2000 two samples of one law N(0, I) are 3.1 apart. Its **noise** is
//! small: the distance is an n^{−1/2}-Lipschitz function of the sample for p ≤ 2, so its variance is of order 1/n whatever d.
//!
//! | question | take |
//! | --- | --- |
//! | an interval for W_p of the two *laws*, bias subtracted | [`confidence`] |
//! | the standard error of the distance at this n | [`bootstrap`], or [`subsample`] for close laws and finite supports |
//! | are the laws equal? | [`permutation_test`], exact at every n and d |
//! | how far are two samples of one law apart? | [`baseline`], [`split_baseline`]; [`debiased`] subtracts it |
//! | is n large enough to see the effect through the bias? | [`resolution`] |
//! | W_2² of two generators that share their noise | [`centred`] |

mod baseline;
mod centred;
mod confidence;
mod permutation;
mod resample;

pub use baseline::{Resolution, baseline, debiased, resolution, split_baseline};
pub use centred::{Centred, centred};
pub use confidence::{Confidence, confidence};
pub use permutation::{PermutationTest, permutation_test};
pub use resample::{Spread, bootstrap, subsample};
