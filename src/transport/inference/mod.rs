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
//!
//! # How often the intervals hold
//!
//! [`confidence`] at 95 % for N(0, I_d) against its shift by a vector of length δ, and against N(0, 1.5² I_d), 40 points a sample, in per cent of
//! 250 pairs of samples (a share of 95 % has a standard error of 1.4 % there); *too high* and *too low* are the intervals above and below
//! W_p:
//!
//! ```text
//! cargo run --release --example coverage -- 40 250 --seed 2611
//! ```
//!
//! | d | laws | covered, p = 1 | too high | too low | covered, p = 2 | too high | too low |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | 1 | shift 0 | 96.0 | 4.0 | 0.0 | 94.4 | 5.6 | 0.0 |
//! | 1 | shift 0.3 | 94.0 | 6.0 | 0.0 | 93.2 | 6.8 | 0.0 |
//! | 1 | shift 1 | 96.8 | 2.4 | 0.8 | 96.0 | 3.6 | 0.4 |
//! | 1 | shift 3 | 94.8 | 2.8 | 2.4 | 94.8 | 2.0 | 3.2 |
//! | 1 | scale 1.5 | 95.2 | 4.8 | 0.0 | 98.4 | 1.6 | 0.0 |
//! | 3 | shift 0 | 98.4 | 1.6 | 0.0 | 98.4 | 1.6 | 0.0 |
//! | 3 | shift 0.3 | 98.8 | 1.2 | 0.0 | 98.0 | 2.0 | 0.0 |
//! | 3 | shift 1 | 98.0 | 2.0 | 0.0 | 97.6 | 2.4 | 0.0 |
//! | 3 | shift 3 | 96.4 | 2.4 | 1.2 | 94.4 | 5.2 | 0.4 |
//! | 3 | scale 1.5 | 99.2 | 0.8 | 0.0 | 98.8 | 1.2 | 0.0 |
//! | 5 | shift 0 | 98.0 | 2.0 | 0.0 | 100.0 | 0.0 | 0.0 |
//! | 5 | shift 0.3 | 98.0 | 2.0 | 0.0 | 98.4 | 1.6 | 0.0 |
//! | 5 | shift 1 | 98.4 | 1.6 | 0.0 | 99.2 | 0.8 | 0.0 |
//! | 5 | shift 3 | 96.4 | 0.4 | 3.2 | 97.2 | 1.6 | 1.2 |
//! | 5 | scale 1.5 | 99.2 | 0.8 | 0.0 | 99.2 | 0.8 | 0.0 |
//!
//! On the line the share is 93 to 98 %; of 100 points (`-- 100 250 --seed 2612 --dims 1`) it is 92 % for equal laws at p = 1 and 93 to 98 %
//! elsewhere. In three and five dimensions close laws are covered by 98 to 100 %: there the intervals are wider than they need be. Equal laws are
//! called separated as often as the column *too high* says at shift 0. Other laws, other sizes and other orders were not simulated.

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
