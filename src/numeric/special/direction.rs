//! Mean and normaliser of the von Mises–Fisher law in one dimension, from tables: some twenty nanoseconds a value.

use crate::numeric::special::bessel::VonMisesFisher;
use crate::numeric::special::chebyshev::ChebyshevTable;

/// Length of a piece of the tables in ln κ. The zeros of the Bessel functions lie at the distance π/2 from the real axis.
const PIECE: f64 = 0.6;
/// Below this multiple of d the power series in κ/d is used, above this multiple of d² the series in d²/κ.
const SMALL: f64 = 1e-3;
const LARGE: f64 = 1e3;
/// Terms of either series: the next is below 1e−16.
const SERIES: usize = 7;

/// A_d(κ) = I_{d/2}(κ)/I_{d/2−1}(κ) and ln Λ_d(κ) − κ for one d, see [`super::bessel`].
///
/// Both series follow from the Riccati equation A' = 1 − A² − (d−1)A/κ and (ln Λ)' = A.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DirectionTable {
    dim: usize,
    /// A (κ + d)/κ, which lies between 1/2 and 1, against ln κ.
    ratio: ChebyshevTable,
    /// ln Λ − κ.
    ln_normaliser: ChebyshevTable,
    /// A = Σ b_k κ^{2k+1} and A = Σ a_k κ^{−k}.
    rising: [f64; SERIES],
    falling: [f64; SERIES],
    /// lim ln Λ − κ + (d−1)/2 ln κ.
    constant: f64,
}

impl DirectionTable {
    /// The table for the unit sphere of ℝ^`dim`.
    pub(crate) fn new(dim: usize) -> Self {
        let (d, exact) = (dim as f64, VonMisesFisher::new(dim));
        let (mut rising, mut falling) = ([1.0 / d; SERIES], [1.0; SERIES]);
        for k in 1..SERIES {
            let square: f64 = (0..k).map(|i| rising[i] * rising[k - 1 - i]).sum();
            rising[k] = -square / (2.0 * k as f64 + d);
            let square: f64 = (1..k).map(|i| falling[i] * falling[k - i]).sum();
            falling[k] = 0.5 * ((k as f64 - d) * falling[k - 1] - square);
        }
        let (low, high) = ((SMALL * d).ln(), (LARGE * d * d).ln());
        let mut tables = ChebyshevTable::several(low, high, PIECE, 2, |u, out| {
            let kappa = u.exp();
            let (ratio, ln) = exact.at(kappa);
            (out[0], out[1]) = (ratio * (kappa + d) / kappa, ln);
        });
        let last = high.exp();
        let mut made = Self { dim, ln_normaliser: tables.remove(1), ratio: tables.remove(0), rising, falling, constant: 0.0 };
        made.constant = exact.at(last).1 - made.falling_ln(last);
        made
    }

    /// A_d(κ), to a few ulp, for κ ≥ 0.
    #[inline]
    pub(crate) fn ratio(&self, kappa: f64) -> f64 {
        if self.dim == 1 {
            return kappa.tanh();
        }
        let u = kappa.ln();
        if self.ratio.covers(u) {
            return self.ratio.at(u) * kappa / (kappa + self.dim as f64);
        }
        self.series(kappa).0
    }

    /// A_d(κ) and ln Λ_d(κ) − κ, for κ ≥ 0.
    #[inline]
    pub(crate) fn at(&self, kappa: f64) -> (f64, f64) {
        if self.dim == 1 {
            return (kappa.tanh(), (0.5 * (-2.0 * kappa).exp_m1()).ln_1p());
        }
        let u = kappa.ln();
        if self.ratio.covers(u) {
            return (self.ratio.at(u) * kappa / (kappa + self.dim as f64), self.ln_normaliser.at(u));
        }
        self.series(kappa)
    }

    #[cold]
    fn series(&self, kappa: f64) -> (f64, f64) {
        if kappa <= LARGE {
            let square = kappa * kappa;
            let (mut a, mut ln) = (0.0, 0.0);
            for (k, b) in self.rising.iter().enumerate().rev() {
                a = a * square + b;
                ln = ln * square + b / (2.0 * k as f64 + 2.0);
            }
            return (a * kappa, ln * square - kappa);
        }
        // NaN stays NaN.
        let a = self.falling.iter().rev().fold(0.0, |sum, a| sum / kappa + a);
        (a, self.constant + self.falling_ln(kappa))
    }

    /// The integral of A − 1 from the series for large κ.
    fn falling_ln(&self, kappa: f64) -> f64 {
        let rest = (2..SERIES).rev().fold(0.0, |sum, k| sum / kappa + self.falling[k] / (1.0 - k as f64)) / kappa;
        self.falling[1] * kappa.ln() + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::special::bessel::mean_ratio;

    #[test]
    fn tables_and_series_agree_with_the_continued_fraction_and_the_expansion() {
        for dim in [1, 2, 3, 7, 40, 300, 10_000] {
            let (table, exact) = (DirectionTable::new(dim), VonMisesFisher::new(dim));
            for i in 0..2000 {
                let kappa = 10f64.powf(-12.0 + 0.014 * f64::from(i));
                let (a, ln) = table.at(kappa);
                assert_eq!(a, table.ratio(kappa));
                let error = (a / mean_ratio(dim, kappa) - 1.0).abs();
                assert!(error < 5e-15, "d = {dim}, κ = {kappa:e}: {error:e}");
                // The accuracy of the expansion itself.
                let error = (ln - exact.at(kappa).1).abs();
                assert!(error < 1e-12 + 4e-15 * ln.abs(), "d = {dim}, κ = {kappa:e}: {error:e} of {ln}");
            }
        }
    }

    #[test]
    fn limits() {
        for dim in [1, 2, 9] {
            let table = DirectionTable::new(dim);
            assert_eq!(table.at(0.0), (0.0, 0.0));
            assert_eq!(table.ratio(f64::INFINITY), 1.0);
            assert!(table.ratio(f64::NAN).is_nan() && table.at(f64::NAN).1.is_nan());
        }
    }
}
