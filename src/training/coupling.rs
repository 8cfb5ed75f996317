//! Couplings of data and noise.

use crate::delegate::delegate;
use crate::error::check_range;
use crate::float::Float;
use crate::training::error::TrainingError;
use crate::transport::Assignment;
use ndarray::ArrayRef2;

/// Pairs the rows of a batch of data with the rows of a batch of noise of the same size.
///
/// Consistency training takes X_0 and Z independent. Any other coupling with the same marginals leaves the laws of the ends alone and
/// changes the path between them: pairs that lie close by make the posterior of X_0 given X_t narrower.
///
/// # Example
/// A coupling on the line that pairs equal ranks is the optimal one.
/// ```
/// use ndarray::{ArrayRef2, array};
/// use onestep::training::{Coupling, TrainingError};
/// #[derive(Debug)]
/// struct Ranks;
/// impl Coupling<f64> for Ranks {
///     fn pair(&self, data: &ArrayRef2<f64>, noise: &ArrayRef2<f64>) -> Result<Option<Vec<usize>>, TrainingError> {
///         let order = |c: &ArrayRef2<f64>| {
///             let mut rows: Vec<usize> = (0..c.nrows()).collect();
///             rows.sort_by(|&a, &b| c[[a, 0]].total_cmp(&c[[b, 0]]));
///             rows
///         };
///         let mut partner = vec![0; data.nrows()];
///         order(data).into_iter().zip(order(noise)).for_each(|(i, j)| partner[i] = j);
///         Ok(Some(partner))
///     }
/// }
/// let pairs = Ranks.pair(&array![[3.0], [1.0]], &array![[-1.0], [2.0]])?;
/// assert_eq!(pairs, Some(vec![1, 0]));
/// # Ok::<(), onestep::Error>(())
/// ```
pub trait Coupling<F: Float = f64>: std::fmt::Debug + Send + Sync {
    /// The row of `noise` that goes with each row of `data`, a permutation; `None` for the order they came in.
    ///
    /// # Errors
    /// The coupling cannot be computed.
    fn pair(&self, data: &ArrayRef2<F>, noise: &ArrayRef2<F>) -> Result<Option<Vec<usize>>, TrainingError>;

    /// Rows coupled at once; the batch of a step is cut into pieces of this size. `None` for all.
    fn batch(&self) -> Option<usize> {
        None
    }
}

delegate! {
    impl[F: Float,] Coupling<F> {
        fn pair(&self, data: &ArrayRef2<F>, noise: &ArrayRef2<F>) -> Result<Option<Vec<usize>>, TrainingError>;
        fn batch(&self) -> Option<usize>;
    }
}

/// X_0 and Z independent, as the theory has them.
///
/// ```
/// use ndarray::array;
/// use onestep::training::{Coupling, Independent};
/// assert_eq!(Independent.pair(&array![[0.0]], &array![[1.0]])?, None);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Independent;

impl<F: Float> Coupling<F> for Independent {
    fn pair(&self, _data: &ArrayRef2<F>, _noise: &ArrayRef2<F>) -> Result<Option<Vec<usize>>, TrainingError> {
        Ok(None)
    }
}

/// The pairing of least total ‖x − z‖² within minibatches, by exact assignment.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::training::{Coupling, OptimalPairs};
/// let (x, z) = (array![[0.0], [5.0], [9.0]], array![[8.0], [-1.0], [4.0]]);
/// assert_eq!(OptimalPairs::new(3)?.pair(&x, &z)?, Some(vec![1, 2, 0]));
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Pooladian, Ben-Hamu, Domingo-Enrich, Amos, Lipman and Chen, "Multisample flow matching", ICML 2023, arXiv 2304.14772.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptimalPairs {
    batch: usize,
}

impl OptimalPairs {
    /// Assignment within batches of `batch` ≥ 1 rows; 1 is the independent coupling.
    ///
    /// # Errors
    /// `batch` = 0.
    ///
    /// ```
    /// assert!(onestep::training::OptimalPairs::new(0).is_err());
    /// ```
    pub fn new(batch: usize) -> Result<Self, TrainingError> {
        Ok(Self { batch: check_range("batch", batch, batch > 0, "[1, inf)")? })
    }
}

impl<F: Float> Coupling<F> for OptimalPairs {
    fn pair(&self, data: &ArrayRef2<F>, noise: &ArrayRef2<F>) -> Result<Option<Vec<usize>>, TrainingError> {
        Ok(Some(Assignment::new(2.0)?.solve(data, noise)?.permutation))
    }

    fn batch(&self) -> Option<usize> {
        Some(self.batch)
    }
}
