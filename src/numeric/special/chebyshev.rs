//! Functions held as piecewise Chebyshev series.

/// Coefficients of a piece.
const TERMS: usize = 16;

/// A function on [low, high], in pieces of equal length, each a series of 16 Chebyshev polynomials.
///
/// A function analytic up to a distance D from the real axis leaves about (4D/L)^{−16} for pieces of length L: 1e−15 at L = D/2.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChebyshevTable {
    low: f64,
    high: f64,
    per_length: f64,
    pieces: Vec<[f64; TERMS]>,
}

impl ChebyshevTable {
    /// Several functions on the same interval, the values of all of them at a point being written by one call of `sample`.
    pub(crate) fn several(low: f64, high: f64, length: f64, functions: usize, sample: impl Fn(f64, &mut [f64])) -> Vec<Self> {
        let count = ((high - low) / length).ceil().max(1.0) as usize;
        let width = (high - low) / count as f64;
        let node = |k: usize| (std::f64::consts::PI * (k as f64 + 0.5) / TERMS as f64).cos();
        let mut tables = vec![Self { low, high, per_length: 1.0 / width, pieces: vec![[0.0; TERMS]; count] }; functions];
        let mut values = vec![0.0; functions];
        for piece in 0..count {
            for k in 0..TERMS {
                sample(low + width * (piece as f64 + 0.5 + 0.5 * node(k)), &mut values);
                for (table, &value) in tables.iter_mut().zip(&values) {
                    for (j, c) in table.pieces[piece].iter_mut().enumerate() {
                        let angle = std::f64::consts::PI * j as f64 * (k as f64 + 0.5) / TERMS as f64;
                        *c += value * angle.cos() * if j == 0 { 1.0 } else { 2.0 } / TERMS as f64;
                    }
                }
            }
        }
        tables
    }

    /// Whether `x` lies in the interval.
    #[inline]
    pub(crate) fn covers(&self, x: f64) -> bool {
        self.low <= x && x <= self.high
    }

    /// The value at `x` in the interval, by Clenshaw's recurrence.
    #[inline]
    pub(crate) fn at(&self, x: f64) -> f64 {
        let place = (x - self.low) * self.per_length;
        let piece = (place as usize).min(self.pieces.len() - 1);
        let c = &self.pieces[piece];
        let s = 2.0 * (place - piece as f64) - 1.0;
        let (mut one, mut two) = (0.0, 0.0);
        for k in (1..TERMS).rev() {
            (one, two) = (c[k] + 2.0 * s * one - two, one);
        }
        c[0] + s * one - two
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_analytic_function_is_held_to_rounding() {
        // Poles at ±iπ/2, pieces a quarter of π long.
        let table = &ChebyshevTable::several(-3.0, 5.0, 0.25 * std::f64::consts::PI, 2, |x, out| out.copy_from_slice(&[x, x.tanh()]))[1];
        for i in 0..1000 {
            let x = -3.0 + 0.008 * f64::from(i);
            assert!(table.covers(x) && (table.at(x) - x.tanh()).abs() < 3e-15, "{x}: {}", table.at(x) - x.tanh());
        }
        assert!(!table.covers(5.1) && !table.covers(-3.1));
    }
}
