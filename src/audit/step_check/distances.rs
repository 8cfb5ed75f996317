//! Distances of one-step samples to held-out data.

use crate::audit::AuditError;
use crate::error::check_finite;
use crate::estimate::Estimate;
use crate::float::Float;
use crate::numeric::stream::distinct_indices;
use crate::training::{Trained, pairs};
use crate::transport::{Assignment, Line, Sliced};
use ndarray::{ArrayRef2, Axis};
use rand::RngCore;

/// Replicates of W_1 against one half of the held-out data, of W_1 between the halves, and of sliced W_1.
pub(super) fn measure<F: Float>(
    trained: &dyn Trained<F>,
    held_out: &ArrayRef2<F>,
    (replicates, projections): (usize, usize),
    rng: &mut dyn RngCore,
) -> Result<(Estimate, Estimate, Estimate), AuditError> {
    let n = held_out.nrows() / 2;
    let sliced = Sliced::new(1.0, trained.dim(), projections, rng)?;
    let (mut against, mut between, mut slices) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..replicates {
        let order = distinct_indices(held_out.nrows(), 2 * n, rng);
        let (first, second) = (held_out.select(Axis(0), &order[..n]), held_out.select(Axis(0), &order[n..]));
        let z = pairs::noise(n, trained.dim(), rng);
        let drawn = trained.scaling().restore(&trained.eval(trained.steps(), &z));
        check_finite("a cloud of one-step samples", &drawn)?;
        against.push(w1(&drawn, &first)?);
        between.push(w1(&second, &first)?);
        slices.push(sliced.measure(&drawn, &first)?.distance.value);
    }
    Ok((spread(&against), spread(&between), spread(&slices)))
}

/// Exact W_1 between clouds of equal size: by sorting on the line, by assignment in more dimensions.
fn w1<F: Float>(x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<f64, AuditError> {
    if x.ncols() == 1 {
        let column = |c: &ArrayRef2<F>| c.iter().copied().collect::<Vec<F>>();
        return Ok(Line::new(1.0)?.samples(&column(x), &column(y))?);
    }
    Ok(Assignment::new(1.0)?.solve(x, y)?.distance)
}

/// Mean and standard deviation: replicates share rows, so that their mean is no more certain than each of them.
fn spread(values: &[f64]) -> Estimate {
    let estimate = Estimate::from_samples(values);
    Estimate::normal(estimate.value, estimate.std_error * (values.len() as f64).sqrt(), values.len())
}
