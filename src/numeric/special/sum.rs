//! Compensated summation.

/// A running sum with Neumaier's correction: the error is about one rounding of the result plus n ε² of the absolute sum.
///
/// # References
/// Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", ZAMM 54 (1974).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    sum: f64,
    correction: f64,
}

impl Sum {
    /// Adds a term and returns the sum so far.
    pub(crate) fn add(&mut self, term: f64) -> f64 {
        let next = self.sum + term;
        self.correction += if self.sum.abs() >= term.abs() { (self.sum - next) + term } else { (term - next) + self.sum };
        self.sum = next;
        self.value()
    }

    pub(crate) fn value(self) -> f64 {
        // An overflow leaves NaN in the correction; the sum itself then says ±∞.
        if self.correction.is_finite() { self.sum + self.correction } else { self.sum }
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<I: IntoIterator<Item = f64>>(terms: I) -> Self {
        let mut sum = Self::default();
        for term in terms {
            sum.add(term);
        }
        sum
    }
}
