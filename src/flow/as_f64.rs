//! Flow maps in single precision seen in double.

use crate::flow::{FlowJacobian, FlowMap};
use crate::level::NoiseLevel;
use crate::score::AsF64;
use crate::score::as_f64::{narrow, widen};
use ndarray::ArrayRef2;

impl<T: FlowMap<f32>> FlowMap<f64> for AsF64<T> {
    fn flow_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        widen(&self.inner().flow(from, to, &narrow(x)), out);
    }
}

impl<T: FlowJacobian<f32>> FlowJacobian<f64> for AsF64<T> {
    fn jvp_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<f64>, v: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        widen(&self.inner().jvp(from, to, &narrow(x), &narrow(v)), out);
    }
}
