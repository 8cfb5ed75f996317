//! Integers of a fixed number of words, for masses and costs whose sums must not round.

use crate::transport::integer::Number;
use std::cmp::Ordering;
use std::ops::{Add, Sub};

/// Bits of a word.
const WORD: i32 = u64::BITS as i32;

/// An integer in two's complement, the lowest word first. Sums wrap: whoever makes one sees to it that [`bits`](Self::bits) suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transport) struct Wide<const N: usize>([u64; N]);

impl<const N: usize> Wide<N> {
    /// Bits that the absolute values of this type may have.
    pub(in crate::transport) const CAPACITY: i32 = N as i32 * WORD - 2;

    /// ⌊value · 2^shift⌋ for a finite value ≥ 0 whose result has at most [`CAPACITY`](Self::CAPACITY) bits.
    #[inline]
    pub(in crate::transport) fn floor(value: f64, shift: i32) -> Self {
        let bits = value.to_bits();
        let biased = (bits >> 52) as i32;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
        let left = exponent + shift;
        let mut words = [0; N];
        if left <= 0 {
            words[0] = mantissa.checked_shr(left.unsigned_abs()).unwrap_or(0);
            return Self(words);
        }
        let (word, bit) = ((left / WORD) as usize, left % WORD);
        words[word] = mantissa << bit;
        if bit > 0 && word + 1 < N {
            words[word + 1] = mantissa >> (WORD - bit);
        }
        Self(words)
    }

    /// The number of bits of a value ≥ 0.
    pub(in crate::transport) fn bits(&self) -> i32 {
        let top = self.0.iter().rposition(|&word| word != 0);
        top.map_or(0, |at| (at as i32 + 1) * WORD - self.0[at].leading_zeros() as i32)
    }

    /// ⌊value / 2^shift⌋ of a value ≥ 0, if it has less than 127 bits.
    pub(in crate::transport) fn to_i128(self, shift: i32) -> i128 {
        let (words, bits) = ((shift / WORD) as usize, shift % WORD);
        let word = |at: usize| u128::from(self.0.get(words + at).copied().unwrap_or(0));
        let whole = word(0) >> bits | word(1) << (WORD - bits);
        (if bits == 0 { whole } else { whole | word(2).checked_shl((2 * WORD - bits) as u32).unwrap_or(0) }) as i128
    }

    /// value · 2^{−shift} of a value ≥ 0, within two units of the last place.
    pub(in crate::transport) fn scaled(&self, shift: i32) -> f64 {
        // The words below the top three are less than half a unit of the last place.
        let words = (0..N).rev().filter(|&at| self.0[at] != 0).take(3);
        words.map(|at| libm::scalbn(self.0[at] as f64, at as i32 * WORD - shift)).sum()
    }

    fn is_negative(&self) -> bool {
        self.0[N - 1] >> 63 == 1
    }

    /// As [`scaled`](Self::scaled), of any sign.
    pub(in crate::transport) fn signed(&self, shift: i32) -> f64 {
        if self.is_negative() { -(Self::ZERO - *self).scaled(shift) } else { self.scaled(shift) }
    }

    /// The product of two values ≥ 0 that together have at most [`CAPACITY`](Self::CAPACITY) bits.
    pub(in crate::transport) fn times(&self, other: &Self) -> Self {
        let mut product = [0; N];
        for (at, &word) in self.0.iter().enumerate().filter(|(_, word)| **word != 0) {
            let mut carry = 0_u128;
            for (&other, out) in other.0.iter().zip(&mut product[at..]) {
                let sum = u128::from(word) * u128::from(other) + u128::from(*out) + carry;
                *out = sum as u64;
                carry = sum >> 64;
            }
        }
        Self(product)
    }

    /// The same value ≥ 0 in another number of words, which hold it.
    pub(in crate::transport) fn resized<const M: usize>(&self) -> Wide<M> {
        let mut words = [0; M];
        words.iter_mut().zip(&self.0).for_each(|(to, from)| *to = *from);
        Wide(words)
    }
}

impl<const N: usize> Number for Wide<N> {
    const ZERO: Self = Self([0; N]);
}

impl<const N: usize> Add for Wide<N> {
    type Output = Self;

    // At most one of the two additions carries.
    #[allow(clippy::suspicious_arithmetic_impl)]
    #[inline]
    fn add(self, other: Self) -> Self {
        let (mut words, mut carry) = ([0; N], false);
        for at in 0..N {
            let (sum, first) = self.0[at].overflowing_add(other.0[at]);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            (words[at], carry) = (sum, first | second);
        }
        Self(words)
    }
}

impl<const N: usize> Sub for Wide<N> {
    type Output = Self;

    // At most one of the two subtractions borrows.
    #[allow(clippy::suspicious_arithmetic_impl)]
    #[inline]
    fn sub(self, other: Self) -> Self {
        let (mut words, mut borrow) = ([0; N], false);
        for at in 0..N {
            let (rest, first) = self.0[at].overflowing_sub(other.0[at]);
            let (rest, second) = rest.overflowing_sub(u64::from(borrow));
            (words[at], borrow) = (rest, first | second);
        }
        Self(words)
    }
}

impl<const N: usize> Ord for Wide<N> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        other.is_negative().cmp(&self.is_negative()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl<const N: usize> PartialOrd for Wide<N> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wide(value: i128) -> Wide<2> {
        Wide([value as u64, (value >> 64) as u64])
    }

    proptest! {
        #[test]
        fn two_words_are_a_long_integer(a in -(1_i128 << 125)..1 << 125, b in -(1_i128 << 125)..1 << 125, c in 0..1_i128 << 60, d in 0..1_i128 << 60) {
            prop_assert_eq!(wide(a) + wide(b), wide(a + b));
            prop_assert_eq!(wide(a) - wide(b), wide(a - b));
            prop_assert_eq!(wide(a).cmp(&wide(b)), a.cmp(&b));
            prop_assert_eq!(wide(c).times(&wide(d)), wide(c * d));
            prop_assert_eq!(wide(c).bits(), 128 - c.leading_zeros() as i32);
            prop_assert!((wide(a).signed(3) / (a as f64 / 8.0) - 1.0).abs() <= f64::EPSILON);
        }

        #[test]
        fn floors(value in 0.0..1.0_f64, exponent in -1100_i32..200, shift in -60_i32..1200) {
            let value = libm::scalbn(value, exponent);
            let floor = Wide::<64>::floor(value, shift);
            let back = floor.scaled(shift);
            prop_assert!(back <= value && (value - back) <= libm::scalbn(1.0, -shift) && (shift < 1074 || back == value));
        }
    }
}
