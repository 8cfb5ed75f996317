//! The energy balance of training, a residual that needs no law.

use crate::estimate::Estimate;
use crate::float::Float;
use crate::process::ForwardProcess;
use crate::training::{Trained, pairs};
use ndarray::{Array2, ArrayRef2, Axis};
use rand::RngCore;

/// Σ_t ‖f_t(X_t) − f_{t−1}(X_{t−1})‖² − ‖f_1(X_1)‖² + ‖f_T(X_T)‖², the same X_0 and Z at every level.
pub(super) fn residual<F: Float>(trained: &dyn Trained<F>, held_out: &ArrayRef2<F>, rng: &mut dyn RngCore) -> Estimate {
    let x0 = trained.scaling().standardise(held_out);
    let z = pairs::noise(x0.nrows(), x0.ncols(), rng);
    let process = ForwardProcess::new(trained.levels());
    let square = |a: &Array2<F>| a.map_axis(Axis(1), |r| r.dot(&r).as_f64());
    let mut before = process.shared_noise_pair(2, &x0, &z).before;
    let mut balance = -square(&before);
    for t in 2..=trained.steps() {
        let now = trained.eval(t, &process.shared_noise_pair(t, &x0, &z).now);
        balance += &square(&(&now - &before));
        before = now;
    }
    balance += &square(&before);
    Estimate::from_samples(&balance.to_vec())
}
