//! The energy balance of training, a residual that needs no law.

use crate::audit::step_check::report::Jump;
use crate::estimate::Estimate;
use crate::float::Float;
use crate::process::ForwardProcess;
use crate::training::{Trained, pairs};
use ndarray::{Array2, ArrayRef2, Axis};
use rand::RngCore;

/// Σ_t ‖f_t(X_t) − f_{t−1}(X_{t−1})‖² − ‖f_1(X_1)‖² + ‖f_T(X_T)‖², the same X_0 and Z at every level, and the one of these differences that
/// stands out most among those of its step.
pub(super) fn residual<F: Float>(trained: &dyn Trained<F>, held_out: &ArrayRef2<F>, rng: &mut dyn RngCore) -> (Estimate, Option<Jump>) {
    let x0 = trained.scaling().standardise(held_out);
    let z = pairs::noise(x0.nrows(), x0.ncols(), rng);
    let process = ForwardProcess::new(trained.levels());
    let square = |a: &Array2<F>| a.map_axis(Axis(1), |r| r.dot(&r).as_f64());
    let mut before = process.shared_noise_pair(2, &x0, &z).before;
    let mut balance = -square(&before);
    let mut largest: Option<Jump> = None;
    for t in 2..=trained.steps() {
        let now = trained.eval(t, &process.shared_noise_pair(t, &x0, &z).now);
        let jumps = square(&(&now - &before));
        if let Some(jump) = most_outlying(t, &jumps.to_vec())
            && largest.is_none_or(|l| jump.ratio() > l.ratio())
        {
            largest = Some(jump);
        }
        balance += &jumps;
        before = now;
    }
    balance += &square(&before);
    (Estimate::from_samples(&balance.to_vec()), largest)
}

/// The largest of the squared `jumps` of step t, beside the root mean square of the others.
fn most_outlying(step: usize, jumps: &[f64]) -> Option<Jump> {
    let (row, &square) = jumps.iter().enumerate().filter(|(_, s)| s.is_finite()).max_by(|a, b| a.1.total_cmp(b.1))?;
    let others: f64 = jumps.iter().enumerate().filter(|(i, _)| *i != row).map(|(_, s)| s).sum();
    let typical = (others / (jumps.len() - 1) as f64).sqrt();
    (square > 0.0 && typical > 0.0 && typical.is_finite()).then(|| Jump { step, row: row + 1, length: square.sqrt(), typical })
}
