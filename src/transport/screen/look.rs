//! The answer to a question about one row.

/// The best column of a row, and the value of the second best.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) column: u32,
    pub(crate) cost: f64,
    /// Smallest value.
    pub(crate) best: f64,
    /// Second smallest value.
    pub(crate) second: f64,
}

impl Look {
    /// Before any column was looked at.
    pub(crate) const NOTHING: Self = Self { column: u32::MAX, cost: 0.0, best: f64::INFINITY, second: f64::INFINITY };

    /// Takes a column into account.
    #[inline]
    pub(crate) fn offer(&mut self, column: u32, cost: f64, value: f64) {
        if value < self.best {
            *self = Self { column, cost, best: value, second: self.best };
        } else if value < self.second {
            self.second = value;
        }
    }
}
