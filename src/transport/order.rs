//! The order p of a distance, checked once.

use crate::error::check_range;
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

    /// A number at least c^{1/p}, rounding included.
    pub(crate) fn root_above(self, cost: f64) -> f64 {
        let root = self.root(cost);
        (root + root * self.root_error(cost)).next_up()
    }

    /// A number at most c^{1/p} and at least 0, rounding included.
    pub(crate) fn root_below(self, cost: f64) -> f64 {
        if cost <= 0.0 {
            return 0.0;
        }
        let root = self.root(cost);
        (root - root * self.root_error(cost)).next_down()
    }

    /// Relative rounding error of a root: that of the function, and that of 1/p in the exponent.
    fn root_error(self, cost: f64) -> f64 {
        if cost > 0.0 { f64::EPSILON * (2.0 + cost.ln().abs() / self.0) } else { 0.0 }
    }

    /// Relative error of a cost computed from the rounded differences of points in d dimensions.
    pub(crate) fn cost_error(self, dim: usize) -> f64 {
        f64::EPSILON * (2.0 + (0.25 * self.0 + 0.5) * (dim + 4) as f64)
    }

    /// The estimate of c^{1/p} from one of c, cut at 0; the standard error by the delta method. NaN stays NaN.
    pub(crate) fn root_of(self, cost: Estimate) -> Estimate {
        let root = |c: f64| self.root(if c < 0.0 { 0.0 } else { c });
        let value = root(cost.value);
        let std_error = if value > 0.0 { cost.std_error * value / (self.0 * cost.value) } else { root(cost.std_error) };
        Estimate { value, std_error, lower: root(cost.lower), upper: root(cost.upper), evaluations: cost.evaluations }
    }
}

/// The estimate with an interval that is wider by `slack` on either side and, below, not under 0.
pub(crate) fn widened(e: Estimate, slack: f64) -> Estimate {
    let lower = e.lower - slack;
    Estimate { lower: if lower < 0.0 { 0.0 } else { lower }, upper: e.upper + slack, ..e }
}

/// The estimate, unless something in it is NaN, or its value infinite.
pub(crate) fn finite(name: &'static str, e: Estimate) -> Result<Estimate, TransportError> {
    let known = e.value.is_finite() && !(e.lower.is_nan() || e.upper.is_nan());
    check_range(name, e.value, known, "the range of f64")?;
    Ok(e)
}

/// The estimate in another unit.
pub(crate) fn scaled(e: Estimate, unit: f64) -> Estimate {
    Estimate { value: unit * e.value, std_error: unit * e.std_error, lower: unit * e.lower, upper: unit * e.upper, ..e }
}
