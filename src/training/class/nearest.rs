//! Nearest neighbours.

use crate::float::Float;
use crate::numeric::{batch, parallel};
use crate::training::check_range;
use crate::training::class::fitted::Model;
use crate::training::class::kernel::squared_distances;
use crate::training::class::linear::Tables;
use crate::training::class::regression::weighted_loss;
use crate::training::{FitSummary, Fitted, FunctionClass, Regression, Standardisation, TrainingError};
use ndarray::{Array1, Array2, ArrayRef2, ArrayViewMut2, Axis};
use rand::RngCore;

/// The class of averages over the k nearest rows: g(x) = Σ_{i ∈ N_k(x)} w_i y_i / Σ_{i ∈ N_k(x)} w_i.
///
/// Distances are Euclidean between inputs standardised column by column; ties go to the earlier row. The map is piecewise constant.
/// Memory is that of the data, and an evaluation compares with every row: n·p operations.
///
/// **Minimiser**: of the weighted squares over the k rows nearest to each point, by the constant there; exact. Without a fixed k, it is
/// the power of two up to 256 with the least leave-one-out error.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::FunctionClass;
/// use onestep::training::Regression;
/// use onestep::training::class::NearestNeighbours;
/// use rand::SeedableRng;
/// let (x, y) = (array![[0.0], [1.0], [5.0]], array![[1.0], [2.0], [9.0]]);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let fit = NearestNeighbours::with_neighbours(2)?.fit(&Regression::new(&x, &y)?, &mut rng)?;
/// assert_eq!(fit.eval(&array![[0.2], [4.0]]), array![[1.5], [5.5]]);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NearestNeighbours {
    neighbours: Option<usize>,
}

/// The largest k that is tried.
const MOST_NEIGHBOURS: usize = 256;

/// Query rows compared with the whole table at once.
const QUERIES: usize = 64;

impl NearestNeighbours {
    /// k by leave-one-out.
    ///
    /// ```
    /// use onestep::FunctionClass;
    /// use onestep::training::class::NearestNeighbours;
    /// assert_eq!(FunctionClass::<f64>::name(&NearestNeighbours::new()), "nearest_neighbours");
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { neighbours: None }
    }

    /// A fixed k ≥ 1.
    ///
    /// # Errors
    /// k = 0.
    ///
    /// ```
    /// assert!(onestep::training::class::NearestNeighbours::with_neighbours(0).is_err());
    /// ```
    pub fn with_neighbours(neighbours: usize) -> Result<Self, TrainingError> {
        check_range("neighbours", neighbours as f64, neighbours > 0, "[1, inf)")?;
        Ok(Self { neighbours: Some(neighbours) })
    }
}

impl<F: Float> FunctionClass<F> for NearestNeighbours {
    fn name(&self) -> &'static str {
        "nearest_neighbours"
    }

    fn fit(&self, data: &Regression<'_, F>, _rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError> {
        let Tables { x, y, weights } = Tables::new(data);
        let rows = x.nrows();
        if let Some(k) = self.neighbours.filter(|k| *k > rows) {
            return Err(TrainingError::TooFewRows { what: "x", rows, needed: k });
        }
        let standardisation = Standardisation::of("x", &x, &weights)?;
        let x = standardisation.standardise(&x);
        let mut model = NearestModel { standardisation, x, y, weights, neighbours: 1 };
        model.neighbours = self.neighbours.unwrap_or_else(|| model.best_neighbours());
        let mut fit = Array2::zeros(model.y.raw_dim());
        batch::for_blocks(&model.x, &mut fit, |x, out| model.average(&x, out));
        let summary = FitSummary::new(
            "weighted mean of the nearest rows",
            "exact: comparison with every row; number of neighbours given or by leave-one-out",
        )
        .with_loss(weighted_loss(&fit, &model.y, &model.weights))
        .with_effective_parameters(rows as f64 / model.neighbours as f64);
        Ok(Fitted::new(Model::Nearest(model), summary))
    }
}

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
    fn average(&self, x: &ArrayRef2<f64>, mut out: ArrayViewMut2<'_, f64>) {
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
    fn best_neighbours(&self) -> usize {
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
