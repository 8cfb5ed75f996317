//! Numbers of 106 bits, for reference values (Dekker, *Numer. Math.* 18, 1971).

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Sub};

/// hi + lo, |lo| at most half a unit of the last place of hi.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Double {
    pub(crate) hi: f64,
    lo: f64,
}

impl Double {
    pub(crate) const ZERO: Self = Self { hi: 0.0, lo: 0.0 };

    /// a + b without rounding.
    fn two_sum(a: f64, b: f64) -> Self {
        let hi = a + b;
        let part = hi - a;
        Self { hi, lo: (a - (hi - part)) + (b - part) }
    }

    pub(crate) fn sqrt(self) -> Self {
        if self.hi == 0.0 {
            return self;
        }
        let root = Self::from(self.hi.sqrt());
        (root + self / root) * Self::from(0.5)
    }

    pub(crate) fn powi(self, exponent: u32) -> Self {
        let (mut power, mut base, mut left) = (Self::from(1.0), self, exponent);
        while left > 0 {
            if left % 2 == 1 {
                power = power * base;
            }
            base = base * base;
            left /= 2;
        }
        power
    }

    /// x^{1/p}: a step of Newton's method from the float, y (1 + (x/y^p − 1)/p).
    pub(crate) fn root(self, p: u32) -> Self {
        if self.hi == 0.0 {
            return self;
        }
        let first = Self::from(self.hi.powf(1.0 / f64::from(p)));
        let step = |y: Self| y + y * (self / y.powi(p) - Self::from(1.0)) / Self::from(f64::from(p));
        step(step(first))
    }

    pub(crate) fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    pub(crate) fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }
}

impl From<f64> for Double {
    fn from(hi: f64) -> Self {
        Self { hi, lo: 0.0 }
    }
}

impl Add for Double {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (high, low) = (Self::two_sum(self.hi, other.hi), Self::two_sum(self.lo, other.lo));
        let first = Self::two_sum(high.hi, high.lo + low.hi);
        Self::two_sum(first.hi, first.lo + low.lo)
    }
}

impl Sub for Double {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + Self { hi: -other.hi, lo: -other.lo }
    }
}

impl Mul for Double {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let hi = self.hi * other.hi;
        if hi == 0.0 {
            return Self::ZERO;
        }
        let lo = self.hi.mul_add(other.hi, -hi) + (self.hi * other.lo + self.lo * other.hi);
        Self::two_sum(hi, lo)
    }
}

impl Div for Double {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        let first = self.hi / other.hi;
        let rest = self - other * Self::from(first);
        let second = rest.hi / other.hi;
        let rest = rest - other * Self::from(second);
        Self::two_sum(first, second) + Self::from(rest.hi / other.hi)
    }
}

impl PartialOrd for Double {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (*self - *other).hi.partial_cmp(&0.0)
    }
}

#[test]
fn carries_a_hundred_bits() {
    let third = Double::from(1.0) / Double::from(3.0);
    assert!((third * Double::from(3.0) - Double::from(1.0)).hi.abs() < 1e-31);
    let two = Double::from(2.0);
    assert!((two.sqrt() * two.sqrt() - two).hi.abs() < 1e-31);
    assert!((two.root(7).powi(7) - two).hi.abs() < 1e-30);
}
