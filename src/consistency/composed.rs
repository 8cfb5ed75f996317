//! Consistency functions of products and rotations: factor by factor, and turned.

use crate::consistency::{ConsistencyFunction, assert_evaluable};
use crate::float::Float;
use crate::law::{Product, Rotated};
use ndarray::{ArrayRef2, Axis};

impl<F: Float, T: ConsistencyFunction<F>> ConsistencyFunction<F> for Product<T> {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        for (factor, columns) in self.blocks() {
            factor.eval_into(t, &x.slice_axis(Axis(1), columns), &mut out.slice_axis_mut(Axis(1), columns));
        }
    }
}

impl<F: Float, T: ConsistencyFunction<F>> ConsistencyFunction<F> for Rotated<T> {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        if t == 1 {
            out.assign(x);
        } else {
            self.rotate_into(&self.inner().eval(t, &self.unrotate(x)), out);
        }
    }
}
