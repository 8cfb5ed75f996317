//! Distances between points with every digit, whatever their size, and means of their powers.
//!
//! u = 2⁻⁵³ stands for the unit roundoff of `f64` throughout.

use crate::float::Float;
use crate::transport::order::Order;
use crate::transport::sum::sum;
use ndarray::{ArrayRef2, ArrayView1};

/// u.
pub(crate) const UNIT: f64 = 0.5 * f64::EPSILON;
/// Relative error of a power or a logarithm of the standard library, in units of u. The libraries in use keep below 2.
pub(crate) const POWER: f64 = 4.0;
/// Relative error of [`Length::between`] in units of u: 1 for the differences, 1.5 for the square, the compensated sum and the root, each
/// rounded up.
const BETWEEN: f64 = 4.0;

/// A distance m · 2^e with 1 ≤ m < 2, or zero: it neither overflows nor loses digits by underflow.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Length {
    exponent: i32,
    mantissa: f64,
}

impl Length {
    pub(crate) const ZERO: Self = Self { exponent: i32::MIN / 2, mantissa: 0.0 };

    /// value · 2^exponent for a finite value ≥ 0.
    pub(crate) fn new(value: f64, exponent: i32) -> Self {
        if value == 0.0 {
            return Self::ZERO;
        }
        let own = libm::ilogb(value);
        Self { exponent: exponent + own, mantissa: libm::scalbn(value, -own) }
    }

    /// ‖x − y‖ of finite points, within 4u relative.
    pub(crate) fn between(x: &[f64], y: &[f64]) -> Self {
        let differences = || x.iter().zip(y).map(|(x, y)| x - y);
        let largest = differences().fold(0.0, |most: f64, t| most.max(t.abs()));
        if largest == f64::INFINITY {
            // Halves of numbers this large are exact, and so small ones do not matter.
            let halves = |z: &[f64]| z.iter().map(|z| 0.5 * z).collect::<Vec<_>>();
            let half = Self::between(&halves(x), &halves(y));
            return Self { exponent: half.exponent + 1, ..half };
        }
        if x.len() == 1 || largest == 0.0 {
            return Self::new(largest, 0);
        }
        let exponent = libm::ilogb(largest);
        let (first, second) = (libm::scalbn(1.0, -(exponent / 2)), libm::scalbn(1.0, -(exponent - exponent / 2)));
        let square = sum(differences().map(|t| (t * first * second) * (t * first * second)));
        Self::new(square.sqrt(), exponent)
    }

    /// ℓ / other, other ≠ 0: 0 or ∞ where the quotient leaves the range of `f64`, else within u.
    pub(crate) fn over(self, other: Self) -> f64 {
        libm::scalbn(self.mantissa / other.mantissa, self.exponent.saturating_sub(other.exponent))
    }

    pub(crate) fn is_zero(self) -> bool {
        self.mantissa == 0.0
    }

    /// log₂ ℓ of a positive length.
    pub(crate) fn log2(self) -> f64 {
        self.mantissa.log2() + f64::from(self.exponent)
    }

    /// The power of two at most ℓ > 0.
    pub(crate) fn power_of_two(self) -> Self {
        Self { mantissa: 1.0, ..self }
    }

    /// Bounds on the distance that [`between`](Self::between) rounded to ℓ.
    pub(crate) fn bounds(self) -> [f64; 2] {
        let value = self.value();
        if self.is_zero() {
            return [0.0; 2];
        }
        [(value * (1.0 - (BETWEEN + 1.0) * UNIT)).next_down().max(0.0), (value * (1.0 + (BETWEEN + 1.0) * UNIT)).next_up()]
    }

    /// ℓ as a float, which may overflow or underflow.
    pub(crate) fn value(self) -> f64 {
        if self.is_zero() { 0.0 } else { libm::scalbn(self.mantissa, self.exponent) }
    }
}

/// sum · unit^p: the p-th power of a distance, whatever its size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Power {
    pub(crate) order: Order,
    pub(crate) unit: Length,
    pub(crate) sum: f64,
}

impl Power {
    /// Σ w ℓ^p, in units of the largest ℓ; weights are nonnegative.
    pub(crate) fn mean(order: Order, terms: impl Iterator<Item = (Length, f64)> + Clone) -> Self {
        let terms = terms.filter(|term| term.1 > 0.0);
        let largest = terms.clone().fold(Length::ZERO, |most, (length, _)| if length > most { length } else { most });
        if largest.is_zero() {
            return Self { order, unit: Length::new(1.0, 0), sum: 0.0 };
        }
        let sum = sum(terms.map(|(length, weight)| weight * order.power(length.over(largest))));
        Self { order, unit: largest, sum }
    }

    /// Relative error of a sum of terms w (ℓ/unit)^p, the lengths taken as exact, in units of u: p for the quotients, the power, 3 for the
    /// weights, 1 for the product and 3 for the sum.
    pub(crate) fn term_error(order: Order) -> f64 {
        order.value() + power_error(order) + 7.0
    }

    /// The distance: the p-th root.
    pub(crate) fn root(self) -> f64 {
        if !self.sum.is_finite() {
            return f64::INFINITY;
        }
        Length::new(self.order.root(self.sum), 0).times(self.unit)
    }

    /// Bounds on the distance, if the sum is within `error` (relative) of its true value and the lengths within their rounding.
    pub(crate) fn root_bounds(self, error: f64) -> [f64; 2] {
        if self.sum == 0.0 {
            return [0.0; 2];
        }
        let p = self.order.value();
        // 1/p rounds, and a power magnifies that by the logarithm.
        let root = if p <= 2.0 && p.fract() == 0.0 { 1.0 } else { POWER + self.sum.ln().abs() / p };
        let relative = error / p * (1.0 + 4.0 * error) + UNIT * (BETWEEN + root + 4.0);
        let value = self.root();
        [(value * (1.0 - relative)).next_down().max(0.0), (value * (1.0 + relative)).next_up()]
    }

    /// The same number in units of another length.
    pub(crate) fn in_units_of(self, unit: Length) -> f64 {
        if self.sum == 0.0 { 0.0 } else { times_power(self.sum, self.order, self.unit, unit) }
    }
}

impl Length {
    /// The product, as a float.
    fn times(self, other: Self) -> f64 {
        if self.is_zero() || other.is_zero() {
            return 0.0;
        }
        libm::scalbn(self.mantissa * other.mantissa, self.exponent + other.exponent)
    }
}

/// value · (from/to)^p in two steps, so that no intermediate leaves the range of `f64` where the result does not.
pub(crate) fn times_power(value: f64, order: Order, from: Length, to: Length) -> f64 {
    let quotient = Length::new(from.mantissa / to.mantissa, 0);
    let mantissa = order.power(quotient.value());
    let exponent = order.value() * f64::from(from.exponent - to.exponent);
    if mantissa > 0.0 && mantissa.is_finite() && exponent.fract() == 0.0 && exponent.abs() < 1e9 {
        return libm::scalbn(value * mantissa, exponent as i32);
    }
    let half = Order::power(order, from.over(to).sqrt());
    if value == 0.0 { 0.0 } else { value * half * half }
}

/// Relative error of x^p in units of u.
pub(crate) fn power_error(order: Order) -> f64 {
    match order.value() {
        1.0 => 0.0,
        2.0 => 1.0,
        _ => POWER,
    }
}

/// Two clouds of finite points of one dimension, rows contiguous, in the units they were given in.
#[derive(Debug)]
pub(crate) struct Clouds {
    dim: usize,
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Clouds {
    pub(crate) fn new<F: Float>(x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Self {
        let copy = |cloud: &ArrayRef2<F>| {
            let row = |row: ArrayView1<'_, F>| row.iter().map(|z| z.as_f64()).collect::<Vec<_>>();
            cloud.rows().into_iter().flat_map(row).collect()
        };
        Self { dim: x.ncols(), x: copy(x), y: copy(y) }
    }

    pub(crate) fn rows(&self) -> usize {
        self.x.len() / self.dim
    }

    pub(crate) fn columns(&self) -> usize {
        self.y.len() / self.dim
    }

    /// ‖x_i − y_j‖.
    pub(crate) fn length(&self, i: usize, j: usize) -> Length {
        Length::between(&self.x[i * self.dim..(i + 1) * self.dim], &self.y[j * self.dim..(j + 1) * self.dim])
    }
}
