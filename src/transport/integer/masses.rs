//! Masses as integers that stand in exactly the proportions of the weights.

use crate::transport::integer::Number;
use crate::transport::integer::wide::Wide;

/// Words that hold the product of any two sums of weights: 2 · (1074 + 53 + 32) bits.
pub(in crate::transport) const WORDS: usize = 40;

/// Bits of the total of short masses.
const SHORT: i32 = 118;

/// Masses of rows and columns with equal totals.
#[derive(Debug)]
pub(in crate::transport) struct Masses<const N: usize> {
    pub(in crate::transport) supply: Vec<Wide<N>>,
    pub(in crate::transport) demand: Vec<Wide<N>>,
    total: Wide<N>,
    /// Bits of the total.
    bits: i32,
}

/// Weights of one side as integers, and their sum.
fn integers(weights: Option<&[f64]>, count: usize) -> (Vec<Wide<WORDS>>, Wide<WORDS>) {
    let one = Wide::floor(1.0, 0);
    let Some(weights) = weights else {
        return (vec![one; count], Wide::floor(count as f64, 0));
    };
    // Of every positive weight m 2^e, m odd, the least e.
    let lowest = |weight: f64| libm::ilogb(weight) - 52 + (mantissa(weight).trailing_zeros() as i32).min(52);
    let shift = weights.iter().filter(|w| **w > 0.0).map(|&w| -lowest(w)).max().unwrap_or(0);
    let integers: Vec<_> = weights.iter().map(|&w| Wide::floor(w, shift)).collect();
    let sum = integers.iter().fold(Wide::ZERO, |sum, &w| sum + w);
    (integers, sum)
}

/// The 53 bits of a positive float, the leading one at the top.
fn mantissa(value: f64) -> u64 {
    libm::scalbn(value, 52 - libm::ilogb(value)) as u64
}

impl Masses<WORDS> {
    /// a_i Σb on the rows and b_j Σa on the columns: the weights over their sums, times a number that makes all of them integers. Equal
    /// weights where there are none.
    pub(in crate::transport) fn new((a, rows): (Option<&[f64]>, usize), (b, columns): (Option<&[f64]>, usize)) -> Self {
        let ((a, a_sum), (b, b_sum)) = (integers(a, rows), integers(b, columns));
        let times = |masses: Vec<Wide<WORDS>>, factor: &Wide<WORDS>| masses.iter().map(|mass| mass.times(factor)).collect();
        let (supply, demand) = if a_sum == b_sum { (a, b) } else { (times(a, &b_sum), times(b, &a_sum)) };
        let total = if a_sum == b_sum { a_sum } else { a_sum.times(&b_sum) };
        Self { supply, demand, bits: total.bits(), total }
    }
}

impl<const N: usize> Masses<N> {
    /// The same masses in integers of another size.
    pub(in crate::transport) fn resized<const M: usize>(&self) -> Masses<M> {
        let resize = |masses: &[Wide<N>]| masses.iter().map(Wide::resized).collect();
        Masses { supply: resize(&self.supply), demand: resize(&self.demand), total: self.total.resized(), bits: self.bits }
    }

    /// Whether the total fits into so many words.
    pub(in crate::transport) fn fits<const M: usize>(&self) -> bool {
        self.bits <= Wide::<M>::CAPACITY
    }

    /// The rows and the columns with mass, and the masses of these alone.
    pub(in crate::transport) fn positive(&self) -> (Vec<usize>, Vec<usize>, Self) {
        let with = |masses: &[Wide<N>]| (0..masses.len()).filter(|&k| masses[k] > Wide::ZERO).collect::<Vec<_>>();
        let (rows, columns) = (with(&self.supply), with(&self.demand));
        let of = |masses: &[Wide<N>], which: &[usize]| which.iter().map(|&k| masses[k]).collect();
        let masses = Self { supply: of(&self.supply, &rows), demand: of(&self.demand, &columns), ..*self };
        (rows, columns, masses)
    }

    /// The masses in at most 118 bits, and a bound on the share of the total that this moves.
    pub(in crate::transport) fn short(&self) -> (Vec<i128>, Vec<i128>, f64) {
        let shift = (self.bits - SHORT).max(0);
        let total = self.total.to_i128(shift);
        let cut = |masses: &[Wide<N>]| {
            let mut masses: Vec<i128> = masses.iter().map(|mass| mass.to_i128(shift)).collect();
            // The largest takes what the others lost.
            let missing = total - masses.iter().sum::<i128>();
            if let Some(most) = masses.iter_mut().max() {
                *most += missing;
            }
            masses
        };
        let (supply, demand) = (cut(&self.supply), cut(&self.demand));
        let lost = if shift == 0 { 0.0 } else { libm::scalbn(4.0 * (supply.len() + demand.len() + 2) as f64, -SHORT) };
        (supply, demand, lost)
    }

    /// A mass over the total, within 4u.
    pub(in crate::transport) fn share(&self, mass: &Wide<N>) -> f64 {
        mass.scaled(self.bits) / self.total.scaled(self.bits)
    }
}
