//! The order p of a distance, checked once.

use crate::estimate::Estimate;
use crate::transport::{TransportError, check};

/// p ∈ [1, ∞), with powers and roots that are exact where p is 1 or 2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Order(f64);

impl Order {
    pub(crate) const ONE: Self = Self(1.0);
    pub(crate) const TWO: Self = Self(2.0);

    pub(crate) fn new(p: f64) -> Result<Self, TransportError> {
        check::order(p).map(Self)
    }

    /// p.
    pub(crate) fn value(self) -> f64 {
        self.0
    }

    /// |x|^p.
    #[inline]
    pub(crate) fn power(self, x: f64) -> f64 {
        match self.0 {
            1.0 => x.abs(),
            2.0 => x * x,
            p => x.abs().powf(p),
        }
    }

    /// s^{p/2}: from a square distance to a cost.
    #[inline]
    pub(crate) fn of_square(self, square: f64) -> f64 {
        match self.0 {
            1.0 => square.sqrt(),
            2.0 => square,
            p => square.powf(0.5 * p),
        }
    }

    /// c^{1/p}: from a cost to a distance.
    #[inline]
    pub(crate) fn root(self, cost: f64) -> f64 {
        match self.0 {
            1.0 => cost,
            2.0 => cost.sqrt(),
            p => cost.powf(1.0 / p),
        }
    }

    /// The estimate of c^{1/p} from one of c, cut at 0; the standard error by the delta method.
    pub(crate) fn root_of(self, cost: Estimate) -> Estimate {
        let root = |c: f64| self.root(c.max(0.0));
        let value = root(cost.value);
        let std_error = if value > 0.0 { cost.std_error * value / (self.0 * cost.value) } else { root(cost.std_error) };
        Estimate { value, std_error, lower: root(cost.lower), upper: root(cost.upper), evaluations: cost.evaluations }
    }
}

/// The estimate in another unit.
pub(crate) fn scaled(e: Estimate, unit: f64) -> Estimate {
    Estimate { value: unit * e.value, std_error: unit * e.std_error, lower: unit * e.lower, upper: unit * e.upper, ..e }
}
