//! Posterior draws of X_0 given X_t under the empirical law of a table.

use crate::float::Float;
use crate::numeric::parallel;
use crate::numeric::stream::Stream;
use crate::schedule::Grid;
use crate::training::features::distances::squared_distances;
use ndarray::{Array2, ArrayRef2, Axis, Zip};
use rand::{Rng, RngCore};

/// X_0 | X_t = x lives on the rows x_j of the table with weights ∝ exp(−‖x − cos θ_t x_j‖²/(2 sin²θ_t)); given both, shared noise puts
/// X_{t−1} at (sin θ_{t−1} x + sin Δθ_t x_j)/sin θ_t.
pub(crate) struct PosteriorDraws<'a, F> {
    grid: &'a Grid,
    t: usize,
    table: &'a ArrayRef2<F>,
    atoms: Array2<f64>,
}

impl<'a, F: Float> PosteriorDraws<'a, F> {
    pub(crate) fn new(grid: &'a Grid, t: usize, table: &'a ArrayRef2<F>) -> Self {
        let scale = grid.level(t).cos() / grid.level(t).sin();
        Self { grid, t, table, atoms: table.mapv(|v| scale * v.as_f64()) }
    }

    /// The mean of `first` (f_{t−1} at the row's own X_{t−1}) and of f_{t−1} at `draws` − 1 further posterior draws.
    pub(crate) fn average(
        &self,
        draws: usize,
        x: &ArrayRef2<F>,
        first: Array2<F>,
        previous: impl Fn(&ArrayRef2<F>) -> Array2<F>,
        rng: &mut dyn RngCore,
    ) -> Array2<F> {
        let rows = self.draw(draws - 1, x, rng.next_u64());
        let back = self.grid.backward(self.t);
        let (keep, turn) = (F::of(back.keep), F::of(back.turn));
        let mut sum = first;
        for k in 0..draws - 1 {
            let chosen: Vec<usize> = rows.column(k).to_vec();
            let points = Zip::from(x).and(&self.table.select(Axis(0), &chosen)).map_collect(|&x, &a| keep * x + turn * a);
            sum += &previous(&points);
        }
        sum / F::of(draws as f64)
    }

    /// For every row of `x`, `count` draws of a row of the table.
    fn draw(&self, count: usize, x: &ArrayRef2<F>, seed: u64) -> Array2<usize> {
        const QUERIES: usize = 64;
        let mut drawn = Array2::zeros((x.nrows(), count));
        let scale = 1.0 / self.grid.level(self.t).sin();
        let blocks: Vec<_> = x.axis_chunks_iter(Axis(0), QUERIES).zip(drawn.axis_chunks_iter_mut(Axis(0), QUERIES)).enumerate().collect();
        parallel::map_items(blocks, |(block, (x, mut drawn))| {
            let mut stream = Stream::nth(seed, block as u64);
            let squares = squared_distances(&x.mapv(|v| scale * v.as_f64()), &self.atoms);
            for (squares, mut drawn) in squares.rows().into_iter().zip(drawn.rows_mut()) {
                let least = squares.iter().copied().fold(f64::INFINITY, f64::min);
                let mut total = 0.0;
                let cumulative: Vec<f64> = squares
                    .iter()
                    .map(|s| {
                        total += (0.5 * (least - s)).exp();
                        total
                    })
                    .collect();
                for row in &mut drawn {
                    let u = stream.random::<f64>() * total;
                    *row = cumulative.partition_point(|c| *c <= u).min(cumulative.len() - 1);
                }
            }
        });
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn draws_follow_the_posterior_of_the_table() {
        // On the rows ±1, P(+1 | x) = 1/(1 + exp(−2 x cos θ/sin² θ)), and X_{t−1} = (sin θ_{t−1} x + sin Δθ X_0)/sin θ_t.
        let grid = Grid::from_angles(&[0.2, 0.9, 1.3]).expect("angles that rise");
        let table = array![[-1.0], [1.0]];
        let draws = 40_001;
        for (t, x) in [(2, 0.3), (3, -0.8)] {
            let level = grid.level(t);
            let plus = 1.0 / (1.0 + (-2.0 * x * level.cos() / level.sin().powi(2)).exp());
            let turn = grid.sin_delta(t) / level.sin();
            let exact = grid.level(t - 1).sin() / level.sin() * x + turn * (2.0 * plus - 1.0);
            let point = array![[x]];
            let mut rng = Stream::nth(7, t as u64);
            let mean = PosteriorDraws::new(&grid, t, &table).average(draws, &point, array![[exact]], ndarray::ArrayRef::to_owned, &mut rng)
                [[0, 0]];
            let std_error = 2.0 * turn * (plus * (1.0 - plus) / draws as f64).sqrt();
            assert!((mean - exact).abs() < 5.0 * std_error, "t = {t}: {mean} ± {std_error}, exact {exact}");
        }
    }
}
