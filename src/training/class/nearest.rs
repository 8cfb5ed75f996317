//! Nearest neighbours.

use crate::error::check_range;
use crate::float::Float;
use crate::numeric::batch;
use crate::training::class::function_class::FunctionClass;
use crate::training::error::TrainingError;
use crate::training::features::least_squares::weighted_loss;
use crate::training::features::nearest::NearestModel;
use crate::training::features::tables::Tables;
use crate::training::fitted::{Fitted, Model};
use crate::training::regression::Regression;
use crate::training::standardisation::Standardisation;
use crate::training::summary::FitSummary;
use ndarray::Array2;
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
/// let fit = NearestNeighbours::with_neighbours(2).fit(&Regression::new(&x, &y)?, &mut rng)?;
/// assert_eq!(fit.eval(&array![[0.2], [4.0]]), array![[1.5], [5.5]]);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NearestNeighbours {
    neighbours: Option<usize>,
}

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

    /// A fixed k; a fit refuses 0, and more than there are rows.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::NearestNeighbours;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [4.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!(NearestNeighbours::with_neighbours(0).fit(&Regression::new(&x, &y)?, &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn with_neighbours(neighbours: usize) -> Self {
        Self { neighbours: Some(neighbours) }
    }
}

impl<F: Float> FunctionClass<F> for NearestNeighbours {
    fn name(&self) -> &'static str {
        "nearest_neighbours"
    }

    fn fit(&self, data: &Regression<'_, F>, _rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError> {
        let Tables { x, y, weights } = data.tables();
        let rows = x.nrows();
        if let Some(k) = self.neighbours {
            check_range("neighbours", k, k > 0, "[1, inf)")?;
            if k > rows {
                return Err(TrainingError::TooFewRows { what: "x", rows, needed: k });
            }
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
