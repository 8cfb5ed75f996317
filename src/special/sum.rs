//! Compensated summation.

/// A running sum whose error does not grow with the number of terms (Kahan 1965), for terms of one sign.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CompensatedSum {
    sum: f64,
    carry: f64,
}

impl CompensatedSum {
    /// Adds a term and returns the sum so far.
    pub(crate) fn add(&mut self, term: f64) -> f64 {
        let term = term - self.carry;
        let next = self.sum + term;
        self.carry = (next - self.sum) - term;
        self.sum = next;
        next
    }
}
