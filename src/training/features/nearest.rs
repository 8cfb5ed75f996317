//! A table in which the nearest rows are looked up.

use crate::float::Float;
use crate::numeric::{batch, parallel};
use crate::training::features::distances::squared_distances;
use crate::training::standardisation::Standardisation;
use ndarray::{Array1, Array2, ArrayRef2, ArrayViewMut2, Axis};

/// The largest k that is tried.
const MOST_NEIGHBOURS: usize = 256;

/// Query rows compared with the whole table at once.
const QUERIES: usize = 64;

/// The table a prediction is looked up in.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct NearestModel {
    pub(crate) standardisation: Standardisation,
    /// Standardised.
    pub(crate) x: Array2<f64>,
    pub(crate) y: Array2<f64>,
    pub(crate) weights: Array1<f64>,
    pub(crate) neighbours: usize,
}

impl NearestModel {
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let finite = self.x.iter().chain(&self.y).chain(&self.weights).all(|v| v.is_finite());
        let rows = self.x.nrows();
        self.standardisation.is_sound()
            && self.standardisation.dim() == self.x.ncols()
            && self.y.nrows() == rows
            && self.weights.len() == rows
            && (1..=rows).contains(&self.neighbours)
            && finite
    }

    pub(crate) fn eval_block<F: Float>(&self, x: &ArrayRef2<F>, mut out: ArrayViewMut2<'_, F>) {
        let x = self.standardisation.standardise(&x.mapv(F::as_f64));
        let mut values = Array2::zeros(out.raw_dim());
        self.average(&x, values.view_mut());
        out.zip_mut_with(&values, |o, v| *o = F::of(*v));
    }

    /// Calls `visit(row, its nearest table rows with squared distances)` for every row of `x`, nearest first.
    fn visit(&self, x: &ArrayRef2<f64>, count: usize, mut visit: impl FnMut(usize, &[(f64, usize)])) {
        let count = count.min(self.x.nrows());
        let mut order: Vec<(f64, usize)> = Vec::with_capacity(self.x.nrows());
        for (block, queries) in x.axis_chunks_iter(Axis(0), QUERIES).enumerate() {
            for (i, distances) in squared_distances(&queries, &self.x).rows().into_iter().enumerate() {
                order.clear();
                order.extend(distances.iter().copied().zip(0..));
                let compare = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
                order.select_nth_unstable_by(count - 1, compare);
                order[..count].sort_unstable_by(compare);
                visit(block * QUERIES + i, &order[..count]);
            }
        }
    }

    /// The weighted average over the nearest rows of standardised points.
    pub(crate) fn average(&self, x: &ArrayRef2<f64>, mut out: ArrayViewMut2<'_, f64>) {
        self.visit(x, self.neighbours, |i, nearest| {
            let mut sum = Array1::zeros(self.y.ncols());
            let mut mass = 0.0;
            for &(_, j) in nearest {
                sum.scaled_add(self.weights[j], &self.y.row(j));
                mass += self.weights[j];
            }
            // Rows of weight zero do not count; where all are, the plain nearest row stands in.
            if mass > 0.0 { out.row_mut(i).assign(&(sum / mass)) } else { out.row_mut(i).assign(&self.y.row(nearest[0].1)) }
        });
    }

    /// The power of two with the least leave-one-out error: rows are numbered, so a row can be left out of its own neighbours.
    pub(crate) fn best_neighbours(&self) -> usize {
        let most = MOST_NEIGHBOURS.min(self.x.nrows() - 1);
        let sizes = most.ilog2() as usize + 1;
        let blocks: Vec<_> = self.x.axis_chunks_iter(Axis(0), batch::BLOCK).enumerate().collect();
        let parts = parallel::map_items(blocks, |(block, x)| {
            let mut errors = vec![0.0; sizes];
            self.visit(&x, most + 1, |i, nearest| self.add_left_out(block * batch::BLOCK + i, nearest, &mut errors));
            errors
        });
        let total = |k: usize| parts.iter().map(|p| p[k]).sum::<f64>();
        (0..sizes).min_by(|&a, &b| total(a).total_cmp(&total(b))).map_or(1, |k| 1 << k)
    }

    /// Adds the weighted squared error of the prediction for row `i` from its 1, 2, 4, … nearest other rows.
    fn add_left_out(&self, i: usize, nearest: &[(f64, usize)], errors: &mut [f64]) {
        let mut sum = Array1::<f64>::zeros(self.y.ncols());
        let mut mass = 0.0;
        for (seen, &(_, j)) in nearest.iter().filter(|(_, j)| *j != i).enumerate() {
            sum.scaled_add(self.weights[j], &self.y.row(j));
            mass += self.weights[j];
            let k = seen + 1;
            if k.is_power_of_two() && (k.ilog2() as usize) < errors.len() && mass > 0.0 {
                let error = &sum / mass - self.y.row(i);
                errors[k.ilog2() as usize] += self.weights[i] * error.dot(&error);
            }
        }
    }
}
