//! What a distance between two samples says about the laws behind them.
//!
//! The plug-in distance W_p(P_n, Q_m) has two errors. Its **bias** is of order n^{−1/d} for d ≥ 3 (Fournier and Guillin, PTRF 2015,
//! arXiv 1312.2128) and is what a user mostly sees: at d = 16 and n = 2000 two samples of one law N(0, I) are 3.1 apart. Its **noise** is
//! small: the distance is an n^{−1/2}-Lipschitz function of the sample for p ≤ 2, so its variance is of order 1/n whatever d. Hence the
//! tools: resampling for the noise ([`bootstrap`]), a baseline at the same n for the bias ([`baseline`], [`debiased`], [`Centred`]), a
//! test that needs neither ([`permutation_test`]), and a number that says when the bias drowns the effect ([`resolution`]).

mod baseline;
mod centred;
mod permutation;
mod resample;

pub use baseline::{Resolution, baseline, debiased, resolution, split_baseline};
pub use centred::{Centred, centred};
pub use permutation::{PermutationTest, permutation_test};
pub use resample::{bootstrap, subsample};
