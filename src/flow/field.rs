//! The velocity field of the probability flow, and its linearisation.

use crate::float::Float;
use crate::level::NoiseLevel;
use crate::score::{ScoreFunction, ScoreJacobian};
use ndarray::{Array2, ArrayRef2, Axis, Slice, Zip};

/// Distance to the data, in radians, below which the velocity is taken at this distance: laws without density have an infinite score at
/// θ = 0, but the velocity has a limit there.
const DATA_CAP: f64 = 1e-10;

/// Distance to the noise end within which x + s_θ(x) has lost too many digits to be divided by cos θ: the error of the velocity is
/// ε/cos θ, that of the midpoint rule over the remaining cap is its cube.
pub(crate) fn noise_cap<F: Float>() -> f64 {
    F::epsilon().as_f64().cbrt()
}

/// A right-hand side dy/dθ = u(θ, y) on rows of [`width`](Self::width) numbers.
pub(crate) trait Field<F: Float>: Sync {
    fn width(&self) -> usize;

    /// Writes u(θ, y) of every row.
    fn velocity(&self, level: NoiseLevel, y: &ArrayRef2<F>, out: &mut ArrayRef2<F>);
}

/// Writes −tan θ (a + b) over b.
fn minus_tan_of_sum<F: Float>(tan: f64, a: &ArrayRef2<F>, b: &mut ArrayRef2<F>) {
    let minus_tan = F::of(-tan);
    Zip::from(b).and(a).for_each(|b, &a| *b = minus_tan * (a + *b));
}

/// The level at which the velocity is evaluated for `level`: itself, unless it lies in one of the caps.
pub(crate) fn regular<F: Float>(level: NoiseLevel) -> NoiseLevel {
    let cap = noise_cap::<F>();
    if level.sin() < DATA_CAP {
        NoiseLevel::from_cos_sin(1.0, DATA_CAP)
    } else if level.cos() < cap {
        NoiseLevel::from_cos_sin(cap.sin(), cap.cos())
    } else {
        level
    }
}

/// u = −tan θ (x + s_θ(x)).
#[derive(Debug)]
pub(crate) struct ScoreField<'s, S: ?Sized> {
    pub(crate) score: &'s S,
}

impl<F: Float, S: ScoreFunction<F> + ?Sized> Field<F> for ScoreField<'_, S> {
    fn width(&self) -> usize {
        self.score.dim()
    }

    fn velocity(&self, level: NoiseLevel, y: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        let level = regular::<F>(level);
        self.score.score_into(level, y, out);
        minus_tan_of_sum(level.tan(), y, out);
    }
}

/// The flow together with `tangents` vectors carried along: rows are (x, v_1, …, v_m), dv/dθ = ∓tan θ (v + ∂s_θ(x) v).
///
/// With the minus sign v is the derivative of the flow. With the plus sign, since ∂s is symmetric, ⟨v, w⟩ stays constant along a
/// trajectory for every derivative v: integrated back, v becomes the transposed derivative applied to itself.
#[derive(Debug)]
pub(crate) struct TangentField<'s, S: ?Sized> {
    pub(crate) score: &'s S,
    pub(crate) tangents: usize,
    pub(crate) transposed: bool,
}

impl<F: Float, S: ScoreJacobian<F> + ?Sized> Field<F> for TangentField<'_, S> {
    fn width(&self) -> usize {
        self.score.dim() * (1 + self.tangents)
    }

    fn velocity(&self, level: NoiseLevel, y: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        let (level, dim) = (regular::<F>(level), self.score.dim());
        let columns = |i: usize| Slice::from(i * dim..(i + 1) * dim);
        let x: Array2<F> = y.slice_axis(Axis(1), columns(0)).to_owned();
        let mut image = Array2::zeros(x.raw_dim());
        self.score.score_into(level, &x, &mut image);
        minus_tan_of_sum(level.tan(), &x, &mut image);
        out.slice_axis_mut(Axis(1), columns(0)).assign(&image);
        let tan = if self.transposed { -level.tan() } else { level.tan() };
        for i in 1..=self.tangents {
            let v: Array2<F> = y.slice_axis(Axis(1), columns(i)).to_owned();
            self.score.score_jvp_into(level, &x, &v, &mut image);
            minus_tan_of_sum(tan, &v, &mut image);
            out.slice_axis_mut(Axis(1), columns(i)).assign(&image);
        }
    }
}

/// The flow with two tangents and the second derivative along them: rows are (x, u, v, w), u and v as in [`TangentField`], and
/// dw/dθ = −tan θ (w + ∂s_θ(x) w + ∂²s_θ(x)\[u, v\]), from w = 0.
///
/// The score must know its second derivative.
#[derive(Debug)]
pub(crate) struct BendField<'s, S: ?Sized> {
    pub(crate) score: &'s S,
}

impl<F: Float, S: ScoreJacobian<F> + ?Sized> Field<F> for BendField<'_, S> {
    fn width(&self) -> usize {
        4 * self.score.dim()
    }

    fn velocity(&self, level: NoiseLevel, y: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        TangentField { score: self.score, tangents: 3, transposed: false }.velocity(level, y, out);
        let (level, dim) = (regular::<F>(level), self.score.dim());
        let part = |i: usize| y.slice_axis(Axis(1), Slice::from(i * dim..(i + 1) * dim)).to_owned();
        let (x, u, v) = (part(0), part(1), part(2));
        let mut of_w = out.slice_axis_mut(Axis(1), Slice::from(3 * dim..));
        match self.score.score_second_derivative(level, &x, &u, &v) {
            Some(bend) => of_w.scaled_add(F::of(-level.tan()), &bend),
            None => of_w.fill(F::nan()),
        }
    }
}
