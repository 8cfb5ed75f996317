//! Cubic B-splines on the line.

use ndarray::{ArrayRef1, ArrayRef2, ArrayViewMut2};

/// Quantile of the outer knots.
const TAIL: f64 = 0.002;

pub(crate) const DEGREE: usize = 3;

/// Cubic B-splines on clamped knots, extended linearly.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct SplineBasis {
    /// The first and the last knot four times each.
    knots: Vec<f64>,
}

impl SplineBasis {
    pub(crate) fn at_quantiles(sorted: &[f64], inner: usize) -> Self {
        let at = |p: f64| sorted[((p * sorted.len() as f64) as usize).min(sorted.len() - 1)];
        let low = if at(TAIL) < at(1.0 - TAIL) { at(TAIL) } else { sorted[0] };
        let high = if at(TAIL) < at(1.0 - TAIL) { at(1.0 - TAIL) } else { sorted[sorted.len() - 1] };
        let mut knots = vec![low; DEGREE + 1];
        for i in 1..=inner {
            let knot = at(i as f64 / (inner + 1) as f64);
            // Ties in the data would make a knot of higher multiplicity, hence a kink: keep one.
            if knot > knots[knots.len() - 1] && knot < high {
                knots.push(knot);
            }
        }
        knots.extend([high; DEGREE + 1]);
        Self { knots }
    }

    pub(crate) fn len(&self) -> usize {
        self.knots.len() - DEGREE - 1
    }

    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let n = self.knots.len();
        n > 2 * DEGREE + 1
            && self.knots.iter().all(|k| k.is_finite())
            && self.knots[..=DEGREE].iter().all(|k| *k == self.knots[0])
            && self.knots[n - DEGREE - 1..].iter().all(|k| *k == self.knots[n - 1])
            && self.knots[DEGREE..n - DEGREE].windows(2).all(|w| w[0] < w[1])
    }

    pub(crate) fn fill(&self, x: &ArrayRef2<f64>, mut out: ArrayViewMut2<'_, f64>) {
        out.fill(0.0);
        for (&x, mut features) in x.iter().zip(out.rows_mut()) {
            self.features_at(x, &mut features);
        }
    }

    fn features_at(&self, x: f64, out: &mut ArrayRef1<f64>) {
        let n = self.len();
        let (low, high) = (self.knots[0], self.knots[n]);
        let inside = x.clamp(low, high);
        let span = self.knots[DEGREE + 1..n].partition_point(|k| *k <= inside) + DEGREE;
        for (j, value) in self.cubic(span, inside).into_iter().enumerate() {
            out[span - DEGREE + j] = value;
        }
        // At a clamped end only the last two B-splines have a slope: ∓ degree over the length of the end interval's support.
        let beyond = x - inside;
        if beyond < 0.0 {
            let slope = beyond * DEGREE as f64 / (self.knots[DEGREE + 1] - self.knots[1]);
            out[0] -= slope;
            out[1] += slope;
        } else if beyond > 0.0 {
            let slope = beyond * DEGREE as f64 / (self.knots[n + DEGREE - 1] - self.knots[n - 1]);
            out[n - 1] += slope;
            out[n - 2] -= slope;
        }
    }

    /// The four B-splines that do not vanish on [knots[span], knots[span+1]), by the recurrence of Cox and de Boor.
    fn cubic(&self, span: usize, x: f64) -> [f64; DEGREE + 1] {
        let mut values = [1.0, 0.0, 0.0, 0.0];
        for degree in 1..=DEGREE {
            let mut saved = 0.0;
            for (r, value) in values[..degree].iter_mut().enumerate() {
                let (right, left) = (self.knots[span + r + 1], self.knots[span + 1 + r - degree]);
                let part = *value / (right - left);
                *value = saved + (right - x) * part;
                saved = (x - left) * part;
            }
            values[degree] = saved;
        }
        values
    }
}
