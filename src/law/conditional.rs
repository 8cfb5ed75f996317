//! Expectations over X_{t−1} given X_t, for all rows of a batch at once.

use crate::float::Float;
use crate::law::DiscreteLaw;
use crate::schedule::Grid;
use ndarray::{Array2, ArrayRef2, Zip};

/// The laws of X_{t−1} given X_t = x_i for the rows x_i of a batch: given X_0 as well, shared noise puts X_{t−1} at
/// (sin θ_{t−1} x_i + sin Δθ_t X_0)/sin θ_t. All nodes stand in one table, those of a row together.
#[derive(Debug)]
pub(crate) struct Conditional<'a> {
    nodes: Array2<f64>,
    rules: &'a [DiscreteLaw],
}

impl<'a> Conditional<'a> {
    /// From the laws of X_0 given X_t = x_i, one a row of `x`.
    pub(crate) fn new(grid: &Grid, t: usize, x: &ArrayRef2<f64>, rules: &'a [DiscreteLaw]) -> Self {
        let back = grid.backward(t);
        let count = rules.iter().map(|r| r.weights.len()).sum();
        let mut nodes = Array2::zeros((count, x.ncols()));
        let mut at = 0;
        for (rule, x) in rules.iter().zip(x.rows()) {
            for node in rule.nodes.rows() {
                Zip::from(nodes.row_mut(at)).and(x).and(node).for_each(|o, x, n| *o = back.step(*x, *n));
                at += 1;
            }
        }
        Self { nodes, rules }
    }

    /// Where a function of X_{t−1} has to be evaluated.
    pub(crate) fn nodes(&self) -> &Array2<f64> {
        &self.nodes
    }

    /// E[g(X_{t−1}) | X_t = x_i] for every row, from the values of g at the nodes.
    pub(crate) fn mean<F: Float>(&self, values: &ArrayRef2<F>) -> Array2<f64> {
        self.mean_about(values, &Array2::zeros((self.rules.len(), values.ncols())))
    }

    /// E[‖g(X_{t−1}) − c‖² | X_t] for every row, given the values of g at the nodes and c.
    pub(crate) fn mean_square_about(&self, values: &ArrayRef2<f64>, about: &ArrayRef2<f64>) -> Vec<f64> {
        let mut at = 0;
        let of_row = |(rule, about): (&DiscreteLaw, ndarray::ArrayView1<'_, f64>)| {
            let mut sum = 0.0;
            for w in &rule.weights {
                sum += w * values.row(at).iter().zip(about).map(|(v, c)| (v - c) * (v - c)).sum::<f64>();
                at += 1;
            }
            sum
        };
        self.rules.iter().zip(about.rows()).map(of_row).collect()
    }

    /// E[g(X_{t−1}) − c_i | X_t = x_i] for every row: without the rounding of the sum of the weights where g is near c_i.
    pub(crate) fn mean_about<F: Float>(&self, values: &ArrayRef2<F>, about: &ArrayRef2<f64>) -> Array2<f64> {
        let mut means = Array2::zeros(about.raw_dim());
        let mut at = 0;
        for ((rule, mut mean), about) in self.rules.iter().zip(means.rows_mut()).zip(about.rows()) {
            for w in &rule.weights {
                Zip::from(&mut mean).and(values.row(at)).and(about).for_each(|m, v, c| *m += w * (v.as_f64() - c));
                at += 1;
            }
        }
        means
    }
}
