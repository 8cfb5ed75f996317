//! The list of one row.

use crate::transport::cost::Geometry;
use crate::transport::screen::look::Look;

/// One column of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) column: u32,
    /// Lower bound on c_ij − v_j when the row was scanned.
    pub(crate) base: f32,
    /// c_ij ≥ 0 or, with a minus sign (−0 too), a lower bound on it, which often is enough.
    pub(super) cost: f64,
}

impl Candidate {
    /// Of a column whose cost is at least `bound`.
    pub(super) fn bounded(column: u32, base: f32, bound: f64) -> Self {
        Self { column, base, cost: if bound > 0.0 { -bound } else { -0.0 } }
    }

    /// c_ij or a lower bound on it.
    #[inline]
    fn bound(&self) -> f64 {
        self.cost.abs()
    }

    /// c_ij.
    #[inline]
    pub(super) fn cost(&mut self, geometry: &Geometry, i: usize) -> f64 {
        if self.cost.is_sign_negative() {
            self.cost = geometry.cost(i, self.column as usize);
        }
        self.cost
    }
}

/// The list of one row, ascending in `base`.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) entries: Vec<Candidate>,
    /// Lower bound on c_ij − v_j of the columns left out.
    pub(crate) threshold: f64,
}

impl Row {
    /// The two smallest values of the list of row i under these prices.
    #[inline]
    pub(super) fn look(&mut self, geometry: &Geometry, i: usize, prices: &[f64]) -> Look {
        let (mut at, mut best, mut second) = (0, f64::INFINITY, f64::INFINITY);
        for (k, entry) in self.entries.iter_mut().enumerate() {
            if f64::from(entry.base) >= second {
                break;
            }
            let price = prices[entry.column as usize];
            if entry.bound() - price >= second {
                continue;
            }
            let value = entry.cost(geometry, i) - price;
            // Selections in place of branches, which nobody can foresee.
            let (better, larger) = (value < best, if value < best { best } else { value });
            (at, best) = (if better { k } else { at }, if better { value } else { best });
            second = if larger < second { larger } else { second };
        }
        self.entries.get(at).map_or(Look::NOTHING, |&Candidate { column, cost, .. }| Look { column, cost, best, second })
    }
}
