//! W_1 between the law of X_1 and that of the one-step samples.

use crate::numeric::special::root_quadratic::{Direction, mean_norm};
use crate::population::Interval;
use crate::population::gaussian::eigenspace::Eigenspace;

/// Relative error of a mean norm, taken off lower bounds that are differences of two.
const MEAN_NORM_ERROR: f64 = 2e-14;

/// X_1 against the one-step samples along one eigenspace: in the monotone coupling they differ by `narrowing` · Z − shift.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    /// √v_1.
    deviation: f64,
    narrowing: f64,
    /// Squared length of the difference of the means.
    shift_squared: f64,
    multiplicity: usize,
}

impl Gap {
    pub(super) fn new(space: &Eigenspace, narrowing: f64, shift: f64) -> Self {
        let d = space.direction(narrowing, shift);
        Self { deviation: space.first.sqrt(), narrowing, shift_squared: d.shift_squared, multiplicity: d.multiplicity }
    }

    fn coupling(&self) -> Direction {
        Direction { scale: self.narrowing, shift_squared: self.shift_squared, multiplicity: self.multiplicity }
    }

    /// Law of `weight` · (X − x₀) for X = X_1 (`narrowed` false) or the samples, x₀ the fixed point of the coupling map.
    fn around_fixed_point(&self, weight: f64, narrowed: bool) -> Direction {
        let scale = if narrowed { self.deviation - self.narrowing } else { self.deviation };
        // X_1 stands at −shift · √v_1/narrowing from x₀, and the map multiplies distances from x₀ by (√v_1 − narrowing)/√v_1.
        let shift_squared = if self.shift_squared > 0.0 { self.shift_squared * (scale / self.narrowing).powi(2) } else { 0.0 };
        Direction { scale: weight * scale, shift_squared: weight * weight * shift_squared, multiplicity: self.multiplicity }
    }
}

/// W_1 between X_1 and the samples: exact for one eigenspace, bounds otherwise.
pub(super) fn wasserstein(gaps: &[Gap]) -> Interval {
    let upper = mean_norm(&gaps.iter().map(Gap::coupling).collect::<Vec<_>>());
    if gaps.len() == 1 {
        return Interval::exact(upper);
    }
    // One eigenspace at a time, joined by h(x) = Σ c_i h_i(x_i), Σ c_i² = 1.
    let blocks = gaps.iter().map(|g| mean_norm(&[g.coupling()]).powi(2)).sum::<f64>().sqrt();
    let widest = gaps.iter().map(|g| g.narrowing.abs()).fold(0.0, f64::max);
    let lower = [0, 1].into_iter().map(|power| {
        let law = |narrowed: bool| {
            let weigh = |g: &Gap| g.around_fixed_point((g.narrowing.abs() / widest).powi(power), narrowed);
            mean_norm(&gaps.iter().filter(|g| g.narrowing != 0.0).map(weigh).collect::<Vec<_>>())
        };
        let (wide, narrow) = (law(false), law(true));
        wide - narrow - MEAN_NORM_ERROR * (wide + narrow)
    });
    Interval { lower: lower.fold(blocks, f64::max).min(upper), upper }
}
