//! What an exact solver knows about its answer, rounding included.

use crate::error::check_range;
use crate::numeric::extremes::{largest, positive};
use crate::transport::TransportError;
use crate::transport::exact::Exact;
use crate::transport::length::{Length, Power, UNIT, times_power};
use crate::transport::order::Order;

/// Share of the cost that its bounds may leave open before the problem is solved in integers.
const OPEN: f64 = 1e-12;
/// Share of the distance that rounding leaves open in any case.
const ROUNDING: f64 = 3e-14;
/// Exponents of two of the numbers that may be written in the units of the coordinates.
const WRITABLE: std::ops::Range<f64> = -960.0..1000.0;

/// The cost of a plan, bounds on the optimum, and the potentials.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The cost of the plan, and how far (relative) the true cost of the plan may be from it, distances between points taken as exact.
    pub(crate) cost: Power,
    pub(crate) error: f64,
    /// What the optimum is not below, up to `lower_error`, in any unit.
    pub(crate) lower: Power,
    pub(crate) lower_error: f64,
    /// Potentials, as p-th powers of a length in units of `unit`.
    pub(crate) u: Vec<f64>,
    pub(crate) v: Vec<f64>,
    pub(crate) unit: Length,
}

/// The same in the form in which it is reported.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) unit: f64,
    pub(crate) cost: f64,
    pub(crate) distance: f64,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    pub(crate) gap: f64,
    pub(crate) u: Vec<f64>,
    pub(crate) v: Vec<f64>,
}

impl Answer {
    /// Of a solution in integers.
    pub(crate) fn of_exact(order: Order, exact: Exact) -> Self {
        let error = crate::transport::exact::term_error(order);
        let lower = Power { sum: exact.lower, ..exact.cost };
        Self { cost: exact.cost, error, lower, lower_error: error, u: exact.u, v: exact.v, unit: exact.cost.unit }
    }

    /// Bounds on the distance.
    fn bounds(&self) -> [f64; 2] {
        let upper = self.cost.root_bounds(self.error)[1];
        [self.lower.root_bounds(self.lower_error)[0].min(upper), upper]
    }

    /// Whether the bounds leave more open than rounding must.
    pub(crate) fn is_open(&self) -> bool {
        let [lower, upper] = self.bounds();
        !(upper.is_finite() && upper - lower <= (OPEN / self.cost.order.value() + ROUNDING) * upper)
    }

    /// Bounds, cost and potentials in one unit: that of the coordinates, or another where p-th powers in it leave the range of `f64`.
    pub(crate) fn write(self) -> Result<Written, TransportError> {
        let order = self.cost.order;
        let distance = self.cost.root();
        check_range("the distance", distance, distance.is_finite(), "the range of f64")?;
        let [lower, upper] = self.bounds();
        let unit = self.writable_unit();
        // p-th powers of distances that are right within 5u, and of what the sums lack.
        let lengths = 5.0 * order.value() * UNIT;
        let cost = self.cost.in_units_of(unit);
        let most = cost * (1.0 + 2.0 * (self.error + lengths)) - cost;
        let least = self.lower.in_units_of(unit);
        // Negated, so that a cost that is NaN has no gap of 0.
        let gap = if cost <= 0.0 { 0.0 } else { positive(((cost - least) + most + least * 2.0 * (self.lower_error + lengths)).next_up()) };
        check_range("the duality gap", gap, gap.is_finite(), "the range of f64")?;
        let write = |values: Vec<f64>| {
            let value = |value: f64| times_power(value, order, self.unit, unit);
            values.into_iter().map(|z| if z == 0.0 { 0.0 } else { value(z).clamp(f64::MIN, f64::MAX) }).collect()
        };
        Ok(Written { unit: unit.value(), cost, distance, lower, upper: upper.max(distance), gap, u: write(self.u), v: write(self.v) })
    }

    /// The unit in which everything can be written.
    fn writable_unit(&self) -> Length {
        let p = self.cost.order.value();
        let dual = largest(self.u.iter().chain(&self.v).map(|z| z.abs()));
        let fits = |unit: Length| {
            let log = |value: f64, own: Length| if value > 0.0 { value.log2() + p * (own.log2() - unit.log2()) } else { 0.0 };
            WRITABLE.contains(&log(self.cost.sum, self.cost.unit)) && log(dual, self.unit) < WRITABLE.end
        };
        let units = [Length::new(1.0, 0), self.cost.unit.power_of_two(), self.unit.power_of_two()];
        units.into_iter().find(|&unit| fits(unit)).unwrap_or(units[1])
    }
}
